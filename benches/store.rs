//! Durable commits per second of the sled store, with 1 and with 64 clients, as a ratio to the floor measured in the same
//! run: appending 4 KB to a file and `fdatasync`, one after the other. `cargo bench --bench store -- [--check] [DIR]`.
//!
//! Floor and clients take turns of a second each, and the ratio is the median of the turns', so that what else the machine and
//! its disk do meanwhile hits both.
//!
//! DIR is where the files go; it should be on the disk that matters, not in memory. With `--check` the exit code is 1 when a
//! ratio is below what is promised. A commit is what the engine makes of one click: a de-duplication key, a run of 2 KB, an
//! effect made and one done, a timer, an audit record.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use symbot::domain::audit::AuditRecord;
use symbot::domain::effect::{Effect, EffectId, StoredEffect};
use symbot::domain::person::PersonRef;
use symbot::domain::run::{
    ChannelType, HistoryEntry, MessageRef, PinnedFlow, Run, SourceChannel, Status,
};
use symbot::domain::time::Timestamp;
use symbot::store::{Commit, Options, SledStore, Store, Timer, TimerChange};
use uuid::Uuid;

/// Clients and the least ratio to the floor.
const PROMISED: [(u64, f64); 2] = [(1, 0.35), (64, 0.8)];
const TURN: Duration = Duration::from_secs(1);
/// An odd number has a median.
const TURNS: usize = 7;
const FLOOR_BYTES: usize = 4096;

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
    let dir = tempfile::tempdir_in(parent).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let stores = PROMISED.map(|(clients, _)| {
        let path = dir.path().join(format!("data-{clients}"));
        Arc::new(SledStore::open(&path, Options::default()).unwrap())
    });
    let mut file = std::fs::File::create(dir.path().join("floor")).unwrap();
    let mut floors = Vec::new();
    let mut all = PROMISED.map(|_| Measured::default());
    let mut next = [0; PROMISED.len()];
    for _ in 0..TURNS {
        let floor = floor(&mut file);
        floors.push(floor);
        for (index, (clients, _)) in PROMISED.into_iter().enumerate() {
            let working = commits(&stores[index], clients, next[index]);
            let (rate, times, reached) = runtime.block_on(working);
            next[index] = reached;
            all[index].rates.push(rate);
            all[index].ratios.push(rate / floor);
            all[index].times.extend(times);
        }
    }
    println!(
        "append {FLOOR_BYTES} bytes + fdatasync: {:.0}/s (median of {TURNS} turns)",
        median(&mut floors)
    );
    let mut kept = true;
    for ((clients, promised), measured) in PROMISED.into_iter().zip(&mut all) {
        measured.times.sort_unstable();
        let times = &measured.times;
        let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
        let ratio = median(&mut measured.ratios);
        println!(
            "{clients:>2} clients: {:.0}/s, {ratio:.2} of the floor (promised {promised}; turns from {:.2} to {:.2}); p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
            median(&mut measured.rates),
            measured.ratios[0],
            measured.ratios[TURNS - 1],
            at(50),
            at(95),
            at(99)
        );
        kept &= ratio >= promised;
    }
    for store in stores {
        runtime.block_on(store.close()).unwrap();
    }
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// What came of the turns with one number of clients.
#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    ratios: Vec<f64>,
    times: Vec<Duration>,
}

/// Sorts, too.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn floor(file: &mut std::fs::File) -> f64 {
    let start = Instant::now();
    let mut count = 0.0;
    while start.elapsed() < TURN {
        file.write_all(&[7; FLOOR_BYTES]).unwrap();
        file.sync_data().unwrap();
        count += 1.0;
    }
    count / start.elapsed().as_secs_f64()
}

/// One turn, from run `first` on: commits per second, the time of each, and the first run of the next turn.
async fn commits(store: &Arc<SledStore>, clients: u64, first: u64) -> (f64, Vec<Duration>, u64) {
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut number = first + client;
                while start.elapsed() < TURN {
                    for revision in 1..=4 {
                        let commit = transition(number, revision);
                        let begun = Instant::now();
                        store.commit(commit).await.unwrap();
                        times.push(begun.elapsed());
                    }
                    number += clients;
                }
                (times, number)
            })
        })
        .collect();
    let (mut times, mut next) = (Vec::new(), first);
    for task in tasks {
        let (taken, reached) = task.await.unwrap();
        times.extend(taken);
        next = next.max(reached);
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    (rate, times, next.next_multiple_of(clients))
}

fn transition(number: u64, revision: u64) -> Commit {
    let id = Uuid::from_u128(0x4000_8000_0000_0000_0000 + u128::from(number));
    let now = Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap_or(0));
    let alice = PersonRef {
        id: Uuid::from_u128(1),
        slack_id: Some("U0123456789".into()),
        email: Some("alice@example.com".into()),
        name: "alice".into(),
    };
    let history = HistoryEntry {
        at: now,
        event: "request".into(),
        actor: Some(alice.clone()),
        text: "Asked for access to the production database because of an incident".repeat(4),
    };
    let open = revision < 4;
    let run = Run {
        id,
        revision,
        workspace: "T0123456789".into(),
        flow: PinnedFlow {
            name: "approval".into(),
            label: "Approval".into(),
            environment: Some("main".into()),
            environment_name: None,
            version: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            allow_guest_interaction: false,
            include_decision_message: true,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        status: if open {
            Status::Requested
        } else {
            Status::Approved
        },
        requester: alice,
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C024BE91L".into()),
            identifier: Some("#general".into()),
        },
        created_at: now,
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        access_questions: Default::default(),
        permissions: None,
        notifications: Vec::new(),
        current: None,
        decision: None,
        closed_at: None,
        error: None,
        history: vec![history; 3],
        effects_made: revision,
        context: None,
        parent: None,
        hooks: symbot::domain::hook::HookState::default(),
        own_time: None,
    };
    let effect = |number| StoredEffect {
        id: EffectId { run: id, number },
        effect: Effect::UpdateMessage {
            message: MessageRef {
                channel: "C024BE91L".into(),
                ts: "1700000000.000100".into(),
            },
        },
    };
    let body = json!({
        "meta": {"schema_version": 4},
        "state": {"status": "processing", "errors": []},
        "run": {"srn": format!("acme:run:approval:1.0.0:{id}"), "flow": "acme:flow:approval:1.0.0"},
        "event": {"srn": "sym:event-spec:approval:1.0.0:request", "type": "request", "timestamp": now.to_iso(), "channel": "slack"},
        "actor": {"user": "acme:user:alice", "name": "Alice", "username": "alice@example.com"},
        "fields": {"reason": "An incident in production", "urgency": "Emergency"},
        "type": "event",
    });
    Commit {
        dedup: vec![format!("{id}/{revision}")],
        run: Some(run),
        outbox_add: vec![effect(revision)],
        outbox_done: vec![effect(revision - 1).id],
        timers: vec![if open {
            TimerChange::Set(Timer {
                due: now.plus_seconds(900 * revision),
                run: id,
                notification: 0,
            })
        } else {
            TimerChange::Cancel {
                run: id,
                notification: 0,
            }
        }],
        audit: vec![AuditRecord {
            id: Uuid::new_v5(&id, &revision.to_be_bytes()),
            run: Some(id),
            body: body.as_object().cloned().unwrap_or_default(),
        }],
        values: Vec::new(),
        now: Some(now),
    }
}
