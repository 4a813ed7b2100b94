//! Envelopes seen lately in this process. Slack may deliver one twice, on the same socket or another: the second gets
//! the first one's acknowledgement and no second handling. The store does the same across restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long an envelope is remembered, and how many: at 100 envelopes a second the number is reached after 8 minutes,
/// which is longer than Slack's last repetition (5 minutes).
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
const REMEMBERED: usize = 50_000;

/// `Some(text)` once it is known how the envelope was answered; the inner `None` means without acknowledgement.
type Outcome = Option<Option<String>>;

/// What to do with an envelope that came in.
pub(super) enum Arrival {
    /// Handle it and report the outcome here.
    First(watch::Sender<Outcome>),
    /// Wait for the first one's outcome.
    Again(watch::Receiver<Outcome>),
}

#[derive(Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<String, watch::Receiver<Outcome>>,
    order: VecDeque<(Instant, String)>,
}

impl Recent {
    pub(super) fn arrive(&self, envelope_id: &str, now: Instant) -> Arrival {
        let mut inner = self.lock();
        if let Some(outcome) = inner.seen.get(envelope_id) {
            return Arrival::Again(outcome.clone());
        }
        while let Some((since, _)) = inner.order.front() {
            if now.duration_since(*since) < REMEMBERED_FOR && inner.order.len() < REMEMBERED {
                break;
            }
            if let Some((_, old)) = inner.order.pop_front() {
                inner.seen.remove(&old);
            }
        }
        let (sender, receiver) = watch::channel(None);
        inner.seen.insert(envelope_id.to_owned(), receiver);
        inner.order.push_back((now, envelope_id.to_owned()));
        Arrival::First(sender)
    }

    /// An envelope that was not handled is handled when it comes again.
    pub(super) fn forget(&self, envelope_id: &str) {
        self.lock().seen.remove(envelope_id);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_envelope_that_comes_again_waits_for_the_first_ones_outcome() {
        let recent = Recent::default();
        let now = Instant::now();
        let Arrival::First(first) = recent.arrive("e1", now) else {
            panic!("a new envelope was taken for a repeated one")
        };
        let Arrival::Again(mut again) = recent.arrive("e1", now) else {
            panic!("a repeated envelope was taken for a new one")
        };
        first.send_replace(Some(Some("ack".to_owned())));
        let outcome = again.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(outcome, Some(Some("ack".to_owned())));
    }

    #[tokio::test]
    async fn memory_of_envelopes_is_bounded_in_time_and_number() {
        let recent = Recent::default();
        let now = Instant::now();
        for number in 0..REMEMBERED + 10 {
            recent.arrive(&number.to_string(), now);
        }
        assert_eq!(recent.lock().seen.len(), REMEMBERED);
        let later = now + REMEMBERED_FOR;
        recent.arrive("later", later);
        assert_eq!(recent.lock().seen.len(), 1);
    }
}
