//! Reports effects as done, many in one commit: that of the next transition, or one of their own. An effect that is done
//! but not yet reported when the process dies is carried out again, which every effect of this kind allows (updating a
//! message twice, telling somebody twice).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::effect::EffectId;
use crate::kept::{Change, GivenUp, given_up_change};
use crate::store::contract::{Commit, Store};

/// How long finished effects wait for company.
const LINGER: Duration = Duration::from_millis(20);

/// Pause before a failed report is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Finished effects that the store does not know about yet.
#[derive(Default)]
pub struct DoneBatch {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    ids: Vec<EffectId>,
    /// What is to be kept of those that were given up.
    changes: Vec<Change>,
}

impl DoneBatch {
    /// Reports an effect as done, soon.
    pub fn add(&self, id: EffectId) {
        self.lock().ids.push(id);
        self.arrived.notify_one();
    }

    /// Keeps, with the run, that an effect could not be carried out and never will be. It is to be reported done as well.
    pub fn given_up(&self, id: EffectId, given_up: &GivenUp) {
        self.lock().changes.push(given_up_change(id, given_up));
    }

    /// What has gathered, for a commit that is about to be made.
    pub fn take(&self) -> Finished<'_> {
        Finished {
            waiting: std::mem::take(&mut *self.lock()),
            batch: self,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what has gathered.
    ///
    /// # Errors
    /// The store's; the effects are kept for the next try.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), crate::store::contract::StoreError> {
        let finished = self.take();
        if finished.waiting.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            outbox_done: finished.ids().collect(),
            values: finished.changes(),
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
    waiting: Waiting,
    batch: &'a DoneBatch,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.changes.is_empty()
    }
}

impl Finished<'_> {
    pub fn ids(&self) -> impl Iterator<Item = EffectId> {
        self.waiting.ids.iter().copied()
    }

    /// What to keep of those that were given up.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.waiting.changes.clone()
    }

    /// They are on the disk.
    pub fn recorded(mut self) {
        self.waiting = Waiting::default();
    }
}

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let mut batch = self.batch.lock();
            batch.ids.append(&mut self.waiting.ids);
            batch.changes.append(&mut self.waiting.changes);
            drop(batch);
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
        let given_up = GivenUp {
            effect: 1,
            at: crate::domain::time::Timestamp(1),
            what: "somebody could not be told".to_owned(),
            reason: "gone".to_owned(),
        };
        batch.given_up(effect(1), &given_up);
        drop(batch.take());
        batch.flush(&store).await.unwrap();
        let kept = crate::kept::given_up(&store, RunId::from_u128(7))
            .await
            .unwrap();
        assert_eq!(kept, [given_up]);
        assert!(store.pending_effects().await.unwrap().is_empty());
        assert_eq!(batch.take().ids().count(), 0);
    }
}
