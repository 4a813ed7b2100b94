//! Block Kit as data: completing what Slack fills in, finding elements, and the state of inputs, per element type, in the
//! shape of `state.values`. Pure. Used by the world, by interactions, by the page and by the driver.

use serde_json::{Map, Value, json};

use crate::ids;
use crate::world::StateValues;

/// An interactive element and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    pub block: &'a Value,
    pub element: &'a Value,
}

impl Placed<'_> {
    pub fn block_id(&self) -> &str {
        self.block["block_id"].as_str().unwrap_or_default()
    }

    pub fn action_id(&self) -> &str {
        self.element["action_id"].as_str().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.element["type"].as_str().unwrap_or_default()
    }

    pub fn in_input_block(&self) -> bool {
        self.block["type"] == "input"
    }

    /// Whether changing it tells the app at once.
    pub fn dispatches(&self) -> bool {
        !self.in_input_block() || self.block["dispatch_action"] == true
    }
}

/// Element types that a person can act on.
const INTERACTIVE: [&str; 24] = [
    "button",
    "overflow",
    "workflow_button",
    "plain_text_input",
    "number_input",
    "email_text_input",
    "url_text_input",
    "rich_text_input",
    "file_input",
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "multi_static_select",
    "multi_external_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "checkboxes",
    "radio_buttons",
    "datepicker",
    "timepicker",
    "datetimepicker",
];

/// All interactive elements, in reading order.
pub fn elements(blocks: &[Value]) -> Vec<Placed<'_>> {
    let mut out = Vec::new();
    for block in blocks {
        match block["type"].as_str() {
            Some("input") => out.push(Placed {
                block,
                element: &block["element"],
            }),
            Some("section") if block["accessory"].is_object() => {
                out.push(Placed {
                    block,
                    element: &block["accessory"],
                });
            }
            Some("actions") => {
                for element in block["elements"].as_array().into_iter().flatten() {
                    out.push(Placed { block, element });
                }
            }
            _ => {}
        }
    }
    out.retain(|p| INTERACTIVE.contains(&p.kind()));
    out
}

pub fn find<'a>(blocks: &'a [Value], block_id: &str, action_id: &str) -> Option<Placed<'a>> {
    elements(blocks)
        .into_iter()
        .find(|p| p.block_id() == block_id && p.action_id() == action_id)
}

/// Fills in what Slack fills in: block ids, action ids, `emoji` of plain text, `verbatim` of markdown.
pub fn completed(mut blocks: Vec<Value>) -> Vec<Value> {
    for block in &mut blocks {
        if let Some(object) = block.as_object_mut()
            && !object.get("block_id").is_some_and(Value::is_string)
        {
            object.insert("block_id".to_owned(), Value::String(ids::short()));
        }
        complete(block);
    }
    blocks
}

pub fn completed_text(mut text: Value) -> Value {
    complete(&mut text);
    text
}

fn complete(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(complete),
        Value::Object(object) => {
            let kind = object
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            match kind.as_str() {
                "plain_text" => {
                    object.entry("emoji").or_insert(Value::Bool(true));
                }
                "mrkdwn" => {
                    object.entry("verbatim").or_insert(Value::Bool(false));
                }
                "rich_text" => return,
                kind if INTERACTIVE.contains(&kind)
                    && !object.get("action_id").is_some_and(Value::is_string) =>
                {
                    object.insert("action_id".to_owned(), Value::String(ids::short()));
                }
                "input" => {
                    object.entry("optional").or_insert(Value::Bool(false));
                    object
                        .entry("dispatch_action")
                        .or_insert(Value::Bool(false));
                }
                _ => {}
            }
            for (key, inner) in object.iter_mut() {
                if key != "metadata" && (inner.is_object() || inner.is_array()) {
                    complete(inner);
                }
            }
        }
        _ => {}
    }
}

