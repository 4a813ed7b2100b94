//! How fast Slack is called, and when a failed call is repeated.
//!
//! Messages go through one lane per channel: calls start in the order in which they were handed in, and wait a little for an earlier
//! one that is repeated. While Slack takes them, nothing is delayed; after a 429 the lane waits as long as Slack says and then sends one message a second for a
//! while. The rules are pure ([`Pace`], [`MethodPace`], [`Backoff`]); [`Pacer`] waits by them. What outlives the process
//! (an outbox entry that must be tried again later) is not kept here. Called by the engine's effects and the directory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::api::ApiError;
use super::limits::MESSAGE_INTERVAL_PER_CHANNEL;

/// How long a channel is held to one message a second after a 429.
const PACED_FOR: Duration = Duration::from_secs(60);
/// Calls of one channel that may be under way together, so that one slow answer does not hold up the others.
const TOGETHER_PER_CHANNEL: usize = 8;
/// How long later calls of a channel wait for an earlier one that failed and is repeated, so that people read things in the order in
/// which they happened. No longer: it may be this one call that Slack cannot take.
const HELD_FOR: Duration = Duration::from_secs(5);
/// A method that is limited in this many channels within this time is limited as a whole.
const METHOD_CHANNELS: usize = 3;
const METHOD_WINDOW: Duration = Duration::from_secs(10);
/// Pause after a 429 that asks for none (`Retry-After: 0`), reached in growing steps.
const PAUSE_AFTER_429: Duration = Duration::from_secs(1);
/// Lanes are looked through for idle ones when there are this many.
const LANES_KEPT: usize = 1024;

/// How a channel is paced after a 429; tests shorten it.
#[derive(Debug, Clone, Copy)]
pub struct Pacing {
    pub interval: Duration,
    /// How long the interval holds after the last 429.
    pub paced_for: Duration,
    /// How long later calls of a channel wait for an earlier one that is repeated.
    pub held_for: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            interval: MESSAGE_INTERVAL_PER_CHANNEL,
            paced_for: PACED_FOR,
            held_for: HELD_FOR,
        }
    }
}

/// When the next call of one channel may start.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    not_before: Option<Instant>,
    paced_until: Option<Instant>,
}

impl Pace {
    /// `None`: at once.
    #[must_use]
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    /// A call starts.
    pub fn started(&mut self, now: Instant, pacing: Pacing) {
        if self.paced_until.is_some_and(|until| now < until) {
            self.not_before = Some(now + pacing.interval);
        } else {
            *self = Self::default();
        }
    }

    /// Slack answered 429.
    pub fn limited(&mut self, now: Instant, retry_after: Duration, pacing: Pacing) {
        let until = now + retry_after;
        self.not_before = self.not_before.max(Some(until));
        self.paced_until = self.paced_until.max(Some(until + pacing.paced_for));
    }

    fn idle(&self, now: Instant) -> bool {
        self.wait_until(now).is_none() && self.paced_until.is_none_or(|until| until <= now)
    }
}

/// Recognises that Slack limits a method for the whole workspace rather than for one channel: its 429 does not say.
#[derive(Debug, Clone, Default)]
pub struct MethodPace {
    limited: Vec<(Instant, String)>,
    not_before: Option<Instant>,
}

impl MethodPace {
    #[must_use]
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    pub fn limited(&mut self, now: Instant, channel: &str, retry_after: Duration) {
        self.limited
            .retain(|(at, known)| now.duration_since(*at) < METHOD_WINDOW && known != channel);
        self.limited.push((now, channel.to_owned()));
        if self.limited.len() >= METHOD_CHANNELS {
            self.not_before = self.not_before.max(Some(now + retry_after));
        }
    }
}

/// Growing waits: doubled each time up to the longest, of which between half and all is used, so that many clients that
/// failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.wait(random());
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Like [`Self::after_failure`], but nothing the first time.
    pub fn after_success(&mut self) -> Duration {
        if self.failures == 0 {
            self.failures = 1;
            Duration::ZERO
        } else {
            self.after_failure()
        }
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// `chance` from 0 (half) to `u32::MAX` (all).
    fn wait(&self, chance: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures.min(20));
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        whole.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
    }
}

fn random() -> u32 {
    // Without randomness from the system the full wait is right too.
    getrandom::u32().unwrap_or(u32::MAX)
}

/// How stubbornly a call is repeated here, before the caller must decide.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    /// Attempts that may fail for the network or Slack; 429 does not count.
    pub attempts: u32,
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// All waits together, those that Slack demands included.
    pub patience: Duration,
    /// How long the network or Slack may fail, from the first attempt that did; waits that Slack demands (429) do not
    /// count, nor those for the lane.
    pub failing_for: Duration,
    /// Whether to repeat when Slack may have done it: a message may then appear twice.
    pub even_if_maybe_done: bool,
}

