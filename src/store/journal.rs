//! The two journals: append-only files of lines that are chained by hashes.
//!
//! | Series | Files | One line for |
//! |---|---|---|
//! | [`AUDIT`] | `DATA/audit/audit-<first seq>.jsonl` | each step that people must be able to read up: the audit journal |
//! | [`CHANGES`] | `DATA/changes/changes-<first seq>.log` | each commit of the store, so that it can be rebuilt: see [`super::changes`] |
//!
//! **Canonical form.** A line is compact JSON whose first member is `seq` (dense, from 1) and whose last two are `prev` and
//! `hash`, each 64 lower-case hexadecimal digits. `hash` is the SHA-256 of the line's own bytes without the member `hash`
//! (that is: up to the digits of `prev`, then `"}`). `prev` is the `hash` of the line before, 64 zeros in the first.
//! So a changed, removed, inserted or moved line breaks the chain, and nothing depends on how JSON is parsed.
//!
//! **Order under power cuts.** A line is written to sled in the same batch as the commit that it belongs to (the *tail*),
//! then store and journals are synced side by side, and only then is anybody answered. What a journal lacks after a crash,
//! [`Journal::open`] appends from the tail, before anything else happens; lines leave the tail only after they were synced
//! here. What a journal has beyond the store belongs to the last group, which nobody was told about: it is moved out of the
//! way into `DATA/unfinished-….txt`, with a warning; more than a group can have is an error, for then the store is older than
//! its journal. A torn end is cut off (it is in the tail); damage before the tail is an error.
//!
//! Called by the writer of [`super::sled`] and by `symbot audit`. Must not know what the records mean, except for the two
//! members that [`export`] filters by.

mod chain;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use chain::{NO_HASH, chained};
pub(super) use read::belongs_to;
pub(super) use read::{Chain, Chained, chain_of};
pub use read::{FirstBadLine, LineReader, Summary, export, verify};

use super::contract::StoreError;
use super::datadir::{failed, sync_path};
use chain::{check_line, seq_of};

/// A file that has reached this size is followed by a new one. Small enough to copy and to open, large enough to be rare.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// Lines that a journal can have beyond the store after a power cut: those of one group of commits. The writer ends a group
/// before it has more.
pub(super) const GROUP_LINES_MAX: usize = 1_024;

/// One of the two journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Series {
    prefix: &'static str,
    suffix: &'static str,
    /// What people call it.
    pub(super) name: &'static str,
}

/// What happened, for people: see `symbot audit`.
pub(super) const AUDIT: Series = Series {
    prefix: "audit-",
    suffix: ".jsonl",
    name: "the audit journal",
};

/// What was committed, for `symbot restore`.
pub(super) const CHANGES: Series = Series {
    prefix: "changes-",
    suffix: ".log",
    name: "the change log",
};

impl Series {
    pub(super) fn path(self, dir: &Path, first: u64) -> PathBuf {
        dir.join(format!("{}{first:012}{}", self.prefix, self.suffix))
    }

    /// The number of the first line, when a file of that name belongs to this journal.
    pub(super) fn first_of(self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(self.prefix)?.strip_suffix(self.suffix)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    }
}

/// What the store knows about the journal.
pub(super) struct Known {
    /// Number of the last line; 0 for none.
    pub(super) last: u64,
    /// Hash of the last line.
    pub(super) last_hash: String,
    /// Lines that may not have reached the disk here; up to `last` and without gaps.
    pub(super) tail: BTreeMap<u64, String>,
    /// How many lines beyond `last` may be there, see [`GROUP_LINES_MAX`].
    pub(super) beyond_max: usize,
}

impl Known {
    /// The first line that may be missing or torn.
    pub(super) fn first_uncertain(&self) -> u64 {
        self.tail
            .first_key_value()
            .map_or(self.last + 1, |(seq, _)| *seq)
    }
}

