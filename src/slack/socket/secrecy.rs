//! Nothing secret may reach a log, whatever level the operator asks for: tokens, sockets' tickets, `response_url`s.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Envelope, EnvelopeHandler, SocketConfig, SocketMode, TALKATIVE_LOG_TARGETS};
use crate::slack::fake::{Answer, FakeSlack, TICKET, envelope};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Deaf;

impl EnvelopeHandler for Deaf {
    fn handle(&self, _: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        async { panic!("deliberate") }.boxed()
    }
}

/// Everything that can go right and wrong once, with the log at trace level under `filter`.
async fn log_of_a_session(filter: EnvFilter) -> String {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish()
        .set_default();
    let mut slack = FakeSlack::start().await;
    slack.script("apps.connections.open", Answer::Reset);
    slack.script(
        "apps.connections.open",
        Answer::Json(json!({"ok": true, "url": format!("ws://127.0.0.1:1/link?ticket={TICKET}")})),
    );
    slack.script(
        "apps.connections.open",
        Answer::Json(json!({"ok": true, "url": format!("no address {TICKET}")})),
    );
    slack.script(
        "apps.connections.open",
        Answer::Raw {
            status: 200,
            headers: "Content-Type: application/json\r\n",
            body: r#"{"ok":true,"url":"wss://x/?ticket=MARKER-ticket""#,
        },
    );
    slack.script(
        "apps.connections.open",
        Answer::Raw {
            status: 500,
            headers: "",
            body: "MARKER-ticket",
        },
    );
    let api = slack.api();
    let config = SocketConfig {
        connections: 1,
        close_within: Duration::from_millis(100),
        backoff_first: Duration::from_millis(5),
        backoff_longest: Duration::from_millis(5),
        ..SocketConfig::default()
    };
    let handle = SocketMode::start(api.clone(), config, Arc::new(Deaf));
    let mut socket = slack.accept_and_greet().await;
    let url = format!("http://{}/actions/MARKER-response", slack.address);
    let gone = Answer::Raw {
        status: 404,
        headers: "",
        body: "MARKER-response",
    };
    slack.script("/actions/MARKER-response", gone);
    let click = json!({"type": "block_actions", "user": {"id": "U1"}, "response_url": url});
    socket.send(&envelope("e1", "interactive", &click)).await;
    socket.ack().await.unwrap();
    while slack.calls("/actions/MARKER-response").is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let foreign = api
        .respond("https://x.example/MARKER-response", &json!({}))
        .await;
    tracing::error!(error = ?foreign.unwrap_err(), "refused");
    let refused = json!({"ok": false, "error": "invalid_auth"});
    slack.script("auth.test", Answer::Json(refused));
    let error = api.auth_test().await.unwrap_err();
    tracing::error!(%error, ?error, ?api, "refused");
    drop(socket);
    let mut socket = slack.accept_and_greet().await;
    let stopping = tokio::spawn(handle.shutdown());
    assert_eq!(socket.ack().await, None);
    stopping.await.unwrap();
    log.text()
}

#[tokio::test]
async fn no_secret_reaches_the_log_even_at_trace_level() {
    let quiet: Vec<String> = TALKATIVE_LOG_TARGETS
        .iter()
        .map(|target| format!(",{target}=info"))
        .collect();
    let log = log_of_a_session(EnvFilter::new(format!("trace{}", quiet.concat()))).await;
    assert!(
        log.contains("Slack answered") && log.contains("hyper"),
        "nothing was logged: {log}"
    );
    let leak = log.lines().find(|line| line.contains("MARKER"));
    assert_eq!(leak, None);
}

#[tokio::test]
async fn the_talkative_targets_are_those_that_print_the_ticket() {
    let log = log_of_a_session(EnvFilter::new("trace")).await;
    let leaks: Vec<&str> = log.lines().filter(|line| line.contains("MARKER")).collect();
    assert!(
        !leaks.is_empty(),
        "the rule about talkative targets is not needed any more"
    );
    for line in leaks {
        let known = TALKATIVE_LOG_TARGETS
            .iter()
            .any(|target| line.contains(target));
        assert!(known, "another target prints secrets: {line}");
    }
}
