//! Variables: the value that was given or the default, converted to the declared type, and checked by `validation`
//! blocks.

use std::collections::BTreeMap;
use std::rc::Rc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::visit::{Visit, visit_expr};

use super::module::{Module, Origin};
use super::{Node, Scope, World};
use crate::flows::config::Named;
use crate::flows::source::{Failure, FileId, Place, similar};
use crate::flows::types::{Field, Type, convert};
use crate::flows::value::Value;

/// Types in types.
const MAX_TYPE_DEPTH: usize = 32;

/// A value for a root variable, and where it was given.
#[derive(Debug, Clone)]
pub struct Given {
    pub value: Result<Value, Failure>,
    pub place: Place,
}

/// The values for the variables of a root module.
#[derive(Debug, Default)]
pub struct Values {
    pub given: BTreeMap<String, Given>,
    /// Whether a file of values could not be read, so that what is not given may be given after all. It is reported.
    pub incomplete: bool,
}

impl World {
    /// The value of a variable.
    pub fn variable(
        &self,
        module: &Rc<Module>,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let Some(declaration) = module.config.variables.get(name) else {
            let failure = Failure::new(place, format!("var.{name} is not declared")).fatal();
            let names = module.config.variables.keys().map(String::as_str);
            let failure = failure.following(module.config.incomplete);
            return Err(match similar(name, names) {
                Some(other) => failure.hint(format!("did you mean `var.{other}`?")),
                None => failure.hint(format!("declare it: variable {name:?} {{ … }}")),
            });
        };
        self.memo(
            &module.values,
            Node::Variable(name.to_owned()),
            || module.qualified(&format!("var.{name}")),
            place,
            || self.make_variable(module, declaration),
        )
    }

    fn make_variable(&self, module: &Rc<Module>, declaration: &Named) -> Result<Value, Failure> {
        let name = &declaration.name;
        let wanted = match declaration.body.attribute("type") {
            Some((file, attribute)) => self.read_type(&attribute.value, module, file, 0)?,
            None => Type::Any,
        };
        let nullable = declaration.flag("nullable", true);
        let sensitive = declaration.flag("sensitive", false);
        if let Some((file, attribute)) = declaration.body.attribute("default")
            && let Some(reference) = reference_in(&attribute.value)
        {
            return Err(Failure::new(
                Place::new(file, attribute.value.span()),
                format!(
                    "the default of {} is not constant: {reference}",
                    module.qualified(&format!("var.{name}"))
                ),
            )
            .hint("compute the value in a local"));
        }
        let (given, place) = self.given(module, name)?;
        let given = given.filter(|value| nullable || !value.is_null());
        let (value, place) = match (given, declaration.body.attribute("default")) {
            (Some(value), _) => (value, place),
            (None, Some((file, attribute))) => (
                self.eval(&attribute.value, &Scope::top(module, file))?,
                Place::new(file, attribute.value.span()),
            ),
            (None, None) => {
                let hint = if module.address.is_empty() {
                    format!(
                        "set it in terraform.tfvars, with --var {name}=…, or as TF_VAR_{name}; or give it a default"
                    )
                } else {
                    format!("give `{name}` in the module block, or a default here")
                };
                let (missing_at, unread) = match &module.origin {
                    Origin::Root(values) => (declaration.place, values.incomplete),
                    Origin::Call { call, .. } => (call.place, false),
                };
                return Err(Failure::new(
                    missing_at,
                    format!("{} has no value", module.qualified(&format!("var.{name}"))),
                )
                .hint(hint)
                .following(unread));
            }
        };
        self.charge(value.weight(), place)?;
        if sensitive {
            self.keep_back(&value, declaration.place)?;
        }
        self.check_default(module, declaration, &wanted)?;
        let value = convert(&value, &wanted).map_err(|problem| {
            let what = format!(
                "{} takes {}",
                module.qualified(&format!("var.{name}")),
                wanted.describe()
            );
            if sensitive {
                // Neither the message nor an excerpt may show the value.
                Failure::new(declaration.place, format!("{what}; the value does not fit"))
            } else {
                Failure::new(place, format!("{what}: {problem}"))
            }
        })?;
        if sensitive {
            // As a number it may be written otherwise.
            self.keep_back(&value, declaration.place)?;
        }
        Ok(value)
    }

    /// Keeps a sensitive value out of all problems.
    pub(super) fn keep_back(&self, value: &Value, place: Place) -> Result<(), Failure> {
        if self.sources.keep_back(value) {
            return Ok(());
        }
        let problem = "too many sensitive values to keep them out of what is said";
        Err(Failure::new(place, problem).fatal())
    }

