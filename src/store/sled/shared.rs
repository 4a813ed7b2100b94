//! What the writer and the readers of a store share: the tree, what readers see of it, the position, the first failure, and
//! what a backup that is being made needs kept.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use ::sled::Tree;

use super::head::Head;
use super::staging::Before;
use crate::domain::time::Timestamp;
use crate::store::contract::StoreError;
use crate::store::journal::LineReader;
use crate::store::memory::closed;
use crate::store::view::View;

/// What the writer and the readers share.
pub(super) struct Shared {
    /// `None` once closed.
    pub(super) tree: RwLock<Option<Tree>>,
    pub(super) before: RwLock<Before>,
    pub(super) view: RwLock<View>,
    /// Numbers of the last durable commit and audit line, and the moment of that commit.
    pub(super) position: Mutex<(u64, u64, Option<Timestamp>)>,
    pub(super) failure: OnceLock<StoreError>,
    /// While a backup is being made: what was under each key that has been written since it began.
    pub(super) kept: Mutex<Option<Before>>,
    pub(super) audit_dir: PathBuf,
    /// By the line that each stands behind.
    pub(super) readers: Mutex<HashMap<u64, LineReader>>,
}

impl Shared {
    pub(super) fn lock_readers(&self) -> MutexGuard<'_, HashMap<u64, LineReader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failure.get().cloned()
    }

    /// Remembers the first failure, and returns it.
    pub(super) fn fail(&self, error: StoreError) -> StoreError {
        self.failure.get_or_init(|| error).clone()
    }

    pub(super) fn tree(&self) -> Result<Tree, StoreError> {
        self.tree
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(closed)
    }

    pub(super) fn is_backing_up(&self) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_some()
    }

    pub(super) fn forget_tree(&self) {
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn set_before(&self, before: Before) {
        *self.before.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    pub(super) fn start_keeping(&self) -> Result<(), StoreError> {
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
    pub(super) fn keep(&self, before: &Before) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            for (key, value) in before {
                if !kept.contains_key(key) {
                    kept.insert(key.clone(), value.clone());
                }
            }
        }
    }

    pub(super) fn set_position(&self, head: &Head) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) =
            (head.commits, head.audit, head.now);
    }

    pub(super) fn position(&self) -> (u64, u64, Option<Timestamp>) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }
}
