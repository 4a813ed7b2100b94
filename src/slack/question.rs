//! What the form of a flow asks, in order: the one description from which `modal` draws the form and `form` reads it back,
//! so that the two cannot disagree about block ids, choices or codes.
//!
//! No blocks and no submitted values here.

use std::collections::HashSet;

use super::limits;
use super::live::{FieldState, FormState};
use super::text;
use crate::domain::field::FieldType;
use crate::flows::catalog::{Flow, PromptField, Strategy};

/// Reserved name of the target selector of access flows.
pub const TARGET_FIELD: &str = "target_id";
/// Reserved name of the duration field of access flows.
pub const DURATION_FIELD: &str = "duration";
/// Choices of the duration field that an access flow gets when it declares none.
const DEFAULT_DURATIONS: [&str; 3] = ["30s", "10m", "1h"];
/// More than a grouped select can hold are typed instead of chosen.
const MOST_CHOICES: usize = limits::OPTIONS * limits::OPTION_GROUPS;

/// One thing the form asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// `block_id` and `action_id` of the input.
    pub id: String,
    /// Key in `event.payload.fields`.
    pub name: &'a str,
    pub label: String,
    pub required: bool,
    pub visible: bool,
    pub default: Option<&'a str>,
    pub topic: Topic,
    pub widget: Widget,
    /// The values that are allowed; `None` allows all of the type.
    pub choices: Option<Vec<Choice>>,
    /// Texts of the value that `on_change` gave the field; none for an empty one.
    pub set: Option<Vec<String>>,
    /// Choices are asked for while a person types.
    pub external: bool,
    /// Changes are to be told at once.
    pub dispatches: bool,
}

/// What the answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Field(FieldType),
    /// The target of an access flow.
    Target,
    /// How long the access is to last.
    AccessDuration,
}

impl Topic {
    /// What kind of value is asked for.
    #[must_use]
    pub fn field_type(self) -> FieldType {
        match self {
            Self::Field(field_type) => field_type,
            Self::Target => FieldType::String,
            Self::AccessDuration => FieldType::Duration,
        }
    }
}

/// The kind of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widget {
    Text,
    Number,
    Checkbox,
    Select,
    MultiSelect,
    User,
    Users,
}

/// One allowed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The option's `value`.
    pub code: String,
    /// What people see: never empty, unlike that of every other choice.
    pub text: String,
    /// As configured; for a target its id.
    pub value: String,
}

/// Everything the flow's form asks, hidden questions included.
#[must_use]
pub fn questions(flow: &Flow) -> Vec<Question<'_>> {
    questions_of(flow, &FormState::default())
}

/// Everything an open form asks.
#[must_use]
pub fn questions_of<'a>(flow: &'a Flow, state: &FormState) -> Vec<Question<'a>> {
    let mut questions = declared_questions(flow);
    for question in &mut questions {
        if let Some(known) = state.field(question.name) {
            overlay(question, known, flow);
        }
    }
    number(&mut questions, state);
    questions
}

/// Lays what a form has become over what the flow says.
fn overlay(question: &mut Question<'_>, state: &FieldState, flow: &Flow) {
    if let Some(label) = &state.label {
        let label = text::one_line(label);
        question.label = text::or_else(&label, question.name).to_owned();
    }
    question.required = state.required.unwrap_or(question.required);
    question.visible = state.visible.unwrap_or(question.visible);
    question.set.clone_from(&state.value);
    let Some(options) = &state.options else {
        return;
    };
    if matches!(
        question.widget,
        Widget::Checkbox | Widget::User | Widget::Users
    ) {
        return;
    }
    let mut values: Vec<(String, String)> = options
        .iter()
        .map(|option| (option.value.clone(), option.label.clone()))
        .collect();
    if question.topic == Topic::Target {
        // Nothing but the strategy's targets can be asked for.
        let targets = flow.strategy.as_ref().map(|strategy| &strategy.targets);
        values.retain(|(value, _)| {
            targets
                .into_iter()
                .flatten()
                .any(|target| target.id == *value)
        });
    } else if values.is_empty() && !question.external {
        question.choices = None;
        question.widget = free(question.topic);
        return;
    }
    question.choices = Some(coded(values));
    question.widget = match question.topic {
        Topic::Field(FieldType::StrList | FieldType::IntList) => Widget::MultiSelect,
        _ => Widget::Select,
    };
}

/// The input of a field whose values are not limited.
fn free(topic: Topic) -> Widget {
    match topic {
        Topic::Field(FieldType::Int) => Widget::Number,
        _ => Widget::Text,
    }
}

fn declared_questions(flow: &Flow) -> Vec<Question<'_>> {
    let declares = |name: &str| flow.prompt_fields.iter().any(|field| field.name == name);
    let mut questions = Vec::with_capacity(flow.prompt_fields.len() + 2);
    if let Some(strategy) = &flow.strategy
        && !declares(TARGET_FIELD)
    {
        questions.push(Question {
            id: String::new(),
            name: TARGET_FIELD,
            label: "Target".to_owned(),
            required: true,
            visible: true,
            default: None,
            topic: Topic::Target,
            widget: Widget::Select,
            choices: Some(target_choices(strategy)),
            set: None,
            external: false,
            dispatches: false,
        });
    }
    questions.extend(
        flow.prompt_fields
            .iter()
            .map(|field| declared(field, flow.strategy.as_ref())),
    );
    if flow.strategy.is_some() && flow.params.schedule_deescalation && !declares(DURATION_FIELD) {
        questions.push(Question {
            id: String::new(),
            name: DURATION_FIELD,
            label: "Duration".to_owned(),
            required: true,
            visible: true,
            default: None,
            topic: Topic::AccessDuration,
            widget: Widget::Select,
            choices: Some(default_durations()),
            set: None,
            external: false,
            dispatches: false,
        });
    }
    questions
}

