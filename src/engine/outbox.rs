//! Carries out effects: sends, updates, tells, answers. Each one ends as an event or is reported done; what fails for now
//! is repeated with growing pauses, what fails for good goes to the next notification or to the log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::intake::WHO_ARE_YOU;
use super::outside::{Alone, Patience};
use super::{Along, Applied, Engine};
use crate::domain::effect::{
    AnswerTo, Effect, EffectId, Problem, Reply, RequesterNews, StoredEffect,
};
use crate::domain::event::{DeliveryOutcome, Event};
use crate::domain::routing::{Destination, bare_channel_name};
use crate::domain::run::{Delivery, MessageRef, Run, RunId};
use crate::kept::GivenUp;
use crate::slack::answer::{self, ErrorReport};
use crate::slack::api::{ApiError, Post};
use crate::slack::hint::hint;
use crate::slack::message;
use crate::slack::view::RequestMessage;
use crate::store::contract::StoreError;

/// How long a notification is tried before the next one is used, when Slack asks to wait: that is no failure of the
/// destination, and yet somebody who waits for access must not be forgotten.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(120);

/// How long calls may fail before the next notification is used: as long as people would have had to act, since their time
/// passes; within limits, so that a single failure does not count, and nobody waits for long.
const NOTIFY_FAILING_LEAST: Duration = Duration::from_secs(5);
const NOTIFY_FAILING_MOST: Duration = Duration::from_secs(20);

/// How long a notification is kept while Slack answers nothing at all, and the pause between two rounds of attempts.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(3000);
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);

/// How long the last notification is tried: there is no next one that somebody would wait for, and the request's own
/// time limit ends it earlier where there is one.
const LAST_NOTIFY_PATIENCE: Duration = Duration::from_secs(3600);

/// How long updates of messages and news for requesters are tried: they matter after an outage, too.
const TELL_PATIENCE: Duration = Duration::from_secs(3600);

/// How long private answers are tried: Slack's addresses for answers live 30 minutes, and people move on before.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// First and longest pause before an effect is started again that could not be carried out for now.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LONGEST: Duration = Duration::from_secs(30);

/// Panics of one effect after which it is left for the next start.
const PANICS_MAX: u32 = 3;

impl Engine {
    /// Carries out one effect to its end, or leaves it in the outbox when the bot is about to end.
    pub(super) async fn carry_out(self: Arc<Self>, stored: StoredEffect) {
        let mut pause = PAUSE_FIRST;
        let mut panics = 0;
        loop {
            let attempt = AssertUnwindSafe(self.try_to_carry_out(&stored)).catch_unwind();
            let held = match attempt.await {
                Ok(Ok(())) => return,
                Ok(Err(held)) => held,
                Err(_) => {
                    panics += 1;
                    if panics >= PANICS_MAX {
                        tracing::error!(run = %stored.id.run, effect = stored.id.number, "an effect panics again and again; it is left for the next start");
                        return;
                    }
                    Held::Later("a defect of symbot (panic)".to_owned())
                }
            };
            if let Held::Store(error @ StoreError::TooLarge { .. }) = &held {
                // Trying again would change nothing, and would go on for ever.
                self.note_given_up(
                    stored.id,
                    "what an effect came to cannot be kept",
                    &error.to_string(),
                );
                return self.done.add(stored.id);
            }
            if matches!(held, Held::Ending) {
                return;
            }
            tracing::error!(run = %stored.id.run, effect = stored.id.number, "an effect is held up: {held}");
            if let Held::Slack(error) = &held
                && error.fatal()
            {
                // Nothing can be sent with this token: the effect stays in the outbox for the next start.
                return self.fatal(error.to_string());
            }
            let wait = match held {
                Held::Unreachable(_) => pause.max(self.outside.quiet_for()),
                _ => pause,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => pause = (pause * 2).min(PAUSE_LONGEST),
                () = self.closing.cancelled() => return,
            }
        }
    }

    async fn try_to_carry_out(self: &Arc<Self>, stored: &StoredEffect) -> Result<(), Held> {
        match &stored.effect {
            Effect::Route => self.route(stored.id).await,
            Effect::CallHook { number } => self.call_hook(stored.id, *number).await,
            Effect::Identify => self.identify(stored.id).await,
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
            Effect::Answer { to, reply } => self.answer(stored.id, to, reply).await,
            Effect::ReportError { channel, problem } => {
                self.report_error(stored.id, channel.as_deref(), problem)
                    .await
            }
        }
    }

