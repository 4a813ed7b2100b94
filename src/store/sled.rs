//! The store on sled 0.34.7, with the guards that make it keep its promises: one tree, one writer thread with group
//! commit, a real `fdatasync`, checksums and sums of our own, and an integrity scan before the first commit.
//!
//! sled is an implementation detail of this module: nothing else may name it. `flush_async` is banned (it deadlocks with
//! several in flight), iterators are not snapshots, and large values would go to files that sled never syncs.

mod backup;
mod base;
mod commit;
mod failures;
mod head;
mod opening;
mod queries;
mod reading;
mod recover;
mod restore;
mod shared;
mod staging;
mod sync;
mod writer;

pub use self::backup::{BackupSummary, NewBackup};
pub use self::restore::{RestoreFrom, RestoreSummary, restore};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use self::commit::decode_time;
use self::failures::{panic_error, quietly};
use self::queries::{read_run, read_runs, read_values};
use self::reading::Reading;
use self::recover::from_json;
use self::shared::Shared;
use self::writer::Message;
use super::contract::{Answer, Commit, Counts, RunQuery, Store, StoreError, Timer};
use super::datadir::failed;
use super::journal::{LineReader, ROTATE_BYTES};
use super::keys;
use super::memory::{closed, still_counts};
use super::{BLOB_LIMIT_BYTES, NAME_LIMIT_BYTES, Prepared, changes, within};
use crate::domain::effect::StoredEffect;
use crate::domain::run::{Run, RunId};

/// Commits that may wait for the writer; then `commit` itself waits.
const QUEUE_MAX: usize = 1_024;

/// Places in the audit journal that are remembered: one for each log destination.
const READERS_MAX: usize = 16;

/// What may be chosen about a store. None of it is part of the stored format.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for sled's pages. Bot and workers together are to stay below 200 MB.
    pub cache_bytes: u64,
    /// Size at which a file of the journal is followed by the next.
    pub journal_file_bytes: u64,
    /// When sled has logged about this much since it was opened, it is opened anew: this bounds the time of the next start
    /// (1 s for 256 MiB) and costs as much once in some ten thousand requests.
    pub reopen_after_bytes: u64,
    /// Stores up to this size on the disk are checked whole at every start: about 0.2 s for 32 MiB.
    pub check_whole_below_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            journal_file_bytes: ROTATE_BYTES,
            reopen_after_bytes: 256 << 20,
            check_whole_below_bytes: 32 << 20,
        }
    }
}

/// A file that somebody else finishes.
struct SharedFile(Arc<NewBackup>);

impl std::io::Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (&*self.0).flush()
    }
}

/// The store in a data directory. Dropping it waits until everything accepted is on the disk.
pub struct SledStore {
    shared: Arc<Shared>,
    sender: Option<mpsc::Sender<Message>>,
    writer: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens the store of a data directory, or makes one. Blocks: some hundred milliseconds for a small store.
    ///
    /// # Errors
    /// When the directory is in use, was written by a newer version, cannot be read, or is damaged.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let dir = dir.to_owned();
        let (opened, opening) = std::sync::mpsc::channel();
        let (sender, messages) = mpsc::channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("symbot-store".into())
            .spawn(move || {
                match quietly(|| opening::open(&dir, &options)) {
                    Ok(writer) => {
                        let shared = Arc::clone(&writer.shared);
                        if opened.send(Ok(shared)).is_ok() {
                            writer.run(messages);
                        }
                    }
                    Err(error) => {
                        let _ = opened.send(Err(error));
                    }
                };
            })
            .map_err(|error| failed("cannot start the writer of the store", &error))?;
        let shared = opening
            .recv()
            .map_err(|_| StoreError::Failed("the writer of the store ended".into()))??;
        Ok(Self {
            shared,
            sender: Some(sender),
            writer: Some(writer),
        })
    }

    /// Numbers of the last durable commit and of the last audit line.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        let (commits, audit, _) = self.shared.position();
        (commits, audit)
    }

    /// How many runs are open.
    #[must_use]
    pub fn open_runs(&self) -> usize {
        self.shared.view().open_len()
    }

    /// Writes a consistent copy of everything to a new file, while commits go on. Durable on return.
    ///
    /// # Errors
    /// When the file exists or cannot be written, when another backup is being made, or when a record is damaged.
    pub async fn backup(&self, file: &Path) -> Result<BackupSummary, StoreError> {
        let new = Arc::new(NewBackup::create(file)?);
        let out = Arc::clone(&new);
        let summary = self.backup_to(move || SharedFile(out)).await?;
        let new = Arc::into_inner(new)
            .ok_or_else(|| StoreError::Failed("the backup is still being written".into()))?;
        tokio::task::spawn_blocking(move || new.finish())
            .await
            .map_err(|error| StoreError::Failed(format!("the backup was given up: {error}")))??;
        Ok(summary)
    }

    /// Writes a consistent copy of everything to what `out` makes, while commits go on.
    ///
    /// # Errors
    /// As for [`Self::backup`].
    pub async fn backup_to<W: std::io::Write>(
        &self,
        out: impl FnOnce() -> W + Send + 'static,
    ) -> Result<BackupSummary, StoreError> {
        let sender = self.sender.clone().ok_or_else(closed)?;
        let shared = Arc::clone(&self.shared);
        // All of it on one thread that blocks: once begun, a backup ends, also when nobody waits for it any more.
        tokio::task::spawn_blocking(move || {
            let gone = |shared: &Shared| shared.failure().unwrap_or_else(closed);
            let (answer, answered) = oneshot::channel();
            sender
                .blocking_send(Message::Snapshot(answer))
                .map_err(|_| gone(&shared))?;
            // From here on the writer keeps what it replaces.
            drop(sender);
            let snapshot = answered.blocking_recv().map_err(|_| gone(&shared))??;
            backup::write(&shared, &snapshot, out())
        })
        .await
        .map_err(|error| StoreError::Failed(format!("the backup was given up: {error}")))?
    }

    async fn send<F>(&self, message: F) -> Result<(), StoreError>
    where
        F: FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Message,
    {
        let (answer, answered) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or_else(closed)?;
        sender
            .send(message(answer))
            .await
            .map_err(|_| self.gone())?;
        answered.await.map_err(|_| self.gone())?
    }

    /// Why the writer does not answer.
    fn gone(&self) -> StoreError {
        self.shared.failure().unwrap_or_else(closed)
    }

    /// Reads from sled on a thread that may block: while the writer flushes, readers queue for 5 to 11 ms.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Shared, &Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            // Held while reading: sled is opened anew only when nobody reads.
            let tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner);
            let reading = Reading {
                tree: tree.as_ref().ok_or_else(closed)?,
                before: &shared.before,
            };
            catch_unwind(AssertUnwindSafe(|| read(&shared, &reading)))
                .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
        })
        .await
        .map_err(|error| StoreError::Failed(format!("a read was given up: {error}")))?
    }

    /// Fails once the store is closed; for reads that are answered from memory.
    fn still_open(&self) -> Result<(), StoreError> {
        self.shared.tree().map(drop)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already reported where it happened.
            let _ = writer.join();
        }
    }
}

