//! Whether Slack would take what the app sends. Structure comes from a schema made of Slack's own types (`schema.rs`),
//! lengths, counts, uniqueness and what belongs together from rules (`rules.rs`, `elements.rs`). Answers messages in the form of
//! `response_metadata.messages`; empty means valid. Pure. Called by the Web API and for views in acks.

mod elements;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

use serde_json::Value;

/// What went wrong and where.
pub(crate) struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, pointer: &str, message: impl std::fmt::Display) {
        self.0
            .push(format!("[ERROR] {message} [json-pointer:{pointer}]"));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where blocks are shown: not every block is allowed everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    Message,
    Modal,
    Home,
}

pub fn message_blocks(blocks: &[Value]) -> Vec<String> {
    let mut problems = Problems(Vec::new());
    check_blocks(&mut problems, Surface::Message, "/blocks", blocks);
    problems.0
}

/// The blocks of `attachments`; their older fields are not looked at.
pub fn attachments(attachments: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (i, attachment) in attachments.as_array().into_iter().flatten().enumerate() {
        if let Some(blocks) = attachment["blocks"].as_array() {
            let mut problems = Problems(Vec::new());
            let at = format!("/attachments/{i}/blocks");
            check_blocks(&mut problems, Surface::Message, &at, blocks);
            all.extend(problems.0);
        }
    }
    all
}

/// `kind` is what the method takes: `modal` or `home`.
pub fn view(view: &Value, kind: &str) -> Vec<String> {
    let mut problems = Problems(Vec::new());
    if view["type"] != kind {
        let found = view["type"].as_str().unwrap_or("nothing");
        problems.add(
            "/view/type",
            format!("unsupported type: {found} (this method takes {kind})"),
        );
        return problems.0;
    }
    let (definition, surface) = if kind == "home" {
        ("HomeView", Surface::Home)
    } else {
        ("ModalView", Surface::Modal)
    };
    schema::check(&mut problems, definition, view, "/view");
    if !problems.is_empty() {
        return problems.0;
    }
    rules::view(&mut problems, view);
    if let Some(blocks) = view["blocks"].as_array() {
        check_blocks(&mut problems, surface, "/view/blocks", blocks);
    }
    problems.0
}

/// Options that answer a `block_suggestion`.
pub(crate) fn suggestions(answer: &Value) -> Vec<String> {
    let mut problems = Problems(Vec::new());
    elements::suggestions(&mut problems, answer);
    problems.0
}

fn check_blocks(problems: &mut Problems, surface: Surface, pointer: &str, blocks: &[Value]) {
    for (i, block) in blocks.iter().enumerate() {
        let at = format!("{pointer}/{i}");
        let kind = block["type"].as_str().unwrap_or_default();
        match schema::definition_of_block(kind) {
            Some(definition) => schema::check(problems, definition, block, &at),
            None => problems.add(&format!("{at}/type"), format!("unsupported type: {kind}")),
        }
    }
    // Rules read fields whose types the schema has vouched for.
    if problems.is_empty() {
        rules::blocks(problems, surface, pointer, blocks);
    }
}
