//! Rules that go beyond one attribute: what Sym checked when a configuration was applied, what the documentation demands,
//! and warnings about what this product does not do (yet). The words that people may search for are kept.

use super::catalog::{Params, PromptField, Strategy};
use super::destinations;
use super::eval::World;
use super::objects::{Object, Objects, Written};
use super::schema::STRATEGIES;
use super::source::{Place, UNKNOWN_HINT};
use super::value::Value;
use super::{duplicates, kinds, references};
use crate::domain::field::FieldType;
use crate::slack::limits;

/// Strategy types that need no integration.
const WITHOUT_INTEGRATION: [&str; 1] = ["http"];

/// Names that the product fills itself.
const FILLED_NAMES: [&str; 2] = ["target", "decision_message"];

/// Where requests may come from.
const SOURCES: [&str; 2] = ["slack", "api"];

/// Checks single objects and what they have to do with each other, flows aside.
pub fn check_objects(world: &World, objects: &Objects) {
    duplicates::check(world, objects);
    for object in &objects.all {
        let address = &object.address;
        references::check(world, objects, object);
        kinds::check(world, object);
        if let Some(name) = object
            .text("name")
            .filter(|_| object.schema.kind != "sym_flow")
        {
            check_slug(world, object, name);
        }
        for attribute in ["name", "type"] {
            let value = object.get(attribute).map(|written| &written.value);
            if let Some(Value::Unknown(unknown)) =
                value.filter(|_| object.schema.kind != "sym_flow")
            {
                world.sources.error(
                    object.place_of(attribute),
                    format!(
                        "{address}: `{attribute}` depends on {}, which only an apply would know",
                        unknown.reference
                    ),
                    Some(UNKNOWN_HINT),
                );
            }
        }
        match object.schema.kind {
            "sym_strategy" => strategy(world, object),
            "sym_log_destination" => destinations::check(world, object),
            "sym_environment" => environment(world, object),
            _ => {}
        }
    }
    let mut filters = objects.of_kind("sym_flows_filter");
    if let Some(first) = filters.next() {
        for second in filters {
            world.sources.error(
                second.place,
                format!(
                    "{}: there can be only one sym_flows_filter; the other is {} at {}",
                    second.address,
                    first.address,
                    world.sources.describe(first.place)
                ),
                Some("remove one of them"),
            );
        }
    }
}

/// A slug: letters, digits, `-` and `_`.
pub fn check_slug(world: &World, object: &Object, name: &str) {
    let valid = !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    if !valid {
        world.sources.error(
            object.place_of("name"),
            format!("{}: the name {name:?} must be a valid slug", object.address),
            Some("use letters, digits, - and _; what people see is the label"),
        );
    }
}

fn strategy(world: &World, object: &Object) {
    let address = &object.address;
    let Some(kind) = object.text("type") else {
        return;
    };
    let known = STRATEGIES.iter().find(|(known, _)| *known == kind);
    if known.is_none() {
        let names: Vec<&str> = STRATEGIES.iter().map(|(name, _)| *name).collect();
        let hint = super::source::similar(kind, names.iter().copied()).map_or_else(
            || format!("known types: {}", names.join(", ")),
            |other| format!("did you mean {other:?}?"),
        );
        world.sources.warn(
            object.place_of("type"),
            format!("{address}: {kind:?} is not a known strategy type"),
            Some(&hint),
        );
    }
    if object.get("integration_id").is_none()
        && !object.failed
        && !WITHOUT_INTEGRATION.contains(&kind)
    {
        world.sources.error(
            object.place,
            format!("{address}: Strategy requires an Integration: `integration_id` is missing"),
            Some("name the integration with integration_id = sym_integration.NAME.id"),
        );
    }
    if let Some(written) = object.get("implementation") {
        custom_code(world, object, written);
    }
}

/// The code of a custom strategy: a path, as the provider takes it, or text.
fn custom_code(world: &World, object: &Object, written: &Written) {
    let Value::String(text) = &written.value else {
        return;
    };
    let looks_like_path = !text.contains('\n') && text.trim_end().ends_with(".py");
    if !looks_like_path || world.files.origin(text).is_some() {
        return;
    }
    let module = &object.module;
    let in_module = std::path::Path::new(&module.path).join(&**text);
    let found = world
        .files
        .read_text(module, &in_module)
        .or_else(|_| world.files.read_text(module, std::path::Path::new(&**text)));
    if let Err(problem) = found {
        world.sources.error(
            written.place,
            format!(
                "{}: Unable to read sym_strategy implementation file: {problem}",
                object.address
            ),
            Some("the path is relative to the root module"),
        );
    }
}

