//! The data directory: who may use it, which format it has, and how it is made durable.
//!
//! ```text
//! DATA/            mode 0700
//!   lock           held by the process that uses the directory
//!   format         "symbot-data 2": refused when it is newer than this program, upgraded when it is older
//!   mark           the last durable commit, see below
//!   store/         sled
//!   audit/         the audit journal
//!   changes/       the change log
//!   control.sock   while the bot runs: commands reach it there, see [`crate::control`]
//! ```
//!
//! **The mark.** sled repairs a damaged file by dropping its end, which looks exactly like commits that were never
//! finished. `mark` says how far the store had got: it is written after each `fdatasync` and never synced itself, so that at
//! any moment, crash or power cut included, it names a commit that is durable. A store that ends before its mark is damaged.
//!
//! Called by [`super::sled`] and by the command line (audit, backup, restore).

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::contract::StoreError;

/// Version of the whole directory: keys, records, journals. Raise it with every change that an older program would misread,
/// with an upgrade in [`super::sled`] and a sample among the tests.
///
/// 1: without a change log. 2: with one.
pub const FORMAT_VERSION: u32 = 2;
const FORMAT_WORD: &str = "symbot-data";
/// Commit number, audit number, checksum over both.
const MARK_BYTES: usize = 8 + 8 + 4;

/// Adds what was being done to an error of the operating system.
pub(super) fn failed(doing: impl std::fmt::Display, error: &std::io::Error) -> StoreError {
    StoreError::Failed(format!("{doing}: {error}"))
}

/// A data directory that this process has for itself.
pub struct DataDir {
    root: PathBuf,
    mark: File,
    format: u32,
    /// Locked until this value is dropped.
    _lock: File,
}

impl DataDir {
    /// Creates the directory if need be, takes it for this process, and checks its format.
    pub fn take(root: &Path) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(|error| failed(format_args!("cannot create {}", root.display()), &error))?;
        let mode = fs::metadata(root)
            .map_err(|error| failed(format_args!("cannot read {}", root.display()), &error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            tracing::warn!(
                "{} can be read by other users (mode {:o}); it should be 0700",
                root.display(),
                mode & 0o7777
            );
        }
        let lock = lock(root)?;
        let format = check_format(root)?;
        let mark = root.join("mark");
        let mark = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&mark)
            .map_err(|error| failed(format_args!("cannot open {}", mark.display()), &error))?;
        Ok(Self {
            root: root.to_owned(),
            mark,
            format,
            _lock: lock,
        })
    }

    /// The format that the directory has.
    #[must_use]
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Notes that the directory has been brought to the format of this program.
    pub(super) fn upgraded(&mut self) -> Result<(), StoreError> {
        write_format(&self.root)?;
        self.format = FORMAT_VERSION;
        Ok(())
    }

    /// Where sled lives.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Where the journal lives.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        audit_dir(&self.root)
    }

    /// Where the change log lives.
    #[must_use]
    pub fn changes(&self) -> PathBuf {
        changes_dir(&self.root)
    }

    /// Commit and audit numbers that the store must have reached. `None` for a new directory, and after a power cut that
    /// tore the mark.
    pub(super) fn mark(&self) -> Option<(u64, u64)> {
        read_mark(&self.mark)
    }

    /// Moves the mark. Only call with numbers that are durable.
    pub(super) fn set_mark(&self, commit: u64, audit: u64) -> Result<(), StoreError> {
        let mut bytes = Vec::with_capacity(MARK_BYTES);
        bytes.extend_from_slice(&commit.to_be_bytes());
        bytes.extend_from_slice(&audit.to_be_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        self.mark
            .write_all_at(&bytes, 0)
            .map_err(|error| failed("cannot write the mark", &error))
    }

    /// Syncs every file and directory. sled leaves new files unsynced; without this, 18 of 40 power cuts after the first
    /// start left a database that could not be opened.
    pub(super) fn sync_all(&self) -> Result<(), StoreError> {
        sync_tree(&self.root)?;
        // The entry of the directory itself.
        sync_entry(&self.root)
    }
}

/// The journal of a data directory, also for readers that do not take it.
#[must_use]
pub fn audit_dir(root: &Path) -> PathBuf {
    root.join("audit")
}

/// Whether there is a store in a directory; for those who must not make one by looking.
///
/// # Errors
/// When that cannot be seen, such as for want of a permission.
pub fn has_store(root: &Path) -> Result<bool, StoreError> {
    is_dir(&root.join("store"))
}

/// Whether there is an audit journal in a directory.
///
/// # Errors
/// When that cannot be seen.
pub fn has_journal(root: &Path) -> Result<bool, StoreError> {
    is_dir(&audit_dir(root))
}

