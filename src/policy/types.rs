//! What goes into a handler call and what comes out: the contract between the engine and the workers.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::permission::Permissions;
use crate::domain::routing::{Destination, Notification};

/// One round trip to a worker: the module is run once in a fresh namespace, then the named handlers in order.
#[derive(Debug, Clone)]
pub struct HandlerCall {
    /// Source text of the implementation.
    pub source: Arc<str>,
    /// File name for tracebacks, such as `impl.py`.
    pub file: String,
    /// Handlers to call; those that the module does not define (decorated) are left out of the answer.
    pub handlers: Vec<String>,
    pub input: EventInput,
    /// Time for each handler, host calls included; running the file has as much.
    pub deadline: Duration,
}

/// The event as handlers see it. Field values are plain JSON; a Slack user is `{"$user": UserInput}`, a list of them a list of such.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventInput {
    /// `request`, `approve`, …
    pub name: String,
    pub event_channel: ChannelInput,
    /// ISO 8601.
    pub timestamp: String,
    /// Who triggered this event.
    pub user: UserInput,
    /// `event.payload.fields`.
    pub fields: Map<String, Value>,
    pub run: RunInput,
    pub flow: FlowInput,
    /// For handlers that are called with more than the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Arguments>,
    /// Step → its output, for `get_step_output`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

/// What some handlers are called with beside the event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Arguments {
    /// `RequestForwardContext`.
    Forward {
        destinations: Vec<Destination>,
        current: usize,
        next: Option<usize>,
    },
    /// `get_identity` and `get_identity_lookup`.
    Identity {
        service_type: String,
        external_id: String,
        user: Box<UserInput>,
    },
    /// `get_flows`.
    Flows {
        flows: Vec<FlowInput>,
        vars: std::collections::BTreeMap<String, String>,
    },
    /// `on_change_<field>`: a `SymPromptForm`.
    Form { form: FormInput },
}

/// `SymPromptForm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormInput {
    pub fields: Vec<FormFieldInput>,
    pub additional_header_text: Option<String>,
}

/// `PromptField`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormFieldInput {
    pub name: String,
    #[serde(rename = "type")]
    pub field_type: String,
    /// Typed; a Slack user is `{"$slack_user": {"user_id", "username"}}`.
    pub value: Value,
    pub label: Option<String>,
    pub required: bool,
    pub visible: bool,
    pub current_allowed_values: Vec<OptionInput>,
    pub original_allowed_values: Vec<OptionInput>,
}

/// `FieldOption`, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionInput {
    pub value: Value,
    pub label: String,
}

/// The form as `on_change_<field>` returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormAnswer {
    pub fields: Vec<FormFieldAnswer>,
    pub additional_header_text: Option<String>,
}

/// A field of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FormFieldAnswer {
    pub name: String,
    /// Plain: a Slack user is its id.
    pub value: Value,
    pub label: Option<String>,
    pub required: bool,
    pub visible: bool,
    pub options: Vec<OptionInput>,
}

/// `Channel`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChannelInput {
    #[serde(rename = "type")]
    pub channel_type: String,
    pub identifier: Option<String>,
}

/// `Run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInput {
    pub id: String,
    pub source_channel: ChannelInput,
    /// Event name → who triggered it.
    pub actors: Vec<(String, UserInput)>,
    /// Event name → what was attached to that event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub contexts: Map<String, Value>,
}

/// `Flow`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowInput {
    pub name: String,
    pub label: Option<String>,
    pub version: String,
    pub vars: std::collections::BTreeMap<String, String>,
    /// Name, type, label and the rest of each prompt field, as in `symbot check --json`.
    pub fields: Vec<Value>,
    pub environment: Option<EnvironmentInput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyInput>,
}