/// The journal, open for appending.
pub(super) struct Journal {
    series: Series,
    dir: PathBuf,
    file: Arc<File>,
    bytes: u64,
    rotate_bytes: u64,
}

impl Journal {
    /// Brings the journal to what the store knows, and opens it.
    pub(super) fn open(
        series: Series,
        dir: &Path,
        known: &Known,
        rotate_bytes: u64,
    ) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(format_args!("cannot create {}", dir.display()), &error))?;
        if let Some((_, line)) = known.tail.last_key_value()
            && check_line(line).map(|link| link.hash) != Ok(known.last_hash.as_str())
        {
            return Err(StoreError::Damaged(format!(
                "line {} of {} in the store is not the one that the chain goes on from",
                known.last, series.name
            )));
        }
        let next = recover(series, dir, known)?;
        let mut journal = match read::files(series, dir)?.pop() {
            Some((_, path)) => Self::append_to(series, dir, &path, rotate_bytes)?,
            None => Self::append_to(series, dir, &series.path(dir, next), rotate_bytes)?,
        };
        let missing: Vec<_> = known.tail.range(next..).collect();
        if !missing.is_empty() {
            tracing::warn!(
                "{} lacked {} lines from {next} on; they were written again from the store",
                series.name,
                missing.len()
            );
        }
        for (seq, line) in missing {
            journal.append(*seq, &format!("{line}\n"))?;
        }
        journal.sync()?;
        sync_path(dir)?;
        Ok(journal)
    }

    fn append_to(
        series: Series,
        dir: &Path,
        path: &Path,
        rotate_bytes: u64,
    ) -> Result<Self, StoreError> {
        let opening = |error| failed(format_args!("cannot open {}", path.display()), &error);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(opening)?;
        let bytes = file.metadata().map_err(opening)?.len();
        Ok(Self {
            series,
            dir: dir.to_owned(),
            file: Arc::new(file),
            bytes,
            rotate_bytes,
        })
    }

    /// Appends lines, the first of which has the number `first`. Not durable before [`Self::sync`].
    pub(super) fn append(&mut self, first: u64, lines: &str) -> Result<(), StoreError> {
        if self.bytes >= self.rotate_bytes {
            // Synced before the next file exists, so that only the last file can be torn.
            self.sync()?;
            let path = self.series.path(&self.dir, first);
            *self = Self::append_to(self.series, &self.dir, &path, self.rotate_bytes)?;
            sync_path(&self.dir)?;
        }
        (&*self.file).write_all(lines.as_bytes()).map_err(|error| {
            failed(
                format_args!("cannot append to {}", self.series.name),
                &error,
            )
        })?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// The files with their sizes at this moment.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, u64)>, StoreError> {
        read::files(self.series, &self.dir)?
            .into_iter()
            .map(|(_, path)| {
                let bytes = fs::metadata(&path)
                    .map_err(|error| {
                        failed(format_args!("cannot read {}", path.display()), &error)
                    })?
                    .len();
                Ok((path, bytes))
            })
            .collect()
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let result = self.file.sync_data();
        self.synced(result)
    }

    /// The file to sync, for [`Self::synced`] on another thread.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// What syncing came to.
    pub(super) fn synced(&self, result: std::io::Result<()>) -> Result<(), StoreError> {
        result.map_err(|error| failed(format_args!("cannot sync {}", self.series.name), &error))
    }
}

/// Whether a file of that name belongs to an audit journal.
pub(super) fn is_file_name(name: &str) -> bool {
    AUDIT.first_of(name).is_some()
}

