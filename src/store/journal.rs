//! The audit journal: every step, one JSON object per line, chained by hashes, in `DATA/audit/audit-<first seq>.jsonl`.
//!
//! **Canonical form.** A line is compact JSON whose first member is `seq` (dense, from 1) and whose last two are `prev` and
//! `hash`, each 64 lower-case hexadecimal digits. `hash` is the SHA-256 of the line's own bytes without the member `hash`
//! (that is: up to the digits of `prev`, then `"}`). `prev` is the `hash` of the line before, 64 zeros in the first.
//! So a changed, removed, inserted or moved line breaks the chain, and nothing depends on how JSON is parsed.
//!
//! **Order under power cuts.** The store comes first: a line is written to sled in the same batch as the transition it
//! describes (the *tail*), and only once that batch is on the disk is it appended here. So the journal never claims a step
//! that the store does not have. What the journal lacks after a crash, [`Journal::open`] appends from the tail, before
//! anything else happens; lines leave the tail only after they were synced here. So the store never claims a step that the
//! journal does not have either. A torn end is cut off (it is in the tail) with a warning; damage before the tail, and a
//! journal that is ahead of the store, are errors.
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
pub use read::{FirstBadLine, Summary, export, verify};

use super::contract::StoreError;
use super::datadir::{failed, sync_path};
use chain::{check_line, seq_of};

/// A file that has reached this size is followed by a new one. Small enough to copy and to open, large enough to be rare.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// What the store knows about the journal.
pub(super) struct Known {
    /// Number of the last line; 0 for none.
    pub(super) last: u64,
    /// Hash of the last line.
    pub(super) last_hash: String,
    /// Lines that may not have reached the disk here; up to `last` and without gaps.
    pub(super) tail: BTreeMap<u64, String>,
}

impl Known {
    /// The first line that may be missing or torn.
    fn first_uncertain(&self) -> u64 {
        self.tail
            .first_key_value()
            .map_or(self.last + 1, |(seq, _)| *seq)
    }
}

/// The journal, open for appending.
pub(super) struct Journal {
    dir: PathBuf,
    file: Arc<File>,
    bytes: u64,
    rotate_bytes: u64,
}

impl Journal {
    /// Brings the journal to what the store knows, and opens it.
    pub(super) fn open(dir: &Path, known: &Known, rotate_bytes: u64) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(format_args!("cannot create {}", dir.display()), &error))?;
        if let Some((_, line)) = known.tail.last_key_value()
            && check_line(line).map(|link| link.hash) != Ok(known.last_hash.as_str())
        {
            return Err(StoreError::Damaged(format!(
                "audit line {} in the store is not the one that the chain goes on from",
                known.last
            )));
        }
        let next = recover(dir, known)?;
        let mut journal = match read::files(dir)?.pop() {
            Some((_, path)) => Self::append_to(dir, &path, rotate_bytes)?,
            None => Self::append_to(dir, &file_name(dir, next), rotate_bytes)?,
        };
        let missing: Vec<_> = known.tail.range(next..).collect();
        if !missing.is_empty() {
            tracing::warn!(
                "the audit journal lacked {} lines from {next} on; they were written again from the store",
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

    fn append_to(dir: &Path, path: &Path, rotate_bytes: u64) -> Result<Self, StoreError> {
        let opening = |error| failed(format_args!("cannot open {}", path.display()), &error);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(opening)?;
        let bytes = file.metadata().map_err(opening)?.len();
        Ok(Self {
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
            *self = Self::append_to(&self.dir, &file_name(&self.dir, first), self.rotate_bytes)?;
            sync_path(&self.dir)?;
        }
        (&*self.file)
            .write_all(lines.as_bytes())
            .map_err(|error| failed("cannot append to the audit journal", &error))?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// The files with their sizes at this moment.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, u64)>, StoreError> {
        read::files(&self.dir)?
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
        self.file
            .sync_data()
            .map_err(|error| failed("cannot sync the audit journal", &error))
    }
}

fn file_name(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("audit-{first:012}.jsonl"))
}

/// Whether a file of that name belongs to a journal.
pub(super) fn is_file_name(name: &str) -> bool {
    name.strip_prefix("audit-")
        .and_then(|rest| rest.strip_suffix(".jsonl"))
        .is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Checks the end of the journal against the store, cuts off what is torn, and returns the number of the next line.
fn recover(dir: &Path, known: &Known) -> Result<u64, StoreError> {
    let uncertain = known.first_uncertain();
    let files = read::files(dir)?;
    let lacking = |from: u64| {
        StoreError::Damaged(format!(
            "the audit journal in {} lacks lines {from} to {}, which had been written",
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
                        return Err(StoreError::Damaged(format!(
                            "the audit journal has line {next}, but the store only knows {}: the store is older than its journal",
                            known.last
                        )));
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
                    "line {next} of the audit journal ({}) is not what was written",
                    path.display()
                )));
            }
            tracing::warn!(
                "the end of the audit journal was torn: cut {} bytes off {}",
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
