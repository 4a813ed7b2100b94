//! The one thread that writes. It takes what has queued up (at most [`GROUP_MAX`] messages), stages it in order, and makes
//! it durable at one stroke:
//!
//! 1. one `apply_batch`, so that a crash leaves all of a group or nothing of it (none of it was acknowledged);
//! 2. `db.flush()`, which hands sled's buffers to the kernel, and `fdatasync` on our own handle of sled's file, which is what
//!    makes them durable (`flush` alone lost acknowledged data in 40 of 40 simulated power cuts);
//! 3. audit lines appended to the journal and synced (see [`crate::store::journal`] for why in this order);
//! 4. the mark, the view for readers, and then the answers.
//!
//! After the first failure nothing is written any more: the kernel may have dropped what it could not write, so trying
//! again would lie. A restart finds out what is on the disk.

use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use ::sled::{Db, Tree};
use tokio::sync::{mpsc, oneshot};

use super::head::Head;
use super::recover::{Placed, RunHead, from_json};
use super::staging::Staging;
use super::{Shared, sled_error};
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;
use crate::store::contract::{StoreError, Timer, TimerChange};
use crate::store::datadir::{DataDir, failed};
use crate::store::journal::{Journal, chained};
use crate::store::keys::{self, Kind};
use crate::store::memory::{closed, still_counts};
use crate::store::{Prepared, to_json};

/// Most messages in one group. More would not make the disk faster, but the first one wait longer.
const GROUP_MAX: usize = 64;
/// Audit lines that the journal has synced are removed from the store in lots of at least this many.
const TAIL_LOT: u64 = 256;
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

/// A commit that was staged, with what the view needs to know about it.
struct Staged {
    orders: Vec<u64>,
    /// Creation time of the run that it replaces.
    before: Option<Timestamp>,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) db: Db,
    pub(super) tree: Tree,
    /// Our own handle of sled's file, for `fdatasync`.
    pub(super) file: File,
    pub(super) blobs: PathBuf,
    pub(super) journal: Journal,
    pub(super) dir: DataDir,
    pub(super) head: Head,
    /// First audit line that is still in the store.
    pub(super) tail_first: u64,
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
                    message => group.push(message),
                }
                next = if group.len() < GROUP_MAX {
                    messages.try_recv().ok()
                } else {
                    None
                };
            }
            self.answer(group);
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
        let Self { db, tree, dir, .. } = self;
        drop(tree);
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
        self.make_durable()?;
        self.journal.sync()?;
        self.dir.sync_all()
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(sled_error)?;
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
            .unwrap_or_else(|panic| Err(super::panic_error(panic.as_ref())));
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
        let tree = self.tree.clone();
        let (batch, staged, lines, tail_first) = loop {
            let mut batch = Staging::new(&tree, self.head.clone());
            let mut lines = String::new();
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
            let tail_first = self.shorten_tail(&mut batch)?;
            break (batch, staged, lines, tail_first);
        };
        self.apply(batch, &lines)?;
        self.tail_first = tail_first;
        self.keys_since_sweep += group.iter().map(Message::dedup_keys).sum::<usize>();
        self.sweep()?;
        self.groups += 1;
        if self.groups.is_multiple_of(BLOBS_CHECK_GROUPS) {
            super::alarm_about_blobs(&self.blobs);
        }
        Ok(staged)
    }

    /// Writes a batch and the audit lines that go with it.
    fn apply(&mut self, batch: Staging<'_>, lines: &str) -> Result<(), StoreError> {
        let first_line = self.head.audit + 1;
        let (batch, before, head) = batch.finish()?;
        self.shared.keep(&before);
        self.shared.set_before(before);
        self.tree.apply_batch(batch).map_err(sled_error)?;
        self.make_durable()?;
        self.head = head;
        if !lines.is_empty() {
            self.journal.append(first_line, lines)?;
            self.journal.sync()?;
        }
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
        lines: &mut String,
    ) -> Result<Staged, StoreError> {
        match message {
            Message::Commit(prepared, _) => self.stage_commit(prepared, batch, runs, lines),
            Message::Blob { hash, text, .. } => {
                let key = keys::blob(hash);
                if !batch.contains(&key)? {
                    batch.head.commits += 1;
                    batch.put(&key, text.as_bytes())?;
                }
                Ok(Staged {
                    orders: Vec::new(),
                    before: None,
                })
            }
            Message::Snapshot(_) | Message::Close(_) => Err(closed()),
        }
    }

    /// Checks a commit, then stages it. What cannot be committed is found out before anything is staged.
    fn stage_commit(
        &self,
        prepared: &Prepared,
        batch: &mut Staging<'_>,
        runs: &mut HashMap<RunId, RunHead>,
        lines: &mut String,
    ) -> Result<Staged, StoreError> {
        let now = prepared.now(batch.head.now);
        let commit = &prepared.commit;
        for (number, key) in commit.dedup.iter().enumerate() {
            let seen = batch.get(&keys::dedup(key))?;
            let seen = seen.as_deref().and_then(decode_time);
            if seen.is_some_and(|seen| still_counts(seen, now))
                || commit.dedup[..number].contains(key)
            {
                return Err(StoreError::Duplicate(key.clone()));
            }
        }
        let mut old = None;
        if let Some(run) = &commit.run {
            old = self.stored_run(run.id, batch, runs)?;
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
        for members in &prepared.audit {
            let seq = batch.head.audit + 1;
            let (line, hash) = chained(seq, members, &batch.head.audit_hash);
            batch.put(&keys::tail(seq), line.as_bytes())?;
            batch.head.audit = seq;
            batch.head.audit_hash = hash;
            lines.push_str(&line);
            lines.push('\n');
        }
        Ok(Staged {
            orders,
            before: old.map(|old| old.created_at),
        })
    }

    /// The newest state of a run, including what this group has staged.
    fn stored_run(
        &self,
        id: RunId,
        batch: &mut Staging<'_>,
        runs: &HashMap<RunId, RunHead>,
    ) -> Result<Option<RunHead>, StoreError> {
        if let Some(run) = runs.get(&id) {
            return Ok(Some(*run));
        }
        let cached = self
            .shared
            .view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .cached(id);
        if let Some(run) = cached {
            return Ok(Some(RunHead {
                id,
                revision: run.revision,
                created_at: run.created_at,
                status: run.status,
            }));
        }
        let key = keys::run(id);
        batch
            .get(&key)?
            .map(|payload| from_json(&key, &payload))
            .transpose()
    }

    /// Removes audit lines that the journal has on the disk. Returns the first that stays.
    fn shorten_tail(&self, batch: &mut Staging<'_>) -> Result<u64, StoreError> {
        // Everything before this group has been synced.
        let end = self.head.audit;
        if end - (self.tail_first - 1) < TAIL_LOT {
            return Ok(self.tail_first);
        }
        for seq in self.tail_first..=end {
            batch.remove(&keys::tail(seq))?;
        }
        Ok(end + 1)
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
        let tree = self.tree.clone();
        let mut batch = Staging::new(&tree, self.head.clone());
        let mut looked = 0;
        for item in tree.range(self.sweep_from.clone()..) {
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
        tree.apply_batch(batch).map_err(sled_error)?;
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

fn timer_key(timer: &Timer) -> Vec<u8> {
    keys::timer(timer.run, timer.notification)
}

/// The payload of a de-duplication key.
pub(super) fn decode_time(payload: &[u8]) -> Option<Timestamp> {
    Some(Timestamp(i64::from_be_bytes(payload.try_into().ok()?)))
}
