//! Results of the handlers beside the two reducers of a request and the hooks.

use serde_json::Value;

use super::{NOTIFICATIONS_MAX, describe, destination, is};
use crate::domain::routing::{Legacy, Notification};
use crate::policy::types::{FormAnswer, FormFieldAnswer, OptionInput};

/// Options that a prefetch reducer may supply.
const OPTIONS_MAX: usize = 1_000;
/// Characters of an option's value and of its label.
const OPTION_CHARS: usize = 55;

/// `get_approvers`: one destination, a fallback of several, or a list of Slack users.
pub(super) fn approvers(value: &Value) -> Result<Vec<Notification>, String> {
    let wrong = || {
        format!(
            "returned {}, expected a destination such as slack.channel(…), or slack.fallback(…)",
            describe(value)
        )
    };
    if !is(value, "approvers") {
        return Err(wrong());
    }
    let flag = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool);
    let on_failure = flag(value, "continue_on_failure").ok_or_else(wrong)?;
    let on_timeout = flag(value, "continue_on_timeout").ok_or_else(wrong)?;
    let items = value
        .get("destinations")
        .and_then(Value::as_array)
        .ok_or_else(wrong)?;
    if items.is_empty() || items.len() > NOTIFICATIONS_MAX {
        return Err(format!(
            "returned {} destinations; 1 to {NOTIFICATIONS_MAX} are possible",
            items.len()
        ));
    }
    items
        .iter()
        .map(|item| {
            let timeout_seconds = match item.get("timeout") {
                None | Some(Value::Null) => None,
                Some(timeout) => Some(
                    timeout
                        .as_i64()
                        .ok_or("a destination's timeout is not a whole number of seconds")?,
                ),
            };
            Ok(Notification {
                destinations: vec![destination(
                    item.get("destination").unwrap_or(&Value::Null),
                )?],
                timeout_seconds,
                legacy: Some(Legacy {
                    allow_self: flag(item, "allow_self").ok_or_else(wrong)?,
                    continue_on_failure: on_failure,
                    continue_on_timeout: on_timeout,
                }),
            })
        })
        .collect()
}

/// `get_timeout`: seconds, at least one, or nothing.
pub(super) fn timeout(value: &Value) -> Result<Option<i64>, String> {
    if is(value, "none") {
        return Ok(None);
    }
    let seconds = value.get("value").and_then(Value::as_i64);
    seconds
        .filter(|seconds| is(value, "seconds") && *seconds > 0)
        .map(Some)
        .ok_or_else(|| {
            format!(
                "returned {}, expected seconds (a whole number above 0), a timedelta, or None",
                describe(value)
            )
        })
}

/// `get_flows`: some of the flows that it was given.
pub(super) fn flows(value: &Value) -> Result<Vec<usize>, String> {
    let items = list(value, "a list of the flows it was given")?;
    let mut positions = Vec::with_capacity(items.len());
    for item in items {
        let position = item
            .get("index")
            .and_then(Value::as_u64)
            .and_then(|index| usize::try_from(index).ok())
            .filter(|_| is(item, "flow"))
            .ok_or_else(|| {
                format!(
                    "returned a list with {}, expected flows of the list it was given",
                    describe(item)
                )
            })?;
        if !positions.contains(&position) {
            positions.push(position);
        }
    }
    Ok(positions)
}

/// `get_identity` and `get_identity_lookup`.
pub(super) fn identity(value: &Value) -> Result<Option<String>, String> {
    if is(value, "none") {
        return Ok(None);
    }
    match value.get("value").and_then(Value::as_str) {
        Some(text) if is(value, "text") && !text.trim().is_empty() => {
            Ok(Some(text.trim().to_owned()))
        }
        _ => Err(format!(
            "returned {}, expected text or None",
            describe(value)
        )),
    }
}

/// A prefetch reducer.
pub(super) fn options(value: &Value) -> Result<Vec<OptionInput>, String> {
    let items = list(value, "a list of FieldOption")?;
    if items.len() > OPTIONS_MAX {
        return Err(format!(
            "returned {} options; at most {OPTIONS_MAX} are possible",
            items.len()
        ));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            if !is(item, "option") {
                return Err(format!(
                    "returned a list whose item {index} is {}, expected a FieldOption",
                    describe(item)
                ));
            }
            option(item)
        })
        .collect()
}

fn option(item: &Value) -> Result<OptionInput, String> {
    let option: OptionInput = serde_json::from_value(item.clone())
        .map_err(|error| format!("returned an option that cannot be used: {error}"))?;
    if option.value.is_null() {
        return Err(format!(
            "returned an option {:?} without a value",
            option.label
        ));
    }
    let long = |text: &str| text.chars().count() > OPTION_CHARS;
    if long(&option.label) || long(&text_of(&option.value)) {
        return Err(format!(
            "returned an option whose label or value has more than {OPTION_CHARS} characters: {:?}",
            option.label
        ));
    }
    Ok(option)
}

/// Text as it is, other values as Python would write them in JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `on_change_<field>`.
pub(super) fn form(value: &Value) -> Result<FormAnswer, String> {
    let wrong = || {
        format!(
            "returned {}, expected the form (a SymPromptForm)",
            describe(value)
        )
    };
    if !is(value, "form") {
        return Err(wrong());
    }
    let header = match value.get("header") {
        None | Some(Value::Null) => None,
        Some(Value::String(header)) => Some(header.clone()),
        Some(_) => return Err(format!("{}: its header is not text", wrong())),
    };
    let items = value
        .get("fields")
        .and_then(Value::as_array)
        .ok_or_else(wrong)?;
    // serde would take lists for fields and options as well.
    let options = items
        .iter()
        .filter_map(|field| field.get("options")?.as_array());
    if !items.iter().chain(options.flatten()).all(Value::is_object) {
        return Err(wrong());
    }
    let fields: Vec<FormFieldAnswer> = serde_json::from_value(Value::Array(items.clone()))
        .map_err(|error| format!("{}: {error}", wrong()))?;
    for field in &fields {
        if field.options.len() > OPTIONS_MAX {
            return Err(format!(
                "gave the field {:?} {} allowed values; at most {OPTIONS_MAX} are possible",
                field.name,
                field.options.len()
            ));
        }
        for one in &field.options {
            if one.value.is_null() {
                return Err(format!(
                    "gave the field {:?} an option {:?} without a value",
                    field.name, one.label
                ));
            }
        }
    }
    Ok(FormAnswer {
        fields,
        additional_header_text: header,
    })
}

fn list<'a>(value: &'a Value, expected: &str) -> Result<&'a Vec<Value>, String> {
    value
        .get("items")
        .and_then(Value::as_array)
        .filter(|_| is(value, "list"))
        .ok_or_else(|| format!("returned {}, expected {expected}", describe(value)))
}
