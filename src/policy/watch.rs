//! The time of one call, as the bot keeps it: when it counts as slow, when its worker goes last, when its handler is late.
//! One timer does for all of it, and a usual call ends before it fires.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::process::lower;
use super::turns::SLOW_AFTER;

/// How long a worker may think about one request, all stretches between its messages together, with the precedence of
/// the bot itself; a usual call takes a hundredth of it. After that the worker runs only when nobody else wants the processor.
const PRECEDENCE: Duration = Duration::from_millis(250);

/// What a call has become so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pace {
    /// Whether it counts as slow, see [`super::turns`].
    pub slow: bool,
    /// Whether its worker runs with the lowest precedence.
    pub lowered: bool,
}

/// A handler did not end in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late;

/// Watches the time of one call.
pub(super) struct Watch<'a> {
    timer: Pin<&'a mut Sleep>,
    /// Time for each handler.
    limit: Duration,
    late_at: Instant,
    /// `None` when that has been noticed.
    slow_at: Option<Instant>,
    /// What is left of [`PRECEDENCE`]; `None` when it was used up.
    precedence: Option<Duration>,
    /// The worker's group of processes.
    group: Option<u32>,
    pace: &'a mut Pace,
    /// To be called when the call becomes slow.
    slowed: &'a (dyn Fn() + Send + Sync),
}

impl<'a> Watch<'a> {
    /// The timer of a call that begins now, to be pinned.
    pub(super) fn timer(limit: Duration) -> Sleep {
        tokio::time::sleep(limit.min(SLOW_AFTER))
    }

    pub(super) fn new(
        timer: Pin<&'a mut Sleep>,
        limit: Duration,
        group: Option<u32>,
        pace: &'a mut Pace,
        slowed: &'a (dyn Fn() + Send + Sync),
    ) -> Self {
        let now = Instant::now();
        Self {
            timer,
            limit,
            late_at: now + limit,
            slow_at: Some(now + SLOW_AFTER),
            precedence: Some(PRECEDENCE),
            group,
            pace,
            slowed,
        }
    }

    /// A handler begins: it has all of its time.
    pub(super) fn begins(&mut self) {
        self.late_at = Instant::now() + self.limit;
    }

    /// Waits for something that the worker does.
    pub(super) async fn thinks<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Late> {
        let since = Instant::now();
        let done = self.during(what, Some(since)).await;
        self.precedence = self
            .precedence
            .map(|left| left.saturating_sub(since.elapsed()));
        done
    }

    /// Waits for something that the host does.
    pub(super) async fn waits<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Late> {
        self.during(what, None).await
    }

    async fn during<T>(
        &mut self,
        what: impl Future<Output = T>,
        thinks_since: Option<Instant>,
    ) -> Result<T, Late> {
        let mut what = std::pin::pin!(what);
        // Until the call is slow the timer fires before anything else can be due.
        if self.slow_at.is_none() {
            self.set_timer(thinks_since);
        }
        loop {
            tokio::select! {
                biased;
                done = &mut what => return Ok(done),
                () = self.timer.as_mut() => self.look(thinks_since)?,
            }
            self.set_timer(thinks_since);
        }
    }

    fn look(&mut self, thinks_since: Option<Instant>) -> Result<(), Late> {
        let now = Instant::now();
        if now >= self.late_at {
            return Err(Late);
        }
        if self.slow_at.is_some_and(|at| now >= at) {
            self.slow_at = None;
            self.pace.slow = true;
            (self.slowed)();
        }
        if let (Some(since), Some(left)) = (thinks_since, self.precedence)
            && now >= since + left
        {
            self.precedence = None;
            self.pace.lowered = self.group.is_some_and(lower);
        }
        Ok(())
    }

    fn set_timer(&mut self, thinks_since: Option<Instant>) {
        let lower_at = thinks_since
            .zip(self.precedence)
            .map(|(since, left)| since + left);
        let next = [self.slow_at, lower_at].into_iter().flatten();
        let next = next.fold(self.late_at, Instant::min);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Runs this with a watch over handlers that have so long; what the call has become, and how often it was told to be slow.
    async fn watched(limit: Duration, run: impl AsyncFnOnce(&mut Watch<'_>)) -> (Pace, usize) {
        let (mut pace, told) = (Pace::default(), AtomicUsize::new(0));
        let slowed = || {
            told.fetch_add(1, Ordering::AcqRel);
        };
        let timer = std::pin::pin!(Watch::timer(limit));
        // No group: nothing can be lowered here.
        run(&mut Watch::new(timer, limit, None, &mut pace, &slowed)).await;
        (pace, told.into_inner())
    }

    #[tokio::test]
    async fn a_call_is_slow_once_however_its_time_is_spent() {
        let (pace, told) = watched(60_000 * MS, async |watch| {
            for _ in 0..4 {
                watch.thinks(sleep(50 * MS)).await.unwrap();
                watch.waits(sleep(50 * MS)).await.unwrap();
            }
        })
        .await;
        assert!(pace.slow);
        assert_eq!(told, 1);
    }

    #[tokio::test]
    async fn a_fast_call_is_left_alone() {
        let (pace, told) = watched(1_000 * MS, async |watch| {
            watch.thinks(std::future::ready(())).await.unwrap();
        })
        .await;
        assert!(!pace.slow);
        assert_eq!(told, 0);
    }

    #[tokio::test]
    async fn a_handler_is_late_after_its_own_time() {
        watched(1_000 * MS, async |watch| {
            let began = Instant::now();
            watch.thinks(sleep(600 * MS)).await.unwrap();
            watch.begins();
            watch.waits(sleep(600 * MS)).await.unwrap();
            watch.begins();
            let late = watch.thinks(sleep(60_000 * MS)).await;
            assert_eq!(late, Err(Late));
            assert!(began.elapsed() >= 2_200 * MS, "{:?}", began.elapsed());
        })
        .await;
    }

    #[tokio::test]
    async fn only_thinking_costs_precedence() {
        watched(60_000 * MS, async |watch| {
            watch.waits(sleep(300 * MS)).await.unwrap();
            assert_eq!(watch.precedence, Some(PRECEDENCE));
            watch.thinks(sleep(300 * MS)).await.unwrap();
            assert_eq!(watch.precedence.unwrap_or_default(), Duration::ZERO);
        })
        .await;
    }
}
