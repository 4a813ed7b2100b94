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

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use symbot::policy::pool::{Pool, PoolConfig};
use symbot::policy::types::FailureKind;

use shared::{Nobody, REDUCERS, WORKERS, at_full_strength, call, millis};

/// Time between two looks whether all workers stand by.
const LOOKS: Duration = Duration::from_micros(500);
const MEMORY_MAX_MB: f64 = 50.0;
const REPLACED_MAX: Duration = Duration::from_millis(300);
const ABUSE_MAX: f64 = 2.0;

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
    shared::run(async {
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
    })
}

/// Memory when warm, and after calls of a flow.
async fn memory(pool: &Pool) -> bool {
    let warm = largest(pool);
    for _ in 0..200 {
        good(pool).await;
    }
    at_full_strength(pool, LOOKS).await;
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
            .call(call(&ENDLESS.into(), &[], deadline), Arc::new(Nobody))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout);
        at_full_strength(pool, LOOKS).await;
        tokio::join!(good(pool), good(pool));
        times.push(started.elapsed().saturating_sub(deadline));
        at_full_strength(pool, LOOKS).await;
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

async fn abuse(pool: &Pool) -> bool {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let abuses = Arc::new(AtomicUsize::new(0));
    for _ in 0..TURNS {
        at_full_strength(pool, LOOKS).await;
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
        let mut abuse = call(&source.into(), &[], ABUSE_DEADLINE);
        "abuse".clone_into(&mut abuse.input.flow.name);
        assert!(pool.call(abuse, Arc::new(Nobody)).await.is_err());
    }
}

async fn good(pool: &Pool) {
    let answer = pool.call(
        call(&GOOD.into(), &REDUCERS, Duration::from_secs(10)),
        Arc::new(Nobody),
    );
    assert!(answer.await.unwrap().permissions.is_some());
}
