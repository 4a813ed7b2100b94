//! Any flow and any run give views and messages that Slack takes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::check::{message_problems, view_problems};
use super::{access_flow, flow, forwarded, metadata, target, user, with_access};
use crate::domain::effect::RequesterNews;
use crate::domain::field::{FieldType, FieldValue, SubmittedField};
use crate::domain::permission::{Refusal, Verdict};
use crate::domain::run::{Run, RunError, Status};
use crate::flows::catalog::{Flow, PromptField};
use crate::slack::live::FormState;
use crate::slack::view::{FlowChoice, FormView, RequestMessage};
use crate::slack::{answer, form, message, modal, question};

/// Text of any length and script, with the characters that mean something to Slack.
fn words(most: usize) -> impl Strategy<Value = String> {
    let letters = prop_oneof![
        4 => "[a-z ]{0,8}",
        2 => "[<>&|*_~`!@#\n\r\t\u{2028}\"\\\\]{0,4}",
        1 => "\\PC{0,6}",
        1 => Just("<!channel>".to_owned()),
        1 => Just("https://a.example/x?y=1&z=<2> ".to_owned()),
        1 => Just("👩‍👩‍👧🇩🇪é".to_owned()),
    ];
    (vec(letters, 0..8), 1..=most).prop_map(|(parts, times)| parts.concat().repeat(times))
}

fn field_type() -> impl Strategy<Value = FieldType> {
    proptest::sample::select(FieldType::ALL.to_vec())
}

fn allowed_values() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        3 => vec(words(4), 0..6),
        1 => (0_usize..400, words(3)).prop_map(|(number, word)| (0..number).map(|index| format!("{word}{index}")).collect()),
        1 => vec("[0-9]{1,3}(s|m|h|d|mo)?", 1..6),
    ]
}

prop_compose! {
    fn prompt_field()(
        name in prop_oneof![3 => "[a-z_]{1,12}", 1 => words(40), 1 => Just("duration".to_owned()), 1 => Just("target_id".to_owned())],
        field_type in field_type(),
        label in option::of(words(60)),
        required in any::<bool>(),
        visible in prop::bool::weighted(0.85),
        default in option::of(prop_oneof![words(200), "[0-9]{1,4}".prop_map(String::from)]),
        allowed_values in option::of(allowed_values()),
    ) -> PromptField {
        PromptField { name, field_type, label, required, visible, default, allowed_values, prefetch: false, on_change: None }
    }
}

prop_compose! {
    fn any_flow()(
        fields in prop_oneof![4 => vec(prompt_field(), 0..6), 1 => vec(prompt_field(), 50..110)],
        label in option::of(words(30)),
        header in option::of("[a-z é\n]{0,4000}"),
        targets in option::of(vec(words(10), 0..130)),
        environment in words(10),
    ) -> Flow {
        let mut flow = match targets {
            Some(targets) => {
                let mut flow = access_flow(fields);
                flow.strategy.as_mut().unwrap().targets = targets
                    .iter()
                    .enumerate()
                    .map(|(index, label)| target(&format!("t{index}"), label))
                    .collect();
                flow
            }
            None => flow(fields),
        };
        flow.label = label;
        flow.params.additional_header_text = header;
        flow.environment.as_mut().unwrap().label = Some(environment);
        flow
    }
}

fn field_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        4 => words(200).prop_map(FieldValue::String),
        1 => any::<i64>().prop_map(FieldValue::Int),
        1 => any::<bool>().prop_map(FieldValue::Bool),
        1 => any::<u64>().prop_map(FieldValue::Duration),
        1 => words(2).prop_map(|id| FieldValue::SlackUser(user(&id))),
        1 => (0_usize..1500).prop_map(|number| FieldValue::SlackUserList((0..number).map(|index| user(&format!("U{index}"))).collect())),
        1 => vec(words(30), 0..40).prop_map(FieldValue::StrList),
        1 => vec(any::<i64>(), 0..400).prop_map(FieldValue::IntList),
    ]
}

prop_compose! {
    fn submitted_field()(label in words(60), name in words(3), visible in prop::bool::weighted(0.9), value in field_value()) -> SubmittedField {
        SubmittedField { name, label, visible, value, value_labels: Vec::new() }
    }
}

