//! Backup of a running store into one file, and reading that file.
//!
//! A backup is the state between two groups. sled's iterators are not snapshots and its `export` is not consistent, so the
//! writer keeps what it replaces from that moment on (`kept`); whoever reads the tree prefers what was kept. Keys that were
//! removed meanwhile follow at the end; a key may come twice, then with the same value.
//!
//! **The file**: a line `symbot-backup 1`, then frames (kind, length of name, length of content, both big-endian, name,
//! content), then an end frame with the SHA-256 of everything before it. Kinds: `r` a record under its key, `j` a part of a
//! file of the journal, `e` the end. Records keep their own version and checksum, so this file is also how stored formats
//! are kept as samples for the tests of upgrades.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use sha2::{Digest, Sha256};

use super::failures::sled_error;
use super::shared::Shared;
use super::writer::Snapshot;
use crate::store::contract::StoreError;
use crate::store::datadir::{failed, sync_entry};
use crate::store::keys;
use crate::store::record::{self, Shape};
use crate::store::{BLOB_LIMIT_BYTES, to_json};

const MAGIC: &[u8] = b"symbot-backup 1\n";
const FAMILY: &[u8] = b"symbot-backup ";
/// Largest part of a journal file in one frame.
const PART_BYTES: usize = 1 << 20;
/// Largest name or content of a frame; more means damage.
const FRAME_LIMIT_BYTES: usize = 2 * BLOB_LIMIT_BYTES;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BackupSummary {
    /// Number of the last commit in it.
    pub commits: u64,
    /// Number of the last audit line in it.
    pub audit_lines: u64,
    pub records: u64,
}

/// The file of a backup on its way. It is called otherwise until it is whole, and removed when it never is.
#[derive(Debug)]
pub struct NewBackup {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    whole: bool,
}

impl Drop for NewBackup {
    fn drop(&mut self) {
        if !self.whole {
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

impl Write for &NewBackup {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (&self.file).flush()
    }
}

impl NewBackup {
    /// Creates the file; it must not exist, and only its owner may read it.
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        create(path)
    }

    /// Everything is written: makes it durable and gives it its name.
    ///
    /// # Errors
    /// The operating system's.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let naming = |error| failed(format_args!("cannot write {}", self.path.display()), &error);
        self.file.sync_all().map_err(naming)?;
        fs::rename(&self.unfinished, &self.path).map_err(naming)?;
        self.whole = true;
        sync_entry(&self.path)
    }
}

fn create(path: &Path) -> Result<NewBackup, StoreError> {
    if path.exists() {
        return Err(StoreError::Failed(format!(
            "{} exists; give the backup a new name",
            path.display()
        )));
    }
    // Two that make the same file at once must not write into each other's.
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.unfinished", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|error| {
            failed(
                format_args!("cannot create {}", unfinished.display()),
                &error,
            )
        })?;
    Ok(NewBackup {
        path: path.to_owned(),
        unfinished,
        file,
        whole: false,
    })
}

/// Writes frames and hashes them.
struct Frames<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Frames<W> {
    fn start(out: W) -> std::io::Result<Self> {
        let mut frames = Self {
            out,
            hasher: Sha256::new(),
        };
        frames.put(MAGIC)?;
        Ok(frames)
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    fn frame(&mut self, kind: u8, name: &[u8], content: &[u8]) -> std::io::Result<()> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(std::io::Error::other);
        self.put(&[kind])?;
        self.put(&length(name)?.to_be_bytes())?;
        self.put(&length(content)?.to_be_bytes())?;
        self.put(name)?;
        self.put(content)
    }

