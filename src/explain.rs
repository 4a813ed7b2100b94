//! The story of one request, for whoever has to find out what happened: who asked for what, what the handlers said, where the
//! messages went, who decided, what was given up.
//!
//! [`gather`] reads it from a store; the running bot does so for `symbot explain` over the control socket, and the command line
//! itself where no bot runs. [`Story::tell`] puts it into words.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::CommandError;
use crate::domain::audit::plain_value;
use crate::domain::effect::{Effect, StoredEffect};
use crate::domain::permission::{Audience, Level};
use crate::domain::person::PersonRef;
use crate::domain::run::{ChannelType, Delivery, Run, RunId};
use crate::domain::time::Timestamp;
use crate::flows::catalog::Flow;
use crate::kept::{self, GivenUp, KeptCall};
use crate::policy::recording::{RecordedAnswer, RecordedCall, RecordedOutcome};
use crate::store::contract::{Store, StoreError};

/// Characters of a value on one line.
const LINE_MAX: usize = 300;

/// Everything that is kept of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Story {
    pub run: Run,
    pub calls: Vec<KeptCall>,
    pub given_up: Vec<GivenUp>,
    /// Effects that are not done yet.
    pub pending: Vec<StoredEffect>,
    /// The flow as it was when the request was made.
    pub flow: Option<Flow>,
    /// What else was called for it: the flows filter, in the shape of a flow.
    #[serde(default)]
    pub others: Vec<Flow>,
}

/// The answer where [`gather`] finds none.
#[must_use]
pub fn unknown(run: RunId) -> CommandError {
    CommandError::new(
        format!("there is no request {run}"),
        "is it the data directory of the right bot?",
    )
}

/// Reads the story of a request; `None` when there is no such request.
///
/// # Errors
/// The store's.
pub async fn gather(store: &dyn Store, id: RunId) -> Result<Option<Story>, StoreError> {
    let Some(run) = store.run(id).await? else {
        return Ok(None);
    };
    let flow = kept_flow(store, &run.flow.version).await?;
    let calls = kept::calls(store, id).await?;
    let mut others: Vec<Flow> = Vec::new();
    for kept in &calls {
        let version = &kept.call.input.flow.version;
        let known = others.iter().any(|other| other.version == *version);
        if *version != run.flow.version && !known {
            others.extend(kept_flow(store, version).await?);
        }
    }
    let pending = store.pending_effects().await?;
    Ok(Some(Story {
        calls,
        given_up: kept::given_up(store, id).await?,
        pending: pending
            .into_iter()
            .filter(|stored| stored.id.run == id)
            .collect(),
        flow,
        others,
        run,
    }))
}

