//! Lengths, counts, uniqueness and what belongs together: what Slack's types do not say. Each number is Slack's documented
//! limit. Runs on what the schema has accepted.

use std::collections::HashSet;

use serde_json::Value;

use super::elements::{image, one_element};
use super::{Problems, Surface};

const BLOCKS_PER_MESSAGE: usize = 50;
const BLOCKS_PER_VIEW: usize = 100;
pub(super) const ID_CHARS: usize = 255;
const VIEW_TITLE_CHARS: usize = 24;
const PRIVATE_METADATA_CHARS: usize = 3_000;
const SECTION_TEXT_CHARS: usize = 3_000;
const SECTION_FIELDS: usize = 10;
const SECTION_FIELD_CHARS: usize = 2_000;
const HEADER_CHARS: usize = 150;
const CONTEXT_ELEMENTS: usize = 10;
const ACTIONS_ELEMENTS: usize = 25;
const INPUT_LABEL_CHARS: usize = 2_000;
/// Observed: more text than this in all blocks of a message is refused.
const MESSAGE_BLOCK_TEXT_CHARS: usize = 13_200;
const VIEW_BYTES: usize = 250_000;

pub(super) fn view(problems: &mut Problems, view: &Value) {
    for key in ["title", "submit", "close"] {
        if view[key].is_object() {
            text(
                problems,
                &format!("/view/{key}"),
                &view[key],
                1,
                VIEW_TITLE_CHARS,
            );
        }
    }
    chars(
        problems,
        "/view/private_metadata",
        &view["private_metadata"],
        0,
        PRIVATE_METADATA_CHARS,
    );
    chars(
        problems,
        "/view/callback_id",
        &view["callback_id"],
        0,
        ID_CHARS,
    );
    chars(
        problems,
        "/view/external_id",
        &view["external_id"],
        0,
        ID_CHARS,
    );
    let has_inputs = view["blocks"]
        .as_array()
        .is_some_and(|all| all.iter().any(|b| b["type"] == "input"));
    if view["type"] == "modal" && has_inputs && !view["submit"].is_object() {
        problems.add(
            "/view",
            "missing required field: submit (there are input blocks)",
        );
    }
    if view.to_string().len() > VIEW_BYTES {
        problems.add(
            "/view",
            format!("view must be less than {VIEW_BYTES} bytes"),
        );
    }
}

pub(super) fn blocks(problems: &mut Problems, surface: Surface, pointer: &str, blocks: &[Value]) {
    let most = if surface == Surface::Message {
        BLOCKS_PER_MESSAGE
    } else {
        BLOCKS_PER_VIEW
    };
    if blocks.len() > most {
        problems.add(pointer, format!("no more than {most} items allowed"));
    }
    let mut block_ids = HashSet::new();
    let mut all_text = 0;
    let mut focused = 0;
    for (i, block) in blocks.iter().enumerate() {
        let at = format!("{pointer}/{i}");
        if let Some(id) = block["block_id"].as_str() {
            chars(
                problems,
                &format!("{at}/block_id"),
                &block["block_id"],
                1,
                ID_CHARS,
            );
            if !block_ids.insert(id) {
                problems.add(
                    &format!("{at}/block_id"),
                    format!("block_id `{id}` already exists"),
                );
            }
        }
        all_text += text_chars(block);
        focused += focus_count(block);
        one_block(problems, surface, &at, block);
    }
    if surface == Surface::Message && all_text > MESSAGE_BLOCK_TEXT_CHARS {
        problems.add(
            pointer,
            format!(
                "all text of the blocks must be less than {} characters",
                MESSAGE_BLOCK_TEXT_CHARS + 1
            ),
        );
    }
    if focused > 1 {
        problems.add(pointer, "only one element can have focus_on_load");
    }
}

