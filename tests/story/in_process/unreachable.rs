//! Slack does not answer while an `impl.py` asks it something: that is no fault of the flow, so its request waits.

use std::time::Duration;

use slack_sim::Fault;
use symbot::domain::run::Status;

use super::flows::{Flows, REASON, asks_in_requests, sends};
use super::harness::{WHY, story};

const METHOD: &str = "users.lookupByEmail";

const IN_REQUESTS: &str = "[Notification(destinations=[slack.channel('#sym-requests')])]";

/// `get_permissions` lets only this person decide, whom it looks up by address.
fn asks_slack(before: &str) -> String {
    sends(IN_REQUESTS).replace(
        "    return RequestPermission(\n        webapp_view=PermissionLevel.ADMIN,\n        approve_deny=PermissionLevel.MEMBER",
        &format!("{before}    return RequestPermission(\n        webapp_view=PermissionLevel.ADMIN,\n        approve_deny=user_ids([carol()])"),
    ) + "\nfrom sym.sdk.user import user_ids\n\ndef carol():\n    print('asks')\n    return user('carol@acme.example')\n"
}

fn three_failures() -> [Fault; 3] {
    std::array::from_fn(|_| Fault::ServerError(500))
}

#[test]
fn a_request_waits_until_slack_answers_its_reducer() {
    story(Flows::with_code(&asks_slack(""))).run(async |stage| {
        for fault in three_failures() {
            stage.slack.faults().next(METHOD, fault);
        }
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(run.status, Status::Requested);
        assert_eq!(stage.printed(&run).await, "asks\nasks\n");
        stage.expects_logged(&["ERROR an effect is held up", "Slack", "HTTP status 500"]);
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;
        assert_eq!(stage.slack.channel("#sym-errors").message_count(), 0);
        Ok(())
    });
}

#[test]
fn a_request_waits_for_as_long_as_slack_asks_for() {
    story(Flows::with_code(&asks_slack(""))).run(async |stage| {
        // Longer than a look-up has patience for.
        let wait = Fault::RateLimited {
            retry_after_seconds: 22,
        };
        stage.slack.faults().next(METHOD, wait);
        stage.alice_asks_for("access").await?;
        stage.request_in("#sym-requests").await?;
        let calls = stage.slack.calls(METHOD);
        assert_eq!(calls.len(), 2);
        let waited = calls[1].at.duration_since(calls[0].at);
        assert!(
            waited >= Duration::from_secs(22),
            "Retry-After was 22 s, not {waited:?}"
        );
        Ok(())
    });
}

#[test]
fn an_answer_of_code_that_catches_the_failure_counts() {
    let python = asks_slack("").replace(
        "    return user('carol@acme.example')",
        "    try:\n        return user('carol@acme.example')\n    except Exception as error:\n        print(error.error_code)\n        return user('alice@acme.example')",
    );
    story(Flows::with_code(&python)).run(async |stage| {
        for fault in three_failures() {
            stage.slack.faults().next(METHOD, fault);
        }
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(
            stage.printed(&run).await,
            "asks\nSymIntegration:LOOKUP_FAILED\n"
        );
        stage.carol.presses(&request, "Approve").await?;
        stage
            .carol
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        Ok(())
    });
}

#[test]
fn what_slack_refuses_for_good_fails_the_request() {
    story(Flows::with_code(&asks_slack(""))).run(async |stage| {
        stage
            .slack
            .faults()
            .always(METHOD, Fault::Error("enterprise_is_restricted".to_owned()));
        stage.alice_asks_for("access").await?;
        let run = stage.until_status(Status::Errored).await;
        assert!(
            run.error
                .unwrap()
                .message
                .contains("enterprise_is_restricted")
        );
        Ok(())
    });
}

#[test]
fn code_that_has_sent_something_is_not_asked_again() {
    let python = asks_slack("    slack.send_message(slack.channel('#sym-access'), 'asked')\n");
    story(Flows::with_code(&python)).run(async |stage| {
        for fault in three_failures() {
            stage.slack.faults().next(METHOD, fault);
        }
        stage.alice_asks_for("access").await?;
        stage.until_status(Status::Errored).await;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 1);
        Ok(())
    });
}

#[test]
fn a_hook_waits_until_slack_answers_it() {
    let hook = "
@hook
def on_approve(event):
    if event.user != user('carol@acme.example'):
        return ApprovalTemplate.ignore(message='Only Carol.')
";
    let python = format!(
        "from sym.sdk.annotations import hook\nfrom sym.sdk.templates import ApprovalTemplate\n{}{hook}",
        sends(IN_REQUESTS)
    );
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        for fault in three_failures() {
            stage.slack.faults().next(METHOD, fault);
        }
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;
        assert_eq!(stage.carol.ephemerals(), [""; 0]);
        Ok(())
    });
}

#[test]
fn a_form_says_that_slack_did_not_answer() {
    let ordinary = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    let python = format!(
        "from sym.sdk.annotations import hook\n{ordinary}\n\n@hook\ndef on_prompt(event):\n    user('carol@acme.example')\n"
    );
    story(Flows::with_params(REASON, &python)).run(async |stage| {
        for fault in three_failures() {
            stage.slack.faults().next(METHOD, fault);
        }
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_text("Slack did not answer").await?;
        form.expects_text("try again").await?;
        form.close_all()?;
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "deploy").submit().await?;
        stage.request_in("#sym-requests").await?;
        Ok(())
    });
}
