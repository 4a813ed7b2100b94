//! What an open form has become: options that prefetch reducers supplied, and what `on_change` functions made of it.
//!
//! Kept by the engine while the form is open; `question` lays it over what the flow says, so that the form is drawn and read
//! back from one description.

use std::collections::BTreeMap;

/// The state of one open form. Empty for a form that is as the flow says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormState {
    /// By name of the field.
    pub fields: BTreeMap<String, FieldState>,
    /// Instead of the flow's additional header text.
    pub header: Option<String>,
    /// What went wrong in the last change, for people; `mrkdwn` of ours.
    pub note: Option<String>,
}

/// What differs from the flow in one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldState {
    pub label: Option<String>,
    pub required: Option<bool>,
    pub visible: Option<bool>,
    /// The allowed values.
    pub options: Option<Vec<StateOption>>,
    /// Texts of the value that the field is shown with: none or one, several for lists.
    pub value: Option<Vec<String>>,
    /// Part of the input's id: Slack keeps what a person entered as long as the id stays, so setting a value needs a new one.
    pub version: u32,
}

/// An allowed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOption {
    /// As it would be written in the configuration.
    pub value: String,
    pub label: String,
}

impl FormState {
    /// What is known of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldState> {
        self.fields.get(name)
    }
}
