//! What a transition asks the outside world to do. Effects are stored in the outbox in the same commit as the state
//! that asks for them, and carried out at least once.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::permission::{Refusal, Verdict};
use super::person::{Person, PersonRef, Role};
use super::routing::Destination;
use super::run::{ChannelType, Details, MessageRef, RunId};
use super::time::Timestamp;

/// Stable identity of an effect: the run and the number of the effect within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectId {
    pub run: RunId,
    pub number: u64,
}

/// An effect with its id, as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEffect {
    pub id: EffectId,
    pub effect: Effect,
}

/// The kinds of effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Call `get_permissions` and `get_request_notifications`; the answer comes back as an event.
    Route,
    /// Call a hook, `on_request` together with the reducers; the answer comes back as an event.
    CallHook { number: u64 },
    /// Look up the person behind the [`WaitingPress`] that has the number of this effect; who it is comes back as an event.
    Identify,
    /// Send one notification to one of its destinations; the outcome comes back as an event.
    Notify {
        notification: usize,
        destination: usize,
        to: Destination,
    },
    /// Bring a posted request message up to the newest state of the run.
    UpdateMessage { message: MessageRef },
    /// Tell the requester by direct message how it ended, or that nobody could be told.
    TellRequester { about: RequesterNews },
    /// Answer a person privately; the words are made when it is sent.
    Answer { to: AnswerTo, reply: Reply },
    /// Log a problem, and post it to the environment's error logger where there is one.
    ReportError {
        channel: Option<String>,
        problem: Problem,
    },
}

/// What an attempt to decide came to, when it did not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Refused {
        refusal: Refusal,
    },
    /// Approved or denied before; the run says by whom.
    AlreadyDecided,
    Expired,
    /// The message belongs to a notification whose turn is over.
    Forwarded {
        notification: usize,
    },
    /// The run could not be routed; nobody can decide it.
    Errored,
    /// `get_permissions` has not answered yet.
    NotReady,
    /// A hook of the flow is being asked; the answer follows.
    Checking,
    /// As many presses as there may be at a time are being checked by hooks, or are of people who are being looked up.
    TooMany,
    /// A hook refused, with these words for the person.
    Ignored {
        message: Option<String>,
    },
    /// A hook failed; nothing was decided.
    HookFailed {
        code: String,
    },
    /// A hook decided otherwise; the run says how.
    Replaced,
    /// The person could not be looked up; nothing was decided.
    Unidentified {
        code: String,
    },
}

/// What administrators are told through the error logger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short code that also stands in the log and in what the person saw.
    pub code: String,
    /// What was being done: `get_permissions`, `delivery`, …
    pub step: String,
    pub message: String,
    /// True when the request goes on all the same.
    pub warning: bool,
    /// Who acted; `None` where nobody did: the time of a notification was over, a message could not be delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<PersonRef>,
    #[serde(default)]
    pub details: Details,
}

/// What the requester is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequesterNews {
    Approved,
    Denied,
    Expired,
    /// No notification could be delivered; the request is in the web app.
    Undeliverable,
    /// The flow notifies nobody; the request is in the web app.
    NobodyNotified,
    /// Routing failed.
    Failed,
    /// `on_request` refused the request; its words are the run's error.
    Ignored,
}

/// How to reach somebody privately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerTo {
    pub slack_id: String,
    /// Where the click happened, for an ephemeral message.
    pub channel: Option<String>,
    /// Usable five times within 30 minutes; tried first.
    pub response_url: Option<String>,
}

/// Setting or cancelling the run's timer for one notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum TimerChange {
    Set(Timer),
    Cancel { run: RunId, notification: usize },
}

/// A durable timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    pub due: Timestamp,
    pub run: RunId,
    pub notification: usize,
}

/// A press of a button by somebody who has to be looked up first. It is on the disk before Slack is told that it arrived, and
/// counts from then on: time that runs out afterwards waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingPress {
    /// Of the effect [`Effect::Identify`].
    pub number: u64,
    pub press: Press,
}

/// What a press says, without who the person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    pub verdict: Verdict,
    /// The payload shows that the person is of another company: a guest, whatever the directory says.
    pub external: bool,
    pub message: Option<String>,
    /// As in [`Attempt`].
    pub clicked: Option<(MessageRef, usize)>,
    /// Names the person, too.
    pub answer: AnswerTo,
}

impl Press {
    /// The attempt that it is, now that the person is known.
    #[must_use]
    pub fn of(self, person: Person) -> Attempt {
        let actor = Person {
            role: if self.external {
                Role::Guest
            } else {
                person.role
            },
            ..person
        };
        Attempt {
            verdict: self.verdict,
            actor,
            message: self.message,
            via: ChannelType::Slack,
            clicked: self.clicked,
            answer: Some(self.answer),
            ticket: None,
        }
    }
}

/// A person's attempt to decide, as it reaches the step function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub verdict: Verdict,
    /// With the role of this moment.
    pub actor: Person,
    pub message: Option<String>,
    pub via: ChannelType,
    /// The message that was clicked and the notification its button names, to be refreshed or adopted.
    pub clicked: Option<(MessageRef, usize)>,
    /// Where to answer; `None` in the web app, which reads the answer from the transition.
    pub answer: Option<AnswerTo>,
    /// By which the web app finds the answer when hooks are asked first.
    pub ticket: Option<Uuid>,
}
