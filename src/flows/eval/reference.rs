//! What a name stands for: variables, locals, modules, data sources, resources, and the built-in objects.

use hcl_edit::Span;
use hcl_edit::expr::TraversalOperator;

use super::module::{Children, Expansion, Key, Module};
use super::{Node, Scope, World};
use crate::flows::number::Number;
use crate::flows::source::{Failure, Place, similar};
use crate::flows::value::{MapKind, Unknown, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A value and how many operators of the reference it used up.
type Resolved = Result<(Value, usize), Failure>;

fn name_at<'a>(operators: &[&'a TraversalOperator], position: usize) -> Option<&'a str> {
    match operators.get(position) {
        Some(TraversalOperator::GetAttr(name)) => Some(name.as_str()),
        _ => None,
    }
}

impl World {
    /// Resolves a name with what follows it.
    pub(super) fn reference(
        &self,
        root: &str,
        operators: &[&TraversalOperator],
        scope: &Scope<'_>,
        place: Place,
    ) -> Resolved {
        let module = scope.module;
        let first = name_at(operators, 0);
        match (root, first) {
            ("var", Some(name)) => Ok((self.variable(module, name, place)?, 1)),
            ("local", Some(name)) => Ok((self.local(module, name, place)?, 1)),
            ("module", Some(name)) => self.module_reference(name, operators, scope, place),
            ("each", Some("key")) if scope.each.is_some() => match scope.key {
                Key::Text(key) => Ok((Value::from(key.as_str()), 1)),
                _ => Err(outside(place, "each", "for_each")),
            },
            ("each", Some("value")) => match scope.each {
                Some(value) => Ok((value.clone(), 1)),
                None => Err(outside(place, "each", "for_each")),
            },
            ("each", _) => Err(outside(place, "each", "for_each")),
            ("count", Some("index")) => match scope.key {
                Key::Number(index) => Ok((Number::from(*index).into(), 1)),
                _ => Err(outside(place, "count", "count")),
            },
            ("path", Some("module")) => Ok((Value::from(module.path.as_str()), 1)),
            ("path", Some("root")) => Ok((Value::from("."), 1)),
            ("path", Some("cwd")) => Ok((
                Value::from(module.root_dir.to_string_lossy().into_owned()),
                1,
            )),
            ("terraform" | "tofu", Some("workspace")) => Ok((Value::from("default"), 1)),
            ("terraform" | "tofu", Some("applying")) => {
                Ok((Value::unknown("terraform.applying"), 1))
            }
            ("terraform" | "tofu", Some(name)) => Err(Failure::new(
                place,
                format!("there is no `terraform.{name}`"),
            )
            .hint("there is `terraform.workspace`")
            .fatal()),
            ("self", _) => Err(outside(place, "self", "provisioner")),
            ("ephemeral", Some(name)) => Ok((Value::unknown(&format!("ephemeral.{name}")), 1)),
            ("data", Some(kind)) => match name_at(operators, 1) {
                Some(name) => self.resource_reference(true, kind, name, operators, 2, scope, place),
                None => Err(incomplete(place, &format!("data.{kind}"))),
            },
            ("resource", Some(kind)) => match name_at(operators, 1) {
                Some(name) => {
                    self.resource_reference(false, kind, name, operators, 2, scope, place)
                }
                None => Err(incomplete(place, &format!("resource.{kind}"))),
            },
            (
                "var" | "local" | "module" | "count" | "path" | "terraform" | "data" | "resource",
                _,
            ) => Err(incomplete(place, root)),
            (kind, Some(name)) => {
                self.resource_reference(false, kind, name, operators, 1, scope, place)
            }
            (name, None) => {
                let failure = Failure::new(place, format!("`{name}` is not declared")).fatal();
                Err(if module.config.variables.contains_key(name) {
                    failure.hint(format!("write `var.{name}` for the variable"))
                } else if module.config.locals.contains_key(name) {
                    failure.hint(format!("write `local.{name}` for the local value"))
                } else {
                    failure.hint(format!("write \"{name}\" in quotes if it is a text"))
                })
            }
        }
    }

    pub(super) fn local(
        &self,
        module: &Rc<Module>,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let Some(code) = module.config.locals.get(name) else {
            let names = module.config.locals.keys().map(String::as_str);
            return Err(undeclared(
                place,
                &format!("local.{name}"),
                similar(name, names),
                "local.",
            )
            .following(module.config.incomplete));
        };
        self.memo(
            &module.values,
            Node::Local(name.to_owned()),
            || module.qualified(&format!("local.{name}")),
            place,
            || self.eval(&code.expression, &Scope::top(module, code.file)),
        )
    }

