//! Socket Mode from outside: tickets, connections, envelopes and what is judged about acks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Result, Socket, call_as, company, start};
use serde_json::{Value, json};
use slack_sim::{Setup, SlackSim, SocketFault, ViolationKind};
use tokio_tungstenite::connect_async;

/// Acks that miss their time miss it soon.
fn hurried() -> Setup {
    Setup::company().ack_timeout(Duration::from_millis(150))
}

fn kinds(slack: &SlackSim) -> Vec<ViolationKind> {
    slack.violations().into_iter().map(|v| v.kind).collect()
}

#[tokio::test]
async fn a_socket_url_is_good_for_one_connection() -> Result<()> {
    let slack = company().await;
    let url = Socket::url(&slack).await;
    let (_first, _) = connect_async(&url).await?;
    assert!(
        connect_async(&url).await.is_err(),
        "the ticket was used twice"
    );
    let late = Socket::url(&slack).await;
    slack.advance(Duration::from_secs(31));
    assert!(
        connect_async(&late).await.is_err(),
        "the ticket was too old"
    );
    Ok(())
}

#[tokio::test]
async fn hello_tells_about_the_connection() -> Result<()> {
    let slack = company().await;
    let first = Socket::open(&slack).await;
    assert_eq!(first.hello["num_connections"], 1);
    assert_eq!(first.hello["connection_info"]["app_id"], "A0SYM0000");
    assert_eq!(
        first.hello["debug_info"]["approximate_connection_time"],
        18_060
    );
    let url = format!("{}&debug_reconnects=true", Socket::url(&slack).await);
    let (mut ws, _) = connect_async(url).await?;
    let text = futures_util::StreamExt::next(&mut ws)
        .await
        .unwrap()?
        .into_text()?;
    let hello: Value = serde_json::from_str(&text)?;
    assert_eq!(
        (
            &hello["num_connections"],
            &hello["debug_info"]["approximate_connection_time"]
        ),
        (&json!(2), &json!(360))
    );
    Ok(())
}

#[tokio::test]
async fn the_eleventh_connection_is_turned_away() -> Result<()> {
    let slack = company().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Socket::open(&slack).await);
    }
    let (mut ws, _) = connect_async(Socket::url(&slack).await).await?;
    let text = futures_util::StreamExt::next(&mut ws)
        .await
        .unwrap()?
        .into_text()?;
    assert!(text.contains("too_many_websockets"), "{text}");
    Ok(())
}

#[tokio::test]
async fn each_envelope_goes_to_one_connection_in_turn() -> Result<()> {
    let slack = company().await;
    let (mut a, mut b) = (Socket::open(&slack).await, Socket::open(&slack).await);
    slack.connected(2).await?;
    let place = slack.person("alice").in_channel("general");
    for _ in 0..2 {
        let (one, two) = (
            place.starts_typing("/sym one")?.unwrap(),
            place.starts_typing("/sym two")?.unwrap(),
        );
        for socket in [&mut a, &mut b] {
            let envelope = socket.next().await;
            socket.ack(&envelope).await;
        }
        one.answered().await?;
        two.answered().await?;
    }
    assert_eq!(slack.counter("envelopes"), 4);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn nobody_connected_is_told_to_the_person() -> Result<()> {
    let slack = company().await;
    let alice = slack.person("alice");
    let error = alice
        .in_channel("general")
        .types("/sym")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("/sym failed with the error \"dispatch_failed\""),
        "{error}"
    );
    alice.expects_toast("dispatch_failed").await?;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_missing_ack_is_a_violation_and_an_error_before_the_person() -> Result<()> {
    let slack = start(hurried()).await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let pending = alice.in_channel("general").starts_typing("/sym")?.unwrap();
    let envelope = app.next().await;
    let error = pending.answered().await.unwrap_err();
    assert_eq!(error.0, "/sym failed with the error \"operation_timeout\"");
    assert_eq!(kinds(&slack), [ViolationKind::MissingAck]);
    app.ack(&envelope).await;
    wait_for_violations(&slack, 2).await;
    assert_eq!(kinds(&slack)[1], ViolationKind::LateAck);
    Ok(())
}

async fn wait_for_violations(slack: &SlackSim, count: usize) {
    let all = async {
        while slack.violations().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), all)
        .await
        .expect("more violations");
}

#[tokio::test]
async fn acks_of_nothing_twice_and_with_unwanted_payloads_are_violations() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    app.send(json!({"envelope_id": "nonsense"})).await;
    app.send(json!({"hello": "world"})).await;
    wait_for_violations(&slack, 2).await;
    let shortcut = slack
        .workspace()
        .shortcut(slack.person("alice").id(), "sym_request")?;
    let envelope = app.next().await;
    assert_eq!(envelope["payload"]["type"], "shortcut");
    app.ack_with(&envelope, json!({"text": "nobody reads this"}))
        .await;
    app.ack(&envelope).await;
    shortcut.answered().await?;
    wait_for_violations(&slack, 4).await;
    use ViolationKind::{BadSocketMessage, DoubleAck, MalformedAck, UnknownAck};
    assert_eq!(
        kinds(&slack),
        [UnknownAck, BadSocketMessage, MalformedAck, DoubleAck]
    );
    Ok(())
}

