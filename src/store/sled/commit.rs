//! What a commit changes in the store, staged record by record; and its lines in the journals. Used by the writer, and by
//! restoring from the change log, which has the lines already.

use std::collections::{BTreeMap, HashMap};

use super::head::Head;
use super::recover::{Placed, RunHead, from_json};
use super::staging::Staging;
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;
use crate::store::contract::{StoreError, Timer, TimerChange};
use crate::store::journal::chained;
use crate::store::keys;
use crate::store::memory::still_counts;
use crate::store::{Prepared, changes, to_json};

/// A commit that was staged, with what the view needs to know about it.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) orders: Vec<u64>,
    /// Creation time of the run that it replaces.
    pub(super) before: Option<Timestamp>,
}

/// The lines of a group for the journals, each with its end.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) audit: String,
    pub(super) changes: String,
}

/// Lines of a journal by their numbers.
type Numbered = BTreeMap<u64, String>;

impl Lines {
    /// For the store: the numbers of the first lines, how long the audit lines are, both texts.
    fn encode(&self, first_audit: u64, first_change: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + self.audit.len() + self.changes.len());
        for number in [first_audit, first_change, self.audit.len() as u64] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(self.audit.as_bytes());
        bytes.extend_from_slice(self.changes.as_bytes());
        bytes
    }

    /// The lines of both journals that [`Self::stage`] has put into the store.
    pub(super) fn decode(payload: &[u8]) -> Option<(Numbered, Numbered)> {
        let (numbers, texts) = payload.split_at_checked(24)?;
        let number = |at: usize| Some(u64::from_be_bytes(numbers[at..at + 8].try_into().ok()?));
        let texts = std::str::from_utf8(texts).ok()?;
        let (audit, changes) = texts.split_at_checked(usize::try_from(number(16)?).ok()?)?;
        let numbered =
            |first: u64, text: &str| (first..).zip(text.lines().map(str::to_owned)).collect();
        Some((numbered(number(0)?, audit), numbered(number(8)?, changes)))
    }

    /// Stages the lines themselves, in place of those of the group before, which have been synced. `before` is the head of
    /// that group.
    pub(super) fn stage(&self, batch: &mut Staging<'_>, before: &Head) -> Result<(), StoreError> {
        let payload = self.encode(before.audit + 1, before.changes + 1);
        batch.put(&keys::tail(), &payload)
    }
}

/// Where the newest state of a run is looked for first.
pub(super) type Cached<'a> = &'a dyn Fn(RunId) -> Option<RunHead>;

