//! What people do outside forms and what the app gets: clicks, menus in messages, response URLs, what Slack forbids.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Result, Socket, call, company, http, request_blocks, section, start, text_input};
use serde_json::{Value, json};
use slack_sim::{PersonSetup, Setup, SlackSim, ViolationKind};

fn options(texts: &[&str]) -> Value {
    texts
        .iter()
        .map(|t| json!({"text": {"type": "plain_text", "text": t}, "value": t.to_lowercase()}))
        .collect()
}

/// The next envelope, acked; its payload.
async fn taken(app: &mut Socket) -> Value {
    let envelope = app.next().await;
    app.ack(&envelope).await;
    envelope["payload"].clone()
}

#[tokio::test]
async fn a_click_carries_what_was_entered_in_the_message() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let mut blocks = request_blocks("please");
    let mut note = text_input("note", "Decision Message");
    note["optional"] = json!(true);
    blocks.as_array_mut().unwrap().insert(1, note);
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": blocks,
        "metadata": {"event_type": "request", "event_payload": {"run": 7}}}),
    )
    .await;
    let request = slack.channel("sym-requests").next_request().await?;
    bob.enters(&request, "Decision Message", "fine").await?;
    let pending = bob.starts_pressing(&request, "Approve")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["state"]["values"]["note"]["value"]["value"], "fine");
    assert_eq!(
        payload["channel"],
        json!({"id": "C0SYMREQUESTS", "name": "sym-requests"})
    );
    let message = &payload["message"];
    assert_eq!(
        (&message["ts"], &message["bot_id"]),
        (&json!(request.ts), &json!("B0SYM0000"))
    );
    assert_eq!(message["metadata"]["event_payload"]["run"], 7);
    assert_eq!(payload["container"]["is_ephemeral"], false);
    assert!(
        payload["response_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert!(
        payload["team"]["id"].is_string()
            && payload["api_app_id"].is_string()
            && payload["enterprise"].is_null()
    );
    // Carol sees an empty field: what is typed into a message is one's own.
    let pending = slack.person("carol").starts_pressing(&request, "Deny")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert!(payload["state"]["values"]["note"]["value"]["value"].is_null());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_click_may_come_after_the_button_has_gone() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let posted = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": request_blocks("hi")}),
    )
    .await;
    let request = slack.channel("sym-requests").next_request().await?;
    let update = json!({"channel": posted["channel"], "ts": posted["ts"], "text": "done", "blocks": [section("done")]});
    call(&slack, "chat.update", update).await;
    request.expects_no_buttons().await?;
    assert!(
        bob.starts_pressing(&request, "Approve").is_err(),
        "who looks now sees no button"
    );
    let pressing =
        tokio::spawn(async move { bob.presses_as_seen(&request, "Approve").await.map(|_| ()) });
    let payload = taken(&mut app).await;
    assert_eq!(payload["actions"][0]["action_id"], "approve");
    assert_eq!(payload["message"]["blocks"][0]["text"]["text"], "done");
    pressing.await??;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn what_people_type_is_escaped_as_slack_does() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let pending = slack
        .person("alice")
        .in_channel("general")
        .starts_typing("/sym  a <b> & c ")?
        .unwrap();
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["text"], "a &lt;b&gt; &amp; c");
    Ok(())
}