/// The key that holds an element type's value in its state; `None` for elements without state.
pub fn state_key(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => "value",
        "rich_text_input" => "rich_text_value",
        "file_input" => "files",
        "static_select" | "external_select" | "radio_buttons" => "selected_option",
        "multi_static_select" | "multi_external_select" | "checkboxes" => "selected_options",
        "users_select" => "selected_user",
        "multi_users_select" => "selected_users",
        "conversations_select" => "selected_conversation",
        "multi_conversations_select" => "selected_conversations",
        "channels_select" => "selected_channel",
        "multi_channels_select" => "selected_channels",
        "datepicker" => "selected_date",
        "timepicker" => "selected_time",
        "datetimepicker" => "selected_date_time",
        _ => return None,
    })
}

/// Whether an untouched element of this type has an empty list rather than null.
fn is_list(kind: &str) -> bool {
    kind.starts_with("multi_") || kind == "checkboxes" || kind == "file_input"
}

/// The state an element starts with: its `initial_*` value or its type's emptiness.
pub fn initial_state(element: &Value, from_channel: Option<&str>) -> Option<Value> {
    let kind = element["type"].as_str()?;
    let key = state_key(kind)?;
    let initial_key = match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input"
        | "rich_text_input" => "initial_value",
        "static_select" | "external_select" | "radio_buttons" => "initial_option",
        "multi_static_select" | "multi_external_select" | "checkboxes" => "initial_options",
        "users_select" => "initial_user",
        "multi_users_select" => "initial_users",
        "conversations_select" => "initial_conversation",
        "multi_conversations_select" => "initial_conversations",
        "channels_select" => "initial_channel",
        "multi_channels_select" => "initial_channels",
        "datepicker" => "initial_date",
        "timepicker" => "initial_time",
        "datetimepicker" => "initial_date_time",
        _ => "",
    };
    let mut value = element.get(initial_key).cloned().unwrap_or(Value::Null);
    if value == "" {
        value = Value::Null;
    }
    if value.is_null() && element["default_to_current_conversation"] == true {
        value = match from_channel {
            Some(channel) if is_list(kind) => json!([channel]),
            Some(channel) => json!(channel),
            None => Value::Null,
        };
    }
    if value.is_null() && is_list(kind) {
        value = json!([]);
    }
    Some(json!({"type": kind, key: value}))
}

/// The state of all inputs: what was entered where it still fits, initial values elsewhere.
pub fn state_of(
    blocks: &[Value],
    entered: Option<&StateValues>,
    from_channel: Option<&str>,
) -> StateValues {
    let mut out = StateValues::new();
    for placed in elements(blocks) {
        let Some(initial) = initial_state(placed.element, from_channel) else {
            continue;
        };
        let kept = entered
            .and_then(|e| e.get(placed.block_id()))
            .and_then(|b| b.get(placed.action_id()))
            .filter(|kept| {
                kept["type"] == placed.element["type"] && still_offered(placed.element, kept)
            });
        let state = kept.cloned().unwrap_or(initial);
        put_state(&mut out, placed.block_id(), placed.action_id(), state);
    }
    out
}

/// An option that is no longer in the menu cannot stay selected.
fn still_offered(element: &Value, state: &Value) -> bool {
    match element["type"].as_str() {
        Some("static_select" | "radio_buttons") => {
            state["selected_option"].is_null() || offers(element, &state["selected_option"])
        }
        Some("multi_static_select" | "checkboxes") => state["selected_options"]
            .as_array()
            .is_some_and(|all| all.iter().all(|o| offers(element, o))),
        _ => true,
    }
}

fn offers(element: &Value, option: &Value) -> bool {
    options(element)
        .iter()
        .any(|o| o["value"] == option["value"])
}

