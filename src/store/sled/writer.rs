//! The one thread that writes. It takes what has queued up (at most [`GROUP_MAX`] messages), stages it in order, and makes
//! it durable at one stroke:
//!
//! 1. one `apply_batch`, so that a crash leaves all of a group or nothing of it (none of it was acknowledged);
//! 2. `db.flush()`, which hands sled's buffers to the kernel; then the lines are appended to audit journal and change log;
//! 3. `fdatasync` of all three side by side, of sled's file on our own handle: this is what makes them durable (`flush`
//!    alone lost acknowledged data in 40 of 40 simulated power cuts). One after the other would take up to three times as
//!    long; [`crate::store::journal`] says what a power cut in between leaves, and how it is put right;
//! 4. the mark, the view for readers, and then the answers.
//!
//! After the first failure nothing is written any more: the kernel may have dropped what it could not write, so trying
//! again would lie. A restart finds out what is on the disk.

use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use ::sled::Db;
use tokio::sync::{mpsc, oneshot};

use super::Options;
use super::commit::{Lines, Staged, add_change, add_lines, decode_time, stage_commit};
use super::failures::{alarm_about_blobs, panic_error, sled_error};
use super::head::Head;
use super::opening::{open_sled, sled_config};
use super::recover::RunHead;
use super::shared::Shared;
use super::staging::Staging;
use super::sync::Syncer;
use crate::domain::run::RunId;
use crate::store::Prepared;
use crate::store::contract::StoreError;
use crate::store::datadir::{DataDir, failed};
use crate::store::journal::{GROUP_LINES_MAX, Journal};
use crate::store::keys::{self, Kind};
use crate::store::memory::{closed, still_counts};

/// Most messages in one group. More would not make the disk faster, but the first one wait longer.
const GROUP_MAX: usize = 64;
/// After this many new de-duplication keys, [`SWEEP_LOOKS`] old ones are looked at. Looking at more than were added keeps the
/// number of keys bounded by what twice the lifetime brings.
const SWEEP_AFTER: usize = 128;
const SWEEP_LOOKS: usize = 512;
/// Groups between two looks into `blobs/`.
const BLOBS_CHECK_GROUPS: u64 = 4_096;

pub(super) type Answering = oneshot::Sender<Result<(), StoreError>>;

pub(super) enum Message {
    Commit(Box<Prepared>, Answering),
    Blob {
        hash: String,
        text: String,
        /// Members of its line in the change log.
        change: String,
        answer: Answering,
    },
    /// Answered between two groups with what a backup starts from.
    Snapshot(oneshot::Sender<Result<Snapshot, StoreError>>),
    Close(Answering),
}

/// A moment between two groups: from here on the writer keeps what it replaces, until the backup is through.
pub(super) struct Snapshot {
    pub(super) head: Head,
    /// Files of the journal with the number of bytes that belong to this moment.
    pub(super) journal: Vec<(PathBuf, u64)>,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// `None` only while it is opened anew.
    pub(super) db: Option<Db>,
    /// Roughly how much sled has logged since it was opened.
    pub(super) logged_bytes: u64,
    pub(super) options: Options,
    /// Our own handle of sled's file, for `fdatasync`.
    pub(super) file: File,
    pub(super) blobs: PathBuf,
    pub(super) journal: Journal,
    pub(super) changes: Journal,
    pub(super) audit_sync: Syncer,
    pub(super) changes_sync: Syncer,
    pub(super) dir: DataDir,
    pub(super) head: Head,
    pub(super) keys_since_sweep: usize,
    pub(super) sweep_from: Vec<u8>,
    pub(super) groups: u64,
}

