//! What the worker processes cost those who do not use them, and those who share them with somebody who abuses them.
//! `cargo bench --bench workers -- [--check]`.
//!
//! - **Memory** of a worker that stands by, resident, from `/proc` (Linux).
//! - **Replacement**: a handler that does not end is stopped at its deadline; the time from the deadline until as many
//!   workers as before have answered a call.
//! - **Abuse**: well-behaved calls at a steady pace, by turns alone and while half of the workers are given nothing but
//!   handlers that do not end, fill the memory, recurse, or match a pattern of exponential cost. The ratio of the p99 with
//!   to the p99 without.
//!
//! With `--check` the exit code is 1 when one of them is above what is promised.

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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use symbot::policy::pool::{Pool, PoolConfig};
use symbot::policy::types::{
    ChannelInput, EventInput, FailureKind, FlowInput, HandlerCall, Host, HostError, RunInput,
    UserInput,
};

const MEMORY_MAX_MB: f64 = 50.0;
const REPLACED_MAX: Duration = Duration::from_millis(300);
const ABUSE_MAX: f64 = 2.0;

const WORKERS: usize = 2;
const REPLACEMENTS: usize = 20;
/// Turns of each kind, and the time between two calls in them. Half of a turn of calls come before the other kind's.
const TURNS: usize = 5;
const CALLS_PER_TURN: usize = 400;
const PACE: Duration = Duration::from_millis(5);

const GOOD: &str = include_str!("../flows/approval/impl.py");
const ENDLESS: &str = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass";
const ABUSES: [&str; 4] = [
    ENDLESS,
    "held = []\nwhile True:\n    held.append(bytearray(1 << 20))",
    "def deeper(n):\n    try:\n        return deeper(n + 1)\n    except RecursionError:\n        return deeper(n)\ndeeper(0)",
    "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')",
];
/// A tenth of the usual deadline, so that what it costs to begin anew is among what is measured.
const ABUSE_DEADLINE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let kept = runtime.block_on(async {
        let measure = async {
            let pool = Pool::start(PoolConfig::of(
                PathBuf::from(env!("CARGO_BIN_EXE_symbot")),
                WORKERS,
            ));
            pool.wait_ready(Duration::from_secs(60)).await.unwrap();
            let kept = [
                memory(&pool).await,
                replacement(&pool).await,
                abuse(&pool).await,
            ];
            pool.shutdown().await;
            kept.iter().all(|kept| *kept)
        };
        // As the engine does it: in a task.
        tokio::spawn(measure).await.unwrap()
    });
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Memory when warm, and after calls of a flow.
async fn memory(pool: &Pool) -> bool {
    let warm = largest(pool);
    for _ in 0..200 {
        good(pool).await;
    }
    at_full_strength(pool).await;
    let used = largest(pool);
    for (when, [resident, own, shared_once]) in [("warm", warm), ("after 200 calls", used)] {
        println!(
            "memory of a worker, {when}: {resident:.1} MB resident (promised {MEMORY_MAX_MB}), {own:.1} MB of its own, {shared_once:.1} MB with \
             shared pages counted once"
        );
    }
    warm[0] <= MEMORY_MAX_MB && used[0] <= MEMORY_MAX_MB
}

/// Resident, anonymous and proportional size of the worker that has most, in MB; zeros where there is no `/proc`.
fn largest(pool: &Pool) -> [f64; 3] {
    let of = |process: u32| {
        let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
        let text = text.unwrap_or_default();
        ["Rss:", "Private_Dirty:", "Pss:"].map(|field| {
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            let kb = line.and_then(|line| line.split_whitespace().next());
            kb.and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
        })
    };
    let mut sizes: Vec<_> = pool.idle_process_ids().into_iter().map(of).collect();
    sizes.sort_unstable_by(|one, other| one[0].total_cmp(&other[0]));
    sizes.pop().unwrap_or_default()
}

