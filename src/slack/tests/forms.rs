//! Forms as people see them.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value;

use super::check::view_problems;
use super::{access_flow, choice, field, flow, labelled, metadata, render};
use crate::domain::field::FieldType;
use crate::flows::catalog::{Flow, Params, PromptField};
use crate::slack::modal;
use crate::slack::view::FormView;

pub(super) fn form_of(flow: &Flow) -> Value {
    let view = modal::form(&FormView {
        flow,
        person_name: "Alice",
        environment: None,
        metadata: metadata(),
        state: &crate::slack::live::FormState::default(),
    });
    assert_eq!(view_problems(&view), Vec::<String>::new());
    view
}

fn every_type() -> Vec<PromptField> {
    FieldType::ALL
        .iter()
        .map(|field_type| {
            labelled(
                field_type.as_str(),
                *field_type,
                &format!("A field of type {}", field_type.as_str()),
            )
        })
        .collect()
}

#[test]
fn every_type_of_field_has_its_input() {
    let view = form_of(&flow(every_type()));
    assert_snapshot!(render::view(&view));
    assert_json_snapshot!("every_type_as_json", view);
}

#[test]
fn allowed_values_make_dropdowns() {
    assert_snapshot!(render::view(&form_of(&flow(vec![
        choice("urgency", FieldType::String, &["Normal", "Emergency"]),
        choice("count", FieldType::Int, &["1", "10"]),
        choice(
            "how_long",
            FieldType::Duration,
            &["30s", "90m", "1d", "1mo"]
        ),
        choice("services", FieldType::StrList, &["billing", "search"]),
        choice("ports", FieldType::IntList, &["80", "443"]),
        choice(
            "odd",
            FieldType::String,
            &["", "same", "same", &"x".repeat(80), &"x".repeat(90)]
        ),
        choice("unset", FieldType::String, &[]),
    ]))));
}

#[test]
fn defaults_are_filled_in() {
    let with_default = |mut field: PromptField, default: &str| {
        field.default = Some(default.to_owned());
        field
    };
    assert_snapshot!(render::view(&form_of(&flow(vec![
        with_default(field("ticket", FieldType::String), "OPS-1"),
        with_default(field("count", FieldType::Int), "5"),
        with_default(field("bad_count", FieldType::Int), "five"),
        with_default(field("tell_me", FieldType::Bool), "true"),
        with_default(field("not_me", FieldType::Bool), "false"),
        with_default(
            choice("urgency", FieldType::String, &["Normal", "Emergency"]),
            "Normal"
        ),
        with_default(choice("stray", FieldType::String, &["a", "b"]), "c"),
    ]))));
}

#[test]
fn optional_fields_say_so_and_hidden_ones_are_not_there() {
    let mut optional = field("ticket", FieldType::String);
    optional.required = false;
    let mut hidden = field("secret_sauce", FieldType::String);
    hidden.visible = false;
    assert_snapshot!(render::view(&form_of(&flow(vec![optional, hidden]))));
}

#[test]
fn access_flows_ask_for_target_first_and_duration_last() {
    let view = form_of(&access_flow(vec![field("reason", FieldType::String)]));
    assert_snapshot!(render::view(&view));
}

#[test]
fn declared_target_and_duration_stay_where_they_are() {
    let view = form_of(&access_flow(vec![
        choice("duration", FieldType::Duration, &["10m", "4h"]),
        field("reason", FieldType::String),
        labelled("target_id", FieldType::String, "What to?"),
    ]));
    assert_snapshot!(render::view(&view));
}

#[test]
fn without_scheduled_deescalation_no_duration_is_asked() {
    let mut flow = access_flow(vec![]);
    flow.params.schedule_deescalation = false;
    assert_snapshot!(render::view(&form_of(&flow)));
}

#[test]
fn an_access_flow_without_targets_says_so() {
    let mut flow = access_flow(vec![]);
    flow.strategy.as_mut().unwrap().targets.clear();
    assert_snapshot!(render::view(&form_of(&flow)));
}

#[test]
fn the_header_greets_and_adds_the_flows_own_text() {
    let mut flow = flow(vec![field("reason", FieldType::String)]);
    flow.label = Some("R&D <production>".to_owned());
    flow.params = Params {
        additional_header_text: Some(
            "Read the <https://example.com/rules|rules> first.".to_owned(),
        ),
        ..Params::default()
    };
    let view = modal::form(&FormView {
        flow: &flow,
        person_name: "Alice <!here>",
        environment: flow.environment_title(),
        metadata: metadata(),
        state: &crate::slack::live::FormState::default(),
    });
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert_snapshot!(render::view(&view));
}

#[test]
fn more_than_a_hundred_values_are_grouped() {
    let values: Vec<String> = (0..230)
        .map(|index| format!("service {index:03}"))
        .collect();
    let mut services = field("service", FieldType::String);
    services.allowed_values = Some(values);
    assert_snapshot!(render::view(&form_of(&flow(vec![services]))));
}

#[test]
fn more_values_than_a_view_holds_are_typed() {
    let values: Vec<String> = (0..9_000)
        .map(|index| format!("service {index:05}"))
        .collect();
    let mut services = field("service", FieldType::String);
    services.allowed_values = Some(values);
    assert_snapshot!(render::view(&form_of(&flow(vec![
        choice("urgency", FieldType::String, &["Normal", "Emergency"]),
        services,
    ]))));
}

#[test]
fn more_fields_than_a_view_holds_give_a_page_that_says_so() {
    let fields = (0..120)
        .map(|index| field(&format!("field_{index}"), FieldType::String))
        .collect();
    assert_snapshot!(render::view(&form_of(&flow(fields))));
}

#[test]
fn ids_come_from_names_and_are_unique_whatever_the_names() {
    let long = "n".repeat(300);
    let view = form_of(&flow(vec![
        field("reason", FieldType::String),
        field("reason", FieldType::String),
        field(&long, FieldType::String),
        field(&format!("{long}2"), FieldType::String),
        field("", FieldType::String),
    ]));
    let ids: Vec<&str> = view["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|block| block["block_id"].as_str())
        .collect();
    assert_eq!(
        ids,
        ["field:reason", "field#1", "field#2", "field#3", "field:"]
    );
}
