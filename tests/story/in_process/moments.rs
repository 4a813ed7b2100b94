//! The same thing twice, and two things at once.

use std::time::Duration;

use slack_sim::{Fault, Outcome, SocketFault};
use symbot::domain::run::Status;

use super::flows::{Flows, asks_in_requests};
use super::harness::{WHY, story};

#[test]
fn a_click_that_is_delivered_twice_decides_and_tells_once() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.connected(2).await?;
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.slack.faults().next_envelope(SocketFault::Duplicate);
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        // A second whole request: by its end, what the first might have caused has happened.
        stage.alice_asks_for("approval").await?;
        let second = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&second, "Deny").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was denied by @bob")
            .await?;
        assert_eq!(stage.alice.dm_with_bot().message_count(), 2);
        assert_eq!(stage.bob.ephemerals(), [""; 0]);
        let runs = stage.runs().await;
        assert_eq!(runs.len(), 2);
        assert!(
            runs.iter()
                .all(|run| !run.history.iter().any(|line| line.event == "refused"))
        );
        Ok(())
    });
}

#[test]
fn a_refused_click_that_is_delivered_twice_is_answered_once_and_a_second_click_again() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.connected(2).await?;
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage
            .slack
            .faults()
            .next_envelope(SocketFault::DuplicateAfter(Duration::from_millis(50)));
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        stage
            .until("both deliveries to be acknowledged", async || {
                stage.slack.counter("acks") >= stage.slack.counter("envelopes")
            })
            .await;
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        assert_eq!(stage.alice.ephemerals().len(), 2);
        let run = stage.the_run().await;
        let refused = run.history.iter().filter(|line| line.event == "refused");
        assert_eq!(refused.count(), 2);
        Ok(())
    });
}

#[test]
fn a_form_that_is_delivered_twice_makes_one_request() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.connected(2).await?;
        let form = stage.form(&stage.alice, "#general", "approval").await?;
        stage.slack.faults().next_envelope(SocketFault::Duplicate);
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        assert_eq!(stage.runs().await.len(), 1);
        assert_eq!(stage.slack.channel("#sym-requests").message_count(), 1);
        Ok(())
    });
}

#[test]
fn a_form_that_is_submitted_again_because_the_answer_was_lost_makes_one_request() {
    story(Flows::examples())
        .workspace(|setup| setup.ack_timeout(Duration::from_millis(300)))
        .run(async |stage| {
            let form = stage.form(&stage.alice, "#general", "approval").await?;
            let form = form.fill(WHY, "deploy").apply().await?;
            stage.slack.faults().next_envelope(SocketFault::LoseAck);
            form.submit()
                .await
                .expect_err("Slack says that it did not work");
            form.submit().await?;
            let request = stage.request_in("#sym-requests").await?;
            stage.bob.presses(&request, "Approve").await?;
            stage
                .alice
                .dm_with_bot()
                .expects_text("was approved by @bob")
                .await?;
            assert_eq!(stage.runs().await.len(), 1);
            assert_eq!(stage.slack.channel("#sym-requests").message_count(), 1);
            Ok(())
        });
}

#[test]
fn a_form_that_was_changed_after_its_answer_was_lost_says_that_the_first_values_stand() {
    story(Flows::examples())
        .workspace(|setup| setup.ack_timeout(Duration::from_millis(300)))
        .run(async |stage| {
            let form = stage.form(&stage.alice, "#general", "approval").await?;
            let form = form.fill(WHY, "all of production").apply().await?;
            stage.slack.faults().next_envelope(SocketFault::LoseAck);
            form.submit()
                .await
                .expect_err("Slack says that it did not work");
            let outcome = form.fill(WHY, "only to read").submit().await?;
            assert_eq!(outcome, Outcome::Updated);
            let told = form.text();
            assert!(
                told.contains("What you changed since was not taken"),
                "{told}"
            );
            let request = stage.request_in("#sym-requests").await?;
            request.expects_text("all of production").await?;
            assert_eq!(stage.runs().await.len(), 1);
            Ok(())
        });
}

