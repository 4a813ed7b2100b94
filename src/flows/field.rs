//! One prompt field: from a `prompt_field` block or an entry of `prompt_fields_json` to the catalog, with the rules of its
//! type. Called by `build`.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Implementation, PromptField, duration_seconds, on_change_function};
use super::eval::World;
use super::objects::{Object, Written};
use super::source::{Place, UNKNOWN_HINT};
use super::value::Value;
use super::{code, schema};
use crate::domain::field::FieldType;
use crate::slack::limits;

/// A field as it is written: attributes with their places.
pub struct Draft {
    pub written: BTreeMap<&'static str, Written>,
    /// Attributes with a problem, which is reported.
    pub failed: BTreeSet<&'static str>,
    pub place: Place,
    /// Position in the flow, from 0.
    pub position: usize,
    /// Whether it comes from the first generation, where the type `list` existed.
    pub first_generation: bool,
}

impl Draft {
    fn place_of(&self, name: &str) -> Place {
        self.written
            .get(name)
            .map_or(self.place, |written| written.place)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.written.get(name)?.value.as_str()
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        match self.written.get(name).map(|written| &written.value) {
            Some(Value::Bool(value)) => *value,
            _ => default,
        }
    }

    /// How the field is called in messages.
    fn title(&self, flow: &Object) -> String {
        match self.text("name") {
            Some(name) => format!("{}: prompt_field {name:?}", flow.address),
            None => format!("{}: prompt_field {}", flow.address, self.position),
        }
    }
}

/// Reads a field; problems are reported, and `None` is given when it is of no use.
pub fn read(world: &World, flow: &Object, draft: &Draft) -> Option<PromptField> {
    let title = draft.title(flow);
    for attribute in schema::PROMPT_FIELD {
        match draft.written.get(attribute.name) {
            None if draft.failed.contains(attribute.name) => {}
            None if attribute.required => world.sources.error(
                draft.place,
                format!("{title}: `{}` is missing", attribute.name),
                Some("this attribute is required"),
            ),
            Some(written) => {
                if let Some(unknown) = written.value.first_unknown() {
                    world.sources.error(
                        written.place,
                        format!(
                            "{title}: `{}` depends on {}, which only an apply would know",
                            attribute.name, unknown.reference
                        ),
                        Some(UNKNOWN_HINT),
                    );
                    return None;
                }
            }
            None => {}
        }
    }
    let name = draft.text("name")?.to_owned();
    if name.is_empty() {
        world.sources.error(
            draft.place_of("name"),
            format!("{title}: the name is empty"),
            None,
        );
    }
    let field_type = field_type(world, draft, &title)?;
    if has_null(draft, "allowed_values") {
        world.sources.error(
            draft.place_of("allowed_values"),
            format!("{title}: an allowed value is null"),
            Some("take it out of the list"),
        );
    }
    let allowed_values =
        draft
            .written
            .get("allowed_values")
            .and_then(|written| match &written.value {
                Value::List(list) if !list.items.is_empty() => Some(
                    list.items
                        .iter()
                        .filter_map(Value::to_text)
                        .map(|text| text.to_string())
                        .collect::<Vec<_>>(),
                ),
                // The provider does not tell an empty list from none.
                _ => None,
            });
    let field = PromptField {
        on_change: on_change(world, flow, draft, &name, &title),
        label: draft
            .text("label")
            .filter(|label| !label.is_empty())
            .map(str::to_owned),
        required: draft.flag("required", true),
        visible: draft.flag("visible", true),
        default: draft
            .text("default")
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        prefetch: draft.flag("prefetch", false),
        allowed_values,
        field_type,
        name,
    };
    check(world, draft, &field, &title);
    Some(field)
}

/// Whether a list holds a null.
fn has_null(draft: &Draft, name: &str) -> bool {
    match draft.written.get(name).map(|written| &written.value) {
        Some(Value::List(list)) => list.items.iter().any(Value::is_null),
        _ => false,
    }
}

fn field_type(world: &World, draft: &Draft, title: &str) -> Option<FieldType> {
    let written = draft.text("type")?;
    if draft.first_generation && written == "list" {
        return Some(FieldType::String);
    }
    let found = FieldType::ALL
        .into_iter()
        .find(|known| known.as_str() == written);
    if found.is_none() {
        let names: Vec<&str> = FieldType::ALL.into_iter().map(FieldType::as_str).collect();
        let hint = match written {
            "list" => Some("use \"string\" with allowed_values".to_owned()),
            other => super::source::similar(other, names.iter().copied())
                .map(|name| format!("did you mean {name:?}?")),
        };
        world.sources.error(
            draft.place_of("type"),
            format!(
                "{title}: Invalid prompt_field.type: {written:?} is not a valid prompt_field type; the types are {}",
                names.join(", ")
            ),
            hint.as_deref(),
        );
    }
    found
}

