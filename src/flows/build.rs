//! Objects → the catalog: flows with their environments, strategies and targets put together. Problems are reported; a
//! flow with an error is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::catalog::{Catalog, Environment, Flow, Params, PromptField, Strategy, Target};
use super::eval::World;
use super::field;
use super::objects::{Object, Objects, Referred, Written};
use super::params::WrittenParams;
use super::source::{Place, UNKNOWN_HINT};
use super::value::Value;
use super::{code, destinations, rules, services};

/// Name space of target ids: UUIDs of version 5 over the target's address.
const TARGET_IDS: Uuid = Uuid::from_u128(0x6c1b_5a0e_6f3d_5f43_9d3a_2f5e_8b7c_9a10);

/// Name space of strategy ids, made in the same way.
const STRATEGY_IDS: Uuid = Uuid::from_u128(0x2b7e_10c4_93d5_5a68_b1f0_7c42_e6a9_0d35);

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

/// What [`build`] makes.
pub struct Built {
    pub catalog: Catalog,
    pub flows: Vec<FlowDetails>,
    /// The flows filter, as a flow.
    pub filter: Option<FlowDetails>,
}

/// Name of the internal flow that a flows filter is.
const FILTER_NAME: &str = "flow_selection";

/// Builds the catalog.
pub fn build(world: &World, objects: &Objects) -> Built {
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
    let filter = objects.of_kind("sym_flows_filter").next();
    let filter = filter.and_then(|object| {
        let builder = Builder {
            world,
            objects,
            object,
        };
        builder.filter()
    });
    let environments: std::collections::BTreeSet<String> = objects
        .of_kind("sym_environment")
        .filter_map(|object| object.text("name").map(str::to_lowercase))
        .collect();
    let mut hash = Sha256::new();
    for details in flows.iter().chain(&filter) {
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
        filter: filter.as_ref().map(|details| Arc::clone(&details.flow)),
        log_destinations: destinations::read(world, objects),
        sym_resources,
        several_environments: environments.len() > 1,
    };
    Built {
        catalog,
        flows,
        filter,
    }
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

/// Builds one flow.
pub(super) struct Builder<'a> {
    pub(super) world: &'a World,
    objects: &'a Objects,
    pub(super) object: &'a Object,
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
        let has_strategy = params.failed.contains("strategy_id")
            || params
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
        let flow = Flow {
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
            handlers: Vec::new(),
        };
        Some(self.finished(flow, params.shown()))
    }

    /// A flows filter: code with variables and integrations of its own.
    fn filter(&self) -> Option<FlowDetails> {
        let object = self.object;
        let environment = Environment {
            name: FILTER_NAME.to_owned(),
            label: None,
            integrations: object.text_map("integrations"),
            error_logger: None,
            services: services::read(self.world, self.objects, object),
        };
        let flow = Flow {
            address: object.address.clone(),
            name: FILTER_NAME.to_owned(),
            label: None,
            environment: Some(environment),
            vars: self.vars(),
            params: Params::default(),
            prompt_fields: Vec::new(),
            implementation: self.implementation()?,
            strategy: None,
            version: String::new(),
            handlers: Vec::new(),
        };
        Some(self.finished(flow, JsonMap::new()))
    }

    /// A flow with the version that all of it makes, and what `symbot check` shows of it.
    fn finished(&self, mut flow: Flow, params: JsonMap<String, Json>) -> FlowDetails {
        let canonical = serde_json::to_vec(&flow).unwrap_or_default();
        flow.version = hex(&Sha256::digest(&canonical));
        FlowDetails {
            flow: Arc::new(flow),
            params,
            place: self.shown_place(self.object.place_of("implementation")),
        }
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

    pub(super) fn unknown(&self, place: Place, attribute: &str, reference: &str) {
        self.world.sources.error(
            place,
            format!(
                "{}: `{attribute}` depends on {reference}, which only an apply would know",
                self.object.address
            ),
            Some(UNKNOWN_HINT),
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
                    Some(&format!("write {kind}.NAME.id")),
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
        match self.objects.environments_beside(object).as_slice() {
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
            services: services::read(self.world, self.objects, environment),
        })
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
            if matches!(
                self.objects.follow(&item.value, strategy),
                Referred::Missing
            ) {
                continue;
            }
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
                field_bindings: target.texts("field_bindings"),
            });
        }
        if !complete {
            return None;
        }
        Some(Strategy {
            id: Uuid::new_v5(&STRATEGY_IDS, strategy.address.as_bytes()).to_string(),
            strategy_type: strategy.text("type")?.to_owned(),
            name: strategy.text("name")?.to_owned(),
            label: strategy
                .text("label")
                .filter(|label| !label.is_empty())
                .map(str::to_owned),
            integration: services::of_strategy(self.world, self.objects, strategy),
            targets: all,
            settings: strategy.text_map("settings"),
        })
    }
}

fn target_id(address: &str) -> String {
    Uuid::new_v5(&TARGET_IDS, address.as_bytes()).to_string()
}
