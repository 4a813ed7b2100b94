//! The flow picker and the pages that only say something.

use insta::{assert_json_snapshot, assert_snapshot};

use super::check::view_problems;
use super::{metadata, render};
use crate::slack::view::{FlowChoice, FormMetadata};
use crate::slack::{answer, home, modal};

fn choices() -> Vec<FlowChoice> {
    ["Approval", "Urgency", "Source channel"]
        .iter()
        .map(|label| FlowChoice {
            name: label.to_lowercase().replace(' ', "-"),
            label: (*label).to_owned(),
            environment: (*label == "Urgency").then(|| "prod".to_owned()),
            environment_label: None,
        })
        .collect()
}

fn many(number: usize, label: &str) -> Vec<FlowChoice> {
    (0..number)
        .map(|index| FlowChoice {
            name: format!("flow-{index}"),
            label: format!("{label} {index:04}"),
            environment: None,
            environment_label: None,
        })
        .collect()
}

#[test]
fn the_picker_lists_label_slug_and_environment() {
    let view = modal::flow_picker(&choices(), &metadata(), None);
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert_snapshot!(render::view(&view));
    assert_json_snapshot!("the_picker_as_json", view);
}

#[test]
fn the_picker_says_why_it_opened() {
    let note = answer::unknown_flow("<!channel> & more");
    let view = modal::flow_picker(&choices(), &metadata(), Some(&note));
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert_snapshot!(render::view(&view));
}

#[test]
fn flows_that_look_alike_show_the_name_of_their_environment_and_no_value_comes_twice() {
    let mut all = choices();
    for environment in ["prod", "sandbox", "prod"] {
        all.push(FlowChoice {
            name: "access".to_owned(),
            label: "Access".to_owned(),
            environment: Some(environment.to_owned()),
            environment_label: Some("AWS".to_owned()),
        });
    }
    let view = modal::flow_picker(&all, &metadata(), None);
    assert_eq!(view_problems(&view), Vec::<String>::new());
    let options = view["blocks"][0]["element"]["options"].as_array().unwrap();
    let described: Vec<_> = options
        .iter()
        .map(|option| (&option["value"], &option["description"]["text"]))
        .filter_map(|(value, text)| Some((value.as_str()?, text.as_str()?)))
        .skip(2)
        .collect();
    assert_eq!(
        described,
        [
            ("source-channel", "source-channel"),
            ("access/prod", "access · AWS (prod)"),
            ("access/sandbox", "access · AWS (sandbox)"),
        ]
    );
}

#[test]
fn without_flows_there_is_a_page_that_says_so() {
    assert_snapshot!(render::view(&modal::flow_picker(&[], &metadata(), None)));
}

#[test]
fn more_than_a_hundred_flows_are_grouped() {
    let view = modal::flow_picker(&many(250, "Flow"), &metadata(), None);
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert_snapshot!(render::view(&view));
}

#[test]
fn more_flows_than_a_view_holds_are_cut_and_the_picker_says_so() {
    let view = modal::flow_picker(
        &many(12_000, &"wide 🚀 label ".repeat(5)),
        &metadata(),
        None,
    );
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert!(
        render::view(&view)
            .contains("flows fit here. For another one, type `/sym req` and its name."),
        "the picker does not say that flows are missing"
    );
}

#[test]
fn metadata_survives_the_way_through_a_view() {
    let view = modal::flow_picker(&choices(), &metadata(), None);
    let carried = view["private_metadata"].as_str().unwrap();
    assert_eq!(FormMetadata::decode(carried), Some(metadata()));
    assert_eq!(FormMetadata::decode("{\"source\": 1}"), None);
}

#[test]
fn metadata_that_does_not_fit_gives_a_page_instead_of_a_refused_view() {
    let metadata = FormMetadata {
        flow: "x".repeat(4000),
        ..metadata()
    };
    let view = modal::flow_picker(&choices(), &metadata, None);
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert!(view["submit"].is_null());
}

#[test]
fn pages() {
    let pages = [
        modal::loading("Approval"),
        modal::error("Approval", "The form could not be made.", "IMPL-3F9A2C"),
        modal::message("Approval", "Your request was sent."),
        modal::flow_changed("A title that is far longer than Slack allows"),
    ];
    for page in &pages {
        assert_eq!(view_problems(page), Vec::<String>::new());
    }
    assert_snapshot!(
        pages
            .iter()
            .map(render::view)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn the_home_tab_explains_and_has_one_button() {
    let view = home::home(Some("http://127.0.0.1:7374"));
    assert_eq!(view_problems(&view), Vec::<String>::new());
    assert_snapshot!(render::view(&view));
    assert_snapshot!(
        "the_home_tab_without_web_app",
        render::view(&home::home(None))
    );
}