fn environment(world: &World, object: &Object) {
    let Some(written) = object.get("integrations") else {
        return;
    };
    let Value::Map(map) = &written.value else {
        return;
    };
    for key in map.entries.keys() {
        if !key.ends_with("_id") {
            world.sources.warn(
                written.place,
                format!(
                    "{}: the key {key:?} of `integrations` does not end in _id",
                    object.address
                ),
                Some("write slack_id = … for event.flow.environment.integrations[\"slack\"]"),
            );
        }
    }
}

/// Values that code may take for numbers or bools; they are strings.
pub fn check_vars(world: &World, object: &Object, written: &Written) {
    let Value::Map(map) = &written.value else {
        return;
    };
    for (key, value) in &map.entries {
        let what = format!("{}: vars[{key:?}]", object.address);
        let text = match value {
            Value::Unknown(unknown) => {
                world.sources.warn(
                    written.place,
                    format!("{what} depends on {}, which only an apply would know: handlers see the text \"{unknown}\"", unknown.reference),
                    Some(UNKNOWN_HINT),
                );
                continue;
            }
            other => match other.as_str() {
                Some(text) => text,
                None => continue,
            },
        };
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
            world.sources.warn(
                written.place,
                format!("{what} appears to be an integer; handlers get it as a string"),
                Some("convert it in Python with int()"),
            );
        }
        if matches!(
            text,
            "true"
                | "True"
                | "TRUE"
                | "t"
                | "T"
                | "1"
                | "false"
                | "False"
                | "FALSE"
                | "f"
                | "F"
                | "0"
        ) {
            world.sources.warn(
                written.place,
                format!("{what} appears to be a boolean; handlers get it as a string"),
                Some("compare it in Python with 'true' or 'false'"),
            );
        }
    }
}

/// `allowed_sources` is a subset of what there is.
pub fn check_sources(world: &World, object: &Object, sources: &[String], place: Place) {
    for source in sources
        .iter()
        .filter(|source| !SOURCES.contains(&source.as_str()))
    {
        world.sources.error(
            place,
            format!(
                "{}: params.allowed_sources: there is no source {source:?}",
                object.address
            ),
            Some("the sources are \"slack\" and \"api\""),
        );
    }
    if sources.is_empty() {
        world.sources.warn(
            place,
            format!(
                "{}: params.allowed_sources is empty, so nobody can make a request",
                object.address
            ),
            Some("leave it out to allow all sources"),
        );
    }
}

/// Each setting that is filled from the form needs a field to be filled from.
pub fn check_bindings(world: &World, flow: &Object, target: &Object, fields: &[PromptField]) {
    let Some(written) = target.get("field_bindings") else {
        return;
    };
    let Value::List(list) = &written.value else {
        return;
    };
    for name in list.items.iter().filter_map(Value::as_str) {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            world.sources.error(
                written.place,
                format!(
                    "{}: field_bindings names {name:?}, but {} has no prompt_field of that name",
                    target.address, flow.address
                ),
                Some("add the prompt_field, or take the name out of field_bindings"),
            );
            continue;
        };
        if !matches!(
            field.field_type,
            FieldType::String | FieldType::Int | FieldType::Bool | FieldType::Duration
        ) {
            world.sources.error(
                written.place,
                format!(
                    "{}: field_bindings names {name:?}, but that prompt_field of {} has the type {}, which is no setting",
                    target.address,
                    flow.address,
                    field.field_type.as_str()
                ),
                Some("settings are strings: bind fields of the type string, int, bool or duration"),
            );
        }
    }
}

