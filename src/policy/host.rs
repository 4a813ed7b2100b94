//! The one list of host calls: everything that an implementation can reach outside its worker.
//!
//! A worker sends a name and a JSON object of arguments. [`check`] refuses names that are not listed and arguments that
//! do not fit before the engine's [`Host`](super::types::Host) sees them. The engine need not carry out every call: for
//! those it does not know it answers with [`unavailable`].
//!
//! A *user* in an answer is a [`UserInput`](super::types::UserInput) as JSON. A *destination* in arguments is a
//! [`Destination`](crate::domain::routing::Destination) as JSON. Failures are [`HostError`]s; their class is the one
//! given here unless the description says otherwise, because existing flows catch exactly these.

use std::time::Duration;

use serde_json::Value;

use super::types::HostError;

/// Deadlines of host calls, within that of the handler: one look-up in Slack, which the directory repeats a few times; one that
/// may read a long list; a message; what the bot has on its own disk.
const LOOK_UP: Duration = Duration::from_secs(15);
const LIST: Duration = Duration::from_secs(60);
const SEND: Duration = Duration::from_secs(15);
const OWN: Duration = Duration::from_secs(5);
/// The gate has limits of its own (30 s), and names them better.
const HTTP: Duration = Duration::from_secs(35);

/// The kind of value that an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Text, or null.
    OptionalText,
    Bool,
    /// A destination.
    Destination,
    /// Any JSON.
    Json,
}

/// What a host call can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Reads who people are (Slack's user list, the bot's own records).
    ReadPeople,
    /// Reads Slack groups and channel members.
    ReadSlack,
    /// Posts messages in Slack as the bot.
    WriteSlack,
    /// Reads or changes identities of users.
    Identities,
    /// Reads the history of requests.
    ReadHistory,
    /// Reads or changes the key-value store of flows.
    FlowStore,
    /// Reaches the hosts that the operator has listed.
    Network,
    /// Reads secrets that the flow's environment refers to.
    Secrets,
}

/// A declared host call.
#[derive(Debug)]
pub struct HostCall {
    pub name: &'static str,
    pub reach: Reach,
    pub arguments: &'static [(&'static str, Kind)],
    /// Its deadline; past it the exception has the name `TIMEOUT`.
    pub within: Duration,
    /// Class in `sym.sdk.exceptions` that its failures have.
    pub exception: &'static str,
    /// What is answered, and how it fails.
    pub answer: &'static str,
}

/// All of them.
pub const HOST_CALLS: &[HostCall] = &[
    HostCall {
        name: "users.by_email",
        reach: Reach::ReadPeople,
        arguments: &[("email", Kind::Text), ("create", Kind::Bool)],
        within: LOOK_UP,
        exception: "SymIntegrationError",
        answer: "a user; with create=false null when nobody has the address. With create=true an unknown address gives a \
                 placeholder (known=false, slack_id=null, username=email, id made from the address), never null",
    },
    HostCall {
        name: "users.by_id",
        reach: Reach::ReadPeople,
        arguments: &[("id", Kind::Text)],
        within: LIST,
        exception: "SymIntegrationError",
        answer: "a user; for an unknown id a placeholder with that text as id and username, known=false",
    },
    HostCall {
        name: "users.by_mention",
        reach: Reach::ReadPeople,
        arguments: &[("text", Kind::Text)],
        within: LIST,
        exception: "SlackError",
        answer: "the user that `@Name` or `Name` stands for (display name, real name or handle), null when nobody does; \
                 several: SlackError AMBIGUOUS_USER",
    },
    HostCall {
        name: "users.by_slack_id",
        reach: Reach::ReadPeople,
        arguments: &[("slack_id", Kind::Text)],
        within: LOOK_UP,
        exception: "SlackError",
        answer: "a user, null when there is none",
    },
    HostCall {
        name: "slack.get_user_info",
        reach: Reach::ReadPeople,
        arguments: &[("slack_id", Kind::Text)],
        within: LOOK_UP,
        exception: "SlackError",
        answer: "Slack's user object; USER_NOT_FOUND",
    },
    HostCall {
        name: "slack.list_users",
        reach: Reach::ReadPeople,
        arguments: &[("active_only", Kind::Bool)],
        within: LIST,
        exception: "SlackError",
        answer: "a list of Slack's user objects",
    },
    HostCall {
        name: "slack.is_user_in_group",
        reach: Reach::ReadSlack,
        arguments: &[("slack_id", Kind::Text), ("group_id", Kind::Text)],
        within: LOOK_UP,
        exception: "SlackError",
        answer: "a bool; GROUP_NOT_FOUND",
    },
    HostCall {
        name: "slack.users_in_channel",
        reach: Reach::ReadSlack,
        arguments: &[("channel", Kind::Destination)],
        within: LIST,
        exception: "SlackError",
        answer: "a list of users; CHANNEL_NOT_FOUND, NOT_IN_CHANNEL",
    },
    HostCall {
        name: "slack.send_message",
        reach: Reach::WriteSlack,
        arguments: &[("destination", Kind::Destination), ("message", Kind::Text)],
        within: SEND,
        exception: "SlackError",
        answer: "null",
    },
    HostCall {
        name: "slack.send_thread_message",
        reach: Reach::WriteSlack,
        arguments: &[("message", Kind::Text)],
        within: SEND,
        exception: "SlackError",
        answer: "null; fails when the request was never sent to Slack",
    },
    HostCall {
        name: "identities.persist",
        reach: Reach::Identities,
        arguments: &[
            ("email", Kind::Text),
            ("service", Kind::Text),
            ("service_id", Kind::Text),
            ("user_id", Kind::Text),
        ],
        within: OWN,
        exception: "CouldNotSaveError",
        answer: "null",
    },
    HostCall {
        name: "events.count",
        reach: Reach::ReadHistory,
        arguments: &[
            ("user_id", Kind::Text),
            ("event", Kind::Text),
            ("since", Kind::OptionalText),
            ("until", Kind::OptionalText),
            ("filter_on", Kind::Text),
            ("include_errored", Kind::Bool),
        ],
        within: OWN,
        exception: "SymIntegrationError",
        answer: "a number; since and until are ISO 8601 and inclusive",
    },
    HostCall {
        name: "store.fetch",
        reach: Reach::FlowStore,
        arguments: &[("path", Kind::Text)],
        within: OWN,
        exception: "SymIntegrationError",
        answer: "the value at the dotted path or null; KeyError when a part of the path holds a plain value",
    },
    HostCall {
        name: "store.put",
        reach: Reach::FlowStore,
        arguments: &[("path", Kind::Text), ("value", Kind::Json)],
        within: OWN,
        exception: "SymIntegrationError",
        answer: "null; KeyError when a part of the path holds a plain value",
    },
    HostCall {
        name: "secrets.retrieve",
        reach: Reach::Secrets,
        arguments: &[("id", Kind::Text)],
        within: OWN,
        exception: "SymIntegrationError",
        answer: "the value as text, of a secret that the flow's environment refers to; SECRET_NOT_FOUND otherwise and when \
                 nobody has supplied it",
    },
    HostCall {
        name: "http.request",
        reach: Reach::Network,
        arguments: &[
            ("method", Kind::Text),
            ("url", Kind::Text),
            ("headers", Kind::Json),
            ("body", Kind::OptionalText),
            ("timeout", Kind::Json),
            ("redirects", Kind::Bool),
        ],
        within: HTTP,
        exception: "RequestException",
        answer: "the response, see policy::http, which carries it out; the class of a failure is a name in \
                 requests.exceptions. At most 1 MB and 30 s, only to listed hosts",
    },
];