/// Checks the end of the journal against the store, cuts off what is torn, and returns the number of the next line.
fn recover(series: Series, dir: &Path, known: &Known) -> Result<u64, StoreError> {
    let uncertain = known.first_uncertain();
    let files = read::files(series, dir)?;
    let lacking = |from: u64| {
        StoreError::Damaged(format!(
            "{} in {} lacks lines {from} to {}, which had been written",
            series.name,
            dir.display(),
            uncertain - 1
        ))
    };
    // The file with the last certain line; everything from there on is looked at.
    let Some(start) = files
        .iter()
        .rposition(|(first, _)| *first < uncertain.max(2))
    else {
        return if uncertain == 1 && files.is_empty() {
            Ok(1)
        } else {
            Err(lacking(1))
        };
    };
    let mut next = files[start].0;
    for (number, (first, path)) in files.iter().enumerate().skip(start) {
        let text = fs::read(path)
            .map_err(|error| failed(format_args!("cannot read {}", path.display()), &error))?;
        let mut offset = 0;
        let mut whole = *first == next;
        while whole && offset < text.len() {
            let end = text[offset..].iter().position(|byte| *byte == b'\n');
            let line = end.and_then(|end| std::str::from_utf8(&text[offset..offset + end]).ok());
            let good = match line {
                None => false,
                Some(line) if next < uncertain => {
                    // All of them must be there; the last one also stands for what the chain goes on from.
                    seq_of(line) == Some(next) && (next + 1 < uncertain || check_line(line).is_ok())
                }
                Some(line) if next > known.last => {
                    if seq_of(line) == Some(next) && check_line(line).is_ok() {
                        set_aside(series, known, &files[number..], offset)?;
                    }
                    false
                }
                Some(line) => known.tail.get(&next).is_some_and(|kept| kept == line),
            };
            if !good {
                whole = false;
                break;
            }
            offset += end.map_or(0, |end| end + 1);
            next += 1;
        }
        if !whole {
            if next < uncertain {
                return Err(StoreError::Damaged(format!(
                    "line {next} of {} ({}) is not what was written",
                    series.name,
                    path.display()
                )));
            }
            tracing::warn!(
                "the end of {} was torn: cut {} bytes off {}",
                series.name,
                text.len() - offset,
                path.display()
            );
            OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|file| {
                    file.set_len(offset as u64)?;
                    file.sync_all()
                })
                .map_err(|error| failed(format_args!("cannot cut {}", path.display()), &error))?;
            for (_, later) in &files[number + 1..] {
                fs::remove_file(later).map_err(|error| {
                    failed(format_args!("cannot remove {}", later.display()), &error)
                })?;
            }
            break;
        }
    }
    if next < uncertain {
        return Err(lacking(next));
    }
    Ok(next)
}

/// Keeps a copy of the lines beyond the store, which are about to be cut off: from `offset` in the first of these files on.
fn set_aside(
    series: Series,
    known: &Known,
    files: &[(u64, PathBuf)],
    offset: usize,
) -> Result<(), StoreError> {
    let mut beyond = Vec::new();
    for (number, (_, path)) in files.iter().enumerate() {
        let text = fs::read(path)
            .map_err(|error| failed(format_args!("cannot read {}", path.display()), &error))?;
        beyond.extend_from_slice(&text[if number == 0 { offset } else { 0 }..]);
    }
    let lines = beyond.iter().filter(|byte| **byte == b'\n').count();
    if lines > known.beyond_max {
        return Err(StoreError::Damaged(format!(
            "{} goes {lines} lines beyond line {}, the last one that the store knows: the store is older than its journal",
            series.name, known.last
        )));
    }
    let Some((_, path)) = files.first() else {
        return Ok(());
    };
    let name = format!("unfinished-{}{}.txt", series.prefix, known.last + 1);
    // Beside the journal's directory, in which nothing else is.
    let root = path.parent().and_then(Path::parent);
    let aside = root.map_or_else(|| path.with_file_name(&name), |root| root.join(&name));
    tracing::warn!(
        "{} has {lines} lines of commits that were not finished when the machine stopped; they are moved to {}",
        series.name,
        aside.display()
    );
    super::datadir::write_durably(&aside, &beyond)
}
