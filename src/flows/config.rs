//! A module directory → its declarations: variables, locals, outputs, module calls, resources and data sources, from all
//! `*.tf` files with overrides merged. Nothing is evaluated here. Called by `load` for roots and by `module` for the
//! modules they call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body, Structure};

use super::folder::{config_files, report_unread};
use super::parse::{parse_body, read_text};
use super::source::{FileId, Place, Sources, similar};

/// Top-level blocks that Terraform knows and that say nothing about flows.
const IGNORED_BLOCKS: [&str; 7] = [
    "provider",
    "moved",
    "import",
    "removed",
    "check",
    "ephemeral",
    "cloud",
];

const KNOWN_BLOCKS: [&str; 8] = [
    "resource",
    "data",
    "module",
    "variable",
    "locals",
    "output",
    "terraform",
    "provider",
];

/// Blocks whose last label is a name that references use.
const NAMED_BLOCKS: [&str; 5] = ["resource", "data", "module", "variable", "output"];

fn is_name(text: &str) -> bool {
    let starts = |letter: char| letter.is_alphabetic() || letter == '_';
    text.starts_with(starts)
        && text
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
}

/// An expression and the file it is in.
#[derive(Debug)]
pub struct Code {
    pub file: FileId,
    pub expression: Expression,
}

impl Code {
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(self.file, self.expression.span())
    }
}

/// The body of a block together with what override files put over it, latest last.
#[derive(Debug)]
pub struct Layers {
    layers: Vec<(FileId, Body)>,
}

impl Layers {
    fn new(file: FileId, body: Body) -> Self {
        Self {
            layers: vec![(file, body)],
        }
    }

    /// The attribute, as the last layer that has it writes it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<(FileId, &Attribute)> {
        self.layers
            .iter()
            .rev()
            .find_map(|(file, body)| Some((*file, body.get_attribute(name)?)))
    }

    /// Nested blocks of a name (and `dynamic` blocks that make such), in order: those of the last layer that has any.
    #[must_use]
    pub fn blocks(&self, name: &str) -> Vec<(FileId, &Block)> {
        self.layers
            .iter()
            .rev()
            .map(|(file, body)| {
                body.blocks()
                    .filter(|block| block_name(block) == name)
                    .map(|block| (*file, block))
                    .collect::<Vec<_>>()
            })
            .find(|blocks| !blocks.is_empty())
            .unwrap_or_default()
    }

    /// Everything written, all layers.
    pub fn structures(&self) -> impl Iterator<Item = (FileId, &Structure)> {
        self.layers
            .iter()
            .flat_map(|(file, body)| body.iter().map(move |structure| (*file, structure)))
    }
}

/// The name of a nested block; of a `dynamic` block the name of what it makes.
#[must_use]
pub fn block_name(block: &Block) -> &str {
    if block.has_ident("dynamic") {
        block
            .labels
            .first()
            .map_or("dynamic", |label| label.as_str())
    } else {
        block.ident.as_str()
    }
}

/// A block with a name: a variable, an output or a module call.
#[derive(Debug)]
pub struct Named {
    pub name: String,
    pub place: Place,
    pub body: Layers,
}

impl Named {
    /// A flag of the block itself, `default` where it is not written.
    #[must_use]
    pub fn flag(&self, name: &str, default: bool) -> bool {
        let Some((_, attribute)) = self.body.attribute(name) else {
            return default;
        };
        match (attribute.value.as_bool(), attribute.value.as_str()) {
            (Some(flag), _) => flag,
            (None, Some("true")) => true,
            (None, Some("false")) => false,
            _ => default,
        }
    }
}

/// A resource or data source.
#[derive(Debug)]
pub struct Resource {
    pub data: bool,
    pub kind: String,
    pub name: String,
    pub place: Place,
    pub body: Layers,
}

impl ModuleConfig {
    /// Whether a variable is declared as sensitive.
    #[must_use]
    pub fn is_sensitive(&self, variable: &str) -> bool {
        let variable = self.variables.get(variable);
        variable.is_some_and(|variable| variable.flag("sensitive", false))
    }

