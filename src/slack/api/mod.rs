//! Calls to Slack's Web API: one function per method that Symbot uses, each with a deadline.
//!
//! Built on slack-morphism's HTTP client. Answers are decoded to `Value` and only the needed parts are picked: typed
//! answers that fail to parse after a message was posted would make us post it again. Nothing here waits, retries or
//! caches; that is [`super::pacing`] and [`super::directory`]. Called by the engine, the directory and the socket.

mod error;
#[cfg(test)]
mod tests;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

pub use error::ApiError;
use transport::Transport;

use crate::domain::run::MessageRef;
use crate::secret::Secret;

const AUTH_TEST: &str = "auth.test";
const CONNECTIONS_OPEN: &str = "apps.connections.open";
const RESPOND: &str = "response_url";

/// Look-ups are small; Slack answers most within 200 ms.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Giving up on a post early makes a second copy likely, so it gets longer.
const POST_WITHIN: Duration = Duration::from_secs(15);
/// The trigger is dead after 3 s: a later answer is a failure anyway.
const OPEN_VIEW_WITHIN: Duration = Duration::from_millis(2900);
const RESPOND_WITHIN: Duration = Duration::from_secs(5);
/// Entries per page of `users.list` and `conversations.list`; Slack recommends at most 200 for the former.
pub(super) const PAGE_ENTRIES: usize = 200;

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("SLACK_API_URL is not an http or https address without query: {0}")]
    Base(String),
    #[error(
        "no root certificates found for TLS ({0}); install the package ca-certificates or set SSL_CERT_FILE"
    )]
    Certificates(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Who the bot token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub team_id: String,
    pub team: String,
    /// The bot's own user.
    pub user_id: String,
    pub bot_id: Option<String>,
    /// Set in an organisation with several workspaces.
    pub enterprise_id: Option<String>,
}

/// A view as Slack keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRef {
    pub id: String,
    /// Given back with an update so that a newer one is not overwritten.
    pub hash: Option<String>,
}

/// Which view `views.update` changes.
#[derive(Debug, Clone, Copy)]
pub struct ViewTarget<'a> {
    pub view: ViewId<'a>,
    pub hash: Option<&'a str>,
}

/// How a view is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewId<'a> {
    /// By Slack.
    Slack(&'a str),
    /// By us when we opened it (`external_id`).
    Ours(&'a str),
}

/// A message to post.
#[derive(Debug, Clone, Copy, Default)]
pub struct Post<'a> {
    /// A conversation id.
    pub channel: &'a str,
    /// For notifications and clients without blocks.
    pub text: &'a str,
    pub blocks: Option<&'a Value>,
    pub thread_ts: Option<&'a str>,
    /// `{"event_type": …, "event_payload": {…}}`.
    pub metadata: Option<&'a Value>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub items: Vec<Value>,
    pub next_cursor: Option<String>,
}

/// The Web API with the tokens of one installation. Cheap to clone.
#[derive(Clone)]
pub struct SlackApi {
    transport: Arc<Transport>,
}

impl std::fmt::Debug for SlackApi {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SlackApi")
            .field("base", &self.transport.base().as_str())
            .finish_non_exhaustive()
    }
}