#[tokio::test]
async fn the_workspace_changes_under_the_app() -> Result<()> {
    let slack = company().await;
    let error = async |channel: &str| {
        let answer = call(
            &slack,
            "chat.postMessage",
            json!({"channel": channel, "text": "x"}),
        )
        .await;
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    slack.archives("sym-requests");
    assert_eq!(error("sym-requests").await, "is_archived");
    slack.removes_app("ops-private");
    assert_eq!(error("ops-private").await, "channel_not_found");
    slack.invites_app("secret-plans");
    assert_eq!(error("secret-plans").await, "ok");
    slack.deactivates("dave");
    assert_eq!(error("U0DAVE000").await, "channel_not_found");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn menus_in_messages_send_their_choice() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let menu = json!({"type": "static_select", "action_id": "pick", "placeholder": {"type": "plain_text", "text": "Choose"},
        "options": options(&["One", "Two"])});
    let block = json!({"type": "section", "block_id": "s", "text": {"type": "mrkdwn", "text": "Which?"}, "accessory": menu});
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "x", "blocks": [block]}),
    )
    .await;
    let message = slack.channel("general").next_message().await?;
    let choosing = tokio::spawn({
        let (bob, message) = (slack.person("bob"), message.clone());
        async move { bob.chooses(&message, "Two").await.map(|_| ()) }
    });
    let payload = taken(&mut app).await;
    choosing.await??;
    assert_eq!(payload["actions"][0]["selected_option"]["value"], "two");
    assert_eq!(
        payload["state"]["values"]["s"]["pick"]["selected_option"]["value"],
        "two"
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_response_url_answers_five_times_in_thirty_minutes_also_where_the_app_is_not()
-> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let command = async |app: &mut Socket, channel: &str| {
        let pending = alice
            .in_channel(channel)
            .starts_typing("/sym")
            .unwrap()
            .unwrap();
        let payload = taken(app).await;
        pending.answered().await.unwrap();
        payload["response_url"].as_str().unwrap().to_owned()
    };
    let respond = async |url: &str, body: Value| {
        let headers = [("Content-Type", "application/json")];
        let answer = http("POST", url, &headers, &body.to_string())
            .await
            .unwrap();
        answer.body["error"].as_str().unwrap_or("ok").to_owned()
    };
    let url = command(&mut app, "secret-plans").await;
    assert_eq!(respond(&url, json!({"text": "only you"})).await, "ok");
    alice.expects_ephemeral("only you").await?;
    assert_eq!(
        respond(
            &url,
            json!({"text": "all of you", "response_type": "in_channel"})
        )
        .await,
        "ok"
    );
    slack
        .channel("secret-plans")
        .expects_text("all of you")
        .await?;
    for _ in 0..3 {
        assert_eq!(respond(&url, json!({"text": "more"})).await, "ok");
    }
    assert_eq!(respond(&url, json!({"text": "too much"})).await, "used_url");
    let url = command(&mut app, "general").await;
    slack.advance(Duration::from_secs(30 * 60 + 1));
    assert_eq!(
        respond(&url, json!({"text": "too late"})).await,
        "expired_url"
    );
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::SpentResponseUrl)
            .len(),
        2
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_response_url_replaces_and_deletes_the_message_that_was_clicked() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let ops = slack.channel("ops-private").id().to_owned();
    call(
        &slack,
        "chat.postEphemeral",
        json!({"channel": ops, "user": bob.id(), "text": "x", "blocks": request_blocks("sure?")}),
    )
    .await;
    let private = bob.expects_ephemeral("sure?").await?;
    let headers = [("Content-Type", "application/json")];
    let pending = bob.starts_pressing(&private, "Approve")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["container"]["is_ephemeral"], true);
    assert!(
        payload.get("message").is_none(),
        "Slack does not repeat what an ephemeral said"
    );
    let url = payload["response_url"].as_str().unwrap();
    http(
        "POST",
        url,
        &headers,
        "{\"replace_original\": true, \"text\": \"done\"}",
    )
    .await?;
    private.expects_text("done").await?;
    private.expects_no_buttons().await?;
    http("POST", url, &headers, "{\"delete_original\": true}").await?;
    assert!(private.is_deleted());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn people_cannot_do_what_slack_does_not_let_them() -> Result<()> {
    let slack =
        start(Setup::company().person(PersonSetup::member("sam").single_channel_guest())).await;
    let error = async |person: &str, channel: &str, text: &str| {
        slack
            .person(person)
            .in_channel(channel)
            .types(text)
            .await
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    slack.person("sam").joins("general");
    assert!(
        error("sam", "general", "/sym")
            .await
            .contains("Guests of a single channel")
    );
    assert!(
        error("alice", "general", "/simulate")
            .await
            .contains("is not a valid command")
    );
    assert!(error("alice", "old-stuff", "hi").await.contains("archived"));
    assert!(
        error("dave", "secret-plans", "hi")
            .await
            .contains("no such conversation")
    );
    assert!(
        error("gus", "sym-requests", "hi")
            .await
            .contains("no such conversation")
    );
    let workspace = slack.workspace();
    assert!(
        workspace
            .press(
                "U0ALICE00",
                ("C0GENERAL", "1.2"),
                ("b", "a"),
                None,
                None,
                None
            )
            .is_err()
    );
    assert!(workspace.submit("U0ALICE00", "V0NONE").await.is_err());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_failed_wait_says_what_was_awaited_and_what_is_there() -> Result<()> {
    let slack = SlackSim::start(Setup::company().deadline(Duration::from_millis(80))).await?;
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "something else"}),
    )
    .await;
    let error = slack
        .channel("general")
        .expects_text("approved")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("expected a message saying \"approved\" in #general"),
        "{error}"
    );
    assert!(
        error.contains("Sym: something else") && error.contains("chat.postMessage → ok"),
        "{error}"
    );
    let error = slack
        .person("alice")
        .modal()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("a dialog to open before alice") && error.contains("(no dialog open)"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn an_expectation_never_matches_what_an_earlier_one_matched() -> Result<()> {
    let slack = SlackSim::start(Setup::company().deadline(Duration::from_millis(80))).await?;
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "U0ALICE00", "text": "approved"}),
    )
    .await;
    let alice = slack.person("alice");
    alice.dm_with_bot().expects_text("approved").await?;
    assert!(alice.dm_with_bot().expects_text("approved").await.is_err());
    Ok(())
}
