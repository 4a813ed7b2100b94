//! Strings with interpolations and directives, and the two functions that read templates.

use std::path::Path;

use hcl_edit::Span;
use hcl_edit::template::{Directive, Element, Strip, Template};

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

fn strips_start(strip: Strip) -> bool {
    matches!(strip, Strip::Start | Strip::Both)
}

fn strips_end(strip: Strip) -> bool {
    matches!(strip, Strip::End | Strip::Both)
}

/// Whether an element takes the white space before it, and after it.
fn stripping(element: &Element) -> (bool, bool) {
    match element {
        Element::Literal(_) => (false, false),
        Element::Interpolation(interpolation) => (
            strips_start(interpolation.strip),
            strips_end(interpolation.strip),
        ),
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => (
                strips_start(directive.if_expr.strip),
                strips_end(directive.endif_expr.strip),
            ),
            Directive::For(directive) => (
                strips_start(directive.for_expr.strip),
                strips_end(directive.endfor_expr.strip),
            ),
        },
    }
}

impl World {
    /// Evaluates a template; one that is nothing but an interpolation is the value of that, whatever its type.
    pub(super) fn template(
        &self,
        template: &Template,
        scope: &Scope<'_>,
        place: Place,
    ) -> Result<Value, Failure> {
        let mut elements = template.iter();
        if let (Some(Element::Interpolation(only)), None) = (elements.next(), elements.next()) {
            return self.eval(&only.expr, scope);
        }
        let mut out = Text {
            text: String::new(),
            unknown: None,
        };
        self.write(template, (false, false), scope, place, &mut out)?;
        Ok(match out.unknown {
            Some(unknown) => Value::Unknown(unknown),
            None => Value::from(out.text),
        })
    }

    /// Writes a template; `strip` says whether its first and last literals lose white space to what is around it.
    fn write(
        &self,
        template: &Template,
        strip: (bool, bool),
        scope: &Scope<'_>,
        place: Place,
        out: &mut Text,
    ) -> Result<(), Failure> {
        let elements: Vec<&Element> = template.iter().collect();
        for (position, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(text) => {
                    let before = match position.checked_sub(1) {
                        Some(previous) => stripping(elements[previous]).1,
                        None => strip.0,
                    };
                    let after = match elements.get(position + 1) {
                        Some(next) => stripping(next).0,
                        None => strip.1,
                    };
                    let mut text = text.as_str();
                    if before {
                        text = strip_first_line(text);
                    }
                    if after {
                        text = strip_last_line(text);
                    }
                    self.push(text, place, out)?;
                }
                Element::Interpolation(interpolation) => {
                    let value = self.eval(&interpolation.expr, scope)?;
                    let place = Place::new(scope.file, interpolation.expr.span());
                    self.push_value(&value, place, out)?;
                }
                Element::Directive(directive) => {
                    self.directive(directive, scope, place, out)?;
                }
            }
        }
        Ok(())
    }

    fn push(&self, text: &str, place: Place, out: &mut Text) -> Result<(), Failure> {
        let limit = TEXT_UNIT_BYTES.saturating_mul(usize::try_from(MAX_WEIGHT).unwrap_or(usize::MAX));
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
                    format!("only strings, numbers and bools can be written into a text, not {}", value.kind_name()),
                );
                Err(match value {
                    Value::Null => failure,
                    _ => failure.hint("use jsonencode(…) or join(\", \", …)"),
                })
            }
        }
    }

    fn directive(
        &self,
        directive: &Directive,
        scope: &Scope<'_>,
        place: Place,
        out: &mut Text,
    ) -> Result<(), Failure> {
        match directive {
            Directive::If(directive) => {
                let condition = self.eval(&directive.if_expr.cond_expr, scope)?;
                if let Value::Unknown(unknown) = condition {
                    out.unknown.get_or_insert(unknown);
                    return Ok(());
                }
                let place = Place::new(scope.file, directive.if_expr.cond_expr.span());
                let holds = operators::boolean(&condition)
                    .map_err(|problem| Failure::new(place, format!("the condition: {problem}")))?;
                let end = strips_start(directive.endif_expr.strip);
                match (holds, &directive.else_expr) {
                    (true, other) => {
                        let after = other
                            .as_ref()
                            .map_or(end, |other| strips_start(other.strip));
                        let strip = (strips_end(directive.if_expr.strip), after);
                        self.write(&directive.if_expr.template, strip, scope, place, out)
                    }
                    (false, Some(other)) => {
                        let strip = (strips_end(other.strip), end);
                        self.write(&other.template, strip, scope, place, out)
                    }
                    (false, None) => Ok(()),
                }
            }
            Directive::For(directive) => {
                let code = &directive.for_expr;
                let place_of_collection = Place::new(scope.file, code.collection_expr.span());
                let collection = self.eval(&code.collection_expr, scope)?;
                let pairs = match self.pairs(&collection, place_of_collection)? {
                    Ok(pairs) => pairs,
                    Err(unknown) => {
                        out.unknown.get_or_insert(unknown);
                        return Ok(());
                    }
                };
                let strip = (
                    strips_end(code.strip),
                    strips_start(directive.endfor_expr.strip),
                );
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
                    let inner = scope.with_binding(&value_binding);
                    self.write(&code.template, strip, &inner, place, out)?;
                }
                Ok(())
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
        let fail = |problem: String| Failure::new(place, format!("function `{function}`: {problem}"));
        let [source, variables] = arguments else {
            return Err(fail("takes two arguments".to_owned()).fatal());
        };
        let source = match source {
            Value::Unknown(unknown) => return Ok(Value::Unknown(unknown.clone())),
            Value::String(text) => text.clone(),
            other => return Err(fail(format!("a string is required, not {}", other.kind_name()))),
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
            other => return Err(fail(format!("a map is required, not {}", other.kind_name()))),
        };
        let template = hcl_edit::parser::parse_template(&text).map_err(|error| {
            let location = error.location();
            fail(format!("{name}:{}:{}: {}", location.line(), location.column(), error.message()))
        })?;
        let marker = Binding {
            name: TEMPLATE_MARKER,
            value: Value::Null,
            outer: scope.bound,
        };
        self.template_with(&template, variables.entries.iter().collect(), &marker, scope, place)
            .map_err(|failure| {
                // Places inside of the template mean nothing in the file that calls it.
                let moved = fail(format!("in {name}: {}", failure.message()));
                if failure.is_catchable() { moved } else { moved.fatal() }
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
            None => self.template(template, &scope.with_binding(outer), place),
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

/// Takes white space from the front, up to and with the first line break.
fn strip_first_line(text: &str) -> &str {
    let first_line = text.find('\n').map_or(text.len(), |at| at + 1);
    let (line, rest) = text.split_at(first_line);
    if line.trim().is_empty() { rest } else { text.trim_start() }
}

/// Takes white space from the end, as far as the last line goes.
fn strip_last_line(text: &str) -> &str {
    match text.strip_suffix('\n') {
        Some(_) => text.trim_end(),
        None => {
            let last_line = text.rfind('\n').map_or(0, |at| at + 1);
            let (rest, line) = text.split_at(last_line);
            if line.trim().is_empty() { rest } else { text.trim_end() }
        }
    }
}
