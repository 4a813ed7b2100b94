//! Syncs a file on a thread of its own, so that several files are synced side by side.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::store::contract::StoreError;
use crate::store::datadir::failed;

/// One thread that syncs one file at a time.
pub(super) struct Syncer {
    files: Sender<Arc<File>>,
    results: Receiver<io::Result<()>>,
    begun: bool,
}

impl Syncer {
    /// Starts the thread; it ends with the value.
    pub(super) fn start(name: &str) -> Result<Self, StoreError> {
        let (files, to_sync) = channel::<Arc<File>>();
        let (synced, results) = channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                for file in to_sync {
                    if synced.send(file.sync_data()).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| failed("cannot start a thread of the store", &error))?;
        Ok(Self {
            files,
            results,
            begun: false,
        })
    }

    /// Begins to sync a file.
    pub(super) fn begin(&mut self, file: Arc<File>) {
        // When the thread has ended, `end` finds no result and says so.
        let _ = self.files.send(file);
        self.begun = true;
    }

    /// Waits for what was begun; fine when nothing was.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        self.results
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that syncs has ended")))
    }
}
