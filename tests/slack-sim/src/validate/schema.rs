//! Structure: the JSON Schema made from `@slack/types` (see `schema/README.md`), one compiled validator per definition. An
//! element is checked against the definition of its own type, so that a message names the wrong field instead of saying
//! that none of twenty alternatives fits.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Problems;
use crate::lock;

static SCHEMA: &str = include_str!("../../schema/slack-types.json");

fn definitions() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED.get_or_init(|| {
        // The file is checked in and read by a test; an empty object would make every check fail, not pass.
        let mut schema: Value =
            serde_json::from_str(SCHEMA).unwrap_or_else(|_| json!({"definitions": {}}));
        let mut definitions = schema["definitions"].take();
        // Each nested block or element is looked at by its own type below; here it only has to be an object.
        for (definition, field) in NESTED {
            definitions[*definition]["properties"][*field] =
                if is_array(&definitions[*definition], field) {
                    json!({"type": "array", "items": {"type": "object"}})
                } else {
                    json!({"type": "object"})
                };
        }
        definitions
    })
}

fn is_array(definition: &Value, field: &str) -> bool {
    definition["properties"][field]["type"] == "array"
}

/// Fields that hold elements.
static NESTED: &[(&str, &str)] = &[
    ("InputBlock", "element"),
    ("SectionBlock", "accessory"),
    ("ActionsBlock", "elements"),
    ("ContextBlock", "elements"),
];

fn validator(definition: &str) -> Option<std::sync::Arc<Validator>> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Option<std::sync::Arc<Validator>>>>> =
        OnceLock::new();
    let mut compiled = lock(COMPILED.get_or_init(Mutex::default));
    compiled
        .entry(definition.to_owned())
        .or_insert_with(|| {
            definitions().get(definition)?;
            let schema = json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$ref": format!("#/definitions/{definition}"),
                "definitions": definitions(),
            });
            jsonschema::validator_for(&schema)
                .ok()
                .map(std::sync::Arc::new)
        })
        .clone()
}

/// The definition of a block type.
pub(super) fn definition_of_block(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "actions" => "ActionsBlock",
        "context" => "ContextBlock",
        "context_actions" => "ContextActionsBlock",
        "divider" => "DividerBlock",
        "file" => "FileBlock",
        "header" => "HeaderBlock",
        "image" => "ImageBlock",
        "input" => "InputBlock",
        "markdown" => "MarkdownBlock",
        "rich_text" => "RichTextBlock",
        "section" => "SectionBlock",
        "table" => "TableBlock",
        "video" => "VideoBlock",
        _ => return None,
    })
}

/// The definition of an element type.
pub(super) fn definition_of_element(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "button" => "Button",
        "channels_select" => "ChannelsSelect",
        "checkboxes" => "Checkboxes",
        "conversations_select" => "ConversationsSelect",
        "datepicker" => "Datepicker",
        "datetimepicker" => "DateTimepicker",
        "email_text_input" => "EmailInput",
        "external_select" => "ExternalSelect",
        "file_input" => "FileInput",
        "image" => "ImageElement",
        "mrkdwn" => "MrkdwnElement",
        "multi_channels_select" => "MultiChannelsSelect",
        "multi_conversations_select" => "MultiConversationsSelect",
        "multi_external_select" => "MultiExternalSelect",
        "multi_static_select" => "MultiStaticSelect",
        "multi_users_select" => "MultiUsersSelect",
        "number_input" => "NumberInput",
        "overflow" => "Overflow",
        "plain_text" => "PlainTextElement",
        "plain_text_input" => "PlainTextInput",
        "radio_buttons" => "RadioButtons",
        "rich_text_input" => "RichTextInput",
        "static_select" => "StaticSelect",
        "timepicker" => "Timepicker",
        "url_text_input" => "URLInput",
        "users_select" => "UsersSelect",
        "workflow_button" => "WorkflowButton",
        _ => return None,
    })
}

/// Checks `value` and the elements in it; `pointer` is where it stands in what was sent.
pub(super) fn check(problems: &mut Problems, definition: &str, value: &Value, pointer: &str) {
    let Some(validator) = validator(definition) else {
        problems.add(pointer, format!("no schema for {definition}"));
        return;
    };
    for error in validator.iter_errors(value) {
        let at = format!("{pointer}{}", error.instance_path());
        let message: String = error.to_string().chars().take(300).collect();
        problems.add(&at, message);
    }
    for (owner, field) in NESTED {
        if *owner != definition {
            continue;
        }
        match &value[*field] {
            Value::Null => {}
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    check_element(
                        problems,
                        definition,
                        item,
                        &format!("{pointer}/{field}/{i}"),
                    );
                }
            }
            item => check_element(problems, definition, item, &format!("{pointer}/{field}")),
        }
    }
}

fn check_element(problems: &mut Problems, owner: &str, element: &Value, pointer: &str) {
    let kind = element["type"].as_str().unwrap_or_default();
    match definition_of_element(kind).filter(|_| fits(owner, kind)) {
        Some(definition) => check(problems, definition, element, pointer),
        None => problems.add(
            &format!("{pointer}/type"),
            format!("unsupported type: {kind}"),
        ),
    }
}

/// Which element types each kind of block holds.
fn fits(owner: &str, kind: &str) -> bool {
    match owner {
        "InputBlock" => !matches!(
            kind,
            "button" | "overflow" | "image" | "mrkdwn" | "plain_text" | "workflow_button"
        ),
        "ContextBlock" => matches!(kind, "image" | "mrkdwn" | "plain_text"),
        "ActionsBlock" => !matches!(
            kind,
            "image"
                | "mrkdwn"
                | "plain_text"
                | "plain_text_input"
                | "number_input"
                | "email_text_input"
                | "url_text_input"
                | "file_input"
        ),
        "SectionBlock" => !matches!(
            kind,
            "mrkdwn"
                | "plain_text"
                | "plain_text_input"
                | "number_input"
                | "email_text_input"
                | "url_text_input"
                | "file_input"
                | "rich_text_input"
                | "datetimepicker"
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_that_is_named_exists_and_compiles() {
        for kind in [
            "actions",
            "context",
            "divider",
            "header",
            "image",
            "input",
            "rich_text",
            "section",
        ] {
            let name = definition_of_block(kind).unwrap_or_default();
            assert!(validator(name).is_some(), "{kind}");
        }
        for kind in [
            "button",
            "checkboxes",
            "conversations_select",
            "datepicker",
            "datetimepicker",
            "email_text_input",
            "external_select",
            "multi_static_select",
            "number_input",
            "overflow",
            "plain_text_input",
            "radio_buttons",
            "static_select",
            "timepicker",
            "url_text_input",
            "users_select",
            "multi_users_select",
            "channels_select",
        ] {
            let name = definition_of_element(kind).unwrap_or_default();
            assert!(validator(name).is_some(), "{kind}");
        }
        assert!(validator("ModalView").is_some() && validator("HomeView").is_some());
    }
}
