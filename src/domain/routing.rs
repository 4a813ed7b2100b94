//! Where a request goes: notifications and their destinations, as `get_request_notifications` returned them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// One entry of the list that `get_request_notifications` returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub destinations: Vec<Destination>,
    /// Seconds until the next entry is used; `None` waits for ever. Zero and below mean at once.
    pub timeout_seconds: Option<i64>,
    /// Set for destinations that `get_approvers` returned, and where `get_timeout` says when the request expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<Legacy>,
}

impl Notification {
    /// One entry of a list of the reducer `get_request_notifications`.
    #[must_use]
    pub fn new(destinations: Vec<Destination>, timeout_seconds: Option<i64>) -> Self {
        Self {
            destinations,
            timeout_seconds,
            legacy: None,
        }
    }

    /// Without destinations that lead where an earlier one does: nobody is sent the same message twice.
    #[must_use]
    pub fn without_repeats(mut self) -> Self {
        let mut seen = HashSet::new();
        self.destinations
            .retain(|one| one.place().is_none_or(|place| seen.insert(place)));
        self
    }
}

/// The name of a channel as Slack has it, however it was written: without `#`, in lower case.
#[must_use]
pub fn bare_channel_name(name: &str) -> String {
    name.trim().trim_start_matches('#').to_lowercase()
}

/// What `get_approvers` says beyond a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legacy {
    /// Whether the requester may approve while the request is here.
    pub allow_self: bool,
    /// Whether the next destination is used when this one cannot be delivered.
    pub continue_on_failure: bool,
    /// Whether the next destination is used when the time of this one is over.
    pub continue_on_timeout: bool,
}

/// One place or person that a notification is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Destination {
    /// A conversation id: `C…`, `G…` or `D…`.
    ChannelId { id: String },
    /// A channel name as written; a leading `#` is optional.
    ChannelName { name: String },
    /// A direct message from the app to one Slack user.
    SlackUser { slack_id: String },
    /// A group direct message with 1 to 7 Slack users.
    SlackGroup { slack_ids: Vec<String> },
    /// A `User` object: told through direct message (and mail, where it is set up).
    User {
        /// The text of `User.id`; may be an id that nobody has.
        id: String,
        slack_id: Option<String>,
        email: Option<String>,
    },
    /// A reference that can never be delivered, for example `slack.channel(None)`.
    Nowhere { reason: String },
}

impl Destination {
    /// Where the message goes as far as the destination itself says; `None` for nowhere. Unlike places may still turn out to be one when they
    /// are looked up.
    fn place(&self) -> Option<String> {
        let person = |slack_id: &str| Some(format!("person {slack_id}"));
        match self {
            Self::ChannelId { id } => Some(format!("channel {id}")),
            Self::ChannelName { name } => Some(format!("channel #{}", bare_channel_name(name))),
            Self::SlackUser { slack_id } => person(slack_id),
            Self::SlackGroup { slack_ids } => match slack_ids.as_slice() {
                [only] => person(only),
                _ => Some(format!("group {}", slack_ids.join(" "))),
            },
            Self::User {
                id,
                slack_id,
                email,
            } => match (slack_id, email) {
                (Some(slack_id), _) => person(slack_id),
                (None, Some(email)) => Some(format!("address {}", email.trim().to_lowercase())),
                (None, None) => Some(format!("id {id}")),
            },
            Self::Nowhere { .. } => None,
        }
    }

    /// How the destination is named to administrators and in audit records.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::ChannelId { id } => format!("channel {id}"),
            Self::ChannelName { name } => format!("channel #{}", name.trim_start_matches('#')),
            Self::SlackUser { slack_id } => format!("Slack user {slack_id}"),
            Self::SlackGroup { slack_ids } => {
                format!("group of Slack users {}", slack_ids.join(", "))
            }
            Self::User {
                id,
                slack_id,
                email,
            } => match (email, slack_id) {
                (Some(email), _) => format!("user {email}"),
                (None, Some(slack_id)) => format!("Slack user {slack_id}"),
                (None, None) => format!("user with id {id}"),
            },
            Self::Nowhere { reason } => format!("no destination ({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn somebody_without_an_address_is_named_by_what_slack_knows() {
        let user = |slack_id: Option<&str>, email: Option<&str>| Destination::User {
            id: "3bdc2f6e".to_owned(),
            slack_id: slack_id.map(str::to_owned),
            email: email.map(str::to_owned),
        };
        assert_eq!(
            user(Some("U1"), Some("bob@acme.example")).describe(),
            "user bob@acme.example"
        );
        assert_eq!(user(Some("U1"), None).describe(), "Slack user U1");
        assert_eq!(user(None, None).describe(), "user with id 3bdc2f6e");
    }
}
