//! Reads submitted modals: `view.state.values` in, typed values or errors for the person out.
//!
//! Pure. What the form asked comes from [`super::question`]; nothing of what Slack sends is trusted to have the shape of the
//! form, because a flow may have changed and a payload may be made by hand.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::limits;
use super::live::FormState;
use super::modal;
use super::question::{self, Question, Topic, Widget};
use super::text;
use super::view::{FlowChoice, ids};
use crate::domain::field::{FieldType, FieldValue, SubmittedField, UserValue};
use crate::domain::hook::{EventName, When, hook_name};
use crate::domain::run::{ChosenTarget, Run};
use crate::domain::shown::{AccessQuestion, AccessQuestions};
use crate::flows::catalog::{Flow, Target};

/// A form that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// In the order of the form, hidden ones included; without target and duration of access flows, which follow.
    pub fields: Vec<SubmittedField>,
    pub target: Option<ChosenTarget>,
    /// Asked-for duration of access.
    pub duration_seconds: Option<u64>,
    /// How the form asked for the two.
    pub access_questions: AccessQuestions,
}

/// What the person has to put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors {
    /// `block_id` and text, in the order of the form.
    pub at: Vec<(String, String)>,
    /// A problem with no place on the form, such as a hidden field's default that does not fit its type; `mrkdwn`, while
    /// the texts above are plain.
    pub general: Option<String>,
}

impl FieldErrors {
    fn is_empty(&self) -> bool {
        self.at.is_empty() && self.general.is_none()
    }

    /// The answer to `view_submission`: errors at the fields, or a page with the general one. `title` names the flow.
    #[must_use]
    pub fn to_response(&self, title: &str) -> Value {
        match &self.general {
            Some(general) => json!({
                "response_action": "update",
                "view": modal::message(title, general),
            }),
            None => {
                let errors: Map<String, Value> = self
                    .at
                    .iter()
                    .map(|(block, text)| (block.clone(), Value::from(text.as_str())))
                    .collect();
                json!({ "response_action": "errors", "errors": errors })
            }
        }
    }
}

/// Reads the form of a flow.
///
/// # Errors
/// Everything that the person has to put right, all at once.
pub fn read(
    flow: &Flow,
    state: &FormState,
    state_values: &Value,
) -> Result<Submission, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut submission = Submission {
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        access_questions: AccessQuestions::default(),
    };
    for question in question::questions_of(flow, state) {
        let value = match value_of(&question, state_values) {
            Ok(Some(value)) => value,
            Ok(None) => {
                // Only a hidden selector gets here: a request for access to nothing would be approved blindly.
                if question.topic == Topic::Target {
                    errors.general.get_or_insert_with(|| {
                        "The form does not say what access is asked for: its target selector is hidden and has no \
                         default. Please tell whoever looks after this flow."
                            .to_owned()
                    });
                }
                continue;
            }
            Err(problem) if question.visible => {
                errors.at.push((question.id, problem));
                continue;
            }
            Err(problem) => {
                errors.general.get_or_insert_with(|| {
                    format!(
                        "The form has a hidden field “{}” whose default cannot be used: {} \
                         Please tell whoever looks after this flow.",
                        text::escaped_within(&question.label, WORDS_CHARS),
                        text::escaped(&problem),
                    )
                });
                continue;
            }
        };
        match (question.topic, value) {
            (Topic::Target, FieldValue::String(id)) => {
                submission.target = targets(flow)
                    .iter()
                    .find(|target| target.id == id)
                    .map(Target::chosen);
            }
            (Topic::AccessDuration, FieldValue::Duration(seconds)) => {
                submission.duration_seconds = Some(seconds);
            }
            (_, value) => submission.fields.push(SubmittedField {
                value_labels: value_labels(&question, state, &value),
                name: question.name.to_owned(),
                label: question.label,
                visible: question.visible,
                value,
            }),
        }
    }
    submission.access_questions = access_questions(flow, state, &submission.fields);
    if errors.is_empty() {
        Ok(submission)
    } else {
        Err(errors)
    }
}

/// Whether this is what the form said from which the run was made. What the flow's code has changed about the run since is
/// not held against it.
#[must_use]
pub fn made(submission: &Submission, run: &Run) -> bool {
    let replaced = hook_name(When::On, EventName::Request);
    let same_access = submission.duration_seconds == run.duration_seconds
        && submission.target.as_ref().map(|target| &target.id)
            == run.target.as_ref().map(|target| &target.id);
    submission.fields.len() == run.fields.len()
        && submission.fields.iter().all(|field| {
            let kept = run.fields.iter().find(|kept| kept.name == field.name);
            kept.is_some_and(|kept| same_value(&kept.value, &field.value))
        })
        && (same_access || run.flow.hooks.contains(&replaced))
}