#[tokio::test]
async fn an_ack_may_answer_a_command() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let pending = alice.in_dm_with("bob").starts_typing("/sym help")?.unwrap();
    let envelope = app.next().await;
    assert_eq!(envelope["payload"]["channel_name"], "directmessage");
    app.ack_with(&envelope, json!({"text": "Here is how"}))
        .await;
    pending.answered().await?;
    alice.expects_ephemeral("here is how").await?;
    assert!(slack.person("bob").ephemerals().is_empty());
    let pending = alice.in_dm_with("bob").starts_typing("/sym help")?.unwrap();
    let envelope = app.next().await;
    app.ack_with(&envelope, json!({"txt": "Here is how"})).await;
    assert!(pending.answered().await.is_err());
    assert_eq!(kinds(&slack), [ViolationKind::MalformedAck]);
    Ok(())
}

#[tokio::test]
async fn events_without_an_ack_come_again() -> Result<()> {
    let waits = [Duration::ZERO, Duration::from_millis(50)];
    let slack = start(hurried().event_retries(&waits)).await;
    let mut app = Socket::open(&slack).await;
    slack.person("alice").opens_home()?;
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let envelope = app.next().await;
        assert_eq!(envelope["payload"]["event"]["type"], "app_home_opened");
        attempts.push((
            envelope["retry_attempt"].as_u64().unwrap(),
            envelope["retry_reason"].as_str().unwrap().to_owned(),
        ));
    }
    assert_eq!(
        attempts,
        [
            (0, String::new()),
            (1, "timeout".into()),
            (2, "timeout".into())
        ]
    );
    assert!(app.try_next().await.is_none(), "three attempts are all");
    Ok(())
}

#[tokio::test]
async fn messages_in_the_apps_dm_are_events_if_it_subscribed() -> Result<()> {
    let slack = start(Setup::company().event("message.im")).await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    alice.in_channel("general").types("not for the app").await?;
    alice.in_dm_with_bot().types("hello").await?;
    let envelope = app.next().await;
    assert_eq!(envelope["type"], "events_api");
    let event = &envelope["payload"]["event"];
    assert_eq!(
        (&event["type"], &event["channel_type"], &event["text"]),
        (&json!("message"), &json!("im"), &json!("hello"))
    );
    assert_eq!(envelope["payload"]["type"], "event_callback");
    app.ack(&envelope).await;
    Ok(())
}