    /// The value of an output of a module instance.
    pub(super) fn output(
        &self,
        module: &Rc<Module>,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let Some(output) = module.config.outputs.get(name) else {
            let names = module.config.outputs.keys().map(String::as_str);
            let what = format!("{}.{name}", module.address);
            return Err(undeclared(place, &what, similar(name, names), "")
                .following(module.config.incomplete));
        };
        self.memo(
            &module.values,
            Node::Output(name.to_owned()),
            || module.qualified(&format!("output.{name}")),
            place,
            || match output.body.attribute("value") {
                Some((file, value)) => self.eval(&value.value, &Scope::top(module, file)),
                None => Err(Failure::new(
                    output.place,
                    format!("output {name:?} has no `value`"),
                )),
            },
        )
    }

    fn module_reference(
        &self,
        name: &str,
        operators: &[&TraversalOperator],
        scope: &Scope<'_>,
        place: Place,
    ) -> Resolved {
        let module = scope.module;
        if !module.config.calls.contains_key(name) {
            let names = module.config.calls.keys().map(String::as_str);
            return Err(undeclared(
                place,
                &format!("module.{name}"),
                similar(name, names),
                "module.",
            )
            .following(module.config.incomplete));
        }
        let children = self.children(module, name, place)?;
        let Children::Instances(expansion, instances) = &*children else {
            return Ok((
                Value::unknown(&module.qualified(&format!("module.{name}"))),
                1,
            ));
        };
        let (key, used) = match expansion {
            Expansion::Single => (Some(Key::None), 1),
            Expansion::Unknown(unknown) => return Ok((Value::Unknown(unknown.clone()), 1)),
            Expansion::Count(_) | Expansion::Each(_) => match operators.get(1) {
                Some(TraversalOperator::Index(key)) => {
                    let key_place = Place::new(scope.file, key.span());
                    match self.eval(key, scope)? {
                        Value::Unknown(unknown) => return Ok((Value::Unknown(unknown), 2)),
                        key => (Some(key_of(&key, key_place)?), 2),
                    }
                }
                _ => (None, 1),
            },
        };
        let Some(key) = key else {
            let all = instances
                .iter()
                .map(|(key, child)| Ok((key.clone(), self.outputs(child, place)?)))
                .collect::<Result<Vec<_>, Failure>>()?;
            return Ok((collected(expansion, all), used));
        };
        let Some(child) = instances.get(&key) else {
            return Err(no_instance(
                place,
                &format!("module.{name}"),
                &key,
                expansion,
            ));
        };
        match name_at(operators, used) {
            Some(output) => Ok((self.output(child, output, place)?, used + 1)),
            None => Ok((self.outputs(child, place)?, used)),
        }
    }

    /// All outputs of a module instance as an object.
    fn outputs(&self, child: &Rc<Module>, place: Place) -> Result<Value, Failure> {
        let entries = child
            .config
            .outputs
            .keys()
            .map(|name| Ok((name.clone(), self.output(child, name, place)?)))
            .collect::<Result<BTreeMap<_, _>, Failure>>()?;
        Ok(Value::object(entries))
    }

    /// `start` is where the operators after type and name begin.
    #[allow(clippy::too_many_arguments)]
    fn resource_reference(
        &self,
        data: bool,
        kind: &str,
        name: &str,
        operators: &[&TraversalOperator],
        start: usize,
        scope: &Scope<'_>,
        place: Place,
    ) -> Resolved {
        let module = scope.module;
        let address = format!("{}{kind}.{name}", if data { "data." } else { "" });
        let Some(index) = module.config.by_address.get(&address).copied() else {
            let others = module.config.by_address.keys().map(String::as_str);
            let known = similar(&address, others);
            let failure = undeclared(place, &address, known, "");
            return Err(failure.following(module.config.incomplete));
        };
        if scope.owner == Some(index) {
            return Err(
                Failure::new(place, format!("{address} cannot refer to itself"))
                    .hint("use a local for what several attributes share")
                    .fatal(),
            );
        }
        let expansion = self.expansion(module, index, place)?;
        let (key, used) = match (&*expansion, operators.get(start)) {
            (Expansion::Unknown(_), _) => {
                return Ok((Value::unknown(&module.qualified(&address)), start));
            }
            (Expansion::Single, _) => (Some(Key::None), start),
            (_, Some(TraversalOperator::Index(key))) => {
                let key_place = Place::new(scope.file, key.span());
                match self.eval(key, scope)? {
                    Value::Unknown(unknown) => return Ok((Value::Unknown(unknown), start + 1)),
                    key => (Some(key_of(&key, key_place)?), start + 1),
                }
            }
            (_, Some(TraversalOperator::LegacyIndex(position))) => {
                let position = usize::try_from(*position.value()).unwrap_or(usize::MAX);
                (Some(Key::Number(position)), start + 1)
            }
            (_, Some(TraversalOperator::GetAttr(attribute))) => {
                return Err(Failure::new(
                    place,
                    format!(
                        "{address} has several instances, so `.{}` needs to say of which",
                        attribute.as_str()
                    ),
                )
                .hint(format!("write {address}[each.key] or {address}[0]"))
                .fatal());
            }
            _ => (None, start),
        };
        let Some(key) = key else {
            let all = expansion
                .keys()
                .into_iter()
                .map(|key| {
                    let whole = self.whole(module, index, &key, place)?;
                    Ok((key, whole))
                })
                .collect::<Result<Vec<_>, Failure>>()?;
            return Ok((collected(&expansion, all), used));
        };
        if !expansion.has(&key) {
            return Err(no_instance(place, &address, &key, &expansion));
        }
        match name_at(operators, used) {
            Some(attribute) => {
                let value = self.attribute(module, index, &key, attribute, place)?;
                Ok((value, used + 1))
            }
            None => Ok((self.whole(module, index, &key, place)?, used)),
        }
    }

