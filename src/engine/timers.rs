//! Durable timers: kept by the store, mirrored here in order of time. Firing is an event like any other; the timer
//! leaves the store in the commit of the transition that it causes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::Timestamp;
use crate::domain::effect::{Timer, TimerChange};
use crate::domain::run::RunId;

/// The timers of all runs.
#[derive(Default)]
pub struct Timers {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    by_due: BTreeSet<(Timestamp, RunId, usize)>,
    due_of: HashMap<(RunId, usize), Timestamp>,
}

impl Timers {
    /// Follows what a transition changed.
    pub fn apply(&self, changes: &[TimerChange]) {
        if changes.is_empty() {
            return;
        }
        let mut inner = self.lock();
        for change in changes {
            match change {
                TimerChange::Set(timer) => inner.set(timer),
                TimerChange::Cancel { run, notification } => inner.cancel(*run, *notification),
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// When the next timer is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.lock().by_due.first().map(|(due, _, _)| *due)
    }

    /// Takes the timers that are due, earliest first. They stay in the store until their event is committed.
    pub fn take_due(&self, now: Timestamp) -> Vec<Timer> {
        let mut inner = self.lock();
        let mut due = Vec::new();
        while let Some(&(when, run, notification)) = inner.by_due.first() {
            if when > now {
                break;
            }
            inner.cancel(run, notification);
            due.push(Timer {
                due: when,
                run,
                notification,
            });
        }
        due
    }

    /// Returns when the set of timers has changed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, timer: &Timer) {
        self.cancel(timer.run, timer.notification);
        self.by_due
            .insert((timer.due, timer.run, timer.notification));
        self.due_of
            .insert((timer.run, timer.notification), timer.due);
    }

    fn cancel(&mut self, run: RunId, notification: usize) {
        if let Some(due) = self.due_of.remove(&(run, notification)) {
            self.by_due.remove(&(due, run, notification));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(due: i64, run: u128) -> Timer {
        Timer {
            due: Timestamp(due),
            run: RunId::from_u128(run),
            notification: 0,
        }
    }

    #[test]
    fn due_timers_come_out_once_and_in_order() {
        let timers = Timers::default();
        timers.apply(&[
            TimerChange::Set(timer(30, 1)),
            TimerChange::Set(timer(10, 2)),
            TimerChange::Set(timer(20, 3)),
        ]);
        assert_eq!(timers.next_due(), Some(Timestamp(10)));
        assert_eq!(
            timers.take_due(Timestamp(20)),
            vec![timer(10, 2), timer(20, 3)]
        );
        assert_eq!(timers.take_due(Timestamp(20)), vec![]);
        assert_eq!(timers.next_due(), Some(Timestamp(30)));
    }

    #[test]
    fn a_cancelled_or_moved_timer_does_not_fire_at_its_old_time() {
        let timers = Timers::default();
        timers.apply(&[
            TimerChange::Set(timer(10, 1)),
            TimerChange::Set(timer(10, 2)),
        ]);
        timers.apply(&[
            TimerChange::Cancel {
                run: RunId::from_u128(1),
                notification: 0,
            },
            TimerChange::Set(timer(50, 2)),
        ]);
        assert_eq!(timers.take_due(Timestamp(49)), vec![]);
        assert_eq!(timers.take_due(Timestamp(50)), vec![timer(50, 2)]);
    }
}
