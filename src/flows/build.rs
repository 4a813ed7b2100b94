//! Objects → the catalog: flows with their environments, strategies and targets put together. Problems are reported; a
//! flow with an error is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::structure::Structure;
use serde_json::{Map as JsonMap, Value as Json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::catalog::{Catalog, Environment, Flow, Params, PromptField, Strategy, Target};
use super::eval::{Nested, Scope, World};
use super::field::{self, Draft};
use super::objects::{Object, Objects, Referred, Written};
use super::schema::{self, Attribute, PARAMS, PROMPT_FIELD};
use super::source::{Place, similar};
use super::types::convert;
use super::value::{Value, from_json, to_json};
use super::{code, rules};

/// Name space of target ids: UUIDs of version 5 over the target's address.
const TARGET_IDS: Uuid = Uuid::from_u128(0x6c1b_5a0e_6f3d_5f43_9d3a_2f5e_8b7c_9a10);

/// Bytes of the hash that are kept as a version.
const VERSION_BYTES: usize = 16;

/// A flow with what only `symbot check` shows.
#[derive(Debug, Clone)]
pub struct FlowDetails {
    pub flow: Arc<Flow>,
    /// `params` as written, converted; without the prompt fields.
    pub params: JsonMap<String, Json>,
    /// Where `implementation` stands: file, line, column.
    pub place: (String, usize, usize),
}

/// Builds the catalog.
pub fn build(world: &World, objects: &Objects) -> (Catalog, Vec<FlowDetails>) {
    rules::check_objects(world, objects);
    let mut flows: Vec<FlowDetails> = objects
        .of_kind("sym_flow")
        .filter_map(|object| {
            let builder = Builder {
                world,
                objects,
                object,
            };
            builder.flow()
        })
        .collect();
    flows.sort_by(|left, right| left.flow.address.cmp(&right.flow.address));
    let mut sym_resources = BTreeMap::new();
    for object in &objects.all {
        *sym_resources
            .entry(object.schema.kind.to_owned())
            .or_insert(0) += 1;
    }
    let environments: std::collections::BTreeSet<String> = objects
        .of_kind("sym_environment")
        .filter_map(|object| object.text("name").map(str::to_lowercase))
        .collect();
    let mut hash = Sha256::new();
    for details in &flows {
        hash.update(details.flow.address.as_bytes());
        hash.update([0]);
        hash.update(details.flow.version.as_bytes());
        hash.update([0]);
    }
    let catalog = Catalog {
        version: hex(&hash.finalize()),
        flows: flows
            .iter()
            .map(|details| Arc::clone(&details.flow))
            .collect(),
        sym_resources,
        several_environments: environments.len() > 1,
    };
    (catalog, flows)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .take(VERSION_BYTES)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Attributes of `params`, and where it stands.
struct WrittenParams {
    written: BTreeMap<&'static str, Written>,
    place: Place,
    fields: Vec<Draft>,
}

struct Builder<'a> {
    world: &'a World,
    objects: &'a Objects,
    object: &'a Object,
}

impl<'a> Builder<'a> {
    fn flow(&self) -> Option<FlowDetails> {
        let object = self.object;
        let params = self.written_params();
        let name = self.known_text("name")?;
        rules::check_slug(self.world, object, &name);
        let label = self.known_text("label").filter(|label| !label.is_empty());
        let implementation = self.implementation();
        let environment = self.environment();
        let vars = self.vars();
        let prompt_fields: Vec<_> = params
            .fields
            .iter()
            .filter_map(|draft| field::read(self.world, object, draft))
            .collect();
        let settings = self.params(&params);
        let strategy = self.strategy(&params, &prompt_fields);
        let has_strategy = params
            .written
            .get("strategy_id")
            .is_some_and(|written| written.value.as_str() != Some(""));
        let places: Vec<Place> = params.fields.iter().map(|draft| draft.place).collect();
        rules::check_flow(
            self.world,
            object,
            &settings,
            &prompt_fields,
            &places,
            has_strategy,
            strategy.as_ref(),
        );
        if let (Some(strategy), Some(written)) = (&strategy, params.written.get("strategy_id")) {
            rules::warn_of_manual_access(self.world, object, strategy, written.place);
        }
        if has_strategy && strategy.is_none() {
            return None;
        }
        let mut flow = Flow {
            address: object.address.clone(),
            name: name.to_string(),
            label: label.map(|label| label.to_string()),
            environment: environment?,
            vars,
            params: settings,
            prompt_fields,
            implementation: implementation?,
            strategy,
            version: String::new(),
        };
        let canonical = serde_json::to_vec(&flow).unwrap_or_default();
        flow.version = hex(&Sha256::digest(&canonical));
        Some(FlowDetails {
            flow: Arc::new(flow),
            params: shown_params(&params),
            place: self.shown_place(object.place_of("implementation")),
        })
    }

    fn shown_place(&self, place: Place) -> (String, usize, usize) {
        match self.world.sources.file(place.file) {
            Some(file) => {
                let (line, column) = file.line_and_column(place.start);
                (file.name.clone(), line, column)
            }
            None => (String::new(), 1, 1),
        }
    }

    fn unknown(&self, place: Place, attribute: &str, reference: &str) {
        self.world.sources.error(
            place,
            format!(
                "{}: `{attribute}` depends on {reference}, which only an apply would know",
                self.object.address
            ),
            Some("use a value that is written in the configuration"),
        );
    }

    /// A text that must be known for the flow to run.
    fn known_text(&self, name: &str) -> Option<Arc<str>> {
        let written = self.object.get(name)?;
        match &written.value {
            Value::String(text) => Some(Arc::clone(text)),
            Value::Unknown(unknown) => {
                self.unknown(written.place, name, &unknown.reference);
                None
            }
            _ => None,
        }
    }

    fn implementation(&self) -> Option<super::catalog::Implementation> {
        let text = self.known_text("implementation")?;
        let place = self.object.place_of("implementation");
        let what = format!("{}: implementation", self.object.address);
        code::read(self.world, self.object, &text, place, &what)
    }

    fn vars(&self) -> BTreeMap<String, String> {
        if let Some(written) = self.object.get("vars") {
            rules::check_vars(self.world, self.object, written);
        }
        // The id of a target is what the form's `target_id` field carries, so code can compare the two.
        let mut vars = self.object.text_map("vars");
        for value in vars.values_mut() {
            let target = self
                .objects
                .find(value, self.object)
                .filter(|object| object.schema.kind == "sym_target");
            if let Some(target) = target {
                *value = target_id(&target.address);
            }
        }
        vars
    }

    /// Follows an id that must lead to an object of a kind.
    fn follow(
        &self,
        from: &Object,
        attribute: &str,
        written: &Written,
        kind: &str,
    ) -> Option<&'a Object> {
        match self.objects.follow(&written.value, from) {
            Referred::Object(object) if object.schema.kind == kind => self
                .objects
                .all
                .iter()
                .find(|other| std::ptr::eq(*other, object)),
            Referred::Object(object) => {
                self.world.sources.error(
                    written.place,
                    format!(
                        "{}: `{attribute}` takes the id of a {kind}, not of {}",
                        from.address, object.address
                    ),
                    None,
                );
                None
            }
            Referred::Unknown(unknown) => {
                self.world.sources.error(
                    written.place,
                    format!(
                        "{}: `{attribute}` depends on {}, which only an apply would know",
                        from.address, unknown.reference
                    ),
                    Some("use the id of a resource in this configuration"),
                );
                None
            }
            Referred::Nothing(id) => {
                self.world.sources.error(
                    written.place,
                    format!(
                        "{}: `{attribute}`: {id:?} is not the id of a {kind} in this configuration",
                        from.address
                    ),
                    Some(&format!("write {kind}.NAME.id")),
                );
                None
            }
            Referred::Missing => None,
        }
    }

    /// `None` after an error; `Some(None)` for a flow without an environment.
    fn environment(&self) -> Option<Option<Environment>> {
        let object = self.object;
        if let Some(written) = object
            .get("environment_id")
            .filter(|written| written.value.as_str() != Some(""))
        {
            let environment = self.follow(object, "environment_id", written, "sym_environment")?;
            return Some(Some(self.read_environment(environment)?));
        }
        if object.resource().body.attribute("environment_id").is_some() && object.failed {
            return None;
        }
        let own: Vec<&Object> = self
            .objects
            .of_kind("sym_environment")
            .filter(|environment| environment.module.root_dir == object.module.root_dir)
            .collect();
        let candidates = if own.is_empty() {
            self.objects.of_kind("sym_environment").collect()
        } else {
            own
        };
        match candidates.as_slice() {
            [] => Some(None),
            [only] => {
                self.world.sources.warn(
                    object.place,
                    format!(
                        "{}: `environment_id` is missing; the only environment, {}, is used",
                        object.address, only.address
                    ),
                    Some(&format!("write environment_id = {}.id", only.address)),
                );
                Some(Some(self.read_environment(only)?))
            }
            several => {
                let names: Vec<&str> = several
                    .iter()
                    .map(|object| object.address.as_str())
                    .collect();
                self.world.sources.error(
                    object.place,
                    format!(
                        "{}: `environment_id` is missing, and there are several environments: {}",
                        object.address,
                        names.join(", ")
                    ),
                    Some("say which one the flow belongs to"),
                );
                None
            }
        }
    }

    fn read_environment(&self, environment: &Object) -> Option<Environment> {
        let name = environment.text("name")?.to_owned();
        let error_logger = match environment.get("error_logger_id") {
            Some(written) if written.value.as_str() != Some("") => {
                let logger =
                    self.follow(environment, "error_logger_id", written, "sym_error_logger")?;
                match logger
                    .get("destination")
                    .map(|written| (&written.value, written.place))
                {
                    Some((Value::String(destination), _)) => Some(destination.to_string()),
                    Some((Value::Unknown(unknown), place)) => {
                        self.world.sources.error(
                            place,
                            format!(
                                "{}: `destination` depends on {}, which only an apply would know",
                                logger.address, unknown.reference
                            ),
                            Some("write the name of the channel"),
                        );
                        return None;
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        Some(Environment {
            name,
            label: environment
                .text("label")
                .filter(|label| !label.is_empty())
                .map(str::to_owned),
            integrations: environment.text_map("integrations"),
            error_logger,
        })
    }

    fn written_params(&self) -> WrittenParams {
        let object = self.object;
        let resource = object.resource();
        let blocks = resource.body.blocks("params");
        let mut result = WrittenParams {
            written: BTreeMap::new(),
            place: object.place,
            fields: Vec::new(),
        };
        if let Some(written) = object.get("params") {
            result.place = written.place;
            self.old_params(written, &mut result);
            return result;
        }
        let Some((file, _)) = blocks.first() else {
            return result;
        };
        let read = self.world.with_scope(
            &object.module,
            object.index,
            &object.key,
            *file,
            object.place,
            |scope| {
                let nested = self.world.nested_blocks(blocks.clone(), scope)?;
                if let Some(second) = nested.get(1) {
                    self.world.sources.error(
                        second.place,
                        format!("{}: there can be only one `params` block", object.address),
                        Some("move its content into the first one"),
                    );
                }
                if let Some(first) = nested.first() {
                    result.place = first.place;
                    first.in_scope(scope, |scope| self.params_block(first, scope, &mut result));
                }
                Ok(())
            },
        );
        if let Err(failure) = read {
            self.world.sources.report(&failure);
        }
        result
    }

    fn params_block(&self, block: &Nested<'_>, scope: &Scope<'_>, result: &mut WrittenParams) {
        let what = format!("{}: params", self.object.address);
        result.written = self.block(block, scope, PARAMS, &["prompt_field"], &what);
        let fields = block
            .body
            .blocks()
            .filter(|inner| super::config::block_name(inner) == "prompt_field")
            .map(|inner| (block.file, inner))
            .collect();
        match self.world.nested_blocks(fields, scope) {
            Ok(fields) => {
                for (position, nested) in fields.iter().enumerate() {
                    let what = format!("{}: prompt_field {position}", self.object.address);
                    let written = nested.in_scope(scope, |scope| {
                        self.block(nested, scope, PROMPT_FIELD, &[], &what)
                    });
                    result.fields.push(Draft {
                        written,
                        place: nested.place,
                        position,
                        first_generation: false,
                    });
                }
            }
            Err(failure) => self.world.sources.report(&failure),
        }
    }

    /// Evaluates the attributes of a block by a table.
    fn block(
        &self,
        block: &Nested<'_>,
        scope: &Scope<'_>,
        table: &'static [Attribute],
        blocks: &[&str],
        what: &str,
    ) -> BTreeMap<&'static str, Written> {
        let mut written = BTreeMap::new();
        for structure in block.body.iter() {
            let place = Place::new(block.file, structure.span());
            let name = match structure {
                Structure::Attribute(attribute) => attribute.key.as_str(),
                Structure::Block(inner) => super::config::block_name(inner),
            };
            let known = table.iter().find(|attribute| attribute.name == name);
            match (structure, known) {
                (Structure::Attribute(attribute), Some(known)) => {
                    let place = Place::new(block.file, attribute.value.span());
                    let value = self.world.eval(&attribute.value, scope).and_then(|value| {
                        convert(&value, &known.value_type.constraint()).map_err(|problem| {
                            super::source::Failure::new(
                                place,
                                format!("{what}: `{name}`: {problem}"),
                            )
                        })
                    });
                    match value {
                        Ok(Value::Null) => {}
                        Ok(value) => {
                            written.insert(known.name, Written { value, place });
                        }
                        Err(failure) => self.world.sources.report(&failure),
                    }
                }
                (Structure::Block(_), None) if blocks.contains(&name) => {}
                (Structure::Block(_), Some(_)) => self.world.sources.error(
                    place,
                    format!("{what}: `{name}` is an attribute, not a block"),
                    Some(&format!("write `{name} = …`, with an equals sign")),
                ),
                (_, None) => {
                    let names = table
                        .iter()
                        .map(|attribute| attribute.name)
                        .chain(blocks.iter().copied());
                    let hint = similar(name, names).map(|other| format!("did you mean `{other}`?"));
                    self.world.sources.error(
                        place,
                        format!("{what}: there is no `{name}` here"),
                        hint.as_deref(),
                    );
                }
            }
        }
        written
    }

    /// The first generation: a map whose lists are texts in JSON.
    fn old_params(&self, params: &Written, result: &mut WrittenParams) {
        let address = &self.object.address;
        let error = |message: String, hint: Option<&str>| {
            self.world
                .sources
                .error(params.place, format!("{address}: params: {message}"), hint);
        };
        let map = match &params.value {
            Value::Map(map) => map,
            Value::Unknown(unknown) => {
                self.unknown(params.place, "params", &unknown.reference);
                return;
            }
            other => {
                error(
                    format!("a map or a block is required, not {}", other.kind_name()),
                    None,
                );
                return;
            }
        };
        for (key, value) in &map.entries {
            let (name, value) = match key.strip_suffix("_json") {
                Some(name) => match self.decode(key, value, params.place) {
                    Some(value) => (name, value),
                    None => continue,
                },
                None => (key.as_str(), value.clone()),
            };
            if name == "prompt_fields" {
                self.old_fields(&value, params.place, result);
                continue;
            }
            let Some(known) = PARAMS.iter().find(|attribute| attribute.name == name) else {
                let names = PARAMS
                    .iter()
                    .map(|attribute| attribute.name)
                    .chain(["prompt_fields_json", "allowed_sources_json"]);
                let hint = similar(name, names).map(|other| format!("did you mean `{other}`?"));
                error(format!("there is no `{key}` here"), hint.as_deref());
                continue;
            };
            match convert(&value, &known.value_type.constraint()) {
                Ok(Value::Null) => {}
                Ok(value) => {
                    result.written.insert(
                        known.name,
                        Written {
                            value,
                            place: params.place,
                        },
                    );
                }
                Err(problem) => error(format!("`{key}`: {problem}"), None),
            }
        }
    }

    fn decode(&self, key: &str, value: &Value, place: Place) -> Option<Value> {
        match value {
            Value::String(text) => match serde_json::from_str::<Json>(text) {
                Ok(json) => Some(from_json(&json)),
                Err(error) => {
                    self.world.sources.error(
                        place,
                        format!(
                            "{}: params: `{key}` is not JSON: {error}",
                            self.object.address
                        ),
                        Some("use jsonencode(…)"),
                    );
                    None
                }
            },
            Value::Unknown(unknown) => {
                self.unknown(place, &format!("params.{key}"), &unknown.reference);
                None
            }
            other => Some(other.clone()),
        }
    }

    fn old_fields(&self, fields: &Value, place: Place, result: &mut WrittenParams) {
        let address = &self.object.address;
        let Value::List(list) = fields else {
            self.world.sources.error(
                place,
                format!("{address}: params: `prompt_fields_json` must hold a list"),
                None,
            );
            return;
        };
        for (position, item) in list.items.iter().enumerate() {
            let mut written = BTreeMap::new();
            let Value::Map(map) = item else {
                self.world.sources.error(
                    place,
                    format!(
                        "{address}: prompt_field {position}: an object is required, not {}",
                        item.kind_name()
                    ),
                    None,
                );
                continue;
            };
            for (name, value) in &map.entries {
                let Some(known) = PROMPT_FIELD.iter().find(|attribute| attribute.name == name)
                else {
                    let names = PROMPT_FIELD.iter().map(|attribute| attribute.name);
                    let hint = similar(name, names).map(|other| format!("did you mean `{other}`?"));
                    self.world.sources.error(
                        place,
                        format!("{address}: prompt_field {position}: there is no `{name}` here"),
                        hint.as_deref(),
                    );
                    continue;
                };
                match convert(value, &known.value_type.constraint()) {
                    Ok(Value::Null) => {}
                    Ok(value) => {
                        written.insert(known.name, Written { value, place });
                    }
                    Err(problem) => self.world.sources.error(
                        place,
                        format!("{address}: prompt_field {position}: `{name}`: {problem}"),
                        None,
                    ),
                }
            }
            result.fields.push(Draft {
                written,
                place,
                position,
                first_generation: true,
            });
        }
    }

    fn params(&self, params: &WrittenParams) -> Params {
        let defaults = Params::default();
        let flag = |name: &str, default: bool| match params.written.get(name) {
            None => default,
            Some(written) => match &written.value {
                Value::Bool(value) => *value,
                Value::Unknown(unknown) => {
                    self.unknown(written.place, &format!("params.{name}"), &unknown.reference);
                    default
                }
                _ => default,
            },
        };
        let known = |name: &str| {
            params.written.get(name).filter(|written| {
                if let Some(unknown) = written.value.first_unknown() {
                    self.unknown(written.place, &format!("params.{name}"), &unknown.reference);
                }
                written.value.first_unknown().is_none()
            })
        };
        let allowed_sources = known("allowed_sources").and_then(|written| match &written.value {
            Value::List(list) => Some(
                list.items
                    .iter()
                    .filter_map(|item| Some(item.as_str()?.to_owned()))
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        });
        if let (Some(sources), Some(written)) =
            (&allowed_sources, params.written.get("allowed_sources"))
        {
            rules::check_sources(self.world, self.object, sources, written.place);
        }
        Params {
            allow_revoke: flag("allow_revoke", defaults.allow_revoke),
            schedule_deescalation: flag("schedule_deescalation", defaults.schedule_deescalation),
            include_decision_message: flag(
                "include_decision_message",
                defaults.include_decision_message,
            ),
            allowed_sources,
            additional_header_text: known("additional_header_text")
                .and_then(|written| written.value.as_str())
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            allow_guest_interaction: flag(
                "allow_guest_interaction",
                defaults.allow_guest_interaction,
            ),
        }
    }

    fn strategy(&self, params: &WrittenParams, fields: &[PromptField]) -> Option<Strategy> {
        let written = params.written.get("strategy_id")?;
        let strategy = self.follow(self.object, "params.strategy_id", written, "sym_strategy")?;
        let targets = strategy.get("targets")?;
        let Value::List(list) = &targets.value else {
            if let Value::Unknown(unknown) = &targets.value {
                self.world.sources.error(
                    targets.place,
                    format!(
                        "{}: `targets` depends on {}, which only an apply would know",
                        strategy.address, unknown.reference
                    ),
                    Some("use the ids of sym_target resources"),
                );
            }
            return None;
        };
        let mut all = Vec::new();
        let mut complete = true;
        for item in &list.items {
            let item = Written {
                value: item.clone(),
                place: targets.place,
            };
            let Some(target) = self.follow(strategy, "targets", &item, "sym_target") else {
                complete = false;
                continue;
            };
            rules::check_bindings(self.world, self.object, target, fields);
            all.push(Target {
                id: target_id(&target.address),
                target_type: target.text("type")?.to_owned(),
                name: target.text("name")?.to_owned(),
                label: target
                    .text("label")
                    .filter(|label| !label.is_empty())
                    .map(str::to_owned),
                settings: target.text_map("settings"),
            });
        }
        if !complete {
            return None;
        }
        Some(Strategy {
            strategy_type: strategy.text("type")?.to_owned(),
            name: strategy.text("name")?.to_owned(),
            label: strategy
                .text("label")
                .filter(|label| !label.is_empty())
                .map(str::to_owned),
            targets: all,
        })
    }
}

fn target_id(address: &str) -> String {
    Uuid::new_v5(&TARGET_IDS, address.as_bytes()).to_string()
}

fn shown_params(params: &WrittenParams) -> JsonMap<String, Json> {
    let in_order = schema::PARAMS.iter().filter_map(|attribute| {
        let written = params.written.get(attribute.name)?;
        let json = serde_json::from_str(&to_json(&written.value)).ok()?;
        Some((attribute.name.to_owned(), json))
    });
    in_order.collect()
}
