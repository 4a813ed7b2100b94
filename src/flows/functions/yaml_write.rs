//! `yamlencode`: YAML to the byte as Terraform writes it. Its library is a port of libyaml's emitter, and so is this, as
//! far as Terraform uses it: strings in double quotes, or as a literal block when they have several lines; lines of
//! quoted text folded at 80 columns; collections in block style.

use super::{Function, argument};
use crate::flows::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[Function::new("yamlencode", 1..=1, |_, arguments| {
    Ok(encode(argument(arguments, 0)).into())
})
.nulls()];

/// Columns that one level is indented by.
const INDENT: i32 = 2;

/// Where quoted text is folded, at the next space.
const WIDTH: i32 = 80;

/// Longest key, in bytes, that stands on one line with its value.
const SIMPLE_KEY_BYTES: usize = 128;

fn encode(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        indent: -1,
        space: true,
        indention: true,
    };
    emitter.node(value, Around::Root);
    emitter.line();
    if !matches!(value, Value::String(_) | Value::List(_) | Value::Map(_)) {
        emitter.out.push_str("...\n");
    }
    emitter.out
}

/// What a node stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Root,
    Sequence,
    Mapping,
    /// Before its `:` on one line.
    Key,
}

struct Emitter {
    out: String,
    column: i32,
    indent: i32,
    /// Whether the last sign was white space.
    space: bool,
    /// Whether the line holds nothing but indentation and indicators so far.
    indention: bool,
}

impl Emitter {
    fn put(&mut self, letter: char) {
        self.out.push(letter);
        self.column += 1;
    }

    fn break_line(&mut self, letter: char) {
        self.out.push(letter);
        self.column = 0;
    }

    /// Goes to the indentation, on a new line unless the line is still free for that.
    fn line(&mut self) {
        let indent = self.indent.max(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.space) {
            self.break_line('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.space = true;
        self.indention = true;
    }

    fn indicator(&mut self, sign: &str, after_space: bool, indents: bool) {
        if after_space && !self.space {
            self.put(' ');
        }
        for letter in sign.chars() {
            self.put(letter);
        }
        self.space = false;
        self.indention &= indents;
    }

    /// Runs one level further in.
    fn deeper(&mut self, flow: bool, indentless: bool, inner: impl FnOnce(&mut Self)) {
        let before = self.indent;
        if self.indent < 0 {
            self.indent = if flow { INDENT } else { 0 };
        } else if !indentless {
            self.indent += INDENT;
        }
        inner(self);
        self.indent = before;
    }

    fn node(&mut self, value: &Value, around: Around) {
        match value {
            Value::List(list) if list.items.is_empty() => self.indicator("[]", true, false),
            Value::Map(map) if map.entries.is_empty() => self.indicator("{}", true, false),
            Value::List(list) => {
                let indentless = around == Around::Mapping && !self.indention;
                self.deeper(false, indentless, |emitter| {
                    for item in &list.items {
                        emitter.line();
                        emitter.indicator("-", true, true);
                        emitter.node(item, Around::Sequence);
                    }
                });
            }
            Value::Map(map) => self.deeper(false, false, |emitter| {
                for (key, item) in &map.entries {
                    emitter.line();
                    let simple = key.len() <= SIMPLE_KEY_BYTES && !key.contains(is_break);
                    if simple {
                        emitter.text(key, Around::Key);
                        emitter.indicator(":", false, false);
                    } else {
                        emitter.indicator("?", true, true);
                        emitter.text(key, Around::Mapping);
                        emitter.line();
                        emitter.indicator(":", true, true);
                    }
                    emitter.node(item, Around::Mapping);
                }
            }),
            Value::String(text) => self.text(text, around),
            Value::Null | Value::Unknown(_) => self.indicator("null", true, false),
            other => self.indicator(&other.to_text().unwrap_or_default(), true, false),
        }
    }

    fn text(&mut self, text: &str, around: Around) {
        self.deeper(true, false, |emitter| {
            if around != Around::Key && text.contains('\n') && fits_block(text) {
                emitter.literal(text);
            } else {
                emitter.quoted(text, around != Around::Key);
            }
        });
    }

    /// `|` and the lines as they are.
    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false);
        if text.starts_with(|letter| letter == ' ' || is_break(letter)) {
            self.indicator(&INDENT.to_string(), false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => self.indicator("-", false, false),
            (_, None) => self.indicator("+", false, false),
            (_, Some(before)) if is_break(before) => self.indicator("+", false, false),
            _ => {}
        }
        self.break_line('\n');
        self.indention = true;
        self.space = true;
        let mut at_start = true;
        for letter in text.chars() {
            if is_break(letter) {
                self.break_line(letter);
                self.indention = true;
                at_start = true;
            } else {
                if at_start {
                    self.line();
                }
                self.put(letter);
                self.indention = false;
                at_start = false;
            }
        }
    }

    fn quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("\"", true, false);
        let last = text.chars().count().saturating_sub(1);
        let mut spaces = false;
        let mut letters = text.chars().enumerate().peekable();
        while let Some((position, letter)) = letters.next() {
            if letter == ' ' {
                let folds = may_fold && !spaces && self.column > WIDTH;
                if folds && position > 0 && position < last {
                    self.line();
                    if letters.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
                continue;
            }
            spaces = false;
            if is_plain(letter) {
                self.put(letter);
            } else {
                for sign in escape(letter).chars() {
                    self.put(sign);
                }
            }
        }
        self.indicator("\"", false, false);
    }
}

fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Letters that libyaml prints.
fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn is_plain(letter: char) -> bool {
    is_printable(letter) && !is_break(letter) && letter != '"' && letter != '\\'
}

/// Whether a text may stand as a literal block.
fn fits_block(text: &str) -> bool {
    let space_before_break = text
        .chars()
        .zip(text.chars().skip(1))
        .any(|(one, next)| one == ' ' && is_break(next));
    !space_before_break && !text.ends_with(' ') && text.chars().all(is_printable)
}

fn escape(letter: char) -> String {
    let short = match letter {
        '\0' => "0",
        '\u{7}' => "a",
        '\u{8}' => "b",
        '\t' => "t",
        '\n' => "n",
        '\u{b}' => "v",
        '\u{c}' => "f",
        '\r' => "r",
        '\u{1b}' => "e",
        '"' => "\"",
        '\\' => "\\",
        '\u{85}' => "N",
        '\u{2028}' => "L",
        '\u{2029}' => "P",
        _ => {
            let code = u32::from(letter);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
