//! YAML in which everything knows its place, so that problems and differences can point at it.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Files are written by people; deeper ones are mistakes, or attacks on the stack.
const DEPTH_MAX: usize = 64;
/// Aliases can make a small file large.
const NODES_MAX: usize = 100_000;

/// Line and column, both from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub place: Place,
    pub kind: Kind,
}

/// The key of an entry with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub place: Place,
    pub text: String,
}

/// What a node holds: the core schema of YAML 1.2, so `yes` is a text and `true` is not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// What this is, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Int(value) => value.to_string(),
            Kind::Float(value) => value.to_string(),
            Kind::Text(text) => format!("the text {text:?}"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Int(value) => (*value).into(),
            Kind::Float(value) => (*value).into(),
            Kind::Text(text) => text.as_str().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// What keeps a text from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub place: Place,
    pub message: String,
}

enum Open {
    List(usize, Place, Vec<Node>),
    Map(usize, Place, Vec<(Key, Node)>, Option<Key>),
}

/// Reads one document.
///
/// # Errors
/// The first thing that is not YAML, a key that is there twice, or a second document.
pub(super) fn read(source: &str) -> Result<Node, Unreadable> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    let mut document: Option<Node> = None;
    let mut count = 0_usize;
    for event in Parser::new_from_str(source) {
        let (event, span) = event.map_err(|error| Unreadable {
            place: Place {
                line: error.marker().line().max(1),
                column: error.marker().col() + 1,
            },
            message: format!("this is not YAML: {}", error.info()),
        })?;
        let place = Place {
            line: span.start.line().max(1),
            column: span.start.col() + 1,
        };
        let fail = |message: &str| Unreadable {
            place,
            message: message.to_owned(),
        };
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, _) => (
                anchor,
                Node {
                    place,
                    kind: scalar(&text, style),
                },
            ),
            Event::Alias(anchor) => {
                let named = anchors
                    .get(&anchor)
                    .ok_or_else(|| fail("an alias stands inside of what it names"))?;
                count += size(named);
                (0, named.clone())
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(anchor, place, Vec::new()));
                if open.len() > DEPTH_MAX {
                    return Err(fail("this is nested too deeply"));
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(anchor, place, Vec::new(), None));
                if open.len() > DEPTH_MAX {
                    return Err(fail("this is nested too deeply"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(anchor, place, items)) => (
                    anchor,
                    Node {
                        place,
                        kind: Kind::List(items),
                    },
                ),
                Some(Open::Map(anchor, place, entries, _)) => (
                    anchor,
                    Node {
                        place,
                        kind: Kind::Map(entries),
                    },
                ),
                None => continue,
            },
            _ => continue,
        };
        count += 1;
        if count > NODES_MAX {
            return Err(fail("this file is too large"));
        }
        if anchor != 0 {
            anchors.insert(anchor, node.clone());
        }
        match open.last_mut() {
            None if document.is_some() => {
                return Err(Unreadable {
                    place: node.place,
                    ..fail("there is a second YAML document")
                });
            }
            None => document = Some(node),
            Some(Open::List(_, _, items)) => items.push(node),
            Some(Open::Map(_, _, entries, waiting)) => match waiting.take() {
                None => {
                    let text = match &node.kind {
                        Kind::List(_) | Kind::Map(_) => {
                            return Err(fail("a key must be a simple value"));
                        }
                        Kind::Text(text) => text.clone(),
                        Kind::Null => "null".to_owned(),
                        _ => node.describe(),
                    };
                    if entries.iter().any(|(key, _)| key.text == text) {
                        return Err(fail(&format!("the key '{text}' is there twice")));
                    }
                    *waiting = Some(Key { place, text });
                }
                Some(key) => entries.push((key, node)),
            },
        }
    }
    document.ok_or_else(|| Unreadable {
        place: Place { line: 1, column: 1 },
        message: "this file is empty".to_owned(),
    })
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => {
            let numeric = text
                .starts_with(|letter: char| letter.is_ascii_digit() || "+-.".contains(letter))
                && text.contains(|letter: char| letter.is_ascii_digit());
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) if numeric => Kind::Int(number),
                (_, Ok(number)) if numeric && number.is_finite() => Kind::Float(number),
                _ => Kind::Text(text.to_owned()),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Place {
        Place { line, column }
    }

    #[test]
    fn everything_has_its_place_and_its_kind() {
        let node = read("a: 1\nb:\n  - yes\n  - true\n  - '5'\n  - 1.5\n  - ~\n").unwrap();
        let Kind::Map(entries) = &node.kind else {
            panic!("{node:?}")
        };
        assert_eq!(
            entries[0].0,
            Key {
                place: at(1, 1),
                text: "a".to_owned()
            }
        );
        assert_eq!(
            entries[0].1,
            Node {
                place: at(1, 4),
                kind: Kind::Int(1)
            }
        );
        let Kind::List(items) = &entries[1].1.kind else {
            panic!("{node:?}")
        };
        let kinds: Vec<&Kind> = items.iter().map(|item| &item.kind).collect();
        assert_eq!(
            kinds,
            [
                &Kind::Text("yes".to_owned()),
                &Kind::Bool(true),
                &Kind::Text("5".to_owned()),
                &Kind::Float(1.5),
                &Kind::Null
            ]
        );
        assert_eq!(items[1].place, at(4, 5));
        assert_eq!(node.to_json()["b"][3], serde_json::json!(1.5));
    }

    #[test]
    fn aliases_repeat_what_they_name() {
        let node = read("a: &x {k: v}\nb: *x\n").unwrap();
        assert_eq!(
            node.to_json(),
            serde_json::json!({"a": {"k": "v"}, "b": {"k": "v"}})
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        for (source, place, words) in [
            ("a: [1\nb: 2\n", None, "not YAML"),
            ("a: 1\na: 2\n", Some(at(2, 1)), "'a' is there twice"),
            ("a: 1\n---\nb: 2\n", Some(at(3, 1)), "second YAML document"),
            ("", Some(at(1, 1)), "empty"),
            ("? [1]\n: 2\n", None, "simple value"),
        ] {
            let error = read(source).unwrap_err();
            assert!(error.message.contains(words), "{source:?}: {error:?}");
            if let Some(place) = place {
                assert_eq!(error.place, place, "{source:?}: {error:?}");
            }
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(read(&deep).unwrap_err().message.contains("too deeply"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            bomb += &format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 10].join(", ")
            );
        }
        assert!(read(&bomb).unwrap_err().message.contains("too large"));
    }
}