fn default_durations() -> Vec<Choice> {
    choices(
        DEFAULT_DURATIONS.iter().map(|value| (*value).to_owned()),
        FieldType::Duration,
    )
}

fn declared<'a>(field: &'a PromptField, strategy: Option<&'a Strategy>) -> Question<'a> {
    let topic = match (strategy, field.name.as_str()) {
        (Some(_), TARGET_FIELD) => Topic::Target,
        (Some(_), DURATION_FIELD) => Topic::AccessDuration,
        _ => Topic::Field(field.field_type),
    };
    // As for Terraform, an empty list is the same as none: a select without options could not be shown.
    let allowed = field
        .allowed_values
        .as_ref()
        .filter(|values| !values.is_empty());
    let choices = match (topic, strategy) {
        (Topic::Target, Some(strategy)) => Some(target_choices(strategy)),
        (Topic::AccessDuration, _) if allowed.is_none() => Some(default_durations()),
        _ => allowed.map(|values| choices(values.iter().cloned(), field.field_type)),
    };
    let default = field
        .default
        .as_deref()
        .filter(|default| !default.trim().is_empty());
    let field_type = topic.field_type();
    let choosable = choices
        .as_ref()
        .is_some_and(|choices| choices.len() <= MOST_CHOICES);
    Question {
        id: String::new(),
        name: &field.name,
        label: label(field),
        required: field.required || !matches!(topic, Topic::Field(_)),
        visible: field.visible,
        default: match (topic, strategy.map(|strategy| strategy.targets.as_slice())) {
            // A hidden selector leaves no choice where there is none.
            (Topic::Target, Some([only])) if !field.visible => Some(&only.id),
            _ => default,
        },
        topic,
        widget: match field_type {
            FieldType::Bool => Widget::Checkbox,
            FieldType::SlackUser => Widget::User,
            FieldType::SlackUserList => Widget::Users,
            FieldType::StrList | FieldType::IntList if choosable => Widget::MultiSelect,
            FieldType::String | FieldType::Int | FieldType::Duration if choosable => Widget::Select,
            FieldType::Int if choices.is_none() => Widget::Number,
            _ => Widget::Text,
        },
        choices: match field_type {
            FieldType::Bool | FieldType::SlackUser | FieldType::SlackUserList => None,
            _ => choices,
        },
        set: None,
        external: field.prefetch && topic != Topic::Target,
        dispatches: field.on_change.is_some(),
    }
}

fn label(field: &PromptField) -> String {
    let title = text::one_line(&field.title());
    text::or_else(&title, text::or_else(&field.name, "Field")).to_owned()
}

/// Gives every question an id made from its name, unlike every other.
fn number(questions: &mut [Question<'_>], state: &FormState) {
    let mut taken = HashSet::new();
    for (index, question) in questions.iter_mut().enumerate() {
        let version = match state.field(question.name).map_or(0, |field| field.version) {
            0 => String::new(),
            version => version.to_string(),
        };
        let by_name = format!("field{version}:{}", question.name);
        // Names that are too long or used twice go by their place, with a prefix that no name can produce.
        question.id =
            if by_name.chars().count() <= limits::BLOCK_ID_CHARS && taken.insert(question.name) {
                by_name
            } else {
                format!("field{version}#{index}")
            };
    }
}

fn target_choices(strategy: &Strategy) -> Vec<Choice> {
    let targets: Vec<(String, String)> = strategy
        .targets
        .iter()
        .map(|target| (target.id.clone(), target.title().to_owned()))
        .collect();
    coded(targets)
}

fn choices(values: impl Iterator<Item = String>, field_type: FieldType) -> Vec<Choice> {
    let values = values
        .map(|value| {
            let words = match field_type {
                FieldType::Duration => text::parse_duration(&value).map(text::duration_words),
                _ => None,
            };
            let words = words.unwrap_or_else(|| value.clone());
            (value, words)
        })
        .collect();
    coded(values)
}

/// Choices from values and what people see. Each value once, each text unlike the others.
fn coded(values: Vec<(String, String)>) -> Vec<Choice> {
    let mut seen = HashSet::new();
    let values: Vec<_> = values
        .into_iter()
        .filter(|(value, _)| seen.insert(value.clone()))
        .collect();
    // All or none of a field's choices go by number, so that a number can never be mistaken for a value.
    let by_number = values.iter().any(|(value, _)| {
        value.trim().is_empty() || value.chars().count() > limits::OPTION_VALUE_CHARS
    });
    let mut texts = HashSet::new();
    values
        .into_iter()
        .enumerate()
        .map(|(index, (value, words))| Choice {
            code: if by_number {
                index.to_string()
            } else {
                value.clone()
            },
            text: unlike(&mut texts, &words),
            value,
        })
        .collect()
}

/// The text cut to an option's length; one that is taken already gets a number.
fn unlike(taken: &mut HashSet<String>, words: &str) -> String {
    let words = text::one_line(words);
    let words = text::or_else(&words, "(empty)");
    let mut candidate = text::cut(words, limits::OPTION_TEXT_CHARS);
    let mut number = 2;
    while !taken.insert(candidate.clone()) {
        let suffix = format!(" ({number})");
        candidate = text::cut(words, limits::OPTION_TEXT_CHARS - suffix.len()) + &suffix;
        number += 1;
    }
    candidate
}