    /// A default must fit even where another value is given.
    fn check_default(
        &self,
        module: &Rc<Module>,
        declaration: &Named,
        wanted: &Type,
    ) -> Result<(), Failure> {
        let Some((file, attribute)) = declaration.body.attribute("default") else {
            return Ok(());
        };
        let default = self.eval(&attribute.value, &Scope::top(module, file))?;
        self.charge(default.weight(), declaration.place)?;
        if declaration.flag("sensitive", false) {
            self.keep_back(&default, declaration.place)?;
        }
        if default.is_null() && !declaration.flag("nullable", true) {
            return Err(Failure::new(
                Place::new(file, attribute.value.span()),
                format!(
                    "the default of {} is null, but it is declared with nullable = false",
                    module.qualified(&format!("var.{}", declaration.name))
                ),
            )
            .hint("leave the default out, or give another"));
        }
        convert(&default, wanted).map(|_| ()).map_err(|problem| {
            Failure::new(
                Place::new(file, attribute.value.span()),
                format!(
                    "{} takes {}: {problem}",
                    module.qualified(&format!("var.{}", declaration.name)),
                    wanted.describe()
                ),
            )
        })
    }

    /// The value from outside of the module, if there is one.
    fn given(&self, module: &Rc<Module>, name: &str) -> Result<(Option<Value>, Place), Failure> {
        match &module.origin {
            Origin::Root(values) => match values.given.get(name) {
                Some(given) => Ok((Some(given.value.clone()?), given.place)),
                None => Ok((None, Place::new(usize::MAX, None))),
            },
            Origin::Call {
                parent,
                call,
                key,
                each,
            } => match call.body.attribute(name) {
                Some((file, attribute)) => {
                    let scope = Scope {
                        module: parent,
                        file,
                        key,
                        each: each.as_ref(),
                        owner: None,
                        bound: None,
                    };
                    let place = Place::new(file, attribute.value.span());
                    Ok((Some(self.eval(&attribute.value, &scope)?), place))
                }
                None => Ok((None, call.place)),
            },
        }
    }

    /// Runs the `validation` blocks of a variable; failures are reported.
    pub fn validate(&self, module: &Rc<Module>, name: &str) {
        let Some(declaration) = module.config.variables.get(name) else {
            return;
        };
        if self.variable(module, name, declaration.place).is_err() {
            return;
        }
        for (file, block) in declaration.body.blocks("validation") {
            let place = Place::new(file, block.span());
            let Some(condition) = block.body.get_attribute("condition") else {
                self.sources.error(
                    place,
                    format!("a validation of var.{name} has no `condition`"),
                    None,
                );
                continue;
            };
            let scope = Scope::top(module, file);
            let holds = self.eval(&condition.value, &scope).and_then(|value| {
                let wrong = |problem: &str| {
                    Failure::new(
                        Place::new(file, condition.value.span()),
                        format!("the condition of a validation of var.{name}: {problem}"),
                    )
                };
                match convert(&value, &Type::Bool) {
                    Ok(Value::Null) => Err(wrong("the result is null")),
                    Ok(value) => Ok(value),
                    Err(problem) => Err(wrong(&problem)),
                }
            });
            match holds {
                Ok(Value::Bool(false)) => {
                    let message = block
                        .body
                        .get_attribute("error_message")
                        .and_then(|attribute| self.eval(&attribute.value, &scope).ok())
                        .and_then(|value| value.to_text())
                        .unwrap_or_else(|| "the value is not allowed".into());
                    self.sources.error(
                        Place::new(file, condition.span()),
                        format!("{}: {message}", module.qualified(&format!("var.{name}"))),
                        None,
                    );
                }
                Ok(_) => {}
                Err(failure) => self.sources.report(&failure),
            }
        }
    }

