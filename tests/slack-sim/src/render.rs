//! Blocks and mrkdwn as the plain text a person reads: what tests match and error dumps show. Pure but for names.

use serde_json::Value;

use crate::world::{Message, View, World};

/// A message as text: its blocks, or its text where it has none.
pub fn message(world: &World, message: &Message) -> String {
    match &message.blocks {
        Some(all) if !all.is_empty() => blocks(world, all),
        _ => mrkdwn(world, &message.text),
    }
}

/// A modal or App Home: title, blocks, errors, buttons.
pub fn view(world: &World, view: &View) -> String {
    let mut out = format!("[{}] {}\n", view.kind, plain(&view.title));
    out.push_str(&blocks(world, &view.blocks));
    for (block, error) in &view.errors {
        out.push_str(&format!("\n! {block}: {error}"));
    }
    if view.submit.is_object() {
        out.push_str(&format!("\n({})", plain(&view.submit)));
    }
    out
}

pub fn blocks(world: &World, blocks: &[Value]) -> String {
    blocks
        .iter()
        .map(|b| block(world, b))
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn block(world: &World, block: &Value) -> String {
    let texts = |items: &Value| -> Vec<String> {
        items
            .as_array()
            .into_iter()
            .flatten()
            .map(|i| element(world, i))
            .filter(|s| !s.is_empty())
            .collect()
    };
    match block["type"].as_str().unwrap_or_default() {
        "section" => {
            let mut parts = Vec::new();
            if block["text"].is_object() {
                parts.push(text(world, &block["text"]));
            }
            parts.extend(texts(&block["fields"]));
            if block["accessory"].is_object() {
                parts.push(element(world, &block["accessory"]));
            }
            parts.join("\n")
        }
        "header" => text(world, &block["text"]),
        "context" => texts(&block["elements"]).join(" "),
        "actions" => texts(&block["elements"]).join(" "),
        "input" => {
            let optional = if block["optional"] == true {
                " (optional)"
            } else {
                ""
            };
            format!(
                "{}{optional}: {}",
                plain(&block["label"]),
                element(world, &block["element"])
            )
        }
        "divider" => "---".to_owned(),
        "markdown" => block["text"].as_str().unwrap_or_default().to_owned(),
        "image" => block["alt_text"].as_str().unwrap_or_default().to_owned(),
        "rich_text" => rich_text(world, block),
        other => format!("<{other}>"),
    }
}

fn element(world: &World, element: &Value) -> String {
    match element["type"].as_str().unwrap_or_default() {
        "plain_text" | "mrkdwn" => text(world, element),
        "button" | "workflow_button" => format!("[{}]", plain(&element["text"])),
        "image" => element["alt_text"].as_str().unwrap_or_default().to_owned(),
        kind => {
            let placeholder = plain(&element["placeholder"]);
            if placeholder.is_empty() {
                format!("<{kind}>")
            } else {
                format!("<{kind} {placeholder}>")
            }
        }
    }
}

fn rich_text(world: &World, node: &Value) -> String {
    if let Some(inner) = node["elements"].as_array() {
        return inner.iter().map(|n| rich_text(world, n)).collect();
    }
    match node["type"].as_str().unwrap_or_default() {
        "user" => format!(
            "@{}",
            user_name(world, node["user_id"].as_str().unwrap_or_default())
        ),
        "channel" => format!(
            "#{}",
            channel_name(world, node["channel_id"].as_str().unwrap_or_default())
        ),
        _ => node["text"]
            .as_str()
            .or_else(|| node["url"].as_str())
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The text of a text object, mentions resolved where it is mrkdwn.
pub fn text(world: &World, object: &Value) -> String {
    let raw = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" {
        mrkdwn(world, raw)
    } else {
        raw.to_owned()
    }
}

/// The text of a plain text object.
pub fn plain(object: &Value) -> String {
    object["text"].as_str().unwrap_or_default().to_owned()
}

/// Mentions and links as people read them, entities undone; emphasis marks stay.
pub fn mrkdwn(world: &World, raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let Some(len) = rest[start..].find('>') else {
            break;
        };
        let inner = &rest[start + 1..start + len];
        let (target, label) = inner
            .split_once('|')
            .map_or((inner, None), |(t, l)| (t, Some(l)));
        match (target.get(..1), label) {
            (Some("@"), _) => out.push_str(&format!("@{}", user_name(world, &target[1..]))),
            (Some("#"), _) => out.push_str(&format!("#{}", channel_name(world, &target[1..]))),
            (Some("!"), label) => out.push_str(&special(target, label)),
            (_, Some(label)) => out.push_str(label),
            (_, None) => out.push_str(target),
        }
        rest = &rest[start + len + 1..];
    }
    out.push_str(rest);
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// `<!date^…|fallback>`, `<!here>`, `<!subteam^S…|@group>`.
fn special(target: &str, label: Option<&str>) -> String {
    match label {
        Some(label) => label.to_owned(),
        None => format!("@{}", target.trim_start_matches('!')),
    }
}

pub fn user_name(world: &World, id: &str) -> String {
    world
        .person(id)
        .map_or_else(|| id.to_owned(), |p| p.shown_name().to_owned())
}

pub fn channel_name(world: &World, id: &str) -> String {
    world
        .channel(id)
        .map_or_else(|| id.to_owned(), |c| c.name.clone())
}
