//! Submitted forms: what is read from them, and what people are told to put right.

use serde_json::{Value, json};

use super::{access_flow, choice, field, flow};
use crate::domain::field::{FieldType, FieldValue};
use crate::flows::catalog::{Flow, PromptField};
use crate::slack::form::{self, FieldErrors, Submission};
use crate::slack::live::FormState;
use crate::slack::view::{FlowChoice, ids};

/// The state of a form: field name and what its input holds.
fn state(inputs: &[(&str, Value)]) -> Value {
    let mut state = serde_json::Map::new();
    for (name, input) in inputs {
        let id = format!("field:{name}");
        state.insert(id.clone(), json!({ id: input }));
    }
    Value::Object(state)
}

fn typed(text: &str) -> Value {
    json!({ "type": "plain_text_input", "value": text })
}

fn nothing() -> Value {
    json!({ "type": "plain_text_input", "value": null })
}

fn chosen(code: &str) -> Value {
    json!({ "type": "static_select", "selected_option":
        { "text": { "type": "plain_text", "text": code }, "value": code } })
}

fn several(codes: &[&str]) -> Value {
    let options: Vec<Value> = codes.iter().map(|code| json!({ "value": code })).collect();
    json!({ "type": "multi_static_select", "selected_options": options })
}

fn read_one(field: PromptField, input: Value) -> Result<Option<FieldValue>, String> {
    let name = field.name.clone();
    match form::read(
        &flow(vec![field]),
        &FormState::default(),
        &state(&[(&name, input)]),
    ) {
        Ok(Submission { mut fields, .. }) => {
            assert!(fields.len() < 2);
            Ok(fields.pop().map(|field| field.value))
        }
        Err(FieldErrors { at, general }) => {
            assert_eq!(general, None);
            let [(block, text)] = at.as_slice() else {
                panic!("{at:?}")
            };
            assert_eq!(*block, format!("field:{name}"));
            Err(text.clone())
        }
    }
}

fn optional(mut field: PromptField, default: Option<&str>) -> PromptField {
    field.required = false;
    field.default = default.map(str::to_owned);
    field
}

fn hidden(mut field: PromptField, default: Option<&str>) -> PromptField {
    field.visible = false;
    field.default = default.map(str::to_owned);
    field
}

#[test]
fn every_type_is_read_as_its_type() {
    let cases = [
        (
            field("f", FieldType::String),
            typed(" as typed "),
            FieldValue::String(" as typed ".into()),
        ),
        (
            field("f", FieldType::Int),
            typed(" -42 "),
            FieldValue::Int(-42),
        ),
        (
            field("f", FieldType::Int),
            json!({ "type": "number_input", "value": 7 }),
            FieldValue::Int(7),
        ),
        (
            field("f", FieldType::Bool),
            json!({ "type": "checkboxes", "selected_options": [{ "value": "true" }] }),
            FieldValue::Bool(true),
        ),
        (
            field("f", FieldType::Bool),
            json!({ "type": "checkboxes", "selected_options": [] }),
            FieldValue::Bool(false),
        ),
        (
            field("f", FieldType::Duration),
            typed("90m"),
            FieldValue::Duration(5400),
        ),
        (
            choice("f", FieldType::Duration, &["30s", "2h"]),
            chosen("2h"),
            FieldValue::Duration(7200),
        ),
        (
            choice("f", FieldType::String, &["Normal", "Emergency"]),
            chosen("Emergency"),
            FieldValue::String("Emergency".into()),
        ),
        (
            choice("f", FieldType::Int, &["1", "10"]),
            chosen("10"),
            FieldValue::Int(10),
        ),
        (
            field("f", FieldType::SlackUser),
            json!({ "type": "users_select", "selected_user": "UBOB" }),
            FieldValue::SlackUser(super::user("UBOB")),
        ),
        (
            field("f", FieldType::SlackUserList),
            json!({ "type": "multi_users_select", "selected_users": ["UBOB", "UEVE"] }),
            FieldValue::SlackUserList(vec![super::user("UBOB"), super::user("UEVE")]),
        ),
        (
            field("f", FieldType::StrList),
            typed("a, b ,,c"),
            FieldValue::StrList(vec!["a".into(), "b".into(), "c".into()]),
        ),
        (
            field("f", FieldType::IntList),
            typed("1,2\n3"),
            FieldValue::IntList(vec![1, 2, 3]),
        ),
        (
            choice("f", FieldType::StrList, &["x", "y"]),
            several(&["y", "x"]),
            FieldValue::StrList(vec!["y".into(), "x".into()]),
        ),
        (
            choice("f", FieldType::IntList, &["80", "443"]),
            several(&["443"]),
            FieldValue::IntList(vec![443]),
        ),
    ];
    for (field, input, expected) in cases {
        let shown = format!("{field:?} {input}");
        assert_eq!(read_one(field, input), Ok(Some(expected)), "{shown}");
    }
}

