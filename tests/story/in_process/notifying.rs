//! Several notifications, their times and failures: the flow `notify_user`.

use std::time::Duration;

use slack_sim::{Fault, SeenMessage};
use symbot::domain::run::Status;

use super::flows::{Flows, sends};
use super::harness::{SHORTCUT, Stage, Told, WHY, story};

const ASKED: &str = "@alice requests *Notify user*";

/// Alice asks in a channel, with people picked as given.
async fn asks(stage: &Stage, channel: &str, approver: Option<&str>, herself: bool) -> Told {
    let form = stage.form(&stage.alice, channel, "notify-user").await?;
    let mut filling = form.fill(WHY, "deploy");
    if let Some(approver) = approver {
        filling = filling.pick("Who should decide?", approver);
    }
    if herself {
        filling = filling.pick("Send it to me as well?", "Yes");
    }
    filling.submit().await?;
    Ok(())
}

/// What a message says once its time is over.
async fn is_forwarded(message: &SeenMessage) -> Told {
    message
        .expects_text("*Forwarded* after 15 seconds as nobody acted")
        .await?;
    message.expects_no_buttons().await?;
    Ok(())
}

#[test]
fn channel_picked_person_and_requester_are_asked_together_and_any_of_them_decides() {
    story(Flows::examples()).run(async |stage| {
        asks(stage, "#general", Some("carol"), true).await?;
        let in_channel = stage.request_in("#general").await?;
        let to_carol = stage.carol.dm_with_bot().next_request().await?;
        let to_alice = stage.alice.dm_with_bot().next_request().await?;
        to_carol.expects_text(ASKED).await?;
        to_carol
            .expects_text("*Who should decide?*\n@carol")
            .await?;
        to_carol
            .expects_text("*Send it to me as well?*\nyes")
            .await?;
        stage.alice.presses(&to_alice, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        stage.carol.presses(&to_carol, "Approve").await?;
        for message in [&in_channel, &to_carol, &to_alice] {
            message.expects_text("*Approved* by @carol").await?;
            message.expects_no_buttons().await?;
        }
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @carol")
            .await?;
        // Nothing is forwarded after the decision.
        stage.fifteen_seconds_pass();
        stage.fifteen_seconds_pass();
        asks(stage, "#general", None, false).await?;
        stage.request_in("#general").await?;
        assert_eq!(stage.slack.channel("#test-paginate-10").message_count(), 0);
        Ok(())
    });
}

#[test]
fn nobody_acts_and_the_request_goes_from_one_to_two_to_three_and_expires() {
    story(Flows::examples()).run(async |stage| {
        asks(stage, "#general", Some("carol"), false).await?;
        let first = stage.request_in("#general").await?;
        let to_carol = stage.carol.dm_with_bot().next_request().await?;
        stage.until_sent(0).await;

        stage.clock.advance(Duration::from_millis(14_900));
        stage.clock.advance(Duration::from_millis(100));
        let second = stage.request_in("#test-paginate-10").await?;
        is_forwarded(&first).await?;
        is_forwarded(&to_carol).await?;
        assert_eq!(second.buttons(), ["Approve", "Deny"]);
        stage.bob.presses_as_seen(&first, "Approve").await?;
        let late = stage
            .bob
            .expects_ephemeral(
                "This *Notify user* request was forwarded after 15 seconds, as nobody acted",
            )
            .await?;
        assert!(!late.text().contains("test-paginate-10"), "{}", late.text());
        assert_eq!(stage.the_run().await.status, Status::Requested);

        stage.until_sent(1).await;
        stage.fifteen_seconds_pass();
        let third = stage.bob.dm_with_bot().next_request().await?;
        is_forwarded(&second).await?;

        stage.until_sent(2).await;
        stage.fifteen_seconds_pass();
        third
            .expects_text("*Expired*: nobody acted in time")
            .await?;
        third.expects_no_buttons().await?;
        first.expects_text("*Expired*").await?;
        second.expects_text("*Expired*").await?;
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Notify user* has expired: nobody acted on it in time")
            .await?;
        told.expects_text("/sym req notify-user").await?;
        assert_eq!(stage.the_run().await.status, Status::Expired);

        stage.bob.presses_as_seen(&third, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("This *Notify user* request has expired")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Expired);
        Ok(())
    });
}

#[test]
fn setting_the_clock_of_the_machine_forwards_nothing_early_and_nothing_late() {
    for an_hour in [3_600, -3_600] {
        story(Flows::examples()).run(async |stage| {
            asks(stage, "#general", None, false).await?;
            let first = stage.request_in("#general").await?;
            stage.until_sent(0).await;
            stage.clock.set_by(an_hour);
            stage
                .until("the setting to be noticed", async || {
                    let log = stage.log().join("\n");
                    log.contains("the clock of this machine was set")
                })
                .await;
            stage.clock.advance(Duration::from_millis(14_900));
            assert_eq!(stage.slack.channel("#test-paginate-10").message_count(), 0);
            assert_eq!(first.buttons(), ["Approve", "Deny"]);
            stage.clock.advance(Duration::from_millis(100));
            let second = stage.request_in("#test-paginate-10").await?;
            is_forwarded(&first).await?;
            // The next one is timed by the clock as it is now.
            stage.until_sent(1).await;
            stage.fifteen_seconds_pass();
            let third = stage.bob.dm_with_bot().next_request().await?;
            is_forwarded(&second).await?;
            stage.bob.presses(&third, "Approve").await?;
            third.expects_text("*Approved* by @bob").await?;
            let run = stage.the_run().await;
            let (made, closed) = (run.created_at.0, run.closed_at.unwrap().0);
            assert_eq!((closed - made) / 1_000, 30 + an_hour);
            Ok(())
        });
    }
}

#[test]
fn the_second_and_the_third_notification_can_be_decided_too() {
    story(Flows::examples()).run(async |stage| {
        asks(stage, "#general", None, false).await?;
        let first = stage.request_in("#general").await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        let second = stage.request_in("#test-paginate-10").await?;
        stage.carol.presses(&second, "Deny").await?;
        second.expects_text("*Denied* by @carol").await?;
        first.expects_text("*Denied* by @carol").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was denied by @carol")
            .await?;
        Ok(())
    });
    story(Flows::examples()).run(async |stage| {
        stage.slack.archives("#test-paginate-10");
        asks(stage, "#secret-plans", None, false).await?;
        let third = stage.bob.dm_with_bot().next_request().await?;
        stage.bob.presses(&third, "Approve").await?;
        third.expects_text("*Approved* by @bob").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        Ok(())
    });
}

#[test]
fn a_notification_that_reaches_nobody_hands_over_at_once() {
    story(Flows::examples()).run(async |stage| {
        // The bot is not in #secret-plans.
        asks(stage, "#secret-plans", None, false).await?;
        let second = stage.request_in("#test-paginate-10").await?;
        second.expects_text(ASKED).await?;
        assert_eq!(stage.slack.channel("#secret-plans").message_count(), 0);
        stage
            .slack
            .channel("#sym-errors")
            .expects_text("notification 1 could not be delivered")
            .await?;
        Ok(())
    });
}

#[test]
fn a_destination_that_slack_fails_to_reach_hands_over_within_the_time_of_its_notification() {
    let notifications = "[
        Notification(destinations=[slack.user('bob@acme.example')], timeout=1),
        Notification(destinations=[slack.channel('#sym-requests')], timeout=1),
    ]";
    story(Flows::with_code(&sends(notifications))).run(async |stage| {
        let failing = Fault::ServerError(503);
        stage.slack.faults().always("conversations.open", failing);
        stage.alice_asks_for("access").await?;
        let asked = tokio::time::Instant::now();
        stage.request_in("#sym-requests").await?;
        let waited = asked.elapsed();
        assert!(waited > Duration::from_secs(2), "only {waited:?}");
        assert!(waited < Duration::from_secs(8), "{waited:?}");
        Ok(())
    });
}

