//! The engine's way to the outside: Slack's calls with patience, people and channels, the policy workers, addresses of pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outbox::Held;
use crate::domain::effect::AnswerTo;
use crate::domain::person::Person;
use crate::domain::routing::Destination;
use crate::domain::run::{MessageRef, RunId};
use crate::policy::http::HttpGate;
use crate::policy::pool::Pool;
use crate::secrets::Secrets;
use crate::slack::api::{ApiError, Post, SlackApi};
use crate::slack::directory::Directory;
use crate::slack::inbound::Actor;
use crate::slack::message;
use crate::slack::pacing::{Pacer, Repeat};
use crate::slack::socket::{SocketHandle, SocketStats};
use crate::slack::text::may_be_id;
use crate::slack::view::Message;
use crate::web::WebConfig;
use crate::web::backend::Readiness;

/// Locks kept for messages before those that nobody holds are let go.
const LANES_MAX: usize = 1024;

/// What the engine reaches the world through.
pub struct Outside {
    pub api: SlackApi,
    pub directory: Arc<Directory>,
    pub pacer: Pacer,
    pub pool: Pool,
    /// The way of implementations to the network.
    pub http: HttpGate,
    /// Values of secrets, for flows that may have them.
    pub secrets: Secrets,
    pub handler_timeout: Duration,
    /// Makes links to the web app; `None` when it is off.
    pub web: Option<WebConfig>,
    /// Who to ask for help: for `/sym support`.
    pub contacts: Vec<String>,
    /// Number of sockets that said hello; unset until the sockets are started.
    connected: OnceLock<watch::Receiver<usize>>,
    /// Counters of the sockets; unset until they are started.
    stats: OnceLock<Box<dyn Fn() -> SocketStats + Send + Sync>>,
    lanes: Mutex<HashMap<MessageRef, Weak<Lane>>>,
    /// Until when Slack asked not to be called again, by whatever handlers asked it.
    quiet_until: Mutex<Option<Instant>>,
    /// Set when the bot is about to end: nothing is repeated any more.
    pub(super) closing: CancellationToken,
}

/// How long something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// In all.
    pub whole: Duration,
    /// While the network or Slack fails; that Slack asks to wait is no failure.
    pub failing_for: Duration,
}

impl From<Duration> for Patience {
    fn from(whole: Duration) -> Self {
        Self {
            whole,
            failing_for: whole,
        }
    }
}

impl Patience {
    /// What is left of it after so long.
    pub(super) fn after(self, passed: Duration) -> Self {
        Self {
            whole: self.whole.saturating_sub(passed),
            failing_for: self.failing_for.saturating_sub(passed),
        }
    }
}

/// The lock under which a message is brought up to date, and what it shows: `None` when that is not known.
pub(super) type Lane = tokio::sync::Mutex<Option<Message>>;

/// Holds a [`Lane`].
pub(super) type Alone = tokio::sync::OwnedMutexGuard<Option<Message>>;

/// What an [`Outside`] is made of.
pub struct OutsideParts {
    pub api: SlackApi,
    pub directory: Arc<Directory>,
    pub pool: Pool,
    pub http: HttpGate,
    pub secrets: Secrets,
    pub handler_timeout: Duration,
    pub web: Option<WebConfig>,
    pub contacts: Vec<String>,
}

/// How somebody came to us: what is needed to open a form, and to answer if that fails.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub trigger_id: String,
    pub user: Actor,
    pub channel: Option<String>,
    pub response_url: Option<String>,
}

impl Started {
    pub(super) fn answer_to(&self) -> AnswerTo {
        AnswerTo {
            slack_id: self.user.id.clone(),
            channel: self.channel.clone(),
            response_url: self.response_url.clone(),
        }
    }
}

/// Attempts that may fail for the network or Slack: in effect, only patience ends them.
const ATTEMPTS_MAX: u32 = 1000;

/// Longest pause between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How long answers that belong to no run are tried; the person is waiting.
const ANSWER_NOW_PATIENCE: Duration = Duration::from_secs(30);

/// How long a way to answer is tried while there is another one.
const ONE_WAY_PATIENCE: Duration = Duration::from_secs(10);

