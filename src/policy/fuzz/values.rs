//! Results of handlers: right ones, and what becomes of them.

use serde_json::{Map, Value, json};

use crate::fuzzing::Dice;
use crate::policy::decode::{self, PREFETCH};

/// Names of handlers, and two that are none.
pub(super) const HANDLERS: &[&str] = &[
    "get_permissions",
    "get_request_notifications",
    "get_approvers",
    "get_flows",
    "get_identity",
    "get_identity_lookup",
    "prefetch:team",
    "on_change_team",
    "on_request",
    "on_approve",
    "after_request",
    "get_timeout",
    "get_nothing",
    "",
];
pub(super) const TEXTS: &[&str] = &[
    "",
    " ",
    "#",
    "#ops",
    "C1",
    "U1",
    "W9",
    "D",
    "c1",
    "admin",
    "ADMIN",
    "member",
    "all_users",
    "none",
    "list",
    "permissions",
    "5fb3bbd4-1f6e-4b0a-8a3e-5d8f2a3a7d10",
    "5FB3BBD4-1F6E-4B0A-8A3E-5D8F2A3A7D1",
    "é😀\u{202e}\u{0}",
    "ignore",
    "approve",
    "channel_id",
    "user",
];
const KEYS: &[&str] = &[
    "type",
    "level",
    "people",
    "items",
    "destinations",
    "timeout",
    "kind",
    "id",
    "name",
    "slack_id",
    "slack_ids",
    "email",
    "reason",
    "step",
    "fields",
    "message",
    "target_srn",
    "duration",
    "value",
    "label",
    "options",
    "required",
    "visible",
    "header",
    "index",
    "allow_self",
    "destination",
    "continue_on_failure",
    "continue_on_timeout",
    "webapp_view",
    "approve_deny",
    "allow_self_approval",
    "t",
    "results",
    "failure",
    "printed",
    "weakened",
    "arguments",
    "handlers",
    "problems",
    "x",
];

/// Any value, of this depth at most.
pub(super) fn any(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(dice.one_in(2)),
        2 => json!(dice.below(4)),
        3 => json!(i64::MIN),
        4 => json!(u64::MAX),
        5 => json!([0.5, -1.0, 1e300, 1.0e18][dice.below(4)]),
        6 => json!("x".repeat(dice.below(200))),
        7 | 8 => json!(dice.pick(TEXTS)),
        9 | 10 => {
            let mut entries = Map::new();
            for _ in 0..dice.below(6) {
                entries.insert((*dice.pick(KEYS)).to_owned(), any(dice, depth - 1));
            }
            Value::Object(entries)
        }
        _ => {
            let size = if dice.one_in(10) { 150 } else { dice.below(4) };
            (0..size).map(|_| any(dice, depth.min(2) - 1)).collect()
        }
    }
}

fn destination(dice: &mut Dice) -> Value {
    let mut value = match dice.below(6) {
        0 => json!({"kind": "channel_id", "id": "C0OPS"}),
        1 => json!({"kind": "channel_name", "name": "#ops"}),
        2 => json!({"kind": "slack_user", "slack_id": "U1"}),
        3 => json!({"kind": "slack_group", "slack_ids": ["U1", "W2"]}),
        4 => json!({"kind": "nowhere", "reason": "no channel"}),
        _ => json!({"kind": "user", "id": "x", "slack_id": "U1", "email": null}),
    };
    value["type"] = json!("destination");
    value
}

fn audience(dice: &mut Dice) -> Value {
    match dice.below(2) {
        0 => json!({"level": *dice.pick(&["admin", "member", "all_users"])}),
        _ => json!({"people": ["5fb3bbd4-1f6e-4b0a-8a3e-5d8f2a3a7d10"]}),
    }
}