/// Names of people are filled in later.
fn same_value(one: &FieldValue, other: &FieldValue) -> bool {
    match (one, other) {
        (FieldValue::SlackUser(one), FieldValue::SlackUser(other)) => {
            one.slack_id == other.slack_id
        }
        (FieldValue::SlackUserList(one), FieldValue::SlackUserList(other)) => one
            .iter()
            .map(|user| &user.slack_id)
            .eq(other.iter().map(|user| &user.slack_id)),
        _ => one == other,
    }
}

/// How an open form asks for target and duration, and which of `fields`, its own others, come before.
#[must_use]
pub fn access_questions(
    flow: &Flow,
    state: &FormState,
    fields: &[SubmittedField],
) -> AccessQuestions {
    let mut access = AccessQuestions::default();
    let mut position = 0;
    for question in question::questions_of(flow, state) {
        let asked = match question.topic {
            Topic::Field(_) => {
                let submitted = fields.iter().any(|field| field.name == question.name);
                position += usize::from(submitted);
                continue;
            }
            Topic::Target => &mut access.target,
            Topic::AccessDuration => &mut access.duration,
        };
        *asked = Some(AccessQuestion {
            label: question.label,
            visible: question.visible,
            position,
        });
        position += 1;
    }
    access
}

/// What the choices of the form are called that a value is made of; nothing where all of them are called what they are.
fn value_labels(question: &Question<'_>, state: &FormState, value: &FieldValue) -> Vec<String> {
    let values: Vec<String> = match value {
        FieldValue::String(text) => vec![text.clone()],
        FieldValue::Int(number) => vec![number.to_string()],
        FieldValue::StrList(texts) => texts.clone(),
        FieldValue::IntList(numbers) => numbers.iter().map(ToString::to_string).collect(),
        _ => return Vec::new(),
    };
    let options = state.field(question.name);
    let options = options.and_then(|field| field.options.as_ref());
    let label = |value: &String| {
        let named = options
            .into_iter()
            .flatten()
            .find(|option| option.value == *value && option.label != *value);
        // As it was shown: two of one label have numbers.
        let shown = question.choices.iter().flatten();
        named.and_then(|_| shown.into_iter().find(|choice| choice.value == *value))
    };
    if values.iter().all(|value| label(value).is_none()) {
        return Vec::new();
    }
    let called = values.iter();
    called
        .map(|value| label(value).map_or_else(|| value.clone(), |choice| choice.text.clone()))
        .collect()
}

fn targets(flow: &Flow) -> &[Target] {
    flow.strategy
        .as_ref()
        .map_or(&[], |strategy| strategy.targets.as_slice())
}

/// Length of what is repeated of the person's own words.
const WORDS_CHARS: usize = 40;
const REQUIRED: &str = "Please fill this in.";
const NOT_A_CHOICE: &str = "This is not one of the choices. Please choose again.";

/// What the questions of an open form hold now: only what a person (or `on_change`) entered and what can be read.
#[must_use]
pub fn entered(question: &Question<'_>, state_values: &Value) -> Option<FieldValue> {
    let bare = Question {
        default: if question.visible {
            None
        } else {
            question.default
        },
        required: false,
        ..question.clone()
    };
    value_of(&bare, state_values).ok().flatten()
}

/// What an input held.
enum Answer {
    Empty,
    /// Typed text, not blank.
    Typed(String),
    /// Codes of chosen options, at least one.
    Chosen(Vec<String>),
    /// Slack ids, at least one.
    People(Vec<String>),
}