/// `Strategy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyInput {
    /// UUID as text.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub label: Option<String>,
    /// `None` where the configuration names none that it declares.
    pub integration: Option<IntegrationInput>,
    /// As the chosen target in `payload.fields`.
    pub targets: Vec<Value>,
    pub settings: std::collections::BTreeMap<String, String>,
}

/// `Environment`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnvironmentInput {
    pub name: String,
    pub label: Option<String>,
    /// By the key as it is written, such as `circleci_id`.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub integrations: std::collections::BTreeMap<String, IntegrationInput>,
}

/// `Integration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegrationInput {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub external_id: String,
    /// Texts; a secret is `{"$secret": …}`, see [`crate::flows::catalog::SecretRef`], and `secrets` is a list of such.
    pub settings: Map<String, Value>,
}

/// `User`. Also the JSON answer of host calls that return a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInput {
    /// UUID as text; for `user(id=…)` of an unknown id, that text.
    pub id: String,
    pub email: Option<String>,
    /// E-mail for people, name where there is none.
    pub username: String,
    pub name: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// `admin`, `member`, `guest`.
    pub role: String,
    pub slack_id: Option<String>,
    /// False for a placeholder made for an unknown id.
    pub known: bool,
    /// `bot` for the flow's own code where it acts; `None` for people.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
    /// Who the person is in other services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<IdentityInput>,
}

/// `UserIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityInput {
    /// Type of the service, such as `okta`.
    pub service: String,
    /// The service's account, such as a Slack team.
    pub service_id: String,
    pub user_id: String,
}

/// The decoded answer of a successful call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandlerAnswer {
    pub permissions: Option<Permissions>,
    /// `None` when the reducer is absent; an empty list when it returned nothing.
    pub notifications: Option<Vec<Notification>>,
    /// What the hooks among the handlers want, by name. An `on_…` hook that does not let its event proceed ends the call:
    /// the handlers named after it are not called and have no results.
    pub hooks: std::collections::BTreeMap<String, HookOutcome>,
    /// Of `get_approvers`: the destinations with what they say about self-approval and about going on.
    pub approvers: Option<Vec<Notification>>,
    /// Field → options, of prefetch reducers.
    pub options: std::collections::BTreeMap<String, Vec<OptionInput>>,
    /// Of `on_change_<field>`.
    pub form: Option<FormAnswer>,
    /// Of `get_timeout`: seconds after which the request expires.
    pub timeout_seconds: Option<i64>,
    /// Of `get_flows`: positions in the list that it was called with.
    pub flows: Option<Vec<usize>>,
    /// Of `get_identity` and `get_identity_lookup`, by name: text, or nothing.
    pub identities: std::collections::BTreeMap<String, Option<String>>,
    /// What the handlers printed, cut at a stated size.
    pub printed: String,
}

/// What a hook returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum HookOutcome {
    /// Nothing: the event takes its course.
    Proceed,
    /// `ApprovalTemplate.ignore(message=…)`: the event is nullified.
    Ignore { message: Option<String> },
    /// `ApprovalTemplate.<event>(…)`: this event instead (`on_…`) or next (`after_…`).
    Fire {
        /// `prompt`, `request`, `approve`, `deny`, `escalate`, `deescalate`.
        event: String,
        target: Option<String>,
        duration_seconds: Option<u64>,
        /// Further keywords, such as `reason`; they go into the payload of the fired event.
        fields: Map<String, Value>,
    },
}

/// Why a call failed. `Display` is for administrators; people see only a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerFailure {
    pub kind: FailureKind,
    /// Handler that failed; `None` while the module itself was run.
    pub handler: Option<String>,
    /// Exception class for `Exception`, such as `KeyError`.
    pub exception: Option<String>,
    pub message: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Python traceback as text, cut at a stated size.
    pub traceback: Option<String>,
    pub printed: String,
}

impl HandlerFailure {
    /// One of which no more is known than this.
    #[must_use]
    pub fn new(kind: FailureKind, message: String) -> Self {
        Self {
            kind,
            handler: None,
            exception: None,
            message,
            file: None,
            line: None,
            traceback: None,
            printed: String::new(),
        }
    }