    /// Whether values for it may be such that nothing of them may be shown.
    #[must_use]
    pub fn has_sensitive(&self) -> bool {
        self.variables.keys().any(|name| self.is_sensitive(name))
    }
}

impl Resource {
    /// `sym_flow.this` or `data.aws_region.current`.
    #[must_use]
    pub fn address(&self) -> String {
        let prefix = if self.data { "data." } else { "" };
        format!("{prefix}{}.{}", self.kind, self.name)
    }

    #[must_use]
    pub fn is_sym(&self) -> bool {
        self.kind.starts_with("sym_")
    }
}

/// The declarations of one module directory.
#[derive(Debug, Default)]
pub struct ModuleConfig {
    pub dir: PathBuf,
    /// The directory as it is shown; empty for the one that was given.
    pub shown: String,
    pub variables: BTreeMap<String, Named>,
    pub locals: BTreeMap<String, Code>,
    pub outputs: BTreeMap<String, Named>,
    pub calls: BTreeMap<String, Rc<Named>>,
    pub resources: Vec<Rc<Resource>>,
    /// Index into `resources` by address.
    pub by_address: BTreeMap<String, usize>,
    /// Whether a file of it could not be read, so that what is not there may be declared after all. It is reported.
    pub incomplete: bool,
    /// Whether `required_providers` asks for `sym` 3 or later.
    pub sym_provider_3: bool,
}

/// `a/b` under `dir`, with `.` and `..` taken out as far as text allows.
#[must_use]
pub fn join_shown(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if dir.starts_with('/') || (dir.is_empty() && path.starts_with('/')) {
        format!("/{joined}")
    } else {
        joined
    }
}

fn is_override(name: &str) -> bool {
    let stem = name
        .strip_suffix(".tf.json")
        .or_else(|| name.strip_suffix(".tf"))
        .unwrap_or(name);
    stem == "override" || stem.ends_with("_override")
}

/// Reads all files of a module directory. Problems are reported; what could be read is returned.
#[must_use]
pub fn read_module(sources: &Sources, dir: &Path, shown: &str) -> ModuleConfig {
    let mut config = ModuleConfig {
        dir: dir.to_owned(),
        shown: shown.to_owned(),
        ..ModuleConfig::default()
    };
    sources.watch(dir);
    let files = config_files(dir).unwrap_or_else(|problem| {
        report_unread(sources, &join_shown(shown, "."), &problem);
        config.incomplete = true;
        Vec::new()
    });
    let (overrides, plain): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(name, _)| is_override(name));
    for (over, files) in [(false, plain), (true, overrides)] {
        for (name, path) in files {
            let shown_name = join_shown(shown, &name);
            sources.watch(&path);
            let text = match read_text(&path) {
                Ok(text) => text,
                Err(problem) => {
                    report_unread(sources, &shown_name, &problem);
                    config.incomplete = true;
                    continue;
                }
            };
            let (file, body) = if name.ends_with(".json") {
                super::json_syntax::parse_body(sources, shown_name, text)
            } else {
                parse_body(sources, shown_name, text)
            };
            let Some(body) = body else {
                config.incomplete = true;
                continue;
            };
            Reader {
                sources,
                config: &mut config,
                file,
                over,
            }
            .body(body);
        }
    }
    config
}

struct Reader<'a> {
    sources: &'a Sources,
    config: &'a mut ModuleConfig,
    file: FileId,
    /// Whether the file is an override file.
    over: bool,
}

