//! The browser page's JSON API: what each person is shown, and that its actions do what the driver's do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Result, Socket, call, company, http, modal, request_blocks, section, text_input};
use futures_util::StreamExt;
use serde_json::{Value, json};
use slack_sim::SlackSim;
use tokio_tungstenite::connect_async;

async fn read(slack: &SlackSim, path: &str) -> Value {
    http("GET", &format!("{}{path}", slack.page_url()), &[], "")
        .await
        .unwrap()
        .body
}

async fn state(slack: &SlackSim, user: &str) -> Value {
    read(slack, &format!("page/state?user={user}")).await
}

async fn act(slack: &SlackSim, body: Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    http(
        "POST",
        &format!("{}page/action", slack.page_url()),
        &headers,
        &body.to_string(),
    )
    .await
    .unwrap()
    .body
}

fn channel<'a>(state: &'a Value, name: &str) -> Option<&'a Value> {
    state["channels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == name)
}

#[tokio::test]
async fn the_page_knows_the_workspace() -> Result<()> {
    let slack = company().await;
    slack.set_links(&[("Web app", "http://127.0.0.1:7374/")]);
    let people = read(&slack, "page/people").await;
    assert_eq!(
        (&people["team"], &people["app"]["name"]),
        (&json!("Acme"), &json!("Sym"))
    );
    assert_eq!(people["commands"][0]["command"], "/sym");
    assert_eq!(people["shortcuts"][0]["callback_id"], "sym_request");
    assert_eq!(
        state(&slack, "U0ALICE00").await["links"],
        json!([{"label": "Web app", "url": "http://127.0.0.1:7374/"}])
    );
    let names: Vec<&str> = people["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["alice", "bob", "carol", "dave", "erin", "gus"]);
    let names = read(&slack, "page/names").await;
    assert_eq!(
        (
            &names["users"]["U0ALICE00"],
            &names["channels"]["C0GENERAL"]
        ),
        (&json!("alice"), &json!("general"))
    );
    Ok(())
}

#[tokio::test]
async fn everybody_sees_what_is_theirs() -> Result<()> {
    let slack = company().await;
    let ops = slack.channel("ops-private").id().to_owned();
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": ops, "text": "for all in ops"}),
    )
    .await;
    call(
        &slack,
        "chat.postEphemeral",
        json!({"channel": ops, "user": "U0ALICE00", "text": "for alice"}),
    )
    .await;
    let (alice, bob, dave, gus) = (
        state(&slack, "U0ALICE00").await,
        state(&slack, "U0BOB0000").await,
        state(&slack, "U0DAVE000").await,
        state(&slack, "U0GUS0000").await,
    );
    let texts = |state: &Value| -> Vec<String> {
        let messages = channel(state, "ops-private").unwrap()["messages"]
            .as_array()
            .unwrap()
            .clone();
        messages
            .iter()
            .map(|m| m["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(&alice), ["for all in ops", "for alice"]);
    assert_eq!(texts(&bob), ["for all in ops"]);
    assert!(channel(&dave, "ops-private").is_none() && channel(&dave, "sym-requests").is_some());
    assert!(channel(&gus, "sym-requests").is_none() && channel(&gus, "general").is_some());
    assert_eq!(channel(&bob, "ops-private").unwrap()["unread"], 1);
    assert_eq!(channel(&bob, "old-stuff").unwrap()["archived"], true);
    act(
        &slack,
        json!({"user": "U0BOB0000", "action": "read", "channel": ops}),
    )
    .await;
    assert_eq!(
        channel(&state(&slack, "U0BOB0000").await, "ops-private").unwrap()["unread"],
        0
    );
    Ok(())
}

#[tokio::test]
async fn private_answers_elsewhere_push_none_out() -> Result<()> {
    let slack = company().await;
    let ops = slack.channel("ops-private").id().to_owned();
    let dm = call(&slack, "conversations.open", json!({"users": "U0ALICE00"})).await;
    let dm = dm["channel"]["id"].as_str().unwrap().to_owned();
    for number in 0..=200 {
        let place = if number == 0 { &dm } else { &ops };
        let answer = json!({"channel": place, "user": "U0ALICE00", "text": "psst"});
        let told = call(&slack, "chat.postEphemeral", answer).await;
        assert_eq!(told["ok"], true, "{told}");
    }
    let shown = state(&slack, "U0ALICE00").await;
    let count = |id: &str| {
        let mut channels = shown["channels"].as_array().unwrap().iter();
        let channel = channels.find(|channel| channel["id"] == id).unwrap();
        channel["messages"].as_array().unwrap().len()
    };
    assert_eq!((count(&dm), count(&ops)), (1, 200));
    Ok(())
}

#[tokio::test]
async fn the_page_plays_a_request_from_command_to_click() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let user = "U0ALICE00";
    let done = act(&slack, json!({"user": user, "action": "command", "channel": "C0GENERAL", "text": "/sym req approval"})).await;
    assert_eq!(done, json!({"ok": true}));
    let envelope = app.next().await;
    app.ack(&envelope).await;
    let view = modal(json!([text_input("why", "Why")]));
    call(
        &slack,
        "views.open",
        json!({"trigger_id": envelope["payload"]["trigger_id"], "view": view}),
    )
    .await;
    let shown = state(&slack, user).await["view"].clone();
    assert_eq!(
        (&shown["type"], &shown["stack_depth"], &shown["loading"]),
        (&json!("modal"), &json!(1), &json!(false))
    );
    let view_id = shown["id"].as_str().unwrap().to_owned();

    let answer = act(
        &slack,
        json!({"user": user, "action": "submit", "view_id": view_id}),
    )
    .await;
    assert_eq!(answer, json!({"ok": true, "result": "incomplete"}));
    let shown = state(&slack, user).await["view"].clone();
    assert_eq!(
        shown["errors"]["why"],
        "Please complete this required field."
    );
    let value = json!({"type": "plain_text_input", "value": "deploy"});
    act(&slack, json!({"user": user, "action": "input", "view_id": view_id, "block_id": "why", "action_id": "value", "value": value})).await;
    let shown = state(&slack, user).await["view"].clone();
    assert_eq!(shown["state"]["values"]["why"]["value"], value);
    let submitting = tokio::spawn({
        let slack = slack.clone();
        async move {
            act(
                &slack,
                json!({"user": user, "action": "submit", "view_id": view_id}),
            )
            .await
        }
    });
    let envelope = app.next().await;
    assert_eq!(state(&slack, user).await["view"]["loading"], true);
    app.ack(&envelope).await;
    assert_eq!(submitting.await?["result"], "closed");
    assert!(state(&slack, user).await["view"].is_null());

    let posted = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": request_blocks("hi")}),
    )
    .await;
    let press = json!({"user": "U0BOB0000", "action": "press", "channel": posted["channel"], "ts": posted["ts"],
        "block_id": "decide", "action_id": "approve", "value": "approve", "state": {"values": {}}});
    assert_eq!(act(&slack, press).await, json!({"ok": true}));
    let envelope = app.next().await;
    assert_eq!(envelope["payload"]["actions"][0]["value"], "approve");
    app.ack(&envelope).await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn what_was_drawn_is_what_is_pressed() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let posted = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": request_blocks("hi")}),
    )
    .await;
    let (place, ts) = (posted["channel"].clone(), posted["ts"].clone());
    let drawn =
        channel(&state(&slack, "U0BOB0000").await, "sym-requests").unwrap()["messages"][0].clone();
    let press = async |version: &Value| {
        let press = json!({"user": "U0BOB0000", "action": "press", "channel": place, "ts": ts, "version": version,
            "block_id": "decide", "action_id": "approve", "value": "approve"});
        act(&slack, press).await
    };
    let change = async || {
        let change =
            json!({"channel": place, "ts": ts, "text": "done", "blocks": [section("done")]});
        assert_eq!(call(&slack, "chat.update", change).await["ok"], true);
    };
    change().await;
    assert_eq!(press(&drawn["version"]).await, json!({"ok": true}));
    let envelope = app.next().await;
    assert_eq!(envelope["payload"]["actions"][0]["value"], "approve");
    assert_eq!(
        envelope["payload"]["message"]["text"], "done",
        "the app hears what it is now"
    );
    app.ack(&envelope).await;

    change().await;
    for not_drawn in [json!(1), Value::Null, json!(7)] {
        let refused = press(&not_drawn).await["error"].to_string();
        assert!(refused.contains("has changed"), "{not_drawn}: {refused}");
    }
    for _ in 0..3 {
        change().await;
    }
    assert_eq!(press(&drawn["version"]).await["ok"], false, "too long ago");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn refusals_are_texts_for_the_person() -> Result<()> {
    let slack = company().await;
    let refused = async |body: Value| {
        act(&slack, body).await["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let user = "U0ALICE00";
    assert!(
        refused(json!({"user": user, "action": "say", "channel": "C0OLDSTUFF", "text": "x"}))
            .await
            .contains("archived")
    );
    assert!(
        refused(json!({"user": user, "action": "command", "channel": "C0GENERAL", "text": "/x"}))
            .await
            .contains("not a valid command")
    );
    assert!(
        refused(json!({"user": user, "action": "shortcut", "callback_id": "x"}))
            .await
            .contains("no such shortcut")
    );
    assert!(
        refused(json!({"user": "U0NOBODY0", "action": "open_home"}))
            .await
            .contains("no such person")
    );
    assert!(
        refused(json!({"user": user, "action": "dance"}))
            .await
            .contains("does not understand")
    );
    act(
        &slack,
        json!({"user": user, "action": "command", "channel": "C0GENERAL", "text": "/sym"}),
    )
    .await;
    slack
        .person("alice")
        .expects_toast("dispatch_failed")
        .await?;
    let toast = state(&slack, user).await["toasts"][0].clone();
    act(
        &slack,
        json!({"user": user, "action": "dismiss_toast", "id": toast["id"]}),
    )
    .await;
    assert_eq!(state(&slack, user).await["toasts"], json!([]));
    let dm = act(
        &slack,
        json!({"user": user, "action": "open_dm", "with": "U0SYMBOT0"}),
    )
    .await;
    assert_eq!(dm["ok"], true, "{dm}");
    Ok(())
}

#[tokio::test]
async fn changes_are_announced_as_they_happen() -> Result<()> {
    let slack = company().await;
    let address = slack.page_url().replace("http://", "ws://");
    let (mut page, _) = connect_async(format!("{address}page/events")).await?;
    let mut next = async || {
        let said = tokio::time::timeout(Duration::from_secs(2), page.next()).await?;
        Ok::<String, Box<dyn std::error::Error>>(said.ok_or("the end")??.into_text()?.to_string())
    };
    assert_eq!(next().await?, "changed", "the first tells the page to look");
    slack.workspace().say("U0BOB0000", "C0GENERAL", "hello")?;
    assert_eq!(next().await?, "changed");
    slack.set_links(&[("Web app", "http://127.0.0.1:7374/")]);
    assert_eq!(next().await?, "changed");
    Ok(())
}
