//! Configuration in JSON (`*.tf.json`), rewritten into the native syntax and parsed as such. A table tells which byte of
//! the written JSON each byte of the rewritten text stands for, so that problems point into the JSON.

use hcl_edit::Ident;
use hcl_edit::structure::Body;

use super::json::{self, Json, JsonValue, Text, note};
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

/// Attributes whose text is code as it is, not a template.
const CODE: [(&str, &str); 2] = [("variable", "type"), ("dynamic", "iterator")];

/// Attributes whose text stands for itself.
const PLAIN: [(&str, &str); 4] = [
    ("variable", "default"),
    ("variable", "description"),
    ("output", "description"),
    ("module", "source"),
];

/// Registers and reads a JSON text; problems are reported.
pub fn parse_body(sources: &Sources, name: String, text: String) -> (FileId, Option<Body>) {
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let parsed = json::parse(&text);
    let mut writer = Writer::default();
    let written = match &parsed {
        Ok(Json {
            value: JsonValue::Object(entries),
            ..
        }) => top_level(&mut writer, entries),
        Ok(other) => Err((other.start, "the file must hold a JSON object".to_owned())),
        Err((at, problem)) => Err((*at, problem.clone())),
    };
    let file = sources.add_rewritten(name, text.into(), writer.places);
    let failed = |start: usize, problem: &str| {
        let message = format!("syntax error: {problem}");
        sources.error(Place { file, start }, message, None);
        (file, None)
    };
    if let Err((at, problem)) = written {
        // Found before anything was rewritten, so the place is one of the JSON.
        let problem = format!("syntax error: {problem}");
        sources.error_as_written(file, at, problem);
        return (file, None);
    }
    match hcl_edit::parser::parse_body(&writer.text) {
        Ok(body) => (file, Some(body)),
        Err(error) => failed(error.location().offset(), error.message()),
    }
}

type Entries = [(Text, Json)];

/// The place in the JSON and the problem.
type Written = Result<(), (usize, String)>;

/// Native syntax that is being written.
#[derive(Default)]
struct Writer {
    text: String,
    /// Byte of the native syntax, and of the JSON.
    places: Vec<(usize, usize)>,
}

impl Writer {
    /// Writes a word that stands for what is at a place.
    fn push(&mut self, word: &str, at: usize) {
        note(&mut self.places, self.text.len(), at);
        self.text.push_str(word);
    }

    fn name(&mut self, name: &Text, at: usize) -> Written {
        if Ident::try_new(name.text.as_str()).is_err() {
            return Err((name.start, format!("{:?} is not a name", name.text)));
        }
        self.push(&name.text, at);
        Ok(())
    }

    /// A quoted text. In a template, what stands between `${` or `%{` and its brace is code and stays as it is.
    fn quoted(&mut self, text: &Text, is_template: bool) {
        self.push("\"", text.start);
        let mut code_until = 0;
        for (at, letter) in text.text.char_indices() {
            note(&mut self.places, self.text.len(), text.place_of(at));
            let rest = &text.text[at..];
            let opens = rest.starts_with("${") || rest.starts_with("%{");
            if at < code_until {
                self.text.push(letter);
                continue;
            }
            if opens && !is_template {
                // Doubled, it is no start of code.
                self.text.push(letter);
            } else if opens && !text.text[..at].ends_with(letter) {
                code_until = at + code_length(rest);
                self.text.push(letter);
                continue;
            }
            match letter {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                letter => self.text.push(letter),
            }
        }
        self.text.push('"');
    }

    fn expression(&mut self, json: &Json, is_template: bool) {
        match &json.value {
            JsonValue::Null => self.push("null", json.start),
            JsonValue::Bool(true) => self.push("true", json.start),
            JsonValue::Bool(false) => self.push("false", json.start),
            JsonValue::Number(number) => self.push(number, json.start),
            JsonValue::Text(text) => self.quoted(text, is_template),
            JsonValue::Array(items) => {
                self.push("[", json.start);
                for item in items {
                    self.expression(item, is_template);
                    self.text.push(',');
                }
                self.text.push(']');
            }
            JsonValue::Object(entries) => {
                self.push("{", json.start);
                for (name, value) in entries {
                    self.text.push('\n');
                    self.quoted(name, is_template);
                    self.text.push('=');
                    self.expression(value, is_template);
                    self.text.push(',');
                }
                self.text.push('}');
            }
        }
    }
}

