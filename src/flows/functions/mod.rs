//! The functions of the configuration language. Each is a plain function of known values; the evaluator has dealt with
//! unknown arguments before. `try`, `can` and the template functions are the evaluator's, as they evaluate.

mod charset;
mod collection;
mod date;
mod encoding;
mod file;
mod format;
mod hash;
mod network;
mod number;
mod pattern;
mod set;
mod text;
mod yaml;
mod yaml_write;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use super::eval::Module;
use super::files::Files;
use super::number::Number;
use super::types::{Type, convert};
use super::value::{List, Map, MapKind, Unknown, Value};

/// What functions that read files need.
pub struct Context<'a> {
    pub files: &'a Files,
    pub module: &'a Rc<Module>,
}

/// The result of a function; the error says what is wrong without naming the function.
pub type Outcome = Result<Value, String>;

/// How a function takes arguments that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknowns {
    /// Anything unknown anywhere makes the result unknown.
    Deep,
    /// Only an argument that is unknown as a whole does; unknown elements are passed on.
    Elements,
    /// The function looks itself.
    Own,
}

/// A function of the language.
pub struct Function {
    pub name: &'static str,
    min: usize,
    /// `None`: any number.
    max: Option<usize>,
    unknowns: Unknowns,
    nulls: bool,
    run: fn(&Context<'_>, &[Value]) -> Outcome,
}

impl Function {
    const fn new(
        name: &'static str,
        arguments: std::ops::RangeInclusive<usize>,
        run: fn(&Context<'_>, &[Value]) -> Outcome,
    ) -> Self {
        Self {
            name,
            min: *arguments.start(),
            max: Some(*arguments.end()),
            unknowns: Unknowns::Deep,
            nulls: false,
            run,
        }
    }

    /// Takes any number of arguments, at least `min`.
    const fn variadic(
        name: &'static str,
        min: usize,
        run: fn(&Context<'_>, &[Value]) -> Outcome,
    ) -> Self {
        Self {
            max: None,
            ..Self::new(name, min..=min, run)
        }
    }

    const fn unknowns(self, unknowns: Unknowns) -> Self {
        Self { unknowns, ..self }
    }

    /// Lets null arguments through.
    const fn nulls(self) -> Self {
        Self {
            nulls: true,
            ..self
        }
    }
}

static FUNCTIONS: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    [
        charset::FUNCTIONS,
        collection::FUNCTIONS,
        date::FUNCTIONS,
        encoding::FUNCTIONS,
        file::FUNCTIONS,
        format::FUNCTIONS,
        hash::FUNCTIONS,
        network::FUNCTIONS,
        number::FUNCTIONS,
        set::FUNCTIONS,
        text::FUNCTIONS,
        yaml::FUNCTIONS,
        yaml_write::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .map(|function| (function.name, function))
    .collect()
});

/// The function of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name).copied()
}

/// All names, for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().copied().chain(["try", "can"])
}

/// Calls a function.
///
/// # Errors
/// Wrong number or kind of arguments, or no result for them.
pub fn run(function: &Function, context: &Context<'_>, arguments: &[Value]) -> Outcome {
    let count = arguments.len();
    if count < function.min || function.max.is_some_and(|max| count > max) {
        let wanted = match function.max {
            Some(0) => "no arguments".to_owned(),
            Some(1) if function.min == 1 => "one argument".to_owned(),
            Some(max) if max == function.min => format!("{max} arguments"),
            Some(max) => format!("{} to {max} arguments", function.min),
            None => format!("at least {} arguments", function.min),
        };
        return Err(format!("takes {wanted}, not {count}"));
    }
    let null = arguments.iter().position(Value::is_null);
    if let Some(position) = null.filter(|_| !function.nulls) {
        return Err(format!("argument {} is null", position + 1));
    }
    let unknown: Option<&Unknown> = match function.unknowns {
        Unknowns::Deep => arguments.iter().find_map(Value::first_unknown),
        Unknowns::Elements => arguments.iter().find_map(|argument| match argument {
            Value::Unknown(unknown) => Some(unknown),
            Value::Map(map) => match &map.kind {
                MapKind::Open(unknown) => Some(unknown),
                MapKind::Object | MapKind::Map => None,
            },
            _ => None,
        }),
        Unknowns::Own => None,
    };
    match unknown {
        Some(unknown) => Ok(Value::Unknown(unknown.clone())),
        None => (function.run)(context, arguments),
    }
}

// Arguments: each converts as Terraform does and says what is wrong otherwise.

fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Null)
}

fn converted(arguments: &[Value], position: usize, wanted: &Type) -> Outcome {
    convert(argument(arguments, position), wanted)
        .map_err(|problem| format!("argument {}: {problem}", position + 1))
}

fn text(arguments: &[Value], position: usize) -> Result<Arc<str>, String> {
    match converted(arguments, position, &Type::String)? {
        Value::String(text) => Ok(text),
        other => Err(format!(
            "argument {}: a string is required, not {}",
            position + 1,
            other.kind_name()
        )),
    }
}

fn number(arguments: &[Value], position: usize) -> Result<Number, String> {
    match converted(arguments, position, &Type::Number)? {
        Value::Number(number) => Ok(number),
        other => Err(format!(
            "argument {}: a number is required, not {}",
            position + 1,
            other.kind_name()
        )),
    }
}

fn whole_number(arguments: &[Value], position: usize) -> Result<i64, String> {
    let number = number(arguments, position)?;
    number.to_i64().ok_or_else(|| {
        format!(
            "argument {}: a whole number is required, not {number}",
            position + 1
        )
    })
}

fn list(arguments: &[Value], position: usize) -> Result<&Arc<List>, String> {
    match argument(arguments, position) {
        Value::List(list) => Ok(list),
        other => Err(format!(
            "argument {}: a list is required, not {}",
            position + 1,
            other.kind_name()
        )),
    }
}

fn map(arguments: &[Value], position: usize) -> Result<&Arc<Map>, String> {
    match argument(arguments, position) {
        Value::Map(map) => Ok(map),
        other => Err(format!(
            "argument {}: a map is required, not {}",
            position + 1,
            other.kind_name()
        )),
    }
}

/// Texts of a list of strings.
fn texts(arguments: &[Value], position: usize) -> Result<Vec<Arc<str>>, String> {
    list(arguments, position)?
        .items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            item.to_text().ok_or_else(|| {
                format!(
                    "argument {}: element {index}: a string is required, not {}",
                    position + 1,
                    item.kind_name()
                )
            })
        })
        .collect()
}