/// Checks a commit, then stages it. What cannot be committed is found out before anything is staged.
pub(super) fn stage_commit(
    prepared: &Prepared,
    batch: &mut Staging<'_>,
    runs: &mut HashMap<RunId, RunHead>,
    cached: Cached<'_>,
) -> Result<Staged, StoreError> {
    let now = prepared.now(batch.head.now);
    let commit = &prepared.commit;
    for (number, key) in commit.dedup.iter().enumerate() {
        let seen = batch.get(&keys::dedup(key))?;
        let seen = seen.as_deref().and_then(decode_time);
        if seen.is_some_and(|seen| still_counts(seen, now)) || commit.dedup[..number].contains(key)
        {
            return Err(StoreError::Duplicate(key.clone()));
        }
    }
    let mut old = None;
    if let Some(run) = &commit.run {
        old = stored_run(run.id, batch, runs, cached)?;
        let stored = old.map_or(0, |old| old.revision);
        if run.revision != stored + 1 {
            return Err(StoreError::Conflict {
                run: run.id,
                stored,
                expected: run.revision.saturating_sub(1),
            });
        }
    }

    batch.head.commits += 1;
    batch.head.now = Some(now);
    for key in &commit.dedup {
        batch.put(&keys::dedup(key), &now.0.to_be_bytes())?;
    }
    if let (Some(run), Some(bytes)) = (&commit.run, &prepared.run) {
        batch.put(&keys::run(run.id), bytes)?;
        let moved = old.filter(|old| old.created_at != run.created_at);
        if let Some(old) = moved {
            batch.remove(&keys::created(old.created_at, run.id))?;
        }
        if old.is_none() || moved.is_some() {
            batch.put(&keys::created(run.created_at, run.id), &[])?;
        }
        let open_before = old
            .filter(|old| old.status.is_open())
            .map(|old| old.created_at);
        let open_now = run.status.is_open().then_some(run.created_at);
        if open_before != open_now {
            if let Some(at) = open_before {
                batch.remove(&keys::open(at, run.id))?;
            }
            if let Some(at) = open_now {
                batch.put(&keys::open(at, run.id), &[])?;
            }
        }
        runs.insert(
            run.id,
            RunHead {
                id: run.id,
                revision: run.revision,
                created_at: run.created_at,
                status: run.status,
            },
        );
    }
    for id in &commit.outbox_done {
        let key = keys::effect(*id);
        if batch.contains(&key)? {
            batch.remove(&key)?;
        }
    }
    let mut orders = Vec::with_capacity(commit.outbox_add.len());
    for (stored, bytes) in commit.outbox_add.iter().zip(&prepared.effects) {
        let key = keys::effect(stored.id);
        let order = match batch.get(&key)? {
            Some(payload) => from_json::<Placed>(&key, &payload)?.order,
            None => {
                batch.head.effects += 1;
                batch.head.effects
            }
        };
        let mut payload = format!("{{\"order\":{order},\"effect\":").into_bytes();
        payload.extend_from_slice(bytes);
        payload.push(b'}');
        batch.put(&key, &payload)?;
        orders.push(order);
    }
    for change in &commit.timers {
        match change {
            TimerChange::Set(timer) => {
                batch.put(&timer_key(timer), &to_json("a timer", timer)?)?;
            }
            TimerChange::Cancel { run, notification } => {
                let key = keys::timer(*run, *notification);
                if batch.contains(&key)? {
                    batch.remove(&key)?;
                }
            }
        }
    }
    for ((name, _), bytes) in commit.values.iter().zip(&prepared.values) {
        let key = keys::value(name);
        match bytes {
            Some(bytes) => batch.put(&key, bytes)?,
            None if batch.contains(&key)? => batch.remove(&key)?,
            None => {}
        }
    }
    Ok(Staged {
        orders,
        before: old.map(|old| old.created_at),
    })
}

/// Adds the lines of a commit that was just staged.
pub(super) fn add_lines(prepared: &Prepared, batch: &mut Staging<'_>, lines: &mut Lines) {
    for members in &prepared.audit {
        let seq = batch.head.audit + 1;
        let (line, hash) = chained(seq, members, &batch.head.audit_hash);
        batch.head.audit = seq;
        batch.head.audit_hash = hash;
        lines.audit.push_str(&line);
        lines.audit.push('\n');
    }
    add_change(&prepared.changes, batch, lines);
}

/// Adds the line of the change log for the commit that the head counts as its last.
pub(super) fn add_change(own: &str, batch: &mut Staging<'_>, lines: &mut Lines) {
    let head = &batch.head;
    let members = changes::members(head.commits, head.now, head.audit, &head.audit_hash, own);
    let seq = head.changes + 1;
    let (line, hash) = chained(seq, &members, &head.changes_hash);
    batch.head.changes = seq;
    batch.head.changes_hash = hash;
    lines.changes.push_str(&line);
    lines.changes.push('\n');
}

/// The newest state of a run, including what this group has staged.
fn stored_run(
    id: RunId,
    batch: &mut Staging<'_>,
    runs: &HashMap<RunId, RunHead>,
    cached: Cached<'_>,
) -> Result<Option<RunHead>, StoreError> {
    if let Some(run) = runs.get(&id) {
        return Ok(Some(*run));
    }
    if let Some(run) = cached(id) {
        return Ok(Some(run));
    }
    let key = keys::run(id);
    batch
        .get(&key)?
        .map(|payload| from_json(&key, &payload))
        .transpose()
}

fn timer_key(timer: &Timer) -> Vec<u8> {
    keys::timer(timer.run, timer.notification)
}

/// The payload of a de-duplication key.
pub(super) fn decode_time(payload: &[u8]) -> Option<Timestamp> {
    Some(Timestamp(i64::from_be_bytes(payload.try_into().ok()?)))
}