fn on_change(
    world: &World,
    flow: &Object,
    draft: &Draft,
    name: &str,
    title: &str,
) -> Option<Implementation> {
    let written = draft.written.get("on_change")?;
    let Value::String(text) = &written.value else {
        return None;
    };
    if text.is_empty() {
        return None;
    }
    let what = format!("{title}: on_change");
    let implementation = code::read(world, flow, text, written.place, &what)?;
    let function = on_change_function(name);
    let defined = implementation.source.lines().any(|line| {
        line.trim_start()
            .strip_prefix("async ")
            .unwrap_or(line.trim_start())
            .strip_prefix("def ")
            .and_then(|rest| rest.trim_start().strip_prefix(function.as_str()))
            .is_some_and(|rest| rest.trim_start().starts_with('('))
    });
    let assigned = [" =", "="].map(|sign| format!("{function}{sign}"));
    if !defined
        && !assigned
            .iter()
            .any(|text| implementation.source.contains(text))
    {
        world.sources.error(
            written.place,
            format!("{what} does not define {function}"),
            Some("name the function after the field, with dashes as underscores"),
        );
    }
    Some(implementation)
}

/// The rules of single types.
fn check(world: &World, draft: &Draft, field: &PromptField, title: &str) {
    let error = |attribute: &str, message: String, hint: Option<&str>| {
        world.sources.error(
            draft.place_of(attribute),
            format!("{title}: {message}"),
            hint,
        );
    };
    let type_name = field.field_type.as_str();
    let people = field.field_type.is_people();
    let lists = matches!(field.field_type, FieldType::StrList | FieldType::IntList);
    if people {
        if field.allowed_values.is_some() {
            error(
                "allowed_values",
                format!("allowed_values cannot be given for the type {type_name}"),
                Some("Slack offers the people itself"),
            );
        }
        if field.prefetch {
            error(
                "prefetch",
                format!("prefetch cannot be used with the type {type_name}"),
                Some("Slack offers the people itself"),
            );
        }
    }
    if (people || lists) && field.default.is_some() {
        error(
            "default",
            format!("a default cannot be given for the type {type_name}"),
            None,
        );
    }
    if let Some(default) = field.default.as_deref().filter(|_| !people && !lists) {
        let length = default.chars().count();
        if length > limits::TEXT_INPUT_CHARS {
            error(
                "default",
                format!(
                    "the default has {length} characters, more than a form can hold in one field ({})",
                    limits::TEXT_INPUT_CHARS
                ),
                Some("make it shorter, or let the implementation fill it in"),
            );
        } else if let Some(problem) = misfit(field.field_type, default) {
            error(
                "default",
                format!("the default {default:?} {problem}"),
                None,
            );
        } else if field
            .allowed_values
            .as_ref()
            .is_some_and(|allowed| !allowed.iter().any(|value| value == default))
        {
            error(
                "default",
                format!("the default {default:?} is not one of the allowed_values"),
                None,
            );
        }
    }
    for value in field.allowed_values.iter().flatten() {
        // Elements of `int_list` are not looked at: the provider does not either.
        if let Some(problem) = misfit(field.field_type, value) {
            error(
                "allowed_values",
                format!("the allowed value {value:?} {problem}"),
                None,
            );
        }
    }
    if let Some(allowed) = &field.allowed_values {
        let mut sorted: Vec<&String> = allowed.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            error(
                "allowed_values",
                format!("the allowed value {:?} is there twice", twice[0]),
                None,
            );
        }
    }
    if field.field_type == FieldType::Duration
        && field.allowed_values.is_none()
        && field.name != "duration"
    {
        error(
            "type",
            "a field of the type duration needs allowed_values".to_owned(),
            Some("such as [\"30m\", \"1h\"]"),
        );
    }
}

/// Why a written value does not fit a type.
fn misfit(field_type: FieldType, value: &str) -> Option<&'static str> {
    match field_type {
        FieldType::Int => value
            .parse::<i64>()
            .is_err()
            .then_some("is not a whole number"),
        FieldType::Bool => (!matches!(value, "true" | "false")).then_some("is not true or false"),
        FieldType::Duration => duration_seconds(value)
            .is_none()
            .then_some("is not a duration like 30m, 1h or 2d (units: s, m, h, d, mo)"),
        _ => None,
    }
}