#[test]
fn what_is_wrong_is_said_at_the_field() {
    let cases = [
        (
            field("f", FieldType::String),
            nothing(),
            "Please fill this in.",
        ),
        (
            field("f", FieldType::String),
            typed(" \n\t "),
            "Please fill this in.",
        ),
        (
            field("f", FieldType::Int),
            typed("5.5"),
            "“5.5” is not a whole number. Please write one such as 5.",
        ),
        (
            field("f", FieldType::Int),
            typed("9223372036854775808"),
            "“9223372036854775808” is out of range: please use at most 18 digits.",
        ),
        (
            field("f", FieldType::Duration),
            typed("soon"),
            "“soon” is not a duration. Please write a number and a unit, such as 30m, 4h or 2d.",
        ),
        (
            choice("f", FieldType::String, &["a"]),
            chosen("b"),
            "This is not one of the choices. Please choose again.",
        ),
        (
            choice("f", FieldType::String, &["a"]),
            typed("b"),
            "“b” is not one of the allowed values.",
        ),
        (
            choice("f", FieldType::String, &["a"]),
            nothing(),
            "Please choose one.",
        ),
        (
            field("f", FieldType::SlackUser),
            json!({ "selected_user": null }),
            "Please choose a person.",
        ),
        (
            field("f", FieldType::SlackUserList),
            json!({ "selected_users": [] }),
            "Please choose at least one person.",
        ),
        (
            field("f", FieldType::IntList),
            typed("1, two"),
            "“two” is not a whole number. Please write one such as 5.",
        ),
        (
            field("f", FieldType::StrList),
            typed(" , ,"),
            "Please fill this in.",
        ),
        (
            choice("f", FieldType::StrList, &["a"]),
            several(&["a", "z"]),
            "This is not one of the choices. Please choose again.",
        ),
        (
            choice("f", FieldType::IntList, &["a"]),
            several(&["a"]),
            "“a” is not a whole number. Please write one such as 5.",
        ),
        (
            field("f", FieldType::String),
            typed(&"é".repeat(3001)),
            "This is too long. Please use at most 3000 characters.",
        ),
    ];
    for (field, input, expected) in cases {
        let shown = format!("{field:?}");
        assert_eq!(read_one(field, input), Err(expected.to_owned()), "{shown}");
    }
}

#[test]
fn the_largest_and_smallest_numbers_are_read() {
    for number in [i64::MAX, i64::MIN] {
        assert_eq!(
            read_one(field("f", FieldType::Int), typed(&number.to_string())),
            Ok(Some(FieldValue::Int(number)))
        );
    }
}