impl Reader<'_> {
    fn body(&mut self, body: Body) {
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => self.sources.error(
                    Place::new(self.file, attribute.span()),
                    format!(
                        "unexpected argument `{}` outside of a block",
                        attribute.key.as_str()
                    ),
                    Some("put it into a block such as `locals { … }`"),
                ),
                Structure::Block(block) => self.block(block),
            }
        }
    }

    fn block(&mut self, block: Block) {
        let place = Place::new(self.file, block.span());
        let kind = block.ident.as_str().to_owned();
        let labels: Vec<String> = block
            .labels
            .iter()
            .map(|label| label.as_str().to_owned())
            .collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        if NAMED_BLOCKS.contains(&kind.as_str())
            && let Some(name) = labels.last().filter(|name| !is_name(name))
        {
            self.sources.error(
                place,
                format!("{name:?} cannot be the name of a `{kind}` block"),
                Some("a name begins with a letter or _ and goes on with letters, digits, _ and -"),
            );
        }
        match (kind.as_str(), labels.as_slice()) {
            ("resource", [kind, name]) => self.resource(false, kind, name, place, block.body),
            ("data", [kind, name]) => self.resource(true, kind, name, place, block.body),
            ("module", [name]) => self.call(name, place, block.body),
            ("variable" | "output", [name]) => self.named(&kind, name, place, block.body),
            ("locals", []) => self.locals(block.body),
            ("terraform", []) => self.terraform(&block.body),
            ("resource" | "data", _) => self.labels(place, &kind, "a type and a name"),
            ("module" | "variable" | "output", _) => self.labels(place, &kind, "a name"),
            ("locals" | "terraform", _) => self.labels(place, &kind, "nothing"),
            (kind, _) if IGNORED_BLOCKS.contains(&kind) => {}
            (kind, _) => {
                let hint =
                    similar(kind, KNOWN_BLOCKS).map(|name| format!("did you mean `{name}`?"));
                self.sources
                    .error(place, format!("unknown block `{kind}`"), hint.as_deref());
            }
        }
    }

    fn labels(&self, place: Place, kind: &str, wanted: &str) {
        self.sources.error(
            place,
            format!("a `{kind}` block takes {wanted} before its brace"),
            None,
        );
    }

    fn twice(&self, place: Place, what: &str, first: Place) {
        self.sources.error(
            place,
            format!(
                "{what} is declared twice, first at {}",
                self.sources.describe(first)
            ),
            Some("rename or remove one of them"),
        );
    }

    fn nothing_to_override(&self, place: Place, what: &str) {
        if self.config.incomplete {
            return;
        }
        self.sources.error(
            place,
            format!("{what} is declared only in an override file"),
            Some("declare it in a file that is not named override.tf or *_override.tf"),
        );
    }

    fn resource(&mut self, data: bool, kind: &str, name: &str, place: Place, body: Body) {
        let resource = Resource {
            data,
            kind: kind.to_owned(),
            name: name.to_owned(),
            place,
            body: Layers::new(self.file, body),
        };
        let address = resource.address();
        let index = self.config.by_address.get(&address).copied();
        match index.and_then(|index| self.config.resources.get_mut(index)) {
            Some(existing) if self.over => {
                if let Some(existing) = Rc::get_mut(existing) {
                    existing.body.layers.extend(resource.body.layers);
                }
            }
            Some(existing) => {
                let first = existing.place;
                self.twice(place, &address, first);
            }
            None if self.over => self.nothing_to_override(place, &address),
            None => {
                self.config
                    .by_address
                    .insert(address, self.config.resources.len());
                self.config.resources.push(Rc::new(resource));
            }
        }
    }

    fn call(&mut self, name: &str, place: Place, body: Body) {
        let layers = Layers::new(self.file, body);
        match self.config.calls.get_mut(name) {
            Some(existing) if self.over => {
                if let Some(existing) = Rc::get_mut(existing) {
                    existing.body.layers.extend(layers.layers);
                }
            }
            Some(existing) => {
                let first = existing.place;
                self.twice(place, &format!("module.{name}"), first);
            }
            None if self.over => self.nothing_to_override(place, &format!("module.{name}")),
            None => {
                let call = Named {
                    name: name.to_owned(),
                    place,
                    body: layers,
                };
                self.config.calls.insert(name.to_owned(), Rc::new(call));
            }
        }
    }

    /// Reports what a `variable` or `output` block does not take: a slip there would be ignored silently.
    fn check_names(&self, kind: &str, what: &str, body: &Body) {
        const VARIABLE: [&str; 7] = [
            "type",
            "default",
            "description",
            "sensitive",
            "nullable",
            "ephemeral",
            "validation",
        ];
        const OUTPUT: [&str; 6] = [
            "value",
            "description",
            "sensitive",
            "ephemeral",
            "depends_on",
            "precondition",
        ];
        let known: &[&str] = if kind == "variable" {
            &VARIABLE
        } else {
            &OUTPUT
        };
        for structure in body.iter() {
            let name = match structure {
                Structure::Attribute(attribute) => attribute.key.as_str(),
                Structure::Block(block) => block_name(block),
            };
            if !known.contains(&name) {
                let hint = similar(name, known.iter().copied())
                    .map(|other| format!("did you mean `{other}`?"));
                self.sources.error(
                    Place::new(self.file, structure.span()),
                    format!("{what}: there is no `{name}` here"),
                    hint.as_deref(),
                );
            }
        }
    }

    fn named(&mut self, kind: &str, name: &str, place: Place, body: Body) {
        let what = if kind == "variable" {
            format!("var.{name}")
        } else {
            format!("output {name:?}")
        };
        self.check_names(kind, &what, &body);
        let layers = Layers::new(self.file, body);
        let map = if kind == "variable" {
            &mut self.config.variables
        } else {
            &mut self.config.outputs
        };
        match map.get_mut(name) {
            Some(existing) if self.over => existing.body.layers.extend(layers.layers),
            Some(existing) => {
                let first = existing.place;
                self.twice(place, &what, first);
            }
            None if self.over => self.nothing_to_override(place, &what),
            None => {
                map.insert(
                    name.to_owned(),
                    Named {
                        name: name.to_owned(),
                        place,
                        body: layers,
                    },
                );
            }
        }
    }

    fn locals(&mut self, body: Body) {
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let place = Place::new(self.file, attribute.span());
                    let name = attribute.key.as_str().to_owned();
                    let code = Code {
                        file: self.file,
                        expression: attribute.value,
                    };
                    if let Some(first) = self.config.locals.get(&name).filter(|_| !self.over) {
                        let first = first.place();
                        self.twice(place, &format!("local.{name}"), first);
                    } else {
                        self.config.locals.insert(name, code);
                    }
                }
                Structure::Block(block) => self.sources.error(
                    Place::new(self.file, block.span()),
                    format!(
                        "a `locals` block takes values, not a block `{}`",
                        block.ident.as_str()
                    ),
                    Some("write `name = value`"),
                ),
            }
        }
    }

    /// Reads the version constraint of the `sym` provider: from 3 on, `implementation` is text, not a path.
    fn terraform(&mut self, body: &Body) {
        for block in body.get_blocks("required_providers") {
            let Some(attribute) = block.body.get_attribute("sym") else {
                continue;
            };
            let version = match &attribute.value {
                Expression::Object(object) => object.iter().find_map(|(key, value)| {
                    let named = key.as_ident().is_some_and(|key| key.as_str() == "version");
                    named.then(|| value.expr().as_str()).flatten()
                }),
                other => other.as_str(),
            };
            let major = version.and_then(|version| {
                version
                    .trim_start_matches(|letter: char| !letter.is_ascii_digit())
                    .split('.')
                    .next()?
                    .parse::<u32>()
                    .ok()
            });
            self.config.sym_provider_3 = major.is_some_and(|major| major >= 3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_paths_have_no_dots_in_their_middle() {
        assert_eq!(join_shown("", "./impl.py"), "impl.py");
        assert_eq!(join_shown("env/prod", "../../modules/x"), "modules/x");
        assert_eq!(join_shown("", "../modules/x"), "../modules/x");
        assert_eq!(join_shown("/a", "b"), "/a/b");
    }

    #[test]
    fn override_files_are_told_by_their_names() {
        assert!(is_override("override.tf") && is_override("prod_override.tf"));
        assert!(!is_override("overrides.tf"));
    }
}
