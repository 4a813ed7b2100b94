//! Decisions: the main line, who may and who may not, and that everybody concerned is told.

use serde_json::json;
use symbot::domain::permission::Verdict;
use symbot::domain::run::Status;
use symbot::slack::view::{ButtonValue, ids};

use super::flows::{Flows, asks_in_requests};
use super::harness::{Stage, story};

#[test]
fn alice_asks_bob_approves_and_alice_is_told() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("@alice requests *Approval*").await?;
        request
            .expects_text("*Why do you need access?*\ndeploy")
            .await?;
        request.expects_text("Waiting for a decision").await?;
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        request.expects_no_buttons().await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Approval* was approved by @bob")
            .await?;
        let run = stage.the_run().await;
        assert_eq!(run.status, Status::Approved);
        let by = run.decision.unwrap().by;
        assert_eq!(by.email.as_deref(), Some("bob@acme.example"));
        Ok(())
    });
}

#[test]
fn a_denial_with_a_decision_message_is_shown_in_the_message_and_told_to_the_requester() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage
            .bob
            .enters(&request, "Decision Message", "Not before Monday <!channel>")
            .await?;
        stage.bob.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @bob").await?;
        request
            .expects_text("Decision Message: Not before Monday")
            .await?;
        request.expects_no_buttons().await?;
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Approval* was denied by @bob")
            .await?;
        told.expects_text("Decision Message: Not before Monday <!channel>")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Denied);
        Ok(())
    });
}

#[test]
fn somebody_who_is_not_among_those_who_decide_is_told_so_and_the_request_stays_open() {
    story(Flows::examples()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "urgency").await?;
        form.fill("Why do you need access?", "deploy")
            .pick("Urgency", "Normal")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        for button in ["Approve", "Deny"] {
            stage.bob.presses(&request, button).await?;
            stage
                .bob
                .expects_ephemeral("You are not allowed to decide this *Urgency* request")
                .await?;
        }
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        assert_eq!(stage.the_run().await.status, Status::Requested);
        assert_eq!(stage.alice.dm_with_bot().message_count(), 0);
        stage.erin.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @erin").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("approved by @erin")
            .await?;
        Ok(())
    });
}

#[test]
fn nobody_approves_the_own_request_not_even_an_admin_but_may_deny_it_when_included() {
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    story(Flows::with_code(&python)).run(async |stage| {
        for person in [&stage.alice, &stage.erin] {
            let form = stage.form(person, "#general", "access").await?;
            form.fill("Why do you need access?", "deploy")
                .submit()
                .await?;
            let request = stage.request_in("#sym-requests").await?;
            person.presses(&request, "Approve").await?;
            person
                .expects_ephemeral("You cannot approve your own *Access* request")
                .await?;
            assert_eq!(request.buttons(), ["Approve", "Deny"]);
            person.presses(&request, "Deny").await?;
            request.expects_text("*Denied* by").await?;
            person.dm_with_bot().expects_text("was denied by").await?;
        }
        Ok(())
    });
}

#[test]
fn with_self_approval_a_requester_approves_but_does_not_deny() {
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.ADMIN", true);
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.alice.presses(&request, "Deny").await?;
        stage
            .alice
            .expects_ephemeral("You may approve, but not deny, your own")
            .await?;
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        stage.alice.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @alice").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("approved by @alice")
            .await?;
        Ok(())
    });
}

#[test]
fn a_list_of_people_decides_and_admins_always() {
    let python = asks_in_requests(
        "PermissionLevel.ADMIN",
        "user_ids([user(email='carol@acme.example')])",
        false,
    );
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;

        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.erin.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @erin").await?;
        Ok(())
    });
}

#[test]
fn a_press_on_a_decided_request_is_told_who_decided_it() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        stage.carol.presses_as_seen(&request, "Deny").await?;
        stage
            .carol
            .expects_ephemeral("This *Approval* request was already approved by @bob")
            .await?;
        stage.bob.presses_as_seen(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("was already approved by @bob")
            .await?;
        request.expects_text("*Approved* by @bob").await?;
        request.expects_no_buttons().await?;
        assert_eq!(stage.alice.dm_with_bot().message_count(), 1);
        Ok(())
    });
}

#[test]
fn somebody_whose_account_is_deactivated_decides_nothing() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.slack.deactivates("carol");
        stage.carol.presses(&request, "Approve").await?;
        stage
            .carol
            .expects_ephemeral("Your account is deactivated")
            .await?;
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}

#[test]
fn a_button_of_a_request_that_is_not_known_or_not_ours_is_answered() {
    story(Flows::examples()).run(async |stage| {
        let unknown = ButtonValue {
            run: uuid::Uuid::new_v4(),
            verdict: Verdict::Approve,
            notification: 0,
        };
        for (value, answer) in [
            (unknown.encode(), "I do not know this request (any more)"),
            ("42".to_owned(), "I could not make sense of that"),
        ] {
            stage
                .call_slack(
                    "chat.postMessage",
                    &json!({ "channel": stage.slack.channel("#sym-requests").id(), "text": "old", "blocks": [
                        { "type": "actions", "elements": [
                            { "type": "button", "action_id": ids::APPROVE, "value": value,
                              "text": { "type": "plain_text", "text": "Approve" } },
                        ] },
                    ] }),
                )
                .await;
            let message = stage.request_in("#sym-requests").await?;
            stage.bob.presses(&message, "Approve").await?;
            stage.bob.expects_ephemeral(answer).await?;
        }
        assert!(stage.runs().await.is_empty());
        Ok(())
    });
}

/// Both answers come, one decides, the other is told.
async fn only_one_decides(
    stage: &Stage,
    first: &slack_sim::Person,
    second: &slack_sim::Person,
) -> super::harness::Told {
    stage.alice_asks_for("approval").await?;
    let request = stage.request_in("#sym-requests").await?;
    let one = first.starts_pressing(&request, "Approve")?;
    let two = second.starts_pressing(&request, "Deny")?;
    one.answered().await?;
    two.answered().await?;
    request.expects_no_buttons().await?;
    let run = stage.runs().await.remove(0);
    let decision = run.decision.expect("one of them decided");
    let loser = if decision.verdict == Verdict::Approve {
        second
    } else {
        first
    };
    loser
        .expects_ephemeral(match decision.verdict {
            Verdict::Approve => "was already approved by",
            Verdict::Deny => "was already denied by",
        })
        .await?;
    request
        .expects_text(match decision.verdict {
            Verdict::Approve => "*Approved* by",
            Verdict::Deny => "*Denied* by",
        })
        .await?;
    Ok(())
}

#[test]
fn of_two_people_who_press_at_the_same_moment_one_decides_and_the_other_is_told() {
    story(Flows::examples()).run(async |stage| {
        for _ in 0..3 {
            only_one_decides(stage, &stage.bob, &stage.carol).await?;
        }
        let mut told = stage.alice.dm_with_bot();
        for _ in 0..3 {
            told.expects_text("Your request *Approval* was").await?;
        }
        assert_eq!(stage.alice.dm_with_bot().message_count(), 3);
        Ok(())
    });
}