impl Outside {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: OutsideParts) -> Self {
        Self {
            api: parts.api,
            directory: parts.directory,
            pacer: Pacer::default(),
            pool: parts.pool,
            http: parts.http,
            secrets: parts.secrets,
            handler_timeout: parts.handler_timeout,
            web: parts.web,
            contacts: parts.contacts,
            connected: OnceLock::new(),
            stats: OnceLock::new(),
            lanes: Mutex::default(),
            quiet_until: Mutex::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Takes note of the sockets, for [`Outside::readiness`] and metrics.
    pub(crate) fn follow(&self, socket: &SocketHandle) {
        let counted = self.stats.set(Box::new(socket.counters()));
        if self.connected.set(socket.connected()).is_err() || counted.is_err() {
            tracing::error!("the sockets were started twice");
        }
    }

    /// Sockets that said hello.
    pub(super) fn connections(&self) -> u64 {
        let connected = self
            .connected
            .get()
            .map_or(0, |connected| *connected.borrow());
        u64::try_from(connected).unwrap_or(u64::MAX)
    }

    /// What the sockets have counted.
    pub(super) fn socket_stats(&self) -> Option<SocketStats> {
        self.stats.get().map(|stats| stats())
    }

    /// Slack asked a handler to come back later.
    pub(super) fn keep_quiet(&self, retry_after: Duration) {
        let until = Instant::now() + retry_after;
        let mut quiet = self
            .quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *quiet = (*quiet).max(Some(until));
    }

    /// How long handlers should not ask Slack yet.
    pub(super) fn quiet_for(&self) -> Duration {
        let quiet = self
            .quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        quiet.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// The lock under which updates of a message are made. What it shows is remembered for as long as somebody waits.
    pub(super) fn lane(&self, message: &MessageRef) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(message).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(Lane::default());
        lanes.insert(message.clone(), Arc::downgrade(&lane));
        lane
    }

    /// The lock under which messages of a request are sent to a place for the first time.
    pub(super) fn place(&self, run: RunId, channel: &str) -> Arc<Lane> {
        self.lane(&MessageRef {
            channel: channel.to_owned(),
            // It has no moment yet; none of Slack's looks like this.
            ts: run.to_string(),
        })
    }

    /// Tries until it works, Slack refuses it for good, the store fails, or `patience` is over. Calls with the same
    /// `lane` (a conversation) start in order. When the bot is about to end, an attempt that has begun goes on to its end,
    /// and the first one is made where nothing has to be waited for.
    pub(super) async fn insist<T, F, Fut>(
        &self,
        method: &'static str,
        lane: &str,
        patience: impl Into<Patience>,
        attempt: F,
    ) -> Result<T, Held>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Held>>,
    {
        let patience = patience.into();
        let repeat = Repeat {
            attempts: ATTEMPTS_MAX,
            patience: patience.whole,
            failing_for: patience.failing_for,
            longest_wait: LONGEST_WAIT,
            ..Repeat::MESSAGE
        };
        // What ends the repetition without being Slack's error; returned below.
        let other = Mutex::new(None);
        // Held while an attempt is made.
        let busy = tokio::sync::Mutex::new(());
        let trying = self.pacer.run(method, lane, repeat, || {
            let tried = attempt();
            let (other, busy) = (&other, &busy);
            async move {
                let _held = busy.lock().await;
                tried.await.map_err(|held| match held {
                    Held::Slack(error) => error,
                    held => {
                        let detail = Some(held.to_string());
                        *other.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
                        ApiError::Refused {
                            method,
                            code: "not_called".to_owned(),
                            detail,
                        }
                    }
                })
            }
        });
        let result = tokio::select! {
            biased;
            result = trying => result,
            () = self.closing_between_attempts(&busy) => return Err(Held::Ending),
        };
        let other = other.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (result, other) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(held)) => Err(held),
            (Err(error), None) => Err(Held::Slack(error)),
        }
    }

    async fn closing_between_attempts(&self, busy: &tokio::sync::Mutex<()>) {
        self.closing.cancelled().await;
        drop(busy.lock().await);
    }

    /// Whether Slack answers anything at all just now.
    pub(super) async fn slack_answers(&self) -> bool {
        !matches!(self.api.auth_test().await, Err(ApiError::Transient { .. }))
    }

    /// The conversation behind a destination.
    ///
    /// # Errors
    /// [`Held::Never`] in words for administrators, or Slack's error when `patience` is over.
    pub(super) async fn find(
        &self,
        to: &Destination,
        patience: impl Into<Patience>,
    ) -> Result<String, Held> {
        match to {
            Destination::ChannelId { id } => Ok(id.clone()),
            Destination::Nowhere { reason } => Err(Held::Never(reason.clone())),
            to => {
                self.insist("conversations.open", &to.describe(), patience, || {
                    self.find_once(to)
                })
                .await
            }
        }
    }

    async fn find_once(&self, to: &Destination) -> Result<String, Held> {
        let directory = &self.directory;
        match to {
            Destination::ChannelId { id } => Ok(id.clone()),
            Destination::ChannelName { name } => match directory.channel_by_name(name).await? {
                Some(channel) => Ok(channel.id),
                None => Err(Held::Never("channel_not_found".to_owned())),
            },
            Destination::SlackUser { slack_id } => Ok(directory.open_dm(slack_id).await?),
            Destination::SlackGroup { slack_ids } => Ok(directory.open_group(slack_ids).await?),
            Destination::User {
                id,
                slack_id,
                email,
            } => {
                if let Some(slack_id) = slack_id {
                    return Ok(directory.open_dm(slack_id).await?);
                }
                let Some(email) = email else {
                    return Err(Held::Never(format!("there is no user with the id {id}")));
                };
                match directory.person_by_email(email).await? {
                    Some(Person {
                        slack_id: Some(slack_id),
                        active: true,
                        ..
                    }) => Ok(directory.open_dm(&slack_id).await?),
                    Some(_) => Err(Held::Never(format!("{email} is deactivated in Slack"))),
                    None => Err(Held::Never(format!(
                        "nobody in Slack has the address {email}"
                    ))),
                }
            }
            Destination::Nowhere { reason } => Err(Held::Never(reason.clone())),
        }
    }

    /// Sends a direct message.
    ///
    /// # Errors
    /// When it cannot be sent for good, or `patience` is over.
    pub(super) async fn direct_message(
        &self,
        slack_id: &str,
        message: &Message,
        patience: Duration,
    ) -> Result<(), Held> {
        let to = Destination::SlackUser {
            slack_id: slack_id.to_owned(),
        };
        let channel = self.find(&to, patience).await?;
        self.post(&channel, message, patience).await
    }

    /// Answers privately: through the address that came with the click or command, else where it happened, else by
    /// direct message.
    ///
    /// # Errors
    /// When none of the ways works.
    pub(super) async fn answer(
        &self,
        to: &AnswerTo,
        words: &str,
        patience: Duration,
    ) -> Result<(), Held> {
        let one_way = patience.min(ONE_WAY_PATIENCE);
        if let Some(url) = &to.response_url {
            let body =
                json!({ "response_type": "ephemeral", "replace_original": false, "text": words });
            let sent: Result<(), Held> = self
                .insist("response_url", &to.slack_id, one_way, || async {
                    Ok(self.api.respond(url, &body).await?)
                })
                .await;
            match sent {
                Ok(()) => return Ok(()),
                Err(held) => {
                    tracing::debug!(%held, "a response_url did not work; answering another way")
                }
            }
        }
        if let Some(channel) = &to.channel {
            let sent: Result<(), Held> = self
                .insist("chat.postEphemeral", channel, one_way, || async {
                    let post = Post {
                        channel,
                        text: words,
                        ..Post::default()
                    };
                    Ok(self.api.chat_post_ephemeral(&to.slack_id, post).await?)
                })
                .await;
            match sent {
                Ok(()) => return Ok(()),
                Err(held) => {
                    tracing::debug!(%held, "an ephemeral message did not work; answering another way")
                }
            }
        }
        self.direct_message(&to.slack_id, &message::plain_message(words), patience)
            .await
    }

    /// Answers somebody about something that belongs to no run; a failure is logged.
    pub(super) async fn answer_now(&self, to: &AnswerTo, words: &str) {
        if let Err(held) = self.answer(to, words, ANSWER_NOW_PATIENCE).await {
            tracing::error!(%held, user = to.slack_id, "somebody could not be answered");
        }
    }

    /// Posts to the error logger's channel.
    ///
    /// # Errors
    /// Why it could not be posted.
    pub(super) async fn post_to_error_logger(
        &self,
        channel: &str,
        words: &str,
        patience: Duration,
    ) -> Result<(), Held> {
        let id = self.find(&named_channel(channel), patience).await?;
        self.post(&id, &message::plain_message(words), patience)
            .await
    }

    /// Posts a message that is not kept track of.
    ///
    /// # Errors
    /// When it cannot be sent for good, or `patience` is over.
    pub(super) async fn post(
        &self,
        channel: &str,
        message: &Message,
        patience: Duration,
    ) -> Result<(), Held> {
        self.insist("chat.postMessage", channel, patience, || async {
            let post = Post {
                channel,
                text: &message.text,
                blocks: Some(&message.blocks),
                ..Post::default()
            };
            self.api.chat_post_message(post).await?;
            Ok(())
        })
        .await
    }

    /// The request's page in the web app.
    pub(super) fn link_to(&self, run: RunId) -> Option<String> {
        self.web.as_ref().map(|web| web.request_link(run))
    }

    /// Whether requests can be taken.
    pub(super) fn readiness(&self) -> Readiness {
        if !self.pool.ready() {
            return Readiness::NotReady("the policy workers are not warm yet".to_owned());
        }
        if self
            .connected
            .get()
            .is_none_or(|connected| *connected.borrow() == 0)
        {
            return Readiness::NotReady("there is no connection to Slack yet".to_owned());
        }
        Readiness::Ready
    }
}

/// A channel as configurations name it: by its id or by its name. Names have no capitals.
fn named_channel(written: &str) -> Destination {
    let written = written.trim();
    if written.len() > 1 && may_be_id(written, &['C', 'D', 'G']) {
        Destination::ChannelId {
            id: written.to_owned(),
        }
    } else {
        Destination::ChannelName {
            name: written.to_owned(),
        }
    }
}
