//! Private answers, as people read them.

use insta::assert_snapshot;

use super::check::message_problems;
use super::{decided, forwarded, run};
use crate::domain::permission::{Refusal, Verdict};
use crate::domain::person::{Person, Role};
use crate::domain::run::{RunError, Status};
use crate::slack::answer::{self, ErrorReport};
use crate::slack::message::plain_message;

fn together(answers: &[String]) -> String {
    for answer in answers {
        assert_eq!(
            message_problems(&plain_message(answer)),
            Vec::<String>::new()
        );
    }
    answers.join("\n----\n")
}

#[test]
fn commands() {
    let erin = Person {
        id: uuid::Uuid::from_u128(5),
        slack_id: Some("UERIN".to_owned()),
        email: Some("erin@example.com".to_owned()),
        name: "Erin <!here>".to_owned(),
        first_name: None,
        last_name: None,
        role: Role::Admin,
        active: true,
    };
    assert_snapshot!(together(&[
        answer::help(),
        answer::unknown_command("`<!channel>`"),
        answer::unknown_flow("dev\nops"),
        answer::unknown_environment("approval", "moon", &[]),
        answer::unknown_environment("approval", "moon", &["approval main".to_owned()]),
        answer::several_environments(
            "approval",
            &["approval prod".to_owned(), "approval test".to_owned()],
        ),
        answer::guest_may_not_start(),
        answer::whoami(&erin, "T01"),
        answer::support(&[]),
        answer::support(&["UERIN".to_owned(), "ops@example.com".to_owned()]),
        answer::login("http://127.0.0.1:7374/login/abc", 5),
        answer::login_off(),
    ]));
}

#[test]
fn refusals_say_why_and_what_happens_to_the_request() {
    assert_snapshot!(together(
        &[
            Refusal::OwnRequest,
            Refusal::OwnDenial,
            Refusal::NotPermitted,
            Refusal::Guest,
            Refusal::Inactive
        ]
        .map(|refusal| answer::refusal(refusal, &run()))
    ));
}

#[test]
fn late_clicks_are_told_what_happened() {
    let mut expired = forwarded();
    expired.status = Status::Expired;
    let mut failed = run();
    failed.status = Status::Errored;
    failed.error = Some(RunError {
        code: "IMPL-1".to_owned(),
        message: String::new(),
        ..RunError::default()
    });
    let mut nobody_left = forwarded();
    nobody_left.current = None;
    assert_snapshot!(together(&[
        answer::already_decided(&decided(Verdict::Approve, None)),
        answer::already_decided(&decided(Verdict::Deny, None)),
        answer::expired(&expired, false),
        answer::failed(&failed),
        answer::forwarded(&forwarded(), 0),
        answer::forwarded(&nobody_left, 0),
        answer::unknown_request(),
    ]));
}

#[test]
fn failures() {
    let run = run();
    assert_snapshot!(together(&[
        answer::went_wrong("Nothing was sent.", "IMPL-3F9A2C"),
        answer::not_understood("SLACK-1"),
        answer::error_report(&ErrorReport {
            code: "IMPL-3F9A2C",
            message: "get_permissions raised an exception",
            hint: Some("Check the variables of the flow."),
            flow: Some("Approval"),
            run: Some(run.id),
            step: Some("get_permissions"),
            person: Some(&run.requester),
            place: Some("impl.py:12"),
            exception: Some("Traceback\n  File \"impl.py\", line 12\nKeyError: 'x' ``` <!channel>"),
            link: Some("http://127.0.0.1:7374/requests/1"),
            ..ErrorReport::default()
        }),
        answer::error_report(&ErrorReport {
            code: "ROUTE-1",
            warning: true,
            message: "channel #nowhere cannot be reached",
            requester: Some(&run.requester),
            ..ErrorReport::default()
        }),
    ]));
}
