//! Slack fails, and things come out right all the same.

use std::time::Duration;

use slack_sim::{Fault, SocketFault, ViolationKind};
use symbot::domain::run::Status;

use super::flows::Flows;
use super::harness::{SHORTCUT, Stage, Told, story};

/// A whole request, from the command to the direct message.
async fn goes_well(stage: &Stage) -> Told {
    stage.alice_asks_for("approval").await?;
    let request = stage.request_in("#sym-requests").await?;
    stage.bob.presses(&request, "Approve").await?;
    request.expects_text("*Approved* by @bob").await?;
    request.expects_no_buttons().await?;
    stage
        .alice
        .dm_with_bot()
        .expects_text("was approved by @bob")
        .await?;
    Ok(())
}

#[test]
fn a_message_that_slack_puts_off_is_sent_after_the_time_that_it_asks_for() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.faults().next(
            "chat.postMessage",
            Fault::RateLimited {
                retry_after_seconds: 1,
            },
        );
        goes_well(stage).await?;
        let calls = stage.slack.calls("chat.postMessage");
        assert!(calls[0].injected && !calls[1].injected);
        let waited = calls[1].at.duration_since(calls[0].at);
        assert!(
            waited.as_millis() >= 1000,
            "Retry-After was 1 s, not {waited:?}"
        );
        Ok(())
    });
}

#[test]
fn errors_of_slack_s_servers_are_survived() {
    story(Flows::examples()).run(async |stage| {
        for method in ["chat.postMessage", "chat.update", "conversations.open"] {
            stage.slack.faults().next(method, Fault::ServerError(503));
        }
        goes_well(stage).await
    });
}

#[test]
fn a_connection_that_breaks_before_the_effect_is_survived() {
    story(Flows::examples()).run(async |stage| {
        for method in [
            "chat.postMessage",
            "chat.update",
            "users.info",
            "conversations.info",
        ] {
            stage.slack.faults().next(method, Fault::ResetBefore);
        }
        goes_well(stage).await?;
        assert_eq!(stage.slack.channel("#sym-requests").message_count(), 1);
        Ok(())
    });
}

#[test]
fn a_message_whose_answer_is_lost_may_appear_twice_and_both_copies_work_and_are_kept_up_to_date() {
    story(Flows::examples()).run(async |stage| {
        stage
            .slack
            .faults()
            .next("chat.postMessage", Fault::ResetAfter);
        stage.alice_asks_for("approval").await?;
        let first = stage.request_in("#sym-requests").await?;
        let second = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&first, "Approve").await?;
        for copy in [&first, &second] {
            copy.expects_text("*Approved* by @bob").await?;
            copy.expects_no_buttons().await?;
        }
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        Ok(())
    });
}

#[test]
fn an_update_whose_answer_is_lost_is_repeated() {
    story(Flows::examples()).run(async |stage| {
        stage
            .slack
            .faults()
            .times("chat.update", 2, Fault::ResetAfter);
        goes_well(stage).await
    });
}

#[test]
fn an_answer_that_makes_no_sense_does_not_stop_anything() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.faults().next("chat.update", Fault::Garbage);
        stage.slack.faults().next("users.info", Fault::Garbage);
        goes_well(stage).await
    });
}

#[test]
fn a_form_that_cannot_be_opened_is_told_with_a_code() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        for (fault, shows) in [
            (
                Fault::Error("internal_error".to_owned()),
                "The form could not be opened",
            ),
            (Fault::ServerError(500), "The form could not be opened"),
        ] {
            stage.slack.faults().always("views.open", fault);
            general.types("/sym req approval").await?;
            let told = stage.alice.expects_ephemeral(shows).await?;
            let text = told.text();
            let code = text
                .split("(code ")
                .nth(1)
                .unwrap()
                .split(')')
                .next()
                .unwrap();
            stage.expects_logged(&["ERROR", code]);
            stage.slack.faults().clear();
        }
        stage
            .slack
            .faults()
            .always("views.open", Fault::Error("internal_error".to_owned()));
        stage.alice.uses_shortcut(SHORTCUT).await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("The form could not be opened")
            .await?;
        stage.slack.faults().clear();
        goes_well(stage).await
    });
}

#[test]
fn somebody_whom_slack_does_not_tell_about_is_answered_and_nothing_is_changed() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage
            .slack
            .faults()
            .always("users.info", Fault::Error("internal_error".to_owned()));
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("I could not look you up in Slack")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        Ok(())
    });
}

#[test]
fn a_private_answer_finds_another_way_when_its_address_has_expired() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage
            .slack
            .faults()
            .next("response_url", Fault::ServerError(503));
        stage.alice.presses(&request, "Approve").await?;
        // By the second attempt the address is older than the half hour that Slack gives it.
        stage.slack.advance(Duration::from_secs(31 * 60));
        // The bot is not in #sym-requests and so cannot whisper there either.
        stage
            .alice
            .dm_with_bot()
            .expects_text("You cannot approve your own *Approval* request")
            .await?;
        // Nobody can know before that it is too old.
        let forgiven = stage
            .slack
            .forgive(|violation| violation.kind == ViolationKind::SpentResponseUrl);
        assert_eq!(forgiven.len(), 1);
        Ok(())
    });
}

#[test]
fn a_press_whose_connection_breaks_before_it_is_acknowledged_still_decides() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.slack.faults().next_envelope(SocketFault::CutAfter);
        // Slack tells the person that it failed or that it worked: that depends on who was faster.
        let _told = stage.bob.starts_pressing(&request, "Approve")?;
        request.expects_text("*Approved* by @bob").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        Ok(())
    });
}

#[test]
fn sockets_that_break_between_or_are_renewed_lose_nothing() {
    story(Flows::examples()).run(async |stage| {
        stage.slack.connected(2).await?;
        stage
            .slack
            .faults()
            .next_envelope(SocketFault::RefreshBurst { more: 0 });
        goes_well(stage).await?;
        stage.slack.connected(2).await?;
        stage.slack.workspace().cut_sockets();
        stage.slack.connected(1).await?;
        goes_well(stage).await
    });
}
