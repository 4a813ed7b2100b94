//! The store on sled 0.34.7, with the guards that make it keep its promises: one tree, one writer thread with group
//! commit, a real `fdatasync`, checksums and sums of our own, and an integrity scan before the first commit.
//!
//! sled is an implementation detail of this module: nothing else may name it. `flush_async` is banned (it deadlocks with
//! several in flight), iterators are not snapshots, and large values would go to files that sled never syncs.

mod backup;
mod base;
mod commit;
mod head;
mod reading;
mod recover;
mod restore;
mod staging;
mod sync;
mod writer;

pub use self::backup::{BackupSummary, NewBackup};
pub use self::restore::{RestoreFrom, RestoreSummary, restore};

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ::sled::Tree;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use self::commit::decode_time;
use self::head::Head;
use self::reading::Reading;
use self::recover::from_json;
use self::staging::{Before, Staging};
use self::sync::Syncer;
use self::writer::{Message, Writer};
use super::contract::{Answer, Commit, Counts, RunQuery, Store, StoreError, Timer};
use super::datadir::{DataDir, failed, sync_tree};
use super::journal::{AUDIT, CHANGES, Journal, LineReader, ROTATE_BYTES};
use super::keys::{self, Kind};
use super::memory::{closed, still_counts};
use super::view::View;
use super::{BLOB_LIMIT_BYTES, NAME_LIMIT_BYTES, Prepared, changes, within};
use crate::domain::effect::StoredEffect;
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// Two seconds in all: on a machine that is starting everything at once, a new process may have to wait for a core.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How sled 0.34.7 begins its error when the file is locked; it has no kind of its own.
const SLED_LOCKED: &str = "could not acquire lock";

/// Must never change: sled cannot open a database with another segment size. With sled's default, values beyond 128 KB go to
/// files that are never synced, and 60 of 60 power cuts left a database that could not be opened; with this, 0 of 60.
const SEGMENT_BYTES: usize = 8 << 20;
/// sled's background thread also collects garbage, so it must run; durability does not depend on it.
const FLUSH_EVERY_MS: u64 = 500;
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

/// What the writer and the readers share.
struct Shared {
    /// `None` once closed.
    tree: RwLock<Option<Tree>>,
    before: RwLock<Before>,
    view: RwLock<View>,
    /// Numbers of the last durable commit and audit line, and the moment of that commit.
    position: Mutex<(u64, u64, Option<Timestamp>)>,
    failure: OnceLock<StoreError>,
    /// While a backup is being made: what was under each key that has been written since it began.
    kept: Mutex<Option<Before>>,
    audit_dir: PathBuf,
    /// By the line that each stands behind.
    readers: Mutex<HashMap<u64, LineReader>>,
}