    fn read_type(
        &self,
        code: &Expression,
        module: &Rc<Module>,
        file: FileId,
        depth: usize,
    ) -> Result<Type, Failure> {
        let place = Place::new(file, code.span());
        let wrong = |what: String| {
            Failure::new(place, what).hint(
                "types are string, number, bool, any, list(…), set(…), map(…), object({…}) and tuple([…])",
            )
        };
        if depth > MAX_TYPE_DEPTH {
            return Err(wrong("this type is nested too deeply".to_owned()));
        }
        match code {
            Expression::Variable(name) => simple_type(name.as_str())
                .ok_or_else(|| wrong(format!("there is no type `{}`", name.as_str()))),
            // The form of Terraform before 0.12.
            Expression::String(name) => simple_type(name.as_str())
                .ok_or_else(|| wrong(format!("there is no type {:?}", name.as_str()))),
            Expression::Parenthesis(inner) => {
                self.read_type(inner.inner(), module, file, depth + 1)
            }
            Expression::FuncCall(call) => {
                let argument = match (call.args.iter().next(), call.args.len()) {
                    (Some(argument), 1) => argument,
                    _ => return Err(wrong("this type takes one argument".to_owned())),
                };
                let inner = |code| self.read_type(code, module, file, depth + 1);
                match (call.name.name.as_str(), argument) {
                    ("list", element) => Ok(Type::List(Box::new(inner(element)?))),
                    ("set", element) => Ok(Type::Set(Box::new(inner(element)?))),
                    ("map", element) => Ok(Type::Map(Box::new(inner(element)?))),
                    ("tuple", Expression::Array(items)) => Ok(Type::Tuple(
                        items.iter().map(inner).collect::<Result<_, _>>()?,
                    )),
                    ("object", Expression::Object(object)) => {
                        let mut fields = BTreeMap::new();
                        for (key, value) in object.iter() {
                            let name = key
                                .as_ident()
                                .map(|name| name.as_str())
                                .or_else(|| key.as_expr().and_then(Expression::as_str))
                                .ok_or_else(|| {
                                    wrong("attributes of an object type are plain names".to_owned())
                                })?;
                            let field = self.read_field(value.expr(), module, file, depth)?;
                            fields.insert(name.to_owned(), field);
                        }
                        Ok(Type::Object(fields))
                    }
                    (name, _) => Err(wrong(format!("there is no type `{name}(…)`"))),
                }
            }
            _ => Err(wrong("this is not a type".to_owned())),
        }
    }

    fn read_field(
        &self,
        code: &Expression,
        module: &Rc<Module>,
        file: FileId,
        depth: usize,
    ) -> Result<Field, Failure> {
        let optional = match code {
            Expression::FuncCall(call) if call.name.name.as_str() == "optional" => Some(call),
            _ => None,
        };
        let Some(call) = optional else {
            return Ok(Field {
                field_type: self.read_type(code, module, file, depth + 1)?,
                optional: None,
            });
        };
        let mut arguments = call.args.iter();
        let Some(inner) = arguments.next() else {
            return Err(Failure::new(
                Place::new(file, code.span()),
                "`optional` takes a type and maybe a default",
            ));
        };
        let default = match arguments.next() {
            Some(default) => self.eval(default, &Scope::top(module, file))?,
            None => Value::Null,
        };
        Ok(Field {
            field_type: self.read_type(inner, module, file, depth + 1)?,
            optional: Some(default),
        })
    }
}

/// What a constant must not contain: a reference or a call.
fn reference_in(code: &Expression) -> Option<String> {
    #[derive(Default)]
    struct Finder {
        found: Option<String>,
        /// Names of `for` mean something inside of it.
        bound: Vec<String>,
    }
    impl Visit for Finder {
        fn visit_expr(&mut self, node: &Expression) {
            if self.found.is_some() {
                return;
            }
            match node {
                Expression::Variable(name)
                    if !self.bound.iter().any(|bound| bound == name.as_str()) =>
                {
                    self.found = Some(format!("it refers to `{}`", name.as_str()));
                }
                Expression::FuncCall(call) => {
                    self.found = Some(format!("it calls `{}`", call.name.name.as_str()));
                }
                Expression::ForExpr(code) => {
                    let names = code.intro.key_var.iter().chain([&code.intro.value_var]);
                    self.bound
                        .extend(names.map(|name| name.as_str().to_owned()));
                    visit_expr(self, node);
                }
                _ => visit_expr(self, node),
            }
        }
    }
    let mut finder = Finder::default();
    finder.visit_expr(code);
    finder.found
}

fn simple_type(name: &str) -> Option<Type> {
    match name {
        "any" => Some(Type::Any),
        "string" => Some(Type::String),
        "number" => Some(Type::Number),
        "bool" => Some(Type::Bool),
        "list" => Some(Type::list_of(Type::Any)),
        "set" => Some(Type::Set(Box::new(Type::Any))),
        "map" => Some(Type::map_of(Type::Any)),
        _ => None,
    }
}
