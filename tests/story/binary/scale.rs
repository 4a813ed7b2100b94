//! How the bot behaves with many stored requests: time to ready after a crash and after a clean stop, latency of a new
//! request, memory, disk.
//!
//! The store is filled by a child process that is killed, so that the first start has all of what a long life leaves. CI
//! fills little and expects little; the figures of `docs/performance.md` are made with
//!
//! ```sh
//! SYMBOT_SCALE_REQUESTS=1000000 SYMBOT_SCALE_DIR=/var/tmp cargo tests --test story scale -- --nocapture
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use slack_sim::{Setup, SlackSim};
use symbot::domain::audit::AuditRecord;
use symbot::domain::field::{FieldValue, SubmittedField};
use symbot::domain::person::PersonRef;
use symbot::domain::run::{ChannelType, HistoryEntry, PinnedFlow, Run, SourceChannel, Status};
use symbot::domain::time::Timestamp;
use symbot::store::{Commit, Options, RunQuery, SledStore, Store, Timer, TimerChange};
use tokio::time::Instant;
use uuid::Uuid;

use super::harness::{Flows, ORDINARY, Program, Start, ask};

const IN_CI: u64 = 3_000;
const DIR_ENV: &str = "SYMBOT_SCALE_DIR";
const REQUESTS_ENV: &str = "SYMBOT_SCALE_REQUESTS";
const FILL_ENV: &str = "SYMBOT_SCALE_FILL";
/// Open requests at most; of few requests, one in ten.
const OPEN_MAX: u64 = 10_000;
/// Commits under way while filling: enough for full groups.
const WRITERS: u64 = 256;
/// New requests whose latency is measured.
const ASKED: usize = 30;

const READY_AFTER_CRASH: Duration = Duration::from_secs(15);
const READY_AFTER_STOP: Duration = Duration::from_secs(5);

