//! The beginning of a change log for a store that has something in it already: after an upgrade from a format without such a
//! log, and after restoring.
//!
//! Every record is written as one line of the log (`base`), then a head without tails. Nothing but the log's own files and
//! the head is changed, and the head last: when this is interrupted, it is done again from the start.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;

use super::Options;
use super::commit::decode_time;
use super::failures::sled_error;
use super::head::Head;
use super::reading::Reading;
use super::recover::{Placed, from_json};
use super::staging::Staging;
use crate::store::changes::{self, Base};
use crate::store::contract::StoreError;
use crate::store::datadir::{failed, sync_path};
use crate::store::journal::{CHANGES, Journal, Known, NO_HASH, chained};
use crate::store::keys::{self, Kind};
use crate::store::record;

/// Kinds whose records are written; the others follow from them.
const WRITTEN: [Kind; 6] = [
    Kind::Run,
    Kind::Dedup,
    Kind::Effect,
    Kind::Timer,
    Kind::Value,
    Kind::Blob,
];
/// Lines that are appended at one stroke.
const LOT_BYTES: usize = 1 << 20;

/// Lines on their way into the new log.
struct NewLog {
    journal: Journal,
    seq: u64,
    hash: String,
    lines: String,
    /// Number of the first of `lines`.
    first: u64,
}

impl NewLog {
    fn create(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        let known = Known {
            last: 0,
            last_hash: NO_HASH.to_owned(),
            tail: Default::default(),
            beyond_max: 0,
        };
        Ok(Self {
            journal: Journal::open(CHANGES, dir, &known, options.journal_file_bytes)?,
            seq: 0,
            hash: NO_HASH.to_owned(),
            lines: String::new(),
            first: 1,
        })
    }

    fn add(&mut self, base: &Base) -> Result<(), StoreError> {
        let (line, hash) = chained(self.seq + 1, &changes::of_base(base)?, &self.hash);
        self.seq += 1;
        self.hash = hash;
        self.lines.push_str(&line);
        self.lines.push('\n');
        if self.lines.len() >= LOT_BYTES {
            self.append()?;
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), StoreError> {
        self.journal.append(self.first, &self.lines)?;
        self.lines.clear();
        self.first = self.seq + 1;
        Ok(())
    }
}

/// Writes the log and the head that goes with it, which is returned. Durable once sled's file is synced. The
/// audit journal must have every line by then: none are kept in the store.
pub(super) fn begin(
    reading: &Reading<'_>,
    head: &Head,
    dir: &Path,
    options: &Options,
) -> Result<Head, StoreError> {
    remove_log(dir)?;
    let mut log = NewLog::create(dir, options)?;
    for kind in WRITTEN {
        for item in reading.tree.scan_prefix([kind as u8]) {
            let (key, bytes) = item.map_err(sled_error)?;
            let payload = reading.assemble(&key, record::decode(&key, &bytes)?)?;
            log.add(&of_record(kind, &key, &payload)?)?;
        }
    }
    log.add(&Base::Head {
        commits: head.commits,
        audit: head.audit,
        audit_hash: head.audit_hash.clone(),
        effects: head.effects,
        now: head.now,
    })?;
    log.append()?;
    log.journal.sync()?;
    sync_path(dir)?;

    let mut batch = Staging::new(reading.tree, head.clone());
    for item in reading.tree.scan_prefix([Kind::Tail as u8]).keys() {
        batch.remove(&item.map_err(sled_error)?)?;
    }
    batch.head.changes = log.seq;
    batch.head.changes_hash = log.hash;
    let (batch, _, head) = batch.finish()?;
    reading.tree.apply_batch(batch).map_err(sled_error)?;
    Ok(head)
}

fn remove_log(dir: &Path) -> Result<(), StoreError> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .map_err(|error| failed(format_args!("cannot read {}", dir.display()), &error))?
            .path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| CHANGES.first_of(name).is_some()) {
            fs::remove_file(&path).map_err(|error| {
                failed(format_args!("cannot remove {}", path.display()), &error)
            })?;
        }
    }
    Ok(())
}

fn of_record(kind: Kind, key: &[u8], payload: &[u8]) -> Result<Base, StoreError> {
    let odd = || StoreError::Damaged(format!("{} cannot be understood", keys::describe(key)));
    let name = || keys::value_name(key).map(str::to_owned).ok_or_else(odd);
    let text = || String::from_utf8(payload.to_vec()).map_err(|_| odd());
    Ok(match kind {
        Kind::Run => Base::Run(RawValue::from_string(text()?).map_err(|_| odd())?),
        Kind::Dedup => Base::Key(keys::hex(&key[1..]), decode_time(payload).ok_or_else(odd)?),
        Kind::Effect => {
            let placed: Placed = from_json(key, payload)?;
            Base::Effect(placed.order, placed.effect)
        }
        Kind::Timer => Base::Timer(from_json(key, payload)?),
        Kind::Value => Base::Value(name()?, from_json(key, payload)?),
        Kind::Blob => Base::Blob(name()?, text()?),
        _ => return Err(odd()),
    })
}
