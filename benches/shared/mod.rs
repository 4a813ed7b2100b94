//! What the benches of the policy workers share: one request as the engine would ask about it, a host that nobody asks, and
//! running in a task, as the engine does.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use symbot::policy::pool::Pool;
use symbot::policy::types::{
    ChannelInput, EventInput, FlowInput, HandlerCall, Host, HostError, RunInput, UserInput,
};

pub(crate) const WORKERS: usize = 2;
pub(crate) const REDUCERS: [&str; 2] = ["get_permissions", "get_request_notifications"];

/// Runs a bench that says whether what is promised was kept; with `--check` the process fails when it was not.
pub(crate) fn run(measure: impl Future<Output = bool> + Send + 'static) -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let kept = runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Waits until every worker stands by, looking again after `pause`.
pub(crate) async fn at_full_strength(pool: &Pool, pause: Duration) {
    while pool.idle_process_ids().len() < WORKERS {
        tokio::time::sleep(pause).await;
    }
}

pub(crate) fn call(source: &Arc<str>, handlers: &[&str], deadline: Duration) -> HandlerCall {
    HandlerCall {
        source: source.clone(),
        file: "impl.py".to_owned(),
        handlers: handlers.iter().map(|&handler| handler.to_owned()).collect(),
        input: request(),
        deadline,
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The example flows ask the host nothing.
pub(crate) struct Nobody;

impl Host for Nobody {
    fn call<'a>(
        &'a self,
        name: &'a str,
        _: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        Box::pin(async move { Err(symbot::policy::host::unavailable(name)) })
    }
}

fn request() -> EventInput {
    let channel = ChannelInput {
        channel_type: "slack".to_owned(),
        identifier: Some("#general".to_owned()),
    };
    let alice = UserInput {
        id: "6f0c1a52-3c1e-5a43-9d5e-6a1d0d3a7c11".to_owned(),
        email: Some("alice@example.com".to_owned()),
        username: "alice@example.com".to_owned(),
        name: "Alice".to_owned(),
        first_name: Some("Alice".to_owned()),
        last_name: None,
        role: "member".to_owned(),
        slack_id: Some("U0ALICE".to_owned()),
        known: true,
        identities: Vec::new(),
        user_type: None,
    };
    let fields: Map<String, Value> = [
        ("reason".to_owned(), json!("deploy")),
        ("urgency".to_owned(), json!("Emergency")),
    ]
    .into_iter()
    .collect();
    let vars = [
        ("request_channel", "#sym-requests"),
        ("emergency_channel", "#sym-emergencies"),
    ];
    EventInput {
        name: "request".to_owned(),
        event_channel: channel.clone(),
        timestamp: "2026-03-01T12:30:00+00:00".to_owned(),
        user: alice.clone(),
        fields,
        run: RunInput {
            id: "0b8e7a1e-52c2-4c3e-9f0e-0a6d4d7f1a11".to_owned(),
            source_channel: channel,
            actors: vec![("request".to_owned(), alice)],
            contexts: Map::new(),
        },
        flow: FlowInput {
            name: "approval".to_owned(),
            label: Some("Approval".to_owned()),
            version: "1".to_owned(),
            vars: vars
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            fields: Vec::new(),
            environment: None,
            strategy: None,
        },
        arguments: None,
        outputs: serde_json::Map::new(),
    }
}