/// Rules about a flow as a whole.
pub fn check_flow(
    world: &World,
    flow: &Object,
    params: &Params,
    fields: &[PromptField],
    places: &[Place],
    has_strategy: bool,
    strategy: Option<&Strategy>,
) {
    let address = &flow.address;
    if !params.schedule_deescalation && !params.allow_revoke {
        world.sources.error(
            flow.place,
            format!("{address}: schedule_deescalation and allow_revoke cannot both be false: access could never end"),
            Some("set one of them to true"),
        );
    }
    for (position, field) in fields.iter().enumerate() {
        // Fields that could not be read are missing from `fields`, so places are only exact when all could be.
        let place = if fields.len() == places.len() {
            places[position]
        } else {
            flow.place
        };
        let what = format!("{address}: prompt_field {:?}", field.name);
        if fields
            .iter()
            .take(position)
            .any(|earlier| earlier.name == field.name)
        {
            world.sources.error(
                place,
                format!("{what} is there twice"),
                Some("field names must differ"),
            );
        }
        if FILLED_NAMES.contains(&field.name.as_str()) {
            world.sources.error(
                place,
                format!("{what}: this name is reserved; the product fills it itself"),
                Some("choose another name"),
            );
        }
        match field.name.as_str() {
            "target_id" if !has_strategy => world.sources.error(
                place,
                format!("{what}: this name is reserved for access flows, and this flow has no strategy_id"),
                Some("choose another name, or give the flow a strategy"),
            ),
            "target_id" if field.allowed_values.is_some() => world.sources.warn(
                place,
                format!("{what} (prompt_field {position}): allowed_values will be ignored; the choices are the targets of the strategy"),
                Some("remove allowed_values"),
            ),
            "duration" => duration(world, field, place, &what, has_strategy),
            _ => {}
        }
    }
    check_questions(world, flow, params, fields, has_strategy);
    if let Some(strategy) = strategy.filter(|strategy| strategy.targets.is_empty()) {
        world.sources.error(
            flow.place,
            format!(
                "{address}: the strategy {:?} has no targets, so nothing can be requested",
                strategy.name
            ),
            Some("add the ids of sym_target resources to its `targets`"),
        );
    }
}

/// A form is shown before any `on_change` is called, so it has to hold all that is visible at first.
fn check_questions(
    world: &World,
    flow: &Object,
    params: &Params,
    fields: &[PromptField],
    has_strategy: bool,
) {
    let declares = |name: &str| fields.iter().any(|field| field.name == name);
    let target = has_strategy && !declares("target_id");
    let duration = has_strategy && params.schedule_deescalation && !declares("duration");
    let added = usize::from(target) + usize::from(duration);
    let asked = fields.iter().filter(|field| field.visible).count() + added;
    let more = params.additional_header_text.as_ref();
    let header = 1 + usize::from(more.is_some_and(|more| !more.trim().is_empty()));
    let most = limits::VIEW_BLOCKS - header;
    if asked > most {
        world.sources.error(
            flow.place,
            format!(
                "{}: its form asks {asked} questions{}, more than a form in Slack can hold ({most})",
                flow.address,
                if added > 0 { ", with those for the access itself" } else { "" }
            ),
            Some("ask less, or make several flows of it; `visible = false` takes a field off the form"),
        );
    }
}

fn duration(world: &World, field: &PromptField, place: Place, what: &str, has_strategy: bool) {
    let error = |problem: &str, hint: &str| {
        world
            .sources
            .error(place, format!("{what}: {problem}"), Some(hint));
    };
    if !has_strategy {
        error(
            "this name is reserved for access flows, and this flow has no strategy_id",
            "remove the field: there is no access that would end",
        );
        return;
    }
    if field.field_type != FieldType::Duration {
        error(
            "it must have the type duration",
            "write type = \"duration\"",
        );
    }
    if !field.required {
        error("it must be required", "remove `required = false`");
    }
    if field.allowed_values.is_none() {
        error("it needs allowed_values", "such as [\"30m\", \"1h\"]");
    }
}

/// Says that people will have to grant access themselves, and which targets the strategy does not know.
pub fn warn_of_manual_access(world: &World, flow: &Object, strategy: &Strategy, place: Place) {
    world.sources.warn(
        place,
        format!(
            "{}: access through the strategy type {:?} is not granted automatically: after approval the messages say that access is to be granted by hand",
            flow.address, strategy.strategy_type
        ),
        None,
    );
    let known = STRATEGIES
        .iter()
        .find(|(name, _)| *name == strategy.strategy_type)
        .map_or(&[] as &[&str], |(_, targets)| targets);
    for target in &strategy.targets {
        if !known.is_empty() && !known.contains(&target.target_type.as_str()) {
            world.sources.warn(
                place,
                format!(
                    "{}: the target {:?} has the type {:?}, which a strategy of type {:?} does not take",
                    flow.address, target.name, target.target_type, strategy.strategy_type
                ),
                Some(&format!("it takes {}", known.join(", "))),
            );
        }
    }
}
