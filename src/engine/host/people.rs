//! Host calls `users.…`: who somebody is.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{EngineHost, failed, text};
use crate::engine::identities::stranger_id;
use crate::policy::types::{HostError, UserInput};
use crate::slack::api::ApiError;
use crate::slack::directory::NameError;
use crate::slack::text::may_be_id;

const LOOKUP_FAILED: &str = "LOOKUP_FAILED";

impl EngineHost {
    pub(super) async fn user_by_email(&self, arguments: &Value) -> Result<Value, HostError> {
        let email = text(arguments, "email");
        match self.engine.outside.directory.person_by_email(email).await {
            Ok(Some(person)) => Ok(json!(self.engine.user_input(&person))),
            Ok(None) if arguments["create"] == true => Ok(json!(self.stranger(email))),
            Ok(None) => Ok(Value::Null),
            Err(error) => Err(self.trouble("SymIntegrationError", &error)),
        }
    }

    pub(super) async fn user_by_id(&self, id: &str) -> Result<Value, HostError> {
        let directory = &self.engine.outside.directory;
        let found = match Uuid::parse_str(id) {
            Ok(uuid) => directory.person_by_id(uuid).await,
            Err(_) if looks_like_slack_id(id) => directory.person_by_slack_id(id).await,
            Err(_) => Ok(None),
        };
        match found {
            Ok(Some(person)) => Ok(json!(self.engine.user_input(&person))),
            Ok(None) => Ok(json!(placeholder(id))),
            Err(error) => Err(self.trouble("SymIntegrationError", &error)),
        }
    }

    pub(super) async fn user_by_slack_id(&self, slack_id: &str) -> Result<Value, HostError> {
        let directory = &self.engine.outside.directory;
        match directory.person_by_slack_id(slack_id).await {
            Ok(person) => Ok(json!(person.map(|person| self.engine.user_input(&person)))),
            Err(error) => Err(self.trouble("SlackError", &error)),
        }
    }

    pub(super) async fn user_by_mention(&self, written: &str) -> Result<Value, HostError> {
        let directory = &self.engine.outside.directory;
        match directory.person_by_mention(written).await {
            Ok(person) => Ok(json!(person.map(|person| self.engine.user_input(&person)))),
            Err(NameError::Api(error)) => Err(self.trouble("SlackError", &error)),
            Err(error) => Err(failed("SlackError", "AMBIGUOUS_USER", error.to_string())),
        }
    }

    fn trouble(&self, class: &str, error: &ApiError) -> HostError {
        self.reach.failed(&self.engine.outside, error);
        failed(class, LOOKUP_FAILED, error.to_string())
    }

    /// [`stranger`] with the identities that were kept.
    fn stranger(&self, email: &str) -> UserInput {
        UserInput {
            identities: self.engine.identities.of(stranger_id(email)),
            ..stranger(email)
        }
    }
}

/// Slack's user ids begin with U or W, followed by capitals and digits.
fn looks_like_slack_id(text: &str) -> bool {
    text.len() > 3 && may_be_id(text, &['U', 'W'])
}

/// For an address that nobody in Slack has: usable as a value, not reachable; without identities.
pub(crate) fn stranger(email: &str) -> UserInput {
    UserInput {
        email: Some(email.to_owned()),
        username: email.to_owned(),
        name: email.to_owned(),
        ..placeholder(&stranger_id(email).to_string())
    }
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
        identities: Vec::new(),
    }
}
