//! The whole line once: command, modal, errors, submission, request, click, update, direct message – the app acting by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Result, Socket, call, company, modal, request_blocks, section, text_input};
use serde_json::json;

#[tokio::test]
async fn a_request_goes_from_the_command_to_the_decision() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let (alice, bob) = (slack.person("alice"), slack.person("bob"));

    let server = {
        let slack = slack.clone();
        tokio::spawn(async move {
            let slash = app.next().await;
            assert_eq!(slash["type"], "slash_commands");
            assert_eq!(slash["accepts_response_payload"], true);
            let payload = &slash["payload"];
            assert_eq!(payload["command"], "/sym");
            assert_eq!(payload["text"], "req approval");
            assert_eq!(payload["channel_name"], "general");
            assert_eq!(payload["user_name"], "alice");
            app.ack(&slash).await;
            let urgency = json!({
                "type": "input", "block_id": "urgency", "label": {"type": "plain_text", "text": "Urgency"},
                "element": {"type": "static_select", "action_id": "value", "options": [
                    {"text": {"type": "plain_text", "text": "Normal"}, "value": "normal"},
                    {"text": {"type": "plain_text", "text": "Emergency"}, "value": "emergency"}]}});
            let view = modal(json!([
                text_input("why", "Why do you need access?"),
                urgency
            ]));
            let opened = call(
                &slack,
                "views.open",
                json!({"trigger_id": payload["trigger_id"], "view": view}),
            )
            .await;
            assert_eq!(opened["ok"], true, "{opened}");

            let submission = app.next().await;
            assert_eq!(submission["payload"]["type"], "view_submission");
            assert_eq!(
                submission["payload"]["view"]["state"]["values"]["why"]["value"]["value"],
                "x"
            );
            app.ack_with(
                &submission,
                json!({"response_action": "errors", "errors": {"why": "Say more."}}),
            )
            .await;

            let submission = app.next().await;
            let values = &submission["payload"]["view"]["state"]["values"];
            assert_eq!(
                values["why"]["value"],
                json!({"type": "plain_text_input", "value": "deploy"})
            );
            assert_eq!(
                values["urgency"]["value"]["selected_option"]["value"],
                "emergency"
            );
            app.ack(&submission).await;
            let posted = call(&slack, "chat.postMessage", json!({
                "channel": "#sym-requests", "text": "Alice asks", "blocks": request_blocks("<@U0ALICE00> asks: deploy")})).await;
            assert_eq!(posted["ok"], true, "{posted}");

            let click = app.next().await;
            assert_eq!(click["accepts_response_payload"], false);
            let payload = &click["payload"];
            assert_eq!(payload["type"], "block_actions");
            assert_eq!(payload["actions"][0]["action_id"], "approve");
            assert_eq!(payload["container"]["message_ts"], posted["ts"]);
            assert_eq!(payload["user"]["username"], "bob");
            app.ack(&click).await;
            let updated = call(
                &slack,
                "chat.update",
                json!({
                "channel": posted["channel"], "ts": posted["ts"], "text": "Approved",
                "blocks": [section("Approved by <@U0BOB0000>")]}),
            )
            .await;
            assert_eq!(updated["ok"], true, "{updated}");
            let told = call(
                &slack,
                "chat.postMessage",
                json!({"channel": "U0ALICE00", "text": "Your request was approved"}),
            )
            .await;
            assert_eq!(told["ok"], true, "{told}");
            app
        })
    };

    let form = alice
        .in_channel("#general")
        .types("/sym req approval")
        .await?
        .modal()
        .await?;
    assert_eq!(form.labels(), ["Why do you need access?", "Urgency"]);
    let errors = form
        .fill("Why do you need access?", "x")
        .pick("Urgency", "Emergency")
        .submit_refused()
        .await?;
    assert_eq!(errors["Why do you need access?"], "Say more.");
    form.fill("Why do you need access?", "deploy")
        .submit()
        .await?;
    alice.expects_no_modal().await?;
    let request = slack.channel("#sym-requests").next_request().await?;
    assert!(
        request.text().contains("@alice asks: deploy"),
        "{request:?}"
    );
    assert_eq!(request.buttons(), ["Approve", "Deny"]);
    bob.presses(&request, "Approve").await?;
    request.expects_text("Approved by @bob").await?;
    request.expects_no_buttons().await?;
    alice.dm_with_bot().expects_text("approved").await?;
    server.await?;
    slack.expect_no_violations()?;
    Ok(())
}
