#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use futures_util::FutureExt;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::slack::fake::{Answer, FakeSlack, envelope};

/// Handlers by the text of the command: `echo`, `panic`, `wait` (until released).
#[derive(Default)]
struct Bot {
    handled: Mutex<Vec<String>>,
    begun: AtomicUsize,
    release: Option<Arc<Semaphore>>,
}

impl EnvelopeHandler for Bot {
    fn handle(&self, envelope: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let text = envelope.payload["text"].as_str().unwrap_or_default();
            match text {
                "panic" => panic!("deliberate"),
                "wait" => {
                    let release = self.release.as_ref().unwrap();
                    release.acquire().await.unwrap().forget();
                }
                _ => {}
            }
            let mut handled = self.handled.lock().unwrap();
            handled.push(envelope.envelope_id.clone());
            Some(json!({"text": text}))
        }
        .boxed()
    }
}

fn quick(connections: usize) -> SocketConfig {
    SocketConfig {
        connections,
        hello_within: Duration::from_millis(300),
        linger: Duration::from_millis(400),
        answer_within: Duration::from_millis(250),
        drain_within: Duration::from_secs(2),
        close_within: Duration::from_millis(300),
        backoff_first: Duration::from_millis(20),
        backoff_longest: Duration::from_millis(100),
        ..SocketConfig::default()
    }
}

fn start(slack: &FakeSlack, connections: usize, bot: &Arc<Bot>) -> SocketHandle {
    SocketMode::start(slack.api(), quick(connections), bot.clone())
}

fn command(id: &str, text: &str) -> Value {
    let url = "https://hooks.slack.com/commands/1";
    envelope(
        id,
        "slash_commands",
        &json!({"text": text, "user_id": "U1", "response_url": url}),
    )
}

async fn until(mut condition: impl FnMut() -> bool) {
    timeout(Duration::from_secs(5), async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("it did not happen");
}

async fn connected(handle: &SocketHandle, number: usize) {
    let mut connected = handle.connected();
    timeout(
        Duration::from_secs(5),
        connected.wait_for(|now| *now == number),
    )
    .await
    .expect("the number of connections is another")
    .unwrap();
}

#[tokio::test]
async fn an_envelope_is_acknowledged_with_its_handlers_answer_on_its_own_connection() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 2, &bot);
    let mut first = slack.accept_and_greet().await;
    let mut second = slack.accept_and_greet().await;
    connected(&handle, 2).await;
    second.send(&command("e2", "two")).await;
    first.send(&command("e1", "one")).await;
    let ack = first.ack().await.unwrap();
    assert_eq!(
        ack,
        json!({"envelope_id": "e1", "payload": {"text": "one"}})
    );
    assert_eq!(second.ack().await.unwrap()["envelope_id"], "e2");
}

#[tokio::test]
async fn a_slow_handler_delays_no_other_envelope() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let _handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    socket
        .burst(&[command("slow", "wait"), command("fast", "echo")])
        .await;
    assert_eq!(socket.ack().await.unwrap()["envelope_id"], "fast");
    bot.release.as_ref().unwrap().add_permits(1);
    assert_eq!(socket.ack().await.unwrap()["envelope_id"], "slow");
}