#[test]
fn while_slack_answers_nothing_at_all_no_notification_is_used_up() {
    let notifications = "[
        Notification(destinations=[slack.channel('#sym-requests')], timeout=1),
        Notification(destinations=[slack.channel('#sym-access')], timeout=1),
    ]";
    story(Flows::with_code(&sends(notifications))).run(async |stage| {
        for method in ["chat.postMessage", "auth.test"] {
            stage.slack.faults().always(method, Fault::ServerError(503));
        }
        stage.alice_asks_for("access").await?;
        stage
            .until("the outage to be noticed", async || {
                stage
                    .log()
                    .join("\n")
                    .contains("Slack answers nothing at all")
            })
            .await;
        stage.slack.faults().clear();
        stage.request_in("#sym-requests").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        assert_eq!(stage.the_run().await.current, Some(0));
        Ok(())
    });
}

#[test]
fn one_reachable_destination_is_enough() {
    story(Flows::examples()).run(async |stage| {
        asks(stage, "#secret-plans", Some("carol"), false).await?;
        let first = stage.carol.dm_with_bot().next_request().await?;
        stage.until_sent(0).await;
        assert_eq!(stage.slack.channel("#test-paginate-10").message_count(), 0);
        stage.fifteen_seconds_pass();
        stage.request_in("#test-paginate-10").await?;
        is_forwarded(&first).await
    });
}