prop_compose! {
    fn any_run()(
        fields in prop_oneof![3 => vec(submitted_field(), 0..8), 1 => vec(submitted_field(), 50..130)],
        status in proptest::sample::select(vec![Status::Requested, Status::Approved, Status::Denied, Status::Expired, Status::Errored]),
        (label, environment, name) in (words(60), option::of(words(40)), words(30)),
        (access, wants_message) in (any::<bool>(), any::<bool>()),
        (decision_message, by) in (option::of(words(300)), words(40)),
        error in option::of(words(100)),
        (target_label, seconds) in (words(80), option::of(any::<u64>())),
        slack in any::<bool>(),
    ) -> Run {
        let mut run = forwarded();
        if access {
            run = with_access(run);
            run.target.as_mut().unwrap().label = target_label;
            run.duration_seconds = seconds;
        }
        run.fields = fields;
        run.status = status;
        run.flow.label = label;
        run.flow.environment = environment;
        run.flow.include_decision_message = wants_message;
        run.requester.name = name;
        if matches!(status, Status::Approved | Status::Denied) {
            run.decision = super::decided(Verdict::Approve, decision_message.as_deref()).decision;
            if let Some(decision) = &mut run.decision {
                decision.by.name = by;
                if !slack { decision.by.slack_id = None; }
            }
        }
        if !slack { run.requester.slack_id = None; }
        run.error = error.map(|code| RunError { code, message: String::new(), ..RunError::default() });
        run
    }
}