fn value_of(question: &Question<'_>, state: &Value) -> Result<Option<FieldValue>, String> {
    let answer = match &question.set {
        _ if question.visible => answer(question, state),
        Some(set) => return given(question, set),
        None => Answer::Empty,
    };
    if question.widget == Widget::Checkbox {
        // A box that is shown says yes or no; a hidden one says its default, else no: handlers index such a field directly.
        let ticked = match answer {
            Answer::Empty if question.visible => false,
            Answer::Empty => match question.default {
                Some(default) => text::parse_bool(default)
                    .ok_or_else(|| format!("{} is neither true nor false.", in_quotes(default)))?,
                None => false,
            },
            Answer::Typed(text) => text::parse_bool(&text).unwrap_or(false),
            Answer::Chosen(_) | Answer::People(_) => true,
        };
        return Ok(Some(FieldValue::Bool(ticked)));
    }
    match answer {
        Answer::Empty if question.visible && question.required => Err(match question.widget {
            Widget::Select | Widget::MultiSelect => "Please choose one.".to_owned(),
            Widget::User => "Please choose a person.".to_owned(),
            Widget::Users => "Please choose at least one person.".to_owned(),
            _ => REQUIRED.to_owned(),
        }),
        Answer::Empty => question
            .default
            .map(|default| typed(question, &allowed_text(question, default.to_owned())))
            .transpose()
            .map(Option::flatten),
        Answer::Typed(text) => typed(question, &allowed_text(question, text)),
        Answer::Chosen(codes) => {
            let values = codes
                .iter()
                .map(|code| {
                    question
                        .choices
                        .iter()
                        .flatten()
                        .find(|choice| choice.code == *code)
                        .map(|choice| choice.value.clone())
                        .ok_or_else(|| NOT_A_CHOICE.to_owned())
                })
                .collect::<Result<Vec<_>, _>>()?;
            of_parts(question, &values)
        }
        Answer::People(ids) => Ok(people(question, ids)),
    }
}

/// The value that `on_change` gave a field which the form does not show.
fn given(question: &Question<'_>, set: &[String]) -> Result<Option<FieldValue>, String> {
    match question.widget {
        Widget::Checkbox => {
            let ticked = set.first().and_then(|text| text::parse_bool(text));
            Ok(Some(FieldValue::Bool(ticked == Some(true))))
        }
        _ if set.is_empty() => Ok(None),
        Widget::User | Widget::Users => Ok(people(question, set.to_vec())),
        _ => of_parts(question, set),
    }
}

fn answer(question: &Question<'_>, state: &Value) -> Answer {
    let Some(block) = state.get(&question.id) else {
        return Answer::Empty;
    };
    let Some(input) = block
        .get(&question.id)
        .or_else(|| block.as_object().and_then(|block| block.values().next()))
    else {
        return Answer::Empty;
    };
    let strings = |values: &Value| -> Vec<String> {
        values
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|value| value.as_str().or_else(|| value.get("value")?.as_str()))
            .map(str::to_owned)
            .collect()
    };
    let chosen = match input
        .get("selected_option")
        .and_then(|option| option.get("value"))
    {
        Some(Value::String(code)) => vec![code.clone()],
        _ => input
            .get("selected_options")
            .map(strings)
            .unwrap_or_default(),
    };
    if !chosen.is_empty() {
        return Answer::Chosen(chosen);
    }
    let people = match input.get("selected_user") {
        Some(Value::String(id)) if !id.is_empty() => vec![id.clone()],
        _ => input.get("selected_users").map(strings).unwrap_or_default(),
    };
    if !people.is_empty() {
        return Answer::People(people);
    }
    match input.get("value") {
        Some(Value::String(text)) if !text.trim().is_empty() => Answer::Typed(text.clone()),
        Some(Value::Number(number)) => Answer::Typed(number.to_string()),
        _ => Answer::Empty,
    }
}

fn people(question: &Question<'_>, ids: Vec<String>) -> Option<FieldValue> {
    let mut users: Vec<UserValue> = ids
        .into_iter()
        .map(|slack_id| UserValue {
            slack_id,
            name: None,
        })
        .collect();
    match question.topic {
        Topic::Field(FieldType::SlackUser) => {
            users.truncate(1);
            users.pop().map(FieldValue::SlackUser)
        }
        _ => Some(FieldValue::SlackUserList(users)),
    }
}

/// A value given as text – typed because there were too many to choose from, or a default: the value itself or the words
/// that its choice shows.
fn allowed_text(question: &Question<'_>, text: String) -> String {
    let wanted = text.trim();
    question
        .choices
        .iter()
        .flatten()
        .find(|choice| choice.value == wanted || choice.text == wanted)
        .map_or(text.clone(), |choice| choice.value.clone())
}

fn not_allowed(value: &str) -> String {
    format!("{} is not one of the allowed values.", in_quotes(value))
}

