//! Durable timers: kept by the store, mirrored here in order of time. Firing is an event like any other; the timer
//! leaves the store in the commit of the transition that it causes.
//!
//! The store has the wall clock's time at which a timer is due, since only that means something after a restart. Here each
//! timer waits by the steady clock: fifteen minutes are fifteen minutes, whatever becomes of the wall clock meanwhile. When
//! that was set, [`Timers::displaced`] tells whose stored time is to be moved along.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::{SharedClock, Steady};
use crate::domain::Timestamp;
use crate::domain::effect::{Timer, TimerChange};
use crate::domain::run::RunId;

/// Differences between the clocks below this are no setting of the clock: it takes a moment to read them, and the steady one
/// shows hundredths of a second.
const STEP_MS: i64 = 2_000;

/// The timers of all runs.
pub struct Timers {
    clock: SharedClock,
    inner: Mutex<Inner>,
    changed: Notify,
    /// By how many milliseconds the wall clock was ahead of the steady one when somebody looked last.
    seen_ahead: AtomicI64,
}

#[derive(Default)]
struct Inner {
    by_due: BTreeSet<(Steady, RunId, usize)>,
    armed: HashMap<(RunId, usize), Armed>,
}

/// When a timer fires.
#[derive(Clone, Copy)]
struct Armed {
    at: Steady,
    /// What the store has.
    due: Timestamp,
}

