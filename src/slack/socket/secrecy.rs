//! Nothing secret may reach a log, whatever the operator asks for: tokens, sockets' tickets, `response_url`s. What keeps
//! it from there is [`crate::telemetry`]; here is the real exchange to try it with.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tracing::Dispatch;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Envelope, EnvelopeHandler, SocketConfig, SocketMode};
use crate::config::LogFormat;
use crate::slack::fake::{Answer, FakeSlack, TICKET, envelope};
use crate::telemetry;

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

/// Everything that can go right and wrong once, and what was written to the log that `start` opens.
async fn log_of_a_session(start: impl FnOnce(Log) -> Dispatch) -> String {
    let log = Log::default();
    let _guard = start(log.clone()).set_default();
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

/// Filters that ask for the lines in which libraries print secrets; the longer a target, the more it overrides.
const HOSTILE: [&str; 7] = [
    "trace",
    "tungstenite=trace,tokio_tungstenite=trace",
    "trace,tungstenite::protocol=trace,tungstenite::protocol::frame=trace,tungstenite::handshake::client=trace",
    "warn,hyper::proto::h1::role=trace,hyper::client=trace,hyper_util::client::legacy=trace,h2::codec=trace",
    "slack_morphism::hyper_tokio::connector=trace,tokio_tungstenite::compat=trace",
    "[request]=trace,log=trace",
    "symbot=trace,[send]=trace,tungstenite::protocol=trace,hyper=trace",
];

#[tokio::test]
async fn no_secret_reaches_the_log_whatever_the_filter() {
    for format in [LogFormat::Text, LogFormat::Json] {
        for filter in HOSTILE {
            let log = log_of_a_session(|log| {
                let writer = move || log.clone();
                telemetry::dispatch(format, Some(filter), writer, false).unwrap()
            })
            .await;
            let leak = log.lines().find(|line| line.contains("MARKER"));
            assert_eq!(leak, None, "{format:?}, {filter}");
            let own = log.contains("Slack answered");
            assert!(
                own || !filter.contains("symbot=trace"),
                "nothing was logged: {log}"
            );
        }
    }
}

#[tokio::test]
async fn without_the_rule_libraries_print_secrets() {
    for filter in ["trace", "warn,tungstenite=warn,tungstenite::protocol=trace"] {
        let log = log_of_a_session(|log| {
            let lines = tracing_subscriber::fmt().with_env_filter(filter);
            let lines = lines.with_writer(move || log.clone()).with_ansi(false);
            Dispatch::new(lines.finish())
        })
        .await;
        let leaks: Vec<&str> = log.lines().filter(|line| line.contains("MARKER")).collect();
        assert!(
            !leaks.is_empty(),
            "the test of the rule would notice nothing with {filter}"
        );
        for line in leaks {
            assert!(!line.contains(" symbot::"), "we print a secret: {line}");
        }
    }
}