async fn kept_flow(store: &dyn Store, version: &str) -> Result<Option<Flow>, StoreError> {
    let text = store.blob(version.to_owned()).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

impl Story {
    /// The story in words, a line for each thing that happened.
    #[must_use]
    pub fn tell(&self) -> String {
        let mut text = String::new();
        self.heading(&mut text);
        text.push_str("\nWhat happened\n");
        self.events(&mut text);
        self.places(&mut text);
        if !self.given_up.is_empty() {
            text.push_str("\nGiven up\n");
            for one in &self.given_up {
                let _ = writeln!(
                    text,
                    "  {}  effect {}: {}: {}",
                    one.at.to_iso(),
                    one.effect,
                    one.what,
                    line(&one.reason)
                );
            }
        }
        if !self.pending.is_empty() {
            text.push_str("\nStill to be done\n");
            for stored in &self.pending {
                let _ = writeln!(
                    text,
                    "  effect {}: {}",
                    stored.id.number,
                    effect(&stored.effect)
                );
            }
        }
        text
    }

    fn heading(&self, text: &mut String) {
        let run = &self.run;
        let environment = match &run.flow.environment {
            Some(environment) => format!(", environment {environment}"),
            None => String::new(),
        };
        let _ = writeln!(text, "Request {}", run.id);
        let _ = writeln!(
            text,
            "  {} (flow {}{environment}, version {})",
            run.flow.label, run.flow.name, run.flow.version
        );
        let _ = writeln!(
            text,
            "  asked for by {} {}, {}",
            person(&run.requester),
            came_through(run),
            run.created_at.to_iso()
        );
        match (&run.decision, &run.error) {
            (Some(decision), _) => {
                let message = match &decision.message {
                    Some(message) => format!(": {}", quoted(message)),
                    None => String::new(),
                };
                let _ = writeln!(
                    text,
                    "  {} by {} {}, {}{message}",
                    run.status.as_str(),
                    person(&decision.by),
                    through(decision.via),
                    decision.at.to_iso()
                );
            }
            (None, Some(error)) => {
                let _ = writeln!(
                    text,
                    "  {}, code {}: {}",
                    run.status.as_str(),
                    error.code,
                    line(&error.message)
                );
            }
            (None, None) => {
                let _ = writeln!(text, "  {}", run.status.as_str());
            }
        }
        if let Some(permissions) = &run.permissions {
            let _ = writeln!(
                text,
                "  seen by {}; decided by {}; requesters {} approve their own",
                audience(&permissions.webapp_view),
                audience(&permissions.approve_deny),
                if permissions.allow_self_approval {
                    "may"
                } else {
                    "may not"
                }
            );
        }
        for field in &run.fields {
            let value = line(&plain_value(&field.value).to_string());
            let _ = writeln!(text, "  {} = {value}", field.name);
        }
        if let Some(target) = &run.target {
            let _ = writeln!(text, "  target {} ({})", target.label, target.name);
        }
        if let Some(seconds) = run.duration_seconds {
            let _ = writeln!(text, "  for {seconds} s");
        }
    }

    /// History and handler calls, by time.
    fn events(&self, text: &mut String) {
        let mut events: Vec<(Timestamp, String)> = Vec::new();
        for entry in &self.run.history {
            let told = format!("{}  {}", entry.event, line(&entry.text));
            events.push((entry.at, told));
        }
        for kept in &self.calls {
            let millis = i64::try_from(kept.call.now_ns / 1_000_000).unwrap_or(i64::MAX);
            events.push((Timestamp(millis), call(&kept.call)));
        }
        events.sort_by_key(|(at, _)| *at);
        for (at, told) in events {
            let _ = writeln!(text, "  {}  {told}", at.to_iso());
        }
        if let (Some(first), Some(last)) = (self.calls.first(), self.calls.last()) {
            let made = last.number + 1;
            let shown = self.calls.len() as u64;
            if first.number > 0 || shown < made {
                let _ = writeln!(
                    text,
                    "  ({} of {made} handler calls are not kept any more)",
                    made - shown
                );
            }
        }
    }

    fn places(&self, text: &mut String) {
        if self.run.notifications.is_empty() {
            return;
        }
        text.push_str("\nWhere it went\n");
        for (number, routed) in self.run.notifications.iter().enumerate() {
            let mut about = match routed.notification.timeout_seconds {
                Some(seconds) => format!(", for {seconds} s"),
                None => String::new(),
            };
            if let Some(at) = routed.timed_out_at {
                let _ = write!(about, ", its time was over at {}", at.to_iso());
            }
            if self.run.current == Some(number) && self.run.status.is_open() {
                about.push_str(", in use");
            }
            let _ = writeln!(text, "  notification {}{about}", number + 1);
            for (position, destination) in routed.notification.destinations.iter().enumerate() {
                let fate = match routed.deliveries.get(position) {
                    None => "not used".to_owned(),
                    Some(Delivery::Pending) => "being sent".to_owned(),
                    Some(Delivery::Sent { message }) => {
                        format!("sent as message {} in {}", message.ts, message.channel)
                    }
                    Some(Delivery::Failed { reason, hint }) => match hint {
                        Some(hint) => format!("failed: {} ({hint})", line(reason)),
                        None => format!("failed: {}", line(reason)),
                    },
                };
                let _ = writeln!(text, "    {}: {fate}", destination.describe());
            }
        }
    }
}

fn call(call: &RecordedCall) -> String {
    let mut text = format!(
        "handlers  {} for {}, in {} ({}…), {} ms",
        call.handlers.join(", "),
        call.input.name,
        call.file,
        call.code.get(..8).unwrap_or(&call.code),
        call.duration_ms
    );
    if call.cut {
        text.push_str(", the record was too large and is cut");
    }
    let indent = "\n      ";
    for host_call in &call.host_calls {
        let answer = match &host_call.answer {
            RecordedAnswer::Value(value) => line(&value.to_string()),
            RecordedAnswer::Raise(error) => {
                format!("{}:{}: {}", error.class, error.name, line(&error.message))
            }
        };
        let arguments = line(&host_call.arguments.to_string());
        let _ = write!(
            text,
            "{indent}asked {} {arguments} → {answer}",
            host_call.name
        );
    }
    let printed = match &call.outcome {
        RecordedOutcome::Results { results, printed } => {
            for name in &call.handlers {
                match results.iter().find(|(handler, _)| handler == name) {
                    Some((_, result)) => {
                        let _ = write!(text, "{indent}{name} returned {}", line(&returned(result)));
                    }
                    None => {
                        let _ = write!(text, "{indent}{name} was not called");
                    }
                }
            }
            printed
        }
        RecordedOutcome::Failure(failure) => {
            let _ = write!(text, "{indent}failed: {}", line(&failure.to_string()));
            for traced in failure.traceback.iter().flat_map(|text| text.lines()) {
                let _ = write!(text, "{indent}  {traced}");
            }
            &failure.printed
        }
    };
    for printed in printed.lines() {
        let _ = write!(text, "{indent}printed: {printed}");
    }
    text
}

/// A handler's result, tagged as the worker does it.
fn returned(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let items = |key: &str| {
        let items = value[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().map(returned).collect::<Vec<_>>().join(", ")
    };
    match text("type") {
        "none" => "nothing".to_owned(),
        "permissions" => format!(
            "RequestPermission(webapp_view={}, approve_deny={}, allow_self_approval={})",
            value["webapp_view"], value["approve_deny"], value["allow_self_approval"]
        ),
        "notification" => match &value["timeout"] {
            Value::Null => format!("Notification({})", items("destinations")),
            timeout => format!("Notification({}, timeout={timeout})", items("destinations")),
        },
        "list" => format!("[{}]", items("items")),
        "outcome" => format!("ApprovalTemplate.{}({})", text("step"), value["fields"]),
        "destination" => {
            let name = ["name", "id", "slack_id", "reason", "email"].map(text);
            let name = name.into_iter().find(|name| !name.is_empty());
            match name {
                Some(name) => format!("{} {name}", text("kind")),
                None => format!("{} {}", text("kind"), value["slack_ids"]),
            }
        }
        "text" => value["value"].to_string(),
        "seconds" => format!("{} s", value["value"]),
        _ => value.to_string(),
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Notify { to, .. } => format!("notify {}", to.describe()),
        Effect::UpdateMessage { message } => {
            format!("update message {} in {}", message.ts, message.channel)
        }
        other => serde_json::to_value(other)
            .ok()
            .and_then(|value| value["kind"].as_str().map(|kind| kind.replace('_', " ")))
            .unwrap_or_default(),
    }
}

fn person(person: &PersonRef) -> String {
    let mut text = person.name.clone();
    if let Some(email) = &person.email {
        let _ = write!(text, " <{email}>");
    }
    if let Some(id) = &person.slack_id {
        let _ = write!(text, " ({id})");
    }
    text
}

fn came_through(run: &Run) -> String {
    match &run.source.identifier {
        Some(channel) => format!("in {channel}"),
        None => through(run.source.kind).to_owned(),
    }
}

fn through(channel: ChannelType) -> &'static str {
    match channel {
        ChannelType::Slack => "in Slack",
        ChannelType::Sym => "in the web app",
        ChannelType::Sdk => "by a hook",
        ChannelType::Internal => "by a timer",
    }
}

fn audience(audience: &Audience) -> String {
    match audience {
        Audience::Level(Level::Admin) => "admins".to_owned(),
        Audience::Level(Level::Member) => "members".to_owned(),
        Audience::Level(Level::AllUsers) => "everybody".to_owned(),
        Audience::People(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("admins and the users {}", ids.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    line(&Value::from(text).to_string())
}

/// One line, not too long, without control characters, which a terminal would obey.
fn line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LINE_MAX)
        .collect();
    if text.chars().nth(LINE_MAX).is_some() {
        line.push('…');
    }
    line
}