impl Timers {
    /// No timers yet.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        let timers = Self {
            clock,
            inner: Mutex::default(),
            changed: Notify::new(),
            seen_ahead: AtomicI64::default(),
        };
        timers.seen_ahead.store(timers.ahead(), Ordering::Relaxed);
        timers
    }

    /// Follows what a transition changed, or what the store had at the start.
    pub fn apply(&self, changes: &[TimerChange]) {
        if changes.is_empty() {
            return;
        }
        let ahead = self.ahead();
        let mut inner = self.lock();
        for change in changes {
            match change {
                TimerChange::Set(timer) => inner.set(timer, ahead),
                TimerChange::Cancel { run, notification } => {
                    inner.cancel(*run, *notification);
                }
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Steady> {
        self.lock().by_due.first().map(|(at, _, _)| *at)
    }

    /// Takes the timers that are due, earliest first. They stay in the store until their event is committed.
    #[must_use]
    pub fn take_due(&self, now: Steady) -> Vec<Timer> {
        let mut inner = self.lock();
        let mut due = Vec::new();
        while let Some(&(at, run, notification)) = inner.by_due.first() {
            if at > now {
                break;
            }
            if let Some(armed) = inner.cancel(run, notification) {
                due.push(Timer {
                    due: armed.due,
                    run,
                    notification,
                });
            }
        }
        due
    }

    /// By how many milliseconds the wall clock was set since the last call, if it was.
    pub(super) fn clock_set_by(&self) -> Option<i64> {
        let ahead = self.ahead();
        let set_by = ahead.saturating_sub(self.seen_ahead.load(Ordering::Relaxed));
        if set_by.saturating_abs() < STEP_MS {
            return None;
        }
        self.seen_ahead.store(ahead, Ordering::Relaxed);
        Some(set_by)
    }

    /// By how many milliseconds the wall clock is ahead of the steady one. It changes when the wall clock is set.
    fn ahead(&self) -> i64 {
        self.clock.now().0.saturating_sub(self.clock.steady().0)
    }

    /// Timers whose stored time does not say any more when they fire, as the wall clock was set; with the time that does.
    pub(super) fn displaced(&self) -> Vec<Timer> {
        let ahead = self.ahead();
        let inner = self.lock();
        let timers = inner.by_due.iter();
        timers
            .filter_map(|(_, run, notification)| inner.displaced(*run, *notification, ahead))
            .collect()
    }

    /// As [`Self::displaced`], of one timer.
    pub(super) fn displaced_one(&self, run: RunId, notification: usize) -> Option<Timer> {
        let ahead = self.ahead();
        self.lock().displaced(run, notification, ahead)
    }

    /// Notes what the store has now; when the timer fires does not change.
    pub(super) fn stored(&self, timer: &Timer) {
        if let Some(armed) = self.lock().armed.get_mut(&(timer.run, timer.notification)) {
            armed.due = timer.due;
        }
    }

    /// Whether this timer is waited for.
    pub(super) fn is_set(&self, run: RunId, notification: usize) -> bool {
        self.lock().armed.contains_key(&(run, notification))
    }

    /// Returns when the set of timers has changed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, timer: &Timer, ahead: i64) {
        self.cancel(timer.run, timer.notification);
        let at = Steady(timer.due.0.saturating_sub(ahead));
        self.by_due.insert((at, timer.run, timer.notification));
        let armed = Armed { at, due: timer.due };
        self.armed.insert((timer.run, timer.notification), armed);
    }

    fn cancel(&mut self, run: RunId, notification: usize) -> Option<Armed> {
        let armed = self.armed.remove(&(run, notification))?;
        self.by_due.remove(&(armed.at, run, notification));
        Some(armed)
    }

    fn displaced(&self, run: RunId, notification: usize, ahead: i64) -> Option<Timer> {
        let armed = self.armed.get(&(run, notification))?;
        let due = Timestamp(armed.at.0.saturating_add(ahead));
        (due.0.saturating_sub(armed.due.0).saturating_abs() >= STEP_MS).then_some(Timer {
            due,
            run,
            notification,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};

    /// Due so many seconds after the clock's start.
    fn timer(clock: &ManualClock, due: u64, run: u128) -> Timer {
        Timer {
            due: clock.now().plus_seconds(due),
            run: RunId::from_u128(run),
            notification: 0,
        }
    }

    fn fixture() -> (ManualClock, Timers) {
        let clock = ManualClock::default();
        let timers = Timers::new(Arc::new(clock.clone()));
        (clock, timers)
    }

    fn set(timers: &Timers, all: &[&Timer]) {
        let changes: Vec<_> = all.iter().map(|timer| TimerChange::Set(**timer)).collect();
        timers.apply(&changes);
    }

    #[test]
    fn due_timers_come_out_once_and_in_order() {
        let (clock, timers) = fixture();
        let (late, early, middle) = (
            timer(&clock, 30, 1),
            timer(&clock, 10, 2),
            timer(&clock, 20, 3),
        );
        set(&timers, &[&late, &early, &middle]);
        let start = clock.steady();
        assert_eq!(timers.next_due(), Some(start.plus_seconds(10)));
        clock.advance(Duration::from_secs(20));
        assert_eq!(timers.take_due(clock.steady()), vec![early, middle]);
        assert_eq!(timers.take_due(clock.steady()), vec![]);
        assert_eq!(timers.next_due(), Some(start.plus_seconds(30)));
    }

    #[test]
    fn a_cancelled_or_moved_timer_does_not_fire_at_its_old_time() {
        let (clock, timers) = fixture();
        let moved = timer(&clock, 50, 2);
        set(&timers, &[&timer(&clock, 10, 1), &timer(&clock, 10, 2)]);
        timers.apply(&[
            TimerChange::Cancel {
                run: RunId::from_u128(1),
                notification: 0,
            },
            TimerChange::Set(moved),
        ]);
        clock.advance(Duration::from_secs(49));
        assert_eq!(timers.take_due(clock.steady()), vec![]);
        clock.advance(Duration::from_secs(1));
        assert_eq!(timers.take_due(clock.steady()), vec![moved]);
    }

    #[test]
    fn setting_the_clock_changes_stored_times_and_nothing_else() {
        for seconds in [3_600, -3_600, 2, -2] {
            let (clock, timers) = fixture();
            let (first, second) = (timer(&clock, 10, 1), timer(&clock, 20, 2));
            set(&timers, &[&first, &second]);
            clock.set_by(seconds);
            // One that begins after that has the new time already.
            let third = timer(&clock, 15, 3);
            set(&timers, &[&third]);
            let along = |timer: Timer| Timer {
                due: Timestamp(timer.due.0 + seconds * 1_000),
                ..timer
            };
            assert_eq!(timers.displaced(), vec![along(first), along(second)]);
            timers.stored(&along(second));
            assert_eq!(timers.displaced(), vec![along(first)]);
            assert_eq!(timers.displaced_one(second.run, 0), None);
            clock.advance(Duration::from_secs(9));
            assert_eq!(timers.take_due(clock.steady()), vec![]);
            clock.advance(Duration::from_secs(11));
            assert_eq!(
                timers.take_due(clock.steady()),
                vec![first, third, along(second)]
            );
        }
    }

    #[test]
    fn a_clock_that_is_a_little_off_displaces_nothing() {
        let (clock, timers) = fixture();
        set(&timers, &[&timer(&clock, 10, 1)]);
        clock.set_by(1);
        assert_eq!(timers.displaced(), vec![]);
    }

    #[test]
    fn timers_that_are_over_leave_nothing_behind() {
        let (clock, timers) = fixture();
        let all: Vec<Timer> = (0..1_000_u32)
            .map(|number| timer(&clock, u64::from(number), u128::from(number)))
            .collect();
        set(&timers, &all.iter().collect::<Vec<_>>());
        clock.advance(Duration::from_secs(499));
        assert_eq!(timers.take_due(clock.steady()), all[..500]);
        for timer in &all {
            timers.apply(&[TimerChange::Cancel {
                run: timer.run,
                notification: 0,
            }]);
        }
        let inner = timers.lock();
        assert!(inner.by_due.is_empty() && inner.armed.is_empty());
    }
}
