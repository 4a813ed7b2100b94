//! One request and everything that has happened to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::field::SubmittedField;
use super::hook::HookState;
use super::permission::{Permissions, Verdict};
use super::person::PersonRef;
use super::routing::Notification;
use super::shown::AccessQuestions;
use super::time::Timestamp;

/// Identifies a run (one request is one run).
pub type RunId = Uuid;

/// Where a run is in its life. `Approved`, `Denied` and `Expired` are final in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Submitted and open.
    Requested,
    Approved,
    Denied,
    Expired,
    /// Routing failed: nobody can decide it; visible to admins and the requester.
    Errored,
}

impl Status {
    /// True while somebody may still decide.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Requested
    }

    /// The word in audit records, the API and pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Errored => "errored",
        }
    }
}

/// What a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelType {
    Slack,
    /// Web app and API (the value flows know for "not Slack").
    Sym,
    /// Fired by a hook.
    Sdk,
    /// A timer.
    Internal,
}

impl ChannelType {
    /// The word handlers see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Sym => "sym",
            Self::Sdk => "sdk",
            Self::Internal => "internal",
        }
    }
}

/// The channel in which `/sym` was typed. A shortcut belongs to no channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChannel {
    pub kind: ChannelType,
    /// Slack's conversation id; delivery goes by id.
    pub id: Option<String>,
    /// What `event.run.source_channel.identifier` says: `#name` for public channels, the id for private ones and DMs.
    pub identifier: Option<String>,
}

/// The parts of a flow that messages and pages need; the whole flow is stored once under its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedFlow {
    /// Slug.
    pub name: String,
    pub label: String,
    /// What people call the environment, when the flow has one.
    pub environment: Option<String>,
    /// Its slug, for commands (none in requests stored before it was kept).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_name: Option<String>,
    /// Hash under which the store keeps the flow (code, variables, parameters) that this run started with.
    pub version: String,
    pub allow_guest_interaction: bool,
    pub include_decision_message: bool,
    /// True for flows with a strategy: access is then to be granted by hand after approval.
    pub grants_access: bool,
    /// Channel name or id of the environment's error logger.
    pub error_logger: Option<String>,
    /// Names of the hooks that the flow's code defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
}

/// The chosen target of an access flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenTarget {
    /// The target's UUID as text.
    pub id: String,
    /// The kind of target, such as `okta_group` (empty in requests stored before it was kept).
    #[serde(rename = "type", default)]
    pub target_type: String,
    pub name: String,
    pub label: String,
    /// As in the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Names of settings that have the value of the submitted field of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_bindings: Vec<String>,
}

impl ChosenTarget {
    /// The settings for a request with these fields and this duration. One whose field was left empty is as in the configuration.
    #[must_use]
    pub fn settings_for(
        &self,
        fields: &[SubmittedField],
        duration_seconds: Option<u64>,
    ) -> BTreeMap<String, String> {
        let submitted = |name: &str| match name {
            "duration" if duration_seconds.is_some() => duration_seconds.map(|it| it.to_string()),
            "target_id" => Some(self.id.clone()),
            _ => fields
                .iter()
                .find(|field| field.name == name)?
                .value
                .as_setting(),
        };
        let bound = self.field_bindings.iter();
        let bound = bound.filter_map(|name| Some((name.clone(), submitted(name)?)));
        let mut settings = self.settings.clone();
        settings.extend(bound);
        settings
    }
}

/// What happened when one destination of a notification was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// Being sent, or to be sent again after a transient failure.
    Pending,
    /// Posted as this message.
    Sent { message: MessageRef },
    /// Cannot be delivered.
    Failed {
        /// Slack's word or ours.
        reason: String,
        /// What administrators can do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// A posted Slack message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    pub channel: String,
    pub ts: String,
}