#[tokio::test]
async fn envelopes_right_behind_a_refresh_are_handled_and_acknowledged() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut old = slack.accept_and_greet().await;
    let refresh = json!({"type": "disconnect", "reason": "refresh_requested"});
    old.burst(&[
        command("a", ""),
        refresh,
        command("b", ""),
        command("c", ""),
    ])
    .await;
    let mut acked = Vec::new();
    for _ in 0..3 {
        acked.push(
            old.ack().await.unwrap()["envelope_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    acked.sort();
    assert_eq!(acked, ["a", "b", "c"]);
    // The successor is there while the old one is still read, and the old one is then closed.
    let mut new = slack.accept_and_greet().await;
    connected(&handle, 2).await;
    old.send(&command("late", "")).await;
    assert_eq!(old.ack().await.unwrap()["envelope_id"], "late");
    new.send(&command("d", "")).await;
    assert_eq!(new.ack().await.unwrap()["envelope_id"], "d");
    assert_eq!(old.ack().await, None);
    connected(&handle, 1).await;
    assert!(
        slack.stays_alone(Duration::from_millis(100)).await,
        "a connection too many"
    );
}

#[tokio::test]
async fn repeated_refreshes_leak_no_connection() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut sockets = vec![slack.accept_and_greet().await];
    for number in 0..6 {
        let id = format!("e{number}");
        let refresh = json!({"type": "disconnect", "reason": "warning"});
        let last = sockets.last_mut().unwrap();
        last.burst(&[command(&id, ""), refresh.clone(), refresh])
            .await;
        sockets.push(slack.accept_and_greet().await);
    }
    let mut newest = sockets.pop().unwrap();
    for mut old in sockets {
        assert!(old.ack().await.is_some());
        assert_eq!(old.ack().await, None, "an old connection stays open");
    }
    connected(&handle, 1).await;
    newest.send(&command("last", "")).await;
    assert_eq!(newest.ack().await.unwrap()["envelope_id"], "last");
}

#[tokio::test]
async fn an_old_connection_is_read_until_its_successor_is_there() {
    let mut slack = FakeSlack::start().await;
    for _ in 0..8 {
        slack.script("apps.connections.open", Answer::Reset);
    }
    let bot = Arc::new(Bot::default());
    let _handle = start(&slack, 1, &bot);
    let mut old = slack.accept_and_greet().await;
    for _ in 0..20 {
        slack.script("apps.connections.open", Answer::Reset);
    }
    old.send(&json!({"type": "disconnect", "reason": "refresh_requested"}))
        .await;
    sleep(quick(1).linger + Duration::from_millis(150)).await;
    old.send(&command("late", "")).await;
    assert_eq!(old.ack().await.unwrap()["envelope_id"], "late");
}

#[tokio::test]
async fn a_cut_connection_is_replaced_and_work_in_flight_goes_on() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    socket.send(&command("e1", "wait")).await;
    until(|| bot.begun.load(Ordering::SeqCst) == 1).await;
    drop(socket);
    let mut socket = slack.accept_and_greet().await;
    bot.release.as_ref().unwrap().add_permits(1);
    until(|| handle.stats().unacknowledged == 1).await;
    assert_eq!(*bot.handled.lock().unwrap(), ["e1"]);
    // Slack delivers it again: acknowledged with the first answer, not handled twice.
    socket.send(&command("e1", "wait")).await;
    assert_eq!(socket.ack().await.unwrap()["payload"]["text"], "wait");
    assert_eq!(*bot.handled.lock().unwrap(), ["e1"]);
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_and_replaced() {
    let mut slack = FakeSlack::start().await;
    let config = SocketConfig {
        ping_every: Duration::from_millis(50),
        dead_after: Duration::from_millis(200),
        ..quick(1)
    };
    let dead_after = config.dead_after;
    let _handle = SocketMode::start(slack.api(), config, Arc::new(Bot::default()));
    // Held, but not read any more: no pong comes back.
    let _silent = slack.accept_and_greet().await;
    let started = Instant::now();
    let mut next = slack.accept_and_greet().await;
    assert!(started.elapsed() >= dead_after);
    next.send(&command("e1", "")).await;
    assert!(next.ack().await.is_some());
}

#[tokio::test]
async fn a_socket_without_a_hello_is_replaced() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut mute = slack.accept().await;
    assert_eq!(mute.ack().await, None);
    let _good = slack.accept_and_greet().await;
    connected(&handle, 1).await;
}