#[test]
fn a_press_counts_from_when_it_arrived_however_long_slack_takes_to_say_whose_it_is() {
    story(Flows::examples()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "notify-user").await?;
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#general").await?;
        stage.until_sent(0).await;
        stage
            .slack
            .faults()
            .next("users.info", Fault::Latency(Duration::from_secs(1)));
        stage.carol.presses(&request, "Approve").await?;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        stage.fifteen_seconds_pass();
        request.expects_text("*Approved* by @carol").await?;
        assert_eq!(stage.slack.channel("#test-paginate-10").message_count(), 0);
        Ok(())
    });
}

#[test]
fn two_forms_of_one_person_are_two_requests() {
    story(Flows::examples()).run(async |stage| {
        for _ in 0..2 {
            stage.alice_asks_for("approval").await?;
            stage.request_in("#sym-requests").await?;
        }
        assert_eq!(stage.runs().await.len(), 2);
        Ok(())
    });
}

#[test]
fn a_decision_in_slack_and_one_in_the_web_app_at_the_same_moment_are_one() {
    let python = asks_in_requests("PermissionLevel.MEMBER", "PermissionLevel.MEMBER", false);
    story(Flows::with_code(&python))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#sym-requests").await?;
            let path = format!("/requests/{}", stage.the_run().await.id);
            let mut carol = super::web::signed_in(stage, &stage.carol).await?;
            let form = carol.get(&path).await;
            let (csrf, key) = (form.input("csrf"), form.input("key"));
            let pressed = stage.bob.starts_pressing(&request, "Approve")?;
            let page = carol.sends_decision(&path, &csrf, &key, "deny", "").await;
            pressed.answered().await?;
            request.expects_no_buttons().await?;
            let run = stage.the_run().await;
            if run.status == Status::Denied {
                page.shows("You have denied this request.");
                stage
                    .bob
                    .expects_ephemeral("was already denied by @carol")
                    .await?;
            } else {
                page.shows("Not done")
                    .shows("already approved by Bob Brown");
                assert!(stage.bob.ephemerals().is_empty());
            }
            Ok(())
        });
}

#[test]
fn a_click_and_the_end_of_the_time_at_the_same_moment_have_one_outcome() {
    story(Flows::examples()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "notify-user").await?;
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#general").await?;
        stage.until_sent(0).await;
        let pressed = stage.bob.starts_pressing(&request, "Approve")?;
        stage.fifteen_seconds_pass();
        pressed.answered().await?;
        request.expects_no_buttons().await?;
        match stage.the_run().await.status {
            Status::Approved => {
                request.expects_text("*Approved* by @bob").await?;
                stage
                    .alice
                    .dm_with_bot()
                    .expects_text("was approved by @bob")
                    .await?;
            }
            _ => {
                request.expects_text("*Forwarded* after 15 seconds").await?;
                stage
                    .bob
                    .expects_ephemeral("was forwarded after 15 seconds")
                    .await?;
                let second = stage.request_in("#test-paginate-10").await?;
                stage.bob.presses(&second, "Approve").await?;
                request.expects_text("*Approved* by @bob").await?;
            }
        }
        Ok(())
    });
}

#[test]
fn many_presses_on_one_message_bring_it_up_to_date_with_few_calls() {
    const PRESSES: usize = 12;
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        let slow = Fault::SlowAnswer(Duration::from_secs(2));
        stage.slack.faults().always("chat.update", slow);
        let mut presses = Vec::new();
        for _ in 0..PRESSES {
            presses.push(stage.bob.starts_pressing(&request, "Approve")?);
        }
        stage
            .until("every press to be judged", async || {
                let run = stage.the_run().await;
                let refused = run.history.iter().filter(|line| line.event == "refused");
                run.status == Status::Approved && refused.count() == PRESSES - 1
            })
            .await;
        request.expects_text("*Approved* by @bob").await?;
        stage.slack.faults().clear();
        // The first update has its answer, and whatever waited for it is done.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let calls = stage.slack.calls("chat.update");
        assert!(calls.len() <= 3, "{} updates of one message", calls.len());

        // A later state is sent all the same.
        stage.alice_asks_for("approval").await?;
        let second = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&second, "Deny").await?;
        second.expects_text("*Denied* by @bob").await?;
        Ok(())
    });
}
