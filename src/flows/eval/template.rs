//! Strings with interpolations and directives, and the two functions that read templates.

use std::path::Path;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::template::{Directive, Element, ForTemplateExpr, Strip, Template};

use super::operators;
use super::{Binding, Scope, World};
use crate::flows::source::{Failure, Place};
use crate::flows::value::{MAX_WEIGHT, MapKind, TEXT_UNIT_BYTES, Unknown, Value};

/// Templates that read templates: beyond this something goes round.
const MAX_TEMPLATE_FILES: usize = 10;

/// Text so far, or the unknown that makes it one.
struct Text {
    text: String,
    unknown: Option<Unknown>,
}

/// A template as a flat row of lines and markers, which is how Terraform strips white space from it.
enum Token<'a> {
    /// Text up to and with a line break.
    Line(String),
    Value(&'a Expression),
    If(&'a Expression),
    Else,
    For(&'a ForTemplateExpr),
    /// Of an `if` or a `for`.
    End,
}

/// A template as it is carried out.
enum Part<'a> {
    Text(String),
    Value(&'a Expression),
    If(&'a Expression, Vec<Part<'a>>, Vec<Part<'a>>),
    For(&'a ForTemplateExpr, Vec<Part<'a>>),
}

fn strips_start(strip: Strip) -> bool {
    matches!(strip, Strip::Start | Strip::Both)
}

fn strips_end(strip: Strip) -> bool {
    matches!(strip, Strip::End | Strip::Both)
}

/// Makes tokens, stripping white space around markers with `~`: of the one line that touches them.
#[derive(Default)]
struct Tokens<'a> {
    tokens: Vec<Token<'a>>,
    strip_next: bool,
}

impl<'a> Tokens<'a> {
    fn marker(&mut self, token: Token<'a>, strip: Strip) {
        if let Some(Token::Line(line)) = self.tokens.last_mut().filter(|_| strips_start(strip)) {
            line.truncate(line.trim_end().len());
        }
        self.tokens.push(token);
        self.strip_next = strips_end(strip);
    }

    fn template(&mut self, template: &'a Template) {
        for element in template.iter() {
            match element {
                Element::Literal(text) => {
                    for line in text.split_inclusive('\n') {
                        let line = if std::mem::take(&mut self.strip_next) {
                            line.trim_start()
                        } else {
                            line
                        };
                        self.tokens.push(Token::Line(line.to_owned()));
                    }
                }
                Element::Interpolation(interpolation) => {
                    self.marker(Token::Value(&interpolation.expr), interpolation.strip);
                }
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => {
                        let code = &directive.if_expr;
                        self.marker(Token::If(&code.cond_expr), code.strip);
                        self.template(&code.template);
                        if let Some(other) = &directive.else_expr {
                            self.marker(Token::Else, other.strip);
                            self.template(&other.template);
                        }
                        self.marker(Token::End, directive.endif_expr.strip);
                    }
                    Directive::For(directive) => {
                        self.marker(Token::For(&directive.for_expr), directive.for_expr.strip);
                        self.template(&directive.for_expr.template);
                        self.marker(Token::End, directive.endfor_expr.strip);
                    }
                },
            }
        }
    }

    /// Takes the indentation that all lines share, as `<<-` does: lines of nothing but white space do not count.
    fn flush(&mut self) {
        let mut shared: Option<usize> = None;
        let mut starts = Vec::new();
        let mut at_start = true;
        for (position, token) in self.tokens.iter().enumerate() {
            let Token::Line(line) = token else {
                at_start = false;
                continue;
            };
            let blank = line.ends_with('\n') && line.trim().is_empty();
            if at_start && !blank {
                let spaces = line
                    .chars()
                    .take_while(|letter| letter.is_whitespace())
                    .count();
                shared = Some(shared.map_or(spaces, |shared| shared.min(spaces)));
                starts.push(position);
            }
            at_start = line.ends_with('\n');
        }
        for position in starts {
            if let Some(Token::Line(line)) = self.tokens.get_mut(position) {
                *line = line.chars().skip(shared.unwrap_or(0)).collect();
            }
        }
    }
}

/// Builds the tree of tokens up to an end or an `else`, which are told.
fn tree<'a>(tokens: &mut std::vec::IntoIter<Token<'a>>) -> (Vec<Part<'a>>, bool) {
    let mut parts: Vec<Part<'a>> = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Line(line) => match parts.last_mut() {
                Some(Part::Text(text)) => text.push_str(&line),
                _ => parts.push(Part::Text(line)),
            },
            Token::Value(code) => parts.push(Part::Value(code)),
            Token::If(condition) => {
                let (then, has_else) = tree(tokens);
                let otherwise = if has_else { tree(tokens).0 } else { Vec::new() };
                parts.push(Part::If(condition, then, otherwise));
            }
            Token::For(code) => parts.push(Part::For(code, tree(tokens).0)),
            Token::Else => return (parts, true),
            Token::End => break,
        }
    }
    (parts, false)
}

