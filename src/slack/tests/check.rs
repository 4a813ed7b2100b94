//! Checks views and messages against Slack's limits, independently of the builders: what is refused here, Slack refuses.
//! The simulated Slack has its say too, from a schema made of Slack's own types.

use std::collections::HashSet;

use serde_json::Value;

use crate::slack::limits;
use crate::slack::view::Message;

pub(super) fn view_problems(view: &Value) -> Vec<String> {
    let mut check = Check::default();
    check.at_most("view bytes", view.to_string().len(), limits::VIEW_BYTES);
    if view["type"] == "modal" {
        check.plain("title", &view["title"], limits::VIEW_TITLE_CHARS);
        for button in ["submit", "close"] {
            if !view[button].is_null() {
                check.plain(button, &view[button], limits::VIEW_SUBMIT_CHARS);
            }
        }
    }
    check.string(
        "private_metadata",
        &view["private_metadata"],
        limits::PRIVATE_METADATA_CHARS,
    );
    check.string(
        "callback_id",
        &view["callback_id"],
        limits::CALLBACK_ID_CHARS,
    );
    check.blocks(&view["blocks"], limits::VIEW_BLOCKS);
    let has_input = view["blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|block| block["type"] == "input");
    if has_input && view["type"] == "modal" && view["submit"].is_null() {
        check.problems.push("inputs without submit".to_owned());
    }
    let kind = view["type"].as_str().unwrap_or_default();
    check.problems.extend(slack_sim::validate::view(view, kind));
    check.problems
}

pub(super) fn message_problems(message: &Message) -> Vec<String> {
    let mut check = Check::default();
    check.at_most("text bytes", message.text.len(), limits::MESSAGE_TEXT_BYTES);
    if message.text.trim().is_empty() {
        check.problems.push("no text".to_owned());
    }
    check.blocks(&message.blocks, limits::MESSAGE_BLOCKS);
    check.at_most(
        "text of all blocks",
        check.text_chars,
        limits::MESSAGE_BLOCK_TEXT_CHARS,
    );
    let blocks = message.blocks.as_array().map_or(&[][..], Vec::as_slice);
    check
        .problems
        .extend(slack_sim::validate::message_blocks(blocks));
    check.problems
}

#[derive(Default)]
struct Check {
    problems: Vec<String>,
    block_ids: HashSet<String>,
    action_ids: HashSet<String>,
    text_chars: usize,
}

impl Check {
    fn at_most(&mut self, what: &str, length: usize, limit: usize) {
        if length > limit {
            self.problems.push(format!("{what}: {length} > {limit}"));
        }
    }

    fn string(&mut self, what: &str, value: &Value, limit: usize) {
        match value {
            Value::Null => {}
            Value::String(text) => self.at_most(what, text.chars().count(), limit),
            _ => self.problems.push(format!("{what}: not a string")),
        }
    }

    fn text(&mut self, what: &str, object: &Value, limit: usize) {
        match object["text"].as_str() {
            None => self.problems.push(format!("{what}: no text")),
            Some(text) => {
                self.text_chars += text.chars().count();
                self.at_most(what, text.chars().count(), limit);
                if text.trim().is_empty() {
                    self.problems.push(format!("{what}: empty"));
                }
            }
        }
        if object["type"] == "mrkdwn" {
            self.mrkdwn(what, object["text"].as_str().unwrap_or_default());
        }
    }

    /// Control sequences must be whole, and none may reach a channel.
    fn mrkdwn(&mut self, what: &str, text: &str) {
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let sequence = &rest[start + 1..];
            let Some(end) = sequence.find('>') else {
                self.problems
                    .push(format!("{what}: unclosed sequence in {text:?}"));
                return;
            };
            let inside = &sequence[..end];
            let known = inside.starts_with('@')
                || inside.starts_with("!date^")
                || inside.starts_with("https://")
                || inside.starts_with("http://");
            if !known {
                self.problems.push(format!("{what}: sequence <{inside}>"));
            }
            rest = &sequence[end + 1..];
        }
    }

    fn plain(&mut self, what: &str, object: &Value, limit: usize) {
        if object["type"] != "plain_text" {
            self.problems.push(format!("{what}: not plain_text"));
        }
        self.text(what, object, limit);
    }

    fn id(&mut self, value: &Value, action: bool) {
        let Some(id) = value.as_str() else { return };
        self.at_most("id", id.chars().count(), limits::BLOCK_ID_CHARS);
        let seen = if action {
            &mut self.action_ids
        } else {
            &mut self.block_ids
        };
        if id.is_empty() || !seen.insert(id.to_owned()) {
            self.problems
                .push(format!("id used twice or empty: {id:?}"));
        }
    }

    fn blocks(&mut self, blocks: &Value, limit: usize) {
        let Some(blocks) = blocks.as_array() else {
            self.problems.push("blocks: not a list".to_owned());
            return;
        };
        self.at_most("blocks", blocks.len(), limit);
        if blocks.is_empty() {
            self.problems.push("no blocks".to_owned());
        }
        for block in blocks {
            self.id(&block["block_id"], false);
            match block["type"].as_str() {
                Some("section") => self.section(block),
                Some("context") => {
                    let elements = block["elements"].as_array().map_or(0, Vec::len);
                    self.at_most("context", elements, limits::CONTEXT_ELEMENTS);
                    for element in block["elements"].as_array().into_iter().flatten() {
                        self.text("context", element, limits::SECTION_FIELD_CHARS);
                    }
                }
                Some("actions") => {
                    let elements = block["elements"].as_array().map_or(0, Vec::len);
                    self.at_most("actions", elements, limits::ACTIONS_ELEMENTS);
                    for button in block["elements"].as_array().into_iter().flatten() {
                        self.id(&button["action_id"], true);
                        self.plain("button", &button["text"], limits::BUTTON_TEXT_CHARS);
                        self.string("button value", &button["value"], limits::BUTTON_VALUE_CHARS);
                    }
                }
                Some("input") => self.input(block),
                other => self.problems.push(format!("block type {other:?}")),
            }
        }
    }

    fn section(&mut self, block: &Value) {
        let fields = block["fields"].as_array();
        if block["text"].is_null() && fields.is_none_or(Vec::is_empty) {
            self.problems.push("empty section".to_owned());
        }
        if !block["text"].is_null() {
            self.text("section", &block["text"], limits::SECTION_TEXT_CHARS);
        }
        self.at_most("fields", fields.map_or(0, Vec::len), limits::SECTION_FIELDS);
        for field in fields.into_iter().flatten() {
            self.text("field", field, limits::SECTION_FIELD_CHARS);
        }
    }

    fn input(&mut self, block: &Value) {
        self.plain("label", &block["label"], limits::INPUT_LABEL_CHARS);
        if !block["hint"].is_null() {
            self.plain("hint", &block["hint"], limits::INPUT_HINT_CHARS);
        }
        let element = &block["element"];
        self.id(&element["action_id"], true);
        if !element["placeholder"].is_null() {
            self.plain(
                "placeholder",
                &element["placeholder"],
                limits::PLACEHOLDER_CHARS,
            );
        }
        self.string(
            "initial_value",
            &element["initial_value"],
            limits::TEXT_INPUT_CHARS,
        );
        let kind = element["type"].as_str().unwrap_or_default();
        if kind.ends_with("static_select") {
            self.select(element);
        }
        if kind == "checkboxes" {
            self.options(&element["options"], limits::CHECKBOX_OPTIONS);
        }
    }

    fn select(&mut self, element: &Value) {
        let mut all = Vec::new();
        match (&element["options"], element["option_groups"].as_array()) {
            (options, None) => {
                self.options(options, limits::OPTIONS);
                all.extend(options.as_array().into_iter().flatten());
            }
            (Value::Null, Some(groups)) => {
                self.at_most("groups", groups.len(), limits::OPTION_GROUPS);
                for group in groups {
                    self.plain("group", &group["label"], limits::OPTION_TEXT_CHARS);
                    self.options(&group["options"], limits::OPTIONS);
                    all.extend(group["options"].as_array().into_iter().flatten());
                }
            }
            _ => self.problems.push("both options and groups".to_owned()),
        }
        let values: HashSet<_> = all.iter().map(|option| option["value"].as_str()).collect();
        if values.len() != all.len() {
            self.problems.push("two options with one value".to_owned());
        }
        let initial = &element["initial_option"];
        if !initial.is_null() && !all.contains(&initial) {
            self.problems
                .push("initial option is not an option".to_owned());
        }
    }

    fn options(&mut self, options: &Value, limit: usize) {
        let options = options.as_array().map_or(&[][..], Vec::as_slice);
        self.at_most("options", options.len(), limit);
        if options.is_empty() {
            self.problems.push("no options".to_owned());
        }
        for option in options {
            self.plain("option", &option["text"], limits::OPTION_TEXT_CHARS);
            self.string("option value", &option["value"], limits::OPTION_VALUE_CHARS);
            if option["value"].as_str().is_none_or(str::is_empty) {
                self.problems.push("option without value".to_owned());
            }
            if !option["description"].is_null() {
                self.plain(
                    "description",
                    &option["description"],
                    limits::OPTION_TEXT_CHARS,
                );
            }
        }
    }
}