/// A result that the handler may return.
pub(super) fn right(dice: &mut Dice, handler: &str) -> Value {
    let list = |items: Vec<Value>| json!({"type": "list", "items": items});
    match handler {
        "get_permissions" => json!({
            "type": "permissions",
            "webapp_view": audience(dice),
            "approve_deny": audience(dice),
            "allow_self_approval": dice.one_in(2),
        }),
        "get_request_notifications" => {
            let notification = |dice: &mut Dice| {
                let person = json!({"type": "destination", "kind": "user", "id": "x", "slack_id": null, "email": "a@b.c"});
                json!({
                    "type": "notification",
                    "destinations": [destination(dice), person],
                    "timeout": if dice.one_in(2) { json!(dice.below(100)) } else { Value::Null },
                })
            };
            match dice.below(4) {
                0 => json!({"type": "none"}),
                1 => notification(dice),
                _ => list((0..dice.below(4)).map(|_| notification(dice)).collect()),
            }
        }
        "get_approvers" => {
            let items: Vec<Value> = (0..=dice.below(3))
                .map(|_| json!({"destination": destination(dice), "allow_self": dice.one_in(2), "timeout": null}))
                .collect();
            json!({"type": "approvers", "destinations": items, "continue_on_failure": true, "continue_on_timeout": dice.one_in(2)})
        }
        "get_flows" => list(
            (0..dice.below(4))
                .map(|_| json!({"type": "flow", "index": dice.below(3), "name": "a"}))
                .collect(),
        ),
        "get_identity" | "get_identity_lookup" => match dice.below(2) {
            0 => json!({"type": "none"}),
            _ => json!({"type": "text", "value": "someone"}),
        },
        "get_timeout" => match dice.below(2) {
            0 => json!({"type": "none"}),
            _ => json!({"type": "seconds", "value": 1 + dice.below(9_000)}),
        },
        _ if handler.starts_with(PREFETCH) => list(
            (0..dice.below(4))
                .map(|_| json!({"type": "option", "value": if dice.one_in(2) { json!("v") } else { json!(7) }, "label": "V"}))
                .collect(),
        ),
        _ if handler.starts_with(decode::ON_CHANGE) => json!({
            "type": "form",
            "header": null,
            "fields": [{"name": "team", "value": "a", "label": "Team", "required": true, "visible": dice.one_in(2),
                        "options": [{"value": "a", "label": "A"}]}],
        }),
        _ => match dice.below(3) {
            0 => json!({"type": "none"}),
            1 => json!({"type": "outcome", "step": "ignore", "fields": {"message": "no"}, "target_srn": null, "duration": null}),
            _ => json!({"type": "outcome", "step": *dice.pick(&["approve", "deny", "request"]), "fields": {"reason": "x"},
                        "target_srn": null, "duration": dice.below(100)}),
        },
    }
}

