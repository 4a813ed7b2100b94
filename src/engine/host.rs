//! Carries out the host calls of handlers: what [`policy::host`](crate::policy::host) declares, and nothing else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Engine;
use super::calls::user_input;
use super::outbox::Held;
use crate::domain::routing::Destination;
use crate::policy::host::unavailable;
use crate::policy::types::{Host, HostError, UserInput};
use crate::slack::directory::NameError;
use crate::slack::message;

/// How long a message that a handler sends is tried; the handler waits, within its own deadline.
const SEND_PATIENCE: Duration = Duration::from_secs(8);

/// Host calls of one handler call.
pub(super) struct EngineHost {
    engine: Arc<Engine>,
}

impl EngineHost {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    async fn carry_out(&self, name: &str, arguments: &Value) -> Result<Value, HostError> {
        let text = |key: &str| arguments[key].as_str().unwrap_or_default();
        let directory = &self.engine.outside.directory;
        match name {
            "users.by_email" => {
                let email = text("email");
                match directory.person_by_email(email).await {
                    Ok(Some(person)) => Ok(json!(user_input(&person))),
                    Ok(None) if arguments["create"] == true => Ok(json!(stranger(email))),
                    Ok(None) => Ok(Value::Null),
                    Err(error) => Err(trouble("SymIntegrationError", &error)),
                }
            }
            "users.by_id" => {
                let id = text("id");
                let found = match Uuid::parse_str(id) {
                    Ok(uuid) => directory.person_by_id(uuid).await,
                    Err(_) if looks_like_slack_id(id) => directory.person_by_slack_id(id).await,
                    Err(_) => Ok(None),
                };
                match found {
                    Ok(Some(person)) => Ok(json!(user_input(&person))),
                    Ok(None) => Ok(json!(placeholder(id))),
                    Err(error) => Err(trouble("SymIntegrationError", &error)),
                }
            }
            "users.by_slack_id" => match directory.person_by_slack_id(text("slack_id")).await {
                Ok(person) => Ok(json!(person.as_ref().map(user_input))),
                Err(error) => Err(trouble("SlackError", &error)),
            },
            "users.by_mention" => match directory.person_by_mention(text("text")).await {
                Ok(person) => Ok(json!(person.as_ref().map(user_input))),
                Err(NameError::Api(error)) => Err(trouble("SlackError", &error)),
                Err(error) => Err(HostError {
                    name: "AMBIGUOUS_USER".to_owned(),
                    ..trouble("SlackError", &error)
                }),
            },
            "slack.send_message" => self.send_message(arguments).await,
            other => Err(unavailable(other)),
        }
    }

    async fn send_message(&self, arguments: &Value) -> Result<Value, HostError> {
        let failed = |name: &str, message: String| HostError {
            class: "SlackError".to_owned(),
            name: name.to_owned(),
            message,
        };
        let destination: Destination = serde_json::from_value(arguments["destination"].clone())
            .map_err(|error| failed("INVALID_ARGUMENT", error.to_string()))?;
        let outside = &self.engine.outside;
        let words = message::plain_message(arguments["message"].as_str().unwrap_or_default());
        let sent = match outside.find(&destination, SEND_PATIENCE).await {
            Ok(channel) => outside.post(&channel, &words, SEND_PATIENCE).await,
            Err(held) => Err(held),
        };
        sent.map_err(|held| {
            let name = match &held {
                Held::Slack(error) => error.code().unwrap_or("UNAVAILABLE").to_ascii_uppercase(),
                Held::Never(_) => "CHANNEL_NOT_FOUND".to_owned(),
                _ => "UNAVAILABLE".to_owned(),
            };
            failed(&name, format!("{}: {held}", destination.describe()))
        })?;
        Ok(Value::Null)
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

fn trouble(class: &str, error: &dyn std::fmt::Display) -> HostError {
    HostError {
        class: class.to_owned(),
        name: "LOOKUP_FAILED".to_owned(),
        message: error.to_string(),
    }
}

/// Slack's user ids begin with U or W, followed by capitals and digits.
fn looks_like_slack_id(text: &str) -> bool {
    text.len() > 3
        && text.starts_with(['U', 'W'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// For an address that nobody in Slack has: usable as a value, not reachable.
pub(crate) fn stranger(email: &str) -> UserInput {
    let id = Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("mailto:{}", email.to_lowercase()).as_bytes(),
    );
    UserInput {
        email: Some(email.to_owned()),
        ..placeholder(&id.to_string())
    }
    .named(email)
}

/// For an id that nobody has.
pub(crate) fn placeholder(id: &str) -> UserInput {
    UserInput {
        id: id.to_owned(),
        email: None,
        username: id.to_owned(),
        name: id.to_owned(),
        first_name: None,
        last_name: None,
        role: "guest".to_owned(),
        slack_id: None,
        known: false,
        user_type: None,
    }
}

impl UserInput {
    fn named(self, name: &str) -> Self {
        Self {
            username: name.to_owned(),
            name: name.to_owned(),
            ..self
        }
    }
}
