//! Every kind of destination, and none.

use symbot::domain::run::Status;

use super::flows::{Flows, permits, sends};
use super::harness::story;

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
            assert!(stage.slack.calls("chat.postMessage").is_empty());
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
