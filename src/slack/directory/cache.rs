//! A cache of look-ups: each value lives for a stated time, one look-up per key at a time, and an old value is better
//! than none while Slack cannot be reached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::slack::api::ApiError;

/// Those who waited for a look-up that failed share its error instead of each trying again.
const ERROR_SHARED_FOR: Duration = Duration::from_secs(1);

struct Slot<V> {
    value: Option<(Instant, V)>,
    error: Option<(Instant, ApiError)>,
}

type SharedSlot<V> = Arc<tokio::sync::Mutex<Slot<V>>>;

pub(super) struct Cache<V> {
    /// How old a value may be when Slack cannot be asked.
    stale_for: Duration,
    /// Beyond this number, values that nobody would use any more are dropped.
    entries_kept: usize,
    slots: Mutex<HashMap<String, SharedSlot<V>>>,
}

impl<V: Clone> Cache<V> {
    pub(super) fn new(stale_for: Duration, entries_kept: usize) -> Self {
        Self {
            stale_for,
            entries_kept,
            slots: Mutex::new(HashMap::new()),
        }
    }

    /// The value, at most `fresh_for` old, else from `load`.
    ///
    /// # Errors
    /// What `load` says, unless there is an old value to use instead. A permanent error removes that.
    pub(super) async fn get(
        &self,
        key: &str,
        fresh_for: impl Fn(&V) -> Duration,
        load: impl Future<Output = Result<V, ApiError>>,
    ) -> Result<V, ApiError> {
        let asked_at = Instant::now();
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((at, value)) = &slot.value
            && at.elapsed() < fresh_for(value)
        {
            return Ok(value.clone());
        }
        if let Some((at, error)) = &slot.error
            && *at > asked_at
            && at.elapsed() < ERROR_SHARED_FOR
        {
            return self.stale(&slot, error.clone());
        }
        match load.await {
            Ok(value) => {
                *slot = Slot {
                    value: Some((Instant::now(), value.clone())),
                    error: None,
                };
                Ok(value)
            }
            Err(error) => {
                if error.permanent() {
                    slot.value = None;
                }
                slot.error = Some((Instant::now(), error.clone()));
                self.stale(&slot, error)
            }
        }
    }

    /// Stores what another look-up has brought along, unless somebody is just looking it up.
    pub(super) fn put(&self, key: &str, value: V) {
        if let Ok(mut slot) = self.slot(key).try_lock() {
            *slot = Slot {
                value: Some((Instant::now(), value)),
                error: None,
            };
        }
    }

    fn stale(&self, slot: &Slot<V>, error: ApiError) -> Result<V, ApiError> {
        match &slot.value {
            Some((at, value)) if at.elapsed() < self.stale_for => {
                warn!(%error, age_s = at.elapsed().as_secs(), "using an older answer of Slack's");
                Ok(value.clone())
            }
            _ => Err(error),
        }
    }

    fn slot(&self, key: &str) -> SharedSlot<V> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(key) {
            return slot.clone();
        }
        if slots.len() >= self.entries_kept {
            let stale_for = self.stale_for;
            slots.retain(|_, slot| match slot.try_lock() {
                Ok(slot) => slot
                    .value
                    .as_ref()
                    .is_some_and(|(at, _)| at.elapsed() < stale_for),
                Err(_) => true,
            });
            if slots.len() >= self.entries_kept {
                // All are in use: start anew rather than grow without bound.
                slots.retain(|_, slot| slot.try_lock().is_err());
            }
        }
        let slot = Arc::new(tokio::sync::Mutex::new(Slot {
            value: None,
            error: None,
        }));
        slots.insert(key.to_owned(), slot.clone());
        slot
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, SharedSlot<V>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}