    /// Commits what an effect came to, until it is committed: what was done outside must not be done again because the
    /// store was slow to take note.
    pub(super) async fn conclude(self: &Arc<Self>, id: EffectId, event: Event) -> Result<(), Held> {
        let mut pause = PAUSE_FIRST;
        loop {
            let along = Along {
                dedup: Vec::new(),
                done: Some(id),
            };
            let error = match self.apply(id.run, event.clone(), along).await {
                Ok(Applied::Changed { .. } | Applied::Unchanged) => return Ok(()),
                Ok(Applied::Unknown | Applied::Duplicate) => {
                    self.done.add(id);
                    return Ok(());
                }
                Err(error @ StoreError::TooLarge { .. }) => return Err(Held::Store(error)),
                Err(error) => error,
            };
            tracing::error!(%error, run = %id.run, effect = id.number, "what an effect came to cannot be recorded yet");
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_LONGEST),
                () = self.closing.cancelled() => return Err(Held::Store(error)),
            }
        }
    }

    async fn notify(
        self: &Arc<Self>,
        id: EffectId,
        notification: usize,
        destination: usize,
        to: &Destination,
    ) -> Result<(), Held> {
        let posted = self
            .post_request(id.run, notification, destination, to)
            .await;
        // Held until the outcome is on the disk, for other destinations that turn out to be the same place.
        let (posted, _alone) = match posted {
            Ok((posted, alone)) => (Ok(posted), alone),
            Err(held) => (Err(held), None),
        };
        let outcome = match posted {
            Ok(Some(message)) => DeliveryOutcome::Sent(message),
            Ok(None) => {
                self.done.add(id);
                return Ok(());
            }
            Err(Held::Slack(error)) if error.fatal() => return Err(Held::Slack(error)),
            Err(Held::Slack(error)) => DeliveryOutcome::Failed {
                reason: reason(&error),
                hint: error.hint(),
            },
            Err(Held::Never(reason)) => DeliveryOutcome::Failed {
                hint: hint(&reason).map(str::to_owned),
                reason,
            },
            Err(held) => return Err(held),
        };
        if let DeliveryOutcome::Failed { reason, hint } = &outcome {
            tracing::warn!(run = %id.run, destination = to.describe(), reason, hint, "a notification could not be delivered");
        }
        let event = Event::Delivered {
            notification,
            destination,
            outcome,
        };
        self.conclude(id, event).await
    }

    /// Posts the request message, where another destination of the notification has not done so; `None` when it is not wanted
    /// any more. While Slack answers nothing at all, the next notification could not be delivered either, so none is used up.
    async fn post_request(
        &self,
        run_id: RunId,
        notification: usize,
        destination: usize,
        to: &Destination,
    ) -> Result<(Option<MessageRef>, Option<Alone>), Held> {
        let began = Instant::now();
        loop {
            let result = self
                .try_to_post(run_id, notification, destination, to)
                .await;
            let failed_for_now = matches!(result, Err(Held::Slack(ApiError::Transient { .. })));
            if !failed_for_now
                || began.elapsed() >= OUTAGE_PATIENCE
                || self.outside.slack_answers().await
            {
                return result;
            }
            tracing::warn!(run = %run_id, "Slack answers nothing at all; the notification stays where it is");
            tokio::select! {
                () = tokio::time::sleep(OUTAGE_PAUSE) => {}
                () = self.closing.cancelled() => return Err(Held::Ending),
            }
        }
    }

    async fn try_to_post(
        &self,
        run_id: RunId,
        notification: usize,
        destination: usize,
        to: &Destination,
    ) -> Result<(Option<MessageRef>, Option<Alone>), Held> {
        let Some(run) = self.run(run_id).await? else {
            return Ok((None, None));
        };
        let patience = notify_patience(&run, notification);
        let began = Instant::now();
        let channel = match source_channel(&run, to) {
            Some(id) => id,
            None => self.outside.find(to, patience).await?,
        };
        let alone = self.outside.place(run_id, &channel).lock_owned().await;
        let attempt = || async {
            let Some(run) = self.run(run_id).await? else {
                return Ok(None);
            };
            let routed = run.notifications.get(notification).filter(|routed| {
                routed.deliveries.get(destination) == Some(&Delivery::Pending)
                    && message::is_wanted(&run, notification)
            });
            let Some(routed) = routed else {
                return Ok(None);
            };
            if let Some(there) = routed.sent_in(&channel) {
                return Ok(Some(there.clone()));
            }
            let message = self.render(&run, notification);
            let post = Post {
                channel: &channel,
                text: &message.text,
                blocks: Some(&message.blocks),
                ..Post::default()
            };
            Ok(Some(self.outside.api.chat_post_message(post).await?))
        };
        let posted = self
            .outside
            .insist(
                "chat.postMessage",
                &channel,
                patience.after(began.elapsed()),
                attempt,
            )
            .await?;
        Ok((posted, Some(alone)))
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
    /// the last one always shows how things stand; what it shows already is not sent again by those that waited meanwhile.
    async fn update_message(
        self: &Arc<Self>,
        id: EffectId,
        message: &MessageRef,
    ) -> Result<(), Held> {
        let lane = self.outside.lane(message);
        let mut shown = lane.lock().await;
        let before = shown.take();
        let attempt = || async {
            let Some(run) = self.run(id.run).await? else {
                return Ok(None);
            };
            let index = run
                .notifications
                .iter()
                .position(|routed| routed.messages().any(|known| known == message));
            // A copy that a late press came from: it belongs to no notification that is in use.
            let rendered = self.render(&run, index.unwrap_or(usize::MAX));
            if before.as_ref() != Some(&rendered) {
                self.outside
                    .api
                    .chat_update(message, &rendered.text, &rendered.blocks, None)
                    .await?;
            }
            Ok(Some(rendered))
        };
        match self
            .outside
            .insist("chat.update", &message.channel, TELL_PATIENCE, attempt)
            .await
        {
            Ok(rendered) => *shown = rendered,
            Err(held) => {
                return self
                    .give_up(id, "a request message could not be updated", held)
                    .await;
            }
        }
        self.done.add(id);
        Ok(())
    }

    async fn tell_requester(
        self: &Arc<Self>,
        id: EffectId,
        about: RequesterNews,
    ) -> Result<(), Held> {
        let Some(run) = self.run(id.run).await? else {
            self.done.add(id);
            return Ok(());
        };
        let link = self.outside.link_to(run.id);
        if about == RequesterNews::NobodyNotified && link.is_none() {
            tracing::warn!(
                run = %run.id,
                flow = run.flow.name,
                "nobody can decide a request: its flow notifies nobody, and the web app is off; give the flow get_request_notifications, or \
                 the bot --web"
            );
        }
        let several = self.book.catalog().several_environments;
        let news = message::requester_news(&run, about, several, link.as_deref());
        match &run.requester.slack_id {
            Some(slack_id) => {
                let sent = self
                    .outside
                    .direct_message(slack_id, &news, TELL_PATIENCE)
                    .await;
                if let Err(held) = sent {
                    return self
                        .give_up(id, "the requester could not be told", held)
                        .await;
                }
            }
            None => {
                return self
                    .tell_given_up(
                        id,
                        "the requester could not be told",
                        "the requester has no Slack identity",
                    )
                    .await;
            }
        }
        self.done.add(id);
        Ok(())
    }

    async fn answer(
        self: &Arc<Self>,
        id: EffectId,
        to: &AnswerTo,
        reply: &Reply,
    ) -> Result<(), Held> {
        if let Some(run) = self.run(id.run).await? {
            let words = words(&run, reply, self.book.catalog().several_environments);
            match self.outside.answer(to, &words, ANSWER_PATIENCE).await {
                Ok(()) => {}
                Err(Held::Slack(error)) if !error.fatal() => {
                    tracing::error!(run = %id.run, user = to.slack_id, %error, "a private answer could not be given");
                    return self
                        .tell_given_up(id, "a private answer could not be given", &reason(&error))
                        .await;
                }
                Err(held) => {
                    return self
                        .give_up(id, "a private answer could not be given", held)
                        .await;
                }
            }
        }
        self.done.add(id);
        Ok(())
    }

    /// What can never work is logged, kept with the run, told to administrators and done with, in one commit; everything else is
    /// tried again.
    async fn give_up(
        self: &Arc<Self>,
        id: EffectId,
        what: &'static str,
        held: Held,
    ) -> Result<(), Held> {
        let reason = for_good(held)?;
        self.tell_given_up(id, what, &reason).await
    }

    async fn tell_given_up(
        self: &Arc<Self>,
        id: EffectId,
        what: &'static str,
        reason: &str,
    ) -> Result<(), Held> {
        self.note_given_up(id, what, reason);
        let event = Event::GivenUp {
            what: what.to_owned(),
            reason: reason.to_owned(),
        };
        self.conclude(id, event).await
    }

    fn note_given_up(&self, id: EffectId, what: &str, reason: &str) {
        tracing::error!(run = %id.run, effect = id.number, reason, "{what}; given up");
        let given_up = GivenUp {
            effect: id.number,
            at: self.clock.now(),
            what: what.to_owned(),
            reason: reason.to_owned(),
        };
        self.done.given_up(id, &given_up);
    }

    async fn report_error(
        &self,
        id: EffectId,
        channel: Option<&str>,
        problem: &Problem,
    ) -> Result<(), Held> {
        let run = self.run(id.run).await?;
        let link = self.outside.link_to(id.run);
        let report = ErrorReport {
            code: &problem.code,
            warning: problem.warning,
            message: &problem.message,
            flow: run.as_ref().map(|run| run.flow.label.as_str()),
            run: Some(id.run),
            step: Some(&problem.step),
            person: problem.actor.as_ref(),
            requester: match (&problem.actor, &run) {
                (None, Some(run)) => Some(&run.requester),
                _ => None,
            },
            link: link.as_deref(),
            hint: problem.details.hint.as_deref(),
            place: problem.details.place.as_deref(),
            exception: problem.details.exception.as_deref(),
        };
        let words = answer::error_report(&report);
        let hint = problem.details.hint.as_deref();
        if problem.warning {
            tracing::warn!(code = problem.code, run = %id.run, step = problem.step, hint, "{}", problem.message);
        } else {
            tracing::error!(code = problem.code, run = %id.run, step = problem.step, hint, "{}", problem.message);
        }
        if let Some(channel) = channel
            && let Err(held) = self
                .outside
                .post_to_error_logger(channel, &words, TELL_PATIENCE)
                .await
        {
            let reason = for_good(held)?;
            self.note_given_up(id, "the error logger's channel cannot be reached", &reason);
        }
        self.done.add(id);
        Ok(())
    }
}