    /// A resource as a value: what is written in it, and unknown for the rest.
    fn whole(
        &self,
        module: &Rc<Module>,
        index: usize,
        key: &Key,
        place: Place,
    ) -> Result<Value, Failure> {
        let resource = &module.config.resources[index];
        let names = self.attribute_names(resource);
        let mut entries = BTreeMap::new();
        for name in names {
            match self.attribute(module, index, key, &name, place) {
                Ok(value) => {
                    entries.insert(name, value);
                }
                // Of what is not ours, only what a flow names must be readable.
                Err(failure) if !resource.is_sym() && failure.is_catchable() => {}
                Err(failure) => return Err(failure),
            }
        }
        let kind = if resource.is_sym() {
            MapKind::Object
        } else {
            MapKind::Open(Unknown::new(module.instance_address(resource, key)))
        };
        Ok(Value::map(kind, entries))
    }
}

fn collected(expansion: &Expansion, all: Vec<(Key, Value)>) -> Value {
    match expansion {
        Expansion::Each(_) => Value::object(
            all.into_iter()
                .map(|(key, value)| (key.to_string(), value))
                .collect(),
        ),
        _ => Value::tuple(all.into_iter().map(|(_, value)| value).collect()),
    }
}

fn key_of(value: &Value, place: Place) -> Result<Key, Failure> {
    match value {
        Value::Number(number) => number
            .to_usize()
            .map(Key::Number)
            .ok_or_else(|| Failure::new(place, format!("{number} is not an instance number"))),
        other => other
            .to_text()
            .map(|text| Key::Text(text.to_string()))
            .ok_or_else(|| {
                Failure::new(
                    place,
                    format!(
                        "an instance key is a string or a number, not {}",
                        other.kind_name()
                    ),
                )
            }),
    }
}

fn no_instance(place: Place, address: &str, key: &Key, expansion: &Expansion) -> Failure {
    let keys: Vec<String> = expansion
        .keys()
        .iter()
        .map(|key| format!("[{key:?}]"))
        .collect();
    let failure = Failure::new(place, format!("{address} has no instance {key:?}"));
    if keys.is_empty() {
        failure.hint("it has none at all here")
    } else {
        failure.hint(format!("it has {}", super::expression::listed(keys.iter())))
    }
}

fn outside(place: Place, name: &str, argument: &str) -> Failure {
    Failure::new(place, format!("`{name}` means nothing here"))
        .hint(format!("it is there only in blocks with `{argument}`"))
        .fatal()
}

fn incomplete(place: Place, name: &str) -> Failure {
    Failure::new(place, format!("the reference `{name}` is incomplete"))
        .hint(format!("write `{name}.` and the name of what is meant"))
        .fatal()
}

fn undeclared(place: Place, what: &str, other: Option<&str>, prefix: &str) -> Failure {
    let failure = Failure::new(place, format!("{what} is not declared")).fatal();
    match other {
        Some(other) => failure.hint(format!("did you mean `{prefix}{other}`?")),
        None => failure,
    }
}

impl World {
    /// Evaluates every local and output of a module, so that all of their problems are found, not only those in the way
    /// of a flow.
    pub fn evaluate_named(&self, module: &Rc<Module>) {
        for (name, code) in &module.config.locals {
            if let Err(failure) = self.local(module, name, code.place()) {
                self.sources.report(&failure);
            }
        }
        for (name, output) in &module.config.outputs {
            if let Err(failure) = self.output(module, name, output.place) {
                self.sources.report(&failure);
            }
        }
    }
}
