//! A cache of look-ups: each value lives for a stated time, one look-up per key at a time, and an old value is better
//! than none while Slack cannot be reached, except for those who ask with [`Cache::get_recent`].
//!
//! A value is as old as the question it answers: what Slack said to a question asked before a change is not taken for
//! an answer given after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::slack::api::ApiError;

/// Those who waited for a look-up that failed share its error instead of each trying again.
const ERROR_SHARED_FOR: Duration = Duration::from_secs(1);

struct Slot<V> {
    /// When it was asked for, and the answer.
    value: Option<(Instant, V)>,
    error: Option<(Instant, ApiError)>,
    /// Answers to older questions are outdated.
    forgotten_at: Option<Instant>,
}

impl<V> Slot<V> {
    fn new(forgotten_at: Option<Instant>) -> Self {
        Self {
            value: None,
            error: None,
            forgotten_at,
        }
    }

    fn set(&mut self, asked_at: Instant, value: V) {
        self.value = Some((asked_at, value));
        self.error = None;
    }
}

/// Whether an old value may stand in for an error.
#[derive(Clone, Copy, PartialEq)]
enum WhenSlackFails {
    UseOld,
    Fail,
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
        self.get_or(key, fresh_for, load, WhenSlackFails::UseOld)
            .await
    }

    /// The value, at most `fresh_for` old, else from `load`, and nothing else.
    ///
    /// # Errors
    /// What `load` says.
    pub(super) async fn get_recent(
        &self,
        key: &str,
        fresh_for: Duration,
        load: impl Future<Output = Result<V, ApiError>>,
    ) -> Result<V, ApiError> {
        self.get_or(key, |_| fresh_for, load, WhenSlackFails::Fail)
            .await
    }

    /// The value, if it is known without asking and at most `fresh_for` old.
    pub(super) fn at_hand(&self, key: &str, fresh_for: Duration) -> Option<V> {
        let slots = self.lock();
        let slot = slots.get(key)?.try_lock().ok()?;
        let (at, value) = slot.value.as_ref()?;
        (at.elapsed() < fresh_for).then(|| value.clone())
    }

    async fn get_or(
        &self,
        key: &str,
        fresh_for: impl Fn(&V) -> Duration,
        load: impl Future<Output = Result<V, ApiError>>,
        when_slack_fails: WhenSlackFails,
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
            return self.stale(&slot, error.clone(), when_slack_fails);
        }
        let asked_slack_at = Instant::now();
        match load.await {
            Ok(value) => {
                slot.set(asked_slack_at, value.clone());
                Ok(value)
            }
            Err(error) => {
                if error.permanent() {
                    slot.value = None;
                }
                slot.error = Some((Instant::now(), error.clone()));
                self.stale(&slot, error, when_slack_fails)
            }
        }
    }

    /// Stores what another look-up, begun at `asked_at`, has brought along, unless something newer is known or somebody
    /// is just looking it up.
    pub(super) fn put(&self, key: &str, value: V, asked_at: Instant) {
        if let Ok(mut slot) = self.slot(key).try_lock() {
            let known = slot.value.as_ref().map(|(at, _)| *at);
            if known.max(slot.forgotten_at) <= Some(asked_at) {
                slot.set(asked_at, value);
            }
        }
    }

    /// The value has changed: whoever asks from now on gets the answer to a new question. A look-up under way is given
    /// to those who wait for it, and not kept.
    pub(super) fn forget(&self, key: &str) {
        // The old slot may be locked by a look-up, so it is replaced instead of emptied.
        let slot = Slot::new(Some(Instant::now()));
        self.insert(&mut self.lock(), key, slot);
    }

    fn stale(
        &self,
        slot: &Slot<V>,
        error: ApiError,
        when_slack_fails: WhenSlackFails,
    ) -> Result<V, ApiError> {
        match &slot.value {
            Some((at, value))
                if when_slack_fails == WhenSlackFails::UseOld && at.elapsed() < self.stale_for =>
            {
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
        self.insert(&mut slots, key, Slot::new(None))
    }

    fn insert(
        &self,
        slots: &mut HashMap<String, SharedSlot<V>>,
        key: &str,
        slot: Slot<V>,
    ) -> SharedSlot<V> {
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
        let slot = Arc::new(tokio::sync::Mutex::new(slot));
        slots.insert(key.to_owned(), slot.clone());
        slot
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, SharedSlot<V>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if `time` had passed for what is kept.
    #[cfg(test)]
    pub(super) fn age(&self, time: Duration) {
        for slot in self.lock().values() {
            if let Ok(mut slot) = slot.try_lock()
                && let Some((at, _)) = &mut slot.value
            {
                *at -= time;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}