impl HostCall {
    /// What is raised when the deadline has passed.
    #[must_use]
    pub fn late(&self) -> HostError {
        refusal(
            self.exception,
            "TIMEOUT",
            format!(
                "{} was not done within {} s",
                self.name,
                self.within.as_secs()
            ),
        )
    }
}

/// What is raised for an answer that no worker takes.
#[must_use]
pub fn too_large(name: &str) -> HostError {
    refusal(
        exception_of(name),
        "ANSWER_TOO_LARGE",
        format!(
            "the answer of {name} is larger than {} MB",
            super::wire::FRAME_MAX_BYTES >> 20
        ),
    )
}

fn exception_of(name: &str) -> &'static str {
    HOST_CALLS
        .iter()
        .find(|call| call.name == name)
        .map_or("SymException", |call| call.exception)
}

/// The declaration of the call, when name and arguments fit it.
///
/// # Errors
/// The exception to raise otherwise.
pub fn check(name: &str, arguments: &Value) -> Result<&'static HostCall, HostError> {
    let Some(call) = HOST_CALLS.iter().find(|call| call.name == name) else {
        return Err(refusal(
            "SymException",
            "UNKNOWN_HOST_CALL",
            format!("'{name}' is not a host call"),
        ));
    };
    let invalid = |what: &str| {
        Err(refusal(
            call.exception,
            "INVALID_ARGUMENT",
            format!("{name}: {what}"),
        ))
    };
    let Value::Object(given) = arguments else {
        return invalid("arguments must be an object");
    };
    if let Some(extra) = given
        .keys()
        .find(|key| !call.arguments.iter().any(|(name, _)| name == key))
    {
        return invalid(&format!("there is no argument '{extra}'"));
    }
    for (argument, kind) in call.arguments {
        let fits = match (kind, given.get(*argument)) {
            (Kind::Text, Some(Value::String(_)))
            | (Kind::OptionalText, Some(Value::String(_) | Value::Null))
            | (Kind::Bool, Some(Value::Bool(_)))
            | (Kind::Json, Some(_)) => true,
            (Kind::Destination, Some(value)) => {
                serde_json::from_value::<crate::domain::routing::Destination>(value.clone()).is_ok()
            }
            _ => false,
        };
        if !fits {
            return invalid(&format!(
                "argument '{argument}' is missing or has the wrong type"
            ));
        }
    }
    Ok(call)
}

/// The answer of an engine that does not carry out this call.
#[must_use]
pub fn unavailable(name: &str) -> HostError {
    refusal(
        exception_of(name),
        "NOT_AVAILABLE",
        format!("{name} is not available in this version of symbot"),
    )
}

fn refusal(class: &str, name: &str, message: String) -> HostError {
    HostError {
        class: class.to_owned(),
        name: name.to_owned(),
        message,
    }
}
