//! JSON with places: what `serde_json` reads and does not tell. Used for configuration in JSON.

use serde_json::Value as Checked;

use super::number::Number;
use super::value::Value;

/// A value and where it starts.
#[derive(Debug)]
pub struct Json {
    pub start: usize,
    pub value: JsonValue,
}

#[derive(Debug)]
pub enum JsonValue {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(Text),
    Array(Vec<Json>),
    /// In the order of writing; a name may be there twice.
    Object(Vec<(Text, Json)>),
}

impl Json {
    /// The value of the configuration language.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.value {
            JsonValue::Null => Value::Null,
            JsonValue::Bool(value) => Value::Bool(*value),
            JsonValue::Number(number) => Number::parse(number).map_or(Value::Null, Value::Number),
            JsonValue::Text(text) => Value::from(text.text.as_str()),
            JsonValue::Array(items) => Value::tuple(items.iter().map(Self::to_value).collect()),
            JsonValue::Object(entries) => Value::object(
                entries
                    .iter()
                    .map(|(name, value)| (name.text.clone(), value.to_value()))
                    .collect(),
            ),
        }
    }
}

/// A text and where each part of it stands.
#[derive(Debug, Default)]
pub struct Text {
    /// Where its opening quote stands.
    pub start: usize,
    pub text: String,
    /// Byte of the text, and of the file: an entry wherever the distance between the two changes.
    offsets: Vec<(usize, usize)>,
}

impl Text {
    /// Where a byte of the text stands in the file.
    #[must_use]
    pub fn place_of(&self, at: usize) -> usize {
        place(&self.offsets, at)
    }

    fn push(&mut self, letter: char, written_at: usize) {
        note(&mut self.offsets, self.text.len(), written_at);
        self.text.push(letter);
    }
}

/// Adds a pair unless it follows from the last one.
pub fn note(offsets: &mut Vec<(usize, usize)>, made: usize, written: usize) {
    if offsets.is_empty() || place(offsets, made) != written {
        offsets.push((made, written));
    }
}

/// Follows pairs of places that [`note`] has made.
#[must_use]
pub fn place(offsets: &[(usize, usize)], made: usize) -> usize {
    let after = offsets.partition_point(|(from, _)| *from <= made);
    match after.checked_sub(1).and_then(|last| offsets.get(last)) {
        Some((from, written)) => written + (made - from),
        None => made,
    }
}

/// Reads a text.
///
/// # Errors
/// Byte and reason of the first thing that is not JSON.
pub fn parse(text: &str) -> Result<Json, (usize, String)> {
    // Whether it is JSON, and nested no deeper than can be walked, is decided here; below, only places are found.
    if let Err(error) = serde_json::from_str::<Checked>(text) {
        let line_start: usize = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let reason = error.to_string();
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason.as_str(), |(reason, _)| reason);
        // Column 0 is the end of the line before.
        let at = (line_start + error.column()).saturating_sub(1);
        return Err((at.min(text.len()), reason.to_owned()));
    }
    let mut scanner = Scanner { text, at: 0 };
    Ok(scanner.value())
}

/// Walks over text that is known to be JSON.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// Whether the next sign is this one; it is used up then.
    fn takes(&mut self, sign: u8) -> bool {
        self.skip_space();
        let there = self.peek() == sign;
        self.at += usize::from(there);
        there
    }

    fn value(&mut self) -> Json {
        self.skip_space();
        let start = self.at;
        let value = match self.peek() {
            b'{' => {
                self.at += 1;
                let mut entries = Vec::new();
                while !self.takes(b'}') && self.at < self.text.len() {
                    self.skip_space();
                    let name = self.string();
                    self.takes(b':');
                    entries.push((name, self.value()));
                    self.takes(b',');
                }
                JsonValue::Object(entries)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.takes(b']') && self.at < self.text.len() {
                    items.push(self.value());
                    self.takes(b',');
                }
                JsonValue::Array(items)
            }
            b'"' => JsonValue::Text(self.string()),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let end = rest
                    .find(|letter: char| {
                        !(letter.is_ascii_alphanumeric() || "+-.".contains(letter))
                    })
                    .unwrap_or(rest.len());
                // A sign that cannot be here must not stop the walk.
                self.at += end.max(1);
                match rest.get(..end).unwrap_or_default() {
                    "null" => JsonValue::Null,
                    "true" => JsonValue::Bool(true),
                    "false" => JsonValue::Bool(false),
                    number => JsonValue::Number(number.to_owned()),
                }
            }
        };
        Json { start, value }
    }

    fn string(&mut self) -> Text {
        let mut text = Text {
            start: self.at,
            ..Text::default()
        };
        self.at += 1;
        while let Some(letter) = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            let from = self.at;
            self.at += letter.len_utf8();
            match letter {
                '"' => break,
                '\\' => {
                    let letter = self.escape();
                    text.push(letter, from);
                }
                letter => text.push(letter, from),
            }
        }
        text
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> char {
        let kind = self.peek();
        self.at += 1;
        match kind {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let high = self.four_digits();
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                // The other half of a pair follows as `\uXXXX`.
                self.at += 2;
                let low = self.four_digits();
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        }
    }

    fn four_digits(&mut self) -> u32 {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("0");
        self.at += 4;
        u32::from_str_radix(digits, 16).unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_and_letters_know_where_they_stand() {
        let source = "{\n \"a\\tb\": [1.50, \"x\\u00e9\\ud83d\\ude00y\", null]\n}\n";
        let json = parse(source).unwrap();
        let JsonValue::Object(entries) = json.value else {
            panic!("an object");
        };
        let (name, list) = &entries[0];
        assert_eq!((name.text.as_str(), name.start), ("a\tb", 3));
        assert_eq!(name.place_of(2), source.find("b\"").unwrap());
        let JsonValue::Array(items) = &list.value else {
            panic!("an array");
        };
        assert!(matches!(&items[0].value, JsonValue::Number(number) if number == "1.50"));
        let JsonValue::Text(text) = &items[1].value else {
            panic!("a text");
        };
        assert_eq!(text.text, "xé😀y");
        assert_eq!(
            text.place_of(text.text.find('y').unwrap()),
            source.find("y\"").unwrap()
        );
        assert!(matches!(items[2].value, JsonValue::Null));
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_is_wrong() {
        let (at, reason) = parse("{\n  \"a\": tru\n}").unwrap_err();
        assert_eq!(at, "{\n  \"a\": tru".len());
        assert_eq!(reason, "expected ident");
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("").is_err());
    }
}
