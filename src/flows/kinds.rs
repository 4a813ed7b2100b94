//! Types of integrations, secret stores and targets with the settings they take: what the server of the hosted product knew.
//! Only warnings come of it, as nothing here depends on them and new types may exist. Called by `rules`.

use super::eval::World;
use super::objects::Object;
use super::source::similar;
use super::value::Value;

/// Types of integrations.
const INTEGRATIONS: [&str; 14] = [
    "slack",
    "permission_context",
    "pagerduty",
    "okta",
    "github",
    "knowbe4",
    "tailscale",
    "onelogin",
    "aptible",
    "segment",
    "google",
    "boundary",
    "jira",
    "custom",
];

/// Types of secret stores.
const SECRET_STORES: [&str; 1] = ["aws_secrets_manager"];

/// Types of targets with the settings that each needs. `custom` takes anything.
const TARGETS: [(&str, &[&str]); 12] = [
    (
        "aws_sso_permission_set",
        &["permission_set_arn", "account_id"],
    ),
    ("aws_sso_group", &["group_id"]),
    ("aws_iam_group", &["iam_group"]),
    ("aws_lambda_function", &["arn"]),
    ("okta_group", &["group_id"]),
    ("github_repo", &["repo_name"]),
    ("onelogin_role", &["role_id", "privilege_level"]),
    ("aptible_role", &["role_id"]),
    ("google_group", &["group_email", "role"]),
    ("tailscale_group", &["group_name"]),
    ("custom", &[]),
    ("http", &[]),
];

/// Looks at the type of an object and at its settings.
pub fn check(world: &World, object: &Object) {
    match object.schema.kind {
        "sym_integration" => known(world, object, "an integration", &INTEGRATIONS),
        "sym_secrets" => known(world, object, "a secret store", &SECRET_STORES),
        "sym_target" => {
            let names = TARGETS.map(|(name, _)| name);
            known(world, object, "a target", &names);
            target(world, object);
        }
        _ => {}
    }
}

fn known(world: &World, object: &Object, what: &str, names: &[&str]) {
    let Some(kind) = object.text("type").filter(|kind| !names.contains(kind)) else {
        return;
    };
    let hint = similar(kind, names.iter().copied()).map_or_else(
        || format!("known types: {}", names.join(", ")),
        |other| format!("did you mean {other:?}?"),
    );
    world.sources.warn(
        object.place_of("type"),
        format!("{}: {kind:?} is not a known type of {what}", object.address),
        Some(&hint),
    );
}

fn target(world: &World, object: &Object) {
    let needed = object
        .text("type")
        .and_then(|kind| TARGETS.iter().find(|(name, _)| *name == kind));
    let Some((kind, needed)) = needed.filter(|(_, needed)| !needed.is_empty()) else {
        return;
    };
    let written: Vec<&str> = match object.get("settings").map(|written| &written.value) {
        Some(Value::Map(map)) => map.entries.keys().map(String::as_str).collect(),
        Some(_) => return,
        None => Vec::new(),
    };
    let bound: Vec<&str> = match object.get("field_bindings").map(|written| &written.value) {
        Some(Value::List(list)) => list.items.iter().filter_map(Value::as_str).collect(),
        Some(_) => return,
        None => Vec::new(),
    };
    for name in *needed {
        if written.contains(name) || bound.contains(name) {
            continue;
        }
        let hint = similar(name, written.iter().copied())
            .map(|other| format!("is {other:?} meant for it?"));
        world.sources.warn(
            object.place_of("settings"),
            format!(
                "{}: a target of type {kind:?} needs the setting {name:?}",
                object.address
            ),
            hint.as_deref(),
        );
    }
}
