//! What calling the handlers of a flow costs, through the pool and the pipe into a worker and back.
//! `cargo bench --bench handler -- [--check]`.
//!
//! The files are those of the example flows, with both reducers. Calls are made as the engine makes them, one after the
//! other in a task of the runtime, each when all workers stand by, as with people who do something now and then. Of each call the worker says how long
//! the handlers themselves took, and the file around them (its imports and definitions, which run anew in each call). The
//! rest is what the bot adds. With `--check` the exit code is 1 when more is added than promised: in half of the calls beyond
//! the handlers (the file counts as added), or in relation to the round trip with an empty file, which holds what does
//! not depend on the file: frames, pipes, the fresh namespace.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use symbot::policy::pool::{Pool, PoolConfig};
use symbot::policy::types::{
    ChannelInput, EventInput, FlowInput, HandlerCall, Host, HostError, RunInput, UserInput,
};

const REDUCERS: [&str; 2] = ["get_permissions", "get_request_notifications"];
/// File, its source, and the most that calling it may cost, in empty round trips.
const FILES: [(&str, &str, f64); 3] = [
    ("approval", include_str!("../flows/approval/impl.py"), 2.5),
    ("urgency", include_str!("../flows/urgency/impl.py"), 2.5),
    (
        "source_channel",
        include_str!("../flows/source_channel/impl.py"),
        2.5,
    ),
];
const WARM_UP_CALLS: usize = 100;
const CALLS: usize = 1_000;
/// The most that half of the calls may take beyond what their handlers take.
const ADDED_MAX: Duration = Duration::from_micros(500);
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let kept = runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn measure() -> bool {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_symbot"));
    let started = Instant::now();
    let pool = Pool::start(PoolConfig::of(program, WORKERS));
    pool.wait_ready(Duration::from_secs(60)).await.unwrap();
    println!("two workers warm after {:.0} ms", millis(started.elapsed()));
    let empty = median(&pool, "", &[]).await;
    println!("empty round trip: {:.3} ms (p50)", millis(empty.whole));
    let mut kept = true;
    for (name, source, promised) in FILES {
        let took = median(&pool, source, &REDUCERS).await;
        let ratio = took.whole.as_secs_f64() / empty.whole.as_secs_f64();
        println!(
            "{name}: {:.3} ms (p50), {ratio:.2} empty round trips (promised {promised}); beyond its handlers {:.3} ms (promised {:.3}), \
             beyond the file and its handlers {:.3} ms",
            millis(took.whole),
            millis(took.beyond_handlers),
            millis(ADDED_MAX),
            millis(took.beyond_file),
        );
        kept &= ratio <= promised && took.beyond_handlers <= ADDED_MAX;
    }
    pool.shutdown().await;
    kept
}

/// Medians over the calls.
struct Took {
    whole: Duration,
    beyond_handlers: Duration,
    beyond_file: Duration,
}

async fn median(pool: &Pool, source: &str, handlers: &[&str]) -> Took {
    let source: Arc<str> = source.into();
    let [mut whole, mut beyond_handlers, mut beyond_file] = [const { Vec::new() }; 3];
    for number in 0..WARM_UP_CALLS + CALLS {
        while pool.idle_process_ids().len() < WORKERS {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let call = HandlerCall {
            source: source.clone(),
            file: "impl.py".to_owned(),
            handlers: handlers.iter().map(|&handler| handler.to_owned()).collect(),
            input: request(),
            deadline: Duration::from_secs(10),
        };
        let started = Instant::now();
        let (answer, record) = pool.call_recorded(call, Arc::new(Nobody)).await;
        let took = started.elapsed();
        let answer = answer.unwrap();
        // A round trip that calls nothing would be fast, and mean nothing.
        assert_eq!(answer.permissions.is_some(), !handlers.is_empty());
        assert_eq!(record.own.handlers_ns > 0, !handlers.is_empty());
        if number >= WARM_UP_CALLS {
            let handlers = Duration::from_nanos(record.own.handlers_ns);
            let file = Duration::from_nanos(record.own.module_ns);
            whole.push(took);
            beyond_handlers.push(took - handlers);
            beyond_file.push(took - handlers - file);
        }
    }
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[CALLS / 2]
    };
    Took {
        whole: middle(whole),
        beyond_handlers: middle(beyond_handlers),
        beyond_file: middle(beyond_file),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The example flows ask the host nothing.
struct Nobody;

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