#[allow(clippy::disallowed_methods)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The child: fills from the number that is there to the number that is wanted, says so, and waits to be killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test of this module"]
async fn child_that_fills() {
    let (Some(data), Some(wanted)) = (setting(DIR_ENV), setting(FILL_ENV)) else {
        return;
    };
    let (from, to) = wanted.split_once('-').expect("FROM-TO");
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    let store = Arc::new(SledStore::open(Path::new(&data), Options::default()).unwrap());
    let next = Arc::new(AtomicU64::new(from));
    let open_from = to - (to / 10).min(OPEN_MAX);
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to {
                        return;
                    }
                    store.commit(transition(number, 1)).await.unwrap();
                    if number < open_from {
                        store.commit(transition(number, 2)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    std::io::stdout().write_all(b"filled\n").unwrap();
    std::future::pending::<()>().await;
}

/// Decides what is still open, so that the next fill begins with closed ones.
async fn close_open(data: &Path) {
    let store = Arc::new(SledStore::open(data, Options::default()).unwrap());
    loop {
        let query = RunQuery {
            open_only: true,
            before: None,
            limit: 500,
        };
        let open = store.runs(query).await.unwrap();
        if open.is_empty() {
            break;
        }
        let closing = open.into_iter().map(|mut run| {
            let store = store.clone();
            async move {
                run.revision += 1;
                run.status = Status::Approved;
                let commit = Commit {
                    timers: vec![TimerChange::Cancel {
                        run: run.id,
                        notification: 0,
                    }],
                    now: Some(run.created_at),
                    run: Some(run),
                    ..Commit::default()
                };
                store.commit(commit).await.unwrap();
            }
        });
        futures_util::future::join_all(closing).await;
    }
    store.close().await.unwrap();
}

fn fill(data: &Path, from: u64, to: u64) -> Duration {
    let began = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg("binary::scale::child_that_fills")
        .env(DIR_ENV, data)
        .env(FILL_ENV, format!("{from}-{to}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let filled = std::io::BufRead::lines(out)
        .map_while(Result::ok)
        .any(|line| line.ends_with("filled"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(filled, "the store was not filled");
    began.elapsed()
}

/// Bytes of everything below a directory.
fn size_of(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::symlink_metadata(path).unwrap();
    if !metadata.is_dir() {
        return metadata.blocks() * 512;
    }
    std::fs::read_dir(path)
        .unwrap()
        .flatten()
        .map(|entry| size_of(&entry.path()))
        .sum()
}

/// Resident memory of one process, in MB.
pub(super) fn resident_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kb.unwrap() / 1024
}

async fn up(start: &Start) -> (Program, Duration) {
    let began = Instant::now();
    let bot = start.spawn();
    bot.says("\"message\":\"ready\"").await;
    (bot, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_with_many_stored_requests_starts_soon_and_is_as_quick_as_with_few()
-> Result<(), Box<dyn std::error::Error>> {
    let wanted: Option<u64> = setting(REQUESTS_ENV).and_then(|text| text.parse().ok());
    let most = wanted.unwrap_or(IN_CI);
    let parent = setting(DIR_ENV).map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(parent)?;
    let data = place.path().join("data");
    let flows = Flows::new().with("plain", ORDINARY);
    let mut from = 0;
    let mut sizes: Vec<u64> = (3..)
        .map(|power| 10_u64.pow(power))
        .take_while(|size| *size < most)
        .collect();
    sizes.push(most);
    println!(
        "stored | filled in | ready after a crash | after a clean stop | clean stop took | submit → message p50 / p95 | memory | disk: store, audit, changes"
    );
    for size in sizes {
        if from > 0 {
            close_open(&data).await;
        }
        let filling = fill(&data, from, size);
        from = size;
        let slack = SlackSim::start(Setup::company()).await?;
        let start = Start::run(&slack, flows.path(), &data);
        let (bot, after_crash) = up(&start).await;
        let mut channel = slack.channel("#sym-requests");
        let mut times = Vec::new();
        for number in 0..ASKED {
            let began = Instant::now();
            ask(
                &slack.person("alice"),
                "plain",
                &format!("new {size}-{number}"),
            )
            .await?;
            channel.next_request().await?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let memory = resident_mb(bot.id());
        let stopping = Instant::now();
        bot.terminate().await.expect_code(0);
        let stopped = stopping.elapsed();
        let (bot, after_stop) = up(&start).await;
        bot.terminate().await.expect_code(0);
        let mb = |name: &str| size_of(&data.join(name)) >> 20;
        println!(
            "{size} | {filling:.1?} | {after_crash:.2?} | {after_stop:.2?} | {stopped:.2?} | {:.1?} / {:.1?} | {memory} MB | {}, {}, {} MB",
            times[ASKED / 2],
            times[ASKED * 95 / 100],
            mb("store"),
            mb("audit"),
            mb("changes"),
        );
        assert!(
            after_crash < READY_AFTER_CRASH,
            "ready {after_crash:?} after a crash"
        );
        assert!(
            after_stop < READY_AFTER_STOP,
            "ready {after_stop:?} after a clean stop"
        );
    }
    Ok(())
}

fn person(number: u64) -> PersonRef {
    PersonRef {
        id: Uuid::from_u128(u128::from(number % 500)),
        slack_id: Some(format!("U{:010}", number % 500)),
        email: Some(format!("person.{}@example.com", number % 500)),
        name: format!("person.{}", number % 500),
    }
}

/// What the engine commits when a request is made, and when it is decided.
fn transition(number: u64, revision: u64) -> Commit {
    // Spread as random ids are, and the same each time.
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes());
    let at = Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap() * 1_000);
    let history = (0..=revision)
        .map(|entry| HistoryEntry {
            at,
            event: "request".to_owned(),
            actor: Some(person(number + entry)),
            text: format!("Asked for approval of deployment {number} to production, step {entry}"),
        })
        .collect();
    let run = Run {
        id,
        revision,
        workspace: "T0123456789".to_owned(),
        flow: PinnedFlow {
            name: "approval".to_owned(),
            label: "Approval".to_owned(),
            environment: Some("main".to_owned()),
            environment_name: None,
            version: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
            allow_guest_interaction: false,
            include_decision_message: true,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        status: if revision == 1 {
            Status::Requested
        } else {
            Status::Approved
        },
        requester: person(number),
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C024BE91L".to_owned()),
            identifier: Some("#general".to_owned()),
        },
        created_at: at,
        fields: ["reason", "ticket", "system"]
            .into_iter()
            .map(|name| SubmittedField {
                value_labels: Vec::new(),
                name: name.to_owned(),
                label: format!("{name} of the request"),
                visible: true,
                value: FieldValue::String(format!(
                    "{name} {number}: {}",
                    "because of an incident in production ".repeat(6)
                )),
            })
            .collect(),
        target: None,
        duration_seconds: None,
        permissions: None,
        notifications: Vec::new(),
        current: None,
        decision: None,
        closed_at: None,
        error: None,
        history,
        effects_made: revision,
        access_questions: Default::default(),
        context: None,
        parent: None,
        hooks: symbot::domain::hook::HookState::default(),
        own_time: None,
    };
    let body = json!({
        "meta": {"schema_version": 4},
        "state": {"status": "completed", "errors": []},
        "run": {"srn": format!("symbot:run:approval:1.0.0:{id}"), "flow": "symbot:flow:approval:1.0.0"},
        "event": {"type": "request", "timestamp": at.to_iso(), "channel": "slack"},
        "actor": {"user": person(number).id, "username": person(number).email},
        "fields": {"reason": "because of an incident in production ".repeat(6)},
        "type": "event",
    });
    Commit {
        dedup: vec![format!("envelope/{id}/{revision}")],
        run: Some(run),
        timers: vec![if revision == 1 {
            TimerChange::Set(Timer {
                // Far away, so that none fires while starts are measured.
                due: Timestamp(i64::MAX / 4 + i64::try_from(number).unwrap()),
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
            body: body.as_object().cloned().unwrap(),
        }],
        // As large as the record of a handler call.
        values: vec![(
            format!("call/{id}/{revision:06}"),
            Some(
                json!({"number": revision, "call": "recorded input, host calls and results ".repeat(60)}),
            ),
        )],
        now: Some(at),
        ..Commit::default()
    }
}
