//! The lazy evaluator: expressions → values, each named thing evaluated when it is first needed and kept. Nothing here
//! knows what a flow is. `expression` walks expressions, `reference` resolves names, `module` expands modules and
//! resources, `blocks` their nested blocks, `lookup` finds what data sources ask for, `depends` looks at `depends_on`, `template` writes strings.
//!
//! Hostile or broken configurations are bounded: a budget of work per load, limits on the size and nesting of values,
//! on the depth of evaluation, and on the number of modules and resources.

mod blocks;
mod depends;
mod expression;
mod lookup;
mod module;
mod operators;
mod reference;
mod template;
mod variable;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::config::ModuleConfig;
use super::files::Files;
use super::source::{Failure, FileId, Place, Sources};
use super::value::{MAX_DEPTH, MAX_WEIGHT, Value};

pub use blocks::Nested;
pub use module::{Children, Expansion, Key, Module, Origin};
pub use variable::{Given, Values};

/// Units of work (nodes made, nodes walked) for one root module. A large real root needs some ten thousand; this many
/// take a few seconds and a few hundred megabytes at worst.
const BUDGET_UNITS: u64 = 4_000_000;

/// Units of work for all roots together.
const TOTAL_BUDGET_UNITS: u64 = 5 * BUDGET_UNITS;

/// Nesting of evaluations, references included.
const MAX_EVALUATION_DEPTH: u32 = 1_500;

/// Stack for the thread that evaluates: [`MAX_EVALUATION_DEPTH`] nested evaluations with room to spare.
pub const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Everything that is shared by the evaluation of all roots.
#[derive(Debug)]
pub struct World {
    pub sources: Sources,
    pub files: Files,
    roots: RefCell<Vec<Rc<Module>>>,
    configs: RefCell<HashMap<PathBuf, Rc<ModuleConfig>>>,
    /// Values for what only an apply would know, by reference, such as `aws_iam_role.x.arn`.
    supplied: RefCell<HashMap<String, Value>>,
    budget: Cell<u64>,
    total_budget: Cell<u64>,
    depth: Cell<u32>,
    /// What is being evaluated, outermost first: the chain that a cycle is reported with.
    active: RefCell<Vec<String>>,
    instances: Cell<usize>,
}

/// What a name means at the place where an expression stands.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub module: &'a Rc<Module>,
    pub file: FileId,
    /// `each` or `count` of the block around.
    pub key: &'a Key,
    pub each: Option<&'a Value>,
    /// The resource whose body this is, by number.
    pub owner: Option<usize>,
    pub bound: Option<&'a Binding<'a>>,
}

/// A name bound by a `for`, a `dynamic` block or a template's variables.
#[derive(Debug)]
pub struct Binding<'a> {
    pub name: &'a str,
    pub value: Value,
    pub outer: Option<&'a Binding<'a>>,
}

impl<'a> Scope<'a> {
    /// The scope of a module's top level.
    #[must_use]
    pub fn top(module: &'a Rc<Module>, file: FileId) -> Self {
        Self {
            module,
            file,
            key: &Key::None,
            each: None,
            owner: None,
            bound: None,
        }
    }

    #[must_use]
    pub fn with_binding<'b>(&'b self, binding: &'b Binding<'b>) -> Scope<'b> {
        Scope {
            bound: Some(binding),
            ..*self
        }
    }

    fn lookup(&self, name: &str) -> Option<&Value> {
        let mut binding = self.bound;
        while let Some(current) = binding {
            if current.name == name {
                return Some(&current.value);
            }
            binding = current.outer;
        }
        None
    }
}

/// One memoised thing.
#[derive(Debug, Clone)]
pub enum Slot<T> {
    Busy,
    Done(Result<T, Failure>),
}

/// What is memoised in a module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    Variable(String),
    Local(String),
    Output(String),
    /// Resource by index, instance, attribute.
    Attribute(usize, Key, String),
}

