//! Values for the variables of root modules, in Terraform's order: environment, `terraform.tfvars`,
//! `terraform.tfvars.json`, `*.auto.tfvars` by name, then files and values of the command line as they were written.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::Structure;

use super::config::{ModuleConfig, join_shown};
use super::eval::{Given, Scope, Values, World};
use super::json::{self, Json, JsonValue};
use super::load::{Assignment, LoadOptions};
use super::parse::{parse_body, parse_expression, read_text};
use super::source::{Failure, FileId, Place, similar};
use super::value::Value;

/// Collects the values for one root. `strict` is false where several roots share the command line, so that each may
/// ignore what is meant for another.
pub fn collect(
    world: &World,
    options: &LoadOptions,
    config: &ModuleConfig,
    strict: bool,
) -> Values {
    let mut values = Values::default();
    for (name, text) in &options.env_vars {
        // Of the environment only declared names count: it may hold anything.
        if config.variables.contains_key(name) {
            let given = given_text(world, config, name, text, &format!("TF_VAR_{name}"));
            values.given.insert(name.clone(), given);
        }
    }
    for path in automatic_files(&config.dir) {
        let shown = join_shown(
            &config.shown,
            &path.file_name().unwrap_or_default().to_string_lossy(),
        );
        read_file(world, config, &path, shown, false, strict, &mut values);
    }
    for assignment in &options.assignments {
        let (name, text) = match assignment {
            Assignment::Value { name, text } => (name, text),
            Assignment::File(path) => {
                let shown = path.to_string_lossy().into_owned();
                read_file(world, config, path, shown, true, strict, &mut values);
                continue;
            }
        };
        // The name of a variable has no dot: this is the value of a resource or module that only an apply would know.
        if name.contains('.') {
            world.supply(name, Value::from(text.as_str()));
            continue;
        }
        let source = format!("--var {name}");
        if config.variables.contains_key(name) {
            values
                .given
                .insert(name.clone(), given_text(world, config, name, text, &source));
        } else if strict {
            let file = world.sources.add(source.clone(), "".into());
            undeclared(world, config, name, Place { file, start: 0 }, true);
        }
    }
    values
}

fn undeclared(world: &World, config: &ModuleConfig, name: &str, place: Place, error: bool) {
    if config.incomplete {
        return;
    }
    let hint = similar(name, config.variables.keys().map(String::as_str)).map_or_else(
        || format!("declare it: variable {name:?} {{ … }}"),
        |other| format!("did you mean {other:?}?"),
    );
    let message = format!("a value is given for var.{name}, which is not declared");
    if error {
        world.sources.error(place, message, Some(&hint));
    } else {
        world.sources.warn(place, message, Some(&hint));
    }
}

/// Files that count by their names.
fn automatic_files(dir: &Path) -> Vec<PathBuf> {
    // Whether the directory can be read has been seen before.
    let mut automatic = super::folder::entries(dir).unwrap_or_default();
    automatic.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"))
            && !name.starts_with('.')
    });
    automatic.sort();
    ["terraform.tfvars", "terraform.tfvars.json"]
        .iter()
        .map(|name| dir.join(name))
        // A link that leads nowhere is missed, not passed over.
        .filter(|path| path.symlink_metadata().is_ok() && !path.is_dir())
        .chain(automatic)
        .collect()
}

fn read_file(
    world: &World,
    config: &ModuleConfig,
    path: &Path,
    shown: String,
    explicit: bool,
    strict: bool,
    values: &mut Values,
) {
    world.sources.watch(path);
    let text = match read_text(path) {
        Ok(text) => text,
        Err(problem) => {
            let file = world.sources.add(shown.clone(), "".into());
            let hint = explicit.then_some("check the path given with --var-file");
            world.sources.error(
                Place { file, start: 0 },
                format!("cannot read {shown}: {problem}"),
                hint,
            );
            values.incomplete = true;
            return;
        }
    };
    if shown.ends_with(".json") {
        read_json(world, config, shown, text, strict, values);
        return;
    }
    let (file, body) = parse_body(&world.sources, shown, text);
    let Some(body) = body else {
        hide_unread(world, config, file);
        values.incomplete = true;
        return;
    };
    for structure in body.iter() {
        let place = Place::new(file, structure.span());
        let attribute = match structure {
            Structure::Attribute(attribute) => attribute,
            Structure::Block(block) => {
                world.sources.error(
                    place,
                    format!(
                        "a file of values takes `name = value`, not a block `{}`",
                        block.ident.as_str()
                    ),
                    None,
                );
                continue;
            }
        };
        let name = attribute.key.as_str();
        if !config.variables.contains_key(name) {
            if strict {
                undeclared(world, config, name, place, false);
            }
            continue;
        }
        let place = Place::new(file, attribute.value.span());
        let value = evaluate(world, config, &attribute.value, place);
        let value = kept_back(world, config, name, value, place);
        values.given.insert(name.to_owned(), Given { value, place });
    }
}

