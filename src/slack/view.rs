//! What the builders of modals and messages are given: plain values, already looked up, in the words of people.
//!
//! The engine makes these from runs and flows; `slack::modal` and `slack::message` turn them into blocks, purely.

use serde::{Deserialize, Serialize};

use super::live::FormState;
use crate::domain::permission::Verdict;
use crate::domain::run::{Run, SourceChannel};
use crate::flows::catalog::Flow;

/// Carried through a modal in `private_metadata` (at most 3000 characters), so that no state is kept for open forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormMetadata {
    pub source: SourceChannel,
    /// Slug of the flow; empty in the flow picker.
    #[serde(default)]
    pub flow: String,
    #[serde(default)]
    pub environment: Option<String>,
    /// Version of the flow that the form was made from.
    #[serde(default)]
    pub version: String,
    /// Made when the form opens: the run's id, so that a form submitted twice makes one request.
    #[serde(default)]
    pub run: Option<uuid::Uuid>,
    /// The selection in the flow picker that the form came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<uuid::Uuid>,
}

impl FormMetadata {
    /// As it is carried in `private_metadata`; `None` when it would not fit (slugs of thousands of letters).
    #[must_use]
    pub fn encode(&self) -> Option<String> {
        serde_json::to_string(self)
            .ok()
            .filter(|text| text.chars().count() <= super::limits::PRIVATE_METADATA_CHARS)
    }

    /// Reads `private_metadata`; `None` for anything that is not ours.
    #[must_use]
    pub fn decode(private_metadata: &str) -> Option<Self> {
        serde_json::from_str(private_metadata).ok()
    }
}

/// One line of the flow picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowChoice {
    pub name: String,
    pub label: String,
    /// Slug of the environment: with the name it says which flow it is.
    pub environment: Option<String>,
    /// What people call the environment, where that is not its slug.
    pub environment_label: Option<String>,
}

/// The form of a flow.
#[derive(Debug, Clone)]
pub struct FormView<'a> {
    pub flow: &'a Flow,
    /// Name of the person, for the greeting.
    pub person_name: &'a str,
    /// What the environment is called, where it is to be named (there are several).
    pub environment: Option<&'a str>,
    pub metadata: FormMetadata,
    /// What it has become since it was opened.
    pub state: &'a FormState,
}

/// The request message in its newest state.
#[derive(Debug, Clone)]
pub struct RequestMessage<'a> {
    pub run: &'a Run,
    /// Index of the notification that this message belongs to: an old one has no buttons.
    pub notification: usize,
    pub show_environment: bool,
    /// Link to the request in the web app, when it is on.
    pub link: Option<&'a str>,
}

/// A message ready to post.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// For notifications and clients without blocks.
    pub text: String,
    pub blocks: serde_json::Value,
}

/// What a button's `value` says: the run, so that a click on any copy of the message works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ButtonValue {
    pub run: uuid::Uuid,
    pub verdict: Verdict,
    pub notification: usize,
}

impl ButtonValue {
    /// The text of the button's `value`.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::json!({
            "run": self.run,
            "verdict": self.verdict.verb(),
            "notification": self.notification,
        })
        .to_string()
    }

    /// Reads a button's `value`: more keys are ignored, a missing notification is the first. `None` for anything that does
    /// not name a run and a verdict.
    #[must_use]
    pub fn decode(value: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(value).ok()?;
        Some(Self {
            run: uuid::Uuid::parse_str(value.get("run")?.as_str()?).ok()?,
            verdict: match value.get("verdict")?.as_str()? {
                "approve" => Verdict::Approve,
                "deny" => Verdict::Deny,
                _ => return None,
            },
            notification: value
                .get("notification")
                .and_then(serde_json::Value::as_u64)
                .and_then(|index| usize::try_from(index).ok())
                .unwrap_or(0),
        })
    }
}

/// `callback_id` of the modals, `action_id` of the buttons and inputs.
pub mod ids {
    /// Flow picker.
    pub const PICKER: &str = "symbot_pick_flow";
    /// A flow's form.
    pub const FORM: &str = "symbot_request";
    /// Global shortcut (also in `manifest.yaml`).
    pub const SHORTCUT: &str = "symbot_request";
    pub const APPROVE: &str = "symbot_approve";
    pub const DENY: &str = "symbot_deny";
    /// Optional input above the buttons.
    pub const DECISION_MESSAGE: &str = "symbot_decision_message";
    /// App Home button.
    pub const HOME_REQUEST: &str = "symbot_home_request";
}
