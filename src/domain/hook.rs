//! Hooks as the domain sees them: which events they wrap, which of them are being called, and what may follow from an answer.
//!
//! ```text
//! event ─→ on_… ─┬─ nothing ──→ default action ─→ after_… ─→ perhaps another event
//!                ├─ ignore ───→ nullified, the person is told why
//!                ├─ another ──→ that event instead, through its own on_…
//!                └─ failure ──→ nullified, the person gets a code
//! ```
//!
//! A call is part of the run ([`HookState::calls`]) and an effect in the outbox; its answer is an event. So an answer that comes
//! twice, or for a run that is closed meanwhile, finds no call and changes nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::effect::{AnswerTo, WaitingPress};
use super::permission::Verdict;
use super::person::PersonRef;
use super::run::{ChannelType, ChosenTarget, MessageRef, RunError};
use super::time::Timestamp;

/// An event of the approval template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventName {
    Prompt,
    Request,
    RequestForward,
    RequestExpire,
    Approve,
    Deny,
    Escalate,
    Deescalate,
}

impl EventName {
    const ALL: [Self; 8] = [
        Self::Prompt,
        Self::Request,
        Self::RequestForward,
        Self::RequestExpire,
        Self::Approve,
        Self::Deny,
        Self::Escalate,
        Self::Deescalate,
    ];

    /// The word that handlers and records know.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Request => "request",
            Self::RequestForward => "request_forward",
            Self::RequestExpire => "request_expire",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Escalate => "escalate",
            Self::Deescalate => "deescalate",
        }
    }

    /// The event of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }

    /// The decision that the event is.
    #[must_use]
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Approve => Some(Verdict::Approve),
            Self::Deny => Some(Verdict::Deny),
            _ => None,
        }
    }

    /// How far along the template the event is: transitions only go forward.
    fn rank(self) -> u8 {
        match self {
            Self::Prompt => 0,
            Self::Request => 1,
            Self::RequestForward | Self::RequestExpire => 2,
            Self::Approve | Self::Deny => 3,
            Self::Escalate => 4,
            Self::Deescalate => 5,
        }
    }
}

impl From<Verdict> for EventName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approve,
            Verdict::Deny => Self::Deny,
        }
    }
}

/// How often one event may occur in a chain of events that hooks fired: once, and once more by recursion.
const OCCURRENCES_MAX: usize = 2;

/// Whether a hook may fire `next` after the events of `chain`, the last of which it wraps.
///
/// # Errors
/// Why not, as the end of a sentence.
pub fn may_fire(chain: &[EventName], next: EventName) -> Result<(), String> {
    let current = chain.last().copied().unwrap_or(EventName::Prompt);
    if next.rank() < current.rank() {
        return Err(format!(
            "events only go forward, and {} comes before {}",
            next.as_str(),
            current.as_str()
        ));
    }
    if matches!(next, EventName::Escalate | EventName::Deescalate) {
        return Err("this version of symbot does not grant access".to_owned());
    }
    if chain.iter().filter(|event| **event == next).count() >= OCCURRENCES_MAX {
        return Err(format!(
            "{} was fired by a hook before: only the first recursion counts",
            next.as_str()
        ));
    }
    Ok(())
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    pub work: Work,
    /// `event.user`.
    pub by: PersonRef,
    /// `event.channel.type`.
    pub via: ChannelType,
    pub at: Timestamp,
    /// Keywords of the hook that fired it; they are in the event's payload.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// The events that led here, this one last.
    pub chain: Vec<EventName>,
    /// The press that it began with: whoever pressed gets exactly one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressed: Option<Pressed>,
    /// What happens when it comes to nothing.
    #[serde(default)]
    pub otherwise: Otherwise,
}

impl Firing {
    /// The event.
    #[must_use]
    pub fn event(&self) -> EventName {
        match &self.work {
            Work::Request => EventName::Request,
            Work::Forward { .. } => EventName::RequestForward,
            Work::Expire { .. } => EventName::RequestExpire,
            Work::Decide { verdict, .. } => (*verdict).into(),
        }
    }

    /// Who acted; nobody did where a time was over or a delivery failed.
    #[must_use]
    pub fn actor(&self) -> Option<&PersonRef> {
        (self.via != ChannelType::Internal).then_some(&self.by)
    }
}

/// The default action of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// Ask the reducers, then notify.
    Request,
    /// Use the notification after this one.
    Forward { from: usize, timed_out: bool },
    /// Close the request.
    Expire { notification: usize },
    Decide {
        verdict: Verdict,
        message: Option<String>,
        /// Why a hook decided, for people.
        reason: Option<String>,
    },
}

