//! Making a new data directory: from a backup, from a backup and what the journals say has happened since, or from the
//! journals alone.
//!
//! The directory is filled under another name, checked whole as at each start, and gets its own name last. Its change log
//! begins anew, with everything that was restored (see [`super::base`]). What was not acknowledged when the old machine
//! stopped may be there or not: the last commit whose lines are in both journals is the last one restored.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ::sled::{Batch, Tree};
use serde_json::Value;

use super::backup::Reader;
use super::commit::stage_commit;
use super::failures::sled_error;
use super::head::Head;
use super::opening::{open_sled, sled_config};
use super::reading::Reading;
use super::recover::{self, RunHead, from_json};
use super::staging::{Before, Staging};
use super::{Options, SledStore, base};
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;
use crate::store::changes::{Base, Line, patch};
use crate::store::contract::{Commit, StoreError};
use crate::store::datadir::{DataDir, audit_dir, changes_dir, failed, sync_entry};
use crate::store::journal::{self, AUDIT, CHANGES, Chain, Chained, Journal, Known, chain_of};
use crate::store::memory::still_counts;
use crate::store::record;
use crate::store::{Prepared, keys, to_json};

/// Records, or lines of the change log, that are written to the new store at one stroke.
const LOT: usize = 512;

/// What to restore from: at least one of the two.
#[derive(Debug, Clone, Default)]
pub struct RestoreFrom {
    /// A file made by `symbot backup`.
    pub backup: Option<PathBuf>,
    /// The old data directory, with its folders `audit` and `changes`.
    pub journal: Option<PathBuf>,
    /// Stop before the first line that is damaged instead of giving up.
    pub up_to_damage: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreSummary {
    /// Number of the last commit.
    pub commits: u64,
    /// Number of the last audit line.
    pub audit_lines: u64,
    /// Records that came from the backup.
    pub records: u64,
    /// Commits that came from the change log.
    pub replayed: u64,
    /// What was left out, for people.
    pub left_out: Vec<String>,
}

/// Makes a data directory. `dir` must not exist, or be empty.
///
/// # Errors
/// When what is restored from is damaged, incomplete or of a newer version, or when the directory is in use or holds something.
pub fn restore(from: &RestoreFrom, dir: &Path) -> Result<RestoreSummary, StoreError> {
    if from.backup.is_none() && from.journal.is_none() {
        return Err(StoreError::Failed(
            "nothing to restore from: give a backup, a journal, or both".into(),
        ));
    }
    let taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(StoreError::Failed(format!(
            "{} is not empty; move it away or give another directory",
            dir.display()
        )));
    }
    let mut unfinished = dir.as_os_str().to_owned();
    unfinished.push(".restoring");
    let unfinished = PathBuf::from(unfinished);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| {
            failed(
                format_args!("cannot remove {}", unfinished.display()),
                &error,
            )
        })?;
    }
    let restored = restore_into(from, &unfinished);
    if restored.is_err() {
        // What there is of it helps nobody; the next attempt would remove it as well.
        let _ = fs::remove_dir_all(&unfinished);
    }
    let summary = restored?;
    let renaming = |error| failed(format_args!("cannot create {}", dir.display()), &error);
    if dir.exists() {
        fs::remove_dir(dir).map_err(renaming)?;
    }
    fs::rename(&unfinished, dir).map_err(renaming)?;
    sync_entry(dir)?;
    Ok(summary)
}

/// Fills a new directory and checks what came out.
fn restore_into(from: &RestoreFrom, unfinished: &Path) -> Result<RestoreSummary, StoreError> {
    let mut summary = fill(from, unfinished)?;
    // Checks everything, as each start does; and leaves it cleanly closed.
    let options = Options {
        check_whole_below_bytes: u64::MAX,
        ..Options::default()
    };
    let store = SledStore::open(unfinished, options)?;
    (summary.commits, summary.audit_lines) = store.position();
    drop(store);
    journal::verify(&audit_dir(unfinished), summary.audit_lines).map_err(|bad| {
        StoreError::Damaged(format!("the audit journal that was restored: {bad}"))
    })?;
    Ok(summary)
}