#[tokio::test]
async fn a_panic_is_contained_answered_and_leaves_the_connection_working() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    socket
        .burst(&[command("p", "panic"), command("e", "echo")])
        .await;
    let mut acks = [socket.ack().await.unwrap(), socket.ack().await.unwrap()];
    acks.sort_by_key(|ack| ack["envelope_id"].to_string());
    assert_eq!(acks[0]["envelope_id"], "e");
    let told = acks[1]["payload"]["text"].as_str().unwrap();
    assert!(told.contains("was not done"), "{told}");
    assert_eq!(handle.stats().panicked, 1);
    // It was not done, so when it comes again it is tried again.
    socket.send(&command("p", "panic")).await;
    socket.ack().await.unwrap();
    assert_eq!(handle.stats().panicked, 2);
}

#[tokio::test]
async fn the_panic_of_a_click_is_told_at_its_response_url() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let _handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    let url = format!("http://{}/actions/1", slack.address);
    let click = json!({"type": "block_actions", "text": "panic", "user": {"id": "U1"}, "response_url": url});
    socket.send(&envelope("e1", "interactive", &click)).await;
    assert_eq!(socket.ack().await.unwrap(), json!({"envelope_id": "e1"}));
    until(|| !slack.calls("/actions/1").is_empty()).await;
    let told = &slack.calls("/actions/1")[0].body;
    assert_eq!(told["replace_original"], false);
}

#[tokio::test]
async fn an_event_whose_handler_panicked_is_not_acknowledged() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    let event = envelope("e1", "events_api", &json!({"text": "panic"}));
    socket.send(&event).await;
    until(|| handle.stats().unacknowledged == 1).await;
    assert!(socket.stays_silent(Duration::from_millis(60)).await);
}

#[tokio::test]
async fn a_late_handler_is_answered_honestly_within_slacks_time() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    let view = json!({"blocks": [{"type": "input", "block_id": "reason"}]});
    let form = json!({"type": "view_submission", "text": "wait", "view": view});
    socket.send(&envelope("e1", "interactive", &form)).await;
    let ack = socket.ack().await.unwrap();
    let told = ack["payload"]["errors"]["reason"].as_str().unwrap();
    assert!(told.contains("longer"), "{told}");
    // The handler was not stopped.
    bot.release.as_ref().unwrap().add_permits(1);
    until(|| bot.handled.lock().unwrap().len() == 1).await;
    assert_eq!(handle.stats().overdue, 1);
    assert!(
        socket.stays_silent(Duration::from_millis(50)).await,
        "acknowledged twice"
    );
}

#[tokio::test]
async fn the_late_answer_of_a_command_comes_to_its_response_url_or_by_direct_message() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let _handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    let url = format!("http://{}/commands/1", slack.address);
    let typed = json!({"text": "wait", "user_id": "U1", "response_url": url});
    socket.send(&envelope("e1", "slash_commands", &typed)).await;
    let ack = socket.ack().await.unwrap();
    let told = ack["payload"]["text"].as_str().unwrap();
    assert!(told.contains("longer"), "{told}");
    assert!(slack.calls("/commands/1").is_empty());
    bot.release.as_ref().unwrap().add_permits(1);
    until(|| !slack.calls("/commands/1").is_empty()).await;
    let said = &slack.calls("/commands/1")[0].body;
    assert_eq!(
        (&said["text"], &said["response_type"]),
        (&json!("wait"), &json!("ephemeral"))
    );
    assert!(slack.calls("chat.postMessage").is_empty(), "told twice");

    let used_up = Answer::Raw {
        status: 404,
        headers: "",
        body: "used_url",
    };
    slack.script("/commands/1", used_up);
    slack.always(
        "chat.postMessage",
        json!({"ok": true, "channel": "D1", "ts": "1.2"}),
    );
    socket.send(&envelope("e2", "slash_commands", &typed)).await;
    socket.ack().await.unwrap();
    bot.release.as_ref().unwrap().add_permits(1);
    until(|| !slack.calls("chat.postMessage").is_empty()).await;
    let said = &slack.calls("chat.postMessage")[0].body;
    assert_eq!(
        (&said["channel"], &said["text"]),
        (&json!("U1"), &json!("wait"))
    );
}

