//! Carries out the host calls of handlers: what [`policy::host`](crate::policy::host) declares, and nothing else.
//!
//! [`people`] knows who people are, [`slack`] asks and writes in Slack, [`own`] has what the bot keeps itself: identities,
//! the history, the key-value store, secrets. Which request and flow a call is about stands in its [`Scope`], never in its
//! arguments: code cannot ask for what belongs to another flow.

mod own;
mod people;
mod slack;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::Engine;
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;
use crate::flows::catalog::Flow;
use crate::policy::host::unavailable;
use crate::policy::types::{Host, HostError};

/// What a handler call is about.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The request, or the form that may become one.
    pub run: RunId,
    pub flow: Arc<Flow>,
    /// The event being handled, such as `approve`.
    pub event: String,
    pub at: Timestamp,
    /// Whether the event is not part of the request's history yet, as for `on_…` hooks.
    pub pending: bool,
    pub requester: Uuid,
    /// Id of the chosen target.
    pub target: Option<String>,
}

impl Scope {
    /// An event that the request's history already has.
    pub(super) fn of(run: &Run, flow: &Arc<Flow>, event: &str) -> Self {
        Self {
            run: run.id,
            flow: flow.clone(),
            event: event.to_owned(),
            at: run.created_at,
            pending: false,
            requester: run.requester.id,
            target: run.target.as_ref().map(|target| target.id.clone()),
        }
    }

    /// The event happens only now.
    #[allow(dead_code)]
    pub(super) fn pending(self, at: Timestamp) -> Self {
        Self {
            at,
            pending: true,
            ..self
        }
    }
}

/// Host calls of one handler call.
pub(super) struct EngineHost {
    engine: Arc<Engine>,
    scope: Scope,
}

impl EngineHost {
    pub(super) fn new(engine: Arc<Engine>, scope: Scope) -> Self {
        Self { engine, scope }
    }

    async fn carry_out(&self, name: &str, arguments: &Value) -> Result<Value, HostError> {
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
