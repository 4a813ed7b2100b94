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

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use symbot::policy::pool::{Pool, PoolConfig};

use shared::{Nobody, REDUCERS, WORKERS, at_full_strength, call, millis};

/// Time between two looks whether all workers stand by.
const LOOKS: Duration = Duration::from_micros(200);
/// File, its source, and the most that calling it may cost, in empty round trips. These take 0.19 ms on an idle machine and twice that
/// on a busy one, while the rest grows less: the ratio was seen from 1.9 to 3.4.
const FILES: [(&str, &str, f64); 3] = [
    ("approval", include_str!("../flows/approval/impl.py"), 4.0),
    ("urgency", include_str!("../flows/urgency/impl.py"), 4.0),
    (
        "source_channel",
        include_str!("../flows/source_channel/impl.py"),
        4.0,
    ),
];
const WARM_UP_CALLS: usize = 100;
const CALLS: usize = 1_000;
/// The most that half of the calls may take beyond what their handlers take.
const ADDED_MAX: Duration = Duration::from_micros(500);

fn main() -> ExitCode {
    shared::run(measure())
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
        at_full_strength(pool, LOOKS).await;
        let call = call(&source, handlers, Duration::from_secs(10));
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