#[tokio::test]
async fn a_duplicate_is_delivered_twice_and_acked_twice() -> Result<()> {
    let slack = company().await;
    let (mut a, mut b) = (Socket::open(&slack).await, Socket::open(&slack).await);
    slack.connected(2).await?;
    slack.faults().next_envelope(SocketFault::Duplicate);
    let pending = slack
        .person("alice")
        .in_channel("general")
        .starts_typing("/sym")?
        .unwrap();
    let (one, two) = (a.next().await, b.next().await);
    assert_eq!(one["envelope_id"], two["envelope_id"]);
    a.ack(&one).await;
    b.ack(&two).await;
    pending.answered().await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_duplicate_may_come_after_all_is_done() -> Result<()> {
    let slack = start(hurried()).await;
    let mut app = Socket::open(&slack).await;
    let wait = Duration::from_millis(250);
    slack
        .faults()
        .next_envelope(SocketFault::DuplicateAfter(wait));
    let place = slack.person("alice").in_group_with(&["bob", "carol"]);
    let pending = place.starts_typing("/sym")?.unwrap();
    let first = app.next().await;
    app.ack(&first).await;
    pending.answered().await?;
    let second = app.next().await;
    assert_eq!(second, first);
    app.ack(&second).await;
    app.ack(&second).await;
    wait_for_violations(&slack, 1).await;
    assert_eq!(
        kinds(&slack),
        [ViolationKind::DoubleAck],
        "the third ack, not the second"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_ack_and_a_cut_socket_are_nobodys_fault() -> Result<()> {
    let slack = start(hurried()).await;
    let mut app = Socket::open(&slack).await;
    let place = slack.person("alice").in_channel("general");
    slack.faults().next_envelope(SocketFault::LoseAck);
    let pending = place.starts_typing("/sym")?.unwrap();
    let envelope = app.next().await;
    app.ack(&envelope).await;
    assert!(pending.answered().await.is_err());

    slack.faults().next_envelope(SocketFault::CutAfter);
    let pending = place.starts_typing("/sym")?.unwrap();
    assert_eq!(app.next().await["type"], "slash_commands");
    assert!(app.ends().await);
    assert!(pending.answered().await.is_err());

    let mut app = Socket::open(&slack).await;
    slack.faults().next_envelope(SocketFault::CutBefore);
    let pending = place.starts_typing("/sym")?.unwrap();
    assert!(app.try_next().await.is_none());
    assert!(pending.answered().await.is_err());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn an_app_that_dies_is_not_blamed_but_one_that_leaves_without_acking_is() -> Result<()> {
    let slack = start(Setup::company().ack_timeout(Duration::from_millis(600))).await;
    let mut app = Socket::open(&slack).await;
    let place = slack.person("alice").in_channel("general");
    let pending = place.starts_typing("/sym")?.unwrap();
    app.next().await;
    drop(app);
    assert!(pending.answered().await.is_err());
    slack.expect_no_violations()?;

    let mut app = Socket::open(&slack).await;
    let pending = place.starts_typing("/sym")?.unwrap();
    app.next().await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    app.close().await;
    assert!(pending.answered().await.is_err());
    assert_eq!(kinds(&slack), [ViolationKind::MissingAck]);
    Ok(())
}

#[tokio::test]
async fn envelopes_may_follow_right_behind_a_disconnect() -> Result<()> {
    let slack = company().await;
    let (mut a, mut b) = (Socket::open(&slack).await, Socket::open(&slack).await);
    slack.connected(2).await?;
    slack
        .faults()
        .next_envelope(SocketFault::RefreshBurst { more: 1 });
    let place = slack.person("alice").in_channel("general");
    let (one, two) = (
        place.starts_typing("/sym 1")?.unwrap(),
        place.starts_typing("/sym 2")?.unwrap(),
    );
    let goodbye = a.next().await;
    assert_eq!(
        (&goodbye["type"], &goodbye["reason"]),
        (&json!("disconnect"), &json!("refresh_requested"))
    );
    for pending in [one, two] {
        let envelope = a.next().await;
        a.ack(&envelope).await;
        pending.answered().await?;
    }
    let third = place.starts_typing("/sym 3")?.unwrap();
    let envelope = b.next().await;
    b.ack(&envelope).await;
    third.answered().await?;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_half_open_socket_swallows_what_is_sent_to_it() -> Result<()> {
    let slack = start(hurried().ping_interval(Duration::from_millis(60))).await;
    let mut app = Socket::open(&slack).await;
    slack.workspace().freeze_sockets();
    assert_eq!(
        slack.workspace().connections(),
        1,
        "Slack has not noticed yet"
    );
    assert!(
        slack
            .person("alice")
            .in_channel("general")
            .types("/sym")
            .await
            .is_err()
    );
    assert!(app.try_next().await.is_none());
    slack.disconnected_below(1).await?;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn connections_are_warned_replaced_and_ended() -> Result<()> {
    let slack = start(Setup::company().connection_lifetime(Duration::from_secs(11))).await;
    let mut app = Socket::open(&slack).await;
    let warning = app.next().await;
    assert_eq!(
        (&warning["type"], &warning["reason"]),
        (&json!("disconnect"), &json!("warning"))
    );
    let pending = slack
        .person("alice")
        .in_channel("general")
        .starts_typing("/sym")?
        .unwrap();
    let envelope = app.next().await;
    app.ack(&envelope).await;
    pending.answered().await?;
    slack.workspace().request_refresh();
    assert_eq!(app.next().await["reason"], "refresh_requested");
    assert_eq!(slack.workspace().connections(), 0);
    let mut next = Socket::open(&slack).await;
    slack.workspace().disable_link();
    loop {
        let message = next.next().await;
        if message["reason"] == "link_disabled" {
            break;
        }
    }
    assert!(next.ends().await);
    Ok(())
}

#[tokio::test]
async fn a_silent_peer_is_dropped_after_unanswered_pings() -> Result<()> {
    let slack = start(Setup::company().ping_interval(Duration::from_millis(150))).await;
    let mut app = Socket::open(&slack).await;
    // Reading answers pings.
    let reading = tokio::time::timeout(Duration::from_millis(900), app.try_next()).await;
    assert!(reading.is_err(), "a peer that answers stays");
    assert_eq!(slack.workspace().connections(), 1);
    // Not reading any more does not.
    slack.disconnected_below(1).await?;
    drop(app);
    Ok(())
}

#[tokio::test]
async fn a_closing_handshake_is_finished_by_the_other_side() -> Result<()> {
    use futures_util::StreamExt;
    let slack = company().await;
    let (mut ws, _) = connect_async(Socket::url(&slack).await).await?;
    slack.connected(1).await?;
    ws.close(None).await?;
    let mut answered = false;
    while let Some(frame) = ws.next().await {
        answered |= frame?.is_close();
    }
    assert!(answered, "the close was not answered");
    slack.disconnected_below(1).await?;
    Ok(())
}

#[tokio::test]
async fn opening_connections_can_fail_too() -> Result<()> {
    let slack = company().await;
    slack.faults().next(
        "apps.connections.open",
        slack_sim::Fault::RateLimited {
            retry_after_seconds: 7,
        },
    );
    let answer = call_as(
        &slack,
        &slack.app_token(),
        "apps.connections.open",
        json!({}),
    )
    .await?;
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains("retry-after: 7"));
    Ok(())
}