async fn replacement(pool: &Pool) -> bool {
    let deadline = Duration::from_millis(50);
    let mut times = Vec::new();
    for _ in 0..REPLACEMENTS {
        let started = Instant::now();
        let failure = pool
            .call(call(ENDLESS, &[], deadline), Arc::new(Nobody))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout);
        at_full_strength(pool).await;
        tokio::join!(good(pool), good(pool));
        times.push(started.elapsed().saturating_sub(deadline));
        at_full_strength(pool).await;
    }
    times.sort_unstable();
    let (middle, last) = (times[REPLACEMENTS / 2], times[REPLACEMENTS - 1]);
    println!(
        "a killed worker is replaced after {:.0} ms (p50), {:.0} ms at most (promised {})",
        millis(middle),
        millis(last),
        REPLACED_MAX.as_millis()
    );
    last <= REPLACED_MAX
}

async fn at_full_strength(pool: &Pool) {
    while pool.idle_process_ids().len() < WORKERS {
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

async fn abuse(pool: &Pool) -> bool {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let abuses = Arc::new(AtomicUsize::new(0));
    for _ in 0..TURNS {
        at_full_strength(pool).await;
        paced(pool, &mut alone).await;
        let stop = Arc::new(AtomicBool::new(false));
        let abusers: Vec<_> = (0..WORKERS / 2)
            .map(|_| tokio::spawn(abuser(pool.clone(), stop.clone(), abuses.clone())))
            .collect();
        paced(pool, &mut beside).await;
        stop.store(true, Ordering::Release);
        for abuser in abusers {
            abuser.await.unwrap();
        }
    }
    let quantile = |times: &mut Vec<Duration>, per_mille: usize| {
        times.sort_unstable();
        times[times.len() * per_mille / 1_000]
    };
    let shown =
        |times: &mut Vec<Duration>| [500, 990].map(|per_mille| millis(quantile(times, per_mille)));
    let ([p50, p99], [p50_beside, p99_beside]) = (shown(&mut alone), shown(&mut beside));
    let ratio = p99_beside / p99;
    println!(
        "a call alone {p50:.2} / {p99:.2} ms (p50 / p99), beside {} abusive ones {p50_beside:.2} / {p99_beside:.2} ms: p99 {ratio:.2} times as \
         long (promised {ABUSE_MAX})",
        abuses.load(Ordering::Acquire)
    );
    ratio <= ABUSE_MAX
}

/// Calls one after the other, each at its time or as soon as the one before has ended.
async fn paced(pool: &Pool, times: &mut Vec<Duration>) {
    let mut next = tokio::time::Instant::now();
    for _ in 0..CALLS_PER_TURN {
        next += PACE;
        tokio::time::sleep_until(next).await;
        let started = Instant::now();
        good(pool).await;
        times.push(started.elapsed());
    }
}

async fn abuser(pool: Pool, stop: Arc<AtomicBool>, abuses: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Acquire) {
        let number = abuses.fetch_add(1, Ordering::AcqRel);
        let source = ABUSES[number % ABUSES.len()];
        let answer = pool.call(call(source, &[], ABUSE_DEADLINE), Arc::new(Nobody));
        assert!(answer.await.is_err());
    }
}

async fn good(pool: &Pool) {
    let handlers = ["get_permissions", "get_request_notifications"];
    let answer = pool.call(
        call(GOOD, &handlers, Duration::from_secs(10)),
        Arc::new(Nobody),
    );
    assert!(answer.await.unwrap().permissions.is_some());
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Nothing here asks the host.
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

fn call(source: &str, handlers: &[&str], deadline: Duration) -> HandlerCall {
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
    HandlerCall {
        source: source.into(),
        file: "impl.py".to_owned(),
        handlers: handlers.iter().map(|&handler| handler.to_owned()).collect(),
        input: EventInput {
            name: "request".to_owned(),
            event_channel: channel.clone(),
            timestamp: "2026-03-01T12:30:00+00:00".to_owned(),
            user: alice.clone(),
            fields: Map::new(),
            run: RunInput {
                id: "0b8e7a1e-52c2-4c3e-9f0e-0a6d4d7f1a11".to_owned(),
                source_channel: channel,
                actors: vec![("request".to_owned(), alice)],
                contexts: Map::new(),
            },
            flow: FlowInput {
                name: "approval".to_owned(),
                label: None,
                version: "1".to_owned(),
                vars: Default::default(),
                fields: Vec::new(),
                environment: None,
                strategy: None,
            },
            arguments: None,
            outputs: Map::new(),
        },
        deadline,
    }
}