/// Refuses each form too late.
struct LateRefusal;

impl EnvelopeHandler for LateRefusal {
    fn handle(&self, _: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        async {
            sleep(quick(1).answer_within * 2).await;
            Some(json!({"response_action": "errors", "errors": {"reason": "not saved"}}))
        }
        .boxed()
    }
}

#[tokio::test]
async fn the_late_refusal_of_a_form_is_told_by_direct_message() {
    let mut slack = FakeSlack::start().await;
    slack.always(
        "chat.postMessage",
        json!({"ok": true, "channel": "D1", "ts": "1.2"}),
    );
    let _handle = SocketMode::start(slack.api(), quick(1), Arc::new(LateRefusal));
    let mut socket = slack.accept_and_greet().await;
    let view = json!({"id": "V1", "blocks": [{"type": "input", "block_id": "reason"}]});
    let form = json!({"type": "view_submission", "user": {"id": "U1"}, "view": view});
    socket.send(&envelope("e1", "interactive", &form)).await;
    let ack = socket.ack().await.unwrap();
    let told = ack["payload"]["errors"]["reason"].as_str().unwrap();
    assert!(told.contains("longer"), "{told}");
    until(|| !slack.calls("chat.postMessage").is_empty()).await;
    let said = slack.calls("chat.postMessage")[0].body["text"].to_string();
    assert!(said.contains("was not sent: not saved"), "{said}");
}

#[tokio::test]
async fn a_burst_is_handled_whole() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    let envelopes: Vec<Value> = (0..500).map(|n| command(&format!("e{n}"), "")).collect();
    socket.burst(&envelopes).await;
    for _ in 0..500 {
        assert!(socket.ack().await.is_some());
    }
    assert_eq!(bot.handled.lock().unwrap().len(), 500);
    assert_eq!(handle.stats().acknowledged, 500);
}

#[tokio::test]
async fn an_envelope_delivered_twice_is_handled_once_and_acknowledged_twice() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 2, &bot);
    let mut first = slack.accept_and_greet().await;
    let mut second = slack.accept_and_greet().await;
    first.send(&command("e1", "x")).await;
    second.send(&command("e1", "x")).await;
    assert_eq!(first.ack().await, second.ack().await);
    assert_eq!(bot.handled.lock().unwrap().len(), 1);
    assert_eq!(handle.stats().repeated, 1);
}

#[tokio::test]
async fn frames_that_are_not_understood_end_nothing() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot::default());
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    for text in ["", "{", "[1]", r#"{"type":"news"}"#, r#"{"type":7}"#] {
        socket.send_text(text).await;
    }
    socket.send_text(r#"{"envelope_id":"e1"}"#).await;
    assert_eq!(socket.ack().await.unwrap()["envelope_id"], "e1");
    assert_eq!(handle.stats().unreadable, 5);
}