fn fill(from: &RestoreFrom, dir: &Path) -> Result<RestoreSummary, StoreError> {
    let dir = DataDir::take(dir)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir.audit())
        .map_err(|error| {
            failed(
                format_args!("cannot create {}", dir.audit().display()),
                &error,
            )
        })?;
    let options = Options::default();
    let db = open_sled(&sled_config(&dir.store(), &options))?;
    let tree = Tree::clone(&db);
    let mut summary = RestoreSummary {
        commits: 0,
        audit_lines: 0,
        records: 0,
        replayed: 0,
        left_out: Vec::new(),
    };
    let mut head = Head::default();
    if let Some(backup) = &from.backup {
        summary.records = from_backup(backup, &tree, &dir.audit())?;
        head = recover::head(&tree)?;
    }
    if let Some(journal) = &from.journal {
        let mut replay = Replay {
            from: journals(journal)?,
            tree: &tree,
            has_backup: from.backup.is_some(),
            up_to_damage: from.up_to_damage,
            head,
            recent_keys: VecDeque::new(),
            summary: &mut summary,
        };
        let audit = replay.judge_audit()?;
        replay.changes(audit)?;
        head = replay.head.clone();
        replay.append_audit(&dir.audit())?;
    }
    let before = std::sync::RwLock::new(Before::new());
    let reading = Reading {
        tree: &tree,
        before: &before,
    };
    // A backup has every line of its audit journal, too: it is made between two groups.
    base::begin(&reading, &head, &dir.changes(), &options)?;
    db.flush().map_err(sled_error)?;
    dir.sync_all()?;
    drop(tree);
    drop(db);
    Ok(summary)
}

/// The old data directory, of which one of the folders may have been given.
fn journals(given: &Path) -> Result<PathBuf, StoreError> {
    let parent = given.parent().map(Path::to_owned);
    for dir in [Some(given.to_owned()), parent].into_iter().flatten() {
        if audit_dir(&dir).is_dir() {
            return Ok(dir);
        }
    }
    Err(StoreError::Failed(format!(
        "{} has no folder audit; give the old data directory",
        given.display()
    )))
}

/// Puts the records of a backup into the tree and its audit journal into `audit`.
fn from_backup(backup: &Path, tree: &Tree, audit: &Path) -> Result<u64, StoreError> {
    let bad = |error: std::io::Error| {
        StoreError::Failed(format!(
            "the backup {} cannot be used: {error}; use another one",
            backup.display()
        ))
    };
    let file = File::open(backup)
        .map_err(|error| failed(format_args!("cannot open {}", backup.display()), &error))?;
    let mut reader = Reader::start(BufReader::with_capacity(1 << 18, file)).map_err(bad)?;
    let mut batch = Batch::default();
    let mut records = 0_u64;
    while let Some((kind, name, content)) = reader.frame().map_err(bad)? {
        match kind {
            b'r' => {
                record::decode(&name, &content)?;
                batch.insert(name, content);
                records += 1;
                if records.is_multiple_of(LOT as u64) {
                    tree.apply_batch(std::mem::take(&mut batch))
                        .map_err(sled_error)?;
                }
            }
            b'j' => append_part(audit, &name, &content)?,
            _ => {
                return Err(bad(std::io::Error::other(
                    "it has a part of an unknown kind",
                )));
            }
        }
    }
    tree.apply_batch(batch).map_err(sled_error)?;
    Ok(records)
}

fn append_part(dir: &Path, name: &[u8], content: &[u8]) -> Result<(), StoreError> {
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| journal::is_file_name(name))
        .ok_or_else(|| {
            StoreError::Failed("the backup names a file that is none of the journal".into())
        })?;
    let path = dir.join(name);
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(content))
        .map_err(|error| failed(format_args!("cannot write {}", path.display()), &error))
}

/// Going through the journals.
struct Replay<'a> {
    from: PathBuf,
    tree: &'a Tree,
    has_backup: bool,
    up_to_damage: bool,
    head: Head,
    /// De-duplication keys that still count, oldest first.
    recent_keys: VecDeque<(Timestamp, String)>,
    summary: &'a mut RestoreSummary,
}

