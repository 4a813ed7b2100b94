//! Audit records: one JSON object per step, with the keys that log destinations and operators rely on.
//!
//! Built here as values; `seq`, `prev` and `hash` are added by the store when the record is committed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::field::FieldValue;
use super::hook::in_words;
use super::person::PersonRef;
use super::run::{ChannelType, Run};
use super::time::Timestamp;

/// A record before it is chained: the object without `seq`, `prev`, `hash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Stable across duplicates.
    pub id: Uuid,
    /// The run it belongs to; `None` for steps without one (sign-in, start).
    pub run: Option<Uuid>,
    /// Everything else, in the order in which it is written.
    pub body: Map<String, Value>,
}

/// Version of the record's shape that consumers of the hosted product know.
const SCHEMA_VERSION: u32 = 4;

/// The template every flow follows; part of the shape.
const TEMPLATE: &str = "sym:template:approval:1.0.0";

/// Organisation part of resource names: one installation serves one organisation.
const ORGANISATION: &str = "symbot";

/// One step of a run, as it is to be recorded.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    event: &'a str,
    channel: ChannelType,
    actor: Option<&'a PersonRef>,
    errors: Vec<String>,
    refused: bool,
    message: Option<&'a str>,
    further: Option<&'a Map<String, Value>>,
}

impl<'a> Step<'a> {
    /// A step that took effect.
    #[must_use]
    pub fn ok(event: &'a str, channel: ChannelType, actor: Option<&'a PersonRef>) -> Self {
        Self {
            event,
            channel,
            actor,
            errors: Vec::new(),
            refused: false,
            message: None,
            further: None,
        }
    }

    /// A step that failed.
    #[must_use]
    pub fn failed(
        event: &'a str,
        channel: ChannelType,
        actor: Option<&'a PersonRef>,
        error: &str,
    ) -> Self {
        Self {
            errors: vec![error.to_owned()],
            ..Self::ok(event, channel, actor)
        }
    }

    /// An attempt that was refused and changed nothing.
    #[must_use]
    pub fn refused(
        event: &'a str,
        channel: ChannelType,
        actor: Option<&'a PersonRef>,
        reason: &str,
    ) -> Self {
        Self {
            errors: vec![reason.to_owned()],
            refused: true,
            ..Self::ok(event, channel, actor)
        }
    }

    /// Adds the decision message.
    #[must_use]
    pub fn with_message(self, message: Option<&'a str>) -> Self {
        Self { message, ..self }
    }

    /// Adds what a hook put into the event's payload.
    #[must_use]
    pub fn with_fields(self, fields: &'a Map<String, Value>) -> Self {
        Self {
            further: Some(fields),
            ..self
        }
    }
}

/// The record of a step. Its id follows from the run, the revision and `index` within the transition, so that
/// a repeated delivery of the record carries the same one.
#[must_use]
pub fn record(run: &Run, step: Step<'_>, now: Timestamp, index: usize) -> AuditRecord {
    let id = Uuid::new_v5(&run.id, format!("{}/{index}", run.revision + 1).as_bytes());
    let mut fields: Map<String, Value> = run
        .fields
        .iter()
        .map(|field| (field.name.clone(), plain_value(&field.value)))
        .collect();
    if let Some(target) = &run.target {
        fields.insert("target_id".to_owned(), json!(target.id));
        fields.insert(
            "target".to_owned(),
            json!({
                "name": target.name,
                "srn": format!(
                    "{ORGANISATION}:access_target:{}:{}:latest:{}",
                    target.target_type, target.name, target.id
                ),
                "type": target.target_type,
                "label": target.label,
                "settings": target.settings_for(&run.fields, run.duration_seconds),
            }),
        );
    }
    if let Some(seconds) = run.duration_seconds {
        fields.insert("duration".to_owned(), json!(seconds));
    }
    if let Some(message) = step.message {
        fields.insert("decision_message".to_owned(), json!(message));
    }
    for (name, value) in step.further.into_iter().flatten() {
        fields.insert(name.clone(), in_words(value));
    }
    // Earlier events only, as the published samples have it.
    let mut actors = Map::new();
    actors.insert("prompt".to_owned(), actor(&run.requester, &run.workspace));
    if step.event != "request" {
        actors.insert("request".to_owned(), actor(&run.requester, &run.workspace));
    }
    if let Some(decision) = &run.decision {
        actors.insert(
            decision.verdict.verb().to_owned(),
            actor(&decision.by, &run.workspace),
        );
    }
    let mut body = object(json!({
        "id": id,
        "meta": { "schema_version": SCHEMA_VERSION },
        "type": "event",
        "state": { "status": "completed", "errors": step.errors, "refused": step.refused },
        "run": {
            "srn": format!("{ORGANISATION}:run:{}:1.0.0:{}", run.flow.name, run.id),
            "flow": format!("{ORGANISATION}:flow:{}:1.0.0", run.flow.name),
            "flow_version": run.flow.version,
            "actors": actors,
        },
        "event": {
            "srn": format!("sym:event-spec:approval:1.0.0:{}", step.event),
            "type": step.event,
            "template": TEMPLATE,
            "timestamp": now.to_iso(),
            "channel": step.channel.as_str(),
        },
        "actor": step.actor.map(|person| actor(person, &run.workspace)),
        "fields": fields,
    }));
    if let (Some(parent), Some(of_run)) = (run.parent, body.get_mut("run")) {
        of_run["parent"] = json!(format!("{ORGANISATION}:run:flow_selection:1.0.0:{parent}"));
    }
    AuditRecord {
        id,
        run: Some(run.id),
        body,
    }
}

