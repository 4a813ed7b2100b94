//! Objects of one name. A slug is unique within the organisation for its kind and type; all roots that are loaded
//! together are one organisation. Called by `rules`.

use std::collections::HashMap;

use super::eval::World;
use super::objects::{Object, Objects};
use super::value::to_json;

/// Reports every object whose name is taken. Flows may share a name when their environments differ. Roots that are kept
/// apart often declare the same integration or environment; what they declare alike counts as one.
pub fn check(world: &World, objects: &Objects) {
    let mut seen: HashMap<(&str, String, String), &Object> = HashMap::new();
    for object in &objects.all {
        let Some(name) = object.text("name") else {
            continue;
        };
        let kind = object.schema.kind;
        let subtype = if kind == "sym_flow" {
            let written = object.get("environment_id").map(|written| &written.value);
            let environment = match written {
                Some(id) if id.as_str() != Some("") => {
                    id.as_str().and_then(|id| objects.find(id, object))
                }
                // As `build` reads it.
                _ => match objects.environments_beside(object).as_slice() {
                    [only] => Some(*only),
                    _ => None,
                },
            };
            let name = environment.and_then(|environment| environment.text("name"));
            name.unwrap_or_default().to_lowercase()
        } else if object.schema.has_slug {
            object.text("type").unwrap_or_default().to_owned()
        } else {
            continue;
        };
        let within = match (kind, subtype.is_empty()) {
            ("sym_flow", false) => format!(" in the environment {subtype:?}"),
            _ => String::new(),
        };
        let first = *seen
            .entry((kind, subtype, name.to_lowercase()))
            .or_insert(object);
        if std::ptr::eq(first, object) {
            continue;
        }
        let elsewhere = first.module.root_dir != object.module.root_dir;
        if kind != "sym_flow" && elsewhere && alike(first, object) {
            continue;
        }
        let difference = if kind != "sym_flow" && elsewhere {
            ", which is declared differently"
        } else {
            ""
        };
        world.sources.error(
            object.place_of("name"),
            format!(
                "{}: the name {name:?} is taken by {} at {}{within}{difference}",
                object.address,
                first.address,
                world.sources.describe(first.place_of("name"))
            ),
            Some(if difference.is_empty() {
                "give each its own name; letter case does not count"
            } else {
                "declare both alike, give each its own name, or declare it once and use a data source"
            }),
        );
    }
}

/// Whether two objects have the same attributes. Ids of objects are addresses, so references to like-named ones are equal.
fn alike(one: &Object, other: &Object) -> bool {
    one.written.len() == other.written.len()
        && one.written.iter().all(|(name, written)| {
            other
                .get(name)
                .is_some_and(|other| to_json(&other.value) == to_json(&written.value))
        })
}
