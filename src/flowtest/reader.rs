//! Takes typed values out of YAML nodes and writes down what does not fit, with its place.

use std::collections::BTreeMap;

use super::suite::At;
use super::tree::{Key, Kind, Node, Place};
use crate::domain::person::Person;
use crate::flows::diagnostic::{Diagnostic, Severity};
use crate::flows::similar;

pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub problems: &'a mut Vec<Diagnostic>,
    /// Those declared so far.
    pub people: BTreeMap<String, Person>,
}

/// The entries of a mapping, taken out one by one; what is left over is not known.
pub(super) struct Entries<'a> {
    pub place: Place,
    what: String,
    pub left: Vec<&'a (Key, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Entries<'a> {
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let position = self.left.iter().position(|(key, _)| key.text == name)?;
        Some(&self.left.remove(position).1)
    }
}

impl Reader<'_> {
    pub(super) fn wrong(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        self.problems.push(Diagnostic {
            severity: Severity::Error,
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
            hint,
        });
    }

    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Entries<'n> {
        let left = match &node.kind {
            Kind::Map(entries) => entries.iter().collect(),
            _ => {
                self.wrong(
                    node.place,
                    format!("{what} is {}, expected a mapping", node.describe()),
                    None,
                );
                Vec::new()
            }
        };
        Entries {
            place: node.place,
            what: what.to_owned(),
            left,
            known: Vec::new(),
        }
    }

    pub(super) fn end(&mut self, entries: &Entries<'_>) {
        for (key, _) in &entries.left {
            let hint = match similar(&key.text, entries.known.iter().copied()) {
                Some(other) => format!("did you mean '{other}'?"),
                None => format!("there are: {}", entries.known.join(", ")),
            };
            self.wrong(
                key.place,
                format!("{} has no key '{}'", entries.what, key.text),
                Some(hint),
            );
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ => {
                self.wrong(
                    node.place,
                    format!("{what} is {}, expected a list", node.describe()),
                    None,
                );
                &[]
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> String {
        match &node.kind {
            Kind::Text(text) if !text.trim().is_empty() => text.clone(),
            Kind::Int(number) => number.to_string(),
            _ => {
                self.wrong(
                    node.place,
                    format!("{what} is {}, expected a text", node.describe()),
                    None,
                );
                String::new()
            }
        }
    }

    pub(super) fn text_at(&mut self, node: &Node, what: &str) -> At<String> {
        At {
            place: node.place,
            value: self.text(node, what),
        }
    }

    pub(super) fn bool_at(&mut self, node: &Node, what: &str) -> At<bool> {
        let value = match node.kind {
            Kind::Bool(value) => value,
            _ => {
                self.wrong(
                    node.place,
                    format!("{what} is {}, expected true or false", node.describe()),
                    None,
                );
                false
            }
        };
        At {
            place: node.place,
            value,
        }
    }

    pub(super) fn one_of(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[&'static str],
    ) -> &'static str {
        let given = self.text(node, what);
        if let Some(choice) = choices.iter().find(|choice| **choice == given) {
            return choice;
        }
        if !given.is_empty() {
            let hint = match similar(&given, choices.iter().copied()) {
                Some(other) => format!("did you mean '{other}'?"),
                None => format!("there are: {}", choices.join(", ")),
            };
            self.wrong(
                node.place,
                format!("{what} cannot be '{given}'"),
                Some(hint),
            );
        }
        choices.first().copied().unwrap_or_default()
    }

    pub(super) fn person(&mut self, node: &Node, what: &str) -> String {
        let name = self.text(node, what);
        if !name.is_empty() && !self.people.contains_key(&name) {
            let names = self.people.keys().map(String::as_str);
            let hint = match similar(&name, names.clone()) {
                Some(other) => format!("did you mean '{other}'?"),
                None => {
                    let names: Vec<&str> = names.collect();
                    format!(
                        "people are declared under 'people:'; there are: {}",
                        names.join(", ")
                    )
                }
            };
            self.wrong(
                node.place,
                format!("{what}: nobody is called '{name}'"),
                Some(hint),
            );
        }
        name
    }

    pub(super) fn people_at(&mut self, node: &Node, what: &str) -> At<Vec<String>> {
        let items = self.list(node, what);
        At {
            place: node.place,
            value: items.iter().map(|item| self.person(item, what)).collect(),
        }
    }
}
