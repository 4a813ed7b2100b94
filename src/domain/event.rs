//! What can happen to a run.

use serde_json::{Map, Value};

use super::effect::{Attempt, Press};
use super::field::SubmittedField;
use super::hook::HookAnswer;
use super::permission::Permissions;
use super::person::{Person, PersonRef};
use super::routing::Notification;
use super::run::{ChosenTarget, MessageRef, PinnedFlow, RunError, RunId, SourceChannel};
use super::shown::AccessQuestions;

/// A submitted form: the birth of a run.
#[derive(Debug, Clone)]
pub struct Submission {
    pub id: RunId,
    pub flow: PinnedFlow,
    /// Slack's id of the workspace.
    pub workspace: String,
    pub requester: PersonRef,
    pub source: SourceChannel,
    pub fields: Vec<SubmittedField>,
    pub target: Option<ChosenTarget>,
    pub duration_seconds: Option<u64>,
    /// How the form asked for the two.
    pub access_questions: AccessQuestions,
    /// What an API request attached.
    pub context: Option<Map<String, Value>>,
    /// The selection of the flow in the picker, where the request came of one.
    pub parent: Option<RunId>,
}

/// Everything that can happen afterwards. Each may come late, twice, or for a run that is long closed.
#[derive(Debug, Clone)]
pub enum Event {
    /// The reducers have answered.
    Routed(Routing),
    /// A reducer failed.
    RoutingFailed { error: RunError },
    /// One destination of a notification was tried to the end.
    Delivered {
        notification: usize,
        destination: usize,
        outcome: DeliveryOutcome,
    },
    /// The time of a notification is over.
    TimerFired { notification: usize },
    /// Somebody pressed Approve or Deny.
    Attempted(Attempt),
    /// An effect can never be carried out: in words for administrators.
    GivenUp { what: String, reason: String },
    /// Somebody pressed Approve or Deny who has to be looked up first.
    Pressed(Press),
    /// Who pressed is known now, or cannot be found out.
    Identified {
        /// Of the press.
        number: u64,
        /// Else the code under which the log says why.
        who: Result<Person, String>,
    },
    /// A hook has answered, or failed.
    HookAnswered {
        /// Of the call.
        number: u64,
        answer: HookAnswer,
        /// For `on_request` that lets the request proceed: what the reducers said in the same round trip.
        routing: Option<Routing>,
    },
}

/// What the reducers answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    pub permissions: Permissions,
    pub notifications: Vec<Notification>,
    /// Seconds after which the request expires when it is with no notification, from `get_timeout`.
    pub expires_after: Option<i64>,
    /// The fields again, with names of people filled in.
    pub fields: Option<Vec<SubmittedField>>,
}

/// How sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Sent(MessageRef),
    /// For administrators.
    Failed {
        /// Slack's word or ours.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

/// A decision message as it is kept: with the line ends of the rest of the world, without control characters, which no page
/// and no message shows, and without surrounding blanks. `None` when nothing is left.
#[must_use]
pub fn clean_message(typed: &str) -> Option<String> {
    let text: String = typed
        .replace("\r\n", "\n")
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_message_keeps_its_lines_and_loses_control_characters() {
        let cleaned = clean_message(" a\r\nb\u{0}\u{1b}[1m\tc \n");
        assert_eq!(cleaned.as_deref(), Some("a\nb[1m\tc"));
        assert_eq!(clean_message(" \r\n "), None);
    }
}
