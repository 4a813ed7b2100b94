//! Draws views and messages as text, so that a snapshot reads like what a person sees.

use serde_json::Value;

use crate::slack::view::Message;

pub(super) fn view(view: &Value) -> String {
    let mut out = match view["type"].as_str() {
        Some("home") => "=== Home ===\n".to_owned(),
        _ => format!("=== {} ===\n", text(&view["title"])),
    };
    out.push_str(&blocks(&view["blocks"]));
    for button in ["close", "submit"] {
        if !view[button].is_null() {
            out.push_str(&format!("[{}] ", text(&view[button])));
        }
    }
    out.trim_end().to_owned() + "\n"
}

pub(super) fn message(message: &Message) -> String {
    format!("text: {}\n----\n{}", message.text, blocks(&message.blocks))
}

fn blocks(blocks: &Value) -> String {
    blocks
        .as_array()
        .expect("blocks are a list")
        .iter()
        .map(|block| block_lines(block) + "\n")
        .collect()
}

fn block_lines(block: &Value) -> String {
    match block["type"].as_str().unwrap() {
        "section" => {
            let mut lines = Vec::new();
            if !block["text"].is_null() {
                lines.push(text(&block["text"]));
            }
            for field in block["fields"].as_array().into_iter().flatten() {
                lines.push(format!("| {}", text(field).replace('\n', "\n| ")));
            }
            lines.join("\n")
        }
        "context" => block["elements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|element| format!("~ {}", text(element)))
            .collect(),
        "actions" => block["elements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|button| {
                format!(
                    "[{} {}] ",
                    text(&button["text"]),
                    button["style"].as_str().unwrap_or("")
                )
            })
            .collect(),
        "input" => {
            let optional = if block["optional"] == true {
                " (optional)"
            } else {
                ""
            };
            let hint = match &block["hint"] {
                Value::Null => String::new(),
                hint => format!("\n   {}", text(hint)),
            };
            format!(
                "{}{optional}\n   {}{hint}",
                text(&block["label"]),
                element(&block["element"])
            )
        }
        other => panic!("no drawing for {other}"),
    }
}

fn element(element: &Value) -> String {
    let mut out = element["type"].as_str().unwrap().to_owned();
    let mut options: Vec<String> = Vec::new();
    for option in element["options"].as_array().into_iter().flatten() {
        options.push(option_words(option));
    }
    for group in element["option_groups"].as_array().into_iter().flatten() {
        options.push(format!(
            "{}: {} options",
            text(&group["label"]),
            group["options"].as_array().unwrap().len()
        ));
    }
    if !options.is_empty() {
        out.push_str(&format!(" {{ {} }}", options.join(" | ")));
    }
    let initial = match &element["initial_option"] {
        Value::Null => &element["initial_options"][0],
        option => option,
    };
    if !initial.is_null() {
        out.push_str(&format!(" = {}", option_words(initial)));
    }
    if let Some(value) = element["initial_value"].as_str() {
        out.push_str(&format!(" = {value}"));
    }
    out
}

fn option_words(option: &Value) -> String {
    match &option["description"] {
        Value::Null => text(&option["text"]),
        description => format!("{} ({})", text(&option["text"]), text(description)),
    }
}

fn text(object: &Value) -> String {
    object["text"].as_str().expect("a text object").to_owned()
}
