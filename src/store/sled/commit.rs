//! What a commit changes in the store, staged record by record; and its lines in the journals. Used by the writer, and by
//! restoring from the change log, which has the lines already.

use std::collections::HashMap;

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

/// Lines for the journals, each with its end.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) audit: String,
    pub(super) changes: String,
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

/// Stages the lines of a commit that was just staged, as the tails of the journals.
pub(super) fn stage_lines(
    prepared: &Prepared,
    batch: &mut Staging<'_>,
    lines: &mut Lines,
) -> Result<(), StoreError> {
    for members in &prepared.audit {
        let seq = batch.head.audit + 1;
        let (line, hash) = chained(seq, members, &batch.head.audit_hash);
        batch.put(&keys::tail(seq), line.as_bytes())?;
        batch.head.audit = seq;
        batch.head.audit_hash = hash;
        lines.audit.push_str(&line);
        lines.audit.push('\n');
    }
    stage_change(&prepared.changes, batch, lines)
}

/// Stages the line of the change log for the commit that the head counts as its last.
pub(super) fn stage_change(
    own: &str,
    batch: &mut Staging<'_>,
    lines: &mut Lines,
) -> Result<(), StoreError> {
    let head = &batch.head;
    let members = changes::members(head.commits, head.now, head.audit, &head.audit_hash, own);
    let seq = head.changes + 1;
    let (line, hash) = chained(seq, &members, &head.changes_hash);
    batch.put(&keys::change_tail(seq), line.as_bytes())?;
    batch.head.changes = seq;
    batch.head.changes_hash = hash;
    lines.changes.push_str(&line);
    lines.changes.push('\n');
    Ok(())
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