impl Replay<'_> {
    /// `None` at the end; what is damaged is the end where that is wanted.
    fn sound(&mut self, lines: &mut Chain) -> Result<Option<Chained>, StoreError> {
        let bad = match lines.next() {
            None => return Ok(None),
            Some(Ok(line)) => return Ok(Some(line)),
            Some(Err(bad)) => bad,
        };
        // Without its end a line was being written when the machine stopped; nobody was told about it.
        if (bad.is_torn_end() && lines.is_in_last_file()) || self.up_to_damage {
            self.summary
                .left_out
                .push(format!("everything from the first bad line on: {bad}"));
            return Ok(None);
        }
        Err(StoreError::Failed(format!(
            "the journal cannot be used as a whole: {bad}; --up-to-damage restores what is before that line"
        )))
    }

    /// Where the journals of an old directory must begin.
    fn first(&self) -> Option<u64> {
        (!self.has_backup).then_some(1)
    }

    /// Reads the audit journal and returns the number of its last good line.
    fn judge_audit(&mut self) -> Result<u64, StoreError> {
        let mut last = 0;
        let mut lines = chain_of(AUDIT, &audit_dir(&self.from), self.first());
        while let Some(line) = self.sound(&mut lines)? {
            let other = StoreError::Failed(format!(
                "{} goes on from another history than the backup: their audit lines {} differ",
                self.from.display(),
                self.head.audit
            ));
            if (line.seq == self.head.audit && line.hash != self.head.audit_hash)
                || (line.seq == self.head.audit + 1 && line.prev != self.head.audit_hash)
            {
                return Err(other);
            }
            if last == 0 && line.seq > self.head.audit + 1 {
                return Err(StoreError::Failed(format!(
                    "the audit journal in {} begins with line {}, but the backup ends with {}",
                    self.from.display(),
                    line.seq,
                    self.head.audit
                )));
            }
            last = line.seq;
        }
        Ok(last.max(self.head.audit))
    }

    /// Applies the change log as far as there are audit lines.
    fn changes(&mut self, audit: u64) -> Result<(), StoreError> {
        if !changes_dir(&self.from).is_dir() {
            return Err(StoreError::Failed(format!(
                "there is no folder changes in {}: directories of format 1 have none until this version has opened them; restore a backup",
                self.from.display()
            )));
        }
        let mut lines = chain_of(CHANGES, &changes_dir(&self.from), self.first());
        let tree = self.tree;
        loop {
            let mut batch = Staging::new(tree, self.head.clone());
            let mut runs = HashMap::new();
            let mut ended = true;
            for _ in 0..LOT {
                let Some(line) = self.sound(&mut lines)? else {
                    break;
                };
                let odd = |why: String| {
                    StoreError::Failed(format!(
                        "line {} of the change log cannot be understood ({why}); was it written by a newer symbot?",
                        line.seq
                    ))
                };
                let read: Line<'_> =
                    serde_json::from_str(&line.line).map_err(|error| odd(error.to_string()))?;
                if read.audit > audit {
                    self.summary.left_out.push(format!(
                        "commit {} and later: the audit journal ends with line {audit}",
                        read.commit.unwrap_or_default()
                    ));
                    break;
                }
                match (&read.base, read.commit) {
                    (Some(base), _) => self.base(base, &mut batch)?,
                    (None, Some(commit)) => {
                        if !self.is_next(commit, &read)? {
                            ended = false;
                            continue;
                        }
                        self.commit(read, &mut batch, &mut runs)
                            .map_err(|error| match error {
                                StoreError::Damaged(why) => odd(why),
                                other => other,
                            })?;
                    }
                    (None, None) => return Err(odd("it has no `commit`".into())),
                }
                ended = false;
            }
            let (batch, _, head) = batch.finish()?;
            tree.apply_batch(batch).map_err(sled_error)?;
            self.head = head;
            if ended {
                break;
            }
        }
        Ok(())
    }

    /// Whether a commit is the next one; those that are in the backup are passed over.
    fn is_next(&self, commit: u64, line: &Line<'_>) -> Result<bool, StoreError> {
        let here = self.head.commits;
        if commit == here && line.audit_hash != self.head.audit_hash {
            return Err(StoreError::Failed(format!(
                "{} goes on from another history than the backup: their commits {here} differ",
                self.from.display()
            )));
        }
        if commit > here + 1 {
            return Err(StoreError::Failed(format!(
                "the change log in {} goes on with commit {commit}, but commit {} is needed: files of it are missing, or it was begun after the backup (then restore from the journal alone)",
                self.from.display(),
                here + 1
            )));
        }
        Ok(commit == here + 1)
    }

    fn base(&mut self, base: &Base, batch: &mut Staging<'_>) -> Result<(), StoreError> {
        if self.has_backup {
            return Ok(());
        }
        match base {
            Base::Run(text) => {
                let run: RunHead = from_json(b"r", text.get().as_bytes())?;
                batch.put(&keys::run(run.id), text.get().as_bytes())?;
                batch.put(&keys::created(run.created_at, run.id), &[])?;
                if run.status.is_open() {
                    batch.put(&keys::open(run.created_at, run.id), &[])?;
                }
            }
            Base::Key(digits, at) => {
                let half = keys::unhex(digits).unwrap_or_default();
                batch.put(&keys::dedup_of_digest(&half), &at.0.to_be_bytes())?;
            }
            Base::Effect(order, stored) => {
                let mut payload = format!("{{\"order\":{order},\"effect\":").into_bytes();
                payload.extend_from_slice(&to_json("an effect", stored)?);
                payload.push(b'}');
                batch.put(&keys::effect(stored.id), &payload)?;
            }
            Base::Timer(timer) => {
                let key = keys::timer(timer.run, timer.notification);
                batch.put(&key, &to_json("a timer", timer)?)?;
            }
            Base::Value(name, value) => {
                batch.put(&keys::value(name), &to_json("a value", value)?)?;
            }
            Base::Blob(hash, text) => batch.put(&keys::blob(hash), text.as_bytes())?,
            Base::Head {
                commits,
                audit,
                audit_hash,
                effects,
                now,
            } => {
                batch.head.commits = *commits;
                batch.head.audit = *audit;
                audit_hash.clone_into(&mut batch.head.audit_hash);
                batch.head.effects = *effects;
                batch.head.now = *now;
                // For the next line of the same lot.
                self.head.commits = *commits;
                audit_hash.clone_into(&mut self.head.audit_hash);
            }
        }
        Ok(())
    }

    fn commit(
        &mut self,
        line: Line<'_>,
        batch: &mut Staging<'_>,
        runs: &mut HashMap<RunId, RunHead>,
    ) -> Result<(), StoreError> {
        let (audit, audit_hash) = (line.audit, line.audit_hash);
        if let Some((hash, text)) = &line.blob {
            batch.head.commits += 1;
            batch.put(&keys::blob(hash), text.as_bytes())?;
        } else {
            let run = match (line.run, line.patch) {
                (Some(run), _) => Some(from_json::<Run>(b"r", run.get().as_bytes())?),
                (None, Some((id, patch))) => Some(patched(id, patch, batch)?),
                (None, None) => None,
            };
            let commit = Commit {
                dedup: line.dedup,
                run,
                outbox_add: line.add,
                outbox_done: line.done,
                timers: line.timers,
                audit: Vec::new(),
                values: line.values,
                now: line.now,
            };
            self.forget_old_keys(&commit, batch)?;
            stage_commit(&Prepared::new(commit)?, batch, runs, &|_| None)?;
        }
        batch.head.audit = audit;
        batch.head.audit_hash = audit_hash;
        self.summary.replayed += 1;
        // For the next line of the same lot.
        self.head.commits = batch.head.commits;
        self.head.audit_hash.clone_from(&batch.head.audit_hash);
        Ok(())
    }

    /// Removes keys that do not count any more: otherwise those of years would be kept.
    fn forget_old_keys(
        &mut self,
        commit: &Commit,
        batch: &mut Staging<'_>,
    ) -> Result<(), StoreError> {
        let Some(now) = commit.now else {
            return Ok(());
        };
        while let Some((seen, key)) = self.recent_keys.front() {
            if still_counts(*seen, now) {
                break;
            }
            let key = keys::dedup(key);
            if batch.contains(&key)? {
                batch.remove(&key)?;
            }
            self.recent_keys.pop_front();
        }
        for key in &commit.dedup {
            self.recent_keys.push_back((now, key.clone()));
        }
        Ok(())
    }

    /// Writes the audit lines that the backup lacks, as far as the store goes.
    fn append_audit(&mut self, dir: &Path) -> Result<(), StoreError> {
        let (have, have_hash) = last_line(dir)?;
        let known = Known {
            last: have,
            last_hash: have_hash,
            tail: Default::default(),
            beyond_max: 0,
        };
        let mut journal = Journal::open(AUDIT, dir, &known, journal::ROTATE_BYTES)?;
        let mut next = have + 1;
        for line in chain_of(AUDIT, &audit_dir(&self.from), self.first()) {
            let Ok(line) = line else {
                break;
            };
            if line.seq > self.head.audit {
                self.summary.left_out.push(format!(
                    "audit lines from {} on: their commit was not finished",
                    line.seq
                ));
                break;
            }
            if line.seq == next {
                journal.append(line.seq, &format!("{}\n", line.line))?;
                next += 1;
            }
        }
        journal.sync()
    }
}

/// The run after a change.
fn patched(id: RunId, patch: Value, batch: &mut Staging<'_>) -> Result<Run, StoreError> {
    let key = keys::run(id);
    let wrong = |why: String| StoreError::Damaged(format!("run {id}: {why}"));
    let payload = batch
        .get(&key)?
        .ok_or_else(|| wrong("it is changed before it was made".into()))?;
    let mut run: Value = from_json(&key, &payload)?;
    patch::apply(&mut run, patch).map_err(wrong)?;
    serde_json::from_value(run).map_err(|error| wrong(error.to_string()))
}

/// Number and hash of the last line of an audit journal that came out of a backup.
fn last_line(dir: &Path) -> Result<(u64, String), StoreError> {
    let mut last = (0, journal::NO_HASH.to_owned());
    for line in chain_of(AUDIT, dir, Some(1)) {
        let line = line.map_err(|bad| {
            StoreError::Damaged(format!("the audit journal of the backup: {bad}"))
        })?;
        last = (line.seq, line.hash);
    }
    Ok(last)
}
