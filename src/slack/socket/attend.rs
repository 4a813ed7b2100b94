//! One envelope from arrival to acknowledgement: repeated ones recognised, panics contained, lateness answered, and what
//! a late handler answers in the end told by another way.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use super::envelope::{Envelope, acknowledgement};
use super::failure::{self, Failure, Tell};
use super::late::{self, Late};
use super::recent::Arrival;
use super::{Shared, count};
use crate::slack::api::{ApiError, Post, SlackApi, ViewId, ViewTarget};
use crate::slack::pacing::{Repeat, repeating};

/// How stubbornly a person is told how something ended: better twice than not at all, but not for so long that it holds
/// up a shutdown.
const TELLING: Repeat = Repeat {
    attempts: 3,
    first_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(2),
    patience: Duration::from_secs(8),
    failing_for: Duration::MAX,
    even_if_maybe_done: true,
};

/// What a handler's task reports to its connection, exactly once per envelope: the acknowledgement, or `None` when there
/// is to be none.
pub(super) type Reply = Option<String>;

/// Handles `envelope` on a task of its own.
pub(super) fn attend(
    shared: &Arc<Shared>,
    envelope: Envelope,
    replies: mpsc::UnboundedSender<Reply>,
) {
    count(&shared.counters.envelopes);
    let arrived = Instant::now();
    let shared_in_task = shared.clone();
    match shared.recent.arrive(&envelope.envelope_id, arrived) {
        Arrival::First(first) => {
            shared.tasks.spawn(async move {
                let shared = shared_in_task;
                let envelope = Arc::new(envelope);
                handle(&shared, &envelope, arrived, |ack: Reply| {
                    let id = &envelope.envelope_id;
                    shared
                        .recent
                        .answered(&first, id, ack.clone(), Instant::now());
                    reply(&shared, id, &replies, ack);
                })
                .await;
            });
        }
        Arrival::Again(earlier) => {
            count(&shared.counters.repeated);
            debug!(
                envelope = envelope.envelope_id,
                "Slack delivered an envelope again"
            );
            shared.tasks.spawn(async move {
                let ack = earlier.reply(&envelope).await;
                reply(&shared_in_task, &envelope.envelope_id, &replies, ack);
            });
        }
    }
}

fn reply(shared: &Shared, envelope_id: &str, replies: &mpsc::UnboundedSender<Reply>, ack: Reply) {
    let unacknowledged = ack.is_none();
    let undeliverable = replies.send(ack).is_err();
    if unacknowledged || undeliverable {
        count(&shared.counters.unacknowledged);
    }
    if undeliverable {
        warn!(
            envelope = envelope_id,
            "handled, but its connection is gone: Slack shows the person a failure although it was done"
        );
    }
}

async fn handle(
    shared: &Arc<Shared>,
    envelope: &Arc<Envelope>,
    arrived: Instant,
    answer: impl FnOnce(Reply),
) {
    let handler = shared.handler.clone();
    let given = envelope.clone();
    let work = AssertUnwindSafe(async move { handler.handle(given).await }).catch_unwind();
    tokio::pin!(work);
    let deadline = arrived + shared.config.answer_within;
    let in_time = tokio::select! {
        biased;
        result = &mut work => Some(result),
        () = sleep_until(deadline) => None,
    };
    match in_time {
        Some(Ok(payload)) => answer(Some(acknowledgement(
            &envelope.envelope_id,
            payload.as_ref(),
        ))),
        Some(Err(panic)) => {
            report_panic(shared, envelope, panic.as_ref());
            fail(shared, envelope, Failure::Panicked, answer).await;
        }
        None => {
            count(&shared.counters.overdue);
            warn!(
                envelope = envelope.envelope_id,
                kind = envelope.kind,
                code = failure::code(envelope),
                "a handler is late; the person is told that it takes longer"
            );
            if failure::answer(envelope, Failure::Overdue).ack.is_none() {
                // An event: nobody waits, so its own acknowledgement is still worth something.
                match work.await {
                    Ok(payload) => answer(Some(acknowledgement(
                        &envelope.envelope_id,
                        payload.as_ref(),
                    ))),
                    Err(panic) => {
                        report_panic(shared, envelope, panic.as_ref());
                        fail(shared, envelope, Failure::Panicked, answer).await;
                    }
                }
                return;
            }
            let telling = fail(shared, envelope, Failure::Overdue, answer);
            let (result, ()) = tokio::join!(work, telling);
            let late = match &result {
                Ok(payload) => {
                    info!(
                        envelope = envelope.envelope_id,
                        millis = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
                        "a late handler is done"
                    );
                    Late::Done(payload.as_ref())
                }
                Err(panic) => {
                    report_panic(shared, envelope, panic.as_ref());
                    Late::Panicked
                }
            };
            tell_one_way(shared, late::ways(envelope, late)).await;
        }
    }
}

async fn fail(shared: &Shared, envelope: &Envelope, failure: Failure, answer: impl FnOnce(Reply)) {
    let failed = failure::answer(envelope, failure);
    if failure == Failure::Panicked {
        shared.recent.forget(&envelope.envelope_id);
    }
    answer(
        failed
            .ack
            .map(|payload| acknowledgement(&envelope.envelope_id, payload.as_ref())),
    );
    tell(shared, failed.tell).await;
}

async fn tell(shared: &Shared, tell: Tell) {
    tell_one_way(shared, vec![tell]).await;
}

/// Tells a person by the first way that works.
async fn tell_one_way(shared: &Shared, ways: Vec<Tell>) {
    let mut failures = Vec::new();
    for way in ways {
        match repeating(TELLING, || say(&shared.api, &way)).await {
            Ok(()) => return,
            Err(error) => failures.push(error.to_string()),
        }
    }
    if !failures.is_empty() {
        error!(
            error = failures.join("; "),
            "a person could not be told how something ended"
        );
    }
}

async fn say(api: &SlackApi, way: &Tell) -> Result<(), ApiError> {
    match way {
        Tell::Nobody => Ok(()),
        Tell::Respond { url, body } => api.respond(url, body).await,
        Tell::Direct { user, text } => {
            let post = Post {
                channel: user,
                text,
                ..Post::default()
            };
            api.chat_post_message(post).await.map(drop)
        }
        Tell::Replace { view_id, view } => {
            let target = ViewTarget {
                view: ViewId::Slack(view_id),
                hash: None,
            };
            api.views_update(target, view).await.map(drop)
        }
    }
}

fn report_panic(shared: &Shared, envelope: &Envelope, panic: &(dyn Any + Send)) {
    count(&shared.counters.panicked);
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    error!(
        envelope = envelope.envelope_id,
        kind = envelope.kind,
        code = failure::code(envelope),
        message,
        "a handler panicked"
    );
}
