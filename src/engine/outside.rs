//! The engine's way to the outside: Slack's calls with patience, people and channels, the policy workers, addresses of pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::outbox::{Held, reason};
use crate::domain::effect::AnswerTo;
use crate::domain::routing::Destination;
use crate::domain::run::{MessageRef, RunId};
use crate::policy::pool::Pool;
use crate::slack::api::{ApiError, Post, SlackApi};
use crate::slack::directory::Directory;
use crate::slack::inbound::Actor;
use crate::slack::message;
use crate::slack::pacing::{Pacer, Repeat};
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
    pub handler_timeout: Duration,
    /// Makes links to the web app; `None` when it is off.
    pub web: Option<WebConfig>,
    /// Who to ask for help: for `/sym support`.
    pub contacts: Vec<String>,
    /// Number of sockets that said hello; unset until the sockets are started.
    connected: OnceLock<watch::Receiver<usize>>,
    /// Slack's words, while it does not accept the bot's token.
    token_refused: Mutex<Option<String>>,
    /// Why the store takes nothing any more.
    store_failure: OnceLock<String>,
    lanes: Mutex<HashMap<MessageRef, Weak<tokio::sync::Mutex<()>>>>,
}

/// What an [`Outside`] is made of.
pub struct OutsideParts {
    pub api: SlackApi,
    pub directory: Arc<Directory>,
    pub pool: Pool,
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

/// What is tried at least this long is held back while Slack refuses the token; for the rest somebody waits.
const HELD_FOR_A_TOKEN_FROM: Duration = Duration::from_secs(60);

/// Pause before a call is tried again whose token was refused.
const TOKEN_PAUSE: Duration = Duration::from_secs(15);

/// How long answers that belong to no run are tried; the person is waiting.
const ANSWER_NOW_PATIENCE: Duration = Duration::from_secs(30);

impl Outside {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: OutsideParts) -> Self {
        Self {
            api: parts.api,
            directory: parts.directory,
            pacer: Pacer::default(),
            pool: parts.pool,
            handler_timeout: parts.handler_timeout,
            web: parts.web,
            contacts: parts.contacts,
            connected: OnceLock::new(),
            token_refused: Mutex::default(),
            store_failure: OnceLock::new(),
            lanes: Mutex::default(),
        }
    }

    /// Takes note of the sockets, for [`Outside::readiness`].
    pub(crate) fn follow(&self, connected: watch::Receiver<usize>) {
        if self.connected.set(connected).is_err() {
            tracing::error!("the sockets were started twice");
        }
    }

    /// Takes note that a commit failed: the store takes nothing more before a restart.
    pub(super) fn store_failed(&self, error: &dyn std::fmt::Display) {
        self.store_failure.get_or_init(|| {
            tracing::error!(%error, "nothing can be saved until the bot is started again");
            error.to_string()
        });
    }

    /// The lock under which updates of a message are made.
    pub(super) fn lane(&self, message: &MessageRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(message).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(tokio::sync::Mutex::new(()));
        lanes.insert(message.clone(), Arc::downgrade(&lane));
        lane
    }

    /// Tries until it works, Slack refuses it for good, the store fails, or `patience` is over. Calls with the same
    /// `lane` (a conversation) start in order.
    ///
    /// A refused token says nothing about the call: what can wait does, whether Slack accepts the token again or the bot
    /// is started with a new one.
    pub(super) async fn insist<T, F, Fut>(
        &self,
        method: &'static str,
        lane: &str,
        patience: Duration,
        attempt: F,
    ) -> Result<T, Held>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Held>>,
    {
        loop {
            let result = self
                .insist_with_token(method, lane, patience, &attempt)
                .await;
            let Err(Held::Slack(error)) = &result else {
                self.token_is(None);
                return result;
            };
            if !error.fatal() {
                return result;
            }
            tracing::error!(%error, "Slack refuses the bot's token");
            self.token_is(Some(error.to_string()));
            if patience < HELD_FOR_A_TOKEN_FROM {
                return result;
            }
            tokio::time::sleep(TOKEN_PAUSE).await;
        }
    }

