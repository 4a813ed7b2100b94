//! `yamldecode`: YAML as Terraform reads it, with the words of YAML 1.1 for bools.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Function, Outcome, text};
use crate::flows::number::Number;
use crate::flows::value::{MAX_DEPTH, MAX_WEIGHT, Value};

pub(super) const FUNCTIONS: &[Function] = &[Function::new("yamldecode", 1..=1, |_, arguments| {
    decode(&text(arguments, 0)?)
})];

/// The key that takes over the entries of another mapping.
const MERGE_KEY: &str = "<<";

/// A collection that is being read.
enum Open {
    Sequence(usize, Vec<Value>),
    /// Anchor, entries, entries of merged mappings, the key that waits for its value.
    Mapping(
        usize,
        BTreeMap<String, Value>,
        BTreeMap<String, Value>,
        Option<String>,
    ),
}

/// Reads one document.
fn decode(source: &str) -> Outcome {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut document: Option<Value> = None;
    for event in Parser::new_from_str(source) {
        let (event, _) = event.map_err(|error| format!("this is not YAML: {error}"))?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(&text, style, tag.as_deref())?)
            }
            Event::Alias(anchor) => {
                let value = anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or("an alias stands inside of what it names")?;
                (0, value)
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::Sequence(anchor, Vec::new()));
                check_depth(open.len())?;
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Mapping(
                    anchor,
                    BTreeMap::new(),
                    BTreeMap::new(),
                    None,
                ));
                check_depth(open.len())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(anchor, items)) => (anchor, Value::tuple(items)),
                Some(Open::Mapping(anchor, entries, mut merged, _)) => {
                    merged.extend(entries);
                    (anchor, Value::object(merged))
                }
                None => continue,
            },
            _ => continue,
        };
        if value.weight() > MAX_WEIGHT {
            return Err("this YAML is too large".to_owned());
        }
        if anchor != 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None if document.is_some() => {
                return Err("only one YAML document is allowed".to_owned());
            }
            None => document = Some(value),
            Some(Open::Sequence(_, items)) => items.push(value),
            Some(Open::Mapping(_, entries, merged, key)) => match key.take() {
                None => {
                    let name = value
                        .to_text()
                        .ok_or("a key of a YAML mapping must be a simple value")?;
                    *key = Some(name.to_string());
                }
                Some(name) if name == MERGE_KEY => merge(value, merged)?,
                Some(name) => {
                    entries.insert(name, value);
                }
            },
        }
    }
    document.ok_or_else(|| "this YAML holds no document".to_owned())
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth >= MAX_DEPTH as usize {
        return Err("this YAML is nested too deeply".to_owned());
    }
    Ok(())
}

fn merge(value: Value, merged: &mut BTreeMap<String, Value>) -> Result<(), String> {
    let maps = match &value {
        Value::List(list) => list.items.clone(),
        other => vec![other.clone()],
    };
    for map in maps {
        let Value::Map(map) = map else {
            return Err("`<<` takes a mapping or a list of mappings".to_owned());
        };
        for (key, value) in &map.entries {
            merged.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Outcome {
    if let Some(tag) = tag {
        let wrong = || format!("{text:?} is not a YAML {}", tag.suffix);
        return match tag.suffix.as_str() {
            "str" | "binary" => Ok(Value::from(text)),
            "int" | "float" => number(text).ok_or_else(wrong),
            "bool" => boolean(text).ok_or_else(wrong),
            "null" => Ok(Value::Null),
            other => Err(format!("the YAML tag {other:?} is not supported")),
        };
    }
    if style != ScalarStyle::Plain {
        return Ok(Value::from(text));
    }
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Ok(Value::Null);
    }
    if matches!(
        text.trim_start_matches(['-', '+']),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Err(format!("{text} is no number of the configuration language"));
    }
    Ok(boolean(text)
        .or_else(|| number(text))
        .or_else(|| date(text))
        .unwrap_or_else(|| Value::from(text)))
}

fn boolean(text: &str) -> Option<Value> {
    const TRUE: [&str; 11] = [
        "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
    ];
    const FALSE: [&str; 11] = [
        "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
    ];
    if TRUE.contains(&text) {
        return Some(Value::Bool(true));
    }
    FALSE.contains(&text).then_some(Value::Bool(false))
}

fn number(text: &str) -> Option<Value> {
    let radix = |prefix: &str, radix: u32| {
        let value = i64::from_str_radix(text.strip_prefix(prefix)?, radix).ok()?;
        Some(Number::from(value))
    };
    radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(|| Number::parse_loose(text))
        .map(Value::Number)
}

/// A plain date is a moment: that of its midnight. With a time it is that moment, to the second.
fn date(text: &str) -> Option<Value> {
    /// `2026-01-31T` and what follows.
    const DATE_BYTES: usize = 10;
    if text.len() > DATE_BYTES + 1 && text.is_ascii() {
        let (day, time) = text.split_at(DATE_BYTES);
        let joined = format!("{day}T{}", time.strip_prefix(['T', 't', ' '])?.trim());
        if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(&joined) {
            return Some(
                moment
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
                    .into(),
            );
        }
        let moment = chrono::NaiveDateTime::parse_from_str(&joined, "%Y-%m-%dT%H:%M:%S").ok()?;
        return Some(moment.format("%Y-%m-%dT%H:%M:%SZ").to_string().into());
    }
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == "2026-01-31".len())
        .then(|| format!("{}T00:00:00Z", date.format("%Y-%m-%d")).into())
}
