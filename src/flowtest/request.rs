//! Fills in a flow's form with the fields of a case, reads it back as a submission is read, and makes the events that
//! handlers get.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::suite::{Request, Step};
use super::tree::{Key, Kind, Node, Place};
use crate::domain::audit::plain_value;
use crate::domain::field::{FieldType, FieldValue, UserValue};
use crate::domain::hook::EventName;
use crate::domain::person::{Person, Role, person_id};
use crate::domain::routing::Notification;
use crate::domain::time::Timestamp;
use crate::engine::{access_fields, flow_input, forward_arguments, user_input};
use crate::flows::catalog::Flow;
use crate::flows::similar;
use crate::policy::types::{ChannelInput, EventInput, RunInput};
use crate::slack::form::{self, Submission};
use crate::slack::live::FormState;
use crate::slack::question::{Question, Topic, questions_of};
use crate::slack::text;

use super::read::TEAM;

/// Why the form cannot be submitted like this.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub place: Place,
    pub message: String,
    pub hint: Option<String>,
}

/// The run of all cases: they have no history.
const RUN: Uuid = Uuid::from_u128(0x0b8e_7a1e_52c2_4c3e_9f0e_0a6d_4d7f_1a11);

/// The form as `open` describes it, filled in and read back by the code that reads submissions.
///
/// # Errors
/// Fields that the flow does not have, and everything the person would be told to put right.
pub(super) fn submit(
    flow: &Flow,
    open: &FormState,
    request: &Request,
    people: &BTreeMap<String, Person>,
) -> Result<Submission, Vec<Refused>> {
    let asked = questions_of(flow, open);
    let mut refused = Vec::new();
    let mut state = Map::new();
    for (key, value) in &request.fields {
        let Some(question) = asked.iter().find(|question| question.name == key.text) else {
            let names = asked.iter().map(|question| question.name);
            let hint = match similar(&key.text, names.clone()) {
                Some(other) => format!("did you mean '{other}'?"),
                None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
            };
            refused.push(Refused {
                place: key.place,
                message: format!("the flow {} has no field '{}'", flow.name, key.text),
                hint: Some(hint),
            });
            continue;
        };
        match input(question, value, people) {
            Ok(Some(input)) => {
                state.insert(question.id.clone(), json!({ &question.id: input }));
            }
            Ok(None) => {}
            Err(message) => refused.push(Refused {
                place: value.place,
                message: format!("{}: {message}", key.text),
                hint: None,
            }),
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    form::read(flow, open, &Value::Object(state)).map_err(|errors| {
        let place_of = |id: &str| {
            let name = asked.iter().find(|question| question.id == id)?.name;
            let (key, _) = request.fields.iter().find(|(key, _)| key.text == name)?;
            Some((name, key.place))
        };
        let mut refused: Vec<Refused> = errors
            .at
            .iter()
            .map(|(id, text)| {
                let name = asked
                    .iter()
                    .find(|question| question.id == *id)
                    .map_or(id.as_str(), |question| question.name);
                Refused {
                    place: place_of(id).map_or(request.place, |(_, place)| place),
                    message: format!("the form is refused at '{name}': {text}"),
                    hint: None,
                }
            })
            .collect();
        refused.extend(errors.general.map(|text| Refused {
            place: request.place,
            message: format!("the form is refused: {text}"),
            hint: None,
        }));
        refused
    })
}

/// What Slack would send for this input; `None` for one that is left empty.
fn input(
    question: &Question<'_>,
    node: &Node,
    people: &BTreeMap<String, Person>,
) -> Result<Option<Value>, String> {
    let id_of = |node: &Node| match &node.kind {
        Kind::Text(name) => {
            let person = people.get(name);
            let id = person.and_then(|person| person.slack_id.clone());
            id.ok_or_else(|| format!("nobody with a Slack account is called '{name}'"))
        }
        _ => Err(format!("{} is not the name of a person", node.describe())),
    };
    if node.kind == Kind::Null {
        return Ok(None);
    }
    match question.topic {
        Topic::Field(FieldType::SlackUser) => Ok(Some(json!({ "selected_user": id_of(node)? }))),
        Topic::Field(FieldType::SlackUserList) => match &node.kind {
            Kind::List(items) => {
                let ids = items.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(json!({ "selected_users": ids })))
            }
            _ => Ok(Some(json!({ "selected_users": [id_of(node)?] }))),
        },
        _ => {
            let seconds = matches!(
                question.topic,
                Topic::AccessDuration | Topic::Field(FieldType::Duration)
            );
            let typed = match &node.kind {
                // Handlers see seconds, so cases may say seconds.
                Kind::Int(number) if seconds => duration(question, *number),
                Kind::List(items) => items
                    .iter()
                    .map(plain)
                    .collect::<Result<Vec<_>, _>>()?
                    .join("\n"),
                _ => plain(node)?,
            };
            Ok(Some(json!({ "value": typed })))
        }
    }
}

/// The choice that stands for so many seconds, else those.
fn duration(question: &Question<'_>, seconds: i64) -> String {
    let wanted = u64::try_from(seconds).ok();
    let choice = question
        .choices
        .iter()
        .flatten()
        .find(|choice| wanted.is_some() && text::parse_duration(&choice.value) == wanted);
    choice.map_or_else(|| format!("{seconds}s"), |choice| choice.value.clone())
}

fn plain(node: &Node) -> Result<String, String> {
    match &node.kind {
        Kind::Text(text) => Ok(text.clone()),
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => Ok(node.describe()),
        _ => Err(format!("{} cannot be typed into a form", node.describe())),
    }
}

/// The event of a form that is being opened.
pub(super) fn prompt(
    flow: &Flow,
    request: &Request,
    requester: &Person,
    now: Timestamp,
) -> EventInput {
    let channel = ChannelInput {
        channel_type: request.source.to_owned(),
        identifier: request.source_channel.clone(),
    };
    let user = user_input(requester);
    EventInput {
        name: "prompt".to_owned(),
        event_channel: channel.clone(),
        timestamp: now.to_iso(),
        user: user.clone(),
        fields: Map::new(),
        run: RunInput {
            id: RUN.to_string(),
            source_channel: channel,
            actors: vec![("prompt".to_owned(), user)],
            contexts: Map::new(),
        },
        flow: flow_input(flow),
        arguments: None,
        outputs: Map::new(),
    }
}

/// The event of its submission.
pub(super) fn event(
    prompt: &EventInput,
    flow: &Flow,
    submission: &Submission,
    people: &BTreeMap<String, Person>,
) -> EventInput {
    let mut event = prompt.clone();
    "request".clone_into(&mut event.name);
    event.fields = fields(flow, submission, people);
    let user = event.user.clone();
    event.run.actors.push((event.name.clone(), user));
    event
}

/// The event of something that happens to the request later. Forwarding begins with the first of the notifications.
pub(super) fn later(
    request: &EventInput,
    notifications: &[Notification],
    step: &Step,
    by: &Person,
) -> EventInput {
    let mut event = request.clone();
    if step.event.value == EventName::RequestForward.as_str() {
        event.arguments = Some(forward_arguments(notifications.iter(), 0));
    }
    let user = user_input(by);
    event.name.clone_from(&step.event.value);
    event.event_channel = ChannelInput {
        channel_type: step.channel.to_owned(),
        identifier: match step.channel {
            "slack" => request.event_channel.identifier.clone(),
            _ => None,
        },
    };
    event.user = user.clone();
    if step.by.is_some() {
        event.run.actors.push((step.event.value.clone(), user));
    }
    if let Some(message) = &step.message {
        event
            .fields
            .insert("decision_message".to_owned(), json!(message));
    }
    for (Key { text, .. }, value) in &step.fields {
        event.fields.insert(text.clone(), value.to_json());
    }
    for (Key { text, .. }, output) in &step.outputs {
        event.outputs.insert(text.clone(), output.to_json());
    }
    event
}

fn fields(
    flow: &Flow,
    submission: &Submission,
    people: &BTreeMap<String, Person>,
) -> Map<String, Value> {
    let picked = |user: &UserValue| {
        let known = people
            .values()
            .find(|person| person.slack_id.as_deref() == Some(user.slack_id.as_str()));
        let person = known.cloned().unwrap_or_else(|| Person {
            id: person_id(TEAM, &user.slack_id),
            slack_id: Some(user.slack_id.clone()),
            email: None,
            name: user.slack_id.clone(),
            first_name: None,
            last_name: None,
            role: Role::Guest,
            active: true,
        });
        json!({ "$user": user_input(&person) })
    };
    let mut fields = Map::new();
    for field in &submission.fields {
        let value = match &field.value {
            FieldValue::SlackUser(user) => picked(user),
            FieldValue::SlackUserList(users) => users.iter().map(picked).collect(),
            other => plain_value(other),
        };
        fields.insert(field.name.clone(), value);
    }
    let access = access_fields(
        submission.target.as_ref(),
        submission.duration_seconds,
        &submission.fields,
        flow,
    );
    fields.extend(access);
    fields
}
