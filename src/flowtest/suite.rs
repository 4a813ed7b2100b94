//! What a `tests.yaml` says, as values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tree::{Key, Node, Place};
use crate::domain::permission::Level;
use crate::domain::person::Person;

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub place: Place,
    pub value: T,
}

/// One file.
#[derive(Debug, Clone, Default)]
pub(super) struct Suite {
    /// By the names that the cases use.
    pub people: BTreeMap<String, Person>,
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub name: At<String>,
    /// Slug; may be left out where only one flow is beside the file.
    pub flow: Option<At<String>>,
    pub request: Request,
    pub fakes: Vec<Fake>,
    pub expect: Expectations,
    /// What happens to the request afterwards, each for itself.
    pub then: Vec<Step>,
}

/// The submitted form.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Where problems of the whole form are shown.
    pub place: Place,
    /// Key in [`Suite::people`].
    pub user: String,
    pub fields: Vec<(Key, Node)>,
    /// `event.run.source_channel.identifier`; `None` for the shortcut and the web.
    pub source_channel: Option<String>,
    /// What the request came through.
    pub source: &'static str,
}

/// An answer of the host.
#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub call: String,
    /// Arguments that the call must have, among others.
    pub with: Vec<(String, Value)>,
    pub answer: FakeAnswer,
}

#[derive(Debug, Clone)]
pub(super) enum FakeAnswer {
    Returns(Value),
    Raises {
        class: String,
        code: String,
        message: String,
    },
}

/// What is to come out; what is not mentioned is not looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectations {
    pub permissions: Option<PermissionsExpected>,
    pub notifications: Option<At<Vec<At<NotificationExpected>>>>,
    pub hooks: Vec<(Key, OutcomeExpected)>,
    pub may_approve: Option<At<Vec<String>>>,
    pub may_deny: Option<At<Vec<String>>>,
    pub may_view: Option<At<Vec<String>>>,
    /// Text that is printed, among other text.
    pub prints: Option<At<String>>,
    /// Messages that handlers send, in order.
    pub messages: Option<At<Vec<At<MessageExpected>>>>,
    /// The handlers are to fail in this way.
    pub error: Option<At<ErrorExpected>>,
}

/// A later event of the request.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Name without `on_`.
    pub event: At<String>,
    /// Key in [`Suite::people`]; the requester where it is not given.
    pub by: Option<String>,
    pub channel: &'static str,
    /// What is written in *Decision Message*.
    pub message: Option<String>,
    /// Further entries of the payload.
    pub fields: Vec<(Key, Node)>,
    /// What `get_step_output` returns, by step.
    pub outputs: Vec<(Key, Node)>,
    /// Whether the person may do it.
    pub allowed: Option<At<bool>>,
    pub expect: Expectations,
}

#[derive(Debug, Clone, Default)]
pub(super) struct PermissionsExpected {
    pub webapp_view: Option<At<AudienceExpected>>,
    pub approve_deny: Option<At<AudienceExpected>>,
    pub allow_self_approval: Option<At<bool>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum AudienceExpected {
    Level(Level),
    /// Keys in [`Suite::people`], in any order.
    People(Vec<String>),
}

#[derive(Debug, Clone)]
pub(super) struct NotificationExpected {
    /// In order; each is one name or, for a group, several.
    pub to: At<Vec<At<Vec<String>>>>,
    /// Seconds; `None` for a notification that waits for ever.
    pub timeout: At<Option<i64>>,
}

#[derive(Debug, Clone)]
pub(super) struct OutcomeExpected {
    pub place: Place,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The file has no such hook.
    Absent,
    Proceed,
    /// With this message, or with any.
    Ignore(Option<String>),
    /// This event, with these fields among others.
    Fire(String, Vec<(String, Value)>),
}

#[derive(Debug, Clone)]
pub(super) struct MessageExpected {
    pub to: Option<At<Vec<String>>>,
    /// Text that is in it.
    pub text: Option<At<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct ErrorExpected {
    pub handler: Option<String>,
    /// Text that is in the error as administrators see it: class, message.
    pub says: Option<String>,
}