#[tokio::test]
async fn retry_after_is_honoured_when_connecting() {
    let mut slack = FakeSlack::start().await;
    let limited = Answer::Raw {
        status: 429,
        headers: "Retry-After: 1\r\nContent-Type: text/plain\r\n",
        body: "",
    };
    slack.script("apps.connections.open", limited);
    let bot = Arc::new(Bot::default());
    let started = Instant::now();
    let _handle = start(&slack, 1, &bot);
    slack.accept_and_greet().await;
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn fatal_errors_end_the_loop_with_a_clear_text() {
    for (code, says) in [
        ("invalid_auth", "check SLACK_APP_TOKEN"),
        ("not_allowed_token_type", "starts with xapp-"),
        ("missing_scope", "missing_scope"),
    ] {
        let slack = FakeSlack::start().await;
        let refused = json!({"ok": false, "error": code});
        slack.always("apps.connections.open", refused);
        let handle = start(&slack, 1, &Arc::new(Bot::default()));
        let mut fatal = handle.fatal();
        let text = fatal
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap();
        assert!(text.contains(says), "{text}");
        let calls = slack.calls("apps.connections.open").len();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(
            slack.calls("apps.connections.open").len(),
            calls,
            "still trying"
        );
    }
}

#[tokio::test]
async fn socket_mode_turned_off_ends_the_loop_with_a_clear_text() {
    let mut slack = FakeSlack::start().await;
    let handle = start(&slack, 1, &Arc::new(Bot::default()));
    let mut socket = slack.accept_and_greet().await;
    socket
        .send(&json!({"type": "disconnect", "reason": "link_disabled"}))
        .await;
    let mut fatal = handle.fatal();
    let text = fatal
        .wait_for(Option::is_some)
        .await
        .unwrap()
        .clone()
        .unwrap();
    assert!(text.contains("Socket Mode is turned off"), "{text}");
}

#[tokio::test]
async fn shutdown_acknowledges_what_was_begun_and_takes_nothing_new() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let handle = start(&slack, 1, &bot);
    let mut socket = slack.accept_and_greet().await;
    socket.send(&command("e1", "wait")).await;
    until(|| bot.begun.load(Ordering::SeqCst) == 1).await;
    let stopping = tokio::spawn(handle.shutdown());
    sleep(Duration::from_millis(30)).await;
    socket.send(&command("e2", "")).await;
    bot.release.as_ref().unwrap().add_permits(1);
    assert_eq!(socket.ack().await.unwrap()["envelope_id"], "e1");
    assert_eq!(socket.ack().await, None, "not closed, or more acknowledged");
    assert!(stopping.await.unwrap(), "not drained");
    assert_eq!(*bot.handled.lock().unwrap(), ["e1"]);
    assert!(
        slack.stays_alone(Duration::from_millis(50)).await,
        "connected again"
    );
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut slack = FakeSlack::start().await;
    let bot = Arc::new(Bot {
        release: Some(Arc::new(Semaphore::new(0))),
        ..Bot::default()
    });
    let config = SocketConfig {
        drain_within: Duration::from_millis(100),
        answer_within: Duration::from_secs(60),
        ..quick(1)
    };
    let handle = SocketMode::start(slack.api(), config, bot.clone());
    let mut socket = slack.accept_and_greet().await;
    socket.send(&command("e1", "wait")).await;
    until(|| bot.begun.load(Ordering::SeqCst) == 1).await;
    let stopping = tokio::spawn(handle.shutdown());
    assert_eq!(socket.ack().await, None);
    assert!(!stopping.await.unwrap());
}

/// Opens a view for each command, as the product does.
struct Opener(SlackApi);

impl EnvelopeHandler for Opener {
    fn handle(&self, _: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        async {
            self.0
                .views_open("t", &json!({"type": "modal"}))
                .await
                .unwrap();
            None
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_between_a_command_and_its_view() {
    let mut slack = FakeSlack::start().await;
    slack.always("views.open", json!({"ok": true, "view": {"id": "V1"}}));
    let api = slack.api();
    let _handle = SocketMode::start(api.clone(), quick(1), Arc::new(Opener(api)));
    let mut socket = slack.accept_and_greet().await;
    let mut quickest = Duration::MAX;
    for number in 0..50 {
        let sent = Instant::now();
        socket.send(&command(&format!("e{number}"), "")).await;
        socket.ack().await.unwrap();
        quickest = quickest.min(sent.elapsed());
    }
    // Command, views.open and its answer, acknowledgement. Nagle's algorithm alone would add 40 ms to each round.
    assert!(quickest < Duration::from_millis(10), "{quickest:?}");
    assert_eq!(slack.calls("views.open").len(), 50);
}
