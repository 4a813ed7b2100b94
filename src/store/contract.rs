//! The narrow waist between the engine and whatever keeps its state: one commit per transition, and the few reads that
//! the engine and the pages need. Two implementations stand behind it: sled and memory.

use serde_json::Value;

use crate::domain::audit::AuditRecord;
use crate::domain::effect::{EffectId, StoredEffect};
pub use crate::domain::effect::{Timer, TimerChange};
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// Everything that one transition changes: written whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Keys that must not have been seen before (envelope ids, clicks); kept for [`DEDUP_LIFETIME_SECONDS`] at least.
    pub dedup: Vec<String>,
    /// The new state. Its `revision` must be the stored one plus one (1 for a new run).
    pub run: Option<Run>,
    pub outbox_add: Vec<StoredEffect>,
    pub outbox_done: Vec<EffectId>,
    pub timers: Vec<TimerChange>,
    pub audit: Vec<AuditRecord>,
    /// Small values under names of the engine's choice (sessions, sign-in links, people); `None` removes.
    pub values: Vec<(String, Option<Value>)>,
    /// The moment of the transition.
    pub now: Option<Timestamp>,
}

/// How long de-duplication keys are remembered at least.
pub const DEDUP_LIFETIME_SECONDS: u64 = 2 * 3600;

/// Which runs a list shows; newest first.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Only runs that are still open.
    pub open_only: bool,
    /// Continue after this run (exclusive), as returned by the previous page.
    pub before: Option<(Timestamp, RunId)>,
    pub limit: usize,
}

/// Why the store could not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A key of `Commit::dedup` was seen before; nothing was written.
    #[error("already handled ({0})")]
    Duplicate(String),
    /// The run changed meanwhile; nothing was written. Load it again and decide anew.
    #[error("run {run} is at revision {stored}, not {expected}")]
    Conflict {
        run: RunId,
        stored: u64,
        expected: u64,
    },
    /// A value is larger than the store takes.
    #[error("{what} has {bytes} bytes; at most {limit} can be kept")]
    TooLarge {
        what: String,
        bytes: usize,
        limit: usize,
    },
    /// What is on the disk is not what was written.
    #[error(
        "the data directory is damaged: {0}; restore it from a backup (symbot restore), or start with an empty directory"
    )]
    Damaged(String),
    /// The disk or the operating system failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What a store holds, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub open_runs: u64,
    pub timers: u64,
    /// Effects that have not been reported done.
    pub pending_effects: u64,
    /// Numbers of the last commit and of the last audit line.
    pub commits: u64,
    pub audit_lines: u64,
}

/// What every method returns: a future that can be sent between tasks.
pub type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The store. Every method may be called from any task; a returned `commit` is on the disk.
pub trait Store: Send + Sync {
    /// Writes one transition durably.
    fn commit(&self, commit: Commit) -> Answer<'_, ()>;
    /// The newest state of a run.
    fn run(&self, id: RunId) -> Answer<'_, Option<Run>>;
    /// Runs by creation time, newest first.
    fn runs(&self, query: RunQuery) -> Answer<'_, Vec<Run>>;
    /// Whether a de-duplication key has been seen.
    fn seen(&self, key: String) -> Answer<'_, bool>;
    /// Effects that were never reported done, in the order in which they were made.
    fn pending_effects(&self) -> Answer<'_, Vec<StoredEffect>>;
    /// All timers, earliest first.
    fn timers(&self) -> Answer<'_, Vec<Timer>>;
    /// A small value by name.
    fn value(&self, name: String) -> Answer<'_, Option<Value>>;
    /// Small values whose names begin with `prefix`, by name, at most `limit` of them. One that is replaced meanwhile is there
    /// as it was before or after.
    fn values(&self, prefix: String, limit: usize) -> Answer<'_, Vec<(String, Value)>>;
    /// Keeps a large immutable text (a flow) under its hash; does nothing when it is there already. Durable on return.
    fn put_blob(&self, hash: String, text: String) -> Answer<'_, ()>;
    /// A text kept with [`Store::put_blob`].
    fn blob(&self, hash: String) -> Answer<'_, Option<String>>;
    /// Lines of the audit journal after number `after`, in order, with their numbers, at most `count`: only what is on the disk.
    fn audit_lines(&self, after: u64, count: usize) -> Answer<'_, Vec<(u64, String)>>;
    /// What the store holds, in numbers, from memory.
    fn counts(&self) -> Counts;
    /// Why nothing is written any more, if so: until a restart every commit fails with it.
    fn failure(&self) -> Option<StoreError> {
        None
    }
    /// Waits for everything accepted so far to be on the disk, then closes; later calls fail.
    fn close(&self) -> Answer<'_, ()>;
}
