//! Fires timers when they are due, and lets the store follow a wall clock that was set.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};

use super::runs::Slot;
use super::{Along, Applied, Engine};
use crate::domain::effect::{Timer, TimerChange};
use crate::domain::event::Event;
use crate::domain::run::RunId;
use crate::store::contract::Commit;

/// Pause before a timer whose commit failed is tried again.
const TIMER_RETRY_SECONDS: u64 = 1;

/// Timers handled at a time: enough to fill the store's group commits.
const TIMERS_TOGETHER: usize = 64;

impl Engine {
    /// Fires timers until the engine closes.
    pub async fn run_timers(self: Arc<Self>) {
        loop {
            self.fire_due().await;
            let due = self.timers.next_due();
            let sleep = due.map(|due| self.clock.sleep_until(due));
            // After the sleep has begun, which ends early when the clock is set from then on.
            self.notice_setting();
            let wait = async {
                match sleep {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.timers.changed() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Fires what is due: together, so that many overdue ones after a long stop share commits instead of waiting for one
    /// another; and yet committed in the order in which they are due, since each has its run loaded before its turn.
    async fn fire_due(self: &Arc<Self>) {
        let engine = self;
        let firing = futures_util::stream::iter(self.timers.take_due(self.clock.steady()))
            .map(|timer| async move { (timer, engine.loaded(timer.run).await) })
            .buffered(TIMERS_TOGETHER)
            .for_each_concurrent(TIMERS_TOGETHER, |(timer, place)| async move {
                let _held = place;
                let (run, notification) = (timer.run, timer.notification);
                let fired = AssertUnwindSafe(engine.fire(timer)).catch_unwind().await;
                if fired.is_err() {
                    tracing::error!(%run, notification, "a timer panicked; it is tried again at the next start");
                }
            });
        // Each gets as far as the store's queue when it is polled first, in this order. With tokio's budget for a task, some would be
        // put off half-way, behind later ones.
        tokio::task::unconstrained(firing).await;
    }

    /// The place of a run, with the run in it; it stays there as long as the place is held. What cannot be read is read again,
    /// and complained about, by whoever needs it.
    async fn loaded(&self, id: RunId) -> Slot {
        let slot = self.runs.slot(id);
        let mut place = slot.lock().await;
        if place.is_none() {
            *place = self.store.run(id).await.ok().flatten().map(Arc::new);
        }
        drop(place);
        slot
    }

    pub(super) async fn fire(self: &Arc<Self>, timer: Timer) {
        let event = Event::TimerFired {
            notification: timer.notification,
        };
        match self.apply(timer.run, event, Along::default()).await {
            Ok(Applied::Changed { .. }) => {}
            Ok(_) => {
                // Decided or forwarded at the same moment; take it out of the store should it still be there, but not when it was
                // set anew since. Transitions of the run wait meanwhile.
                let slot = self.runs.slot(timer.run);
                let _place = slot.lock().await;
                if self.timers.is_set(timer.run, timer.notification) {
                    return;
                }
                let cancel = TimerChange::Cancel {
                    run: timer.run,
                    notification: timer.notification,
                };
                let commit = Commit {
                    timers: vec![cancel],
                    ..Commit::default()
                };
                if let Err(error) = self.store.commit(commit).await {
                    tracing::error!(%error, run = %timer.run, "a timer that is over could not be removed");
                }
            }
            Err(error) => {
                tracing::error!(%error, run = %timer.run, "a timer could not be handled; trying again");
                let again = Timer {
                    due: self.clock.now().plus_seconds(TIMER_RETRY_SECONDS),
                    ..timer
                };
                self.timers.apply(&[TimerChange::Set(again)]);
            }
        }
    }

    /// Looks whether the wall clock was set since the last look.
    fn notice_setting(self: &Arc<Self>) {
        let Some(set_by) = self.timers.clock_set_by() else {
            return;
        };
        tracing::warn!(
            seconds = set_by / 1_000,
            "the clock of this machine was set; what is waited for comes neither earlier nor later by that"
        );
        self.tasks.spawn(self.clone().follow_clock());
    }

    /// Moves the stored times of timers along with a wall clock that was set, so that the next start does not take them for
    /// over, or for far away.
    async fn follow_clock(self: Arc<Self>) {
        let engine = &self;
        futures_util::stream::iter(self.timers.displaced())
            .for_each_concurrent(TIMERS_TOGETHER, |timer| async move {
                // Transitions of the run wait, so that none of them cancels the timer meanwhile.
                let slot = engine.runs.slot(timer.run);
                let _place = slot.lock().await;
                let Some(timer) = engine.timers.displaced_one(timer.run, timer.notification) else {
                    return;
                };
                let commit = Commit {
                    timers: vec![TimerChange::Set(timer)],
                    ..Commit::default()
                };
                match engine.store.commit(commit).await {
                    Ok(()) => engine.timers.stored(&timer),
                    Err(error) => {
                        tracing::error!(%error, run = %timer.run, "the time of a timer could not be moved along with the clock");
                    }
                }
            })
            .await;
    }
}
