//! What `on_change` functions make of an open form: their answer laid over what it was. Pure.

use serde_json::{Value, json};

use crate::domain::field::FieldType;
use crate::flows::catalog::Flow;
use crate::policy::types::{FailureKind, FormAnswer, FormInput, HandlerFailure};
use crate::slack::live::{FieldState, FormState, StateOption};
use crate::slack::question::{Question, Topic};
use crate::slack::text;

/// Only what prefetch reducers supplied at the start.
pub(super) fn originals(flow: &Flow, state: &FormState) -> FormState {
    let fields = flow
        .prompt_fields
        .iter()
        .filter(|field| field.prefetch)
        .filter_map(|field| {
            let options = state.field(&field.name)?.options.clone();
            let known = FieldState {
                options,
                ..FieldState::default()
            };
            Some((field.name.clone(), known))
        })
        .collect();
    FormState {
        fields,
        ..FormState::default()
    }
}

/// An allowed value as Python has it.
pub(super) fn typed(field_type: FieldType, value: &str) -> Value {
    match field_type {
        FieldType::Int | FieldType::IntList => value
            .trim()
            .parse::<i64>()
            .map_or_else(|_| json!(value), |number| json!(number)),
        FieldType::Duration => {
            text::parse_duration(value).map_or_else(|| json!(value), |seconds| json!(seconds))
        }
        _ => json!(value),
    }
}

/// A value of Python as it would be written in the configuration.
pub(super) fn written(field_type: FieldType, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if field_type == FieldType::Duration => Some(format!("{number}s")),
        other => Some(other.to_string()),
    }
}

/// The texts of a value: none, one, or several for lists.
fn texts(field_type: FieldType, value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .filter_map(|item| written(field_type, item))
            .collect(),
        Value::Object(object) => object
            .get("$slack_user")
            .and_then(|user| user.get("user_id"))
            .and_then(Value::as_str)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        single => written(field_type, single)
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect(),
    }
}

/// What a field held, in the same words as [`texts`] of what came back.
fn given_texts(field_type: FieldType, value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .flat_map(|item| texts(field_type, item))
            .collect(),
        single => texts(field_type, single),
    }
}

/// A value in the words of the choice that it is: durations can be written in several ways.
fn as_configured(question: &Question<'_>, value: &str) -> String {
    let seconds = match question.topic {
        Topic::AccessDuration | Topic::Field(FieldType::Duration) => text::parse_duration(value),
        _ => None,
    };
    let choices = question.choices.as_deref().unwrap_or_default();
    choices
        .iter()
        .find(|choice| seconds.is_some() && text::parse_duration(&choice.value) == seconds)
        .map_or_else(|| value.to_owned(), |choice| choice.value.clone())
}