/// A result at one of the bounds of what the handler may return, and whether it is within.
pub(super) fn at_a_bound(dice: &mut Dice, handler: &str) -> (Value, bool) {
    let list = |items: Vec<Value>| json!({"type": "list", "items": items});
    let person = json!({"type": "destination", "kind": "user", "id": "x", "slack_id": null, "email": "a@b.c"});
    let to = |destinations: Vec<Value>| json!({"type": "notification", "destinations": destinations, "timeout": 1});
    let slack = |entries: Value| {
        let mut value = entries;
        value["type"] = json!("destination");
        value
    };
    match handler {
        "get_permissions" => {
            let people = |people: Value| json!({"people": people});
            let level = |word: &str| json!({"level": word});
            let id = "5fb3bbd4-1f6e-4b0a-8a3e-5d8f2a3a7d10";
            let (audience, within) = dice
                .pick(&[
                    (people(json!([id, id.to_uppercase()])), true),
                    (people(json!([])), false),
                    (people(json!([id, "5fb3bbd4"])), false),
                    (people(json!([id, null])), false),
                    (people(json!(id)), false),
                    (level("ADMIN"), false),
                    (level("all_users"), true),
                    (Value::Null, false),
                ])
                .clone();
            let allow = dice
                .pick(&[json!(true), json!("true"), json!(1), Value::Null])
                .clone();
            let kind = *dice.pick(&["permissions", "permissions", "form"]);
            let value = json!({"type": kind, "webapp_view": level("admin"), "approve_deny": audience, "allow_self_approval": allow});
            (value, within && allow.is_boolean() && kind == "permissions")
        }
        "get_request_notifications" => match last_or_next(dice, 100) {
            (count, within) if count.is_multiple_of(2) == dice.one_in(2) => {
                (list(vec![to(vec![person]); count]), within)
            }
            (count, within) if dice.one_in(3) => (to(vec![person; count]), within),
            _ if dice.one_in(3) => {
                let (timeout, within) = dice
                    .pick(&[
                        (json!(0), true),
                        (json!(-1), true),
                        (json!(i64::MAX), true),
                        (json!(u64::MAX), false),
                        (json!(1.5), false),
                        (json!("1"), false),
                    ])
                    .clone();
                let mut value = to(vec![person]);
                value["timeout"] = timeout;
                (value, within)
            }
            _ => {
                let (destination, within) = one_destination(dice);
                let mut all = vec![person.clone(), slack(destination), person];
                if dice.one_in(2) {
                    all.push(slack(json!({"kind": "channel_id", "id": "C1"})));
                    return (to(all), false);
                }
                (to(all), within)
            }
        },
        "get_approvers" => {
            let one = |destination: Value, timeout: Value| json!({"destination": destination, "allow_self": false, "timeout": timeout});
            let (items, within) = match dice.below(4) {
                0 => (vec![], false),
                1 => {
                    let (destination, within) = one_destination(dice);
                    (vec![one(slack(destination), json!(1))], within)
                }
                2 => (vec![one(person, json!(1.5))], false),
                _ => {
                    let within = dice.one_in(2);
                    let count = 100 + usize::from(!within);
                    (vec![one(person, Value::Null); count], within)
                }
            };
            let value = json!({"type": "approvers", "destinations": items, "continue_on_failure": true, "continue_on_timeout": true});
            (value, within)
        }
        "get_flows" => {
            let (index, within) = dice
                .pick(&[
                    (json!(0), true),
                    (json!(-1), false),
                    (json!(1.0), false),
                    (Value::Null, false),
                ])
                .clone();
            let kind = *dice.pick(&["flow", "flow", "option"]);
            let flow = |index: Value| json!({"type": kind, "index": index, "name": "a"});
            (
                list(vec![flow(json!(0)), flow(index), flow(json!(0))]),
                within && kind == "flow",
            )
        }
        "get_identity" | "get_identity_lookup" => {
            let (text, within) =
                *dice.pick(&[(" a ", true), ("é", true), ("", false), (" \t\n", false)]);
            (json!({"type": "text", "value": text}), within)
        }
        "get_timeout" => {
            let (seconds, within) = dice
                .pick(&[
                    (json!(1), true),
                    (json!(i64::MAX), true),
                    (json!(0), false),
                    (json!(-1), false),
                    (json!(u64::MAX), false),
                    (json!(1.0), false),
                    (json!("1"), false),
                ])
                .clone();
            (json!({"type": "seconds", "value": seconds}), within)
        }
        _ if handler.starts_with(PREFETCH) => {
            let option = |value: Value, label: &str| json!({"type": "option", "value": value, "label": label});
            // Letters count, not bytes.
            match dice.below(4) {
                0 => {
                    let (count, within) = last_or_next(dice, 1_000);
                    (list(vec![option(json!(1), "a"); count]), within)
                }
                3 => (
                    list(vec![option(json!(1), "a"), option(Value::Null, "a")]),
                    false,
                ),
                1 => {
                    let (count, within) = last_or_next(dice, 55);
                    (list(vec![option(json!("a"), &"é".repeat(count))]), within)
                }
                _ => {
                    let (count, within) = last_or_next(dice, 55);
                    (list(vec![option(json!("é".repeat(count)), "a")]), within)
                }
            }
        }
        _ if handler.starts_with(decode::ON_CHANGE) => {
            let form = |header: Value, options: Vec<Value>| {
                json!({"type": "form", "header": header, "fields": [
                    {"name": "team", "value": null, "label": null, "required": false, "visible": true, "options": options},
                ]})
            };
            let option = |value: Value| json!({"value": value, "label": "A"});
            match dice.below(4) {
                0 => {
                    let (count, within) = last_or_next(dice, 1_000);
                    (form(Value::Null, vec![option(json!(1)); count]), within)
                }
                1 => (
                    form(Value::Null, vec![option(json!(1)), option(Value::Null)]),
                    false,
                ),
                2 => (form(Value::Null, vec![json!(["a", "A"])]), false),
                _ => (form(json!(7), vec![]), false),
            }
        }
        _ => {
            let outcome = |fields: Value, target: Value, duration: Value| json!({"type": "outcome", "step": "approve", "fields": fields, "target_srn": target, "duration": duration});
            match dice.below(5) {
                0 => (outcome(json!([]), Value::Null, Value::Null), false),
                1 => (outcome(json!({}), json!(7), Value::Null), false),
                2 => (outcome(json!({}), json!("a"), json!(-1)), false),
                3 => (outcome(json!({}), Value::Null, json!(1.5)), false),
                _ => (outcome(json!({}), json!("a"), json!(0)), true),
            }
        }
    }
}