/// A notification together with its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedNotification {
    #[serde(flatten)]
    pub notification: Notification,
    /// One entry per destination, in the same order; empty until the notification is used.
    #[serde(default)]
    pub deliveries: Vec<Delivery>,
    /// When its time ran out, if it did.
    #[serde(default)]
    pub timed_out_at: Option<Timestamp>,
    /// Messages of a click on a duplicate copy that had to be adopted (sent twice around a crash).
    #[serde(default)]
    pub adopted: Vec<MessageRef>,
    /// Its timer has fired, and nothing but a restart sets another.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timer_used: bool,
    /// Its time was started anew, because a hook wanted the request to stay here; that is done once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restarted: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl RoutedNotification {
    /// A notification that has not been used yet.
    #[must_use]
    pub fn new(notification: Notification) -> Self {
        Self {
            notification,
            deliveries: Vec::new(),
            timed_out_at: None,
            adopted: Vec::new(),
            timer_used: false,
            restarted: false,
        }
    }

    /// The message of this notification in a channel.
    #[must_use]
    pub fn sent_in(&self, channel: &str) -> Option<&MessageRef> {
        self.messages().find(|message| message.channel == channel)
    }

    /// All messages that this notification is known to have produced, each once.
    pub fn messages(&self) -> impl Iterator<Item = &MessageRef> {
        let deliveries = self.deliveries.iter().enumerate();
        // Destinations that turned out to be one place have one message.
        let first = |index: usize, delivery: &Delivery| {
            let mut earlier = self.deliveries.iter().take(index);
            !earlier.any(|other| other == delivery)
        };
        deliveries
            .filter_map(move |(index, delivery)| match delivery {
                Delivery::Sent { message } if first(index, delivery) => Some(message),
                _ => None,
            })
            .chain(&self.adopted)
    }
}

/// Most characters of a Decision Message, wherever it is written. Slack would take 3000, but a section that shows the message
/// must hold what it is after escaping.
pub const DECISION_MESSAGE_CHARS_MAX: usize = 2_000;

/// The one decision of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub verdict: Verdict,
    pub by: PersonRef,
    pub at: Timestamp,
    /// Text of the optional input "Decision Message".
    pub message: Option<String>,
    pub via: ChannelType,
    /// Why a hook decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One line of a run's history, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub at: Timestamp,
    /// Event name: `request`, `approve`, `request_forward`, `refused`, …
    pub event: String,
    pub actor: Option<PersonRef>,
    /// A sentence for people.
    pub text: String,
}

/// A failure shown to people as a short code, with the details for administrators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// Short code that also stands in the log, such as `IMPL-3F9A2C`.
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

/// What administrators are told of a failure beside its message, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// File and line, such as `impl.py:12`.
    pub place: Option<String>,
    /// The end of the traceback.
    pub exception: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Details {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// Grows by one with every committed transition; the store refuses a commit that skips or repeats one.
    pub revision: u64,
    pub flow: PinnedFlow,
    pub status: Status,
    /// Slack's id of the workspace (empty in requests stored before it was kept).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workspace: String,
    pub requester: PersonRef,
    pub source: SourceChannel,
    pub created_at: Timestamp,
    pub fields: Vec<SubmittedField>,
    pub target: Option<ChosenTarget>,
    /// Requested duration of access in seconds.
    pub duration_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "AccessQuestions::is_empty")]
    pub access_questions: AccessQuestions,
    /// `None` until `get_permissions` has answered.
    pub permissions: Option<Permissions>,
    pub notifications: Vec<RoutedNotification>,
    /// Index of the notification in use; `None` before routing, or when there is none (left).
    pub current: Option<usize>,
    pub decision: Option<Decision>,
    pub closed_at: Option<Timestamp>,
    pub error: Option<RunError>,
    pub history: Vec<HistoryEntry>,
    /// Number of effects made so far: effect ids are `(run, number)`.
    pub effects_made: u64,
    /// What an API request attached: `event.get_context("request")`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// The selection of the flow in the picker, where the request came of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RunId>,
    #[serde(default, skip_serializing_if = "HookState::is_idle")]
    pub hooks: HookState,
    /// From `get_timeout`; counts while the request is with no notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_time: Option<OwnTime>,
}

/// The time after which a request expires that nobody was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTime {
    pub seconds: i64,
    /// From when the request is with no notification until it has run out once, whatever a hook makes of that.
    pub runs: bool,
}

impl Run {
    /// Index of the timer for the request's own time: that of no notification.
    #[must_use]
    pub fn own_timer(&self) -> usize {
        self.notifications.len()
    }

    /// Whether the request's own time runs.
    #[must_use]
    pub fn own_time_runs(&self) -> bool {
        self.status.is_open() && self.own_time.is_some_and(|own| own.runs)
    }

    /// The submitted value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&SubmittedField> {
        self.fields.iter().find(|field| field.name == name)
    }
}