#[test]
fn defaults_fill_optional_fields_that_are_empty_before_typing() {
    let cases = [
        (
            optional(field("f", FieldType::Int), Some("5")),
            nothing(),
            Some(FieldValue::Int(5)),
        ),
        (
            optional(field("f", FieldType::String), Some("x")),
            typed("  "),
            Some(FieldValue::String("x".into())),
        ),
        (
            optional(field("f", FieldType::String), None),
            nothing(),
            None,
        ),
        (
            optional(field("f", FieldType::String), Some("x")),
            typed("y"),
            Some(FieldValue::String("y".into())),
        ),
        (
            optional(choice("f", FieldType::Duration, &["1h", "2h"]), Some("2h")),
            nothing(),
            Some(FieldValue::Duration(7200)),
        ),
        (
            optional(field("f", FieldType::SlackUser), None),
            json!({ "selected_user": null }),
            None,
        ),
        (
            optional(field("f", FieldType::StrList), None),
            typed(","),
            None,
        ),
        // An unticked box is an answer, not an empty field.
        (
            optional(field("f", FieldType::Bool), Some("true")),
            json!({ "selected_options": [] }),
            Some(FieldValue::Bool(false)),
        ),
    ];
    for (field, input, expected) in cases {
        let shown = format!("{field:?} {input}");
        assert_eq!(read_one(field, input), Ok(expected), "{shown}");
    }
}

#[test]
fn hidden_fields_use_their_default_whatever_the_payload_says() {
    let cases = [
        (
            hidden(field("f", FieldType::String), Some("quiet")),
            Some(FieldValue::String("quiet".into())),
        ),
        (hidden(field("f", FieldType::String), None), None),
        (
            hidden(field("f", FieldType::Bool), None),
            Some(FieldValue::Bool(false)),
        ),
        (
            hidden(field("f", FieldType::Bool), Some("true")),
            Some(FieldValue::Bool(true)),
        ),
    ];
    for (field, expected) in cases {
        assert_eq!(read_one(field, typed("smuggled")), Ok(expected));
    }
}

