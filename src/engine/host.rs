//! Carries out the host calls of handlers: what [`policy::host`](crate::policy::host) declares, and nothing else.
//!
//! [`people`] knows who people are, [`slack`] asks and writes in Slack, [`own`] has what the bot keeps itself: identities,
//! the history, the key-value store, secrets. [`reach`] takes note of whether Slack answers. Which request and flow a call is
//! about stands in its [`Scope`], never in its arguments: code cannot ask for what belongs to another flow.

mod own;
mod people;
mod reach;
mod slack;

pub(crate) use people::{placeholder, stranger};

use reach::Reach;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value;

use super::Engine;
use super::calls::Asking;
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;
use crate::flows::catalog::SecretRef;
use crate::policy::host::unavailable;
use crate::policy::types::{EventInput, HandlerFailure, Host, HostError};

/// What a handler call is about.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The request, or the form that may become one.
    pub run: RunId,
    /// Slug of the flow, and its environment: by slug, and as people see it.
    pub flow: String,
    pub environment: Option<String>,
    pub environment_title: Option<String>,
    /// What the environment's integrations refer to: all that the flow may have.
    pub secrets: Vec<SecretRef>,
    /// The event being handled, such as `approve`.
    pub event: String,
    pub at: Timestamp,
    /// Whether the event is not part of the request's history yet, as for `on_…` hooks.
    pub pending: bool,
    /// Id of who made the request.
    pub requester: String,
    /// Id of the chosen target.
    pub target: Option<String>,
}

impl Scope {
    pub(super) fn of(asking: &Asking<'_>, input: &EventInput) -> Self {
        let environment = asking.flow.environment.as_ref();
        let at = DateTime::parse_from_rfc3339(&input.timestamp)
            .map_or(Timestamp(0), |at| Timestamp(at.timestamp_millis()));
        // A run begins with its request, whoever made it and however often a hook fires it again.
        let in_history = asking.run.is_some_and(|run| {
            input.name == "request"
                || run
                    .history
                    .iter()
                    .any(|entry| entry.event == input.name && entry.at >= at)
        });
        let asked_by = asking.run.map(|run| run.requester.id.to_string());
        let target = asking.run.and_then(|run| run.target.as_ref());
        Self {
            // Without a run it is the id of the form; one that is none belongs to no run.
            run: RunId::parse_str(&input.run.id).unwrap_or_default(),
            flow: asking.flow.name.clone(),
            environment: environment.map(|environment| environment.name.clone()),
            environment_title: environment.map(|environment| environment.title().to_owned()),
            secrets: environment
                .map(|environment| environment.secrets().cloned().collect())
                .unwrap_or_default(),
            event: input.name.clone(),
            at,
            pending: !in_history,
            requester: asked_by.unwrap_or_else(|| input.user.id.clone()),
            target: target.map(|target| target.id.clone()),
        }
    }
}

/// Host calls of one handler call.
pub(super) struct EngineHost {
    engine: Arc<Engine>,
    scope: Scope,
    reach: Reach,
}

impl EngineHost {
    pub(super) fn new(engine: Arc<Engine>, scope: Scope) -> Self {
        Self {
            engine,
            scope,
            reach: Reach::default(),
        }
    }

    /// What a failure of the handlers is taken for that this host served.
    pub(super) fn judge(&self, failure: HandlerFailure) -> HandlerFailure {
        self.reach.judge(failure)
    }

    async fn carry_out(&self, name: &str, arguments: &Value) -> Result<Value, HostError> {
        self.reach.begins(name);
        let answer = self.ask(name, arguments).await;
        self.reach.ended(answer.is_ok() && sends(name, arguments));
        answer
    }

    async fn ask(&self, name: &str, arguments: &Value) -> Result<Value, HostError> {
        match name {
            "users.by_email" => self.user_by_email(arguments).await,
            "users.by_id" => self.user_by_id(text(arguments, "id")).await,
            "users.by_slack_id" => self.user_by_slack_id(text(arguments, "slack_id")).await,
            "users.by_mention" => self.user_by_mention(text(arguments, "text")).await,
            "slack.get_user_info" => self.get_user_info(text(arguments, "slack_id")).await,
            "slack.list_users" => self.list_users(arguments["active_only"] == true).await,
            "slack.is_user_in_group" => self.is_user_in_group(arguments).await,
            "slack.users_in_channel" => self.users_in_channel(arguments).await,
            "slack.send_message" => self.send_message(arguments).await,
            "slack.send_thread_message" => {
                self.send_thread_message(text(arguments, "message")).await
            }
            "identities.persist" => self.persist_identity(arguments).await,
            "events.count" => self.count_events(arguments).await,
            "store.fetch" => self.fetch(text(arguments, "path")).await,
            "store.put" => self.put(text(arguments, "path"), &arguments["value"]).await,
            "secrets.retrieve" => self.retrieve_secret(text(arguments, "id")).await,
            "http.request" => self.engine.outside.http.request(arguments).await,
            other => Err(unavailable(other)),
        }
    }
}

impl Host for EngineHost {
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        Box::pin(self.carry_out(name, arguments))
    }
}

/// Whether a host call does something outside that a repetition would do again.
fn sends(name: &str, arguments: &Value) -> bool {
    match name {
        "slack.send_message" | "slack.send_thread_message" => true,
        "http.request" => !matches!(text(arguments, "method"), "GET" | "HEAD" | "OPTIONS"),
        _ => false,
    }
}

fn text<'a>(arguments: &'a Value, key: &str) -> &'a str {
    arguments[key].as_str().unwrap_or_default()
}

fn failed(class: &str, name: &str, message: impl Into<String>) -> HostError {
    HostError {
        class: class.to_owned(),
        name: name.to_owned(),
        message: message.into(),
    }
}
