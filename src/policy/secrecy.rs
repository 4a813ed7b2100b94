//! Takes values of secrets out of everything that is kept or shown of a handler call: records, printed text, errors.
//!
//! A value is looked for as it stands and as it is commonly written: line by line, percent-encoded, in Base64, escaped for
//! JSON, and, where it is a JSON document, each text in it. Values and lines of less than [`SHORTEST`] characters are not looked
//! for in other texts, because they would hit innocent ones; what code makes of a value otherwise (a part of it, a hash) is
//! not recognised. [`super::recording`] and [`super::pool`] call this, and `flows` for what a
//! configuration declares as sensitive.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// What stands for a value. Letters and a dash only: encoding it for an address or for JSON changes nothing, so that a replayed
/// call, which is given this instead of the value, asks the host for the same.
pub const MASK: &str = "MASKED-SECRET";

/// Shorter texts are not looked for.
const SHORTEST: usize = 4;

/// Lines of a value in several lines (keys, certificates) that are shorter than this are not looked for by themselves.
const SHORTEST_LINE: usize = 8;

/// Looks for values of secrets.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    /// Longest first, so that no rest of a value remains.
    wanted: Vec<String>,
}

impl Masker {
    /// For answers of `secrets.retrieve`.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted = Vec::new();
        for value in values {
            add(&mut wanted, value);
        }
        wanted.sort_by(|left: &String, right| right.len().cmp(&left.len()).then(left.cmp(right)));
        wanted.dedup();
        Self { wanted }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether a value stands in the text.
    #[must_use]
    pub fn finds_in(&self, text: &str) -> bool {
        self.wanted.iter().any(|value| text.contains(value))
    }

    pub fn text(&self, text: &mut String) {
        for value in &self.wanted {
            if text.contains(value) {
                *text = text.replace(value, MASK);
            }
        }
    }

    /// Every text in a JSON value, names of members included.
    pub fn json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => {
                if members.keys().any(|name| self.finds_in(name)) {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(mut name, value)| {
                            self.text(&mut name);
                            (name, value)
                        })
                        .collect();
                }
                members.values_mut().for_each(|value| self.json(value));
            }
            _ => {}
        }
    }

    /// A body in Base64 that a value stands in; what is not Base64 has none.
    #[must_use]
    pub fn finds_in_base64(&self, body: &str) -> bool {
        BASE64_STANDARD
            .decode(body)
            .is_ok_and(|bytes| self.finds_in(&String::from_utf8_lossy(&bytes)))
    }
}

/// What a record shows of a value: nothing, but where it is a JSON object or list, its shape.
#[must_use]
pub fn masked_value(value: &str) -> String {
    match serde_json::from_str::<Value>(value) {
        Ok(mut document @ (Value::Object(_) | Value::Array(_))) => {
            mask_leaves(&mut document);
            document.to_string()
        }
        _ => MASK.to_owned(),
    }
}

fn mask_leaves(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask_leaves),
        Value::Object(members) => members.values_mut().for_each(mask_leaves),
        leaf => *leaf = Value::String(MASK.to_owned()),
    }
}

fn add(wanted: &mut Vec<String>, value: &str) {
    forms(wanted, value);
    let lines = value.lines().map(str::trim);
    for line in lines.filter(|line| line.len() >= SHORTEST_LINE) {
        forms(wanted, line);
    }
    if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
        leaves(wanted, &document);
    }
}

fn leaves(wanted: &mut Vec<String>, value: &Value) {
    match value {
        Value::String(text) => add(wanted, text),
        Value::Array(items) => items.iter().for_each(|item| leaves(wanted, item)),
        Value::Object(members) => members.values().for_each(|value| leaves(wanted, value)),
        Value::Number(number) => forms(wanted, &number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

/// A text as it may stand in others.
fn forms(wanted: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if text.chars().count() < SHORTEST {
        return;
    }
    let quoted = Value::from(text).to_string();
    let escaped = quoted.trim_matches('"').to_owned();
    wanted.extend([
        text.to_owned(),
        escaped,
        percent(text, b"-._~/"),
        percent(text, b"-._~"),
        percent(text, b"-._~").replace("%20", "+"),
        BASE64_STANDARD.encode(text),
    ]);
}

/// As `urllib.parse.quote` does it.
fn percent(text: &str, safe: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(secret: &str, text: &str) -> String {
        let mut text = text.to_owned();
        Masker::new([secret]).text(&mut text);
        text
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let secret = "p@ss w/rd\"1";
        for written in [
            secret.to_owned(),
            "p%40ss%20w%2Frd%221".to_owned(),
            "p%40ss+w%2Frd%221".to_owned(),
            "p%40ss%20w/rd%221".to_owned(),
            json!(secret).to_string().trim_matches('"').to_owned(),
            BASE64_STANDARD.encode(secret),
        ] {
            let told = masked(secret, &format!("before {written} after"));
            assert_eq!(told, format!("before {MASK} after"));
        }
    }

    #[test]
    fn lines_and_members_are_found_by_themselves() {
        let key = "-----BEGIN KEY-----\nMIIBVgIBADANBgk\nabc\n-----END KEY-----\n";
        assert_eq!(masked(key, "MIIBVgIBADANBgk!"), format!("{MASK}!"));
        assert_eq!(masked(key, "abc"), "abc");
        let document = r#"{"user": "bot", "token": "t0k3n", "pin": 48151623}"#;
        assert_eq!(
            masked(document, "t0k3n 48151623 bot"),
            format!("{MASK} {MASK} bot")
        );
        assert_eq!(
            masked_value(document),
            format!(r#"{{"user":"{MASK}","token":"{MASK}","pin":"{MASK}"}}"#)
        );
        assert_eq!(masked_value("t0k3n"), MASK);
    }

    #[test]
    fn json_is_searched_everywhere_and_short_values_nowhere() {
        let mut value = json!({"a s3cret": ["s3cret", {"b": "xs3cretx"}], "n": 3});
        Masker::new(["s3cret", "n", ""]).json(&mut value);
        assert_eq!(
            value,
            json!({format!("a {MASK}"): [MASK, {"b": format!("x{MASK}x")}], "n": 3})
        );
        let masker = Masker::new(["s3cret"]);
        assert!(masker.finds_in_base64(&BASE64_STANDARD.encode("{\"token\": \"s3cret\"}")));
        assert!(!masker.finds_in_base64("s3cret"));
        // A mask is masked to itself, also where it was encoded.
        assert_eq!(masked(MASK, &format!("x{MASK}")), format!("x{MASK}"));
    }
}