/// Makes of the form what the function returned.
///
/// # Errors
/// When it changed what it may not.
pub(super) fn apply(
    before: &FormState,
    questions: &[Question<'_>],
    given: &FormInput,
    answer: FormAnswer,
) -> Result<FormState, HandlerFailure> {
    let mut names: Vec<&str> = answer
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let mut known: Vec<&str> = given
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    names.sort_unstable();
    known.sort_unstable();
    if names != known {
        return Err(HandlerFailure::new(
            FailureKind::WrongResult,
            format!(
                "on_change returned a form with the fields {}, but the set of fields ({}) cannot be changed",
                names.join(", "),
                known.join(", ")
            ),
        ));
    }
    let mut after = FormState {
        note: None,
        ..before.clone()
    };
    if answer.additional_header_text != given.additional_header_text {
        after.header = Some(answer.additional_header_text.unwrap_or_default());
    }
    for field in answer.fields {
        let (Some(was), Some(question)) = (
            given.fields.iter().find(|was| was.name == field.name),
            questions
                .iter()
                .find(|question| question.name == field.name),
        ) else {
            continue;
        };
        let field_type = question.topic.field_type();
        let state = after.fields.entry(field.name.clone()).or_default();
        if field.label != was.label {
            state.label = Some(field.label.unwrap_or_default());
        }
        if field.required != was.required {
            state.required = Some(field.required);
        }
        if field.visible != was.visible {
            state.visible = Some(field.visible);
        }
        let held = given_texts(field_type, &was.value);
        let mut value = texts(field_type, &field.value);
        let mut new_input = value != held;
        if field.options == was.current_allowed_values {
            for text in &mut value {
                *text = as_configured(question, text);
            }
        } else {
            let options: Vec<StateOption> = field
                .options
                .iter()
                .filter_map(|option| {
                    Some(StateOption {
                        value: written(field_type, &option.value)?,
                        label: option.label.clone(),
                    })
                })
                .collect();
            // What is no longer allowed is no longer chosen.
            let limited = !options.is_empty();
            let allowed = |text: &String| options.iter().any(|option| option.value == *text);
            if limited && !value.iter().all(allowed) {
                value.retain(allowed);
                new_input = true;
            }
            // Another kind of input has to have another id.
            let was_limited = !was.current_allowed_values.is_empty();
            new_input |= limited != was_limited;
            state.options = Some(options);
        }
        if new_input {
            state.version += 1;
        }
        if new_input || !value.is_empty() || state.value.is_some() {
            state.value = Some(value);
        }
        if *state == FieldState::default() {
            after.fields.remove(&field.name);
        }
    }
    Ok(after)
}

/// Whether people would see a difference. Inputs that keep their id keep what was entered, so that the values which are
/// remembered of them are none.
pub(super) fn looks_different(before: &FormState, after: &FormState) -> bool {
    let seen = |state: &FormState, other: &FormState| {
        let mut state = state.clone();
        for (name, field) in &mut state.fields {
            let version = other.field(name).map_or(0, |other| other.version);
            if field.version == version {
                field.value = None;
            }
        }
        state
            .fields
            .retain(|_, field| *field != FieldState::default());
        state
    };
    seen(before, after) != seen(after, before)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::types::{FormFieldAnswer, FormFieldInput};
    use crate::slack::question::Widget;

    fn question(name: &'static str, field_type: FieldType, widget: Widget) -> Question<'static> {
        Question {
            id: name.to_owned(),
            name,
            label: name.to_owned(),
            required: false,
            visible: true,
            default: None,
            topic: Topic::Field(field_type),
            widget,
            choices: None,
            set: None,
            external: false,
            dispatches: false,
        }
    }

    fn selection(id: &str) -> Value {
        json!({ "$slack_user": { "user_id": id, "username": null } })
    }

    /// What a field held, what came back, and the form after that.
    fn changed(field_type: FieldType, held: Value, returned: Value) -> FormState {
        let questions = [question("field", field_type, Widget::Text)];
        let given = FormInput {
            fields: vec![FormFieldInput {
                name: "field".to_owned(),
                field_type: field_type.as_str().to_owned(),
                value: held,
                label: Some("field".to_owned()),
                required: false,
                visible: true,
                current_allowed_values: Vec::new(),
                original_allowed_values: Vec::new(),
            }],
            additional_header_text: None,
        };
        let answer = FormAnswer {
            fields: vec![FormFieldAnswer {
                name: "field".to_owned(),
                value: returned,
                label: Some("field".to_owned()),
                required: false,
                visible: true,
                options: Vec::new(),
            }],
            additional_header_text: None,
        };
        apply(&FormState::default(), &questions, &given, answer).unwrap()
    }

    #[test]
    fn a_form_that_comes_back_as_it_was_is_not_drawn_again() {
        let none = FormState::default();
        for (field_type, held, returned) in [
            (
                FieldType::SlackUserList,
                json!([selection("U2"), selection("U1")]),
                json!(["U2", "U1"]),
            ),
            (FieldType::SlackUserList, json!([]), json!([])),
            (FieldType::SlackUserList, Value::Null, json!([])),
            (FieldType::SlackUser, selection("U1"), json!("U1")),
            (FieldType::SlackUser, Value::Null, Value::Null),
            (FieldType::StrList, json!(["b", "a"]), json!(["b", "a"])),
            (FieldType::IntList, json!([2, 1]), json!([2, 1])),
            (FieldType::String, json!(" x "), json!(" x ")),
            (FieldType::Int, json!(7), json!(7)),
            (FieldType::Bool, json!(false), json!(false)),
            (FieldType::Duration, json!(1800), json!(1800)),
        ] {
            let after = changed(field_type, held.clone(), returned);
            assert!(!looks_different(&none, &after), "{held}: {after:?}");
            // And not the next time either.
            assert!(!looks_different(&after, &after));
            let version = after.field("field").map_or(0, |field| field.version);
            assert_eq!(version, 0, "{held}");
        }
    }

    #[test]
    fn a_value_that_came_back_otherwise_is_drawn() {
        let none = FormState::default();
        let two = json!([selection("U2"), selection("U1")]);
        for (field_type, held, returned) in [
            (FieldType::SlackUserList, two.clone(), json!(["U2"])),
            (FieldType::SlackUserList, two.clone(), json!(["U1", "U2"])),
            (FieldType::SlackUserList, two, Value::Null),
            (FieldType::SlackUser, selection("U1"), json!("U2")),
            (FieldType::Bool, json!(false), json!(true)),
            (FieldType::Int, json!(7), Value::Null),
        ] {
            let after = changed(field_type, held.clone(), returned);
            assert!(looks_different(&none, &after), "{held}: {after:?}");
            assert_eq!(after.field("field").unwrap().version, 1, "{held}");
        }
    }
}
