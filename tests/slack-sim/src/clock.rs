//! The workspace's time. The only place that asks the machine for it.
//!
//! Tests move it with [`Clock::advance`]: what lives for a while (trigger ids, response URLs, socket tickets) is measured
//! here, so that a test of "31 minutes later" takes no time. Called by every part that stamps or expires something.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Wall clock and stopwatch, both shifted by what tests added.
#[derive(Debug, Default)]
pub struct Clock {
    ahead_micros: AtomicU64,
    /// The last message timestamp given out: Slack's are unique per workspace, and order is what tests look at.
    last_ts_micros: AtomicU64,
}

impl Clock {
    /// Moves the workspace's time forward.
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.ahead_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// For measuring lifetimes.
    pub fn instant(&self) -> Instant {
        Instant::now() + Duration::from_micros(self.ahead_micros.load(Ordering::SeqCst))
    }

    /// Microseconds since 1970.
    #[allow(clippy::disallowed_methods)] // This module owns the clock.
    pub fn unix_micros(&self) -> u64 {
        let now = u64::try_from(chrono::Utc::now().timestamp_micros()).unwrap_or(0);
        now + self.ahead_micros.load(Ordering::SeqCst)
    }

    pub fn unix_seconds(&self) -> u64 {
        self.unix_micros() / 1_000_000
    }

    /// A fresh message timestamp: later than every one before it.
    pub fn next_ts(&self) -> String {
        let now = self.unix_micros();
        let previous = self
            .last_ts_micros
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
                Some(now.max(last + 1))
            })
            .unwrap_or(now);
        format_ts(now.max(previous + 1))
    }

    /// Now, as `action_ts` and `event_ts` are written.
    pub fn ts(&self) -> String {
        format_ts(self.unix_micros())
    }
}

fn format_ts(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_timestamps_never_repeat_and_only_grow() {
        let clock = Clock::default();
        let mut last = String::new();
        for _ in 0..10_000 {
            let ts = clock.next_ts();
            assert!(ts > last, "{ts} came after {last}");
            last = ts;
        }
    }

    #[test]
    fn time_moves_when_told_to() {
        let clock = Clock::default();
        let before = clock.unix_seconds();
        let started = clock.instant();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.unix_seconds() >= before + 3600);
        assert!(clock.instant() - started >= Duration::from_secs(3600));
    }
}
