//! The `params` of a flow, as a block or in the form of the first generation, with its prompt fields. Called by `build`.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::Span;
use hcl_edit::structure::Structure;
use serde_json::{Map as JsonMap, Value as Json};

use super::build::Builder;
use super::catalog::Params;
use super::eval::{Nested, Scope};
use super::field::Draft;
use super::objects::Written;
use super::rules;
use super::schema::{self, Attribute, PARAMS, PROMPT_FIELD};
use super::source::{Place, similar};
use super::types::convert;
use super::value::{Value, from_json, to_json};

/// Attributes of `params`, and where it stands.
pub(super) struct WrittenParams {
    pub written: BTreeMap<&'static str, Written>,
    /// Attributes with a problem, which is reported.
    pub failed: BTreeSet<&'static str>,
    place: Place,
    pub fields: Vec<Draft>,
}

impl Builder<'_> {
    pub(super) fn written_params(&self) -> WrittenParams {
        let object = self.object;
        let resource = object.resource();
        let blocks = resource.body.blocks("params");
        let mut result = WrittenParams {
            written: BTreeMap::new(),
            failed: BTreeSet::new(),
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
        (result.written, result.failed) =
            self.block(block, scope, PARAMS, &["prompt_field"], &what);
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
                    let (written, failed) = nested.in_scope(scope, |scope| {
                        self.block(nested, scope, PROMPT_FIELD, &[], &what)
                    });
                    result.fields.push(Draft {
                        written,
                        failed,
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
    ) -> (BTreeMap<&'static str, Written>, BTreeSet<&'static str>) {
        let mut written = BTreeMap::new();
        let mut failed = BTreeSet::new();
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
                        Err(failure) => {
                            failed.insert(known.name);
                            self.world.sources.report(&failure);
                        }
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
        (written, failed)
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
            let mut failed = BTreeSet::new();
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
                    Err(problem) => {
                        failed.insert(known.name);
                        self.world.sources.error(
                            place,
                            format!("{address}: prompt_field {position}: `{name}`: {problem}"),
                            None,
                        );
                    }
                }
            }
            result.fields.push(Draft {
                written,
                failed,
                place,
                position,
                first_generation: true,
            });
        }
    }

    pub(super) fn params(&self, params: &WrittenParams) -> Params {
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
}

impl WrittenParams {
    /// As written, converted, in the order of the table.
    pub(super) fn shown(&self) -> JsonMap<String, Json> {
        let in_order = schema::PARAMS.iter().filter_map(|attribute| {
            let written = self.written.get(attribute.name)?;
            let json = serde_json::from_str(&to_json(&written.value)).ok()?;
            Some((attribute.name.to_owned(), json))
        });
        in_order.collect()
    }
}