/// Why an effect, or one attempt at it, did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Held {
    #[error(transparent)]
    Slack(#[from] ApiError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It can never work: in words for administrators.
    #[error("{0}")]
    Never(String),
    /// It may work later: why it does not now.
    #[error("{0}")]
    Later(String),
    /// Slack did not answer a handler: it may later, when the time is over for which Slack wants to be left alone.
    #[error("{0}")]
    Unreachable(String),
    /// The bot is about to end: the next start goes on.
    #[error("the bot is about to end")]
    Ending,
}

/// Why something can never work, or what is held up for now.
fn for_good(held: Held) -> Result<String, Held> {
    match held {
        Held::Slack(error) if error.permanent() && !error.fatal() => Ok(error.to_string()),
        Held::Never(reason) => Ok(match hint(&reason) {
            Some(hint) => format!("{reason}; {hint}"),
            None => reason,
        }),
        held => Err(held),
    }
}

/// For administrators: Slack's word, else what happened.
pub(super) fn reason(error: &ApiError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => error.to_string(),
    }
}

/// How long a notification is tried before the next one is used, or the request counts as delivered to nobody.
fn notify_patience(run: &Run, notification: usize) -> Patience {
    if notification + 1 >= run.notifications.len() {
        return LAST_NOTIFY_PATIENCE.into();
    }
    let timeout = run
        .notifications
        .get(notification)
        .and_then(|routed| routed.notification.timeout_seconds)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Duration::from_secs);
    Patience {
        whole: NOTIFY_PATIENCE,
        failing_for: timeout
            .unwrap_or(NOTIFY_FAILING_MOST)
            .clamp(NOTIFY_FAILING_LEAST, NOTIFY_FAILING_MOST),
    }
}