/// The selection in the flow picker that a request comes of: a run of its own in records, with an id that follows from the
/// request's.
#[must_use]
pub fn selection_of(run: Uuid) -> Uuid {
    Uuid::new_v5(&run, b"flow_selection/run")
}

/// The record of somebody signing in to the web app; it belongs to no run.
#[must_use]
pub fn sign_in(id: Uuid, person: &PersonRef, workspace: &str, now: Timestamp) -> AuditRecord {
    let body = object(json!({
        "id": id,
        "meta": { "schema_version": SCHEMA_VERSION },
        "type": "sign_in",
        "state": { "status": "completed", "errors": [] },
        "event": { "type": "sign_in", "timestamp": now.to_iso(), "channel": ChannelType::Sym.as_str() },
        "actor": actor(person, workspace),
    }));
    AuditRecord {
        id,
        run: None,
        body,
    }
}

/// The record of a flow selection that failed; it belongs to no run. `form` is the id that its request would have had.
#[must_use]
pub fn flow_selection(
    form: Uuid,
    person: &PersonRef,
    workspace: &str,
    error: &str,
    now: Timestamp,
) -> AuditRecord {
    let id = Uuid::new_v5(&form, b"flow_selection");
    let body = object(json!({
        "id": id,
        "meta": { "schema_version": SCHEMA_VERSION },
        "type": "flow_selection",
        "state": { "status": "completed", "errors": [error] },
        "event": { "type": "flow_selection", "timestamp": now.to_iso(), "channel": ChannelType::Slack.as_str() },
        "actor": actor(person, workspace),
    }));
    AuditRecord {
        id,
        run: None,
        body,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

/// Somebody as records name them: `external_id` is the workspace that `user_id` belongs to.
fn actor(person: &PersonRef, workspace: &str) -> Value {
    let kind = if person.is_automation() {
        "bot"
    } else {
        "normal"
    };
    let external = (!workspace.is_empty()).then_some(workspace);
    json!({
        "user": format!("{ORGANISATION}:user:{kind}:{}:latest", person.id),
        "name": person.name,
        "username": person.email.as_deref().unwrap_or(&person.name),
        "identity": person.slack_id.as_ref().map(|id| json!({
            "service": "slack",
            "external_id": external,
            "user_id": id,
        })),
    })
}

/// A field's value as plain JSON: what handlers, records and pages see.
#[must_use]
pub fn plain_value(value: &FieldValue) -> Value {
    match value {
        FieldValue::String(text) => json!(text),
        FieldValue::Int(number) => json!(number),
        FieldValue::Bool(flag) => json!(flag),
        FieldValue::Duration(seconds) => json!(seconds),
        FieldValue::SlackUser(user) => json!(user.slack_id),
        FieldValue::SlackUserList(users) => {
            json!(users.iter().map(|user| &user.slack_id).collect::<Vec<_>>())
        }
        FieldValue::StrList(texts) => json!(texts),
        FieldValue::IntList(numbers) => json!(numbers),
    }
}