impl World {
    /// Evaluates a template; one that is nothing but an interpolation is the value of that, whatever its type. `flush`
    /// takes away the indentation that all lines share.
    pub(super) fn template(
        &self,
        template: &Template,
        flush: bool,
        scope: &Scope<'_>,
        place: Place,
    ) -> Result<Value, Failure> {
        let mut elements = template.iter();
        if let (Some(Element::Interpolation(only)), None) = (elements.next(), elements.next()) {
            return self.eval(&only.expr, scope);
        }
        let mut tokens = Tokens::default();
        tokens.template(template);
        if flush {
            tokens.flush();
        }
        let (parts, _) = tree(&mut tokens.tokens.into_iter());
        let mut out = Text {
            text: String::new(),
            unknown: None,
        };
        self.write(&parts, scope, place, &mut out)?;
        Ok(match out.unknown {
            Some(unknown) => Value::Unknown(unknown),
            None => Value::from(out.text),
        })
    }

    fn write(
        &self,
        parts: &[Part<'_>],
        scope: &Scope<'_>,
        place: Place,
        out: &mut Text,
    ) -> Result<(), Failure> {
        for part in parts {
            match part {
                Part::Text(text) => self.push(text, place, out)?,
                Part::Value(code) => {
                    let value = self.eval(code, scope)?;
                    self.push_value(&value, Place::new(scope.file, code.span()), out)?;
                }
                Part::If(condition, then, otherwise) => {
                    let place = Place::new(scope.file, condition.span());
                    let verdict = self.eval(condition, scope)?;
                    if let Value::Unknown(unknown) = verdict {
                        out.unknown.get_or_insert(unknown);
                        continue;
                    }
                    let holds = operators::boolean(&verdict).map_err(|problem| {
                        Failure::new(place, format!("the condition: {problem}"))
                    })?;
                    self.write(if holds { then } else { otherwise }, scope, place, out)?;
                }
                Part::For(code, body) => self.write_for(code, body, scope, out)?,
            }
        }
        Ok(())
    }

    fn write_for(
        &self,
        code: &ForTemplateExpr,
        body: &[Part<'_>],
        scope: &Scope<'_>,
        out: &mut Text,
    ) -> Result<(), Failure> {
        let place = Place::new(scope.file, code.collection_expr.span());
        let collection = self.eval(&code.collection_expr, scope)?;
        let pairs = match self.pairs(&collection, place)? {
            Ok(pairs) => pairs,
            Err(unknown) => {
                out.unknown.get_or_insert(unknown);
                return Ok(());
            }
        };
        for (key, value) in pairs {
            self.charge(1, place)?;
            let key_binding = Binding {
                name: code.key_var.as_ref().map_or("", |name| name.as_str()),
                value: key,
                outer: scope.bound,
            };
            let value_binding = Binding {
                name: code.value_var.as_str(),
                value,
                outer: Some(&key_binding),
            };
            self.write(body, &scope.with_binding(&value_binding), place, out)?;
        }
        Ok(())
    }

    fn push(&self, text: &str, place: Place, out: &mut Text) -> Result<(), Failure> {
        let limit =
            TEXT_UNIT_BYTES.saturating_mul(usize::try_from(MAX_WEIGHT).unwrap_or(usize::MAX));
        if out.text.len().saturating_add(text.len()) > limit {
            return Err(Failure::new(place, "this text is too long").fatal());
        }
        self.charge((text.len() / TEXT_UNIT_BYTES) as u64, place)?;
        out.text.push_str(text);
        Ok(())
    }

    fn push_value(&self, value: &Value, place: Place, out: &mut Text) -> Result<(), Failure> {
        if let Some(unknown) = value.first_unknown() {
            out.unknown.get_or_insert_with(|| unknown.clone());
            return Ok(());
        }
        match value.to_text() {
            Some(text) => self.push(&text, place, out),
            None => {
                let failure = Failure::new(
                    place,
                    format!(
                        "only strings, numbers and bools can be written into a text, not {}",
                        value.kind_name()
                    ),
                );
                Err(match value {
                    Value::Null => failure,
                    _ => failure.hint("use jsonencode(…) or join(\", \", …)"),
                })
            }
        }
    }

    /// `templatefile(path, vars)` and `templatestring(text, vars)`.
    pub(super) fn template_call(
        &self,
        function: &str,
        arguments: &[Value],
        scope: &Scope<'_>,
        place: Place,
    ) -> Result<Value, Failure> {
        let fail =
            |problem: String| Failure::new(place, format!("function `{function}`: {problem}"));
        let [source, variables] = arguments else {
            return Err(fail("takes two arguments".to_owned()).fatal());
        };
        let source = match source {
            Value::Unknown(unknown) => return Ok(Value::Unknown(unknown.clone())),
            Value::String(text) => text.clone(),
            other => {
                return Err(fail(format!(
                    "a string is required, not {}",
                    other.kind_name()
                )));
            }
        };
        let (name, text) = if function == "templatefile" {
            let file = self
                .files
                .read_text(scope.module, Path::new(&*source))
                .map_err(&fail)?;
            (file.shown, file.text)
        } else {
            (self.sources.describe(place), source)
        };
        let depth = scope.bound.map_or(0, template_depth);
        if depth >= MAX_TEMPLATE_FILES {
            return Err(fail("templates that use each other without end".to_owned()).fatal());
        }
        let variables = match variables {
            Value::Map(map) if map.kind != MapKind::Object && map.kind != MapKind::Map => {
                return Ok(map_unknown(variables));
            }
            Value::Map(map) => map,
            Value::Unknown(unknown) => return Ok(Value::Unknown(unknown.clone())),
            other => {
                return Err(fail(format!(
                    "a map is required, not {}",
                    other.kind_name()
                )));
            }
        };
        let template = hcl_edit::parser::parse_template(&text).map_err(|error| {
            let location = error.location();
            fail(format!(
                "{name}:{}:{}: {}",
                location.line(),
                location.column(),
                error.message()
            ))
        })?;
        let marker = Binding {
            name: TEMPLATE_MARKER,
            value: Value::Null,
            outer: scope.bound,
        };
        self.template_with(
            &template,
            variables.entries.iter().collect(),
            &marker,
            scope,
            place,
        )
        .map_err(|failure| {
            if failure.is_following() {
                return failure;
            }
            // Places inside of the template mean nothing in the file that calls it.
            let moved = fail(format!("in {name}: {}", failure.message()));
            if failure.is_catchable() {
                moved
            } else {
                moved.fatal()
            }
        })
    }

    fn template_with(
        &self,
        template: &Template,
        mut variables: Vec<(&String, &Value)>,
        outer: &Binding<'_>,
        scope: &Scope<'_>,
        place: Place,
    ) -> Result<Value, Failure> {
        match variables.pop() {
            Some((name, value)) => self.nested(place, || {
                let binding = Binding {
                    name,
                    value: value.clone(),
                    outer: Some(outer),
                };
                self.template_with(template, variables, &binding, scope, place)
            }),
            None => self.template(template, false, &scope.with_binding(outer), place),
        }
    }
}

/// Marks the start of a template's variables; not a name that can be written.
const TEMPLATE_MARKER: &str = "<template>";

fn template_depth(binding: &Binding<'_>) -> usize {
    let mut depth = 0;
    let mut current = Some(binding);
    while let Some(binding) = current {
        depth += usize::from(binding.name == TEMPLATE_MARKER);
        current = binding.outer;
    }
    depth
}

fn map_unknown(value: &Value) -> Value {
    value
        .first_unknown()
        .map_or(Value::Null, |unknown| Value::Unknown(unknown.clone()))
}