#[test]
fn from_the_shortcut_with_nobody_picked_the_channel_is_first() {
    story(Flows::examples()).run(async |stage| {
        let picker = stage.alice.uses_shortcut(SHORTCUT).await?.modal().await?;
        picker
            .pick("What do you need?", "Notify user")
            .submit()
            .await?;
        stage
            .alice
            .modal()
            .await?
            .fill(WHY, "deploy")
            .submit()
            .await?;
        stage.request_in("#test-paginate-10").await?;
        assert_eq!(stage.the_run().await.notifications.len(), 2);
        Ok(())
    });
}

#[test]
fn when_nothing_can_be_delivered_requester_and_administrators_are_told_and_it_stays_open() {
    story(Flows::examples())
        .with_web()
        .workspace(|mut setup| {
            for person in &mut setup.people {
                if person.name == "bob" {
                    person.email = Some("robert@acme.example".to_owned());
                }
            }
            setup
        })
        .run(async |stage| {
            stage.slack.archives("#test-paginate-10");
            asks(stage, "#secret-plans", None, false).await?;
            let told = stage
                .alice
                .dm_with_bot()
                .expects_text(
                    "Your request *Notify user* is open, but nobody could be told about it",
                )
                .await?;
            told.expects_text("It can be decided in the web app")
                .await?;
            let report = stage
                .slack
                .channel("#sym-errors")
                .expects_text("no notification could be delivered")
                .await?;
            report
                .expects_text("nobody in Slack has the address bob@acme.example")
                .await?;
            report.expects_text("test@acme.example").await?;
            let run = stage.the_run().await;
            assert_eq!(run.status, Status::Requested);
            assert_eq!(run.current, None);
            Ok(())
        });
}

#[test]
fn a_request_that_was_decided_is_not_forwarded_when_its_time_is_over() {
    story(Flows::examples()).run(async |stage| {
        asks(stage, "#general", None, false).await?;
        let first = stage.request_in("#general").await?;
        stage.until_sent(0).await;
        stage.bob.presses(&first, "Deny").await?;
        first.expects_text("*Denied* by @bob").await?;
        stage.fifteen_seconds_pass();
        stage
            .alice
            .dm_with_bot()
            .expects_text("was denied by @bob")
            .await?;
        assert_eq!(stage.slack.channel("#test-paginate-10").message_count(), 0);
        assert_eq!(stage.the_run().await.status, Status::Denied);
        Ok(())
    });
}

#[test]
fn a_notification_without_a_time_waits_for_ever() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        stage.clock.advance(Duration::from_secs(90 * 24 * 60 * 60));
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let told = stage.alice.dm_with_bot().next_message().await?;
        told.expects_text("was approved by @bob").await?;
        Ok(())
    });
}