/// Bytes of the code at the start of a text, with its braces. All of the text when it does not end.
fn code_length(text: &str) -> usize {
    // What is open: true for a string, false for a brace.
    let mut open: Vec<bool> = Vec::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let in_string = open.last().copied().unwrap_or(false);
        match letter {
            '\\' if in_string => {
                letters.next();
            }
            '"' if in_string => {
                open.pop();
            }
            '"' => open.push(true),
            '{' if !in_string || text[..at].ends_with(['$', '%']) => open.push(false),
            '}' if !in_string => {
                open.pop();
                if open.is_empty() {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

fn top_level(writer: &mut Writer, top: &Entries) -> Written {
    for (kind, content) in top.iter().filter(|(kind, _)| kind.text != "//") {
        let labels = match kind.text.as_str() {
            "resource" | "data" | "ephemeral" => 2,
            "module" | "variable" | "output" | "provider" | "check" => 1,
            _ => 0,
        };
        blocks(writer, kind, &mut Vec::new(), labels, content)?;
    }
    Ok(())
}

/// Makes the blocks of a kind, going down one level of objects for each label.
fn blocks<'a>(
    writer: &mut Writer,
    kind: &Text,
    labels: &mut Vec<&'a Text>,
    missing: usize,
    content: &'a Json,
) -> Written {
    match (&content.value, missing) {
        (JsonValue::Array(items), _) => items
            .iter()
            .try_for_each(|item| blocks(writer, kind, labels, missing, item)),
        (JsonValue::Object(entries), 0) => {
            // People look for a block by its name, which is the last label.
            let at = labels.last().map_or(kind.start, |label| label.start);
            writer.name(kind, at)?;
            for label in labels.iter() {
                writer.text.push(' ');
                writer.quoted(label, false);
            }
            writer.text.push_str(" {\n");
            block_body(writer, &kind.text, entries)?;
            writer.text.push_str("}\n");
            Ok(())
        }
        (JsonValue::Object(entries), _) => {
            for (label, inner) in entries.iter().filter(|(label, _)| label.text != "//") {
                labels.push(label);
                blocks(writer, kind, labels, missing - 1, inner)?;
                labels.pop();
            }
            Ok(())
        }
        _ => Err((
            content.start,
            format!("`{}` must hold a JSON object", kind.text),
        )),
    }
}

fn block_body(writer: &mut Writer, kind: &str, entries: &Entries) -> Written {
    for (name, value) in entries.iter().filter(|(name, _)| name.text != "//") {
        let is_block = NESTED_BLOCKS.contains(&name.text.as_str()) && kind != "locals";
        // The old form of `params` is a map with texts in JSON; it stays an attribute.
        let old_params = name.text == "params"
            && matches!(&value.value, JsonValue::Object(entries)
                if entries.iter().any(|(name, _)| name.text.ends_with("_json")));
        if is_block
            && !old_params
            && matches!(value.value, JsonValue::Object(_) | JsonValue::Array(_))
        {
            let labels = usize::from(name.text == "dynamic" || name.text == "provisioner");
            blocks(writer, name, &mut Vec::new(), labels, value)?;
            continue;
        }
        writer.name(name, name.start)?;
        writer.text.push_str(" = ");
        let named = (kind, name.text.as_str());
        match &value.value {
            JsonValue::Text(text) if CODE.contains(&named) => {
                writer.push(text.text.trim(), text.place_of(0));
            }
            _ => writer.expression(value, !PLAIN.contains(&named)),
        }
        writer.text.push('\n');
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn native(text: &str) -> String {
        let Json {
            value: JsonValue::Object(entries),
            ..
        } = json::parse(text).unwrap()
        else {
            panic!("an object");
        };
        let mut writer = Writer::default();
        top_level(&mut writer, &entries).unwrap();
        writer.text
    }

    #[test]
    fn code_in_texts_stays_and_everything_else_is_escaped() {
        let text = r#"{"locals": {"a": "say \"${join("-", ["x}", "y"])}\" \\ $${no} %{ if true }\n%{ endif }"}}"#;
        let text = text.replace(
            r#"join("-", ["x}", "y"])"#,
            r#"join(\"-\", [\"x}\", \"y\"])"#,
        );
        assert_eq!(
            native(&text),
            "locals {\na = \"say \\\"${join(\"-\", [\"x}\", \"y\"])}\\\" \\\\ $${no} %{ if true }\\n%{ endif }\"\n}\n"
        );
    }

    #[test]
    fn types_are_code_and_defaults_are_plain() {
        let text = r#"{"variable": {"v": {"type": "list(string)", "default": "${x}"}}}"#;
        assert_eq!(
            native(text),
            "variable \"v\" {\ntype = list(string)\ndefault = \"$${x}\"\n}\n"
        );
    }

    #[test]
    fn problems_point_into_the_json() {
        let sources = Sources::default();
        let text = "{\n  \"locals\": {\n    \"a\": \"x ${1 +}\"\n  }\n}\n".to_owned();
        let (_, body) = parse_body(&sources, "x.tf.json".to_owned(), text);
        assert!(body.is_none());
        let problems = sources.take_diagnostics();
        assert_eq!(problems[0].line, 3, "{}", problems[0]);
        let text = "{\n  \"locals\": {\n    \"a b\": 1\n  }\n}\n".to_owned();
        let _ = parse_body(&sources, "x.tf.json".to_owned(), text);
        let problems = sources.take_diagnostics();
        assert_eq!(
            (problems[0].line, problems[0].column),
            (3, 5),
            "{}",
            problems[0]
        );
    }
}