impl Writer {
    /// Writes until the store is closed or dropped.
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut closing = None;
        while closing.is_none() {
            let Some(first) = messages.blocking_recv() else {
                break;
            };
            let mut group = Vec::with_capacity(GROUP_MAX);
            let mut next = Some(first);
            let mut snapshot = None;
            let mut lines = 0;
            while let Some(message) = next {
                match message {
                    Message::Close(answer) => {
                        closing = Some(answer);
                        break;
                    }
                    Message::Snapshot(answer) => {
                        snapshot = Some(answer);
                        break;
                    }
                    message => {
                        lines += message.lines();
                        group.push(message);
                    }
                }
                next = if group.len() < GROUP_MAX && lines < GROUP_LINES_MAX / 2 {
                    messages.try_recv().ok()
                } else {
                    None
                };
            }
            self.answer(group);
            self.keep_starts_short(messages.is_empty());
            if let Some(answer) = snapshot {
                let _ = answer.send(self.snapshot());
            }
        }
        drop(messages);
        let result = match self.shared.failure() {
            None => self.finish(),
            Some(failure) => Err(failure),
        };
        if let Err(error) = &result {
            tracing::error!("closing the store: {error}");
        }
        self.shared.forget_tree();
        let Self { db, dir, .. } = self;
        drop(db);
        // The lock goes last: whoever takes the directory next must find sled closed.
        drop(dir);
        if let Some(answer) = closing {
            let _ = answer.send(result);
        }
    }

    /// Starts keeping what is replaced.
    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        let journal = self.journal.files()?;
        self.shared.start_keeping()?;
        Ok(Snapshot {
            head: self.head.clone(),
            journal,
        })
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.db()?.flush().map_err(sled_error)?;
        self.sync_store()?;
        self.journal.sync()?;
        self.changes.sync()?;
        self.dir.sync_all()
    }

    fn db(&self) -> Result<&Db, StoreError> {
        self.db.as_ref().ok_or_else(closed)
    }

    /// Opens sled anew when it has logged so much that a start would take long. At a start sled reads all of its log since the
    /// last start, and only then notes where everything is: after a year without a restart, that would be a year's.
    fn keep_starts_short(&mut self, idle: bool) {
        let limit = self.options.reopen_after_bytes;
        let due = self.logged_bytes >= limit && (idle || self.logged_bytes >= limit * 2);
        if !due || self.shared.failure().is_some() || self.shared.is_backing_up() {
            return;
        }
        let reopened = catch_unwind(AssertUnwindSafe(|| self.reopen()))
            .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())));
        if let Err(error) = reopened {
            tracing::error!("{error}; nothing is written any more until a restart");
            self.shared.fail(error);
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let path = self.dir.store();
        let shared = Arc::clone(&self.shared);
        // Readers wait; those that are reading end first.
        let mut tree = shared.tree.write().unwrap_or_else(PoisonError::into_inner);
        *tree = None;
        self.db = None;
        let db = open_sled(&sled_config(&path, &self.options))?;
        *tree = Some(::sled::Tree::clone(&db));
        drop(tree);
        self.db = Some(db);
        self.logged_bytes = 0;
        self.dir.sync_all()
    }

    fn sync_store(&self) -> Result<(), StoreError> {
        self.file
            .sync_data()
            .map_err(|error| failed("cannot sync the store", &error))
    }

    /// Writes a group and answers each of its messages.
    fn answer(&mut self, group: Vec<Message>) {
        if let Some(failure) = self.shared.failure() {
            for message in group {
                message.answer(Err(failure.clone()));
            }
            return;
        }
        let mut results: Vec<Option<StoreError>> = group.iter().map(|_| None).collect();
        let written = catch_unwind(AssertUnwindSafe(|| self.write(&group, &mut results)))
            .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())));
        match written {
            Ok(staged) => {
                self.publish(group, results, staged);
            }
            Err(error) => {
                tracing::error!("{error}; nothing is written any more until a restart");
                let error = self.shared.fail(error);
                for message in group {
                    message.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Stages the group, leaving out what cannot be committed, and makes the rest durable.
    fn write(
        &mut self,
        group: &[Message],
        results: &mut [Option<StoreError>],
    ) -> Result<Vec<Option<Staged>>, StoreError> {
        // A record that turns out damaged half-way through its commit leaves a half-staged batch: then the group is staged
        // again without that commit.
        let db = self.db()?.clone();
        let (batch, staged, lines) = loop {
            let mut batch = Staging::new(&db, self.head.clone());
            let mut lines = Lines::default();
            let mut runs = HashMap::new();
            let mut staged = Vec::with_capacity(group.len());
            let mut again = false;
            for (message, result) in group.iter().zip(results.iter_mut()) {
                if matches!(result, Some(StoreError::Damaged(_))) {
                    staged.push(None);
                    continue;
                }
                match self.stage(message, &mut batch, &mut runs, &mut lines) {
                    Ok(one) => {
                        *result = None;
                        staged.push(Some(one));
                    }
                    Err(
                        error @ (StoreError::Duplicate(_)
                        | StoreError::Conflict { .. }
                        | StoreError::TooLarge { .. }),
                    ) => {
                        *result = Some(error);
                        staged.push(None);
                    }
                    Err(error @ StoreError::Damaged(_)) => {
                        tracing::error!("{error}");
                        *result = Some(error);
                        again = true;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            if again {
                continue;
            }
            if batch.is_empty() && batch.head == self.head {
                return Ok(staged);
            }
            lines.stage(&mut batch, &self.head)?;
            break (batch, staged, lines);
        };
        self.apply(batch, &lines)?;
        self.keys_since_sweep += group.iter().map(Message::dedup_keys).sum::<usize>();
        self.sweep()?;
        self.groups += 1;
        if self.groups.is_multiple_of(BLOBS_CHECK_GROUPS) {
            alarm_about_blobs(&self.blobs);
        }
        Ok(staged)
    }

    /// Writes a batch and the lines that go with it.
    fn apply(&mut self, batch: Staging<'_>, lines: &Lines) -> Result<(), StoreError> {
        let (first_line, first_change) = (self.head.audit + 1, self.head.changes + 1);
        let bytes = batch.bytes();
        let (batch, before, head) = batch.finish()?;
        self.shared.keep(&before);
        self.shared.set_before(before);
        let db = self.db()?;
        db.apply_batch(batch).map_err(sled_error)?;
        db.flush().map_err(sled_error)?;
        self.logged_bytes += bytes;
        self.head = head;
        if !lines.audit.is_empty() {
            self.journal.append(first_line, &lines.audit)?;
            self.audit_sync.begin(self.journal.file());
        }
        if !lines.changes.is_empty() {
            self.changes.append(first_change, &lines.changes)?;
            self.changes_sync.begin(self.changes.file());
        }
        // All of them end before anything is said.
        let stored = self.sync_store();
        let audit = self.audit_sync.end();
        let changes = self.changes_sync.end();
        stored?;
        self.journal.synced(audit)?;
        self.changes.synced(changes)?;
        self.dir.set_mark(self.head.commits, self.head.audit)
    }

    /// Shows the group to readers, then answers.
    fn publish(
        &mut self,
        group: Vec<Message>,
        results: Vec<Option<StoreError>>,
        staged: Vec<Option<Staged>>,
    ) {
        let mut answers = Vec::with_capacity(group.len());
        {
            let mut view = self
                .shared
                .view
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            for ((message, result), staged) in group.into_iter().zip(results).zip(staged) {
                let answer = match message {
                    Message::Commit(prepared, answer) => {
                        if let Some(staged) = staged {
                            view.publish(prepared.commit, &staged.orders, staged.before);
                        }
                        answer
                    }
                    Message::Blob { answer, .. } | Message::Close(answer) => answer,
                    Message::Snapshot(_) => continue,
                };
                answers.push((answer, result.map_or(Ok(()), Err)));
            }
        }
        self.shared.set_position(&self.head);
        self.shared.set_before(HashMap::new());
        for (answer, result) in answers {
            // Whoever asked may have gone; the commit stands.
            let _ = answer.send(result);
        }
    }

    fn stage(
        &self,
        message: &Message,
        batch: &mut Staging<'_>,
        runs: &mut HashMap<RunId, RunHead>,
        lines: &mut Lines,
    ) -> Result<Staged, StoreError> {
        match message {
            Message::Commit(prepared, _) => {
                let staged = stage_commit(prepared, batch, runs, &|id| self.cached(id))?;
                add_lines(prepared, batch, lines);
                Ok(staged)
            }
            Message::Blob {
                hash, text, change, ..
            } => {
                let key = keys::blob(hash);
                if !batch.contains(&key)? {
                    batch.head.commits += 1;
                    batch.put(&key, text.as_bytes())?;
                    add_change(change, batch, lines);
                }
                Ok(Staged::default())
            }
            Message::Snapshot(_) | Message::Close(_) => Err(closed()),
        }
    }

    /// What the store knows of a run without reading.
    fn cached(&self, id: RunId) -> Option<RunHead> {
        let view = self.shared.view();
        let run = view.cached(id)?;
        Some(RunHead {
            id,
            revision: run.revision,
            created_at: run.created_at,
            status: run.status,
        })
    }

    /// Looks at some de-duplication keys now and then, and removes those whose time is over. Lost work is done again.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let Some(now) = self.head.now else {
            return Ok(());
        };
        if self.keys_since_sweep < SWEEP_AFTER {
            return Ok(());
        }
        self.keys_since_sweep = 0;
        let db = self.db()?.clone();
        let mut batch = Staging::new(&db, self.head.clone());
        let mut looked = 0;
        for item in db.range(self.sweep_from.clone()..) {
            let (key, _) = item.map_err(sled_error)?;
            if Kind::of(&key) != Some(Kind::Dedup) || looked == SWEEP_LOOKS {
                break;
            }
            looked += 1;
            // A damaged one stays for the next start to complain about.
            if let Ok(Some(payload)) = batch.get(&key)
                && decode_time(&payload).is_some_and(|seen| !still_counts(seen, now))
            {
                batch.remove(&key)?;
            }
            self.sweep_from = key.to_vec();
            self.sweep_from.push(0);
        }
        if looked < SWEEP_LOOKS {
            self.sweep_from = vec![Kind::Dedup as u8];
        }
        if batch.is_empty() {
            return Ok(());
        }
        let (batch, before, head) = batch.finish()?;
        self.shared.keep(&before);
        db.apply_batch(batch).map_err(sled_error)?;
        self.head = head;
        Ok(())
    }
}

impl Message {
    fn dedup_keys(&self) -> usize {
        match self {
            Self::Commit(prepared, _) => prepared.commit.dedup.len(),
            Self::Blob { .. } | Self::Snapshot(_) | Self::Close(_) => 0,
        }
    }

    /// Most lines that it adds to a journal.
    fn lines(&self) -> usize {
        match self {
            Self::Commit(prepared, _) => prepared.audit.len().max(1),
            Self::Blob { .. } | Self::Snapshot(_) | Self::Close(_) => 1,
        }
    }

    fn answer(self, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        match self {
            Self::Commit(_, answer) | Self::Blob { answer, .. } | Self::Close(answer) => {
                let _ = answer.send(result);
            }
            Self::Snapshot(answer) => {
                let _ = answer.send(result.and_then(|()| Err(closed())));
            }
        }
    }
}