fn one_block(problems: &mut Problems, surface: Surface, at: &str, block: &Value) {
    match block["type"].as_str().unwrap_or_default() {
        "section" => section(problems, at, block),
        "header" => text(
            problems,
            &format!("{at}/text"),
            &block["text"],
            1,
            HEADER_CHARS,
        ),
        "context" => {
            count(
                problems,
                &format!("{at}/elements"),
                &block["elements"],
                1,
                CONTEXT_ELEMENTS,
            );
            for (i, element) in block["elements"]
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
            {
                let at = format!("{at}/elements/{i}");
                if element["type"] == "image" {
                    image(problems, &at, element);
                } else {
                    text(problems, &at, element, 1, SECTION_FIELD_CHARS);
                }
            }
        }
        "actions" => {
            count(
                problems,
                &format!("{at}/elements"),
                &block["elements"],
                1,
                ACTIONS_ELEMENTS,
            );
            let mut action_ids = HashSet::new();
            for (i, element) in block["elements"]
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
            {
                let at = format!("{at}/elements/{i}");
                // Slack's own types have these here; its servers do not take them.
                if let Some(kind) = element["type"].as_str()
                    && kind.starts_with("multi_")
                {
                    problems.add(&format!("{at}/type"), format!("unsupported type: {kind}"));
                }
                if let Some(id) = element["action_id"].as_str()
                    && !action_ids.insert(id)
                {
                    let name = block["block_id"].as_str().unwrap_or("(none)");
                    problems.add(
                        &format!("{at}/action_id"),
                        format!("action_id `{id}` already exists for block_id `{name}`"),
                    );
                }
                one_element(problems, &at, element);
            }
        }
        "input" => {
            text(
                problems,
                &format!("{at}/label"),
                &block["label"],
                1,
                INPUT_LABEL_CHARS,
            );
            if block["hint"].is_object() {
                text(
                    problems,
                    &format!("{at}/hint"),
                    &block["hint"],
                    1,
                    INPUT_LABEL_CHARS,
                );
            }
            one_element(problems, &format!("{at}/element"), &block["element"]);
        }
        "image" => image(problems, at, block),
        "file" if surface != Surface::Message => {
            problems.add(&format!("{at}/type"), "unsupported type: file")
        }
        _ => {}
    }
}

fn section(problems: &mut Problems, at: &str, block: &Value) {
    let fields = block["fields"].as_array();
    if !block["text"].is_object() && fields.is_none_or(Vec::is_empty) {
        problems.add(at, "missing required field: text");
    }
    if block["text"].is_object() {
        text(
            problems,
            &format!("{at}/text"),
            &block["text"],
            1,
            SECTION_TEXT_CHARS,
        );
    }
    if let Some(fields) = fields {
        count(
            problems,
            &format!("{at}/fields"),
            &block["fields"],
            1,
            SECTION_FIELDS,
        );
        for (i, field) in fields.iter().enumerate() {
            text(
                problems,
                &format!("{at}/fields/{i}"),
                field,
                1,
                SECTION_FIELD_CHARS,
            );
        }
    }
    if block["accessory"].is_object() {
        one_element(problems, &format!("{at}/accessory"), &block["accessory"]);
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(problems: &mut Problems, at: &str, object: &Value, least: usize, most: usize) {
    chars(
        problems,
        &format!("{at}/text"),
        &object["text"],
        least,
        most,
    );
}

/// Length of a string, if it is one.
pub(super) fn chars(problems: &mut Problems, at: &str, value: &Value, least: usize, most: usize) {
    let Some(s) = value.as_str() else { return };
    let n = s.chars().count();
    if n > most {
        problems.add(at, format!("must be less than {} characters", most + 1));
    } else if n < least {
        problems.add(
            at,
            format!("must be more than {} characters", least.saturating_sub(1)),
        );
    }
}

pub(super) fn count(problems: &mut Problems, at: &str, value: &Value, least: usize, most: usize) {
    let n = list(value).len();
    if n > most {
        problems.add(at, format!("no more than {most} items allowed"));
    } else if n < least {
        problems.add(at, format!("no fewer than {least} items allowed"));
    }
}

/// Characters of all `text` strings below.
fn text_chars(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(text_chars).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(key, inner)| match inner {
                Value::String(s) if key == "text" => s.chars().count(),
                other => text_chars(other),
            })
            .sum(),
        _ => 0,
    }
}

fn focus_count(block: &Value) -> usize {
    let element = |e: &Value| usize::from(e["focus_on_load"] == true);
    element(&block["element"])
        + element(&block["accessory"])
        + list(&block["elements"]).iter().map(element).sum::<usize>()
}