impl Repeat {
    /// Look-ups: somebody waits for the answer.
    pub const READ: Self = Self {
        attempts: 3,
        first_wait: Duration::from_millis(150),
        longest_wait: Duration::from_secs(1),
        patience: Duration::from_secs(20),
        failing_for: Duration::MAX,
        even_if_maybe_done: true,
    };

    /// Messages: at least once. The outbox goes on after this.
    pub const MESSAGE: Self = Self {
        attempts: 4,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(8),
        patience: Duration::from_secs(90),
        failing_for: Duration::MAX,
        even_if_maybe_done: true,
    };

    /// Opening a form: once more at once, if the network failed; the trigger lives three seconds. When the first attempt
    /// did open it, Slack answers the second with `exchanged_trigger_id`.
    pub const TRIGGER: Self = Self {
        attempts: 2,
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_millis(50),
        patience: Duration::from_secs(1),
        failing_for: Duration::MAX,
        even_if_maybe_done: true,
    };

    fn allows(self, error: &ApiError) -> bool {
        !error.permanent() && (self.even_if_maybe_done || !error.maybe_done())
    }
}

/// Repeats a call that belongs to no channel.
///
/// # Errors
/// The last error, when it is permanent or patience has run out.
pub async fn repeating<T, F, Fut>(repeat: Repeat, mut call: F) -> Result<T, ApiError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, ApiError>>,
{
    let mut failures = Failures::new(repeat);
    let give_up_at = Instant::now() + repeat.patience;
    loop {
        let began = Instant::now();
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = match failures.wait_after(&error, began) {
            Some(wait) if Instant::now() + wait <= give_up_at => wait,
            _ => return Err(error),
        };
        sleep(wait).await;
    }
}

/// The failures of one call so far.
struct Failures {
    repeat: Repeat,
    backoff: Backoff,
    /// Those of the network and of Slack.
    number: u32,
    /// When the first attempt began that failed for the network or Slack.
    since: Option<Instant>,
}

impl Failures {
    fn new(repeat: Repeat) -> Self {
        Self {
            repeat,
            backoff: Backoff::new(repeat.first_wait, repeat.longest_wait),
            number: 0,
            since: None,
        }
    }

    /// The wait before the next attempt, after one that began then; `None` when there is none.
    fn wait_after(&mut self, error: &ApiError, began: Instant) -> Option<Duration> {
        if !self.repeat.allows(error) {
            return None;
        }
        if let ApiError::RateLimited { retry_after, .. } = error {
            let pause = self.backoff.after_failure().min(PAUSE_AFTER_429);
            return Some((*retry_after).max(pause));
        }
        self.number += 1;
        let since = *self.since.get_or_insert(began);
        if self.number >= self.repeat.attempts {
            return None;
        }
        let wait = self.backoff.after_failure();
        (since.elapsed() + wait <= self.repeat.failing_for).then_some(wait)
    }
}

/// One lane per channel, and what is known about methods.
#[derive(Default)]
pub struct Pacer {
    pacing: Pacing,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    methods: Mutex<HashMap<&'static str, MethodPace>>,
}

#[derive(Default)]
struct Lane {
    state: Mutex<LaneState>,
}

#[derive(Default)]
struct LaneState {
    pace: Pace,
    next_ticket: u64,
    /// In order; the first may go next. A call that Slack limited goes back to its old place.
    waiting: BTreeMap<u64, Arc<Notify>>,
    under_way: usize,
    /// Calls that failed and are repeated, with the time until which later ones wait for them.
    held: BTreeMap<u64, Instant>,
}

impl LaneState {
    /// Until when this call has to wait for an earlier one.
    fn held_until(&self, number: u64, now: Instant) -> Option<Instant> {
        let earlier = self.held.range(..number).map(|(_, until)| *until);
        earlier.filter(|until| *until > now).max()
    }

