//! Every kind of destination, and none.

use slack_sim::Fault;
use symbot::domain::run::{Delivery, Status};

use super::flows::{Flows, permits, sends};
use super::harness::{Stage, WHY, story};

fn members_decide(destination: &str) -> Flows {
    Flows::with_code(&sends(&format!(
        "[Notification(destinations=[{destination}])]"
    )))
}

#[test]
fn a_group_direct_message_is_opened_for_the_people_and_decided_there() {
    story(members_decide(
        "slack.group([slack.user('bob@acme.example'), slack.user('carol@acme.example')])",
    ))
    .run(async |stage| {
        stage.alice_asks_for("access").await?;
        let mut group = stage.slack.group_dm(&["bob", "carol"]).await?;
        let request = group.next_request().await?;
        request.expects_text("@alice requests *Access*").await?;
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("approved by @carol")
            .await?;
        Ok(())
    });
}

#[test]
fn a_slack_user_is_asked_in_a_direct_message() {
    for user in ["'bob@acme.example'", "'U0BOB0000'", "'@bob'"] {
        story(members_decide(&format!("slack.user({user})"))).run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.bob.dm_with_bot().next_request().await?;
            stage.bob.presses(&request, "Deny").await?;
            request.expects_text("*Denied* by @bob").await?;
            stage
                .alice
                .dm_with_bot()
                .expects_text("denied by @bob")
                .await?;
            Ok(())
        });
    }
}

#[test]
fn a_user_is_asked_in_a_direct_message() {
    story(members_decide("user(email='bob@acme.example')")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.bob.dm_with_bot().next_request().await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("approved by @bob")
            .await?;
        Ok(())
    });
}

#[test]
fn the_requester_as_a_destination_sees_the_request_and_may_not_approve_it() {
    story(members_decide("event.user")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.alice.dm_with_bot().next_request().await?;
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        Ok(())
    });
}

/// The request messages that were posted, decided or not.
fn posted(stage: &Stage) -> usize {
    let calls = stage.slack.calls("chat.postMessage");
    let requests = calls
        .iter()
        .filter(|call| call.args["text"].to_string().contains("requests Access"));
    requests.count()
}

#[test]
fn somebody_who_is_named_twice_is_asked_once() {
    for destinations in [
        "event.user, event.user",
        "slack.user(event.user), event.user",
        "slack.group([event.user]), event.user",
        "user(email='alice@acme.example'), event.user, user(email='Alice@acme.example')",
    ] {
        story(members_decide(destinations)).run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.alice.dm_with_bot().next_request().await?;
            stage.until_sent(0).await;
            stage.alice.presses(&request, "Deny").await?;
            request.expects_text("*Denied* by @alice").await?;
            let told = stage.alice.dm_with_bot();
            { told }.expects_text("was denied by @alice").await?;
            assert_eq!(posted(stage), 1, "{destinations}");
            let run = stage.the_run().await;
            assert_eq!(run.notifications[0].deliveries.len(), 1);
            Ok(())
        });
    }
}

#[test]
fn two_destinations_that_turn_out_to_be_one_place_have_one_message_between_them() {
    let code = "slack.channel(event.run.source_channel.identifier), event.user";
    story(members_decide(code)).run(async |stage| {
        let typed = stage
            .alice
            .in_dm_with_bot()
            .types("/sym req access")
            .await?;
        typed.modal().await?.fill(WHY, "deploy").submit().await?;
        let request = stage.alice.dm_with_bot().next_request().await?;
        stage.until_sent(0).await;
        stage.alice.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @alice").await?;
        let told = stage.alice.dm_with_bot();
        { told }.expects_text("was denied by @alice").await?;
        assert_eq!(posted(stage), 1);
        let run = stage.the_run().await;
        let deliveries = &run.notifications[0].deliveries;
        assert!(matches!(deliveries[0], Delivery::Sent { .. }));
        assert_eq!(deliveries[0], deliveries[1]);
        assert_eq!(run.notifications[0].messages().count(), 1);
        Ok(())
    });
}

#[test]
fn a_place_that_refuses_one_destination_is_tried_for_the_other() {
    let code = "slack.channel(event.run.source_channel.identifier), event.user";
    story(members_decide(code)).run(async |stage| {
        let refused = Fault::Error("restricted_action".to_owned());
        stage.slack.faults().next("chat.postMessage", refused);
        let typed = stage
            .alice
            .in_dm_with_bot()
            .types("/sym req access")
            .await?;
        typed.modal().await?.fill(WHY, "deploy").submit().await?;
        stage.alice.dm_with_bot().next_request().await?;
        stage.until_sent(0).await;
        let run = stage.the_run().await;
        assert_eq!(run.notifications[0].messages().count(), 1);
        Ok(())
    });
}