fn typed(question: &Question<'_>, text: &str) -> Result<Option<FieldValue>, String> {
    if text.chars().count() > limits::TEXT_INPUT_CHARS {
        return Err(format!(
            "This is too long. Please use at most {} characters.",
            limits::TEXT_INPUT_CHARS
        ));
    }
    match question.topic {
        Topic::Field(FieldType::StrList | FieldType::IntList) => {
            let parts: Vec<String> = parts(text).map(str::to_owned).collect();
            if parts.is_empty() {
                return if question.required && question.visible {
                    Err(REQUIRED.to_owned())
                } else {
                    Ok(None)
                };
            }
            of_parts(question, &parts)
        }
        _ => of_parts(question, &[text.to_owned()]),
    }
}

/// Elements of a list that was typed: separated by commas or line breaks, blanks around them do not count.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// The value of the question's type; a single value has exactly one part.
fn of_parts(question: &Question<'_>, parts: &[String]) -> Result<Option<FieldValue>, String> {
    // Defaults are checked here too: a handler must never see a value that the flow does not allow.
    if let Some(choices) = &question.choices
        && let Some(stray) = parts
            .iter()
            .find(|part| !choices.iter().any(|choice| choice.value == **part))
    {
        return Err(not_allowed(stray));
    }
    let single = parts.first().map_or("", String::as_str);
    let value = match question.topic {
        Topic::Target => FieldValue::String(single.to_owned()),
        Topic::AccessDuration => FieldValue::Duration(duration(single)?),
        Topic::Field(field_type) => match field_type {
            FieldType::String => FieldValue::String(single.to_owned()),
            FieldType::Int => FieldValue::Int(whole_number(single)?),
            FieldType::Bool => FieldValue::Bool(text::parse_bool(single).unwrap_or(false)),
            FieldType::Duration => FieldValue::Duration(duration(single)?),
            FieldType::StrList => FieldValue::StrList(parts.to_vec()),
            FieldType::IntList => FieldValue::IntList(
                parts
                    .iter()
                    .map(|part| whole_number(part))
                    .collect::<Result<_, _>>()?,
            ),
            // A typed text is no person: the picker was not used.
            FieldType::SlackUser | FieldType::SlackUserList => return Ok(None),
        },
    };
    Ok(Some(value))
}

fn whole_number(text: &str) -> Result<i64, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        let digits = text.trim_start_matches(['-', '+']);
        if !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_digit()) {
            format!(
                "{} is out of range: please use at most 18 digits.",
                in_quotes(text)
            )
        } else {
            format!(
                "{} is not a whole number. Please write one such as 5.",
                in_quotes(text)
            )
        }
    })
}

fn duration(text: &str) -> Result<u64, String> {
    text::parse_duration(text).ok_or_else(|| {
        format!(
            "{} is not a duration. Please write a number and a unit, such as 30m, 4h or 2d.",
            in_quotes(text)
        )
    })
}

fn in_quotes(words: &str) -> String {
    format!(
        "“{}”",
        text::cut(&text::one_line(words.trim()), WORDS_CHARS)
    )
}

/// Reads the flow picker.
///
/// # Errors
/// At the picker: nothing was chosen, or the flow is no longer among `choices` (those offered to this person now).
pub fn read_picker<'a>(
    choices: &'a [FlowChoice],
    state_values: &Value,
) -> Result<&'a FlowChoice, FieldErrors> {
    let code = state_values
        .get(ids::PICKER)
        .and_then(|block| block.as_object()?.values().next())
        .and_then(|input| input.get("selected_option")?.get("value")?.as_str());
    let problem = match code {
        None => "Please choose a flow.",
        Some(code) => {
            if let Some(choice) = choices.iter().find(|choice| flow_code(choice) == code) {
                return Ok(choice);
            }
            "This flow is no longer available. Please choose another one, or close this window and type /sym again."
        }
    };
    Err(FieldErrors {
        at: vec![(ids::PICKER.to_owned(), problem.to_owned())],
        general: None,
    })
}

/// The option value of a flow in the picker: slug and environment, or their hash where that is too long.
#[must_use]
pub fn flow_code(choice: &FlowChoice) -> String {
    let code = match &choice.environment {
        Some(environment) => format!("{}/{environment}", choice.name),
        None => choice.name.clone(),
    };
    if !code.trim().is_empty() && code.chars().count() <= limits::OPTION_VALUE_CHARS {
        return code;
    }
    let digest = Sha256::digest(code.as_bytes());
    digest
        .iter()
        .take(16)
        .fold("#".to_owned(), |out, byte| format!("{out}{byte:02x}"))
}