    fn wake_first(&self) {
        if self.under_way < TOGETHER_PER_CHANNEL
            && let Some((_, first)) = self.waiting.first_key_value()
        {
            first.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The states are changed in single steps, so one that a panic left behind is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pacer {
    #[must_use]
    pub fn new(pacing: Pacing) -> Self {
        Self {
            pacing,
            ..Self::default()
        }
    }

    /// Runs `call` when it is this channel's turn, and again as `repeat` allows.
    ///
    /// # Errors
    /// The last error, when it is permanent or patience has run out.
    pub async fn run<T, F, Fut>(
        &self,
        method: &'static str,
        channel: &str,
        repeat: Repeat,
        mut call: F,
    ) -> Result<T, ApiError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, ApiError>>,
    {
        let give_up_at = Instant::now() + repeat.patience;
        let mut failures = Failures::new(repeat);
        let mut ticket = Ticket::take(self.lane(channel));
        let mut last_error = None;
        loop {
            if timeout_at(give_up_at, self.turn(method, &mut ticket))
                .await
                .is_err()
            {
                return Err(last_error.unwrap_or(ApiError::RateLimited {
                    method,
                    retry_after: MESSAGE_INTERVAL_PER_CHANNEL,
                }));
            }
            let began = Instant::now();
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(wait) = failures.wait_after(&error, began) else {
                return Err(error);
            };
            let now = Instant::now();
            if let ApiError::RateLimited { retry_after, .. } = &error {
                let mut state = lock(&ticket.lane.state);
                state.pace.limited(now, *retry_after, self.pacing);
                drop(state);
                lock(&self.methods)
                    .entry(method)
                    .or_default()
                    .limited(now, channel, *retry_after);
            }
            if now + wait > give_up_at {
                return Err(error);
            }
            if matches!(error, ApiError::RateLimited { .. }) {
                ticket.queue_again();
            } else {
                ticket.hold(now + self.pacing.held_for);
                ticket.step_aside();
                sleep(wait).await;
                ticket.queue_again();
            }
            last_error = Some(error);
        }
    }

    /// Calls that wait for their turn, in all channels: a measure of how far Slack lags behind.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let lanes: Vec<Arc<Lane>> = lock(&self.lanes).values().cloned().collect();
        lanes
            .iter()
            .map(|lane| lock(&lane.state).waiting.len())
            .sum()
    }

    async fn turn(&self, method: &'static str, ticket: &mut Ticket) {
        loop {
            let now = Instant::now();
            let method_wait = lock(&self.methods)
                .get(method)
                .and_then(|pace| pace.wait_until(now));
            let until = {
                let mut state = lock(&ticket.lane.state);
                let first = state.waiting.first_key_value().map(|(number, _)| *number);
                if first == Some(ticket.number) && state.under_way < TOGETHER_PER_CHANNEL {
                    let held = state.held_until(ticket.number, now);
                    match state.pace.wait_until(now).max(method_wait).max(held) {
                        Some(until) => Some(until),
                        None => {
                            state.waiting.remove(&ticket.number);
                            state.under_way += 1;
                            state.pace.started(now, self.pacing);
                            state.wake_first();
                            drop(state);
                            ticket.place = Place::UnderWay;
                            return;
                        }
                    }
                } else {
                    None
                }
            };
            match until {
                Some(until) => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        // An earlier call came back to its place.
                        () = ticket.wake.notified() => {}
                    }
                }
                None => ticket.wake.notified().await,
            }
        }
    }

    fn lane(&self, channel: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        if lanes.len() >= LANES_KEPT {
            let now = Instant::now();
            // A lane that somebody holds is in use or about to be.
            lanes
                .retain(|_, lane| Arc::strong_count(lane) > 1 || !lock(&lane.state).pace.idle(now));
        }
        lanes.entry(channel.to_owned()).or_default().clone()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    UnderWay,
    Aside,
}

/// A call's place in its lane; gives it up when dropped, also when the caller is cancelled.
struct Ticket {
    lane: Arc<Lane>,
    number: u64,
    wake: Arc<Notify>,
    place: Place,
}

impl Ticket {
    fn take(lane: Arc<Lane>) -> Self {
        let wake = Arc::new(Notify::new());
        let number = {
            let mut state = lock(&lane.state);
            let number = state.next_ticket;
            state.next_ticket += 1;
            state.waiting.insert(number, wake.clone());
            number
        };
        Self {
            lane,
            number,
            wake,
            place: Place::Waiting,
        }
    }

    fn leave_place(&mut self) {
        let mut state = lock(&self.lane.state);
        match self.place {
            Place::Waiting => {
                state.waiting.remove(&self.number);
            }
            Place::UnderWay => state.under_way -= 1,
            Place::Aside => {}
        }
        self.place = Place::Aside;
        state.wake_first();
    }

    /// Later calls wait for this one until then; what was said at its first failure counts.
    fn hold(&self, until: Instant) {
        let mut state = lock(&self.lane.state);
        state.held.entry(self.number).or_insert(until);
    }

    fn step_aside(&mut self) {
        self.leave_place();
    }

    fn queue_again(&mut self) {
        let mut state = lock(&self.lane.state);
        if self.place == Place::UnderWay {
            state.under_way -= 1;
        }
        state.waiting.insert(self.number, self.wake.clone());
        self.place = Place::Waiting;
        state.wake_first();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.lane.state).held.remove(&self.number);
        self.leave_place();
    }
}

#[cfg(test)]
mod tests;