impl Store for SledStore {
    fn failure(&self) -> Option<StoreError> {
        self.shared.failure()
    }

    fn commit(&self, commit: Commit) -> Answer<'_, ()> {
        Box::pin(async move {
            let prepared = Prepared::new(commit)?;
            // Most often the revision before is at hand; then only the difference goes into the change log.
            let run = prepared.commit.run.as_ref();
            let before = run.and_then(|run| {
                let before = self.shared.view().cached(run.id)?;
                (before.revision + 1 == run.revision).then_some(before)
            });
            let prepared = Box::new(prepared.with_changes(before.as_deref())?);
            self.send(|answer| Message::Commit(prepared, answer)).await
        })
    }

    fn run(&self, id: RunId) -> Answer<'_, Option<Run>> {
        Box::pin(async move {
            self.still_open()?;
            let cached = self.shared.view().cached(id);
            match cached {
                Some(run) => Ok(Some(Run::clone(&run))),
                None => self.read(move |_, reading| read_run(reading, id)).await,
            }
        })
    }

    fn runs(&self, query: RunQuery) -> Answer<'_, Vec<Run>> {
        Box::pin(self.read(move |shared, reading| read_runs(shared, reading, &query)))
    }

    fn seen(&self, key: String) -> Answer<'_, bool> {
        Box::pin(self.read(move |shared, reading| {
            let seen = reading
                .payload(&keys::dedup(&key))?
                .and_then(|payload| decode_time(&payload));
            let (_, _, now) = shared.position();
            Ok(matches!((seen, now), (Some(seen), Some(now)) if still_counts(seen, now)))
        }))
    }

    fn pending_effects(&self) -> Answer<'_, Vec<StoredEffect>> {
        Box::pin(async move {
            self.still_open()?;
            Ok(self.shared.view().effects())
        })
    }

    fn audit_lines(&self, after: u64, count: usize) -> Answer<'_, Vec<(u64, String)>> {
        Box::pin(self.read(move |shared, _| {
            let (_, last, _) = shared.position();
            // A reader that stands there saves searching for the place.
            let mut readers = shared.lock_readers();
            let mut reader = readers
                .remove(&after)
                .unwrap_or_else(|| LineReader::new(&shared.audit_dir, after));
            drop(readers);
            let lines = reader.read(count, last)?;
            let mut readers = shared.lock_readers();
            if readers.len() >= READERS_MAX {
                readers.clear();
            }
            readers.insert(lines.last().map_or(after, |(seq, _)| *seq), reader);
            Ok(lines)
        }))
    }

    fn counts(&self) -> Counts {
        let (commits, audit_lines, _) = self.shared.position();
        self.shared.view().counts(commits, audit_lines)
    }

    fn timers(&self) -> Answer<'_, Vec<Timer>> {
        Box::pin(async move {
            self.still_open()?;
            Ok(self.shared.view().timers())
        })
    }

    fn value(&self, name: String) -> Answer<'_, Option<Value>> {
        Box::pin(self.read(move |_, reading| {
            let key = keys::value(&name);
            reading
                .payload(&key)?
                .map(|payload| from_json(&key, &payload))
                .transpose()
        }))
    }

    fn values(&self, prefix: String, limit: usize) -> Answer<'_, Vec<(String, Value)>> {
        Box::pin(self.read(move |_, reading| read_values(reading, &prefix, limit)))
    }

    fn put_blob(&self, hash: String, text: String) -> Answer<'_, ()> {
        Box::pin(async move {
            within(|| "the hash of a text".into(), hash.len(), NAME_LIMIT_BYTES)?;
            within(|| format!("text {hash}"), text.len(), BLOB_LIMIT_BYTES)?;
            let change = changes::of_blob(&hash, &text)?;
            self.send(|answer| Message::Blob {
                hash,
                text,
                change,
                answer,
            })
            .await
        })
    }

    fn blob(&self, hash: String) -> Answer<'_, Option<String>> {
        Box::pin(self.read(move |_, reading| {
            let key = keys::blob(&hash);
            reading
                .payload(&key)?
                .map(|payload| {
                    String::from_utf8(payload).map_err(|_| {
                        StoreError::Damaged(format!("{} is not text", keys::describe(&key)))
                    })
                })
                .transpose()
        }))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(self.send(Message::Close))
    }
}
