//! Opens a store: the data directory is taken, sled's file opened, everything checked, what a crash left put right, and all of
//! it made durable as it stands. Only then is there a [`Writer`].

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use ::sled::Tree;

use super::failures::{alarm_about_blobs, sled_error};
use super::head::Head;
use super::reading::Reading;
use super::shared::Shared;
use super::staging::Staging;
use super::sync::Syncer;
use super::writer::Writer;
use super::{Options, base, recover};
use crate::store::contract::StoreError;
use crate::store::datadir::{DataDir, failed, sync_tree};
use crate::store::journal::{AUDIT, CHANGES, Journal};
use crate::store::keys::Kind;

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

/// Makes the store of a new data directory. It gets its name once it is on the disk as a whole: a power cut between sled's
/// first writes would leave files that sled does not open.
pub(super) fn make_if_new(dir: &DataDir, options: &Options) -> Result<(), StoreError> {
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
pub(super) fn remove_unfinished_snapshots(path: &Path) -> Result<(), StoreError> {
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

pub(super) fn sled_config(path: &Path, options: &Options) -> ::sled::Config {
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
pub(super) fn open_sled(config: &::sled::Config) -> Result<::sled::Db, StoreError> {
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
pub(super) fn open(dir: &Path, options: &Options) -> Result<Writer, StoreError> {
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