fn read_json(
    world: &World,
    config: &ModuleConfig,
    shown: String,
    text: String,
    strict: bool,
    values: &mut Values,
) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let parsed = json::parse(text);
    let file = world.sources.add(shown, text.into());
    let place = |start: usize| Place { file, start };
    match parsed {
        Ok(Json {
            value: JsonValue::Object(entries),
            ..
        }) => {
            for (name, json) in &entries {
                if config.variables.contains_key(&name.text) {
                    let given = Given {
                        value: Ok(json.to_value()),
                        place: place(json.start),
                    };
                    values.given.insert(name.text.clone(), given);
                } else if strict && name.text != "//" {
                    undeclared(world, config, &name.text, place(name.start), false);
                }
            }
        }
        Ok(other) => {
            hide_unread(world, config, file);
            values.incomplete = true;
            world.sources.error(
                place(other.start),
                "a file of values must hold a JSON object",
                None,
            );
        }
        Err((at, problem)) => {
            hide_unread(world, config, file);
            values.incomplete = true;
            world
                .sources
                .error(place(at), format!("syntax error: {problem}"), None);
        }
    }
}

/// What could not be read may hold sensitive values: an excerpt could show them.
fn hide_unread(world: &World, config: &ModuleConfig, file: FileId) {
    if config.has_sensitive() {
        world.sources.hide(file);
    }
}

/// The problem with a sensitive value says nothing of it.
fn kept_back(
    world: &World,
    config: &ModuleConfig,
    name: &str,
    value: Result<Value, Failure>,
    place: Place,
) -> Result<Value, Failure> {
    if value.is_ok() || !config.is_sensitive(name) {
        return value;
    }
    world.sources.hide(place.file);
    let problem = format!("the value given for var.{name}, which is sensitive, has no result");
    Err(Failure::new(place, problem))
}

/// Values of files and of the command line stand for themselves: nothing can be referred to.
fn evaluate(
    world: &World,
    config: &ModuleConfig,
    code: &Expression,
    place: Place,
) -> Result<Value, Failure> {
    let empty = ModuleConfig {
        dir: config.dir.clone(),
        shown: config.shown.clone(),
        ..ModuleConfig::default()
    };
    let module = Rc::new(super::eval::Module::root(Rc::new(empty), Values::default()));
    world.eval(code, &Scope::top(&module, place.file))
}

/// A value given as text: for a variable of a simple type the text itself, otherwise an expression.
fn given_text(world: &World, config: &ModuleConfig, name: &str, text: &str, source: &str) -> Given {
    // The text itself is not kept: excerpts must not show what may be a secret.
    let file = world.sources.add(source.to_owned(), "".into());
    let place = Place { file, start: 0 };
    let simple = config.variables.get(name).is_none_or(|variable| {
        match variable
            .body
            .attribute("type")
            .map(|(_, attribute)| &attribute.value)
        {
            None => true,
            Some(Expression::Variable(kind)) => {
                matches!(kind.as_str(), "string" | "number" | "bool")
            }
            Some(Expression::String(kind)) => matches!(kind.as_str(), "string" | "number" | "bool"),
            Some(_) => false,
        }
    });
    let value = if simple {
        Ok(Value::from(text))
    } else {
        parse_expression(text)
            .map_err(|problem| {
                Failure::new(
                    place,
                    format!("the value for var.{name} is not an expression: {problem}"),
                )
            })
            .and_then(|code| evaluate(world, config, &code, place))
    };
    let value = kept_back(world, config, name, value, place);
    Given { value, place }
}
