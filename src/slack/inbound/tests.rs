#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::*;

fn decoded(kind: &str, payload: Value) -> Inbound {
    decode(&Envelope {
        envelope_id: "e1".to_owned(),
        kind: kind.to_owned(),
        payload,
        accepts_response_payload: true,
        retry_attempt: 0,
        retry_reason: None,
    })
}

fn press_of(payload: Value) -> Press {
    match decoded("interactive", payload) {
        Inbound::Press(press) => *press,
        other => panic!("not a press: {other:?}"),
    }
}

#[test]
fn a_command_is_read_with_its_channel_and_person() {
    let payload = json!({"command": "/sym", "text": "req db", "user_id": "U1", "user_name": "alice", "team_id": "T1",
        "channel_id": "C1", "channel_name": "general", "trigger_id": "1.2", "response_url": "https://x", "is_enterprise_install": "false"});
    let Inbound::Command(command) = decoded("slash_commands", payload) else {
        panic!("not a command")
    };
    assert_eq!(
        (command.text.as_str(), command.user.id.as_str()),
        ("req db", "U1")
    );
    assert_eq!(command.user.context_team_id.as_deref(), Some("T1"));
    let channel = command.channel.unwrap();
    assert_eq!(
        (channel.id.as_str(), channel.name.as_deref()),
        ("C1", Some("general"))
    );
    let payload =
        json!({"command": "/sym", "user_id": "U1", "text": "req db R&amp;D &lt;b&gt; &amp;lt;"});
    let Inbound::Command(command) = decoded("slash_commands", payload) else {
        panic!("not a command")
    };
    assert_eq!(command.text, "req db R&D <b> &lt;");
    // Sent without text, Slack says "".
    let bare = json!({"command": "/sym", "user_id": "U1", "text": ""});
    assert!(matches!(
        decoded("slash_commands", bare),
        Inbound::Command(_)
    ));
}

#[test]
fn a_click_in_a_message_is_read_with_what_is_needed_to_answer_and_update() {
    let press = press_of(json!({
        "type": "block_actions", "team": null, "user": {"id": "U2", "username": "bob", "team_id": "T9"},
        "container": {"type": "message", "message_ts": "1.5", "channel_id": "C1", "is_ephemeral": false},
        "channel": {"id": "C1", "name": "ops"}, "trigger_id": "t", "response_url": "https://r",
        "message": {"ts": "1.5", "metadata": {"event_type": "x", "event_payload": {"n": 3}}, "blocks": [{"type": "section"}]},
        "state": {"values": {"b": {"a": {"type": "plain_text_input", "value": "why"}}}},
        "actions": [{"type": "button", "action_id": "symbot_approve", "block_id": "b2", "value": "v", "action_ts": "9.9"}]
    }));
    assert_eq!(
        (press.action_id.as_str(), press.value.as_deref()),
        ("symbot_approve", Some("v"))
    );
    let message = press.message.unwrap();
    assert_eq!((message.ts.as_str(), message.ephemeral), ("1.5", false));
    assert_eq!(message.metadata.unwrap()["event_payload"]["n"], 3);
    assert_eq!(press.state_values["b"]["a"]["value"], "why");
    assert_eq!(
        (press.response_url.as_deref(), press.action_ts.as_deref()),
        (Some("https://r"), Some("9.9"))
    );
    assert!(press.user.is_external("T1", None));
    assert!(press.user.is_external("T1", Some("E1")));
    assert!(!press.user.is_external("T9", None));
}

#[test]
fn people_of_the_same_organisation_are_not_external() {
    let actor = |team: Option<&str>, enterprise: Option<&str>| Actor {
        id: "U1".to_owned(),
        team_id: team.map(str::to_owned),
        enterprise_id: enterprise.map(str::to_owned),
        ..Actor::default()
    };
    assert!(!actor(Some("E1"), None).is_external("T1", Some("E1")));
    assert!(!actor(Some("T2"), Some("E1")).is_external("T1", Some("E1")));
    assert!(actor(Some("T2"), Some("E2")).is_external("T1", Some("E1")));
    assert!(!actor(None, None).is_external("T1", None));
}

#[test]
fn a_click_in_a_modal_is_read_with_its_view_even_without_a_hash() {
    let press = press_of(json!({
        "type": "block_actions", "user": {"id": "U1"}, "trigger_id": "t",
        "container": {"type": "view", "view_id": "V1"},
        "view": {"id": "V1", "type": "modal", "callback_id": "pick", "private_metadata": "{}", "state": {"values": {"b": {}}}},
        "actions": [{"type": "static_select", "action_id": "flow", "block_id": "b", "selected_option": {"value": "approval"}}]
    }));
    let view = press.view.unwrap();
    assert_eq!((view.id.as_str(), view.hash), ("V1", None));
    assert_eq!(press.value.as_deref(), Some("approval"));
    assert_eq!(press.state_values, json!({"b": {}}));
}

#[test]
fn a_click_in_an_unknown_container_is_still_a_click() {
    let press = press_of(json!({
        "type": "block_actions", "user": {"id": "U1", "new": {}}, "container": {"type": "canvas", "canvas_id": "F1"},
        "view": null, "message": null, "channel": null, "state": null, "enterprise": null,
        "actions": [{"action_id": "a"}]
    }));
    assert_eq!((press.value, press.message, press.view), (None, None, None));
    assert_eq!(press.state_values, json!({}));
}