fn is_dir(path: &Path) -> Result<bool, StoreError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(failed(
            format_args!("cannot look into {}", path.display()),
            &error,
        )),
    }
}

/// The change log of a data directory, also for readers that do not take it.
#[must_use]
pub fn changes_dir(root: &Path) -> PathBuf {
    root.join("changes")
}

/// How many audit lines a data directory is known to have, also for readers that do not take it; 0 when nothing says so.
#[must_use]
pub fn audit_lines_written(root: &Path) -> u64 {
    File::open(root.join("mark"))
        .ok()
        .and_then(|mark| read_mark(&mark))
        .map_or(0, |(_, audit)| audit)
}

fn read_mark(mark: &File) -> Option<(u64, u64)> {
    let mut bytes = [0; MARK_BYTES];
    mark.read_exact_at(&mut bytes, 0).ok()?;
    let (covered, stored) = bytes.split_at(16);
    if crc32fast::hash(covered).to_be_bytes() != stored {
        return None;
    }
    let (commit, audit) = covered.split_at(8);
    Some((
        u64::from_be_bytes(commit.try_into().ok()?),
        u64::from_be_bytes(audit.try_into().ok()?),
    ))
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed(format_args!("cannot open {}", path.display()), &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            let owner = match owner.trim() {
                "" => String::new(),
                pid => format!(" (process {pid})"),
            };
            return Err(StoreError::Failed(format!(
                "{} is in use by another symbot{owner}; stop that one first, or choose another directory with --data",
                root.display()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(failed(
                format_args!("cannot lock {}", path.display()),
                &error,
            ));
        }
    }
    // Only a hint for the message above: a failure to write it is no reason not to start.
    let _ = file
        .set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    Ok(file)
}

fn write_format(root: &Path) -> Result<(), StoreError> {
    write_durably(
        &root.join("format"),
        format!("{FORMAT_WORD} {FORMAT_VERSION}\n").as_bytes(),
    )
}

/// The format of the directory; a new one gets that of this program.
fn check_format(root: &Path) -> Result<u32, StoreError> {
    let path = root.join("format");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if root.join("store").exists() {
                return Err(StoreError::Damaged(format!(
                    "{} is missing, although there is a store",
                    path.display()
                )));
            }
            return write_format(root).map(|()| FORMAT_VERSION);
        }
        Err(error) => {
            return Err(failed(
                format_args!("cannot read {}", path.display()),
                &error,
            ));
        }
    };
    let version = text
        .trim()
        .strip_prefix(FORMAT_WORD)
        .and_then(|rest| rest.trim().parse::<u32>().ok())
        .ok_or_else(|| {
            StoreError::Damaged(format!(
                "{} does not say which format the directory has",
                path.display()
            ))
        })?;
    if version > FORMAT_VERSION {
        return Err(StoreError::Failed(format!(
            "{} was written by a newer symbot (format {version}; this one knows up to {FORMAT_VERSION}): run that version, or restore a backup that was made before the upgrade",
            root.display()
        )));
    }
    if version == 0 {
        return Err(StoreError::Damaged(format!(
            "{} names format 0, which never existed",
            path.display()
        )));
    }
    Ok(version)
}

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let doing =
        |error: std::io::Error| failed(format_args!("cannot write {}", path.display()), &error);
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(doing)?;
    file.write_all(bytes).map_err(doing)?;
    file.sync_all().map_err(doing)?;
    fs::rename(&unfinished, path).map_err(doing)?;
    match path.parent() {
        Some(parent) => sync_path(parent),
        None => Ok(()),
    }
}

/// Syncs one file or directory.
pub(super) fn sync_path(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed(format_args!("cannot sync {}", path.display()), &error))
}

/// Syncs the directory that a file or directory stands in, and so its name.
pub(super) fn sync_entry(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_path(parent),
        _ => sync_path(Path::new(".")),
    }
}

/// Syncs a directory and everything below it.
pub(super) fn sync_tree(path: &Path) -> Result<(), StoreError> {
    let reading =
        |error: std::io::Error| failed(format_args!("cannot read {}", path.display()), &error);
    let kind = fs::symlink_metadata(path).map_err(reading)?.file_type();
    if kind.is_socket() {
        // The control socket that a killed process left: it has no content, and cannot be opened.
        return Ok(());
    }
    if kind.is_dir() {
        for entry in fs::read_dir(path).map_err(reading)? {
            let entry = entry.map_err(reading)?.path();
            match sync_tree(&entry) {
                // sled removes old snapshots in the background.
                Err(_) if !entry.exists() => {}
                result => result?,
            }
        }
    }
    sync_path(path)
}
