//! Values of the configuration language, with *unknown* as a value of its own: what only an apply would know, and the
//! reference that makes it so. Collections know their size and whether something in them is unknown, so that limits and
//! "is this known?" cost nothing. Made by the evaluator, read by the schema.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::number::Number;

/// Nodes that one value may have, shared parts counted each time: what keeps "billion laughs" small.
pub const MAX_WEIGHT: u64 = 500_000;

/// Nesting of one value. Bounds the recursion of everything that walks values.
pub const MAX_DEPTH: u32 = 120;

/// Bytes of text that count as one node.
pub const TEXT_UNIT_BYTES: usize = 64;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    List(Arc<List>),
    Map(Arc<Map>),
    Unknown(Unknown),
}

/// Why a value is not known: the reference that only an apply would resolve, such as `aws_iam_role.x.arn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub reference: Arc<str>,
}

impl Unknown {
    #[must_use]
    pub fn new(reference: impl Into<Arc<str>>) -> Self {
        Self {
            reference: reference.into(),
        }
    }

    /// The unknown one step further along the reference.
    #[must_use]
    pub fn step(&self, step: &str) -> Self {
        /// A reference longer than this says nothing more.
        const MAX_REFERENCE_BYTES: usize = 500;
        if self.reference.len() > MAX_REFERENCE_BYTES {
            return self.clone();
        }
        Self::new(format!("{}{step}", self.reference))
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<unknown: {}>", self.reference)
    }
}

/// What kind of sequence: only functions and conversions tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Tuple,
    List,
    Set,
}

/// A sequence.
#[derive(Debug)]
pub struct List {
    pub kind: ListKind,
    pub items: Vec<Value>,
    weight: u64,
    depth: u32,
    unknown: Option<Unknown>,
}

/// What kind of mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapKind {
    Object,
    Map,
    /// A resource that is not ours: attributes that are not written are unknown, under this reference.
    Open(Unknown),
}

/// A mapping, in the order of its keys as everywhere in Terraform.
#[derive(Debug)]
pub struct Map {
    pub kind: MapKind,
    pub entries: BTreeMap<String, Value>,
    weight: u64,
    depth: u32,
    unknown: Option<Unknown>,
}

impl Value {
    #[must_use]
    pub fn unknown(reference: &str) -> Self {
        Self::Unknown(Unknown::new(reference))
    }

    #[must_use]
    pub fn list(kind: ListKind, items: Vec<Self>) -> Self {
        let weight = items
            .iter()
            .fold(1u64, |sum, item| sum.saturating_add(item.weight()));
        let depth = 1 + items.iter().map(Self::depth).max().unwrap_or(0);
        let unknown = items.iter().find_map(Self::first_unknown).cloned();
        Self::List(Arc::new(List {
            kind,
            items,
            weight,
            depth,
            unknown,
        }))
    }

    #[must_use]
    pub fn tuple(items: Vec<Self>) -> Self {
        Self::list(ListKind::Tuple, items)
    }

    #[must_use]
    pub fn map(kind: MapKind, entries: BTreeMap<String, Self>) -> Self {
        let weight = entries.iter().fold(1u64, |sum, (key, item)| {
            sum.saturating_add(item.weight())
                .saturating_add((key.len() / TEXT_UNIT_BYTES) as u64)
        });
        let depth = 1 + entries.values().map(Self::depth).max().unwrap_or(0);
        let unknown = match &kind {
            MapKind::Open(unknown) => Some(unknown.clone()),
            MapKind::Object | MapKind::Map => {
                entries.values().find_map(Self::first_unknown).cloned()
            }
        };
        Self::Map(Arc::new(Map {
            kind,
            entries,
            weight,
            depth,
            unknown,
        }))
    }

    #[must_use]
    pub fn object(entries: BTreeMap<String, Self>) -> Self {
        Self::map(MapKind::Object, entries)
    }

    /// Number of nodes, shared parts counted each time.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self {
            Self::List(list) => list.weight,
            Self::Map(map) => map.weight,
            Self::String(text) => 1 + (text.len() / TEXT_UNIT_BYTES) as u64,
            _ => 1,
        }
    }

    #[must_use]
    pub fn depth(&self) -> u32 {
        match self {
            Self::List(list) => list.depth,
            Self::Map(map) => map.depth,
            _ => 0,
        }
    }

    /// The first thing in it that only an apply would know.
    #[must_use]
    pub fn first_unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::List(list) => list.unknown.as_ref(),
            Self::Map(map) => map.unknown.as_ref(),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for errors.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(list) => match list.kind {
                ListKind::Tuple => "a tuple",
                ListKind::List => "a list",
                ListKind::Set => "a set",
            },
            Self::Map(map) => match map.kind {
                MapKind::Object | MapKind::Open(_) => "an object",
                MapKind::Map => "a map",
            },
            Self::Unknown(_) => "unknown",
        }
    }

    /// The text that a string, number or bool turns into.
    #[must_use]
    pub fn to_text(&self) -> Option<Arc<str>> {
        match self {
            Self::String(text) => Some(Arc::clone(text)),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

/// Texts are kept in Unicode's composed form, as in Terraform, so that what looks the same is the same.
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        if value.is_ascii() || is_nfc(value) {
            Self::String(value.into())
        } else {
            Self::String(value.nfc().collect::<String>().into())
        }
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

/// Equality of known values; kinds of collections are not compared, as values that differ only there are the same to
/// every reader of a configuration.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::String(left), Self::String(right)) => left == right,
            (Self::List(left), Self::List(right)) => {
                Arc::ptr_eq(left, right) || left.items == right.items
            }
            (Self::Map(left), Self::Map(right)) => {
                Arc::ptr_eq(left, right) || left.entries == right.entries
            }
            (Self::Unknown(left), Self::Unknown(right)) => left == right,
            _ => false,
        }
    }
}

/// Writes JSON as `jsonencode` does: sorted keys, no spaces, and `<`, `>`, `&` escaped. Unknown parts are written in
/// the form of [`Unknown`]; callers that must not do so look at [`Value::first_unknown`] before.
#[must_use]
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_json_string(text, out),
        Value::Unknown(unknown) => write_json_string(&unknown.to_string(), out),
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, item)) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json_string(key, out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn write_json_string(text: &str, out: &mut String) {
    use fmt::Write as _;
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// JSON as values: objects and tuples, as `jsondecode` gives them.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            Number::parse(&number.to_string()).map_or(Value::Null, Value::Number)
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::tuple(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => Value::object(
            entries
                .iter()
                .map(|(key, item)| (key.clone(), from_json(item)))
                .collect(),
        ),
    }
}
