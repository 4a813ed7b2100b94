//! Envelopes seen lately in this process. Slack may deliver one twice, on the same socket or another: the second gets
//! the first one's acknowledgement and no second handling. The store does the same across restarts.
//!
//! The id is remembered for long, the text of an acknowledgement (up to 250 KB for a view) only for as long as somebody
//! may wait for it, and never more than [`ANSWERS_BYTES`] of them. After that a repetition is acknowledged without an
//! answer where that says nothing wrong ([`bare_is_harmless`]), else not at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::attend::Reply;
use super::envelope::{Envelope, acknowledgement};

/// How long an envelope is remembered, and how many: at 100 envelopes a second the number is reached after 8 minutes,
/// which is longer than Slack's last repetition (5 minutes).
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
const REMEMBERED: usize = 50_000;

/// A person sees a failure after 3 s; a repetition on another socket follows within seconds.
const ANSWERS_FOR: Duration = Duration::from_secs(60);
/// All acknowledgements kept together. A burst of large views shortens the time instead of taking more.
const ANSWERS_BYTES: usize = 4 << 20;

/// What to do with an envelope that came in.
pub(super) enum Arrival {
    /// Handle it and report to [`Recent::answered`].
    First(First),
    Again(Earlier),
}

/// The right to answer an envelope, for its first delivery.
pub(super) struct First {
    number: u64,
    outcome: watch::Sender<Option<Reply>>,
}

/// What became of an envelope that comes again.
#[derive(Clone)]
pub(super) enum Earlier {
    /// Its handler is still at work.
    Underway(watch::Receiver<Option<Reply>>),
    Unacknowledged,
    /// Acknowledged without an answer.
    Bare,
    Answered(Arc<str>),
    /// Acknowledged with an answer that is not kept any more.
    AnsweredLongAgo,
}

impl Earlier {
    /// How this delivery of the envelope is acknowledged.
    pub(super) async fn reply(self, envelope: &Envelope) -> Reply {
        let bare = || acknowledgement(&envelope.envelope_id, None);
        match self {
            Self::Underway(mut outcome) => match outcome.wait_for(Option::is_some).await {
                Ok(known) => known.clone().flatten(),
                Err(_) => None,
            },
            Self::Unacknowledged => None,
            Self::Bare => Some(bare()),
            Self::Answered(text) => Some(text.to_string()),
            Self::AnsweredLongAgo => bare_is_harmless(envelope).then(bare),
        }
    }
}

/// Whether an acknowledgement without an answer claims nothing. A command or a menu gets no answer, which nobody waits
/// for after a minute; events, clicks, shortcuts and closed forms never get one. But a submitted form would close as if
/// what was typed had been taken, although the lost answer may have said what is wrong with it.
fn bare_is_harmless(envelope: &Envelope) -> bool {
    matches!(envelope.kind.as_str(), "slash_commands" | "events_api")
        || matches!(
            envelope.payload["type"].as_str(),
            Some(
                "block_actions"
                    | "block_suggestion"
                    | "message_action"
                    | "shortcut"
                    | "view_closed"
            )
        )
}

#[derive(Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<Arc<str>, Seen>,
    order: VecDeque<Arrived>,
    /// Those in `seen` whose text is kept, oldest first.
    answers: VecDeque<Answer>,
    answers_bytes: usize,
    last_number: u64,
}

struct Seen {
    /// Tells the deliveries of one envelope apart: it is handled anew after [`Recent::forget`].
    number: u64,
    earlier: Earlier,
}

struct Arrived {
    at: Instant,
    number: u64,
    envelope_id: Arc<str>,
}

struct Answer {
    at: Instant,
    number: u64,
    envelope_id: Arc<str>,
    bytes: usize,
}

impl Recent {
    pub(super) fn arrive(&self, envelope_id: &str, now: Instant) -> Arrival {
        let mut inner = self.lock();
        inner.drop_answers(now);
        if let Some(seen) = inner.seen.get(envelope_id) {
            return Arrival::Again(seen.earlier.clone());
        }
        while let Some(oldest) = inner.order.front() {
            if now.duration_since(oldest.at) < REMEMBERED_FOR && inner.order.len() < REMEMBERED {
                break;
            }
            if let Some(old) = inner.order.pop_front()
                && inner.number_of(&old.envelope_id) == Some(old.number)
            {
                inner.seen.remove(&old.envelope_id);
            }
        }
        inner.last_number += 1;
        let number = inner.last_number;
        let envelope_id: Arc<str> = envelope_id.into();
        let (outcome, receiver) = watch::channel(None);
        let earlier = Earlier::Underway(receiver);
        inner
            .seen
            .insert(envelope_id.clone(), Seen { number, earlier });
        inner.order.push_back(Arrived {
            at: now,
            number,
            envelope_id,
        });
        Arrival::First(First { number, outcome })
    }

    /// The envelope was answered with `reply`: for those who wait, and for those who come.
    pub(super) fn answered(&self, first: &First, envelope_id: &str, reply: Reply, now: Instant) {
        let mut inner = self.lock();
        if inner.number_of(envelope_id) == Some(first.number) {
            let earlier = match &reply {
                None => Earlier::Unacknowledged,
                Some(text) if *text == acknowledgement(envelope_id, None) => Earlier::Bare,
                Some(text) => {
                    inner.answers_bytes += text.len();
                    inner.answers.push_back(Answer {
                        at: now,
                        number: first.number,
                        envelope_id: envelope_id.into(),
                        bytes: text.len(),
                    });
                    Earlier::Answered(text.as_str().into())
                }
            };
            if let Some(seen) = inner.seen.get_mut(envelope_id) {
                seen.earlier = earlier;
            }
            inner.drop_answers(now);
        }
        drop(inner);
        first.outcome.send_replace(Some(reply));
    }

