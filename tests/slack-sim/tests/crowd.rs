//! Many people at once: every request reaches its own end, nobody waits for somebody else's answer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Result, Socket, call, modal, request_blocks, section, start, text_input};
use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use slack_sim::{DriverError, PersonSetup, Setup, SlackSim};
use tokio::time::Instant;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const PEOPLE: usize = 32;
const REQUESTS_EACH: usize = 4;

/// An app that acks at once and does the rest aside.
async fn run_app(slack: SlackSim) {
    let (ws, _) = connect_async(Socket::url(&slack).await).await.unwrap();
    let (mut out, mut incoming) = ws.split();
    while let Some(Ok(frame)) = incoming.next().await {
        let Message::Text(text) = frame else { continue };
        let envelope: Value = serde_json::from_str(&text).unwrap();
        let Some(id) = envelope["envelope_id"].as_str() else {
            continue;
        };
        out.send(Message::text(json!({"envelope_id": id}).to_string()))
            .await
            .unwrap();
        tokio::spawn(handle(slack.clone(), envelope["payload"].clone()));
    }
}

async fn handle(slack: SlackSim, payload: Value) {
    let answer = match payload["type"].as_str() {
        None => {
            let view = modal(json!([text_input("why", "Why")]));
            call(
                &slack,
                "views.open",
                json!({"trigger_id": payload["trigger_id"], "view": view}),
            )
            .await
        }
        Some("view_submission") => {
            let who = payload["user"]["id"].as_str().unwrap();
            let why = payload["view"]["state"]["values"]["why"]["value"]["value"]
                .as_str()
                .unwrap();
            let mut blocks = request_blocks(&format!("<@{who}> asks: {why}"));
            blocks[1]["elements"][0]["value"] = json!(who);
            call(
                &slack,
                "chat.postMessage",
                json!({"channel": "sym-requests", "text": why, "blocks": blocks}),
            )
            .await
        }
        _ => {
            let requester = &payload["actions"][0]["value"];
            let update = json!({"channel": payload["channel"]["id"], "ts": payload["message"]["ts"], "text": "done",
                "blocks": [section("Approved")]});
            call(&slack, "chat.update", update).await;
            let text = format!("approved: {}", payload["message"]["text"].as_str().unwrap());
            call(
                &slack,
                "chat.postMessage",
                json!({"channel": requester, "text": text}),
            )
            .await
        }
    };
    assert_eq!(answer["ok"], true, "{answer}");
}

async fn one_person(slack: SlackSim, name: String) -> std::result::Result<(), DriverError> {
    let person = slack.person(&name);
    let bob = slack.person("bob");
    let mut requests = slack.channel("sym-requests").from_now();
    for i in 0..REQUESTS_EACH {
        let why = format!("{name} number {i}");
        let form = person
            .in_channel("general")
            .types("/sym")
            .await?
            .modal()
            .await?;
        form.fill("Why", &why).submit().await?;
        let request = requests.next_where(&why, |_, m| m.text == why).await?;
        bob.presses(&request, "Approve").await?;
        request.expects_no_buttons().await?;
        person
            .dm_with_bot()
            .expects_text(&format!("approved: {why}"))
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_people_at_a_time_each_get_their_own_answers() -> Result<()> {
    let names: Vec<String> = (0..PEOPLE).map(|i| format!("person{i}")).collect();
    let mut setup = names.iter().fold(Setup::company(), |s, name| {
        s.person(PersonSetup::member(name))
    });
    for channel in &mut setup.channels {
        if channel.name == "general" {
            channel.members = None;
        }
    }
    let slack = start(setup).await;
    let app = tokio::spawn(run_app(slack.clone()));
    slack.connected(1).await?;
    let started = Instant::now();
    try_join_all(
        names
            .into_iter()
            .map(|name| one_person(slack.clone(), name)),
    )
    .await?;
    let all = PEOPLE * REQUESTS_EACH;
    let rate = all as f64 / started.elapsed().as_secs_f64();
    assert_eq!(slack.channel("sym-requests").message_count(), all);
    slack.expect_no_violations()?;
    // Far below what it does even unoptimised and beside other tests: a sign of quadratic work, not a measurement.
    assert!(rate > 20.0, "{rate:.0} requests/s");
    app.abort();
    Ok(())
}