impl SlackApi {
    /// `base` is `SLACK_API_URL`; without it, Slack's own.
    ///
    /// # Errors
    /// When the base is not an address or TLS cannot be set up.
    pub fn new(
        base: Option<&str>,
        bot_token: &Secret,
        app_token: &Secret,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            transport: Arc::new(Transport::new(base, bot_token, app_token)?),
        })
    }

    /// The TLS settings, for the sockets.
    #[must_use]
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        self.transport.tls()
    }

    /// # Errors
    /// When the call fails.
    pub async fn auth_test(&self) -> Result<Identity, ApiError> {
        let answer = self.transport.get(AUTH_TEST, &[], READ_WITHIN).await?;
        Ok(Identity {
            team_id: text_in(AUTH_TEST, &answer, "/team_id")?,
            team: optional_text(&answer, "/team").unwrap_or_default(),
            user_id: text_in(AUTH_TEST, &answer, "/user_id")?,
            bot_id: optional_text(&answer, "/bot_id"),
            enterprise_id: optional_text(&answer, "/enterprise_id"),
        })
    }

    /// The address of a new socket. It is a credential: it lets anyone read one connection's envelopes.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn apps_connections_open(&self) -> Result<Secret, ApiError> {
        let answer = self
            .transport
            .post_as_app(CONNECTIONS_OPEN, &json!({}), READ_WITHIN)
            .await?;
        text_in(CONNECTIONS_OPEN, &answer, "/url").map(Secret::new)
    }

    /// The `user` object.
    ///
    /// # Errors
    /// When the call fails; `user_not_found` when there is no such person.
    pub async fn users_info(&self, user: &str) -> Result<Value, ApiError> {
        let mut answer = self
            .transport
            .get("users.info", &[("user", user)], READ_WITHIN)
            .await?;
        Ok(answer["user"].take())
    }

    /// The `user` object of the person with this e-mail address.
    ///
    /// # Errors
    /// When the call fails; `users_not_found` when there is no such person.
    pub async fn users_lookup_by_email(&self, email: &str) -> Result<Value, ApiError> {
        let mut answer = self
            .transport
            .get("users.lookupByEmail", &[("email", email)], READ_WITHIN)
            .await?;
        Ok(answer["user"].take())
    }

    /// One page of everybody in the workspace.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn users_list(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        self.page("users.list", "members", cursor, &[]).await
    }

    /// One page of the channels that the app can see, archived ones left out.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn conversations_list(
        &self,
        types: &str,
        cursor: Option<&str>,
    ) -> Result<Page, ApiError> {
        let fixed = [("types", types), ("exclude_archived", "true")];
        self.page("conversations.list", "channels", cursor, &fixed)
            .await
    }

    /// The `channel` object.
    ///
    /// # Errors
    /// When the call fails; `channel_not_found` also for private channels without the app.
    pub async fn conversations_info(&self, channel: &str) -> Result<Value, ApiError> {
        let mut answer = self
            .transport
            .get("conversations.info", &[("channel", channel)], READ_WITHIN)
            .await?;
        Ok(answer["channel"].take())
    }

    /// One page of a conversation's members (ids).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn conversations_members(
        &self,
        channel: &str,
        cursor: Option<&str>,
    ) -> Result<Page, ApiError> {
        let fixed = [("channel", channel)];
        self.page("conversations.members", "members", cursor, &fixed)
            .await
    }

    /// The members (ids) of a user group.
    ///
    /// # Errors
    /// When the call fails; `no_such_subteam` when there is no such group.
    pub async fn usergroups_users_list(&self, group: &str) -> Result<Vec<String>, ApiError> {
        const METHOD: &str = "usergroups.users.list";
        let answer = self
            .transport
            .get(METHOD, &[("usergroup", group)], READ_WITHIN)
            .await?;
        let users = answer["users"].as_array();
        let users = users.ok_or_else(|| incomplete(METHOD, "users"))?;
        Ok(users
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    /// Opens (or finds) the direct message with one person or the group with several, and returns its id.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn conversations_open(&self, users: &[&str]) -> Result<String, ApiError> {
        const METHOD: &str = "conversations.open";
        // Slack documents one comma-separated string, not a list.
        let body = json!({ "users": users.join(",") });
        let answer = self.transport.post(METHOD, &body, POST_WITHIN).await?;
        text_in(METHOD, &answer, "/channel/id")
    }

    /// # Errors
    /// When the call fails; after [`ApiError::maybe_done`] the message may have been posted.
    pub async fn chat_post_message(&self, post: Post<'_>) -> Result<MessageRef, ApiError> {
        const METHOD: &str = "chat.postMessage";
        let body = body([
            ("channel", Some(post.channel.into())),
            ("text", Some(post.text.into())),
            ("blocks", post.blocks.cloned()),
            ("thread_ts", post.thread_ts.map(Value::from)),
            ("metadata", post.metadata.cloned()),
            // Text comes from people: a link in it must not pull a preview into the request.
            ("unfurl_links", Some(false.into())),
            ("unfurl_media", Some(false.into())),
        ]);
        let answer = self.transport.post(METHOD, &body, POST_WITHIN).await?;
        message_in(METHOD, &answer, post.channel)
    }

    /// Replaces a message. Blocks are required: Slack removes them when they are left out.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn chat_update(
        &self,
        message: &MessageRef,
        text: &str,
        blocks: &Value,
        metadata: Option<&Value>,
    ) -> Result<(), ApiError> {
        let body = body([
            ("channel", Some(message.channel.as_str().into())),
            ("ts", Some(message.ts.as_str().into())),
            ("text", Some(text.into())),
            ("blocks", Some(blocks.clone())),
            ("metadata", metadata.cloned()),
        ]);
        self.transport
            .post("chat.update", &body, POST_WITHIN)
            .await
            .map(drop)
    }

    /// A message that only `user` sees; works only where both the app and the person are.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn chat_post_ephemeral(&self, user: &str, post: Post<'_>) -> Result<(), ApiError> {
        let body = body([
            ("channel", Some(post.channel.into())),
            ("user", Some(user.into())),
            ("text", Some(post.text.into())),
            ("blocks", post.blocks.cloned()),
            ("thread_ts", post.thread_ts.map(Value::from)),
        ]);
        self.transport
            .post("chat.postEphemeral", &body, POST_WITHIN)
            .await
            .map(drop)
    }

    /// # Errors
    /// When the call fails; `expired_trigger_id` when 3 s have passed.
    pub async fn views_open(&self, trigger_id: &str, view: &Value) -> Result<ViewRef, ApiError> {
        const METHOD: &str = "views.open";
        let body = json!({ "trigger_id": trigger_id, "view": view });
        let answer = self.transport.post(METHOD, &body, OPEN_VIEW_WITHIN).await?;
        view_in(METHOD, &answer)
    }

    /// # Errors
    /// When the call fails; `hash_conflict` when the view has changed meanwhile.
    pub async fn views_update(
        &self,
        target: ViewTarget<'_>,
        view: &Value,
    ) -> Result<ViewRef, ApiError> {
        const METHOD: &str = "views.update";
        let (key, id) = match target.view {
            ViewId::Slack(id) => ("view_id", id),
            ViewId::Ours(id) => ("external_id", id),
        };
        let body = body([
            (key, Some(id.into())),
            ("hash", target.hash.map(Value::from)),
            ("view", Some(view.clone())),
        ]);
        let answer = self.transport.post(METHOD, &body, READ_WITHIN).await?;
        view_in(METHOD, &answer)
    }

    /// Shows `view` as somebody's App Home.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn views_publish(&self, user: &str, view: &Value) -> Result<ViewRef, ApiError> {
        const METHOD: &str = "views.publish";
        let body = json!({ "user_id": user, "view": view });
        let answer = self.transport.post(METHOD, &body, READ_WITHIN).await?;
        view_in(METHOD, &answer)
    }

    /// Answers through the `response_url` of a command or click, without a token.
    ///
    /// # Errors
    /// When the call fails (`used_url`, `expired_url`), or the address is not Slack's.
    pub async fn respond(&self, response_url: &str, body: &Value) -> Result<(), ApiError> {
        let url = Url::parse(response_url)
            .ok()
            .filter(|url| may_respond_to(self.transport.base(), url))
            .ok_or_else(|| ApiError::Refused {
                method: RESPOND,
                code: "address_not_slack".to_owned(),
                detail: None,
            })?;
        self.transport
            .post_to_address(RESPOND, url, body, RESPOND_WITHIN)
            .await
    }

    async fn page(
        &self,
        method: &'static str,
        list: &str,
        cursor: Option<&str>,
        fixed: &[(&'static str, &str)],
    ) -> Result<Page, ApiError> {
        let limit = PAGE_ENTRIES.to_string();
        let mut query = fixed.to_vec();
        query.push(("limit", &limit));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let mut answer = self.transport.get(method, &query, READ_WITHIN).await?;
        let next_cursor = optional_text(&answer, "/response_metadata/next_cursor");
        match answer[list].take() {
            Value::Array(items) => Ok(Page { items, next_cursor }),
            _ => Err(incomplete(method, list)),
        }
    }
}

/// Only Slack (its workspaces of governments have a domain of their own) and the host of the configured base may be sent an
/// answer: a forged payload must not make us call others. A simulator on this machine may call itself as it likes.
fn may_respond_to(base: &Url, url: &Url) -> bool {
    let of_slack = |host: &str| {
        ["slack.com", "slack-gov.com"].iter().any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    let at_slack =
        url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(of_slack);
    at_slack || url.origin() == base.origin() || (is_loopback(base) && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn body<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let map: Map<String, Value> = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    Value::Object(map)
}

fn optional_text(answer: &Value, pointer: &str) -> Option<String> {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn text_in(method: &'static str, answer: &Value, pointer: &str) -> Result<String, ApiError> {
    optional_text(answer, pointer).ok_or_else(|| incomplete(method, pointer))
}

/// Slack said `ok` but left out what it documents: it was done, but we cannot refer to it.
fn incomplete(method: &'static str, part: &str) -> ApiError {
    ApiError::Transient {
        method,
        what: format!("the answer lacks {part}"),
        maybe_done: true,
    }
}

/// Slack answers with the channel it posted to, which differs from the one asked for when that was a user id.
fn message_in(method: &'static str, answer: &Value, asked: &str) -> Result<MessageRef, ApiError> {
    Ok(MessageRef {
        channel: optional_text(answer, "/channel").unwrap_or_else(|| asked.to_owned()),
        ts: text_in(method, answer, "/ts")?,
    })
}

fn view_in(method: &'static str, answer: &Value) -> Result<ViewRef, ApiError> {
    Ok(ViewRef {
        id: text_in(method, answer, "/view/id")?,
        hash: optional_text(answer, "/view/hash"),
    })
}
