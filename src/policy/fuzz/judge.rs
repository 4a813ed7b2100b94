//! What must hold of an answer that was taken: it says what the results say, all of it, within the bounds. Written anew from the
//! documentation of the handlers, so that it is no copy of what it judges.

use serde_json::{Map, Value, json};

use super::values::HANDLERS;
use crate::domain::permission::{Audience, Level};
use crate::domain::routing::{Destination, Legacy, Notification};
use crate::policy::decode::{ON_CHANGE, PREFETCH};
use crate::policy::types::{HandlerAnswer, HookOutcome, OptionInput};

/// Judges what was taken of these results.
pub(super) fn judge(asked: &[String], results: &[(String, Value)], answer: &HandlerAnswer) {
    for (handler, _) in results {
        assert!(asked.contains(handler), "{handler} was not asked");
        assert!(
            HANDLERS.contains(&handler.as_str()) && !matches!(handler.as_str(), "" | "get_nothing"),
            "{handler} is no handler"
        );
    }
    let said = |name: &str| {
        let found = results.iter().rev().find(|(handler, _)| handler == name);
        found.map(|(_, value)| value)
    };
    let names = |kind: fn(&str) -> bool| {
        let mut names: Vec<&str> = results
            .iter()
            .map(|(handler, _)| handler.as_str())
            .filter(|handler| kind(handler))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };

    match (&answer.permissions, said("get_permissions")) {
        (None, None) => {}
        (Some(permissions), Some(said)) => {
            assert_eq!(said["type"], "permissions");
            assert_eq!(
                said["allow_self_approval"],
                json!(permissions.allow_self_approval)
            );
            audience(&permissions.webapp_view, &said["webapp_view"]);
            audience(&permissions.approve_deny, &said["approve_deny"]);
        }
        other => panic!("{other:?}"),
    }
    match (&answer.notifications, said("get_request_notifications")) {
        (None, None) => {}
        (Some(taken), Some(said)) => {
            assert!(taken.len() <= 100);
            match said["type"].as_str() {
                Some("none") => assert!(taken.is_empty()),
                Some("notification") => {
                    assert_eq!(taken.len(), 1);
                    notification(&taken[0], said);
                }
                Some("list") => {
                    let items = said["items"].as_array().unwrap();
                    assert_eq!(taken.len(), items.len());
                    for (taken, said) in taken.iter().zip(items) {
                        notification(taken, said);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
    match (&answer.approvers, said("get_approvers")) {
        (None, None) => {}
        (Some(taken), Some(said)) => {
            assert_eq!(said["type"], "approvers");
            let items = said["destinations"].as_array().unwrap();
            assert!((1..=100).contains(&taken.len()) && taken.len() == items.len());
            for (taken, item) in taken.iter().zip(items) {
                assert_eq!(taken.destinations.len(), 1);
                destination(&taken.destinations[0], &item["destination"]);
                assert_eq!(json!(taken.timeout_seconds), item["timeout"]);
                let Legacy {
                    allow_self,
                    continue_on_failure,
                    continue_on_timeout,
                } = taken.legacy.unwrap();
                assert_eq!(json!(allow_self), item["allow_self"]);
                assert_eq!(json!(continue_on_failure), said["continue_on_failure"]);
                assert_eq!(json!(continue_on_timeout), said["continue_on_timeout"]);
            }
        }
        other => panic!("{other:?}"),
    }
    match (answer.timeout_seconds, said("get_timeout")) {
        (None, None) => {}
        (None, Some(said)) => assert_eq!(said["type"], "none"),
        (Some(seconds), Some(said)) => {
            assert_eq!(said["type"], "seconds");
            assert!(seconds > 0 && said["value"] == json!(seconds), "{said}");
        }
        (Some(seconds), None) => panic!("{seconds} s"),
    }
    match (&answer.flows, said("get_flows")) {
        (None, None) => {}
        (Some(taken), Some(said)) => {
            let mut expected = Vec::new();
            for item in items(said) {
                assert_eq!(item["type"], "flow");
                let index = item["index"].as_u64().unwrap();
                if !expected.contains(&json!(index)) {
                    expected.push(json!(index));
                }
            }
            assert_eq!(json!(taken), Value::Array(expected));
        }
        other => panic!("{other:?}"),
    }

    let identities = names(|name| matches!(name, "get_identity" | "get_identity_lookup"));
    assert!(answer.identities.keys().eq(&identities));
    for (name, taken) in &answer.identities {
        let said = said(name).unwrap();
        match taken {
            None => assert_eq!(said["type"], "none"),
            Some(text) => {
                assert_eq!(said["type"], "text");
                assert!(!text.is_empty() && text == said["value"].as_str().unwrap().trim());
            }
        }
    }
    let prefetches = names(|name| name.starts_with(PREFETCH));
    let fields = prefetches.iter().map(|name| &name[PREFETCH.len()..]);
    assert!(answer.options.keys().eq(fields));
    for (name, taken) in &answer.options {
        let items = items(said(&format!("{PREFETCH}{name}")).unwrap());
        assert!(taken.len() <= 1_000 && taken.len() == items.len());
        for (taken, item) in taken.iter().zip(items) {
            assert_eq!(item["type"], "option");
            option(taken, item);
            let text = taken.value.as_str().map(str::to_owned);
            let text = text.unwrap_or_else(|| taken.value.to_string());
            assert!(text.chars().count() <= 55, "{text:?}");
            assert!(taken.label.chars().count() <= 55, "{:?}", taken.label);
        }
    }
    let changes = names(|name| name.starts_with(ON_CHANGE));
    match (&answer.form, changes.last()) {
        (None, None) => {}
        (Some(form), Some(_)) => {
            // Of several forms the last counts.
            let last = results
                .iter()
                .rev()
                .find(|(name, _)| name.starts_with(ON_CHANGE));
            let said = &last.unwrap().1;
            assert_eq!(said["type"], "form");
            assert_eq!(json!(form.additional_header_text), said["header"]);
            let items = said["fields"].as_array().unwrap();
            assert_eq!(form.fields.len(), items.len());
            for (taken, item) in form.fields.iter().zip(items) {
                assert_eq!(item["name"], json!(taken.name));
                assert_eq!(item["value"], taken.value);
                assert_eq!(item["label"], json!(taken.label));
                assert_eq!(item["required"], json!(taken.required));
                assert_eq!(item["visible"], json!(taken.visible));
                let options = item["options"].as_array().unwrap();
                assert!(options.len() <= 1_000 && options.len() == taken.options.len());
                for (taken, item) in taken.options.iter().zip(options) {
                    option(taken, item);
                }
            }
        }
        other => panic!("{other:?}"),
    }
    let hooks = names(|name| {
        name.starts_with("after_") || name.starts_with("on_") && !name.starts_with(ON_CHANGE)
    });
    assert!(answer.hooks.keys().eq(&hooks));
    for (hook, outcome) in &answer.hooks {
        hooked(outcome, said(hook).unwrap());
    }
}

fn items(said: &Value) -> &Vec<Value> {
    assert_eq!(said["type"], "list");
    said["items"].as_array().unwrap()
}

fn audience(taken: &Audience, said: &Value) {
    match taken {
        Audience::Level(level) => {
            let word = match level {
                Level::Admin => "admin",
                Level::Member => "member",
                Level::AllUsers => "all_users",
            };
            assert_eq!(said["level"], word);
        }
        Audience::People(people) => {
            assert!(said.get("level").is_none(), "{said}");
            let ids = said["people"].as_array().unwrap();
            assert!(!people.is_empty() && people.len() == ids.len());
            for (id, said) in people.iter().zip(ids) {
                let said = said.as_str().unwrap();
                assert_eq!(*id, uuid::Uuid::parse_str(said).unwrap());
            }
        }
    }
}

fn notification(taken: &Notification, said: &Value) {
    assert_eq!(said["type"], "notification");
    assert_eq!(json!(taken.timeout_seconds), said["timeout"]);
    assert!(taken.legacy.is_none());
    let items = said["destinations"].as_array().unwrap();
    assert!((1..=100).contains(&taken.destinations.len()));
    assert_eq!(taken.destinations.len(), items.len());
    let in_slack = |one: &&Destination| !matches!(one, Destination::User { .. });
    assert!(taken.destinations.iter().filter(in_slack).count() <= 1);
    for (taken, said) in taken.destinations.iter().zip(items) {
        destination(taken, said);
    }
}

fn destination(taken: &Destination, said: &Value) {
    assert_eq!(said["type"], "destination");
    let person = |id: &str| id.starts_with(['U', 'W']);
    let (is_right, same) = match taken {
        Destination::ChannelId { id } => (
            id.starts_with(['C', 'D', 'G']),
            json!({"kind": "channel_id", "id": id}),
        ),
        Destination::ChannelName { name } => (
            // Something is left without the sign and the blanks.
            name.trim_start_matches('#')
                .chars()
                .any(|letter| !letter.is_whitespace()),
            json!({"kind": "channel_name", "name": name}),
        ),
        Destination::SlackUser { slack_id } => (
            person(slack_id),
            json!({"kind": "slack_user", "slack_id": slack_id}),
        ),
        Destination::SlackGroup { slack_ids } => (
            (1..=7).contains(&slack_ids.len()) && slack_ids.iter().all(|id| person(id)),
            json!({"kind": "slack_group", "slack_ids": slack_ids}),
        ),
        Destination::User {
            id,
            slack_id,
            email,
        } => (
            !id.is_empty(),
            json!({"kind": "user", "id": id, "slack_id": slack_id, "email": email}),
        ),
        Destination::Nowhere { reason } => (true, json!({"kind": "nowhere", "reason": reason})),
    };
    assert!(is_right, "{taken:?}");
    for (key, value) in same.as_object().unwrap() {
        // What is absent is null.
        assert_eq!(said[key], *value, "{key} of {said}");
    }
}

fn option(taken: &OptionInput, said: &Value) {
    assert!(!taken.value.is_null());
    assert_eq!(said["value"], taken.value);
    assert_eq!(said["label"], json!(taken.label));
}

fn hooked(taken: &HookOutcome, said: &Value) {
    let fields = || said["fields"].as_object().unwrap();
    match taken {
        HookOutcome::Proceed => assert_eq!(said["type"], "none"),
        HookOutcome::Ignore { message } => {
            assert_eq!(
                (&said["type"], &said["step"]),
                (&json!("outcome"), &json!("ignore"))
            );
            let expected = match fields().get("message").unwrap_or(&Value::Null) {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            assert_eq!(*message, expected);
        }
        HookOutcome::Fire {
            event,
            target,
            duration_seconds,
            fields: taken,
        } => {
            assert_eq!(said["type"], "outcome");
            assert!(event != "ignore" && said["step"] == json!(event), "{said}");
            assert_eq!(said["target_srn"], json!(target));
            assert_eq!(said["duration"], json!(duration_seconds));
            let expected: &Map<String, Value> = fields();
            assert_eq!(taken, expected);
        }
    }
}
