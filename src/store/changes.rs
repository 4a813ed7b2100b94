//! The change log: what every commit changed, one line each, so that the store can be rebuilt from it alone.
//!
//! Written by the writer of [`super::sled`] beside the audit journal, in the same group commit and by the same rules (see
//! [`super::journal`]); read by `symbot restore`. What lives here is what stands in a line; the files and the chain are the
//! journal's.
//!
//! A line stands for one commit (`commit` is its number, dense) or, at the beginning of the log of a store that was upgraded
//! or restored, for one record of what there was before (`base`). All members but those named here are left out when empty:
//!
//! | Member | What |
//! |---|---|
//! | `commit`, `now` | number and moment |
//! | `audit`, `audit_hash` | number and hash of the last audit line after it |
//! | `dedup` | keys seen |
//! | `run` or `patch` | the run, or its id and how it differs from the revision before ([`patch`]) |
//! | `add`, `done` | effects made, effects ended |
//! | `timers`, `values`, `blob` | as in [`Commit`]; a text with its hash |
//! | `base` | `{"run": …}`, `{"effect": …}`, …; the last one is `{"head": …}` |

pub mod patch;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use self::patch::Patch;
use super::contract::{Commit, StoreError, Timer, TimerChange};
use super::to_json;
use crate::domain::effect::{EffectId, StoredEffect};
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// A line as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) commit: Option<u64>,
    #[serde(default)]
    pub(super) now: Option<Timestamp>,
    #[serde(default)]
    pub(super) audit: u64,
    #[serde(default)]
    pub(super) audit_hash: String,
    #[serde(default)]
    pub(super) dedup: Vec<String>,
    #[serde(default, borrow)]
    pub(super) run: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) patch: Option<(RunId, Value)>,
    #[serde(default)]
    pub(super) add: Vec<StoredEffect>,
    #[serde(default)]
    pub(super) done: Vec<EffectId>,
    #[serde(default)]
    pub(super) timers: Vec<TimerChange>,
    #[serde(default)]
    pub(super) values: Vec<(String, Option<Value>)>,
    #[serde(default)]
    pub(super) blob: Option<(String, String)>,
    #[serde(default)]
    pub(super) base: Option<Base>,
}

/// One record of what there was before the log began.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Base {
    Run(Box<RawValue>),
    /// A de-duplication key (its digest in hexadecimal digits) and when it was seen.
    Key(String, Timestamp),
    /// With its place in the outbox.
    Effect(u64, StoredEffect),
    Timer(Timer),
    Value(String, Value),
    Blob(String, String),
    /// What the store had counted when the log began; the last line of the base.
    Head {
        commits: u64,
        audit: u64,
        audit_hash: String,
        effects: u64,
        now: Option<Timestamp>,
    },
}

/// What of a line does not depend on the commits before: made on the caller's thread.
#[derive(Serialize)]
struct Members<'a> {
    #[serde(skip_serializing_if = "is_empty")]
    dedup: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<(RunId, Patch<'a>)>,
    #[serde(skip_serializing_if = "is_empty")]
    add: &'a [StoredEffect],
    #[serde(skip_serializing_if = "is_empty")]
    done: &'a [EffectId],
    #[serde(skip_serializing_if = "is_empty")]
    timers: &'a [TimerChange],
    #[serde(skip_serializing_if = "is_empty")]
    values: &'a [(String, Option<Value>)],
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<(&'a str, &'a str)>,
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

fn inside<T: Serialize>(what: &str, object: &T) -> Result<String, StoreError> {
    let text = String::from_utf8(to_json(what, object)?)
        .map_err(|_| StoreError::Failed(format!("{what} is not text")))?;
    let inside = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    Ok(inside.unwrap_or_default().to_owned())
}

/// The members of a commit's line that belong to it alone. `run` is the encoded run, `before` the revision before, if it is
/// at hand.
pub(super) fn of_commit(
    commit: &Commit,
    run: Option<&[u8]>,
    before: Option<&Run>,
) -> Result<String, StoreError> {
    let failed = |error: serde_json::Error| {
        StoreError::Failed(format!("a commit cannot be written as JSON: {error}"))
    };
    let run: Option<&RawValue> = run
        .map(serde_json::from_slice)
        .transpose()
        .map_err(failed)?;
    let old = before.map(to_raw_value).transpose().map_err(failed)?;
    let patch = match (&commit.run, run, &old) {
        (Some(new), Some(text), Some(old)) => patch::difference(old, text)
            .map_err(failed)?
            .map(|patch| (new.id, patch)),
        _ => None,
    };
    let run = run.filter(|_| patch.is_none());
    let members = Members {
        dedup: &commit.dedup,
        run,
        patch,
        add: &commit.outbox_add,
        done: &commit.outbox_done,
        timers: &commit.timers,
        values: &commit.values,
        blob: None,
    };
    inside("a commit", &members)
}

/// The members of the line of a text.
pub(super) fn of_blob(hash: &str, text: &str) -> Result<String, StoreError> {
    let members = Members {
        dedup: &[],
        run: None,
        patch: None,
        add: &[],
        done: &[],
        timers: &[],
        values: &[],
        blob: Some((hash, text)),
    };
    inside("a text", &members)
}

/// All members of a commit's line.
pub(super) fn members(
    commit: u64,
    now: Option<Timestamp>,
    audit: u64,
    audit_hash: &str,
    own: &str,
) -> String {
    let now = now.map_or_else(|| "null".to_owned(), |now| now.0.to_string());
    let comma = if own.is_empty() { "" } else { "," };
    format!(
        "\"commit\":{commit},\"now\":{now},\"audit\":{audit},\"audit_hash\":\"{audit_hash}\"{comma}{own}"
    )
}

/// The members of a line of the base.
pub(super) fn of_base(base: &Base) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Only<'a> {
        base: &'a Base,
    }
    inside("a record", &Only { base })
}
