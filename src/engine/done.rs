//! Reports effects as done, many in one commit: that of the next transition, or one of their own. An effect that is done but not yet reported when the process dies is
//! carried out again, which every effect of this kind allows (updating a message twice, telling somebody twice).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::effect::EffectId;
use crate::store::contract::{Commit, Store};

/// How long finished effects wait for company.
const LINGER: Duration = Duration::from_millis(20);

/// Pause before a failed report is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Finished effects that the store does not know about yet.
#[derive(Default)]
pub struct DoneBatch {
    waiting: Mutex<Vec<EffectId>>,
    arrived: Notify,
}

impl DoneBatch {
    /// Reports an effect as done, soon.
    pub fn add(&self, id: EffectId) {
        self.lock().push(id);
        self.arrived.notify_one();
    }

    /// What has gathered, for a commit that is about to be made. Whoever takes it gives it back when that fails.
    pub fn take(&self) -> Vec<EffectId> {
        std::mem::take(&mut *self.lock())
    }

    /// Effects that could not be recorded after all.
    pub fn give_back(&self, ids: Vec<EffectId>) {
        if !ids.is_empty() {
            self.lock().extend(ids);
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EffectId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what has gathered.
    ///
    /// # Errors
    /// The store's; the effects are kept for the next try.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), crate::store::contract::StoreError> {
        let ids = self.take();
        if ids.is_empty() {
            return Ok(());
        }
        let result = store
            .commit(Commit {
                outbox_done: ids.clone(),
                ..Commit::default()
            })
            .await;
        if result.is_err() {
            self.lock().extend(ids);
        }
        result
    }

    /// Runs until it is dropped.
    pub async fn run(self: Arc<Self>, store: Arc<dyn Store>) {
        loop {
            self.arrived.notified().await;
            tokio::time::sleep(LINGER).await;
            if let Err(error) = self.flush(store.as_ref()).await {
                tracing::error!(%error, "finished effects could not be recorded; trying again");
                tokio::time::sleep(RETRY_PAUSE).await;
                self.arrived.notify_one();
            }
        }
    }
}
