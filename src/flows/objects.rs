//! All `sym_*` resources of the loaded roots, expanded, evaluated and checked against the schema. What they mean together
//! is found out by `build`.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use hcl_edit::Span;
use hcl_edit::structure::Structure;

use super::config::Resource;
use super::eval::{Children, Expansion, Key, Module, World};
use super::schema::{self, META_ARGUMENTS, META_BLOCKS, ResourceSchema};
use super::source::{Place, UNKNOWN_HINT, similar};
use super::value::{Unknown, Value};

/// A written attribute: its value and where it stands.
#[derive(Debug, Clone)]
pub struct Written {
    pub value: Value,
    pub place: Place,
}

/// One instance of a `sym_*` resource.
#[derive(Debug)]
pub struct Object {
    pub schema: &'static ResourceSchema,
    pub address: String,
    pub module: Rc<Module>,
    pub index: usize,
    pub key: Key,
    pub place: Place,
    /// Attributes that are written and not null. One that failed is missing here, with its failure reported.
    pub written: BTreeMap<&'static str, Written>,
    /// Whether something of it failed to evaluate, so that what is missing is not to be complained about again.
    pub failed: bool,
}

impl Object {
    #[must_use]
    pub fn resource(&self) -> &Rc<Resource> {
        &self.module.config.resources[self.index]
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Written> {
        self.written.get(name)
    }

    /// The text of an attribute, if it is written and known.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|written| written.value.as_str())
    }

    /// The place of an attribute, or of the whole where it is not written.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Place {
        self.get(name).map_or(self.place, |written| written.place)
    }

    /// A map of strings as text; what is not known is written as such.
    #[must_use]
    pub fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        match self.get(name).map(|written| &written.value) {
            Some(Value::Map(map)) => map
                .entries
                .iter()
                .filter_map(|(key, value)| {
                    let text = match value {
                        Value::Unknown(unknown) => unknown.to_string(),
                        other => other.to_text()?.to_string(),
                    };
                    Some((key.clone(), text))
                })
                .collect(),
            _ => BTreeMap::new(),
        }
    }
}

