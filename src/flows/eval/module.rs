//! Instances: modules and resources expanded by `count` and `for_each`, and the attributes of resources.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hcl_edit::Span;
use hcl_edit::structure::Structure;

use super::variable::Values;
use super::{Node, Scope, Slot, World};
use crate::flows::config::{ModuleConfig, Named, Resource, join_shown, read_module};
use crate::flows::folder::is_module_dir;
use crate::flows::parse::error_text;
use crate::flows::schema;
use crate::flows::source::{Failure, FileId, Place, UNKNOWN_HINT};
use crate::flows::types::convert;
use crate::flows::value::{ListKind, Unknown, Value};

/// Modules in modules.
const MAX_MODULE_DEPTH: usize = 30;

/// Instances of modules and resources over all roots.
const MAX_INSTANCES: usize = 20_000;

/// One instance of several.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    None,
    Number(usize),
    Text(String),
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => out.write_str(text),
        }
    }
}

/// As it is written in an address.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => write!(out, "{text:?}"),
        }
    }
}

impl Key {
    fn suffix(&self) -> String {
        match self {
            Self::None => String::new(),
            key => format!("[{key:?}]"),
        }
    }
}

/// How often a block exists.
#[derive(Debug, Clone)]
pub enum Expansion {
    Single,
    Count(usize),
    Each(BTreeMap<String, Value>),
    Unknown(Unknown),
}

impl Expansion {
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Single => vec![Key::None],
            Self::Count(count) => (0..*count).map(Key::Number).collect(),
            Self::Each(each) => each.keys().cloned().map(Key::Text).collect(),
            Self::Unknown(_) => Vec::new(),
        }
    }

    #[must_use]
    pub fn has(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Single, Key::None) => true,
            (Self::Count(count), Key::Number(number)) => number < count,
            (Self::Each(each), Key::Text(text)) => each.contains_key(text),
            _ => false,
        }
    }

    #[must_use]
    pub fn each(&self, key: &Key) -> Option<&Value> {
        match (self, key) {
            (Self::Each(each), Key::Text(text)) => each.get(text),
            _ => None,
        }
    }
}

/// What a module call stands for.
#[derive(Debug)]
pub enum Children {
    /// From a registry or a repository: not read.
    Opaque,
    Instances(Expansion, BTreeMap<Key, Rc<Module>>),
}

/// Where the values of a module's variables come from.
#[derive(Debug)]
pub enum Origin {
    Root(Values),
    Call {
        parent: Rc<Module>,
        call: Rc<Named>,
        key: Key,
        each: Option<Value>,
    },
}

/// One instance of a module.
#[derive(Debug)]
pub struct Module {
    pub config: Rc<ModuleConfig>,
    /// `module.a["x"].module.b`; empty for a root.
    pub address: String,
    /// `path.module`.
    pub path: String,
    /// Directory of the root module: relative paths of functions start there.
    pub root_dir: PathBuf,
    /// The root's directory as it is shown.
    pub root_shown: String,
    pub origin: Origin,
    depth: usize,
    pub(super) values: RefCell<HashMap<Node, Slot<Value>>>,
    expansions: RefCell<HashMap<Node, Slot<Rc<Expansion>>>>,
    children: RefCell<HashMap<Node, Slot<Rc<Children>>>>,
}

impl Module {
    /// A root module.
    #[must_use]
    pub fn root(config: Rc<ModuleConfig>, given: Values) -> Self {
        Self {
            address: String::new(),
            path: ".".to_owned(),
            root_dir: config.dir.clone(),
            root_shown: config.shown.clone(),
            origin: Origin::Root(given),
            depth: 0,
            config,
            values: RefCell::default(),
            expansions: RefCell::default(),
            children: RefCell::default(),
        }
    }

    /// Whether this module or one that calls it is the one in a directory.
    fn is_within(&self, dir: &Path) -> bool {
        let Ok(real) = dir.canonicalize() else {
            return false;
        };
        let mut module = self;
        loop {
            if module
                .config
                .dir
                .canonicalize()
                .is_ok_and(|dir| dir == real)
            {
                return true;
            }
            match &module.origin {
                Origin::Call { parent, .. } => module = parent,
                Origin::Root(_) => return false,
            }
        }
    }

