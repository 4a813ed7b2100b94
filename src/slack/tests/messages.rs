//! The request message in every state, and what requesters are told.

use insta::{assert_json_snapshot, assert_snapshot};

use super::check::message_problems;
use super::{NOW, decided, forwarded, render, run, string, submitted, user, with_access};
use crate::domain::effect::RequesterNews;
use crate::domain::field::FieldValue;
use crate::domain::permission::Verdict;
use crate::domain::run::{DECISION_MESSAGE_CHARS_MAX, Run, RunError, Status};
use crate::slack::message;
use crate::slack::view::{ButtonValue, Message, RequestMessage};

const LINK: &str = "http://127.0.0.1:7374/requests/1";

fn built(run: &Run, notification: usize) -> Message {
    let message = message::request(&RequestMessage {
        run,
        notification,
        show_environment: false,
        link: Some(LINK),
    });
    assert_eq!(message_problems(&message), Vec::<String>::new());
    message
}

fn shown(run: &Run, notification: usize) -> String {
    render::message(&built(run, notification))
}

fn buttons(message: &Message) -> usize {
    message
        .blocks
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "actions" || block["type"] == "input")
        .count()
}

#[test]
fn an_open_request_shows_who_what_and_the_two_buttons() {
    let run = run();
    assert_snapshot!(shown(&run, 0));
    assert_json_snapshot!("an_open_request_as_json", built(&run, 0).blocks);
}

#[test]
fn a_flow_that_wants_a_decision_message_has_its_input_above_the_buttons() {
    let mut run = run();
    run.flow.include_decision_message = true;
    let message = message::request(&RequestMessage {
        run: &run,
        notification: 0,
        show_environment: true,
        link: None,
    });
    assert_eq!(message_problems(&message), Vec::<String>::new());
    // As many as the web app takes.
    let most = format!("\"max_length\":{DECISION_MESSAGE_CHARS_MAX}");
    assert!(
        serde_json::to_string(&message.blocks)
            .unwrap()
            .contains(&most)
    );
    assert_snapshot!(render::message(&message));
}

#[test]
fn every_type_of_value_is_shown_in_words() {
    let mut run = with_access(run());
    run.fields = vec![
        submitted("Urgency", string("Emergency")),
        submitted("Reason", string("first line\n*Urgency*\nNormal")),
        submitted("Link", string("see https://example.com/a?b=1&c=2 please")),
        submitted("Count", FieldValue::Int(-3)),
        submitted("Notify requester", FieldValue::Bool(true)),
        submitted("Quiet", FieldValue::Bool(false)),
        submitted("How long", FieldValue::Duration(90)),
        submitted("Approver", FieldValue::SlackUser(user("UEVE"))),
        submitted(
            "Watchers",
            FieldValue::SlackUserList(vec![user("UEVE"), user("UDAN")]),
        ),
        submitted(
            "Services",
            FieldValue::StrList(vec!["billing".into(), "a & b".into()]),
        ),
        submitted("Ports", FieldValue::IntList(vec![80, 443])),
    ];
    let mut hidden = submitted("Hidden", string("not shown"));
    hidden.visible = false;
    run.fields.push(hidden);
    assert_snapshot!(shown(&run, 0));
}

#[test]
fn what_people_wrote_reaches_no_channel_and_forges_no_link() {
    let mut run = run();
    run.requester.name = "<!everyone>".to_owned();
    run.requester.slack_id = None;
    run.flow.label = "<!here> *x*".to_owned();
    run.fields = vec![
        submitted(
            "<!channel>",
            string("<!channel> <@UBOB> <https://evil.example|https://good.example>"),
        ),
        submitted(
            "Link",
            string("https://evil.example|good https://a.example/<!here>"),
        ),
        submitted("List", FieldValue::StrList(vec!["<!subteam^S1>".into()])),
        submitted("Person", FieldValue::SlackUser(user("U1>|<!channel"))),
    ];
    assert_snapshot!(shown(&run, 0));
}

#[test]
fn approved() {
    assert_snapshot!(shown(
        &decided(Verdict::Approve, Some("Only today. <!here>\nReally.")),
        0
    ));
}

#[test]
fn approved_access_is_to_be_granted_by_hand() {
    assert_snapshot!(shown(&with_access(decided(Verdict::Approve, None)), 0));
}

#[test]
fn denied() {
    assert_snapshot!(shown(&decided(Verdict::Deny, None), 0));
}