impl Object {
    /// The known texts of a list.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name).map(|written| &written.value) {
            Some(Value::List(list)) => list
                .items
                .iter()
                .filter_map(|item| Some(item.as_str()?.to_owned()))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// What a reference by id leads to.
pub enum Referred<'a> {
    Missing,
    Unknown(&'a Unknown),
    Object(&'a Object),
    /// Text that is the id of nothing here.
    Nothing(&'a str),
}

/// All objects, found by their ids.
#[derive(Debug, Default)]
pub struct Objects {
    pub all: Vec<Object>,
    by_id: HashMap<String, Vec<usize>>,
}

impl Objects {
    /// Collects the objects of all roots; problems are reported.
    #[must_use]
    pub fn collect(world: &World) -> Self {
        let mut objects = Self::default();
        for root in world.roots() {
            world.refill();
            objects.module(world, &root);
        }
        for (position, object) in objects.all.iter().enumerate() {
            let elsewhere = format!("{}:{}", object.module.root_shown, object.address);
            for id in [object.address.clone(), elsewhere] {
                objects.by_id.entry(id).or_default().push(position);
            }
        }
        objects
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.all
            .iter()
            .filter(move |object| object.schema.kind == kind)
    }

    /// The environments of the object's own root: what is loaded beside it must not change what a flow is.
    #[must_use]
    pub fn environments_beside(&self, object: &Object) -> Vec<&Object> {
        self.of_kind("sym_environment")
            .filter(|environment| environment.module.root_dir == object.module.root_dir)
            .collect()
    }

    /// The object of an id, as seen from another object: the own root comes first.
    #[must_use]
    pub fn find(&self, id: &str, from: &Object) -> Option<&Object> {
        let positions = self.by_id.get(id)?;
        let found = || {
            positions
                .iter()
                .filter_map(|position| self.all.get(*position))
        };
        found()
            .find(|object| object.module.root_dir == from.module.root_dir)
            .or_else(|| {
                let elsewhere = |object: &&Object| {
                    format!("{}:{}", object.module.root_shown, object.address) == id
                };
                found().find(elsewhere)
            })
    }

    /// Follows an id in an attribute.
    #[must_use]
    pub fn follow<'a>(&'a self, value: &'a Value, from: &Object) -> Referred<'a> {
        match value {
            Value::Unknown(unknown) => Referred::Unknown(unknown),
            // The provider drops empty ids.
            Value::String(id) if !id.is_empty() => match self.find(id, from) {
                Some(object) => Referred::Object(object),
                None => Referred::Nothing(id),
            },
            _ => Referred::Missing,
        }
    }

    fn module(&mut self, world: &World, module: &Rc<Module>) {
        for name in module.config.variables.keys() {
            let place = module.config.variables[name].place;
            match world.variable(module, name, place) {
                Ok(_) => world.validate(module, name),
                Err(failure) => world.sources.report(&failure),
            }
        }
        world.evaluate_named(module);
        world.check_dependencies(&module.config);
        for (index, resource) in module.config.resources.iter().enumerate() {
            if !resource.is_sym() {
                continue;
            }
            let Some(schema) = known_kind(world, resource) else {
                continue;
            };
            let expansion = match world.expansion(module, index, resource.place) {
                Ok(expansion) => expansion,
                Err(failure) => {
                    world.sources.report(&failure);
                    continue;
                }
            };
            if let Expansion::Unknown(unknown) = &*expansion {
                world.sources.error(
                    resource.place,
                    format!(
                        "{} cannot be read: its count or for_each depends on {}, which only an apply would know",
                        module.qualified(&resource.address()),
                        unknown.reference
                    ),
                    Some(UNKNOWN_HINT),
                );
            }
            if resource.data {
                data_source(world, module, index, &expansion.keys());
                continue;
            }
            check_names(world, module, resource, schema);
            for key in expansion.keys() {
                self.all.push(object(world, module, index, key, schema));
            }
        }
        for (name, call) in &module.config.calls {
            match world.children(module, name, call.place) {
                Ok(children) => {
                    if let Children::Instances(_, instances) = &*children {
                        for child in instances.values() {
                            self.module(world, child);
                        }
                    }
                }
                Err(failure) => world.sources.report(&failure),
            }
        }
    }
}

fn known_kind(world: &World, resource: &Resource) -> Option<&'static ResourceSchema> {
    let schema = schema::resource(&resource.kind);
    if schema.is_none() {
        let hint =
            similar(&resource.kind, schema::kinds()).map(|kind| format!("did you mean {kind:?}?"));
        world.sources.error(
            resource.place,
            format!("there is no resource type {:?}", resource.kind),
            hint.as_deref(),
        );
    }
    schema
}

fn data_source(world: &World, module: &Rc<Module>, index: usize, keys: &[Key]) {
    for key in keys {
        let place = module.config.resources[index].place;
        if let Err(failure) = world.attribute(module, index, key, "id", place) {
            world.sources.report(&failure);
        }
    }
}

/// Reports attributes and blocks that the schema does not know.
fn check_names(
    world: &World,
    module: &Rc<Module>,
    resource: &Resource,
    schema: &'static ResourceSchema,
) {
    let address = module.qualified(&resource.address());
    for (file, structure) in resource.body.structures() {
        let place = Place::new(file, structure.span());
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                if schema.attribute(name).is_none() && !META_ARGUMENTS.contains(&name) {
                    world
                        .sources
                        .report(&schema::unknown_attribute(schema, name, place, &address));
                }
            }
            Structure::Block(block) => {
                let name = super::config::block_name(block);
                if schema.blocks.contains(&name) || META_BLOCKS.contains(&name) {
                    continue;
                }
                let hint = if schema.attribute(name).is_some() {
                    Some(format!("write `{name} = …`, with an equals sign"))
                } else if schema.kind == "sym_flow" && name == "prompt_field" {
                    Some("put it inside of `params { … }`".to_owned())
                } else {
                    similar(name, schema.blocks.iter().copied())
                        .map(|other| format!("did you mean `{other}`?"))
                };
                world.sources.error(
                    place,
                    format!("{address} takes no block `{name}`"),
                    hint.as_deref(),
                );
            }
        }
    }
}

fn object(
    world: &World,
    module: &Rc<Module>,
    index: usize,
    key: Key,
    schema: &'static ResourceSchema,
) -> Object {
    let resource = &module.config.resources[index];
    let address = module.instance_address(resource, &key);
    let mut written = BTreeMap::new();
    let mut failed = false;
    for attribute in schema.attributes {
        let Some((file, code)) = resource.body.attribute(attribute.name) else {
            if attribute.required {
                world.sources.error(
                    resource.place,
                    format!("{address}: `{}` is missing", attribute.name),
                    Some("this attribute is required"),
                );
            }
            continue;
        };
        let place = Place::new(file, code.value.span());
        match world.attribute(module, index, &key, attribute.name, place) {
            Ok(Value::Null) if attribute.required => world.sources.error(
                place,
                format!("{address}: `{}` is null here", attribute.name),
                Some("this attribute is required"),
            ),
            Ok(Value::Null) => {}
            Ok(value) => {
                written.insert(attribute.name, Written { value, place });
            }
            Err(failure) => {
                failed = true;
                world.sources.report(&failure);
            }
        }
    }
    Object {
        schema,
        address,
        module: Rc::clone(module),
        index,
        key,
        place: resource.place,
        written,
        failed,
    }
}