impl Shared {
    fn lock_readers(&self) -> MutexGuard<'_, HashMap<u64, LineReader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> Option<StoreError> {
        self.failure.get().cloned()
    }

    /// Remembers the first failure, and returns it.
    fn fail(&self, error: StoreError) -> StoreError {
        self.failure.get_or_init(|| error).clone()
    }

    fn tree(&self) -> Result<Tree, StoreError> {
        self.tree
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(closed)
    }

    fn is_backing_up(&self) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_some()
    }

    fn forget_tree(&self) {
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn set_before(&self, before: Before) {
        *self.before.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    fn start_keeping(&self) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() {
            return Err(StoreError::Failed(
                "another backup is being made; wait for it to end".into(),
            ));
        }
        *kept = Some(Before::new());
        Ok(())
    }

    /// Keeps what a batch replaces, if a backup is being made. The first value counts.
    fn keep(&self, before: &Before) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            for (key, value) in before {
                if !kept.contains_key(key) {
                    kept.insert(key.clone(), value.clone());
                }
            }
        }
    }

    fn set_position(&self, head: &Head) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) =
            (head.commits, head.audit, head.now);
    }

    fn position(&self) -> (u64, u64, Option<Timestamp>) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
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
                match quietly(|| open(&dir, &options)) {
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

fn read_run(reading: &Reading<'_>, id: RunId) -> Result<Option<Run>, StoreError> {
    let key = keys::run(id);
    reading
        .payload(&key)?
        .map(|payload| from_json(&key, &payload))
        .transpose()
}

fn read_values(
    reading: &Reading<'_>,
    prefix: &str,
    limit: usize,
) -> Result<Vec<(String, Value)>, StoreError> {
    let mut values = Vec::new();
    for item in reading.tree.scan_prefix(keys::value(prefix)).keys() {
        if values.len() >= limit {
            break;
        }
        let key = item.map_err(sled_error)?;
        // Written but not durable yet, or removed since the scan saw it.
        let Some(payload) = reading.payload(&key)? else {
            continue;
        };
        let name = keys::value_name(&key)
            .ok_or_else(|| StoreError::Damaged(format!("{} is not a key", keys::describe(&key))))?;
        values.push((name.to_owned(), from_json(&key, &payload)?));
    }
    Ok(values)
}

fn read_runs(
    shared: &Shared,
    reading: &Reading<'_>,
    query: &RunQuery,
) -> Result<Vec<Run>, StoreError> {
    let mut runs = Vec::new();
    let load = |at: Timestamp, id: RunId| -> Result<Option<Run>, StoreError> {
        if let Some(run) = shared.view().cached(id) {
            return Ok(Some(Run::clone(&run)));
        }
        let run = read_run(reading, id)?;
        if run.is_none()
            && reading
                .tree
                .contains_key(keys::created(at, id))
                .map_err(sled_error)?
        {
            return Err(StoreError::Damaged(format!(
                "run {id} is in the index, but missing"
            )));
        }
        Ok(run)
    };
    if query.open_only {
        let mut before = query.before;
        while runs.len() < query.limit {
            let page = shared.view().open_before(before, query.limit - runs.len());
            let Some(last) = page.last() else {
                break;
            };
            before = Some(*last);
            for (at, id) in page {
                // It may have been decided since the list was taken.
                if let Some(run) = load(at, id)?.filter(|run| run.status.is_open()) {
                    runs.push(run);
                }
            }
        }
        return Ok(runs);
    }
    let start = vec![Kind::Created as u8];
    let end = match query.before {
        Some((at, id)) => keys::created(at, id),
        None => vec![Kind::Created as u8 + 1],
    };
    for item in reading.tree.range(start..end).keys().rev() {
        if runs.len() >= query.limit {
            break;
        }
        let key = item.map_err(sled_error)?;
        let (at, id) = keys::time_and_run(&key)
            .ok_or_else(|| StoreError::Damaged(format!("{} is not a key", keys::describe(&key))))?;
        if reading.is_durable(&key)
            && let Some(run) = load(at, id)?
        {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Makes the store of a new data directory. It gets its name once it is on the disk as a whole: a power cut between sled's
/// first writes would leave files that sled does not open.
fn make_if_new(dir: &DataDir, options: &Options) -> Result<(), StoreError> {
    let path = dir.store();
    if path.exists() {
        return Ok(());
    }
    if dir.mark().is_some_and(|mark| mark != (0, 0)) {
        return Err(StoreError::Damaged(format!(
            "{} is missing",
            path.display()
        )));
    }
    let unfinished = path.with_extension("new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(|error| {
            failed(
                format_args!("cannot remove {}", unfinished.display()),
                &error,
            )
        })?;
    }
    let db = open_sled(&sled_config(&unfinished, options))?;
    let (batch, _, _) = Staging::new(&db, Head::default()).finish()?;
    db.apply_batch(batch).map_err(sled_error)?;
    db.flush().map_err(sled_error)?;
    drop(db);
    sync_tree(&unfinished)?;
    std::fs::rename(&unfinished, &path)
        .map_err(|error| failed(format_args!("cannot create {}", path.display()), &error))?;
    dir.sync_all()
}

/// sled writes a snapshot of its page table at each start, under a name of its own until it is whole, and takes a half-written
/// one for damage at the next start (25 of 885 power cuts during a start). The log has everything that is in it.
fn remove_unfinished_snapshots(path: &Path) -> Result<(), StoreError> {
    let reading = |error| failed(format_args!("cannot read {}", path.display()), &error);
    for entry in std::fs::read_dir(path).map_err(reading)? {
        let entry = entry.map_err(reading)?.path();
        if entry
            .extension()
            .is_some_and(|extension| extension == "generating")
        {
            std::fs::remove_file(&entry).map_err(|error| {
                failed(format_args!("cannot remove {}", entry.display()), &error)
            })?;
        }
    }
    Ok(())
}

fn sled_config(path: &Path, options: &Options) -> ::sled::Config {
    ::sled::Config::new()
        .path(path)
        .mode(::sled::Mode::HighThroughput)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
}

/// Opens sled's file, waiting for its lock. The directory is ours alone ([`DataDir::take`]), but a process that is just
/// being started, such as a policy worker, has a copy of every open file until it has become another program: what was
/// opened and closed a moment ago (see [`make_if_new`]) can still be locked through it.
fn open_sled(config: &::sled::Config) -> Result<::sled::Db, StoreError> {
    let mut tries = LOCK_TRIES;
    loop {
        match config.open() {
            Err(::sled::Error::Io(error))
                if tries > 0 && error.to_string().starts_with(SLED_LOCKED) =>
            {
                tries -= 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened.map_err(sled_error),
        }
    }
}

/// Opens everything, checks it, and makes it durable as it stands.
fn open(dir: &Path, options: &Options) -> Result<Writer, StoreError> {
    let mut dir = DataDir::take(dir)?;
    let path = dir.store();
    make_if_new(&dir, options)?;
    remove_unfinished_snapshots(&path)?;
    let db = open_sled(&sled_config(&path, options))?;
    let tree = Tree::clone(&db);
    let file = path.join("db");
    let file = File::open(&file)
        .map_err(|error| failed(format_args!("cannot open {}", file.display()), &error))?;
    let blobs = path.join("blobs");
    alarm_about_blobs(&blobs);

    let head = recover::head(&tree)?;
    if let Some((commits, audit)) = dir.mark()
        && (head.commits < commits || head.audit < audit)
    {
        return Err(StoreError::Damaged(format!(
            "the store ends with commit {}, but commit {commits} had been written",
            head.commits
        )));
    }
    let before = RwLock::new(HashMap::new());
    let reading = Reading {
        tree: &tree,
        before: &before,
    };
    let whole = db.size_on_disk().map_err(sled_error)? <= options.check_whole_below_bytes;
    let mut recovered = recover::scan(&reading, head, whole)?;
    let bytes = options.journal_file_bytes;
    let journal = Journal::open(AUDIT, &dir.audit(), &recovered.audit, bytes)?;
    if dir.format() < 2 {
        tracing::info!(
            "bringing the data directory to format 2: everything is written to a change log"
        );
        let head = base::begin(&reading, &recovered.head, &dir.changes(), options)?;
        recovered.changes.last = head.changes;
        head.changes_hash
            .clone_into(&mut recovered.changes.last_hash);
        recovered.changes.tail.clear();
        recovered.head = head;
        db.flush().map_err(sled_error)?;
        dir.sync_all()?;
        dir.upgraded()?;
    }
    let changes = Journal::open(CHANGES, &dir.changes(), &recovered.changes, bytes)?;
    dir.sync_all()?;
    dir.set_mark(recovered.head.commits, recovered.head.audit)?;

    let shared = Shared {
        tree: RwLock::new(Some(tree.clone())),
        before,
        view: RwLock::new(recovered.view),
        position: Mutex::new((
            recovered.head.commits,
            recovered.head.audit,
            recovered.head.now,
        )),
        failure: OnceLock::new(),
        kept: Mutex::new(None),
        audit_dir: dir.audit(),
        readers: Mutex::default(),
    };
    Ok(Writer {
        shared: Arc::new(shared),
        db: Some(db),
        logged_bytes: 0,
        options: options.clone(),
        file,
        blobs,
        journal,
        changes,
        audit_sync: Syncer::start("symbot-audit")?,
        changes_sync: Syncer::start("symbot-changes")?,
        dir,
        head: recovered.head,
        keys_since_sweep: 0,
        sweep_from: vec![Kind::Dedup as u8],
        groups: 0,
    })
}

thread_local! {
    /// True while this thread does something whose panics are answered as errors.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act`; a panic of sled (it panics on files it does not understand) becomes an error, without the usual message.
fn quietly<T>(act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    QUIET.set(false);
    result.unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}

fn panic_error(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    StoreError::Damaged(format!("sled cannot make sense of its files ({text})"))
}

fn sled_error(error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Corruption { .. } | ::sled::Error::ReportableBug(_) => {
            StoreError::Damaged(format!("sled reports: {error}"))
        }
        other => StoreError::Failed(other.to_string()),
    }
}

/// Files in `blobs/` mean that sled has put a value outside the file that is synced.
fn alarm_about_blobs(blobs: &Path) {
    let count = std::fs::read_dir(blobs).map_or(0, Iterator::count);
    if count > 0 {
        tracing::error!(
            "{} holds {count} files: values there are not safe against power cuts; make a backup and report this",
            blobs.display()
        );
    }
}
