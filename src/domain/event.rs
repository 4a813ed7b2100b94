//! What can happen to a run.

use super::effect::Attempt;
use super::field::SubmittedField;
use super::permission::Permissions;
use super::person::PersonRef;
use super::routing::Notification;
use super::run::{ChosenTarget, MessageRef, PinnedFlow, RunError, RunId, SourceChannel};

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
}

/// Everything that can happen afterwards. Each may come late, twice, or for a run that is long closed.
#[derive(Debug, Clone)]
pub enum Event {
    /// The reducers have answered.
    Routed {
        permissions: Permissions,
        notifications: Vec<Notification>,
        /// The fields again, with names of people filled in.
        fields: Option<Vec<SubmittedField>>,
    },
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
}

/// How sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Sent(MessageRef),
    /// For administrators: Slack's word or ours.
    Failed(String),
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
