//! Arguments of a call, however they came: JSON body, form, query, with structured values as JSON or as strings of JSON.

use axum::http::{Method, header};
use serde_json::{Map, Value};

use super::{ApiError, Request, methods};
use crate::ids::text_of;
use crate::log::ViolationKind;

#[derive(Debug, Default)]
pub(crate) struct Args {
    values: Map<String, Value>,
    pub(crate) token: Option<String>,
    /// The request could not be read at all: Slack's code for why.
    pub(crate) problem: Option<&'static str>,
    /// Slack warns about JSON without a charset.
    pub(crate) missing_charset: bool,
}

impl Args {
    pub(crate) fn read(request: &Request) -> Args {
        let mut args = Args::default();
        args.add_form(request.query.as_bytes());
        let declared = request
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let content_type = declared.to_lowercase();
        if request.http_method == Method::POST && !request.body.is_empty() {
            if content_type.starts_with("application/json") {
                // Reading methods take no JSON bodies; Slack ignores them there, and then misses the arguments.
                if methods::find(&request.method).is_none_or(|m| m.reads_json) {
                    args.missing_charset = !content_type.contains("charset");
                    match serde_json::from_slice(&request.body) {
                        Ok(Value::Object(body)) => args.values.extend(body),
                        Ok(_) => args.problem = Some("json_not_object"),
                        Err(_) => args.problem = Some("invalid_json"),
                    }
                }
            } else if content_type.starts_with("application/x-www-form-urlencoded")
                || content_type.is_empty()
            {
                args.add_form(&request.body);
            } else if content_type.starts_with("multipart/form-data") {
                match parts(declared, &request.body) {
                    Some(parts) => args.values.extend(parts),
                    None => args.problem = Some("invalid_form_data"),
                }
            } else {
                args.problem = Some("invalid_post_type");
            }
        }
        let argument = args.values.shift_remove("token").map(|t| text_of(&t));
        args.token = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .map(str::to_owned)
            .or(argument);
        args
    }

    pub(crate) fn from_json(values: Map<String, Value>) -> Args {
        Args {
            values,
            ..Args::default()
        }
    }

    fn add_form(&mut self, form: &[u8]) {
        for (key, value) in url::form_urlencoded::parse(form) {
            self.values
                .insert(key.into_owned(), Value::String(value.into_owned()));
        }
    }

    /// Names of what was given and not null.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, _)| k.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(text_of).filter(|s| !s.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)
            .ok_or_else(|| ApiError::argument(&format!("missing required field: {name}")))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|v| !v.is_null() && v != "")
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Bool(b) => Some(*b),
            other => match text_of(other).as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
        }
    }

    /// A list given as an array or separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Array(items)) => items.iter().map(text_of).collect(),
            Some(other) => text_of(other)
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            None => Vec::new(),
        }
    }

    /// A structured argument: JSON, or a string that holds JSON.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(s)) if s.trim().is_empty() => Ok(None),
            Some(Value::String(s)) => serde_json::from_str(s).map(Some).map_err(|e| {
                let code = if name == "blocks" {
                    "invalid_blocks_format"
                } else {
                    "invalid_arguments"
                };
                let message = format!("[ERROR] `{name}` is not JSON: {e}");
                ApiError::violation(code, ViolationKind::InvalidPayload, vec![message])
            }),
            Some(other) => Ok(Some(other.clone())),
        }
    }

    /// For the log: strings of JSON read, so that tests look at one form only.
    pub(crate) fn for_log(&self) -> Value {
        let mut out = Map::new();
        for (key, value) in &self.values {
            let read = match value {
                Value::String(s) if s.starts_with(['[', '{']) => serde_json::from_str(s).ok(),
                _ => None,
            };
            out.insert(key.clone(), read.unwrap_or_else(|| value.clone()));
        }
        Value::Object(out)
    }

    /// The start of the arguments, for messages.
    pub(crate) fn excerpt(&self) -> String {
        self.for_log().to_string().chars().take(600).collect()
    }
}

/// The fields of a `multipart/form-data` body. No method here takes files: what has a file name is passed over.
fn parts(content_type: &str, body: &[u8]) -> Option<Vec<(String, Value)>> {
    let (_, boundary) = content_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    // So that each part, the first as well, begins after a line's end.
    let text = format!("\r\n{}", String::from_utf8_lossy(body));
    let delimiter = format!("\r\n--{boundary}");
    let mut pieces = text.split(delimiter.as_str()).skip(1);
    let mut fields = Vec::new();
    loop {
        let piece = pieces.next()?;
        if piece.starts_with("--") {
            return Some(fields);
        }
        let (head, value) = piece.split_once("\r\n\r\n")?;
        if !head.contains("; filename") {
            let (_, name) = head.split_once("; name=\"")?;
            let (name, _) = name.split_once('"')?;
            fields.push((name.to_owned(), Value::String(value.to_owned())));
        }
    }
}
