//! The store: everything that must survive the process, behind the one trait of [`contract`].
//!
//! Lives here: the sled implementation and its guards ([`sled`]), the twin in memory for tests ([`memory`]), the audit
//! journal and the change log ([`journal`], [`changes`]) and the data directory they share ([`datadir`]). Must not live here: decisions about requests,
//! Slack, Python, the reading of clocks. The engine and the web app call it, through `dyn Store` only.

#![forbid(unsafe_code)]

pub mod changes;
pub mod contract;
pub mod datadir;
pub mod journal;
mod keys;
pub mod memory;
mod record;
pub mod sled;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use contract::{Commit, Counts, RunQuery, Store, StoreError, Timer, TimerChange};
pub use memory::MemoryStore;
pub use sled::{Options, SledStore};

/// Largest encoded run. Runs are kept in pieces, so this is a guard against runaway growth, not a limit of the disk format.
pub const RUN_LIMIT_BYTES: usize = 1 << 20;
/// Largest effect, audit record: as for runs.
pub const ENTRY_LIMIT_BYTES: usize = 1 << 20;
/// Largest value under a name. Values are meant to be small; what is larger belongs into a blob.
pub const VALUE_LIMIT_BYTES: usize = 64 << 10;
/// Largest name of a value and largest de-duplication key.
pub const NAME_LIMIT_BYTES: usize = 1 << 10;
/// Largest text of [`contract::Store::put_blob`]: a flow with its code is some kilobytes.
pub const BLOB_LIMIT_BYTES: usize = 4 << 20;

use crate::domain::audit::AuditRecord;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;

/// Serializes a value of ours; the types involved cannot fail, but the reason is kept if one ever does.
fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Failed(format!("{what} cannot be written as JSON: {error}")))
}

/// Refuses what is larger than `limit`.
fn within(what: impl FnOnce() -> String, bytes: usize, limit: usize) -> Result<(), StoreError> {
    if bytes <= limit {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        what: what(),
        bytes,
        limit,
    })
}

/// The parts of a commit that are written, as bytes. Made on the caller's thread, so that the writer only writes.
struct Prepared {
    commit: Commit,
    run: Option<Vec<u8>>,
    effects: Vec<Vec<u8>>,
    /// Members of each audit record, without braces, `seq`, `prev` and `hash`.
    audit: Vec<String>,
    values: Vec<Option<Vec<u8>>>,
    /// Members of the line in the change log that belong to the commit alone; empty where there is no such log.
    changes: String,
}

impl Prepared {
    /// Serializes and checks the sizes: both implementations refuse the same commits.
    fn new(commit: Commit) -> Result<Self, StoreError> {
        for key in &commit.dedup {
            within(
                || "a de-duplication key".into(),
                key.len(),
                NAME_LIMIT_BYTES,
            )?;
        }
        let run = commit
            .run
            .as_ref()
            .map(|run| {
                let bytes = to_json("a run", run)?;
                within(|| format!("run {}", run.id), bytes.len(), RUN_LIMIT_BYTES)?;
                Ok(bytes)
            })
            .transpose()?;
        let mut effects = Vec::with_capacity(commit.outbox_add.len());
        for stored in &commit.outbox_add {
            let bytes = to_json("an effect", stored)?;
            within(
                || format!("effect {} of run {}", stored.id.number, stored.id.run),
                bytes.len(),
                ENTRY_LIMIT_BYTES,
            )?;
            effects.push(bytes);
        }
        let mut audit = Vec::with_capacity(commit.audit.len());
        for record in &commit.audit {
            let members = members_of(record)?;
            within(
                || format!("audit record {}", record.id),
                members.len(),
                ENTRY_LIMIT_BYTES,
            )?;
            audit.push(members);
        }
        let mut values = Vec::with_capacity(commit.values.len());
        for (name, value) in &commit.values {
            within(
                || "the name of a value".into(),
                name.len(),
                NAME_LIMIT_BYTES,
            )?;
            let bytes = value
                .as_ref()
                .map(|value| to_json("a value", value))
                .transpose()?;
            if let Some(bytes) = &bytes {
                within(|| format!("value `{name}`"), bytes.len(), VALUE_LIMIT_BYTES)?;
            }
            values.push(bytes);
        }
        Ok(Self {
            commit,
            run,
            effects,
            audit,
            values,
            changes: String::new(),
        })
    }

    /// Adds what the change log is told; `before` is the revision of the run that this one replaces, if it is at hand.
    fn with_changes(mut self, before: Option<&Run>) -> Result<Self, StoreError> {
        self.changes = changes::of_commit(&self.commit, self.run.as_deref(), before)?;
        Ok(self)
    }

    /// The moment of the transition; one without takes the moment of the one before.
    fn now(&self, before: Option<Timestamp>) -> Timestamp {
        self.commit.now.or(before).unwrap_or(Timestamp(0))
    }
}

/// `"id":"…"` and the members of the body, in their order. Names that the journal itself writes are left out.
fn members_of(record: &AuditRecord) -> Result<String, StoreError> {
    let mut members = serde_json::Map::with_capacity(record.body.len() + 2);
    members.insert("id".into(), record.id.to_string().into());
    for (name, value) in &record.body {
        if !matches!(name.as_str(), "id" | "seq" | "prev" | "hash") {
            members.insert(name.clone(), value.clone());
        }
    }
    if let Some(run) = record.run
        && !journal::belongs_to(&members, &run.to_string())
    {
        members.insert("run_id".into(), run.to_string().into());
    }
    let text = serde_json::to_string(&members).map_err(|error| {
        StoreError::Failed(format!("an audit record cannot be written: {error}"))
    })?;
    Ok(text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or(&text)
        .to_owned())
}