#[test]
fn a_hidden_default_that_does_not_fit_is_said_on_a_page() {
    let flow = flow(vec![hidden(field("count", FieldType::Int), Some("many"))]);
    let errors = form::read(&flow, &FormState::default(), &json!({})).unwrap_err();
    assert_eq!(errors.at, []);
    insta::assert_json_snapshot!(errors.to_response("Approval"));
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_form() {
    let flow = flow(vec![
        field("b", FieldType::String),
        field("a", FieldType::Int),
        field("c", FieldType::String),
    ]);
    let errors = form::read(
        &flow,
        &FormState::default(),
        &state(&[("a", typed("x")), ("c", typed("fine"))]),
    )
    .unwrap_err();
    assert_eq!(
        errors.to_response("Approval").to_string(),
        r#"{"response_action":"errors","errors":{"field:b":"Please fill this in.","field:a":"“x” is not a whole number. Please write one such as 5."}}"#
    );
}

#[test]
fn values_too_long_for_an_option_are_found_again() {
    let (long, longer) = ("x".repeat(80), "x".repeat(90));
    let field = || choice("f", FieldType::String, &["short", &long, &longer, ""]);
    assert_eq!(
        read_one(field(), chosen("1")),
        Ok(Some(FieldValue::String(long.clone())))
    );
    assert_eq!(
        read_one(field(), chosen("2")),
        Ok(Some(FieldValue::String(longer.clone())))
    );
    assert_eq!(
        read_one(field(), chosen("3")),
        Ok(Some(FieldValue::String(String::new())))
    );
    assert!(read_one(field(), chosen("short")).is_err());
    // Typed, because there were too many to list.
    assert_eq!(
        read_one(field(), typed(&long)),
        Ok(Some(FieldValue::String(long.clone())))
    );
}

fn access(inputs: &[(&str, Value)]) -> Result<Submission, FieldErrors> {
    form::read(
        &access_flow(vec![field("reason", FieldType::String)]),
        &FormState::default(),
        &state(inputs),
    )
}

#[test]
fn target_and_duration_must_be_among_those_offered() {
    let submission = access(&[
        ("target_id", chosen("id-of-staging_db")),
        ("reason", typed("r")),
        ("duration", chosen("10m")),
    ])
    .unwrap();
    assert_eq!(submission.target.unwrap().label, "Staging database");
    assert_eq!(submission.duration_seconds, Some(600));
    assert_eq!(submission.fields.len(), 1);

    let errors = access(&[
        ("target_id", chosen("id-of-another_strategy")),
        ("reason", typed("r")),
        ("duration", chosen("100d")),
    ])
    .unwrap_err();
    assert_eq!(
        errors.at,
        [
            (
                "field:target_id".to_owned(),
                "This is not one of the choices. Please choose again.".to_owned()
            ),
            (
                "field:duration".to_owned(),
                "This is not one of the choices. Please choose again.".to_owned()
            ),
        ]
    );
    assert_eq!(access(&[("reason", typed("r"))]).unwrap_err().at.len(), 2);
}

#[test]
fn a_hidden_target_is_the_only_one_or_the_default() {
    let read = |flow: &Flow| {
        form::read(flow, &FormState::default(), &json!({}))
            .unwrap()
            .target
            .map(|target| target.name)
    };
    let mut flow = access_flow(vec![hidden(
        field("target_id", FieldType::String),
        Some("Staging database"),
    )]);
    flow.params.schedule_deescalation = false;
    assert_eq!(read(&flow).as_deref(), Some("staging_db"));
    flow.prompt_fields[0].default = None;
    let errors = form::read(&flow, &FormState::default(), &json!({})).unwrap_err();
    assert!(
        errors
            .general
            .unwrap()
            .contains("hidden and has no default")
    );
    flow.strategy.as_mut().unwrap().targets.truncate(1);
    assert_eq!(read(&flow).as_deref(), Some("prod_db"));
}

#[test]
fn reserved_names_mean_nothing_without_a_strategy() {
    assert_eq!(
        read_one(field("target_id", FieldType::String), typed("x")),
        Ok(Some(FieldValue::String("x".into())))
    );
}

#[test]
fn payloads_of_any_shape_are_survived() {
    let flow = flow(vec![
        field("reason", FieldType::String),
        field("who", FieldType::SlackUser),
        choice("pick", FieldType::String, &["a"]),
    ]);
    for junk in [
        json!(null),
        json!([]),
        json!("x"),
        json!({ "field:reason": null }),
        json!({ "field:reason": [1] }),
        json!({ "field:reason": { "field:reason": { "value": { "value": 1 } } } }),
        json!({ "field:reason": { "other": { "value": "from elsewhere" } } }),
        json!({ "field:who": { "field:who": { "selected_user": 5, "selected_users": { "a": 1 } } } }),
        json!({ "field:pick": { "field:pick": { "selected_option": { "value": ["a"] } } } }),
    ] {
        assert!(
            form::read(&flow, &FormState::default(), &junk).is_err(),
            "{junk}"
        );
    }
}

fn flow_choice(name: &str, environment: Option<&str>) -> FlowChoice {
    FlowChoice {
        name: name.to_owned(),
        label: name.to_uppercase(),
        environment: environment.map(str::to_owned),
        environment_label: None,
    }
}

#[test]
fn the_picked_flow_is_found_again_by_slug_and_environment() {
    let long = "s".repeat(100);
    let choices = [
        flow_choice("a", None),
        flow_choice("a", Some("prod")),
        flow_choice(&long, Some("prod")),
        flow_choice(&long, Some("test")),
    ];
    for choice in &choices {
        let code = form::flow_code(choice);
        assert!(code.chars().count() <= crate::slack::limits::OPTION_VALUE_CHARS);
        let state = json!({ ids::PICKER: { ids::PICKER: chosen(&code) } });
        assert_eq!(form::read_picker(&choices, &state), Ok(choice));
    }
}

#[test]
fn a_flow_that_is_gone_is_said_at_the_picker() {
    let choices = [flow_choice("a", None)];
    for (state, expected) in [
        (
            json!({ ids::PICKER: { ids::PICKER: chosen("b") } }),
            "This flow is no longer available. Please choose another one, or close this window and type /sym again.",
        ),
        (json!({}), "Please choose a flow."),
    ] {
        let errors = form::read_picker(&choices, &state).unwrap_err();
        assert_eq!(errors.at, [(ids::PICKER.to_owned(), expected.to_owned())]);
    }
}