#[test]
fn the_value_of_every_kind_of_element_is_found() {
    for (element, values) in [
        (json!({"value": "x"}), vec!["x"]),
        (
            json!({"selected_option": {"value": "x", "text": {}}}),
            vec!["x"],
        ),
        (json!({"selected_option": null}), vec![]),
        (
            json!({"selected_options": [{"value": "a"}, {"value": "b"}]}),
            vec!["a", "b"],
        ),
        (json!({"selected_user": "U1"}), vec!["U1"]),
        (json!({"selected_users": ["U1", "U2"]}), vec!["U1", "U2"]),
        (json!({"selected_conversation": "C1"}), vec!["C1"]),
        (json!({"selected_channels": ["C1"]}), vec!["C1"]),
        (json!({"selected_date": "2024-01-01"}), vec!["2024-01-01"]),
        (
            json!({"selected_date_time": 1_700_000_000}),
            vec!["1700000000"],
        ),
    ] {
        let mut action = element.clone();
        action["action_id"] = json!("a");
        let press =
            press_of(json!({"type": "block_actions", "user": {"id": "U1"}, "actions": [action]}));
        assert_eq!(press.values, values, "{element}");
    }
}

#[test]
fn a_form_is_read_with_its_values_and_metadata() {
    let payload = json!({"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"}, "trigger_id": "t",
        "view": {"id": "V1", "hash": "h", "callback_id": "symbot_request", "private_metadata": "{\"flow\":\"f\"}", "state": {"values": {"b": {"a": {"value": "1"}}}}}});
    let Inbound::Submit(submit) = decoded("interactive", payload) else {
        panic!("not a form")
    };
    assert_eq!(submit.view.callback_id, "symbot_request");
    assert_eq!(submit.view.state_values["b"]["a"]["value"], "1");
    assert_eq!(submit.view.private_metadata, r#"{"flow":"f"}"#);
}

#[test]
fn the_other_kinds_are_read() {
    let user = json!({"id": "U1"});
    let shortcut = json!({"type": "shortcut", "callback_id": "symbot_request", "user": user, "trigger_id": "t"});
    let Inbound::Shortcut(shortcut) = decoded("interactive", shortcut) else {
        panic!("not a shortcut")
    };
    assert_eq!(
        (shortcut.callback_id.as_str(), shortcut.channel),
        ("symbot_request", None)
    );

    let closed =
        json!({"type": "view_closed", "user": user, "is_cleared": true, "view": {"id": "V1"}});
    assert!(matches!(
        decoded("interactive", closed),
        Inbound::Closed(Closed { cleared: true, .. })
    ));

    let suggest = json!({"type": "block_suggestion", "user": user, "action_id": "a", "block_id": "b", "value": "ali"});
    assert!(
        matches!(decoded("interactive", suggest), Inbound::Suggest(Suggest { typed, .. }) if typed == "ali")
    );

    let home = json!({"type": "event_callback", "team_id": "T1", "event": {"type": "app_home_opened", "user": "U1", "tab": "home"}});
    assert!(
        matches!(decoded("events_api", home), Inbound::HomeOpened(HomeOpened { user, .. }) if user.id == "U1")
    );

    let changed = json!({"type": "event_callback", "team_id": "T1", "event": {"type": "user_change",
        "user": {"id": "U1", "deleted": true}, "cache_ts": 1, "event_ts": "1.2"}});
    assert_eq!(
        decoded("events_api", changed),
        Inbound::PersonChanged {
            slack_id: "U1".to_owned()
        }
    );

    let event = json!({"type": "event_callback", "event": {"type": "message"}});
    assert_eq!(
        decoded("events_api", event),
        Inbound::Other {
            what: "event message".to_owned()
        }
    );
}

#[test]
fn what_cannot_be_understood_says_why_and_whom_to_answer() {
    let form = json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"blocks": [{"type": "input", "block_id": "b1"}]}});
    let Inbound::Unintelligible(form) = decoded("interactive", form) else {
        panic!("understood a form without id")
    };
    assert!(form.is_submission);
    assert_eq!(
        (form.user.as_deref(), form.first_input.as_deref()),
        (Some("U1"), Some("b1"))
    );

    let click = json!({"type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "C1"}, "response_url": "https://r", "actions": []});
    let Inbound::Unintelligible(click) = decoded("interactive", click) else {
        panic!("understood a click without action")
    };
    assert_eq!(
        (click.channel.as_deref(), click.response_url.as_deref()),
        (Some("C1"), Some("https://r"))
    );
    assert!(click.why.contains("action"));

    let nobody = json!({"command": "/sym"});
    assert!(matches!(
        decoded("slash_commands", nobody),
        Inbound::Unintelligible(_)
    ));
    let new = json!({"type": "workflow_step_edit", "user": {"id": "U1"}});
    assert!(
        matches!(decoded("interactive", new), Inbound::Unintelligible(u) if u.what == "workflow_step_edit")
    );
    for odd in [Value::Null, json!([]), json!("x"), json!({"type": 7})] {
        assert!(
            matches!(
                decoded("interactive", odd.clone()),
                Inbound::Unintelligible(_)
            ),
            "{odd}"
        );
    }
}

#[test]
fn cutting_any_part_out_of_a_payload_never_panics() {
    let full = json!({
        "type": "block_actions", "user": {"id": "U1"}, "container": {"type": "message", "message_ts": "1", "channel_id": "C"},
        "channel": {"id": "C"}, "message": {"ts": "1", "blocks": []}, "view": {"id": "V", "state": {"values": {}}},
        "actions": [{"action_id": "a", "type": "button"}], "response_url": "https://r"
    });
    for key in full.as_object().unwrap().keys() {
        for replacement in [Value::Null, json!(7), json!("x"), json!([]), json!({})] {
            let mut payload = full.clone();
            payload[key] = replacement;
            decoded("interactive", payload);
        }
    }
}