    /// The same with a place in the file: where the handler begins, if nothing more exact is known and it can be found in
    /// `source`.
    #[must_use]
    pub fn placed(mut self, source: &str) -> Self {
        if self.line.is_none() {
            self.line = self
                .handler
                .as_deref()
                .and_then(|name| beginning_of(name, source));
        }
        self
    }

    /// The class of exception that this is to whoever reads the log: the one that was raised, else the one that Python has for
    /// such a failure. `None` where it has none.
    #[must_use]
    pub fn exception_name(&self) -> Option<&str> {
        self.exception.as_deref().or(match self.kind {
            FailureKind::Syntax => Some("SyntaxError"),
            FailureKind::WrongResult => Some("TypeError"),
            FailureKind::Timeout => Some("TimeoutError"),
            FailureKind::Exception
            | FailureKind::Died
            | FailureKind::Unavailable
            | FailureKind::Unreachable => None,
        })
    }
}

/// The line, counted from 1, of the last definition of a function of this name: it is the one that counts.
fn beginning_of(name: &str, source: &str) -> Option<u32> {
    let defines = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix("async ").map_or(line, str::trim_start);
        let rest = rest.strip_prefix("def ").map(str::trim_start);
        let rest = rest.and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.trim_start().starts_with(['(', '[']))
    };
    let index = source.lines().enumerate().filter(|(_, line)| defines(line));
    index
        .last()
        .and_then(|(index, _)| u32::try_from(index + 1).ok())
}

/// The ways in which a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The source does not compile.
    Syntax,
    /// The handler raised.
    Exception,
    /// The handler returned something of the wrong type.
    WrongResult,
    /// The deadline passed; the worker was killed.
    Timeout,
    /// The worker died (memory, crash).
    Died,
    /// No worker could be had (start failure).
    Unavailable,
    /// Something that the handler asked of the outside could not be had for now. Only the engine says so.
    Unreachable,
}

impl std::fmt::Display for HandlerFailure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{file}")?;
            if let Some(line) = self.line {
                write!(out, ":{line}")?;
            }
            write!(out, ": ")?;
        }
        if let Some(handler) = &self.handler {
            write!(out, "{handler}: ")?;
        }
        match &self.exception {
            Some(exception) if self.message.is_empty() => write!(out, "{exception}"),
            Some(exception) => write!(out, "{exception}: {}", self.message),
            None => write!(out, "{}", self.message),
        }
    }
}

impl std::error::Error for HandlerFailure {}

/// What loading a module tells without calling any handler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Names of decorated handlers, in order of definition.
    pub handlers: Vec<String>,
    pub problems: Vec<PythonProblem>,
    /// `None` where the module could not be loaded.
    #[serde(default)]
    pub prefetch: Option<Vec<PrefetchReducer>>,
    /// What is wrong with functions `on_change_<field>`, by their names: it matters where a field has one.
    #[serde(default)]
    pub on_change: Vec<(String, PythonProblem)>,
}

/// A function that supplies the options of a prompt field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefetchReducer {
    pub field: String,
    pub function: String,
    pub line: usize,
    pub column: usize,
}

/// A problem of an implementation with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonProblem {
    /// False for warnings.
    pub error: bool,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// An exception to raise in Python as the answer of a host call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostError {
    /// Class name in `sym.sdk.exceptions`, such as `SlackError`.
    pub class: String,
    /// `USER_NOT_FOUND`, …
    pub name: String,
    pub message: String,
}

/// What handlers may ask of the outside, carried out by the engine for one call. Names and arguments are those of the
/// list in `policy::host`.
pub trait Host: Send + Sync {
    /// Carries out one host call; `arguments` is a JSON object.
    ///
    /// # Errors
    /// The exception to raise in the handler.
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>>;
}
