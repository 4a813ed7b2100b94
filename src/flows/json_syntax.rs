//! Configuration in JSON (`*.tf.json`), brought into the form of the native syntax. JSON carries no places, so problems in
//! such a file point at its start.

use hcl_edit::expr::{Expression, Object, ObjectKey, ObjectValue};
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body};
use hcl_edit::template::Element;
use hcl_edit::{Decorated, Ident};
use serde_json::Value as Json;

use super::source::{FileId, Place, Sources};

/// Blocks in blocks, wherever they stand.
const NESTED_BLOCKS: [&str; 8] = [
    "params",
    "prompt_field",
    "dynamic",
    "content",
    "lifecycle",
    "validation",
    "required_providers",
    "provisioner",
];

/// Registers and reads a JSON text; problems are reported.
pub fn parse_body(sources: &Sources, name: String, text: String) -> (FileId, Option<Body>) {
    let parsed: Result<Json, _> =
        serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let file = sources.add(name, text.into());
    let fail = |start: usize, problem: String| {
        sources.error(
            Place { file, start },
            format!("syntax error: {problem}"),
            None,
        );
        (file, None)
    };
    match parsed {
        Ok(Json::Object(top)) => match top_level(&top) {
            Ok(body) => (file, Some(body)),
            Err(problem) => fail(0, problem),
        },
        Ok(_) => fail(0, "the file must hold a JSON object".to_owned()),
        Err(error) => {
            let line = starts
                .get(error.line().saturating_sub(1))
                .copied()
                .unwrap_or(0);
            fail(line + error.column().saturating_sub(1), error.to_string())
        }
    }
}

type Entries = serde_json::Map<String, Json>;

fn top_level(top: &Entries) -> Result<Body, String> {
    let mut body = Body::new();
    for (kind, content) in top.iter().filter(|(kind, _)| *kind != "//") {
        let labels = match kind.as_str() {
            "resource" | "data" => 2,
            "module" | "variable" | "output" | "provider" => 1,
            _ => 0,
        };
        blocks(&mut body, kind, &[], labels, content)?;
    }
    Ok(body)
}

/// Makes the blocks of a kind, going down one level of objects for each label.
fn blocks(
    body: &mut Body,
    kind: &str,
    labels: &[&str],
    missing: usize,
    content: &Json,
) -> Result<(), String> {
    match (content, missing) {
        (Json::Array(items), _) => items
            .iter()
            .try_for_each(|item| blocks(body, kind, labels, missing, item)),
        (Json::Object(entries), 0) => {
            let mut block = Block::new(ident(kind)?);
            block.labels = labels
                .iter()
                .map(|label| BlockLabel::String(Decorated::new((*label).to_owned())))
                .collect();
            block.body = block_body(kind, entries)?;
            body.push(block);
            Ok(())
        }
        (Json::Object(entries), _) => entries
            .iter()
            .filter(|(label, _)| *label != "//")
            .try_for_each(|(label, inner)| {
                let labels: Vec<&str> = labels.iter().copied().chain([label.as_str()]).collect();
                blocks(body, kind, &labels, missing - 1, inner)
            }),
        _ => Err(format!("`{kind}` must hold a JSON object")),
    }
}

fn block_body(kind: &str, entries: &Entries) -> Result<Body, String> {
    let mut body = Body::new();
    for (name, value) in entries.iter().filter(|(name, _)| *name != "//") {
        let is_block = NESTED_BLOCKS.contains(&name.as_str()) && kind != "locals";
        // The old form of `params` is a map with texts in JSON; it stays an attribute.
        let old_params = name == "params" && value.get("prompt_fields_json").is_some();
        match value {
            Json::Object(_) | Json::Array(_) if is_block && !old_params => {
                let labels = usize::from(name == "dynamic" || name == "provisioner");
                blocks(&mut body, name, &[], labels, value)?;
            }
            _ if kind == "variable" && name == "type" => {
                let text = value.as_str().unwrap_or("any");
                let code = super::parse::parse_expression(text)?;
                body.push(Attribute::new(ident(name)?, code));
            }
            _ => body.push(Attribute::new(ident(name)?, expression(value)?)),
        }
    }
    Ok(body)
}

fn ident(name: &str) -> Result<Ident, String> {
    Ident::try_new(name).map_err(|_| format!("{name:?} is not a name"))
}

/// A JSON value as an expression: texts are templates.
fn expression(value: &Json) -> Result<Expression, String> {
    Ok(match value {
        Json::Null => Expression::null(),
        Json::Bool(value) => Expression::from(*value),
        Json::Number(number) => super::parse::parse_expression(&number.to_string())?,
        Json::String(text) => template(text)?,
        Json::Array(items) => items
            .iter()
            .map(expression)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .collect(),
        Json::Object(entries) => {
            let mut object = Object::new();
            for (key, value) in entries {
                object.insert(
                    ObjectKey::Expression(template(key)?),
                    ObjectValue::new(expression(value)?),
                );
            }
            Expression::Object(object)
        }
    })
}

fn template(text: &str) -> Result<Expression, String> {
    if !text.contains("${") && !text.contains("%{") {
        return Ok(Expression::from(text));
    }
    let template =
        hcl_edit::parser::parse_template(text).map_err(|error| error.message().to_owned())?;
    let elements: Vec<Element> = template.iter().cloned().collect();
    Ok(Expression::StringTemplate(elements.into()))
}
