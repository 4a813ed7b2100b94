//! Carries out effects: sends, updates, tells, answers. Each one ends as an event or is reported done; what fails for now
//! is repeated with growing pauses, what fails for good goes to the next notification or to the log.

use std::sync::Arc;
use std::time::Duration;

use super::{Along, Applied, Engine};
use crate::domain::effect::{
    AnswerTo, Effect, EffectId, Problem, Reply, RequesterNews, StoredEffect,
};
use crate::domain::event::{DeliveryOutcome, Event};
use crate::domain::routing::Destination;
use crate::domain::run::{Delivery, MessageRef, Run, RunId};
use crate::slack::answer::{self, ErrorReport};
use crate::slack::api::{ApiError, Post};
use crate::slack::message;
use crate::slack::view::RequestMessage;
use crate::store::contract::StoreError;

/// How long a notification is tried before the next one is used: long enough for a restart of a proxy, short enough that
/// somebody who waits for access is not forgotten.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(120);

/// How long the last notification is tried: giving it up early would only leave the request without one.
const LAST_NOTIFY_PATIENCE: Duration = Duration::from_secs(3600);

/// How long updates of messages and news for requesters are tried: they matter after an outage, too.
const TELL_PATIENCE: Duration = Duration::from_secs(3600);

/// How long private answers are tried: Slack's addresses for answers live 30 minutes, and people move on before.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// Pause before an effect is started again after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// Carries out one effect to its end.
    pub(super) async fn carry_out(self: Arc<Self>, stored: StoredEffect) {
        loop {
            let result = match &stored.effect {
                Effect::Route => self.route(stored.id).await,
                Effect::Notify {
                    notification,
                    destination,
                    to,
                } => {
                    self.notify(stored.id, *notification, *destination, to)
                        .await
                }
                Effect::UpdateMessage { message } => self.update_message(stored.id, message).await,
                Effect::TellRequester { about } => self.tell_requester(stored.id, *about).await,
                Effect::Answer { to, reply } => self.answer(stored.id, to, *reply).await,
                Effect::ReportError { channel, problem } => {
                    self.report_error(stored.id, channel, problem).await
                }
            };
            match result {
                Ok(()) => return,
                Err(StoreError::TooLarge { what, bytes, limit }) => {
                    // Trying again would change nothing, and would go on for ever.
                    tracing::error!(run = %stored.id.run, effect = stored.id.number, what, bytes, limit, "the outcome of an effect is too large to be kept; given up");
                    self.done.add(stored.id);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, run = %stored.id.run, effect = stored.id.number, "an effect is held up by the store");
                    tokio::select! {
                        () = tokio::time::sleep(STORE_PAUSE) => {}
                        () = self.closing.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn notify(
        self: &Arc<Self>,
        id: EffectId,
        notification: usize,
        destination: usize,
        to: &Destination,
    ) -> Result<(), StoreError> {
        let patience = match self.run(id.run).await? {
            Some(run) if notification + 1 < run.notifications.len() => NOTIFY_PATIENCE,
            _ => LAST_NOTIFY_PATIENCE,
        };
        let outcome = match self.outside.find_patiently(to, patience).await {
            Ok(channel) => {
                self.post_request(id.run, (notification, destination), &channel, patience)
                    .await?
            }
            Err(reason) => Some(DeliveryOutcome::Failed(reason)),
        };
        let Some(outcome) = outcome else {
            self.done.add(id);
            return Ok(());
        };
        if let DeliveryOutcome::Failed(reason) = &outcome {
            tracing::warn!(run = %id.run, destination = to.describe(), reason, "a notification could not be delivered");
        }
        let event = Event::Delivered {
            notification,
            destination,
            outcome,
        };
        match self
            .apply(
                id.run,
                event,
                Along {
                    dedup: Vec::new(),
                    done: Some(id),
                },
            )
            .await?
        {
            Applied::Changed { .. } | Applied::Unchanged => {}
            Applied::Unknown | Applied::Duplicate => self.done.add(id),
        }
        Ok(())
    }

    /// Posts the request message; `None` when it is not wanted any more.
    async fn post_request(
        &self,
        run_id: RunId,
        (notification, destination): (usize, usize),
        channel: &str,
        patience: Duration,
    ) -> Result<Option<DeliveryOutcome>, StoreError> {
        let attempt = || async {
            let Some(run) = self.run(run_id).await.map_err(Held::Store)? else {
                return Ok(None);
            };
            let waiting = run.notifications.get(notification).is_some_and(|routed| {
                routed.deliveries.get(destination) == Some(&Delivery::Pending)
            });
            if !waiting || !message::is_open_here(&run, notification) {
                return Ok(None);
            }
            let message = self.render(&run, notification);
            let post = Post {
                channel,
                text: &message.text,
                blocks: Some(&message.blocks),
                ..Post::default()
            };
            self.outside
                .api
                .chat_post_message(post)
                .await
                .map(Some)
                .map_err(Held::Slack)
        };
        match self
            .outside
            .insist("chat.postMessage", channel, patience, attempt)
            .await
        {
            Ok(sent) => Ok(sent.map(DeliveryOutcome::Sent)),
            Err(Held::Slack(error)) => Ok(Some(DeliveryOutcome::Failed(reason(&error)))),
            Err(Held::Store(error)) => Err(error),
        }
    }

    fn render(&self, run: &Run, notification: usize) -> crate::slack::view::Message {
        let link = self.outside.link_to(run.id);
        message::request(&RequestMessage {
            run,
            notification,
            show_environment: self.book.catalog().several_environments,
            link: link.as_deref(),
        })
    }

    /// Brings a message up to date. Updates of one message are made one after the other, each with the newest state, so that
    /// the last one always shows how things stand.
    async fn update_message(&self, id: EffectId, message: &MessageRef) -> Result<(), StoreError> {
        let lane = self.outside.lane(message);
        let _turn = lane.lock().await;
        let attempt = || async {
            let Some(run) = self.run(id.run).await.map_err(Held::Store)? else {
                return Ok(());
            };
            let index = run
                .notifications
                .iter()
                .position(|routed| routed.messages().any(|known| known == message));
            // A copy that a late press came from: it belongs to no notification that is in use.
            let rendered = self.render(&run, index.unwrap_or(usize::MAX));
            self.outside
                .api
                .chat_update(message, &rendered.text, &rendered.blocks, None)
                .await
                .map_err(Held::Slack)
        };
        match self
            .outside
            .insist("chat.update", &message.channel, TELL_PATIENCE, attempt)
            .await
        {
            Ok(()) => {}
            Err(Held::Store(error)) => return Err(error),
            Err(Held::Slack(error)) => {
                self.given_up(id, "a request message could not be updated", &error)
            }
        }
        self.done.add(id);
        Ok(())
    }

    async fn tell_requester(&self, id: EffectId, about: RequesterNews) -> Result<(), StoreError> {
        let Some(run) = self.run(id.run).await? else {
            self.done.add(id);
            return Ok(());
        };
        let link = self.outside.link_to(run.id);
        let news = message::requester_news(&run, about, link.as_deref());
        match &run.requester.slack_id {
            Some(slack_id) => {
                let sent = self
                    .outside
                    .direct_message(slack_id, &news, TELL_PATIENCE)
                    .await;
                if let Err(error) = sent {
                    self.given_up(id, "the requester could not be told", &error);
                }
            }
            None => {
                tracing::warn!(run = %run.id, "the requester has no Slack identity and was not told")
            }
        }
        self.done.add(id);
        Ok(())
    }

    async fn answer(&self, id: EffectId, to: &AnswerTo, reply: Reply) -> Result<(), StoreError> {
        if let Some(run) = self.run(id.run).await? {
            let words = words(&run, reply);
            if let Err(error) = self.outside.answer(to, &words, ANSWER_PATIENCE).await {
                self.given_up(id, "a private answer could not be given", &error);
            }
        }
        self.done.add(id);
        Ok(())
    }

    async fn report_error(
        &self,
        id: EffectId,
        channel: &str,
        problem: &Problem,
    ) -> Result<(), StoreError> {
        let run = self.run(id.run).await?;
        let link = self.outside.link_to(id.run);
        let report = ErrorReport {
            code: &problem.code,
            warning: problem.warning,
            message: &problem.message,
            flow: run.as_ref().map(|run| run.flow.label.as_str()),
            run: Some(id.run),
            step: Some(&problem.step),
            person: run.as_ref().map(|run| &run.requester),
            link: link.as_deref(),
            ..ErrorReport::default()
        };
        let words = answer::error_report(&report);
        if problem.warning {
            tracing::warn!(code = problem.code, run = %id.run, step = problem.step, "{}", problem.message);
        } else {
            tracing::error!(code = problem.code, run = %id.run, step = problem.step, "{}", problem.message);
        }
        if let Err(error) = self
            .outside
            .post_to_error_logger(channel, &words, TELL_PATIENCE)
            .await
        {
            tracing::error!(code = problem.code, run = %id.run, channel, reason = error, "the error logger's channel cannot be reached");
        }
        self.done.add(id);
        Ok(())
    }

    fn given_up(&self, id: EffectId, what: &str, error: &ApiError) {
        tracing::error!(run = %id.run, effect = id.number, %error, "{what}; given up");
    }
}

/// Why an attempt did not succeed.
#[derive(Debug)]
pub(super) enum Held {
    Slack(ApiError),
    Store(StoreError),
}

impl From<ApiError> for Held {
    fn from(error: ApiError) -> Self {
        Self::Slack(error)
    }
}

/// For administrators: Slack's word, else what happened.
pub(super) fn reason(error: &ApiError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => error.to_string(),
    }
}

/// A reply in words for Slack.
fn words(run: &Run, reply: Reply) -> String {
    match reply {
        Reply::Refused { refusal } => answer::refusal(refusal, run),
        Reply::AlreadyDecided => answer::already_decided(run),
        Reply::Expired => answer::expired(run),
        Reply::Forwarded { notification } => answer::forwarded(run, notification),
        Reply::Errored => answer::failed(run),
        Reply::NotReady => {
            "This request is still being prepared, so nothing was changed. Please press the button again in a moment.".to_owned()
        }
    }
}
