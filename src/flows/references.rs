//! Which kind of object each id must lead to. Checked for every object, whether a flow uses it or not; called by `rules`. Log destinations are
//! looked at in `destinations`.

use super::eval::World;
use super::objects::{Object, Objects, Referred};
use super::source::Place;
use super::value::Value;

/// Attributes that hold the id of an object: kind, attribute, kind of what it names.
const IDS: [(&str, &str, &str); 7] = [
    ("sym_environment", "runtime_id", "sym_runtime"),
    ("sym_environment", "error_logger_id", "sym_error_logger"),
    ("sym_strategy", "integration_id", "sym_integration"),
    ("sym_strategy", "targets", "sym_target"),
    ("sym_error_logger", "integration_id", "sym_integration"),
    ("sym_log_destination", "integration_id", "sym_integration"),
    ("sym_secret", "source_id", "sym_secrets"),
];

/// Entries of maps that hold such: kind, attribute, key, kind of what it names.
const ENTRIES: [(&str, &str, &str, &str); 8] = [
    ("sym_secrets", "settings", "context_id", "sym_integration"),
    (
        "sym_integration",
        "settings",
        "api_token_secret",
        "sym_secret",
    ),
    ("sym_integration", "settings", "client_secret", "sym_secret"),
    (
        "sym_integration",
        "settings",
        "username_secret",
        "sym_secret",
    ),
    (
        "sym_integration",
        "settings",
        "password_secret",
        "sym_secret",
    ),
    (
        "sym_integration",
        "settings",
        "write_key_secret",
        "sym_secret",
    ),
    ("sym_environment", "integrations", "", "sym_integration"),
    ("sym_flows_filter", "integrations", "", "sym_integration"),
];

/// Kinds that a flow has to find, so that an id that leads nowhere is an error.
const FOLLOWED: [&str; 2] = ["sym_target", "sym_error_logger"];

/// Follows every id of an object.
pub fn check(world: &World, objects: &Objects, object: &Object) {
    let kind = object.schema.kind;
    if kind == "sym_runtime" {
        one(world, objects, object, "context_id", "sym_integration");
    }
    for (of, attribute, wanted) in IDS {
        if of == kind {
            one(world, objects, object, attribute, wanted);
        }
    }
    for (of, attribute, key, wanted) in ENTRIES {
        let Some(written) = object.get(attribute).filter(|_| of == kind) else {
            continue;
        };
        let Value::Map(map) = &written.value else {
            continue;
        };
        for (name, value) in &map.entries {
            if key.is_empty() || name == key {
                let what = format!("`{attribute}` ({name})");
                follow(world, objects, object, &what, value, written.place, wanted);
            }
        }
    }
}

fn one(world: &World, objects: &Objects, object: &Object, attribute: &str, wanted: &str) {
    let Some(written) = object.get(attribute) else {
        return;
    };
    let what = format!("`{attribute}`");
    match &written.value {
        Value::List(list) => {
            for item in &list.items {
                follow(world, objects, object, &what, item, written.place, wanted);
            }
        }
        value => follow(world, objects, object, &what, value, written.place, wanted),
    }
}

fn follow(
    world: &World,
    objects: &Objects,
    from: &Object,
    what: &str,
    value: &Value,
    place: Place,
    wanted: &str,
) {
    match objects.follow(value, from) {
        Referred::Object(found) if found.schema.kind != wanted => world.sources.error(
            place,
            format!(
                "{}: {what} takes the id of a {wanted}, not of {}",
                from.address, found.address
            ),
            Some(&format!("write {wanted}.NAME.id")),
        ),
        // An object that another configuration made may be named by its UUID; a name in place of an id is a slip.
        Referred::Nothing(id) if FOLLOWED.contains(&wanted) => world.sources.error(
            place,
            format!(
                "{}: {what}: {id:?} is not the id of a {wanted} in this configuration",
                from.address
            ),
            Some(&format!("write {wanted}.NAME.id")),
        ),
        Referred::Nothing(id) if uuid::Uuid::parse_str(id).is_err() => {
            let named = objects
                .of_kind(wanted)
                .find(|other| other.text("name") == Some(id));
            let hint = named.map_or_else(
                || format!("write {wanted}.NAME.id"),
                |named| format!("write {}.id instead of its name", named.address),
            );
            // What stands where the id of a secret belongs may be the secret.
            let shown = if wanted == "sym_secret" {
                "the value".to_owned()
            } else {
                format!("{id:?}")
            };
            world.sources.warn(
                place,
                format!(
                    "{}: {what}: {shown} is not the id of a {wanted} in this configuration",
                    from.address
                ),
                Some(&hint),
            );
        }
        _ => {}
    }
}