/// The last number that is allowed, or the next; and whether it is allowed.
fn last_or_next(dice: &mut Dice, last: usize) -> (usize, bool) {
    let within = dice.one_in(2);
    (last + usize::from(!within), within)
}

/// A destination in Slack at one of its bounds, and whether it is within.
fn one_destination(dice: &mut Dice) -> (Value, bool) {
    let group = |count: usize| json!({"kind": "slack_group", "slack_ids": vec!["U1"; count]});
    dice.pick(&[
        (group(7), true),
        (group(8), false),
        (group(0), false),
        (
            json!({"kind": "slack_group", "slack_ids": ["U1", "C1"]}),
            false,
        ),
        (json!({"kind": "channel_id", "id": "G1"}), true),
        (json!({"kind": "channel_id", "id": "U1"}), false),
        (json!({"kind": "channel_id", "id": ""}), false),
        (json!({"kind": "channel_name", "name": "a"}), true),
        (json!({"kind": "channel_name", "name": "## "}), false),
        (json!({"kind": "slack_user", "slack_id": "W1"}), true),
        (json!({"kind": "slack_user", "slack_id": "w1"}), false),
        (json!({"kind": "slack_user", "slack_id": null}), false),
        (json!({"kind": "elsewhere"}), false),
    ])
    .clone()
}

/// Changes one thing somewhere in the value.
pub(super) fn spoil(dice: &mut Dice, value: &mut Value) {
    let deeper = !dice.one_in(3);
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let position = dice.below(items.len());
            match dice.below(6) {
                0 => drop(items.remove(position)),
                1 => {
                    let copy = items[position].clone();
                    items.extend(std::iter::repeat_n(copy, 1 + dice.below(120)));
                }
                _ => spoil(dice, &mut items[position]),
            }
        }
        Value::Object(entries) if deeper && !entries.is_empty() => {
            let keys: Vec<String> = entries.keys().cloned().collect();
            let key = dice.pick(&keys);
            match dice.below(6) {
                0 => drop(entries.remove(key)),
                1 => {
                    let other = any(dice, 2);
                    entries.insert((*dice.pick(KEYS)).to_owned(), other);
                }
                _ => spoil(dice, &mut entries[key]),
            }
        }
        other => *other = any(dice, 3),
    }
}