impl World {
    #[must_use]
    pub fn new(files: Files) -> Self {
        Self {
            sources: Sources::default(),
            files,
            roots: RefCell::default(),
            configs: RefCell::default(),
            supplied: RefCell::default(),
            budget: Cell::new(BUDGET_UNITS),
            total_budget: Cell::new(TOTAL_BUDGET_UNITS),
            depth: Cell::new(0),
            active: RefCell::default(),
            instances: Cell::new(0),
        }
    }

    #[must_use]
    pub fn roots(&self) -> Vec<Rc<Module>> {
        self.roots.borrow().clone()
    }

    /// Gives the next root its own budget, so that one bad root does not take the others down.
    pub fn refill(&self) {
        self.budget.set(BUDGET_UNITS.min(self.total_budget.get()));
    }

    fn charge(&self, units: u64, place: Place) -> Result<(), Failure> {
        let left = self.budget.get();
        if left < units {
            self.budget.set(0);
            return Err(
                Failure::new(place, "this configuration takes too much work to evaluate")
                    .hint("look for loops or values that multiply: range, setproduct, nested `for`")
                    .fatal(),
            );
        }
        self.budget.set(left - units);
        self.total_budget
            .set(self.total_budget.get().saturating_sub(units));
        Ok(())
    }

    /// Gives the value of something that only an apply would know.
    pub fn supply(&self, reference: &str, value: Value) {
        self.supplied
            .borrow_mut()
            .insert(reference.to_owned(), value);
    }

    /// The value itself, or what was supplied for it.
    fn with_supplied(&self, value: Value) -> Value {
        match &value {
            Value::Unknown(unknown) => self
                .supplied
                .borrow()
                .get(&*unknown.reference)
                .cloned()
                .unwrap_or(value),
            _ => value,
        }
    }

    /// Refuses values that have grown out of bounds.
    fn bounded(&self, value: Value, place: Place) -> Result<Value, Failure> {
        if value.weight() > MAX_WEIGHT {
            return Err(Failure::new(place, "this value is too large").fatal());
        }
        if value.depth() > MAX_DEPTH {
            return Err(Failure::new(place, "this value is nested too deeply").fatal());
        }
        Ok(value)
    }

    fn nested<T>(
        &self,
        place: Place,
        inner: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let depth = self.depth.get();
        if depth >= MAX_EVALUATION_DEPTH {
            return Err(Failure::new(place, "expressions depend on each other too deeply").fatal());
        }
        self.depth.set(depth + 1);
        let result = inner();
        self.depth.set(depth);
        result
    }

    /// Evaluates something once; `place` is where it was asked for.
    fn memo<T: Clone>(
        &self,
        cache: &RefCell<HashMap<Node, Slot<T>>>,
        node: Node,
        name: impl FnOnce() -> String,
        place: Place,
        make: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match cache.borrow().get(&node) {
            Some(Slot::Done(result)) => return result.clone(),
            Some(Slot::Busy) => return Err(self.cycle(&name(), place)),
            None => {}
        }
        cache.borrow_mut().insert(node.clone(), Slot::Busy);
        self.active.borrow_mut().push(name());
        let result = self.nested(place, make);
        self.active.borrow_mut().pop();
        cache.borrow_mut().insert(node, Slot::Done(result.clone()));
        result
    }

    fn cycle(&self, name: &str, place: Place) -> Failure {
        /// Names shown of a long cycle.
        const MAX_SHOWN: usize = 8;
        let active = self.active.borrow();
        let start = active.iter().position(|other| other == name).unwrap_or(0);
        let chain: Vec<&str> = active
            .iter()
            .skip(start)
            .take(MAX_SHOWN)
            .map(String::as_str)
            .chain([name])
            .collect();
        Failure::new(
            place,
            format!("{name} depends on itself: {}", chain.join(" → ")),
        )
        .fatal()
    }
}