#[test]
fn expired() {
    let mut run = forwarded();
    run.status = Status::Expired;
    run.closed_at = Some(NOW.plus_seconds(45));
    assert_snapshot!(shown(&run, 2));
}

#[test]
fn errored() {
    let mut run = run();
    run.status = Status::Errored;
    run.error = Some(RunError {
        code: "IMPL-3F9A2C".to_owned(),
        message: "impl.py:3: KeyError".to_owned(),
        ..RunError::default()
    });
    assert_snapshot!(shown(&run, 0));
}

#[test]
fn an_old_message_has_no_buttons_and_names_no_new_recipient() {
    let mut run = forwarded();
    run.flow.include_decision_message = true;
    let old = built(&run, 0);
    assert_eq!(buttons(&old), 0);
    assert_snapshot!(render::message(&old));
    assert_eq!(
        buttons(&built(&run, 1)),
        2,
        "the current message keeps its input and buttons"
    );
    assert_eq!(
        buttons(&built(&run, 2)),
        0,
        "a message of a later notification is not current yet"
    );
}

#[test]
fn when_nobody_is_left_the_old_message_points_to_the_web_app() {
    let mut run = forwarded();
    run.current = None;
    assert_snapshot!(shown(&run, 0));
}

#[test]
fn closed_requests_have_no_buttons_in_any_message() {
    let mut expired = forwarded();
    expired.status = Status::Expired;
    for run in [
        decided(Verdict::Approve, None),
        decided(Verdict::Deny, None),
        expired,
    ] {
        for notification in 0..4 {
            assert_eq!(buttons(&built(&run, notification)), 0);
        }
    }
}

#[test]
fn buttons_say_which_request_and_which_verdict() {
    let run = forwarded();
    let blocks = built(&run, 1).blocks;
    let buttons = blocks
        .as_array()
        .unwrap()
        .iter()
        .find(|block| block["type"] == "actions")
        .unwrap()["elements"]
        .clone();
    for (button, verdict) in [(0, Verdict::Approve), (1, Verdict::Deny)] {
        assert_eq!(
            ButtonValue::decode(buttons[button]["value"].as_str().unwrap()),
            Some(ButtonValue {
                run: run.id,
                verdict,
                notification: 1
            })
        );
    }
}

#[test]
fn button_values_are_read_with_tolerance_but_never_guessed() {
    let id = run().id;
    let read =
        ButtonValue::decode(&format!(r#"{{"run":"{id}","verdict":"deny","new":[1]}}"#)).unwrap();
    assert_eq!(
        (read.run, read.verdict, read.notification),
        (id, Verdict::Deny, 0)
    );
    for junk in [
        "",
        "null",
        "{}",
        "approve",
        r#"{"run":"x","verdict":"deny"}"#,
    ] {
        assert_eq!(ButtonValue::decode(junk), None, "{junk}");
    }
    assert_eq!(
        ButtonValue::decode(&format!(r#"{{"run":"{id}","verdict":"revoke"}}"#)),
        None
    );
}

#[test]
fn the_requester_is_told_of_every_end() {
    let approved = with_access(decided(Verdict::Approve, Some("Only today")));
    let mut failed = run();
    failed.error = Some(RunError {
        code: "IMPL-3F9A2C".to_owned(),
        message: String::new(),
        ..RunError::default()
    });
    let mut elsewhere = run();
    elsewhere.flow.environment_name = Some("main".to_owned());
    let news = [
        message::requester_news(&elsewhere, RequesterNews::Expired, true, None),
        message::requester_news(&approved, RequesterNews::Approved, false, Some(LINK)),
        message::requester_news(
            &decided(Verdict::Approve, None),
            RequesterNews::Approved,
            false,
            None,
        ),
        message::requester_news(
            &decided(Verdict::Deny, Some("Not on a Friday")),
            RequesterNews::Denied,
            false,
            Some(LINK),
        ),
        message::requester_news(&run(), RequesterNews::Expired, false, Some(LINK)),
        message::requester_news(&run(), RequesterNews::Undeliverable, false, Some(LINK)),
        message::requester_news(&run(), RequesterNews::Undeliverable, false, None),
        message::requester_news(&run(), RequesterNews::NobodyNotified, false, Some(LINK)),
        message::requester_news(&run(), RequesterNews::NobodyNotified, false, None),
        message::requester_news(&failed, RequesterNews::Failed, false, None),
    ];
    for message in &news {
        assert_eq!(message_problems(message), Vec::<String>::new());
    }
    assert_snapshot!(
        news.iter()
            .map(render::message)
            .collect::<Vec<_>>()
            .join("\n")
    );
}
