//! Random sequences of commits, against plain maps: sled, memory and the maps must agree on every answer and, at every
//! moment looked at, on everything that can be read; also after closing, and after dropping without closing.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use super::fixtures::{START, audit, effect, open, run, run_id};
use super::state::{Names, State, read};
use crate::domain::effect::{EffectId, StoredEffect};
use crate::domain::run::{Run, RunId, Status};
use crate::domain::time::Timestamp;
use crate::store::sled::{RestoreFrom, restore};
use crate::store::{Commit, MemoryStore, Store, StoreError, Timer, TimerChange};

const RUNS: u64 = 5;
const KEYS: u8 = 8;
const VALUES: u8 = 3;

#[derive(Debug, Clone)]
enum Op {
    Commit(Box<Draft>),
    Blob(u8, usize),
    Close,
    Drop,
    Backup,
}

/// A commit before it is known which revision the run has.
#[derive(Debug, Clone)]
struct Draft {
    seconds: u64,
    keys: Vec<u8>,
    run: Option<(u64, Status, u64, usize)>,
    add: Vec<(u64, u64)>,
    done: Vec<(u64, u64)>,
    timers: Vec<(bool, u64, usize, u64)>,
    values: Vec<(u8, Option<u16>)>,
    audit: u8,
}

fn draft() -> impl Strategy<Value = Draft> {
    let status = prop_oneof![
        3 => Just(Status::Requested),
        1 => Just(Status::Approved),
        1 => Just(Status::Expired),
    ];
    // Mostly the revision that follows; sometimes one that skips or repeats.
    let step = prop_oneof![8 => Just(1_u64), 1 => Just(0), 1 => Just(2)];
    let size =
        prop_oneof![8 => 0..4_000_usize, 1 => 45_000..52_000_usize, 1 => 90_000..200_000_usize];
    let id = (0..RUNS, 1..4_u64);
    (
        prop_oneof![6 => 0..60_u64, 1 => 3_000..8_000_u64],
        vec(0..KEYS, 0..2),
        proptest::option::weighted(0.8, (0..RUNS, status, step, size)),
        vec(id.clone(), 0..3),
        vec(id, 0..3),
        vec((any::<bool>(), 0..RUNS, 0..2_usize, 0..5_000_u64), 0..3),
        vec((0..VALUES, proptest::option::of(any::<u16>())), 0..2),
        0..3_u8,
    )
        .prop_map(
            |(seconds, keys, run, add, done, timers, values, audit)| Draft {
                seconds,
                keys,
                run,
                add,
                done,
                timers,
                values,
                audit,
            },
        )
}

