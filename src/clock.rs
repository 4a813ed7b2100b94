//! The one place that reads the wall clock, and the way in which everything else is handed the time.
//!
//! [`SystemClock`] is the real one. [`ManualClock`] stands still until it is told to move, so that tests of timeouts
//! need not wait for them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::Timestamp;

/// Longest single sleep of the system clock: after it the wall clock is read again, so that a clock that was set
/// forwards or a machine that was suspended does not delay timers by more than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// A source of time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns at `when` or a little later, at once when it is past; may return early.
    fn sleep_until(&self, when: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A clock as it is shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The wall clock, in milliseconds since the epoch: for those who have no clock handed in.
#[must_use]
#[allow(clippy::disallowed_methods)]
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_until(&self, when: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let left = u64::try_from(when.0.saturating_sub(self.now().0)).unwrap_or(0);
        Box::pin(tokio::time::sleep(
            Duration::from_millis(left).min(LONGEST_SLEEP),
        ))
    }
}

/// A clock that moves only when told to. Starts at the time of the system clock, so that Slack's own
/// timestamps and the bot's stay close.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: watch::Sender<i64>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            now: watch::Sender::new(SystemClock.now().0),
        }
    }
}

impl ManualClock {
    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now
            .send_modify(|now| *now = now.saturating_add(millis));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(*self.now.borrow())
    }

    fn sleep_until(&self, when: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut receiver = self.now.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, so waiting cannot fail while this future is alive.
            let waited = receiver.wait_for(|now| *now >= when.0).await;
            drop(waited);
        })
    }
}