/// Who pressed a button, and where the answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    pub verdict: Verdict,
    pub by: PersonRef,
    pub via: ChannelType,
    pub message: Option<MessageRef>,
    pub answer: Option<AnswerTo>,
    /// By which the web app finds the answer.
    pub ticket: Option<Uuid>,
}

/// What happens when an event was nullified that stood in the way of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "otherwise", rename_all = "snake_case")]
pub enum Otherwise {
    /// Things stay as they are.
    #[default]
    Nothing,
    /// People are asked, as if no hook had wanted to decide.
    AskPeople,
    /// The request stays with this notification.
    Stay {
        notification: usize,
        timed_out: bool,
    },
    /// The request stays open after its last notification.
    KeepOpen,
}

/// When a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    On,
    After,
}

/// The name of a hook.
#[must_use]
pub fn hook_name(when: When, event: EventName) -> String {
    let when = match when {
        When::On => "on",
        When::After => "after",
    };
    format!("{when}_{}", event.as_str())
}

/// A hook that is being called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    /// Unique within the run.
    pub number: u64,
    pub when: When,
    pub firing: Firing,
}

impl HookCall {
    /// The name of the hook.
    #[must_use]
    pub fn name(&self) -> String {
        hook_name(self.when, self.firing.event())
    }
}

/// Time that ran out while decisions were being checked: it waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub firing: Firing,
    /// Its `on_…` hook has let it proceed already.
    pub asked: bool,
}

/// What is under way in a run before something happens: hooks that are asked, people who are looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookState {
    pub calls: Vec<HookCall>,
    pub calls_made: u64,
    pub held: Option<Box<Held>>,
    /// A decision that `on_request` fired; it begins when the reducers have answered.
    pub awaiting: Option<Box<Firing>>,
    /// Decided before anybody was notified: the first notification that can be delivered says so.
    pub announcing: bool,
    /// The request's notification was sent, as far as `after_request` is concerned.
    pub request_sent: bool,
    /// Presses of people who are being looked up, in the order in which they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingPress>,
}

impl HookState {
    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    /// A call that has not been answered.
    #[must_use]
    pub fn call(&self, number: u64) -> Option<&HookCall> {
        self.calls.iter().find(|call| call.number == number)
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAnswer {
    Proceed,
    Ignore { message: Option<String> },
    Fire(Fire),
    Failed(RunError),
}

/// The event that a hook returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fire {
    pub event: EventName,
    /// Instead of the run's.
    pub target: Option<ChosenTarget>,
    /// Instead of the run's.
    pub duration_seconds: Option<u64>,
    pub fields: Map<String, Value>,
}

/// A value of a fired event for records and for people: handlers get people and targets as objects, here they are their names.
#[must_use]
pub fn in_words(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let name = |object: &str, key: &str| map.get(object)?.get(key).cloned();
            name("$user", "username")
                .or_else(|| name("$target", "name"))
                .unwrap_or_else(|| {
                    let inner = map.iter();
                    inner
                        .map(|(key, item)| (key.clone(), in_words(item)))
                        .collect()
                })
        }
        Value::Array(items) => items.iter().map(in_words).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_targets_are_called_by_their_names_in_records() {
        let given = serde_json::json!({
            "backup": { "$user": { "username": "bob@acme.example", "role": "member" } },
            "all": [{ "$target": { "name": "admins", "id": "1" } }, 7, { "one": { "$user": { "username": "bot" } } }],
        });
        let expected = serde_json::json!({
            "backup": "bob@acme.example",
            "all": ["admins", 7, { "one": "bot" }],
        });
        assert_eq!(in_words(&given), expected);
    }

    #[test]
    fn events_go_forward_and_repeat_once() {
        use EventName::{Approve, Deny, Escalate, Prompt, Request, RequestForward};
        assert_eq!(may_fire(&[Request], Approve), Ok(()));
        assert_eq!(may_fire(&[RequestForward], Deny), Ok(()));
        assert_eq!(may_fire(&[Request], Request), Ok(()));
        assert!(may_fire(&[Request, Request], Request).is_err());
        assert!(may_fire(&[Approve], Request).is_err());
        assert!(may_fire(&[RequestForward], Request).is_err());
        assert!(may_fire(&[Request], Prompt).is_err());
        assert!(may_fire(&[Approve], Escalate).is_err());
        // Two hooks that send an event back and forth come to an end.
        let mut chain = vec![Approve];
        for next in [Deny, Approve, Deny] {
            assert_eq!(may_fire(&chain, next), Ok(()));
            chain.push(next);
        }
        assert!(may_fire(&chain, Approve).is_err());
    }
}
