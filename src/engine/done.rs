//! Reports effects as done, many in one commit: that of the next transition, or one of their own. An effect that is done
//! but not yet reported when the process dies is carried out again, which every effect of this kind allows (updating a
//! message twice, telling somebody twice).

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

    /// What has gathered, for a commit that is about to be made.
    pub fn take(&self) -> Finished<'_> {
        Finished {
            ids: std::mem::take(&mut *self.lock()),
            batch: self,
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
        let finished = self.take();
        if finished.ids.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            outbox_done: finished.ids.clone(),
            ..Commit::default()
        };
        store.commit(commit).await?;
        finished.recorded();
        Ok(())
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

/// Finished effects on their way into the store. Unless they are said to be recorded they go back, also when the commit is
/// given up half-way: reported twice does no harm, never reported means carried out again at the next start.
pub struct Finished<'a> {
    ids: Vec<EffectId>,
    batch: &'a DoneBatch,
}

impl Finished<'_> {
    pub fn ids(&self) -> impl Iterator<Item = EffectId> {
        self.ids.iter().copied()
    }

    /// They are on the disk.
    pub fn recorded(mut self) {
        self.ids.clear();
    }
}

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        if !self.ids.is_empty() {
            self.batch.lock().append(&mut self.ids);
            self.batch.arrived.notify_one();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::effect::{Effect, StoredEffect};
    use crate::domain::run::RunId;
    use crate::store::MemoryStore;

    fn effect(number: u32) -> EffectId {
        EffectId {
            run: RunId::from_u128(7),
            number: number.into(),
        }
    }

    #[tokio::test]
    async fn finished_effects_whose_commit_is_given_up_are_reported_later() {
        let store = MemoryStore::new();
        let made = StoredEffect {
            id: effect(1),
            effect: Effect::Route,
        };
        let commit = Commit {
            outbox_add: vec![made],
            ..Commit::default()
        };
        store.commit(commit).await.unwrap();
        let batch = DoneBatch::default();
        batch.add(effect(1));
        let taken = batch.take();
        assert_eq!(taken.ids().collect::<Vec<_>>(), [effect(1)]);
        assert_eq!(batch.take().ids().count(), 0);
        drop(taken);
        batch.flush(&store).await.unwrap();
        assert!(store.pending_effects().await.unwrap().is_empty());
        assert_eq!(batch.take().ids().count(), 0);
    }
}