fn ops(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Op>> {
    vec(
        prop_oneof![
            30 => draft().prop_map(|draft| Op::Commit(Box::new(draft))),
            2 => (0..3_u8, 0..150_000_usize).prop_map(|(name, size)| Op::Blob(name, size)),
            1 => Just(Op::Close),
            1 => Just(Op::Drop),
            1 => Just(Op::Backup),
        ],
        length,
    )
}

/// The plain maps. Written without looking at the other two: lists, not indexes.
#[derive(Default)]
struct Model {
    runs: BTreeMap<RunId, Run>,
    keys: BTreeMap<String, Timestamp>,
    effects: Vec<StoredEffect>,
    timers: BTreeMap<(RunId, usize), Timestamp>,
    values: BTreeMap<String, Value>,
    blobs: BTreeMap<String, String>,
    now: Option<Timestamp>,
    audit: usize,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Done,
    Duplicate,
    Conflict,
}

impl Model {
    fn is_seen(&self, key: &str, now: Timestamp) -> bool {
        self.keys
            .get(key)
            .is_some_and(|at| now.0 - at.0 <= 7_200_000)
    }

    fn commit(&mut self, commit: &Commit) -> Outcome {
        let now = commit.now.unwrap();
        let repeated = commit.dedup.len() == 2 && commit.dedup[0] == commit.dedup[1];
        if repeated || commit.dedup.iter().any(|key| self.is_seen(key, now)) {
            return Outcome::Duplicate;
        }
        if let Some(run) = &commit.run {
            if run.revision != self.runs.get(&run.id).map_or(0, |run| run.revision) + 1 {
                return Outcome::Conflict;
            }
            self.runs.insert(run.id, run.clone());
        }
        self.now = Some(now);
        for key in &commit.dedup {
            self.keys.insert(key.clone(), now);
        }
        self.effects
            .retain(|stored| !commit.outbox_done.contains(&stored.id));
        for added in &commit.outbox_add {
            match self.effects.iter_mut().find(|stored| stored.id == added.id) {
                Some(stored) => *stored = added.clone(),
                None => self.effects.push(added.clone()),
            }
        }
        for change in &commit.timers {
            match change {
                TimerChange::Set(timer) => {
                    self.timers
                        .insert((timer.run, timer.notification), timer.due);
                }
                TimerChange::Cancel { run, notification } => {
                    self.timers.remove(&(*run, *notification));
                }
            }
        }
        for (name, value) in &commit.values {
            match value {
                Some(value) => self.values.insert(name.clone(), value.clone()),
                None => self.values.remove(name),
            };
        }
        self.audit += commit.audit.len();
        Outcome::Done
    }

    fn state(&self, names: &Names) -> State {
        let mut runs: Vec<Run> = self.runs.values().cloned().collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
        let mut timers: Vec<Timer> = self
            .timers
            .iter()
            .map(|((run, notification), due)| Timer {
                due: *due,
                run: *run,
                notification: *notification,
            })
            .collect();
        timers.sort_by_key(|timer| (timer.due, timer.run, timer.notification));
        State {
            open: runs
                .iter()
                .filter(|run| run.status == Status::Requested)
                .cloned()
                .collect(),
            by_id: names
                .runs
                .iter()
                .map(|number| self.runs.get(&run_id(*number)).cloned())
                .collect(),
            runs,
            effects: self.effects.clone(),
            timers,
            seen: names
                .keys
                .iter()
                .map(|key| self.now.is_some_and(|now| self.is_seen(key, now)))
                .collect(),
            values: names
                .values
                .iter()
                .map(|name| self.values.get(name).cloned())
                .collect(),
            blobs: names
                .blobs
                .iter()
                .map(|hash| self.blobs.get(hash).cloned())
                .collect(),
        }
    }

    fn make(&self, draft: &Draft, number: usize) -> Commit {
        let id = |(run, number): &(u64, u64)| EffectId {
            run: run_id(*run),
            number: *number,
        };
        Commit {
            dedup: draft.keys.iter().map(|key| format!("key-{key}")).collect(),
            run: draft.run.map(|(run_number, status, step, size)| {
                let revision = self
                    .runs
                    .get(&run_id(run_number))
                    .map_or(0, |run| run.revision);
                run(run_number, revision + step, status, size)
            }),
            outbox_add: draft
                .add
                .iter()
                .map(|(run, made)| effect(*run, *made, &format!("op {number}")))
                .collect(),
            outbox_done: draft.done.iter().map(id).collect(),
            timers: draft
                .timers
                .iter()
                .map(|(set, run, notification, seconds)| match set {
                    true => TimerChange::Set(Timer {
                        due: START.plus_seconds(*seconds),
                        run: run_id(*run),
                        notification: *notification,
                    }),
                    false => TimerChange::Cancel {
                        run: run_id(*run),
                        notification: *notification,
                    },
                })
                .collect(),
            audit: (0..draft.audit)
                .map(|part| audit(number as u64, &format!("part-{part}")))
                .collect(),
            values: draft
                .values
                .iter()
                .map(|(name, value)| (format!("value-{name}"), value.map(|value| json!(value))))
                .collect(),
            now: Some(self.now.unwrap_or(START).plus_seconds(draft.seconds)),
        }
    }
}

fn outcome(result: Result<(), StoreError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(StoreError::Duplicate(_)) => Outcome::Duplicate,
        Err(StoreError::Conflict { .. }) => Outcome::Conflict,
        Err(other) => panic!("{other}"),
    }
}