    /// An address in this module.
    #[must_use]
    pub fn qualified(&self, address: &str) -> String {
        if self.address.is_empty() {
            address.to_owned()
        } else {
            format!("{}.{address}", self.address)
        }
    }

    #[must_use]
    pub fn instance_address(&self, resource: &Resource, key: &Key) -> String {
        self.qualified(&format!("{}{}", resource.address(), key.suffix()))
    }
}

impl World {
    /// Whether something of any module could not be read.
    pub(super) fn is_incomplete(&self) -> bool {
        let modules = self.configs.borrow();
        modules.values().any(|config| config.incomplete)
            || self
                .roots
                .borrow()
                .iter()
                .any(|root| root.config.incomplete)
    }

    /// Makes a root module; its directory is read by the caller.
    pub fn add_root(&self, config: ModuleConfig, given: Values) -> Rc<Module> {
        let root = Rc::new(Module::root(Rc::new(config), given));
        self.roots.borrow_mut().push(Rc::clone(&root));
        root
    }

    pub(super) fn count_instances(&self, more: usize, place: Place) -> Result<(), Failure> {
        let all = self.instances.get().saturating_add(more);
        self.instances.set(all);
        if all > MAX_INSTANCES {
            return Err(Failure::new(
                place,
                format!("more than {MAX_INSTANCES} modules and resources"),
            )
            .fatal());
        }
        Ok(())
    }