/// The options of a menu, groups flattened.
pub fn options(element: &Value) -> Vec<&Value> {
    let groups = element["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.flat_map(|g| g["options"].as_array().into_iter().flatten());
    element["options"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(grouped)
        .collect()
}

pub fn put_state(values: &mut StateValues, block_id: &str, action_id: &str, state: Value) {
    let block = values
        .entry(block_id)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(object) = block.as_object_mut() {
        object.insert(action_id.to_owned(), state);
    }
}

/// Whether nothing was entered.
pub fn is_empty(state: &Value) -> bool {
    let Some(value) = state["type"]
        .as_str()
        .and_then(state_key)
        .map(|key| &state[key])
    else {
        return true;
    };
    match value {
        Value::Null => true,
        Value::String(s) => s.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A rich text value that says `text`, as Slack's editor makes it.
pub fn rich_text(text: &str) -> Value {
    json!({"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]})
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn input(element: Value) -> Vec<Value> {
        completed(vec![json!({"type": "input", "block_id": "b",
            "label": {"type": "plain_text", "text": "L"}, "element": element})])
    }

    #[test]
    fn every_element_type_starts_with_the_emptiness_that_slack_gives_it() {
        for (kind, expected) in [
            (
                "plain_text_input",
                json!({"type": "plain_text_input", "value": null}),
            ),
            (
                "number_input",
                json!({"type": "number_input", "value": null}),
            ),
            (
                "email_text_input",
                json!({"type": "email_text_input", "value": null}),
            ),
            (
                "static_select",
                json!({"type": "static_select", "selected_option": null}),
            ),
            (
                "multi_static_select",
                json!({"type": "multi_static_select", "selected_options": []}),
            ),
            (
                "external_select",
                json!({"type": "external_select", "selected_option": null}),
            ),
            (
                "users_select",
                json!({"type": "users_select", "selected_user": null}),
            ),
            (
                "multi_users_select",
                json!({"type": "multi_users_select", "selected_users": []}),
            ),
            (
                "conversations_select",
                json!({"type": "conversations_select", "selected_conversation": null}),
            ),
            (
                "channels_select",
                json!({"type": "channels_select", "selected_channel": null}),
            ),
            (
                "checkboxes",
                json!({"type": "checkboxes", "selected_options": []}),
            ),
            (
                "radio_buttons",
                json!({"type": "radio_buttons", "selected_option": null}),
            ),
            (
                "datepicker",
                json!({"type": "datepicker", "selected_date": null}),
            ),
            (
                "timepicker",
                json!({"type": "timepicker", "selected_time": null}),
            ),
            (
                "datetimepicker",
                json!({"type": "datetimepicker", "selected_date_time": null}),
            ),
        ] {
            let state = state_of(&input(json!({"type": kind, "action_id": "a"})), None, None);
            assert_eq!(state["b"]["a"], expected, "{kind}");
        }
    }

    #[test]
    fn entered_values_stay_only_while_ids_type_and_option_stay() {
        let select = |values: &[&str]| {
            let options: Vec<Value> = values
                .iter()
                .map(|v| json!({"text": {"type": "plain_text", "text": v}, "value": v}))
                .collect();
            input(json!({"type": "static_select", "action_id": "a", "options": options}))
        };
        let mut entered = StateValues::new();
        let chosen = json!({"type": "static_select", "selected_option": {"value": "x"}});
        put_state(&mut entered, "b", "a", chosen.clone());
        assert_eq!(
            state_of(&select(&["x", "y"]), Some(&entered), None)["b"]["a"],
            chosen
        );
        assert!(
            state_of(&select(&["y"]), Some(&entered), None)["b"]["a"]["selected_option"].is_null()
        );
        let text =
            input(json!({"type": "plain_text_input", "action_id": "a", "initial_value": "i"}));
        assert_eq!(
            state_of(&text, Some(&entered), None)["b"]["a"]["value"],
            "i"
        );
    }

    #[test]
    fn slack_fills_in_ids_and_text_flags() {
        let blocks = completed(vec![
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}),
            json!({"type": "actions", "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Go"}}]}),
        ]);
        assert!(blocks.iter().all(|b| b["block_id"].is_string()));
        assert_eq!(blocks[0]["text"]["verbatim"], false);
        let button = &blocks[1]["elements"][0];
        assert!(button["action_id"].is_string());
        assert_eq!(button["text"]["emoji"], true);
    }
}