#[test]
fn a_channel_goes_by_name_with_or_without_its_sign_or_by_id() {
    for channel in ["'sym-access'", "'#sym-access'", "'C0SYMACCESS'"] {
        story(members_decide(&format!("slack.channel({channel})"))).run(async |stage| {
            let id = stage.slack.channel("#sym-access").id().to_owned();
            assert_eq!(id, "C0SYMACCESS", "the id that the flow has");
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-access").await?;
            Ok(())
        });
    }
}

#[test]
fn a_channel_that_does_not_exist_is_passed_over() {
    story(Flows::with_code(&sends(
        "[Notification(destinations=[slack.channel('#nowhere')]), Notification(destinations=[slack.channel('#sym-access')])]",
    )))
    .run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage.request_in("#sym-access").await?;
        stage.slack.channel("#sym-errors").expects_text("channel_not_found").await?;
        Ok(())
    });
}

#[test]
fn a_delivery_that_fails_is_reported_with_what_to_do_about_it() {
    for (code, hint) in [
        ("not_in_channel", "invite the bot to the channel"),
        (
            "is_archived",
            "restore it, or let the flow name another one",
        ),
        (
            "missing_scope",
            "update the app's manifest, and install the app again",
        ),
        ("restricted_action", "a setting of the workspace"),
    ] {
        story(Flows::with_code(&sends(
            "[Notification(destinations=[slack.channel('#sym-requests')]), Notification(destinations=[slack.channel('#sym-access')])]",
        )))
        .run(async |stage| {
            stage.slack.faults().next("chat.postMessage", Fault::Error(code.to_owned()));
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-access").await?;
            let report = stage.slack.channel("#sym-errors").expects_text(code).await?;
            report.expects_text("the next one is used").await?;
            report.expects_text("*Hint:*").await?;
            report.expects_text(hint).await?;
            stage.expects_logged(&["WARN", "a notification could not be delivered", code, hint]);
            Ok(())
        });
    }
}

#[test]
fn what_could_be_done_about_several_failures_is_said_once_each() {
    story(members_decide("slack.channel('#nowhere'), user(email='nobody@acme.example'), user(email='gone@acme.example')")).run(
        async |stage| {
            stage.alice_asks_for("access").await?;
            let mut errors = stage.slack.channel("#sym-errors");
            let report = errors.expects_text("no notification could be delivered").await?;
            assert_eq!(report.text().matches("/invite @Symbot").count(), 1, "{}", report.text());
            report.expects_text("nobody in Slack has the address gone@acme.example").await?;
            Ok(())
        },
    );
}

#[test]
fn an_error_logger_that_cannot_be_reached_is_logged_with_what_to_do() {
    story(members_decide("slack.channel('#nowhere')")).run(async |stage| {
        stage.slack.archives("#sym-errors");
        stage.alice_asks_for("access").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("nobody could be told about it")
            .await?;
        stage
            .until("the log to say so", async || {
                let log = stage.log().join("\n");
                log.contains("the error logger's channel cannot be reached; given up")
                    && log.contains("/invite @Symbot")
            })
            .await;
        Ok(())
    });
}

#[test]
fn an_empty_list_of_notifications_leaves_the_request_to_the_web_app() {
    story(Flows::with_code(&sends("[]")))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage
                .until("the request to be routed", async || {
                    stage
                        .runs()
                        .await
                        .first()
                        .is_some_and(|run| run.permissions.is_some())
                })
                .await;
            assert_eq!(stage.the_run().await.status, Status::Requested);
            // Nobody but the requester hears of it.
            let told = stage.alice.dm_with_bot();
            let told = { told }
                .expects_text(
                    "Your request *Access* is open. Its flow tells nobody about requests.",
                )
                .await?;
            told.expects_text("It can be decided in the web app")
                .await?;
            assert_eq!(stage.slack.calls("chat.postMessage").len(), 1);
            Ok(())
        });
}

#[test]
fn a_flow_without_notifications_leaves_the_request_to_the_web_app() {
    let python = permits("PermissionLevel.MEMBER", "PermissionLevel.MEMBER", false);
    story(Flows::with_code(&python))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage
                .until("the request to be routed", async || {
                    stage
                        .runs()
                        .await
                        .first()
                        .is_some_and(|run| run.permissions.is_some())
                })
                .await;
            let run = stage.the_run().await;
            let mut bob = super::web::signed_in(stage, &stage.bob).await?;
            let page = bob
                .decides(&format!("/requests/{}", run.id), "approve", "fine")
                .await;
            page.is(200).shows("You have approved this request.");
            let told = stage
                .alice
                .dm_with_bot()
                .expects_text("was approved by @bob")
                .await?;
            told.expects_text("Decision Message: fine").await?;
            Ok(())
        });
}