    fn end(mut self) -> std::io::Result<W> {
        let digest = self.hasher.clone().finalize();
        self.frame(b'e', b"", &digest)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes the backup that a snapshot began to wherever it is to go.
pub(super) fn write(
    shared: &Shared,
    snapshot: &Snapshot,
    out: impl Write,
) -> Result<BackupSummary, StoreError> {
    let result = write_frames(shared, snapshot, out);
    *shared.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    Ok(BackupSummary {
        commits: snapshot.head.commits,
        audit_lines: snapshot.head.audit,
        records: result?,
    })
}

fn write_frames(shared: &Shared, snapshot: &Snapshot, out: impl Write) -> Result<u64, StoreError> {
    let writing = |error| failed("cannot write the backup", &error);
    let mut frames = Frames::start(BufWriter::with_capacity(1 << 18, out)).map_err(writing)?;
    for (path, bytes) in &snapshot.journal {
        write_journal_file(&mut frames, path, *bytes)?;
    }
    let head_key = keys::head();
    let payload = to_json("the head of the store", &snapshot.head)?;
    let head = record::encode(&head_key, Shape::Whole, snapshot.head.commits, &payload);
    frames.frame(b'r', &head_key, &head).map_err(writing)?;
    let mut records = 1;
    let mut passed = HashSet::new();
    let tree = shared.tree()?;
    let kept = |key: &[u8]| {
        let kept = shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().and_then(|kept| kept.get(key).cloned())
    };
    for item in tree.iter() {
        let (key, found) = item.map_err(sled_error)?;
        if *key == *head_key {
            continue;
        }
        let value = match kept(&key) {
            None => Some(found),
            Some(before) => {
                passed.insert(key.to_vec());
                before
            }
        };
        if let Some(value) = value {
            record::decode(&key, &value)?;
            frames.frame(b'r', &key, &value).map_err(writing)?;
            records += 1;
        }
    }
    drop(tree);
    let rest = shared
        .kept
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .unwrap_or_default();
    for (key, before) in rest {
        if let Some(before) = before.filter(|_| !passed.contains(&key)) {
            frames.frame(b'r', &key, &before).map_err(writing)?;
        }
    }
    frames.end().map_err(writing)?;
    Ok(records)
}

fn write_journal_file<W: Write>(
    frames: &mut Frames<W>,
    path: &Path,
    bytes: u64,
) -> Result<(), StoreError> {
    let reading = |error| failed(format_args!("cannot copy {}", path.display()), &error);
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mut file = File::open(path).map_err(reading)?.take(bytes);
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = file.read(&mut part).map_err(reading)?;
        if read == 0 {
            return Ok(());
        }
        frames.frame(b'j', name, &part[..read]).map_err(reading)?;
    }
}

/// Kind, name, content.
pub(super) type Frame = (u8, Vec<u8>, Vec<u8>);

/// Reads frames and hashes them.
pub(super) struct Reader<R> {
    input: R,
    hasher: Sha256,
}

impl<R: Read> Reader<R> {
    /// Begins to read; fails when this is no backup that this program knows.
    pub(super) fn start(input: R) -> std::io::Result<Self> {
        let mut reader = Self {
            input,
            hasher: Sha256::new(),
        };
        let magic = reader.take(MAGIC.len())?;
        if magic != MAGIC {
            return Err(std::io::Error::other(if magic.starts_with(FAMILY) {
                "it was made by a newer symbot"
            } else {
                "it is not a backup of symbot"
            }));
        }
        reader.hasher.update(&magic);
        Ok(reader)
    }

    fn take(&mut self, bytes: usize) -> std::io::Result<Vec<u8>> {
        let mut taken = vec![0; bytes];
        self.input.read_exact(&mut taken)?;
        Ok(taken)
    }

    fn length(&mut self, header: &[u8]) -> std::io::Result<usize> {
        let bytes: [u8; 4] = header.try_into().map_err(std::io::Error::other)?;
        let length = u32::from_be_bytes(bytes) as usize;
        if length > FRAME_LIMIT_BYTES {
            return Err(std::io::Error::other(
                "a frame is larger than any that is written",
            ));
        }
        Ok(length)
    }

    /// The next frame; `None` at the end, if the hash is right.
    pub(super) fn frame(&mut self) -> std::io::Result<Option<Frame>> {
        let expected = self.hasher.clone().finalize();
        let header = self.take(9)?;
        let (name, content) = (self.length(&header[1..5])?, self.length(&header[5..])?);
        let name = self.take(name)?;
        let content = self.take(content)?;
        if header[0] == b'e' {
            return if content.as_slice() == expected.as_slice() {
                Ok(None)
            } else {
                Err(std::io::Error::other(
                    "its content does not match its checksum",
                ))
            };
        }
        self.hasher.update(&header);
        self.hasher.update(&name);
        self.hasher.update(&content);
        Ok(Some((header[0], name, content)))
    }
}
