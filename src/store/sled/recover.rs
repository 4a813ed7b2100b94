//! What happens between opening sled and taking the first commit: the integrity scan, and filling the view.
//!
//! The kinds that are always few (open runs, timers, effects, lines of the last group) are always checked whole. The others are
//! checked whole in a small store, or when asked for; in a large one their records are still checked whenever they are read.

use std::collections::BTreeMap;

use ::sled::Tree;
use serde::Deserialize;

use super::commit::Lines;
use super::failures::sled_error;
use super::head::{Head, Sum};
use super::reading::Reading;
use crate::domain::effect::StoredEffect;
use crate::domain::run::{RunId, Status};
use crate::domain::time::Timestamp;
use crate::store::contract::{StoreError, Timer};
use crate::store::journal::{AUDIT, CHANGES, GROUP_LINES_MAX, Known, Series};
use crate::store::keys::{self, Kind};
use crate::store::record;
use crate::store::view::View;

/// The part of a run that the store itself needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct RunHead {
    pub(super) id: RunId,
    pub(super) revision: u64,
    pub(super) created_at: Timestamp,
    pub(super) status: Status,
}

/// An effect as it is stored: its place, then the effect.
#[derive(Deserialize)]
pub(super) struct Placed {
    pub(super) order: u64,
    pub(super) effect: StoredEffect,
}

/// What the scan found.
pub(super) struct Recovered {
    pub(super) head: Head,
    pub(super) view: View,
    pub(super) audit: Known,
    pub(super) changes: Known,
}

/// Kinds that are checked at every start.
const ALWAYS: [Kind; 4] = [Kind::Open, Kind::Timer, Kind::Effect, Kind::Tail];

/// Reads the JSON payload of a key.
pub(super) fn from_json<T: for<'de> Deserialize<'de>>(
    key: &[u8],
    payload: &[u8],
) -> Result<T, StoreError> {
    serde_json::from_slice(payload).map_err(|error| {
        StoreError::Damaged(format!(
            "{} cannot be understood: {error}",
            keys::describe(key)
        ))
    })
}

/// The head. Every store has one from its making on.
pub(super) fn head(tree: &Tree) -> Result<Head, StoreError> {
    let key = keys::head();
    match tree.get(&key).map_err(sled_error)? {
        Some(bytes) => from_json(&key, record::decode(&key, &bytes)?.payload),
        None => Err(StoreError::Damaged(
            "the head of the store is missing".into(),
        )),
    }
}

/// Checks the store against its head and collects what is kept in memory.
pub(super) fn scan(
    reading: &Reading<'_>,
    head: Head,
    whole: bool,
) -> Result<Recovered, StoreError> {
    let mut view = View::default();
    let mut tails = (BTreeMap::new(), BTreeMap::new());
    for kind in Kind::COUNTED {
        if !whole && !ALWAYS.contains(&kind) {
            continue;
        }
        let mut found = Sum::default();
        for item in reading.tree.scan_prefix([kind as u8]) {
            let (key, bytes) = item.map_err(sled_error)?;
            let record = record::decode(&key, &bytes)?;
            if record.seq > head.commits {
                return Err(StoreError::Damaged(format!(
                    "{} belongs to commit {}, but the store ends with {}",
                    keys::describe(&key),
                    record.seq,
                    head.commits
                )));
            }
            found.add(record.fingerprint());
            match kind {
                Kind::Open => open_run(reading, &key, &mut view)?,
                Kind::Timer => view.set_timer(&from_json::<Timer>(&key, record.payload)?),
                Kind::Effect => {
                    let payload = reading.assemble(&key, record)?;
                    let placed: Placed = from_json(&key, &payload)?;
                    view.add_effect(placed.order, placed.effect);
                }
                Kind::Tail => {
                    let payload = reading.assemble(&key, record)?;
                    let odd =
                        || StoreError::Damaged(format!("{} cannot be read", keys::describe(&key)));
                    match keys::tail_seq(&key) {
                        // As format 1 has them.
                        Some(seq) => {
                            let line = String::from_utf8(payload).map_err(|_| odd())?;
                            tails.0.insert(seq, line);
                        }
                        None => tails = Lines::decode(&payload).ok_or_else(odd)?,
                    }
                }
                Kind::Run => indexed_run(reading, &key, &reading.assemble(&key, record)?)?,
                _ => {}
            }
        }
        compare(kind, head.sum(kind), found)?;
    }
    if whole {
        let known: u64 = Kind::COUNTED.iter().map(|kind| head.sum(*kind).count).sum();
        let stored = reading.tree.len() as u64;
        if stored != known + 1 {
            return Err(StoreError::Damaged(format!(
                "the store holds {stored} records where {} were written",
                known + 1
            )));
        }
    }
    let audit = known(AUDIT, head.audit, &head.audit_hash, tails.0)?;
    let changes = known(CHANGES, head.changes, &head.changes_hash, tails.1)?;
    Ok(Recovered {
        head,
        view,
        audit,
        changes,
    })
}

/// What the store knows about a journal; its tail must end with the last line and have no gaps.
fn known(
    series: Series,
    last: u64,
    last_hash: &str,
    tail: BTreeMap<u64, String>,
) -> Result<Known, StoreError> {
    let first = tail.first_key_value().map_or(last + 1, |(seq, _)| *seq);
    if first + tail.len() as u64 != last + 1 {
        return Err(StoreError::Damaged(format!(
            "the lines of {} kept in the store are not {first} to {last} without gaps",
            series.name
        )));
    }
    Ok(Known {
        last,
        last_hash: last_hash.to_owned(),
        tail,
        beyond_max: GROUP_LINES_MAX,
    })
}

fn compare(kind: Kind, written: Sum, found: Sum) -> Result<(), StoreError> {
    if written.count != found.count {
        return Err(StoreError::Damaged(format!(
            "{}: {} entries were written, {} are there",
            kind.name(),
            written.count,
            found.count
        )));
    }
    if written.sum != found.sum {
        return Err(StoreError::Damaged(format!(
            "{}: the {} entries are not the ones that were written last",
            kind.name(),
            found.count
        )));
    }
    Ok(())
}

/// An entry of the index of open runs stands for an open run with that creation time.
fn open_run(reading: &Reading<'_>, key: &[u8], view: &mut View) -> Result<(), StoreError> {
    let wrong = |why: &str| StoreError::Damaged(format!("{}: {why}", keys::describe(key)));
    let (created_at, id) = keys::time_and_run(key).ok_or_else(|| wrong("not a key"))?;
    let run_key = keys::run(id);
    let payload = reading
        .payload(&run_key)?
        .ok_or_else(|| wrong("the run is missing"))?;
    let run: RunHead = from_json(&run_key, &payload)?;
    if run.id != id || run.created_at != created_at || !run.status.is_open() {
        return Err(wrong("the run says something else"));
    }
    view.add_open(created_at, id);
    Ok(())
}

/// A run stands in the index of runs, and in the index of open runs exactly if it is open.
fn indexed_run(reading: &Reading<'_>, key: &[u8], payload: &[u8]) -> Result<(), StoreError> {
    let run: RunHead = from_json(key, payload)?;
    let there = |key: Vec<u8>| reading.tree.contains_key(key).map_err(sled_error);
    if keys::run(run.id) != key
        || !there(keys::created(run.created_at, run.id))?
        || there(keys::open(run.created_at, run.id))? != run.status.is_open()
    {
        return Err(StoreError::Damaged(format!(
            "{} does not agree with the indexes",
            keys::describe(key)
        )));
    }
    Ok(())
}