    /// Takes note whether Slack accepts the bot's token.
    fn token_is(&self, refused: Option<String>) {
        let mut known = self
            .token_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *known != refused {
            *known = refused;
        }
    }

    async fn insist_with_token<T, F, Fut>(
        &self,
        method: &'static str,
        lane: &str,
        patience: Duration,
        attempt: &F,
    ) -> Result<T, Held>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Held>>,
    {
        let repeat = Repeat {
            attempts: ATTEMPTS_MAX,
            patience,
            longest_wait: LONGEST_WAIT,
            ..Repeat::MESSAGE
        };
        let store_failure = Mutex::new(None);
        let result = self
            .pacer
            .run(method, lane, repeat, || {
                let tried = attempt();
                let store_failure = &store_failure;
                async move {
                    tried.await.map_err(|held| match held {
                        Held::Slack(error) => error,
                        Held::Store(error) => {
                            let text = error.to_string();
                            *store_failure.lock().unwrap_or_else(PoisonError::into_inner) =
                                Some(error);
                            // Ends the repetition; the store's error is returned below.
                            ApiError::Refused {
                                method,
                                code: "store".to_owned(),
                                detail: Some(text),
                            }
                        }
                    })
                }
            })
            .await;
        let failure = store_failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match (result, failure) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(error)) => Err(Held::Store(error)),
            (Err(error), None) => Err(Held::Slack(error)),
        }
    }

    /// The conversation behind a destination, asked for until Slack knows it or not, or `patience` is over.
    ///
    /// # Errors
    /// Why it cannot be reached, in words for administrators.
    pub(super) async fn find_patiently(
        &self,
        to: &Destination,
        patience: Duration,
    ) -> Result<String, String> {
        let found: Result<_, Held> = self
            .insist("conversations.open", &to.describe(), patience, || async {
                match self.find(to).await {
                    Ok(id) => Ok(Ok(id)),
                    Err(Unreachable::ForGood(why)) => Ok(Err(why)),
                    Err(Unreachable::ForNow(error)) => Err(Held::Slack(error)),
                }
            })
            .await;
        match found {
            Ok(found) => found,
            Err(Held::Slack(error)) => Err(error.to_string()),
            Err(Held::Store(error)) => Err(error.to_string()),
        }
    }

    /// The conversation behind a destination.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub(super) async fn find(&self, to: &Destination) -> Result<String, Unreachable> {
        match to {
            Destination::ChannelId { id } => Ok(id.clone()),
            Destination::ChannelName { name } => self.channel(name).await,
            Destination::SlackUser { slack_id } => self.open_dm(slack_id).await,
            Destination::SlackGroup { slack_ids } => self
                .directory
                .open_group(slack_ids)
                .await
                .map_err(Unreachable::from),
            Destination::User {
                id,
                slack_id,
                email,
            } => {
                if let Some(slack_id) = slack_id {
                    return self.open_dm(slack_id).await;
                }
                let email = email
                    .as_ref()
                    .ok_or_else(|| format!("there is no user with the id {id}"))
                    .map_err(Unreachable::ForGood)?;
                match self.directory.person_by_email(email).await? {
                    Some(person) => match person.slack_id {
                        Some(slack_id) if person.active => self.open_dm(&slack_id).await,
                        _ => Err(Unreachable::ForGood(format!(
                            "{email} is deactivated in Slack"
                        ))),
                    },
                    None => Err(Unreachable::ForGood(format!(
                        "nobody in Slack has the address {email}"
                    ))),
                }
            }
            Destination::Nowhere { reason } => Err(Unreachable::ForGood(reason.clone())),
        }
    }

    async fn open_dm(&self, slack_id: &str) -> Result<String, Unreachable> {
        Ok(self.directory.open_dm(slack_id).await?)
    }

    /// A channel by name (or id, as some configurations write it).
    async fn channel(&self, name: &str) -> Result<String, Unreachable> {
        match self.directory.channel_by_name(name).await? {
            Some(channel) => Ok(channel.id),
            None => Err(Unreachable::ForGood("channel_not_found".to_owned())),
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
    ) -> Result<(), ApiError> {
        let sent: Result<(), Held> = self
            .insist("chat.postMessage", slack_id, patience, || async {
                let channel = self.directory.open_dm(slack_id).await?;
                let post = Post {
                    channel: &channel,
                    text: &message.text,
                    blocks: Some(&message.blocks),
                    ..Post::default()
                };
                self.api.chat_post_message(post).await?;
                Ok(())
            })
            .await;
        slack_only(sent)
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
    ) -> Result<(), ApiError> {
        if let Some(url) = &to.response_url {
            let body =
                json!({ "response_type": "ephemeral", "replace_original": false, "text": words });
            let sent: Result<(), Held> = self
                .insist("response_url", &to.slack_id, patience, || async {
                    Ok(self.api.respond(url, &body).await?)
                })
                .await;
            match slack_only(sent) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::debug!(%error, "a response_url did not work; answering another way")
                }
            }
        }
        if let Some(channel) = &to.channel {
            let sent: Result<(), Held> = self
                .insist("chat.postEphemeral", channel, patience, || async {
                    let post = Post {
                        channel,
                        text: words,
                        ..Post::default()
                    };
                    Ok(self.api.chat_post_ephemeral(&to.slack_id, post).await?)
                })
                .await;
            if slack_only(sent).is_ok() {
                return Ok(());
            }
        }
        self.direct_message(&to.slack_id, &message::plain_message(words), patience)
            .await
    }

    /// Answers somebody about something that belongs to no run; a failure is logged.
    pub(super) async fn answer_now(&self, to: &AnswerTo, words: &str) {
        if let Err(error) = self.answer(to, words, ANSWER_NOW_PATIENCE).await {
            tracing::error!(%error, user = to.slack_id, "somebody could not be answered");
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
    ) -> Result<(), String> {
        let name = Destination::ChannelName {
            name: channel.to_owned(),
        };
        let id = self.find_patiently(&name, patience).await?;
        self.post(&id, &message::plain_message(words), patience)
            .await
            .map_err(|error| reason(&error))
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
    ) -> Result<(), ApiError> {
        let sent: Result<(), Held> = self
            .insist("chat.postMessage", channel, patience, || async {
                let post = Post {
                    channel,
                    text: &message.text,
                    blocks: Some(&message.blocks),
                    ..Post::default()
                };
                self.api.chat_post_message(post).await?;
                Ok(())
            })
            .await;
        slack_only(sent)
    }

    /// The request's page in the web app.
    pub(super) fn link_to(&self, run: RunId) -> Option<String> {
        self.web.as_ref().map(|web| web.request_link(run))
    }

    /// Whether requests can be taken.
    pub(super) fn readiness(&self) -> Readiness {
        if let Some(failure) = self.store_failure.get() {
            return Readiness::NotReady(format!("nothing can be saved: {failure}"));
        }
        let refused = self
            .token_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(refused) = refused {
            return Readiness::NotReady(refused);
        }
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

/// Why a destination has no conversation.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    /// Slack, or what is known, says that there is none.
    #[error("{0}")]
    ForGood(String),
    /// Slack could not be asked.
    #[error(transparent)]
    ForNow(ApiError),
}

impl From<ApiError> for Unreachable {
    fn from(error: ApiError) -> Self {
        if error.permanent() && !error.fatal() {
            Self::ForGood(error.to_string())
        } else {
            Self::ForNow(error)
        }
    }
}

/// For attempts that ask only Slack.
fn slack_only(result: Result<(), Held>) -> Result<(), ApiError> {
    match result {
        Ok(()) => Ok(()),
        Err(Held::Slack(error)) => Err(error),
        Err(Held::Store(error)) => Err(ApiError::Transient {
            method: "store",
            what: error.to_string(),
            maybe_done: false,
        }),
    }
}
