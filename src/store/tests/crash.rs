//! SIGKILL at random moments: a child process writes and says what was acknowledged; the parent kills it, opens the store,
//! and looks for everything that it was told, and for anything half.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::fixtures::{START, open, run, run_id, transition};
use crate::domain::run::Status;
use crate::store::sled::{RestoreFrom, restore};
use crate::store::{RunQuery, Store, journal};

const DATA_ENV: &str = "SYMBOT_TEST_CRASH_DATA";
const FIRST_ENV: &str = "SYMBOT_TEST_CRASH_FIRST";
const LARGE_ENV: &str = "SYMBOT_TEST_CRASH_LARGE";
const CLIENTS: u64 = 8;
const REVISIONS: u64 = 4;
/// The child hangs when it acknowledges nothing for so long.
const STALLED: Duration = Duration::from_secs(60);

#[allow(clippy::disallowed_methods)]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The child: not a test by itself, so it does nothing without the environment of its parent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other tests of this module"]
async fn child_that_writes_until_it_is_killed() {
    let (Some(data), Some(first)) = (env(DATA_ENV), env(FIRST_ENV)) else {
        return;
    };
    let first: u64 = first.parse().unwrap();
    let large = env(LARGE_ENV).is_some();
    let store = Arc::new(open(Path::new(&data)).unwrap());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in (first + client..).step_by(CLIENTS as usize) {
                    for revision in 1..=REVISIONS {
                        let status = if revision < REVISIONS {
                            Status::Requested
                        } else {
                            Status::Approved
                        };
                        let mut commit = transition(number, revision, status);
                        // So that no key is forgotten for its age.
                        commit.now = Some(START);
                        if large && number % 5 == 0 {
                            let size = (number * 7_919 + revision * 104_729) as usize % 250_000;
                            commit.run = Some(run(number, revision, status, size));
                        }
                        store.commit(commit).await.unwrap();
                        // One write, so that a line is whole or not there.
                        let line = format!("ack {number} {revision}\n");
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

/// The command of a child that writes to `data`, beginning with run `first`; now and then a large one if `large`.
pub(super) fn child(data: &Path, first: u64, large: bool) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg("store::tests::crash::child_that_writes_until_it_is_killed")
        .env(DATA_ENV, data)
        .env(FIRST_ENV, first.to_string())
        .stderr(Stdio::null());
    if large {
        command.env(LARGE_ENV, "1");
    }
    command
}

/// Run and revision of a line of the child.
pub(super) fn parse_ack(line: &str) -> Option<(u64, u64)> {
    let (number, revision) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some((number.parse().ok()?, revision.parse().ok()?))
}

/// When a child is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// After this time: on the way to being open, most often.
    After(Duration),
    /// When so many transitions have been acknowledged, however long that takes on a busy machine.
    AtAck(usize),
}

/// Runs the child until its moment has come, kills it, and adds what it said to `acknowledged`.
fn run_and_kill(data: &Path, first: u64, when: Kill, acknowledged: &mut HashMap<u64, u64>) {
    let mut child = child(data, first, false)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let (acks, acked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(ack) = parse_ack(&line) {
                let _ = acks.send(ack);
            }
        }
    });
    match when {
        Kill::After(time) => std::thread::sleep(time),
        Kill::AtAck(count) => {
            for seen in 0..count {
                let (number, revision) = acked
                    .recv_timeout(STALLED)
                    .unwrap_or_else(|_| panic!("no acknowledgement after the {seen}th"));
                acknowledged.insert(number, revision);
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said by then; ends with the pipe.
    acknowledged.extend(acked);
}

/// Opens the store and looks for everything that was acknowledged, and for anything half; if `restored`, also whether the
/// journals alone make the same. Returns the number that the next run may have.
pub(super) async fn check(data: &Path, acknowledged: &HashMap<u64, u64>, restored: bool) -> u64 {
    let store = open(data).unwrap();
    for (number, revision) in acknowledged {
        let stored = store.run(run_id(*number)).await.unwrap();
        let stored =
            stored.unwrap_or_else(|| panic!("run {number} is lost at revision {revision}"));
        assert!(
            stored.revision >= *revision,
            "run {number} went back from revision {revision} to {}",
            stored.revision
        );
        assert!(
            store
                .seen(format!("envelope-{number}-{revision}"))
                .await
                .unwrap()
        );
    }
    let all = || RunQuery {
        open_only: false,
        before: None,
        limit: usize::MAX,
    };
    let runs = store.runs(all()).await.unwrap();
    // Each transition of the fixtures leaves one effect, one audit line, and a timer while it is open.
    let effects = store.pending_effects().await.unwrap();
    assert_eq!(effects.len(), runs.len());
    let open = runs.iter().filter(|run| run.status.is_open()).count();
    assert_eq!(store.timers().await.unwrap().len(), open);
    assert_eq!(store.open_runs(), open);
    let steps: u64 = runs.iter().map(|run| run.revision).sum();
    let journal = journal::verify(&data.join("audit"), steps).unwrap();
    assert_eq!(journal.lines, steps, "journal and store do not agree");
    let position = store.position();
    store.close().await.unwrap();
    drop(store);
    if restored {
        let copy = data.with_extension("restored");
        let from = RestoreFrom {
            journal: Some(data.to_owned()),
            ..RestoreFrom::default()
        };
        let summary = restore(&from, &copy).unwrap();
        assert_eq!((summary.commits, summary.audit_lines), position);
        let store = super::fixtures::open(&copy).unwrap();
        assert_eq!(store.runs(all()).await.unwrap(), runs);
        assert_eq!(store.pending_effects().await.unwrap(), effects);
        drop(store);
        std::fs::remove_dir_all(copy).unwrap();
    }
    runs.iter()
        .map(|run| (run.id.as_u128() & 0xffff_ffff) as u64 + 1)
        .max()
        .unwrap_or(0)
}

async fn storm(rounds: u64) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut acknowledged = HashMap::new();
    let mut first = 0;
    for round in 0..rounds {
        let when = if round % 4 == 3 {
            Kill::After(Duration::from_millis(15 + round * 97 % 60))
        } else {
            Kill::AtAck(1 + usize::try_from(round * 97 % 60).unwrap())
        };
        run_and_kill(&data, first, when, &mut acknowledged);
        first = check(&data, &acknowledged, round % 4 == 0)
            .await
            .next_multiple_of(CLIENTS);
    }
    println!("{rounds} kills, {} runs acknowledged", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    storm(12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn what_was_acknowledged_survives_500_times_kill_9() {
    storm(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_refused_and_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data).unwrap();
    let error = open(&data).err().unwrap().to_string();
    assert!(
        error.contains("in use by another symbot (process"),
        "{error}"
    );
    assert!(error.contains(&data.display().to_string()), "{error}");
    store
        .commit(transition(1, 1, Status::Requested))
        .await
        .unwrap();
    drop(store);
    open(&data).unwrap();
}
