//! The one place that reads the clocks of the machine, and the way in which everything else is handed the time.
//!
//! There are two: the wall clock, which records, messages and what is stored go by, and which somebody may set; and a
//! steady one, which nobody can set and which waiting goes by. [`SystemClock`] is the real thing. [`ManualClock`] stands still
//! until it is told to move, so that tests of timeouts need not wait for them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::domain::Timestamp;

/// Longest single sleep of the system clock: after it the clocks are read again, so that a machine that was suspended does
/// not delay timers by more than this, and so that a wall clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// A moment of the steady clock, in milliseconds. The time for which the machine is suspended counts. It means something only
/// within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(pub i64);

impl Steady {
    /// The moment `seconds` after this one; saturates instead of wrapping.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        let millis = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        Self(self.0.saturating_add(millis))
    }
}

/// A source of time.
pub trait Clock: Send + Sync {
    /// Now, by the wall clock.
    fn now(&self) -> Timestamp;
    /// Now, by the steady clock.
    fn steady(&self) -> Steady;
    /// Returns at `when` or a little later, at once when it is past; may return early.
    fn sleep_until(&self, when: Steady) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A clock as it is shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clocks.
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

    fn steady(&self) -> Steady {
        static UPTIME: OnceLock<Uptime> = OnceLock::new();
        UPTIME.get_or_init(Uptime::begin).now()
    }

    fn sleep_until(&self, when: Steady) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let left = u64::try_from(when.0.saturating_sub(self.steady().0)).unwrap_or(0);
        Box::pin(tokio::time::sleep(
            Duration::from_millis(left).min(LONGEST_SLEEP),
        ))
    }
}

/// How long the machine has been up. [`Instant`] does not count the time for which a machine is suspended, Linux' `/proc/uptime`
/// does. Where there is no such file, `Instant` has to do.
struct Uptime {
    /// Kept open, so that it can be read when the process has no descriptors left.
    file: Option<File>,
    /// The first reading, and its moment by the other clock.
    first: (i64, Instant),
}

impl Uptime {
    #[allow(clippy::disallowed_methods)]
    fn begin() -> Self {
        let file = File::open("/proc/uptime").ok();
        let first = file.as_ref().and_then(Self::read).unwrap_or(0);
        Self {
            file,
            first: (first, Instant::now()),
        }
    }

    /// `12345.67 …` are seconds.
    fn read(file: &File) -> Option<i64> {
        let mut bytes = [0; 64];
        let length = file.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
        let (seconds, rest) = text.split_once('.')?;
        let hundredths: i64 = rest.get(..2)?.parse().ok()?;
        Some(seconds.parse::<i64>().ok()? * 1_000 + hundredths * 10)
    }

    fn now(&self) -> Steady {
        let read = self.file.as_ref().and_then(Self::read);
        Steady(read.unwrap_or_else(|| {
            let (first, moment) = self.first;
            let since = i64::try_from(moment.elapsed().as_millis()).unwrap_or(i64::MAX);
            first.saturating_add(since)
        }))
    }
}

/// A clock that moves only when told to. Starts at the time of the system clock, so that Slack's own
/// timestamps and the bot's stay close.
#[derive(Debug, Clone)]
pub struct ManualClock {
    time: watch::Sender<Hands>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hands {
    steady: i64,
    /// By how much the wall clock was set, in milliseconds.
    set_by: i64,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            time: watch::Sender::new(Hands {
                steady: SystemClock.now().0,
                set_by: 0,
            }),
        }
    }
}

impl ManualClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.time
            .send_modify(|time| time.steady = time.steady.saturating_add(millis));
    }

    /// Somebody sets the wall clock, forwards or (negative) backwards, while no time passes.
    pub fn set_by(&self, seconds: i64) {
        self.time.send_modify(|time| {
            time.set_by = time.set_by.saturating_add(seconds.saturating_mul(1_000));
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let time = *self.time.borrow();
        Timestamp(time.steady.saturating_add(time.set_by))
    }

    fn steady(&self) -> Steady {
        Steady(self.time.borrow().steady)
    }

    fn sleep_until(&self, when: Steady) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut receiver = self.time.subscribe();
        // That of the call: whoever sets the clock from now on wakes the sleeper.
        let set_by = receiver.borrow().set_by;
        Box::pin(async move {
            // The sender lives in `self`, so waiting cannot fail while this future is alive.
            let waited = receiver
                .wait_for(|time| time.steady >= when.0 || time.set_by != set_by)
                .await;
            drop(waited);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_goes_forwards_and_as_fast_as_the_other() {
        let (began, moment) = (SystemClock.steady(), tokio::time::Instant::now());
        let mut last = began;
        while moment.elapsed() < Duration::from_millis(60) {
            let now = SystemClock.steady();
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
        let passed = SystemClock.steady().0 - began.0;
        // Hundredths of a second, and whatever the machine did between two readings.
        assert!((40..60_000).contains(&passed), "{passed} ms");
    }

    #[test]
    fn without_its_file_the_steady_clock_goes_on() {
        let mut uptime = Uptime::begin();
        let before = uptime.now();
        uptime.file = None;
        let after = uptime.now();
        assert!(after.0 >= before.0 - 10, "{after:?} after {before:?}");
    }

    #[tokio::test]
    async fn a_manual_clock_that_is_set_stays_steady_and_wakes_who_sleeps() {
        let clock = ManualClock::default();
        let (wall, steady) = (clock.now(), clock.steady());
        let sleep = clock.sleep_until(steady.plus_seconds(60));
        clock.set_by(-3_600);
        sleep.await;
        assert_eq!(clock.steady(), steady);
        assert_eq!(clock.now(), Timestamp(wall.0 - 3_600_000));
        clock.advance(Duration::from_secs(60));
        clock.sleep_until(steady.plus_seconds(60)).await;
        assert_eq!(clock.now(), Timestamp(wall.0 - 3_540_000));
    }
}
