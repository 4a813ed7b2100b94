//! The runs in memory: one lock per run, so that events of one run are answered one after the other while different
//! runs do not wait for each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::run::{Run, RunId};

/// Runs kept in memory before those that nobody uses are let go. The store keeps more of them decoded, so that a run which
/// is asked for again costs a copy (about 5 KB) and no read.
const RUNS_IN_MEMORY_MAX: usize = 512;

/// A run's place: `None` until it has been loaded or when it does not exist.
pub type Slot = Arc<tokio::sync::Mutex<Option<Arc<Run>>>>;

/// All places.
#[derive(Default)]
pub struct Runs {
    slots: Mutex<HashMap<RunId, Slot>>,
}

impl Runs {
    /// The place of a run; made when it is not there.
    pub fn slot(&self, id: RunId) -> Slot {
        let mut slots = self.lock();
        if slots.len() >= RUNS_IN_MEMORY_MAX && !slots.contains_key(&id) {
            // A place that only the map holds is in nobody's use; what it held is in the store.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(id).or_default().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
