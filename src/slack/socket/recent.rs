//! Envelopes seen lately in this process. Slack may deliver one twice, on the same socket or another: the second gets
//! the first one's acknowledgement and no second handling. The store does the same across restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long an envelope is remembered, and how many: at 100 envelopes a second the number is reached after 8 minutes,
/// which is longer than Slack's last repetition (5 minutes).
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
const REMEMBERED: usize = 50_000;
/// Acknowledgements may hold whole views; most have 60 bytes.
const REMEMBERED_BYTES: usize = 8 << 20;

/// `Some(text)` once it is known how the envelope was answered; the inner `None` means without acknowledgement.
type Outcome = Option<Option<String>>;

/// What to do with an envelope that came in.
pub(super) enum Arrival {
    /// Handle it and report the outcome with [`Recent::answered`].
    First(watch::Sender<Outcome>),
    /// Wait for the first one's outcome.
    Again(watch::Receiver<Outcome>),
    /// It was answered with this.
    Known(Option<String>),
}

/// What is kept of an envelope. Tens of thousands are, so one that is done with is only its acknowledgement.
enum Kept {
    UnderWay(watch::Receiver<Outcome>),
    Answered(Option<Box<str>>),
}

impl Kept {
    fn bytes(&self) -> usize {
        match self {
            Self::Answered(Some(text)) => text.len(),
            Self::Answered(None) | Self::UnderWay(_) => 0,
        }
    }
}

#[derive(Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<Arc<str>, Kept>,
    order: VecDeque<(Instant, Arc<str>)>,
    bytes: usize,
}

impl Inner {
    fn remove(&mut self, envelope_id: &str) {
        if let Some(kept) = self.seen.remove(envelope_id) {
            self.bytes -= kept.bytes();
        }
    }
}

impl Recent {
    pub(super) fn arrive(&self, envelope_id: &str, now: Instant) -> Arrival {
        let mut inner = self.lock();
        match inner.seen.get(envelope_id) {
            Some(Kept::UnderWay(outcome)) => return Arrival::Again(outcome.clone()),
            Some(Kept::Answered(ack)) => {
                return Arrival::Known(ack.as_deref().map(str::to_owned));
            }
            None => {}
        }
        while let Some((since, _)) = inner.order.front() {
            if now.duration_since(*since) < REMEMBERED_FOR
                && inner.order.len() < REMEMBERED
                && inner.bytes < REMEMBERED_BYTES
            {
                break;
            }
            if let Some((_, old)) = inner.order.pop_front() {
                inner.remove(&old);
            }
        }
        let (sender, receiver) = watch::channel(None);
        let id: Arc<str> = envelope_id.into();
        inner.seen.insert(id.clone(), Kept::UnderWay(receiver));
        inner.order.push_back((now, id));
        Arrival::First(sender)
    }

    /// Keeps how an envelope was answered, and tells those that wait for it.
    pub(super) fn answered(
        &self,
        envelope_id: &str,
        first: &watch::Sender<Outcome>,
        ack: Option<&str>,
    ) {
        let mut inner = self.lock();
        if let Some(kept) = inner.seen.get_mut(envelope_id) {
            *kept = Kept::Answered(ack.map(Into::into));
            inner.bytes += ack.map_or(0, str::len);
        }
        drop(inner);
        first.send_replace(Some(ack.map(str::to_owned)));
    }

    /// An envelope that was not handled is handled when it comes again.
    pub(super) fn forget(&self, envelope_id: &str) {
        self.lock().remove(envelope_id);
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
        recent.answered("e1", &first, Some("ack"));
        let outcome = again.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(outcome, Some(Some("ack".to_owned())));
        let Arrival::Known(known) = recent.arrive("e1", now) else {
            panic!("an answered envelope was taken for a new one")
        };
        assert_eq!(known.as_deref(), Some("ack"));
        recent.forget("e1");
        assert!(matches!(recent.arrive("e1", now), Arrival::First(_)));
    }

    #[tokio::test]
    async fn large_acknowledgements_do_not_fill_the_memory() {
        const LARGE: usize = 100_000;
        let recent = Recent::default();
        let now = Instant::now();
        let ack = "x".repeat(LARGE);
        for number in 0..200 {
            let id = number.to_string();
            let Arrival::First(first) = recent.arrive(&id, now) else {
                panic!("a new envelope was taken for a repeated one")
            };
            recent.answered(&id, &first, Some(&ack));
        }
        let inner = recent.lock();
        assert!(inner.bytes <= REMEMBERED_BYTES + LARGE, "{}", inner.bytes);
        let kept: usize = inner.seen.values().map(Kept::bytes).sum();
        assert_eq!(inner.bytes, kept);
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
