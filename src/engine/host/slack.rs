//! Host calls `slack.…`: Slack's own look-ups, and messages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{EngineHost, failed, text};
use crate::domain::routing::Destination;
use crate::domain::run::{MessageRef, Run};
use crate::engine::outbox::Held;
use crate::policy::types::HostError;
use crate::slack::api::{ApiError, Post};
use crate::slack::message;

/// How long a message that a handler sends is tried; the handler waits, within its own deadline.
const SEND_PATIENCE: Duration = Duration::from_secs(8);
/// How long a direct message is looked for whose members are asked for.
const FIND_PATIENCE: Duration = Duration::from_secs(8);

const CLASS: &str = "SlackError";

impl EngineHost {
    pub(super) async fn get_user_info(&self, slack_id: &str) -> Result<Value, HostError> {
        let found = self.engine.outside.directory.user_object(slack_id).await;
        found
            .map(|user| Value::clone(&user))
            .map_err(|error| self.refused(&error, &format!("Slack user {slack_id}")))
    }

    pub(super) async fn list_users(&self, active_only: bool) -> Result<Value, HostError> {
        let everybody = self.engine.outside.directory.user_objects().await;
        let everybody = everybody.map_err(|error| self.refused(&error, "the list of all users"))?;
        let wanted = everybody
            .iter()
            .filter(|user| !active_only || user["deleted"] != true);
        Ok(wanted.cloned().collect())
    }

    pub(super) async fn is_user_in_group(&self, arguments: &Value) -> Result<Value, HostError> {
        let group = text(arguments, "group_id");
        let members = self.engine.outside.directory.group_members(group).await;
        let members =
            members.map_err(|error| self.refused(&error, &format!("user group {group}")))?;
        Ok(members.contains(text(arguments, "slack_id")).into())
    }

    pub(super) async fn users_in_channel(&self, arguments: &Value) -> Result<Value, HostError> {
        let channel = destination(&arguments["channel"])?;
        let id = self
            .engine
            .outside
            .find(&channel, FIND_PATIENCE)
            .await
            .map_err(|held| self.not_done(&held, &channel))?;
        let people = self.engine.outside.directory.people_in(&id).await;
        let people = people.map_err(|error| self.refused(&error, &channel.describe()))?;
        let users = people.iter().map(|person| self.engine.user_input(person));
        Ok(json!(users.collect::<Vec<_>>()))
    }

    pub(super) async fn send_message(&self, arguments: &Value) -> Result<Value, HostError> {
        let to = destination(&arguments["destination"])?;
        let outside = &self.engine.outside;
        let words = message::plain_message(text(arguments, "message"));
        let sent = match outside.find(&to, SEND_PATIENCE).await {
            Ok(channel) => outside.post(&channel, &words, SEND_PATIENCE).await,
            Err(held) => Err(held),
        };
        sent.map_err(|held| self.not_done(&held, &to))?;
        Ok(Value::Null)
    }

    /// Replies to the newest request message.
    pub(super) async fn send_thread_message(&self, words: &str) -> Result<Value, HostError> {
        let run = self.engine.store.run(self.scope.run).await;
        let run = run.map_err(|error| failed(CLASS, "UNAVAILABLE", error.to_string()))?;
        let Some(parent) = run.as_ref().and_then(newest_message) else {
            return Err(failed(
                CLASS,
                "MESSAGE_NOT_SENT",
                "There is no thread to reply in: this request has not been sent to Slack.",
            ));
        };
        let words = message::plain_message(words);
        let outside = &self.engine.outside;
        let post = || async {
            let post = Post {
                channel: &parent.channel,
                text: &words.text,
                blocks: Some(&words.blocks),
                thread_ts: Some(&parent.ts),
                ..Post::default()
            };
            outside.api.chat_post_message(post).await?;
            Ok::<_, Held>(())
        };
        let to = Destination::ChannelId {
            id: parent.channel.clone(),
        };
        outside
            .insist("chat.postMessage", &parent.channel, SEND_PATIENCE, post)
            .await
            .map_err(|held| self.not_done(&held, &to))?;
        Ok(Value::Null)
    }

    fn refused(&self, error: &ApiError, what: &str) -> HostError {
        self.reach.failed(&self.engine.outside, error);
        refusal(error, what)
    }

    fn not_done(&self, held: &Held, to: &Destination) -> HostError {
        match held {
            Held::Slack(error) => self.refused(error, &to.describe()),
            Held::Never(_) => failed(
                CLASS,
                "CHANNEL_NOT_FOUND",
                format!("{}: {held}", to.describe()),
            ),
            Held::Ending => {
                self.reach.cut_short();
                failed(CLASS, "UNAVAILABLE", held.to_string())
            }
            _ => failed(CLASS, "UNAVAILABLE", format!("{}: {held}", to.describe())),
        }
    }
}

/// The first message of the notification that was sent last: where several people were told, the one in the channel or with
/// the first of them.
fn newest_message(run: &Run) -> Option<&MessageRef> {
    run.notifications
        .iter()
        .rev()
        .find_map(|routed| routed.messages().next())
}

fn destination(value: &Value) -> Result<Destination, HostError> {
    serde_json::from_value(value.clone())
        .map_err(|error| failed(CLASS, "INVALID_ARGUMENT", error.to_string()))
}

/// Slack's word in capitals, with the names that flows know for some.
fn name_of(error: &ApiError) -> String {
    match error.code() {
        Some("no_such_subteam" | "subteam_not_found") => "GROUP_NOT_FOUND".to_owned(),
        Some("user_not_found" | "users_not_found" | "user_not_visible") => {
            "USER_NOT_FOUND".to_owned()
        }
        Some(code) => code.to_ascii_uppercase(),
        None => "UNAVAILABLE".to_owned(),
    }
}

fn refusal(error: &ApiError, what: &str) -> HostError {
    failed(CLASS, &name_of(error), format!("{what}: {error}"))
}
