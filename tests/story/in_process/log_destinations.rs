//! Audit records arrive at the log destinations of the configuration.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

use super::flows::{ENVIRONMENT, Flows, REASON, asks_in_requests, flow};
use super::harness::{Stage, story};

/// What a destination got, and how it answers next.
#[derive(Default)]
struct Collector {
    bodies: Mutex<Vec<String>>,
    authorizations: Mutex<Vec<String>>,
    /// Answers before it begins to accept.
    refusals: Mutex<Vec<StatusCode>>,
}

impl Collector {
    async fn start(refusals: &[StatusCode]) -> (Arc<Self>, String) {
        let collector = Arc::new(Self::default());
        *collector.refusals.lock().unwrap() = refusals.to_vec();
        let router = Router::new()
            .route("/records", post(take))
            .with_state(collector.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (collector, address.to_string())
    }

    fn records(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).expect("one JSON object"))
            .collect()
    }

    fn events(&self) -> Vec<String> {
        let word = |record: &Value| record["event"]["type"].as_str().unwrap().to_owned();
        self.records().iter().map(word).collect()
    }
}

async fn take(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    assert_eq!(headers["content-type"], "application/json");
    if let Some(value) = headers.get("authorization") {
        let value = value.to_str().unwrap().to_owned();
        collector.authorizations.lock().unwrap().push(value);
    }
    let refusal = {
        let mut refusals = collector.refusals.lock().unwrap();
        if refusals.is_empty() {
            None
        } else {
            Some(refusals.remove(0))
        }
    };
    match refusal {
        Some(refusal) => refusal,
        None => {
            collector.bodies.lock().unwrap().push(body);
            StatusCode::OK
        }
    }
}

/// A flow in an environment with one destination, another environment without.
fn flows(url: &str) -> Flows {
    let environment = ENVIRONMENT.replace(
        "label           = \"Main\"",
        "label           = \"Main\"\n  log_destination_ids = [sym_log_destination.this.id]",
    );
    let main = format!(
        r#"{environment}
resource "sym_environment" "other" {{
  name = "other"
}}

resource "sym_log_destination" "this" {{
  type     = "http"
  settings = {{ url = "{url}" }}
}}
{}{}"#,
        flow("access", REASON, "impl.py"),
        flow("elsewhere", REASON, "impl.py").replace("environment.this", "environment.other"),
    );
    let code = asks_in_requests("PermissionLevel.MEMBER", "PermissionLevel.MEMBER", false);
    Flows::of(&[("main.tf", &main), ("impl.py", &code)])
}

async fn until_events(stage: &Stage, collector: &Collector, expected: &[&str]) {
    stage
        .until(&format!("the records {expected:?}"), async || {
            collector.events() == expected
        })
        .await;
}

#[test]
fn records_of_an_environment_arrive_one_by_one_in_order_however_often_they_are_refused() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let refusals = [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_REQUEST,
    ];
    let (collector, address) = runtime.block_on(Collector::start(&refusals));
    let url = format!("http://who:secret-word@{address}/records?key=secret-key");
    story(flows(&url)).run(async |stage| {
        stage.alice_asks_for("elsewhere").await?;
        stage.request_in("#sym-requests").await?;
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        until_events(stage, &collector, &["request", "approve"]).await;
        let records = collector.records();
        assert!(records[0]["seq"].as_u64() < records[1]["seq"].as_u64());
        assert_eq!(records[1]["run"]["flow"], "symbot:flow:access:1.0.0");
        // As in the journal, hash and all.
        assert!(records[1]["hash"].is_string() && records[1]["prev"].is_string());
        let basic = collector.authorizations.lock().unwrap()[0].clone();
        assert_eq!(basic, "Basic d2hvOnNlY3JldC13b3Jk");
        let line = stage.expects_logged(&["WARN", "a log destination does not take records"]);
        assert!(line.contains("500"), "{line}");
        let text = stage.log().join("\n");
        assert!(!text.contains("secret-word") && !text.contains("secret-key"), "{text}");
        stage
            .until("the lag to be gone", async || {
                let metrics = stage.engine.metrics().await.unwrap();
                metrics.contains("symbot_log_destination_lag_records{destination=\"sym_log_destination.this\"} 0")
            })
            .await;
        let metrics = stage.engine.metrics().await?;
        for expected in [
            "symbot_log_destination_sent_total{destination=\"sym_log_destination.this\"} 2",
            "symbot_log_destination_failed_attempts_total{destination=\"sym_log_destination.this\"} 3",
            "symbot_open_requests 1",
            "symbot_dead_letters 0",
        ] {
            assert!(metrics.contains(expected), "{expected} is not in\n{metrics}");
        }
        Ok(())
    });
    drop(runtime);
}