/// What Slack would send for this view if the person chose the first option everywhere and typed `text`.
fn filled_in(view: &Value, text: &str) -> Value {
    let mut state = Map::new();
    for block in view["blocks"].as_array().into_iter().flatten() {
        if block["type"] != "input" {
            continue;
        }
        let element = &block["element"];
        let first = match element["option_groups"].as_array() {
            Some(groups) => groups[0]["options"][0].clone(),
            None => element["options"][0].clone(),
        };
        let input = match element["type"].as_str().unwrap() {
            "static_select" => json!({ "selected_option": first }),
            "multi_static_select" | "checkboxes" => json!({ "selected_options": [first] }),
            "users_select" => json!({ "selected_user": "U1" }),
            "multi_users_select" => json!({ "selected_users": ["U1", "U2"] }),
            "number_input" => json!({ "value": "12" }),
            _ => json!({ "value": text }),
        };
        let id = element["action_id"].as_str().unwrap();
        state.insert(
            block["block_id"].as_str().unwrap().to_owned(),
            json!({ id: input }),
        );
    }
    Value::Object(state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_flow_gives_a_form_that_slack_takes(flow in any_flow(), name in words(30)) {
        let view = modal::form(&FormView { flow: &flow, person_name: &name, environment: flow.environment_title(), metadata: metadata(), state: &FormState::default() });
        prop_assert_eq!(view_problems(&view), Vec::<String>::new());
    }

    #[test]
    fn errors_name_blocks_of_the_form_and_values_have_the_type_of_their_field(flow in any_flow(), text in words(30)) {
        let view = modal::form(&FormView { flow: &flow, person_name: "A", environment: flow.environment_title(), metadata: metadata(), state: &FormState::default() });
        if view["submit"].is_null() {
            return Ok(());
        }
        match form::read(&flow, &FormState::default(), &filled_in(&view, &text)) {
            Ok(submission) => {
                prop_assert_eq!(submission.target.is_some(), flow.strategy.is_some());
                for field in &submission.fields {
                    let asked = flow.prompt_fields.iter().filter(|asked| asked.name == field.name);
                    let types: Vec<_> = asked.map(|asked| asked.field_type.as_str()).collect();
                    let tag = serde_json::to_value(&field.value).unwrap()["type"].clone();
                    prop_assert!(types.contains(&tag.as_str().unwrap()), "{} in {:?}", tag, types);
                }
            }
            Err(errors) => {
                let blocks: Vec<&str> = view["blocks"].as_array().unwrap().iter().filter_map(|block| block["block_id"].as_str()).collect();
                for (block, text) in &errors.at {
                    prop_assert!(blocks.contains(&block.as_str()), "{block} is not on the form");
                    prop_assert!(!text.is_empty());
                }
                if errors.general.is_some() {
                    prop_assert_eq!(view_problems(&errors.to_response("t")["view"]), Vec::<String>::new());
                }
            }
        }
    }

    #[test]
    fn every_choice_of_a_form_is_read_as_the_value_that_was_configured(values in allowed_values()) {
        let mut field = super::field("f", FieldType::String);
        field.allowed_values = Some(values);
        let flow = flow(vec![field]);
        let choices = question::questions(&flow)[0].choices.clone().unwrap_or_default();
        for choice in choices {
            let state = json!({ "field:f": { "field:f": { "selected_option": { "value": choice.code } } } });
            let read = form::read(&flow, &FormState::default(), &state);
            if choice.value.chars().count() <= 3000 {
                prop_assert_eq!(&read.unwrap().fields[0].value, &FieldValue::String(choice.value));
            }
        }
    }

    #[test]
    fn any_list_of_flows_gives_a_picker_that_slack_takes(
        labels in vec((words(10), words(10), option::of(words(4))), 0..260), note in option::of(words(100)),
    ) {
        let mut choices: Vec<FlowChoice> = labels.into_iter().map(|(name, label, environment)| FlowChoice { name, label, environment, environment_label: None }).collect();
        // Some are there twice.
        choices.extend_from_within(..choices.len() / 8);
        let note = note.map(|typed| answer::unknown_flow(&typed));
        let view = modal::flow_picker(&choices, &metadata(), note.as_deref());
        prop_assert_eq!(view_problems(&view), Vec::<String>::new());
    }

    #[test]
    fn any_run_gives_messages_that_slack_takes_and_an_open_one_its_buttons(run in any_run(), notification in 0_usize..3, link in any::<bool>()) {
        let link = link.then_some("https://symbot.example/requests/1?a=1&b=2");
        let message = message::request(&RequestMessage { run: &run, notification, show_environment: true, link });
        prop_assert_eq!(message_problems(&message), Vec::<String>::new());
        let has_buttons = message.blocks.as_array().unwrap().iter().any(|block| block["type"] == "actions");
        prop_assert_eq!(has_buttons, run.status == Status::Requested && notification == 1);
        for news in [RequesterNews::Approved, RequesterNews::Denied, RequesterNews::Expired, RequesterNews::Undeliverable, RequesterNews::NobodyNotified, RequesterNews::Failed] {
            prop_assert_eq!(message_problems(&message::requester_news(&run, news, true, link)), Vec::<String>::new());
        }
        for refusal in [Refusal::OwnRequest, Refusal::NotPermitted, Refusal::Guest, Refusal::Inactive] {
            prop_assert_eq!(message_problems(&message::plain_message(&answer::refusal(refusal, &run))), Vec::<String>::new());
        }
        for words in [answer::already_decided(&run), answer::expired(&run, true), answer::forwarded(&run, notification), answer::failed(&run)] {
            prop_assert_eq!(message_problems(&message::plain_message(&words)), Vec::<String>::new());
        }
    }
}

#[test]
fn the_checks_of_these_tests_refuse_what_slack_refuses() {
    let flow = flow(vec![super::choice(
        "urgency",
        FieldType::String,
        &["Normal"],
    )]);
    let good = super::forms::form_of(&flow);
    for (pointer, bad) in [
        ("/title/text", json!("x".repeat(25))),
        ("/blocks/1/element/options", json!([])),
        ("/blocks/1/label/text", json!("x".repeat(2001))),
        ("/private_metadata", json!("x".repeat(3001))),
        ("/submit", Value::Null),
        ("/blocks/1/element/typo", json!(1)),
    ] {
        let mut view = good.clone();
        match view.pointer_mut(pointer) {
            Some(place) => *place = bad,
            None => view["blocks"][1]["element"]["typo"] = bad,
        }
        if view["submit"].is_null() {
            view.as_object_mut().unwrap().remove("submit");
        }
        assert_ne!(view_problems(&view), Vec::<String>::new(), "{pointer}");
    }
    let mut message = message::plain_message("fine");
    message.blocks =
        json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "<!channel>" } }]);
    assert_ne!(message_problems(&message), Vec::<String>::new());
}
