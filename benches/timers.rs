//! What open timers cost those who do not wait for them: `cargo bench --bench timers -- [--check] [DIR]`.
//!
//! One timer is set, the next one due is looked up, and the timer is cancelled: beside 100 others, and beside 100,000. And durable
//! commits per second of one client that do the same, in a store that has no other timers, and in one that has 100,000. DIR is where the stores go.
//! With `--check` the exit code is 1 when many timers cost more than is promised.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use symbot::clock::{Clock, ManualClock};
use symbot::domain::run::RunId;
use symbot::domain::time::Timestamp;
use symbot::engine::Timers;
use symbot::store::{Commit, Options, SledStore, Store, Timer, TimerChange};

const FEW: u64 = 100;
const MANY: u64 = 100_000;
const MEASURED_FOR: Duration = Duration::from_secs(3);
/// Alternating, so that what else the machine does hits both alike.
const ROUNDS: usize = 3;
/// Most that a step among many may take, of one among few: a deeper tree, and caches that do not hold all of it.
const SLOWER_AT_MOST: f64 = 4.0;
/// Least share of the commits.
const COMMITS_AT_LEAST: f64 = 0.9;

fn main() -> ExitCode {
    let mut check = false;
    let mut parent = std::env::temp_dir();
    // `cargo bench` passes `--bench` along.
    for argument in std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
    {
        match argument.as_str() {
            "--check" => check = true,
            dir => parent = dir.into(),
        }
    }
    let clock = ManualClock::default();
    let start = clock.now();
    let [few, many] = [FEW, MANY].map(|count| {
        let timers = Timers::new(Arc::new(clock.clone()));
        timers.apply(&others(start, count));
        timers
    });
    let steps = |timers: &Timers| {
        let (begun, mut count) = (Instant::now(), 0_u32);
        while begun.elapsed() < MEASURED_FOR {
            for number in 0..1_000 {
                let timer = one(start, count + number);
                timers.apply(&[TimerChange::Set(timer)]);
                assert!(timers.next_due().is_some());
                assert!(timers.take_due(clock.steady()).is_empty());
                timers.apply(&[cancel(timer.run)]);
            }
            count += 1_000;
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(count)
    };
    let (mut among_few, mut among_many) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        among_few = among_few.min(steps(&few));
        among_many = among_many.min(steps(&many));
    }
    let slower = among_many / among_few;
    println!(
        "a timer set, looked at and cancelled: {among_few:.0} ns beside {FEW} others, {among_many:.0} ns beside {MANY}: {slower:.2} times"
    );

    let dir = tempfile::tempdir_in(parent).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut without, mut with) = (0.0_f64, 0.0_f64);
    runtime.block_on(async {
        let empty = filled(&dir.path().join("empty"), start, 0).await;
        let full = filled(&dir.path().join("full"), start, MANY).await;
        for _ in 0..ROUNDS {
            without = without.max(commits(&empty, start).await);
            with = with.max(commits(&full, start).await);
        }
    });
    let share = with / without;
    println!(
        "durable commits of one client: {without:.0}/s without other timers, {with:.0}/s beside {MANY}: {share:.2} of them"
    );
    if check && (slower > SLOWER_AT_MOST || share < COMMITS_AT_LEAST) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn one(start: Timestamp, number: u32) -> Timer {
    Timer {
        due: start.plus_seconds(900 + u64::from(number % 100_000)),
        run: RunId::from_u128(u128::from(number) << 64),
        notification: 0,
    }
}

fn cancel(run: RunId) -> TimerChange {
    TimerChange::Cancel {
        run,
        notification: 0,
    }
}

/// Timers of requests that wait; their ids are spread as random ones are.
fn others(start: Timestamp, count: u64) -> Vec<TimerChange> {
    (0..count)
        .map(|number| {
            TimerChange::Set(Timer {
                due: start.plus_seconds(600 + number),
                run: RunId::new_v5(&RunId::NAMESPACE_OID, &number.to_be_bytes()),
                notification: 0,
            })
        })
        .collect()
}

async fn filled(path: &Path, start: Timestamp, count: u64) -> SledStore {
    let store = SledStore::open(path, Options::default()).unwrap();
    for timers in others(start, count).chunks(1_000) {
        let commit = Commit {
            timers: timers.to_vec(),
            ..Commit::default()
        };
        store.commit(commit).await.unwrap();
    }
    store
}

async fn commits(store: &SledStore, start: Timestamp) -> f64 {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < MEASURED_FOR {
        let timer = one(start, count);
        for change in [TimerChange::Set(timer), cancel(timer.run)] {
            let commit = Commit {
                timers: vec![change],
                ..Commit::default()
            };
            store.commit(commit).await.unwrap();
        }
        count += 1;
    }
    2.0 * f64::from(count) / begun.elapsed().as_secs_f64()
}
