//! The twin in memory: the same trait, the same answers, nothing on a disk. For tests of everything above the store, and
//! the plain counterpart against which the sled store is tested.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::contract::{
    Answer, Commit, Counts, DEDUP_LIFETIME_SECONDS, RunQuery, Store, StoreError, Timer,
};
use super::journal::{NO_HASH, chained};
use super::view::View;
use super::{BLOB_LIMIT_BYTES, NAME_LIMIT_BYTES, Prepared, within};
use crate::domain::effect::StoredEffect;
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// A store that ends with the process.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    view: View,
    runs: HashMap<RunId, Run>,
    created: BTreeMap<(Timestamp, RunId), ()>,
    dedup: HashMap<String, Timestamp>,
    /// The moment of the last commit.
    now: Option<Timestamp>,
    values: BTreeMap<String, Value>,
    blobs: HashMap<String, String>,
    commits: u64,
    effects_made: u64,
    audit: Vec<String>,
    audit_hash: Option<String>,
    closed: bool,
}

/// Whether a key seen at `seen` still counts at `now`.
pub(super) fn still_counts(seen: Timestamp, now: Timestamp) -> bool {
    seen.plus_seconds(DEDUP_LIFETIME_SECONDS) >= now
}

/// The answer to every call after [`Store::close`].
pub(super) fn closed() -> StoreError {
    StoreError::Failed("it has been closed".into())
}

impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines that the journal would hold.
    #[must_use]
    pub fn audit_lines(&self) -> Vec<String> {
        self.lock().audit.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one test task must not hide the state from the others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<'a, T: 'a>(
        &'a self,
        act: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let mut state = self.lock();
            if state.closed {
                return Err(closed());
            }
            act(&mut state)
        })
    }
}

impl State {
    fn seen(&self, key: &str, now: Timestamp) -> bool {
        self.dedup
            .get(key)
            .is_some_and(|seen| still_counts(*seen, now))
    }

    fn commit(&mut self, prepared: Prepared) -> Result<(), StoreError> {
        let now = prepared.now(self.now);
        let mut commit = prepared.commit;
        let mut within_commit = std::collections::HashSet::new();
        for key in &commit.dedup {
            if self.seen(key, now) || !within_commit.insert(key) {
                return Err(StoreError::Duplicate(key.clone()));
            }
        }
        let mut before = None;
        if let Some(run) = &commit.run {
            let stored = self.runs.get(&run.id);
            let revision = stored.map_or(0, |stored| stored.revision);
            if run.revision != revision + 1 {
                return Err(StoreError::Conflict {
                    run: run.id,
                    stored: revision,
                    expected: run.revision.saturating_sub(1),
                });
            }
            before = stored.map(|stored| stored.created_at);
        }
        for key in &commit.dedup {
            self.dedup.insert(key.clone(), now);
        }
        self.now = Some(now);
        if let Some(run) = &commit.run {
            if let Some(created_at) = before {
                self.created.remove(&(created_at, run.id));
            }
            self.created.insert((run.created_at, run.id), ());
            self.runs.insert(run.id, run.clone());
        }
        for (name, value) in std::mem::take(&mut commit.values) {
            match value {
                Some(value) => self.values.insert(name, value),
                None => self.values.remove(&name),
            };
        }
        for members in &prepared.audit {
            let seq = self.audit.len() as u64 + 1;
            let prev = self.audit_hash.as_deref().unwrap_or(NO_HASH);
            let (line, hash) = chained(seq, members, prev);
            self.audit.push(line);
            self.audit_hash = Some(hash);
        }
        self.commits += 1;
        let orders: Vec<u64> = commit
            .outbox_add
            .iter()
            .map(|_| {
                self.effects_made += 1;
                self.effects_made
            })
            .collect();
        self.view.publish(commit, &orders, before);
        Ok(())
    }

    fn runs(&self, query: &RunQuery) -> Vec<Run> {
        let newest_first = match query.before {
            Some(before) => self.created.range(..before).rev(),
            None => self.created.range::<(Timestamp, RunId), _>(..).rev(),
        };
        newest_first
            .filter_map(|((_, id), ())| self.runs.get(id))
            .filter(|run| !query.open_only || run.status.is_open())
            .take(query.limit)
            .cloned()
            .collect()
    }
}

impl Store for MemoryStore {
    fn commit(&self, commit: Commit) -> Answer<'_, ()> {
        self.with(move |state| state.commit(Prepared::new(commit)?))
    }

    fn run(&self, id: RunId) -> Answer<'_, Option<Run>> {
        self.with(move |state| Ok(state.runs.get(&id).cloned()))
    }

    fn runs(&self, query: RunQuery) -> Answer<'_, Vec<Run>> {
        self.with(move |state| Ok(state.runs(&query)))
    }

    fn seen(&self, key: String) -> Answer<'_, bool> {
        self.with(move |state| Ok(state.now.is_some_and(|now| state.seen(&key, now))))
    }

    fn pending_effects(&self) -> Answer<'_, Vec<StoredEffect>> {
        self.with(move |state| Ok(state.view.effects()))
    }

    fn audit_lines(&self, after: u64, count: usize) -> Answer<'_, Vec<(u64, String)>> {
        self.with(move |state| {
            let lines = (1..).zip(&state.audit).filter(|(seq, _)| *seq > after);
            Ok(lines
                .take(count)
                .map(|(seq, line)| (seq, line.clone()))
                .collect())
        })
    }

    fn counts(&self) -> Counts {
        let state = self.lock();
        state.view.counts(state.commits, state.audit.len() as u64)
    }

    fn timers(&self) -> Answer<'_, Vec<Timer>> {
        self.with(move |state| Ok(state.view.timers()))
    }

    fn value(&self, name: String) -> Answer<'_, Option<Value>> {
        self.with(move |state| Ok(state.values.get(&name).cloned()))
    }

    fn values(&self, prefix: String, limit: usize) -> Answer<'_, Vec<(String, Value)>> {
        self.with(move |state| {
            Ok(state
                .values
                .range(prefix.clone()..)
                .take_while(|(name, _)| name.starts_with(&prefix))
                .take(limit)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect())
        })
    }

    fn put_blob(&self, hash: String, text: String) -> Answer<'_, ()> {
        self.with(move |state| {
            within(|| "the hash of a text".into(), hash.len(), NAME_LIMIT_BYTES)?;
            within(|| format!("text {hash}"), text.len(), BLOB_LIMIT_BYTES)?;
            state.blobs.entry(hash).or_insert(text);
            Ok(())
        })
    }

    fn blob(&self, hash: String) -> Answer<'_, Option<String>> {
        self.with(move |state| Ok(state.blobs.get(&hash).cloned()))
    }

    fn close(&self) -> Answer<'_, ()> {
        self.with(|state| {
            state.closed = true;
            Ok(())
        })
    }
}
