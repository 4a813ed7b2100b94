//! `manifest.yaml` against Slack's own schema, and against what the code relies on.

use serde_json::Value;

use crate::slack::view::ids;

fn manifest() -> Value {
    serde_saphyr::from_str(include_str!("../../../manifest.yaml")).expect("manifest.yaml is YAML")
}

#[test]
fn the_manifest_is_valid_for_slack() {
    let schema: Value = serde_json::from_str(include_str!(
        "../../../tests/manifest/slack-manifest-v1.schema.json"
    ))
    .unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let manifest = manifest();
    let problems: Vec<String> = validator
        .iter_errors(&manifest)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(problems, Vec::<String>::new());

    let mut broken = manifest;
    broken["settings"]["socket_mode"] = Value::Bool(true);
    assert!(!validator.is_valid(&broken), "the schema accepts anything");
}

#[test]
fn the_manifest_says_what_the_code_relies_on() {
    let manifest = manifest();
    assert_eq!(
        manifest["features"]["shortcuts"][0]["callback_id"],
        ids::SHORTCUT
    );
    assert_eq!(manifest["features"]["shortcuts"][0]["type"], "global");
    assert_eq!(manifest["features"]["slash_commands"][0]["command"], "/sym");
    assert_eq!(manifest["features"]["app_home"]["home_tab_enabled"], true);
    assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    assert_eq!(manifest["settings"]["interactivity"]["is_enabled"], true);
    assert_eq!(
        manifest["settings"]["event_subscriptions"]["bot_events"],
        serde_json::json!(["app_home_opened", "user_change"])
    );
}

#[test]
fn no_scope_reads_messages() {
    let manifest = manifest();
    for scope in manifest["oauth_config"]["scopes"]["bot"]
        .as_array()
        .unwrap()
    {
        assert!(!scope.as_str().unwrap().contains("history"), "{scope}");
    }
}

#[test]
fn every_scope_has_a_comment_that_says_what_for() {
    let text = include_str!("../../../manifest.yaml");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = lines.iter().position(|line| *line == "bot:").unwrap() + 1;
    let scopes: Vec<usize> = (start..lines.len())
        .take_while(|index| lines[*index].starts_with(['-', '#']))
        .filter(|index| lines[*index].starts_with('-'))
        .collect();
    assert!(scopes.len() > 5, "the scopes were not found");
    for index in scopes {
        assert!(
            lines[index - 1].starts_with('#'),
            "{} has no comment",
            lines[index]
        );
    }
}