/// The id of the channel that a request came from, if that is where `to` leads. Handlers see it by name; it may have been
/// renamed since, and an archived one is no longer among those that are found by name.
fn source_channel(run: &Run, to: &Destination) -> Option<String> {
    let Destination::ChannelName { name } = to else {
        return None;
    };
    let known = run.source.identifier.as_deref()?;
    (bare_channel_name(known) == bare_channel_name(name)).then(|| run.source.id.clone())?
}

/// A reply in words for Slack; `several`: environments are to be named.
fn words(run: &Run, reply: &Reply, several: bool) -> String {
    match reply {
        Reply::Refused { refusal } => answer::refusal(*refusal, run),
        Reply::AlreadyDecided => answer::already_decided(run),
        Reply::Expired => answer::expired(run, several),
        Reply::Forwarded { notification } => answer::forwarded(run, *notification),
        Reply::Errored => answer::failed(run),
        Reply::NotReady => {
            "This request is still being prepared, so nothing was changed. Please press the button again in a moment.".to_owned()
        }
        Reply::TooMany => {
            "Many people are deciding this request at the same time, so nothing was changed. Please press the button again in a moment.".to_owned()
        }
        Reply::Checking => answer::checking(run),
        Reply::Ignored { message } => answer::ignored(run, message.as_deref()),
        Reply::HookFailed { code } => answer::hook_failed(run, code),
        Reply::Replaced => answer::replaced(run),
        Reply::Unidentified { code } => answer::went_wrong(WHO_ARE_YOU, code),
    }
}