    /// Evaluates `count` and `for_each`.
    fn expand(
        &self,
        count: Option<(FileId, &hcl_edit::structure::Attribute)>,
        for_each: Option<(FileId, &hcl_edit::structure::Attribute)>,
        module: &Rc<Module>,
    ) -> Result<Expansion, Failure> {
        if let (Some((file, attribute)), Some(_)) = (count, for_each) {
            return Err(Failure::new(
                Place::new(file, attribute.span()),
                "`count` and `for_each` cannot both be given",
            ));
        }
        if let Some((file, attribute)) = count {
            let place = Place::new(file, attribute.value.span());
            let value = self.eval(&attribute.value, &Scope::top(module, file))?;
            if let Value::Unknown(unknown) = value {
                return Ok(Expansion::Unknown(unknown));
            }
            let number = super::operators::number(&value)
                .map_err(|problem| Failure::new(place, format!("`count`: {problem}")))?;
            let count = number.to_usize().ok_or_else(|| {
                Failure::new(
                    place,
                    format!("`count` must be a whole number from 0 on, not {number}"),
                )
            })?;
            self.count_instances(count, place)?;
            return Ok(Expansion::Count(count));
        }
        let Some((file, attribute)) = for_each else {
            return Ok(Expansion::Single);
        };
        let place = Place::new(file, attribute.value.span());
        let value = self.eval(&attribute.value, &Scope::top(module, file))?;
        let each = match value {
            Value::Unknown(unknown) => return Ok(Expansion::Unknown(unknown)),
            Value::Map(map) => match &map.kind {
                crate::flows::value::MapKind::Open(unknown) => {
                    return Ok(Expansion::Unknown(unknown.clone()));
                }
                _ => map.entries.clone(),
            },
            Value::List(list) if list.kind == ListKind::Set => list
                .items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok((text.to_string(), item.clone())),
                    other => Err(Failure::new(
                        place,
                        format!(
                            "`for_each` takes a set of strings; this one holds {}",
                            other.kind_name()
                        ),
                    )),
                })
                .collect::<Result<_, _>>()?,
            other => {
                return Err(Failure::new(
                    place,
                    format!(
                        "`for_each` takes a map or a set of strings, not {}",
                        other.kind_name()
                    ),
                )
                .hint("convert a list with toset(…)"));
            }
        };
        self.count_instances(each.len(), place)?;
        Ok(Expansion::Each(each))
    }

    /// How often a resource exists.
    pub fn expansion(
        &self,
        module: &Rc<Module>,
        index: usize,
        place: Place,
    ) -> Result<Rc<Expansion>, Failure> {
        let resource = &module.config.resources[index];
        self.memo(
            &module.expansions,
            Node::Attribute(index, Key::None, String::new()),
            || module.qualified(&resource.address()),
            place,
            || {
                self.expand(
                    resource.body.attribute("count"),
                    resource.body.attribute("for_each"),
                    module,
                )
                .map(Rc::new)
            },
        )
    }

    /// What a module call stands for.
    pub fn children(
        &self,
        module: &Rc<Module>,
        name: &str,
        place: Place,
    ) -> Result<Rc<Children>, Failure> {
        let Some(call) = module.config.calls.get(name) else {
            let failure = Failure::new(place, format!("module.{name} is not declared")).fatal();
            return Err(failure.following(module.config.incomplete));
        };
        self.memo(
            &module.children,
            Node::Local(name.to_owned()),
            || module.qualified(&format!("module.{name}")),
            place,
            || self.make_children(module, call).map(Rc::new),
        )
    }

    fn make_children(&self, module: &Rc<Module>, call: &Rc<Named>) -> Result<Children, Failure> {
        let name = &call.name;
        let Some((file, source)) = call.body.attribute("source") else {
            return Err(Failure::new(
                call.place,
                format!("module.{name} has no `source`"),
            ));
        };
        let place = Place::new(file, source.value.span());
        let source = match self.eval(&source.value, &Scope::top(module, file))? {
            Value::String(source) => source,
            other => {
                return Err(Failure::new(
                    place,
                    format!(
                        "the `source` of a module must be a string, not {}",
                        other.kind_name()
                    ),
                ));
            }
        };
        if !(source.starts_with("./") || source.starts_with("../")) {
            self.sources.warn(
                place,
                format!(
                    "{} comes from {source}, which is not read: its outputs are unknown, and flows in it are missing",
                    module.qualified(&format!("module.{name}"))
                ),
                None,
            );
            return Ok(Children::Opaque);
        }
        if module.depth >= MAX_MODULE_DEPTH {
            return Err(Failure::new(place, "modules call each other without end").fatal());
        }
        let dir = module.config.dir.join(Path::new(&*source));
        if module.is_within(&dir) {
            let problem = "this is the module itself, or one that leads here: modules call each other without end";
            return Err(Failure::new(place, problem).fatal());
        }
        let shown = join_shown(&module.config.shown, &source);
        let config = self.module_config(&dir, &shown).map_err(|problem| {
            Failure::new(place, format!("module.{name}: {problem}"))
                .hint("check `source`: it is relative to the file that it stands in")
        })?;
        let expansion = self.expand(
            call.body.attribute("count"),
            call.body.attribute("for_each"),
            module,
        )?;
        self.check_arguments(module, call, &config);
        let mut instances = BTreeMap::new();
        for key in expansion.keys() {
            let child = Module {
                config: Rc::clone(&config),
                address: module.qualified(&format!("module.{name}{}", key.suffix())),
                path: join_shown(&module.path, &source),
                root_dir: module.root_dir.clone(),
                root_shown: module.root_shown.clone(),
                origin: Origin::Call {
                    parent: Rc::clone(module),
                    call: Rc::clone(call),
                    each: expansion.each(&key).cloned(),
                    key: key.clone(),
                },
                depth: module.depth + 1,
                values: RefCell::default(),
                expansions: RefCell::default(),
                children: RefCell::default(),
            };
            instances.insert(key, Rc::new(child));
        }
        if let Expansion::Unknown(unknown) = &expansion {
            self.sources.error(
                call.place,
                format!(
                    "{} cannot be read: its count or for_each depends on {}, which only an apply would know",
                    module.qualified(&format!("module.{name}")),
                    unknown.reference
                ),
                Some(UNKNOWN_HINT),
            );
        }
        Ok(Children::Instances(expansion, instances))
    }

    fn module_config(&self, dir: &Path, shown: &str) -> Result<Rc<ModuleConfig>, String> {
        let unread = |problem: String| format!("cannot read {shown}: {problem}");
        let nothing = || format!("there are no *.tf files in {shown}");
        self.sources.watch(dir);
        let real = dir.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => nothing(),
            _ => unread(error_text(&error)),
        })?;
        if let Some(config) = self.configs.borrow().get(&real) {
            return Ok(Rc::clone(config));
        }
        if !is_module_dir(&real).map_err(unread)? {
            return Err(nothing());
        }
        self.files.allow(&real);
        let config = Rc::new(read_module(&self.sources, &real, shown));
        self.configs.borrow_mut().insert(real, Rc::clone(&config));
        Ok(config)
    }

    fn check_arguments(&self, module: &Rc<Module>, call: &Named, config: &ModuleConfig) {
        /// Arguments of every module call.
        const META: [&str; 6] = [
            "source",
            "version",
            "count",
            "for_each",
            "depends_on",
            "providers",
        ];
        for (file, structure) in call.body.structures() {
            let Structure::Attribute(attribute) = structure else {
                continue;
            };
            let name = attribute.key.as_str();
            let known = META.contains(&name) || config.variables.contains_key(name);
            if known || config.incomplete {
                continue;
            }
            let names = config.variables.keys().map(String::as_str);
            let hint = crate::flows::source::similar(name, names)
                .map(|other| format!("did you mean `{other}`?"));
            self.sources.error(
                Place::new(file, attribute.span()),
                format!(
                    "{} has no variable `{name}`",
                    module.qualified(&format!("module.{}", call.name))
                ),
                hint.as_deref(),
            );
        }
    }

    /// Names of the attributes that a resource has as a value.
    pub(super) fn attribute_names(&self, resource: &Resource) -> Vec<String> {
        if let Some(known) = schema::resource(&resource.kind).filter(|_| !resource.data) {
            return std::iter::once("id")
                .chain(known.attributes.iter().map(|attribute| attribute.name))
                .map(str::to_owned)
                .collect();
        }
        let mut names: Vec<String> = resource
            .body
            .structures()
            .filter_map(|(_, structure)| structure.as_attribute())
            .map(|attribute| attribute.key.as_str().to_owned())
            .filter(|name| !schema::META_ARGUMENTS.contains(&name.as_str()))
            .collect();
        names.dedup();
        names
    }

    /// The value of an attribute of a resource instance.
    pub fn attribute(
        &self,
        module: &Rc<Module>,
        index: usize,
        key: &Key,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let resource = Rc::clone(&module.config.resources[index]);
        self.memo(
            &module.values,
            Node::Attribute(index, key.clone(), name.to_owned()),
            || format!("{}.{name}", module.instance_address(&resource, key)),
            place,
            || self.make_attribute(module, index, &resource, key, name, place),
        )
    }

    fn make_attribute(
        &self,
        module: &Rc<Module>,
        index: usize,
        resource: &Resource,
        key: &Key,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let address = module.instance_address(resource, key);
        let known = schema::resource(&resource.kind);
        let attribute_type = known.and_then(|known| known.attribute(name));
        if let Some((file, attribute)) = resource.body.attribute(name) {
            let value = self.with_scope(module, index, key, file, place, |scope| {
                self.eval(&attribute.value, scope)
            })?;
            return match attribute_type {
                Some(wanted) => {
                    convert(&value, &wanted.value_type.constraint()).map_err(|problem| {
                        let place = Place::new(file, attribute.value.span());
                        Failure::new(place, format!("{address}: `{name}`: {problem}"))
                    })
                }
                None => Ok(value),
            };
        }
        match known {
            Some(_) if resource.data && name == "type" => Ok(Value::Null),
            Some(_) if resource.data && name == "name" => Err(Failure::new(
                resource.place,
                format!("{address}: `name` is missing"),
            )
            .hint("a data source finds its object by name")),
            Some(_) if resource.data => self.look_up(module, index, resource, key, name, place),
            Some(_) if name == "id" => Ok(Value::from(address)),
            Some(_) if attribute_type.is_some() => Ok(Value::Null),
            Some(known) => Err(schema::unknown_attribute(known, name, place, &address)),
            None => Ok(Value::unknown(&format!("{address}.{name}"))),
        }
    }

    /// Runs with the scope of a resource instance.
    pub fn with_scope<T>(
        &self,
        module: &Rc<Module>,
        index: usize,
        key: &Key,
        file: FileId,
        place: Place,
        inner: impl FnOnce(&Scope<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let expansion = self.expansion(module, index, place)?;
        inner(&Scope {
            module,
            file,
            key,
            each: expansion.each(key),
            owner: Some(index),
            bound: None,
        })
    }
}
