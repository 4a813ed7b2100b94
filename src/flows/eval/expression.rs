//! Expressions → values.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Conditional, Expression, ForExpr, FuncCall, Object, ObjectKey,
    TraversalOperator,
};

use super::operators;
use super::{Binding, Scope, World};
use crate::flows::functions;
use crate::flows::number::Number;
use crate::flows::parse::is_flush_heredoc;
use crate::flows::source::{Failure, Place, similar};
use crate::flows::value::{ListKind, MapKind, Unknown, Value};

type Evaluated = Result<Value, Failure>;

/// Iterations are given as pairs of key and value.
type Pairs = Vec<(Value, Value)>;

impl World {
    /// Evaluates an expression.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn eval(&self, expression: &Expression, scope: &Scope<'_>) -> Evaluated {
        let place = Place::new(scope.file, expression.span());
        self.charge(1, place)?;
        self.nested(place, || self.eval_inner(expression, scope, place))
            .and_then(|value| self.bounded(value, place))
    }

    fn eval_inner(&self, expression: &Expression, scope: &Scope<'_>, place: Place) -> Evaluated {
        match expression {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(value) => Ok(Value::Bool(*value.value())),
            Expression::Number(number) => {
                let text = number
                    .as_repr()
                    .map_or_else(|| number.value().to_string(), |text| text.to_string());
                // Between a sign and its number there may be space.
                let text = text.replace(char::is_whitespace, "");
                Number::parse(&text).map(Value::Number).ok_or_else(|| {
                    Failure::new(place, format!("the number {text} is out of range"))
                })
            }
            Expression::String(text) => Ok(Value::from(text.value().as_str())),
            Expression::Array(array) => {
                let items = array
                    .iter()
                    .map(|item| self.eval(item, scope))
                    .collect::<Result<_, _>>()?;
                Ok(Value::tuple(items))
            }
            Expression::Object(object) => self.object(object, scope),
            Expression::StringTemplate(template) => self.template(template, false, scope, place),
            Expression::HeredocTemplate(heredoc) => {
                let flush = self
                    .sources
                    .file(place.file)
                    .is_some_and(|file| is_flush_heredoc(&file.text, place.start));
                self.template(&heredoc.template, flush, scope, place)
            }
            Expression::Parenthesis(inner) => self.eval(inner.inner(), scope),
            Expression::Variable(name) => match scope.lookup(name.as_str()) {
                Some(value) => Ok(value.clone()),
                None => self
                    .reference(name.as_str(), &[], scope, place)
                    .map(|(value, _)| value),
            },
            Expression::Conditional(conditional) => self.conditional(conditional, scope),
            Expression::FuncCall(call) => self.call(call, scope, place),
            Expression::Traversal(traversal) => {
                let operators: Vec<&TraversalOperator> = traversal
                    .operators
                    .iter()
                    .map(|operator| operator.value())
                    .collect();
                let (value, used) = match &traversal.expr {
                    Expression::Variable(name) => match scope.lookup(name.as_str()) {
                        Some(value) => (value.clone(), 0),
                        None => self.reference(name.as_str(), &operators, scope, place)?,
                    },
                    other => (self.eval(other, scope)?, 0),
                };
                let rest = operators.get(used..).unwrap_or_default();
                self.apply(value, rest, scope, place)
            }
            Expression::UnaryOp(operation) => match self.eval(&operation.expr, scope)? {
                Value::Unknown(unknown) => Ok(Value::Unknown(unknown)),
                operand => operators::unary(*operation.operator.value(), &operand)
                    .map_err(|problem| Failure::new(place, problem)),
            },
            Expression::BinaryOp(operation) => self.binary(operation, scope),
            Expression::ForExpr(for_expression) => {
                self.for_expression(for_expression, scope, place)
            }
        }
    }

    fn object(&self, object: &Object, scope: &Scope<'_>) -> Evaluated {
        let mut entries = BTreeMap::new();
        let mut unknown_key = None;
        for (key, value) in object.iter() {
            let name = match key {
                ObjectKey::Ident(name) => Value::from(name.as_str()),
                ObjectKey::Expression(Expression::Null(_)) => Value::from("null"),
                ObjectKey::Expression(expression) => self.eval(expression, scope)?,
            };
            let value = self.eval(value.expr(), scope)?;
            if let Value::Unknown(unknown) = &name {
                unknown_key = Some(unknown.clone());
                continue;
            }
            let Some(name) = name.to_text() else {
                let place = Place::new(scope.file, key.span());
                return Err(Failure::new(
                    place,
                    format!("a key must be a string, not {}", name.kind_name()),
                ));
            };
            entries.insert(name.to_string(), value);
        }
        Ok(unknown_key.map_or_else(|| Value::object(entries), Value::Unknown))
    }

    fn conditional(&self, conditional: &Conditional, scope: &Scope<'_>) -> Evaluated {
        let place = Place::new(scope.file, conditional.cond_expr.span());
        let condition = self.eval(&conditional.cond_expr, scope)?;
        if let Value::Unknown(unknown) = condition {
            return Ok(Value::Unknown(unknown));
        }
        let (chosen, other) = if operators::boolean(&condition)
            .map_err(|problem| Failure::new(place, format!("the condition: {problem}")))?
        {
            (&conditional.true_expr, &conditional.false_expr)
        } else {
            (&conditional.false_expr, &conditional.true_expr)
        };
        let value = self.eval(chosen, scope)?;
        // The other branch only has a say in the type of the result.
        match self.eval(other, scope) {
            Ok(other) => {
                self.charge(value.weight().saturating_add(other.weight()), place)?;
                operators::choose(&value, &other).map_err(|problem| Failure::new(place, problem))
            }
            Err(failure) if !failure.is_catchable() => Err(failure),
            Err(_) => Ok(value),
        }
    }

    fn binary(&self, operation: &BinaryOp, scope: &Scope<'_>) -> Evaluated {
        let operator = *operation.operator.value();
        let left = self.eval(&operation.lhs_expr, scope)?;
        let left_place = Place::new(scope.file, operation.lhs_expr.span());
        if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
            let deciding = operator == BinaryOperator::Or;
            let left = self.truth(&left, left_place)?;
            if left == Ok(deciding) {
                return Ok(Value::Bool(deciding));
            }
            let right = self.eval(&operation.rhs_expr, scope)?;
            let right = self.truth(&right, Place::new(scope.file, operation.rhs_expr.span()))?;
            return Ok(match (left, right) {
                (_, Ok(right)) if right == deciding => Value::Bool(deciding),
                (Err(unknown), _) | (_, Err(unknown)) => Value::Unknown(unknown),
                (Ok(_), Ok(_)) => Value::Bool(!deciding),
            });
        }
        let right = self.eval(&operation.rhs_expr, scope)?;
        self.charge(left.weight().min(right.weight()), left_place)?;
        operators::binary(operator, &left, &right)
            .map_err(|problem| Failure::new(left_place, problem))
    }

    /// The bool, or why it is not known.
    fn truth(&self, value: &Value, place: Place) -> Result<Result<bool, Unknown>, Failure> {
        match value {
            Value::Unknown(unknown) => Ok(Err(unknown.clone())),
            other => operators::boolean(other)
                .map(Ok)
                .map_err(|problem| Failure::new(place, problem)),
        }
    }

    /// Keys and values of a collection, or the collection itself where it is not known.
    pub(super) fn pairs(
        &self,
        value: &Value,
        place: Place,
    ) -> Result<Result<Pairs, Unknown>, Failure> {
        match value {
            Value::Unknown(unknown) => Ok(Err(unknown.clone())),
            Value::List(list) => Ok(Ok(list
                .items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let key = match list.kind {
                        ListKind::Set => item.clone(),
                        ListKind::Tuple | ListKind::List => Number::from(index).into(),
                    };
                    (key, item.clone())
                })
                .collect())),
            Value::Map(map) => match &map.kind {
                MapKind::Open(unknown) => Ok(Err(unknown.clone())),
                MapKind::Object | MapKind::Map => Ok(Ok(map
                    .entries
                    .iter()
                    .map(|(key, item)| (Value::from(key.as_str()), item.clone()))
                    .collect())),
            },
            other => Err(Failure::new(
                place,
                format!(
                    "a list, map or set is required to go through, not {}",
                    other.kind_name()
                ),
            )),
        }
    }

    fn for_expression(&self, code: &ForExpr, scope: &Scope<'_>, place: Place) -> Evaluated {
        let collection = self.eval(&code.intro.collection_expr, scope)?;
        let collection_place = Place::new(scope.file, code.intro.collection_expr.span());
        let pairs = match self.pairs(&collection, collection_place)? {
            Ok(pairs) => pairs,
            Err(unknown) => return Ok(Value::Unknown(unknown)),
        };
        let mut items = Vec::new();
        let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, value) in pairs {
            let key_binding;
            let mut inner = *scope;
            if let Some(name) = &code.intro.key_var {
                key_binding = Binding {
                    name: name.as_str(),
                    value: key,
                    outer: scope.bound,
                };
                inner.bound = Some(&key_binding);
            }
            let value_binding = Binding {
                name: code.intro.value_var.as_str(),
                value,
                outer: inner.bound,
            };
            let inner = inner.with_binding(&value_binding);
            if let Some(condition) = &code.cond {
                let verdict = self.eval(&condition.expr, &inner)?;
                let condition_place = Place::new(scope.file, condition.expr.span());
                match self.truth(&verdict, condition_place)? {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(unknown) => return Ok(Value::Unknown(unknown)),
                }
            }
            let Some(key_code) = &code.key_expr else {
                items.push(self.eval(&code.value_expr, &inner)?);
                continue;
            };
            let key_place = Place::new(scope.file, key_code.span());
            let key = match self.eval(key_code, &inner)? {
                Value::Unknown(unknown) => return Ok(Value::Unknown(unknown)),
                key => key.to_text().ok_or_else(|| {
                    Failure::new(
                        key_place,
                        format!("a key must be a string, not {}", key.kind_name()),
                    )
                })?,
            };
            let value = self.eval(&code.value_expr, &inner)?;
            let group = groups.entry(key.to_string()).or_default();
            if !group.is_empty() && !code.grouping {
                return Err(
                    Failure::new(place, format!("two elements have the key {key:?}"))
                        .hint("add `...` after the value to collect the values of a key in a list"),
                );
            }
            group.push(value);
        }
        if code.key_expr.is_none() {
            return Ok(Value::tuple(items));
        }
        let entries = groups
            .into_iter()
            .map(|(key, mut group)| match (code.grouping, group.pop()) {
                (false, Some(value)) => (key, value),
                (_, last) => {
                    group.extend(last);
                    (key, Value::tuple(group))
                }
            })
            .collect();
        Ok(Value::object(entries))
    }

    fn call(&self, call: &FuncCall, scope: &Scope<'_>, place: Place) -> Evaluated {
        let name = call.name.name.as_str();
        let space: Vec<&str> = call
            .name
            .namespace
            .iter()
            .map(|part| part.as_str())
            .collect();
        if space.first().is_some_and(|first| *first != "core") {
            // Functions of providers run in the provider.
            return Ok(Value::unknown(&format!("{}::{name}()", space.join("::"))));
        }
        match name {
            "try" => return self.try_call(call, scope, place),
            "can" => {
                let argument = call.args.iter().next().ok_or_else(|| {
                    Failure::new(place, "function `can` takes one argument").fatal()
                })?;
                return match self.eval(argument, scope) {
                    Ok(Value::Unknown(unknown)) => Ok(Value::Unknown(unknown)),
                    Ok(_) => Ok(Value::Bool(true)),
                    Err(failure) if failure.is_catchable() => Ok(Value::Bool(false)),
                    Err(failure) => Err(failure),
                };
            }
            _ => {}
        }
        let function = functions::find(name).ok_or_else(|| {
            let failure = Failure::new(place, format!("there is no function `{name}`")).fatal();
            match similar(name, functions::names()) {
                Some(other) => failure.hint(format!("did you mean `{other}`?")),
                None => failure,
            }
        })?;
        let mut arguments = Vec::with_capacity(call.args.len());
        for argument in call.args.iter() {
            arguments.push(self.eval(argument, scope)?);
        }
        if call.args.expand_final() {
            match arguments.pop() {
                Some(Value::List(list)) => arguments.extend(list.items.iter().cloned()),
                Some(Value::Unknown(unknown)) => return Ok(Value::Unknown(unknown)),
                other => {
                    let kind = other.map_or("nothing", |value| value.kind_name());
                    return Err(Failure::new(
                        place,
                        format!("`...` takes a list or a set to spread, not {kind}"),
                    ));
                }
            }
        }
        let weight = arguments
            .iter()
            .fold(1u64, |sum, argument| sum.saturating_add(argument.weight()));
        self.charge(weight, place)?;
        let result = if name == "templatefile" || name == "templatestring" {
            self.template_call(name, &arguments, scope, place)
        } else {
            let context = functions::Context {
                files: &self.files,
                module: scope.module,
            };
            functions::run(function, &context, &arguments)
                .map_err(|problem| Failure::new(place, format!("function `{name}`: {problem}")))
        }?;
        self.charge(result.weight(), place)?;
        if name == "sensitive" {
            self.keep_back(&result, place)?;
        }
        Ok(result)
    }

    fn try_call(&self, call: &FuncCall, scope: &Scope<'_>, place: Place) -> Evaluated {
        let mut last = None;
        for argument in call.args.iter() {
            match self.eval(argument, scope) {
                Ok(value) => return Ok(value),
                Err(failure) if failure.is_catchable() => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(match last {
            Some(failure) => Failure::new(
                failure.place,
                format!(
                    "every argument of `try` fails, the last with: {}",
                    failure.message()
                ),
            ),
            None => Failure::new(place, "function `try` takes at least one argument").fatal(),
        })
    }

    /// Applies attribute access, indices and splats to a value.
    pub(super) fn apply(
        &self,
        mut value: Value,
        operators: &[&TraversalOperator],
        scope: &Scope<'_>,
        place: Place,
    ) -> Evaluated {
        let mut rest = operators;
        value = self.with_supplied(value);
        while let Some((operator, after)) = rest.split_first() {
            rest = after;
            value = match operator {
                TraversalOperator::GetAttr(name) => {
                    let place = name
                        .span()
                        .map_or(place, |span| Place::new(scope.file, Some(span)));
                    attribute(&value, name.as_str(), place)?
                }
                TraversalOperator::Index(key) => {
                    let key_place = Place::new(scope.file, key.span());
                    let key = self.eval(key, scope)?;
                    index(&value, &key, key_place)?
                }
                TraversalOperator::LegacyIndex(position) => {
                    let key = Value::Number(Number::from(i128::from(*position.value())));
                    index(&value, &key, place)?
                }
                TraversalOperator::AttrSplat(_) => {
                    let reach = rest
                        .iter()
                        .take_while(|next| matches!(next, TraversalOperator::GetAttr(_)))
                        .count();
                    let (each, after) = rest.split_at(reach);
                    rest = after;
                    self.splat(&value, each, scope, place)?
                }
                TraversalOperator::FullSplat(_) => {
                    let each = std::mem::take(&mut rest);
                    self.splat(&value, each, scope, place)?
                }
            };
            value = self.with_supplied(value);
        }
        Ok(value)
    }

    fn splat(
        &self,
        value: &Value,
        each: &[&TraversalOperator],
        scope: &Scope<'_>,
        place: Place,
    ) -> Evaluated {
        self.charge(value.weight().min(1_000), place)?;
        let items = match value {
            Value::Null => Vec::new(),
            Value::Unknown(unknown) => return Ok(Value::Unknown(unknown.step("[*]"))),
            Value::List(list) => list.items.clone(),
            other => vec![other.clone()],
        };
        let items = items
            .into_iter()
            .map(|item| self.apply(item, each, scope, place))
            .collect::<Result<_, _>>()?;
        Ok(Value::tuple(items))
    }
}

/// `value.name`.
fn attribute(value: &Value, name: &str, place: Place) -> Evaluated {
    match value {
        Value::Unknown(unknown) => Ok(Value::Unknown(unknown.step(&format!(".{name}")))),
        Value::Map(map) => match (map.entries.get(name), &map.kind) {
            (Some(value), _) => Ok(value.clone()),
            (None, MapKind::Open(unknown)) => Ok(Value::Unknown(unknown.step(&format!(".{name}")))),
            (None, _) => {
                let failure = Failure::new(
                    place,
                    format!("there is no attribute `{name}` in this object"),
                );
                let names = map.entries.keys().map(String::as_str);
                Err(match similar(name, names) {
                    Some(other) => failure.hint(format!("did you mean `{other}`?")),
                    None => failure.hint(format!("it has {}", listed(map.entries.keys()))),
                })
            }
        },
        Value::List(_) => Err(Failure::new(
            place,
            format!("{} has no attribute `{name}`", value.kind_name()),
        )
        .hint(format!(
            "write `[0].{name}` for one element or `[*].{name}` for all"
        ))),
        Value::Null => Err(Failure::new(
            place,
            format!("the value is null here, so it has no attribute `{name}`"),
        )),
        other => Err(Failure::new(
            place,
            format!("{} has no attribute `{name}`", other.kind_name()),
        )),
    }
}

/// `value[key]`.
fn index(value: &Value, key: &Value, place: Place) -> Evaluated {
    match (value, key) {
        (Value::Unknown(unknown), key) => {
            let step = match key {
                Value::String(text) => format!("[{text:?}]"),
                other => format!("[{}]", other.to_text().unwrap_or_else(|| "?".into())),
            };
            Ok(Value::Unknown(unknown.step(&step)))
        }
        (_, Value::Unknown(unknown)) => Ok(Value::Unknown(unknown.clone())),
        (Value::Map(_), key) => match key.to_text() {
            Some(name) => attribute(value, &name, place).map_err(|failure| match value {
                Value::Map(map) => {
                    let failure =
                        Failure::new(place, format!("there is no element {name:?} in this map"));
                    match similar(&name, map.entries.keys().map(String::as_str)) {
                        Some(other) => failure.hint(format!("did you mean {other:?}?")),
                        None => failure.hint(format!("it has {}", listed(map.entries.keys()))),
                    }
                }
                _ => failure,
            }),
            None => Err(Failure::new(
                place,
                format!("a key must be a string, not {}", key.kind_name()),
            )),
        },
        (Value::List(list), key) => {
            if list.kind == ListKind::Set {
                return Err(Failure::new(
                    place,
                    "the elements of a set have no order, so they have no index",
                )
                .hint("convert it first: tolist(…)"));
            }
            let position =
                operators::number(key).map_err(|problem| Failure::new(place, problem))?;
            position
                .to_usize()
                .and_then(|position| list.items.get(position))
                .cloned()
                .ok_or_else(|| {
                    Failure::new(
                        place,
                        format!(
                            "there is no element {position} in a list of {}",
                            list.items.len()
                        ),
                    )
                })
        }
        (Value::Null, _) => Err(Failure::new(
            place,
            "the value is null here, so it has no elements",
        )),
        (other, _) => Err(Failure::new(
            place,
            format!("{} has no elements", other.kind_name()),
        )),
    }
}

/// A few names for a hint.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    const MAX_LISTED: usize = 8;
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    match (names.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}
