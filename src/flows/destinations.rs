//! `sym_log_destination`: where audit records are sent. Those of type `http` are carried out; the others need the cloud
//! services of the hosted product and are reported.

use url::Url;

use super::catalog::LogDestination;
use super::eval::World;
use super::objects::{Object, Objects, Referred};
use super::source::UNKNOWN_HINT;
use super::value::Value;

/// Types that need no integration.
pub(super) const WITHOUT_INTEGRATION: [&str; 2] = ["http", "datadog"];
const TYPES: [&str; 5] = [
    "http",
    "datadog",
    "kinesis_firehose",
    "kinesis_data_stream",
    "segment",
];

/// Reports what is wrong with a destination by itself.
pub(super) fn check(world: &World, object: &Object) {
    let Some(kind) = object.text("type") else {
        return;
    };
    if object.get("integration_id").is_none()
        && !object.failed
        && !WITHOUT_INTEGRATION.contains(&kind)
    {
        world.sources.error(
            object.place,
            format!(
                "{}: LogDestination requires an Integration: `integration_id` is missing",
                object.address
            ),
            Some("name the integration with integration_id = sym_integration.NAME.id"),
        );
    }
    if kind == "http" {
        if let Err((message, hint)) = url_of(object)
            && !object.failed
        {
            let place = object.place_of("settings");
            world
                .sources
                .error(place, format!("{}: {message}", object.address), Some(hint));
        }
        return;
    }
    let address = &object.address;
    let message = if TYPES.contains(&kind) {
        format!(
            "{address}: log destinations of type {kind:?} are not supported: nothing is sent there; all records are in the audit journal"
        )
    } else {
        format!("{address}: there is no log destination of type {kind:?}; nothing is sent")
    };
    world.sources.warn(
        object.place_of("type"),
        message,
        Some("use type = \"http\" with a collector that passes records on, or symbot audit export"),
    );
}

/// The address of a destination, or what is wrong with it and what to do.
fn url_of(object: &Object) -> Result<Url, (String, &'static str)> {
    const HINT: &str = "write settings = { url = \"https://…\" }";
    let settings = match object.get("settings").map(|written| &written.value) {
        Some(Value::Unknown(unknown)) => {
            let reference = &unknown.reference;
            let message =
                format!("`settings` depends on {reference}, which only an apply would know");
            return Err((message, UNKNOWN_HINT));
        }
        Some(Value::Map(map)) => map,
        _ => return Err(("`settings` with a `url` is missing".to_owned(), HINT)),
    };
    let url = match settings.entries.get("url") {
        Some(Value::Unknown(unknown)) => {
            let reference = &unknown.reference;
            let message = format!("`url` depends on {reference}, which only an apply would know");
            return Err((message, UNKNOWN_HINT));
        }
        Some(Value::String(text)) => Url::parse(text),
        _ => return Err(("`url` is missing in `settings`".to_owned(), HINT)),
    };
    match url {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        // The text may hold a secret.
        Ok(_) => Err(("`url` is not an http or https address".to_owned(), HINT)),
        Err(error) => Err((format!("`url` is not an address ({error})"), HINT)),
    }
}

/// All destinations that are carried out, with the environments that name them.
pub(super) fn read(world: &World, objects: &Objects) -> Vec<LogDestination> {
    let mut destinations: Vec<LogDestination> = objects
        .of_kind("sym_log_destination")
        .filter(|object| object.text("type") == Some("http"))
        .filter_map(|object| {
            Some(LogDestination {
                address: object.address.clone(),
                url: url_of(object).ok()?,
                environments: Vec::new(),
            })
        })
        .collect();
    for environment in objects.of_kind("sym_environment") {
        let (Some(name), Some(written)) = (
            environment.text("name"),
            environment.get("log_destination_ids"),
        ) else {
            continue;
        };
        let Value::List(list) = &written.value else {
            continue;
        };
        for id in &list.items {
            match objects.follow(id, environment) {
                Referred::Object(found) if found.schema.kind == "sym_log_destination" => {
                    let destination = destinations
                        .iter_mut()
                        .find(|destination| destination.address == found.address);
                    if let Some(destination) = destination {
                        destination.environments.push(name.to_owned());
                    }
                }
                Referred::Missing | Referred::Unknown(_) => {}
                Referred::Object(found) => world.sources.error(
                    written.place,
                    format!(
                        "{}: `log_destination_ids` takes ids of sym_log_destination, not of {}",
                        environment.address, found.address
                    ),
                    Some("write sym_log_destination.NAME.id"),
                ),
                Referred::Nothing(id) => world.sources.error(
                    written.place,
                    format!(
                        "{}: `log_destination_ids` names {id:?}, which is the id of nothing here",
                        environment.address
                    ),
                    Some("write sym_log_destination.NAME.id"),
                ),
            }
        }
    }
    for object in objects.of_kind("sym_log_destination") {
        let unused = destinations.iter().any(|destination| {
            destination.address == object.address && destination.environments.is_empty()
        });
        if unused {
            world.sources.warn(
                object.place,
                format!("{}: no environment sends its records there", object.address),
                Some("name it in log_destination_ids of a sym_environment"),
            );
        }
    }
    destinations.sort_by(|left, right| left.address.cmp(&right.address));
    destinations
}