async fn play(ops: &[Op]) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let names = Names {
        runs: (0..RUNS).collect(),
        keys: (0..KEYS).map(|key| format!("key-{key}")).collect(),
        values: (0..VALUES).map(|name| format!("value-{name}")).collect(),
        blobs: (0..3).map(|name| format!("blob-{name}")).collect(),
    };
    let mut model = Model::default();
    let memory = MemoryStore::new();
    let mut sled = open(&data).unwrap();
    let mut backup = None;
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Commit(draft) => {
                let commit = model.make(draft, number);
                let expected = model.commit(&commit);
                prop_assert_eq!(&outcome(memory.commit(commit.clone()).await), &expected);
                prop_assert_eq!(&outcome(sled.commit(commit).await), &expected);
            }
            Op::Blob(name, size) => {
                let (hash, text) = (format!("blob-{name}"), "b".repeat(*size));
                model.blobs.entry(hash.clone()).or_insert(text.clone());
                memory.put_blob(hash.clone(), text.clone()).await.unwrap();
                sled.put_blob(hash, text).await.unwrap();
            }
            Op::Close | Op::Drop => {
                if matches!(op, Op::Close) {
                    sled.close().await.unwrap();
                }
                drop(sled);
                sled = open(&data).unwrap();
                prop_assert_eq!(&read(&sled, &names).await.unwrap(), &model.state(&names));
            }
            Op::Backup => {
                let file = dir.path().join(format!("backup-{number}"));
                sled.backup(&file).await.unwrap();
                backup = Some(file);
            }
        }
    }
    prop_assert_eq!(&read(&memory, &names).await.unwrap(), &model.state(&names));
    prop_assert_eq!(&read(&sled, &names).await.unwrap(), &model.state(&names));
    drop(sled);
    // Opening checks every sum and index.
    let sled = open(&data).unwrap();
    prop_assert_eq!(&read(&sled, &names).await.unwrap(), &model.state(&names));
    prop_assert_eq!(memory.audit_lines().len(), model.audit);
    let lines = crate::store::journal::verify(&data.join("audit"), 0)
        .unwrap()
        .lines;
    prop_assert_eq!(lines, model.audit as u64);
    let position = sled.position();
    drop(sled);
    let mut ways = vec![None];
    ways.extend(backup.as_ref().map(Some));
    for from in ways {
        let restored = dir.path().join(format!("restored-{}", from.is_some()));
        let from = RestoreFrom {
            backup: from.cloned(),
            journal: Some(data.clone()),
            up_to_damage: false,
        };
        let summary = restore(&from, &restored).unwrap();
        prop_assert_eq!(&summary.left_out, &Vec::<String>::new());
        let copy = open(&restored).unwrap();
        prop_assert_eq!(copy.position(), position);
        prop_assert_eq!(&read(&copy, &names).await.unwrap(), &model.state(&names));
        // And again from the journal that the restored one has begun.
        drop(copy);
        let again = dir.path().join(format!("again-{}", from.backup.is_some()));
        let from = RestoreFrom {
            journal: Some(restored),
            ..RestoreFrom::default()
        };
        restore(&from, &again).unwrap();
        let copy = open(&again).unwrap();
        prop_assert_eq!(copy.position(), position);
        prop_assert_eq!(&read(&copy, &names).await.unwrap(), &model.state(&names));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sled_memory_and_plain_maps_agree_and_so_do_restored_copies(ops in ops(1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&ops))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn copies_restored_after_two_thousand_random_commits_agree(ops in ops(2_000..2_001)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&ops))?;
    }
}