    /// An envelope that was not handled is handled when it comes again.
    pub(super) fn forget(&self, envelope_id: &str) {
        self.lock().seen.remove(envelope_id);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn number_of(&self, envelope_id: &str) -> Option<u64> {
        self.seen.get(envelope_id).map(|seen| seen.number)
    }

    fn drop_answers(&mut self, now: Instant) {
        while let Some(oldest) = self.answers.front() {
            if now.duration_since(oldest.at) < ANSWERS_FOR && self.answers_bytes <= ANSWERS_BYTES {
                break;
            }
            let Some(old) = self.answers.pop_front() else {
                break;
            };
            self.answers_bytes -= old.bytes;
            if let Some(seen) = self.seen.get_mut(&old.envelope_id)
                && seen.number == old.number
            {
                seen.earlier = Earlier::AnsweredLongAgo;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn envelope(kind: &str, payload: Value) -> Envelope {
        Envelope {
            envelope_id: "e1".to_owned(),
            kind: kind.to_owned(),
            payload,
            accepts_response_payload: true,
            retry_attempt: 0,
            retry_reason: None,
        }
    }

    fn command() -> Envelope {
        envelope("slash_commands", json!({}))
    }

    fn first(recent: &Recent, envelope_id: &str, now: Instant) -> First {
        match recent.arrive(envelope_id, now) {
            Arrival::First(first) => first,
            Arrival::Again(_) => panic!("a new envelope was taken for a repeated one"),
        }
    }

    fn again(recent: &Recent, envelope_id: &str, now: Instant) -> Earlier {
        match recent.arrive(envelope_id, now) {
            Arrival::First(_) => panic!("a repeated envelope was taken for a new one"),
            Arrival::Again(earlier) => earlier,
        }
    }

    /// Bytes of all texts that are reachable.
    fn kept(recent: &Recent) -> usize {
        let inner = recent.lock();
        let texts = inner.seen.values().map(|seen| match &seen.earlier {
            Earlier::Answered(text) => text.len(),
            _ => 0,
        });
        texts.sum()
    }

    #[tokio::test]
    async fn an_envelope_that_comes_again_waits_for_the_first_ones_outcome() {
        let recent = Recent::default();
        let now = Instant::now();
        let one = first(&recent, "e1", now);
        let waiting = again(&recent, "e1", now);
        recent.answered(&one, "e1", Some("ack".to_owned()), now);
        assert_eq!(waiting.reply(&command()).await.as_deref(), Some("ack"));
        let later = again(&recent, "e1", now);
        assert_eq!(later.reply(&command()).await.as_deref(), Some("ack"));
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

    #[tokio::test]
    async fn the_texts_of_answers_are_bounded_in_bytes_and_the_newest_are_kept() {
        let recent = Recent::default();
        let now = Instant::now();
        let large = "x".repeat(250_000);
        for number in 0..200 {
            let id = number.to_string();
            let one = first(&recent, &id, now);
            recent.answered(&one, &id, Some(large.clone()), now);
        }
        assert!(kept(&recent) <= ANSWERS_BYTES, "{} bytes", kept(&recent));
        assert!(kept(&recent) > ANSWERS_BYTES / 2, "too much was dropped");
        let newest = again(&recent, "199", now).reply(&command()).await;
        assert_eq!(newest, Some(large));
        assert_eq!(recent.lock().seen.len(), 200, "an id was lost");
    }

    #[tokio::test]
    async fn a_late_repetition_gets_no_answer_and_a_form_is_not_closed_as_if_it_had_been_taken() {
        let recent = Recent::default();
        let now = Instant::now();
        let one = first(&recent, "e1", now);
        recent.answered(&one, "e1", Some("an answer".to_owned()), now);
        let later = now + ANSWERS_FOR;
        let bare = Some(acknowledgement("e1", None));
        let earlier = again(&recent, "e1", later);
        assert_eq!(kept(&recent), 0);
        assert_eq!(earlier.clone().reply(&command()).await, bare);
        for harmless in ["block_actions", "block_suggestion", "view_closed"] {
            let envelope = envelope("interactive", json!({"type": harmless}));
            assert_eq!(earlier.clone().reply(&envelope).await, bare, "{harmless}");
        }
        for unknown in ["view_submission", "something_new"] {
            let envelope = envelope("interactive", json!({"type": unknown}));
            assert_eq!(earlier.clone().reply(&envelope).await, None, "{unknown}");
        }
    }

    #[tokio::test]
    async fn a_form_that_was_closed_is_closed_again_however_late() {
        let recent = Recent::default();
        let now = Instant::now();
        let one = first(&recent, "e1", now);
        let bare = Some(acknowledgement("e1", None));
        recent.answered(&one, "e1", bare.clone(), now);
        let form = envelope("interactive", json!({"type": "view_submission"}));
        let later = again(&recent, "e1", now + ANSWERS_FOR * 2);
        assert_eq!(later.reply(&form).await, bare);
    }

    #[tokio::test]
    async fn the_failure_of_an_envelope_that_is_tried_again_does_not_answer_the_second_try() {
        let recent = Recent::default();
        let now = Instant::now();
        let failed = first(&recent, "e1", now);
        recent.forget("e1");
        let second = first(&recent, "e1", now);
        recent.answered(&failed, "e1", Some("failed".to_owned()), now);
        let waiting = again(&recent, "e1", now);
        recent.answered(&second, "e1", Some("done".to_owned()), now);
        assert_eq!(waiting.reply(&command()).await.as_deref(), Some("done"));
    }
}
