//! Values of prompt fields, typed.

use serde::{Deserialize, Serialize};

/// The eight types a `prompt_field` may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    String,
    Int,
    Bool,
    Duration,
    SlackUser,
    SlackUserList,
    StrList,
    IntList,
}

impl FieldType {
    /// All of them, in the order in which errors list them.
    pub const ALL: [Self; 8] = [
        Self::String,
        Self::Int,
        Self::Bool,
        Self::Duration,
        Self::SlackUser,
        Self::SlackUserList,
        Self::StrList,
        Self::IntList,
    ];

    /// Whether Slack offers the values itself.
    #[must_use]
    pub fn is_people(self) -> bool {
        matches!(self, Self::SlackUser | Self::SlackUserList)
    }

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Duration => "duration",
            Self::SlackUser => "slack_user",
            Self::SlackUserList => "slack_user_list",
            Self::StrList => "str_list",
            Self::IntList => "int_list",
        }
    }
}

/// A Slack user as the value of a field. The name is filled in once the person has been looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserValue {
    pub slack_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A submitted value. An optional field that was left empty has no entry at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum FieldValue {
    String(String),
    Int(i64),
    Bool(bool),
    /// Seconds.
    Duration(u64),
    SlackUser(UserValue),
    SlackUserList(Vec<UserValue>),
    StrList(Vec<String>),
    IntList(Vec<i64>),
}

impl FieldValue {
    /// As a setting of a target, which is text: digits for numbers, `true` or `false`, seconds. `None` for people and lists, to which no
    /// setting can be bound.
    #[must_use]
    pub fn as_setting(&self) -> Option<String> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Duration(seconds) => Some(seconds.to_string()),
            Self::SlackUser(_) | Self::SlackUserList(_) | Self::StrList(_) | Self::IntList(_) => {
                None
            }
        }
    }
}

/// One submitted field with the words the form used, kept with the run so that old requests stay readable after the
/// flow has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedField {
    pub name: String,
    pub label: String,
    /// False for fields that the form did not show: handlers see them, messages do not.
    pub visible: bool,
    pub value: FieldValue,
    /// What the form called the values that were chosen, one text for each; empty where they are called what they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value_labels: Vec<String>,
}
