//! `depends_on`: the order of an apply means nothing here, but what it names must be declared.

use hcl_edit::Span;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};

use super::World;
use crate::flows::config::{Layers, ModuleConfig};
use crate::flows::parse::parse_expression;
use crate::flows::source::{Failure, Place, similar};

impl World {
    /// Reports what the `depends_on` of a module's blocks name wrongly.
    pub fn check_dependencies(&self, config: &ModuleConfig) {
        let resources = config.resources.iter().map(|resource| &resource.body);
        let calls = config.calls.values().map(|call| &call.body);
        let outputs = config.outputs.values().map(|output| &output.body);
        for body in resources.chain(calls).chain(outputs) {
            self.check_block(config, body);
        }
    }

    fn check_block(&self, config: &ModuleConfig, body: &Layers) {
        let Some((file, attribute)) = body.attribute("depends_on") else {
            return;
        };
        let Expression::Array(items) = &attribute.value else {
            let place = Place::new(file, attribute.value.span());
            self.sources.report(&no_reference(place));
            return;
        };
        for item in items.iter() {
            let place = Place::new(file, item.span());
            if let Err(failure) = check_item(config, item, place) {
                self.sources.report(&failure.following(config.incomplete));
            }
        }
    }
}

fn no_reference(place: Place) -> Failure {
    Failure::new(place, "`depends_on` takes a list of references")
        .hint("write it like [aws_iam_role.x, module.y]")
}

fn check_item(config: &ModuleConfig, item: &Expression, place: Place) -> Result<(), Failure> {
    // Old files, and all in JSON, have the references in quotes.
    if let Expression::String(text) = item {
        let code = parse_expression(text.as_str()).map_err(|_| no_reference(place))?;
        return match code {
            Expression::Traversal(traversal) => check_reference(config, &traversal, place),
            _ => Err(no_reference(place)),
        };
    }
    match item {
        Expression::Traversal(traversal) => check_reference(config, traversal, place),
        _ => Err(no_reference(place)),
    }
}

fn check_reference(
    config: &ModuleConfig,
    traversal: &Traversal,
    place: Place,
) -> Result<(), Failure> {
    let Expression::Variable(root) = &traversal.expr else {
        return Err(no_reference(place));
    };
    let mut names = traversal
        .operators
        .iter()
        .map_while(|operator| match operator.value() {
            TraversalOperator::GetAttr(name) => Some(name.as_str()),
            _ => None,
        });
    let mut name = || names.next().ok_or_else(|| no_reference(place));
    let first = name()?;
    let (address, known): (String, Vec<String>) = match root.as_str() {
        "var" => (
            format!("var.{first}"),
            prefixed("var", config.variables.keys()),
        ),
        "local" => (
            format!("local.{first}"),
            prefixed("local", config.locals.keys()),
        ),
        "module" => (
            format!("module.{first}"),
            prefixed("module", config.calls.keys()),
        ),
        // Of these it is enough that they are references.
        "path" | "terraform" | "tofu" | "each" | "count" => return Ok(()),
        kind => {
            let address = match kind {
                "data" => format!("data.{first}.{}", name()?),
                "resource" => format!("{first}.{}", name()?),
                kind => format!("{kind}.{first}"),
            };
            (address, config.by_address.keys().cloned().collect())
        }
    };
    if known.contains(&address) {
        return Ok(());
    }
    let failure = Failure::new(place, format!("{address} is not declared"));
    Err(match similar(&address, known.iter().map(String::as_str)) {
        Some(other) => failure.hint(format!("did you mean `{other}`?")),
        None => failure,
    })
}

fn prefixed<'a>(prefix: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| format!("{prefix}.{name}")).collect()
}
