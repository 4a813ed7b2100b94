//! Requests with far too much in them.

use super::check::message_problems;
use super::{render, run, string, submitted};
use crate::domain::field::FieldValue;
use crate::domain::run::Run;
use crate::slack::message;
use crate::slack::view::{Message, RequestMessage};

fn built(run: &Run) -> Message {
    let message = message::request(&RequestMessage {
        run,
        notification: 0,
        show_environment: true,
        link: Some("http://127.0.0.1:7374/requests/1"),
    });
    assert_eq!(message_problems(&message), Vec::<String>::new());
    let shown = render::message(&message);
    assert!(
        shown.contains("[Approve primary] [Deny danger]"),
        "buttons were dropped"
    );
    message
}

#[test]
fn a_long_value_gives_way_to_short_ones_and_the_message_says_so() {
    let mut run = run();
    run.fields = vec![
        submitted("Reason", string(&"very long & wordy ".repeat(2000))),
        submitted("Ticket", string("OPS-12345")),
    ];
    let shown = render::message(&built(&run));
    assert!(shown.contains("OPS-12345"));
    assert!(
        shown.contains("~ Some values are shortened here. The whole request is in the web app.")
    );
}

#[test]
fn sixty_fields_of_three_thousand_characters_fit() {
    let mut run = run();
    run.fields = (0..60)
        .map(|index| submitted(&format!("Field {index}"), string(&"é\n".repeat(1500))))
        .collect();
    let shown = render::message(&built(&run));
    assert!(shown.contains("*Field 59*"));
}

#[test]
fn sixty_short_and_long_fields_by_turns_fit() {
    let mut run = run();
    run.fields = (0..60)
        .map(|index| {
            let words = if index % 2 == 0 {
                "short".to_owned()
            } else {
                "w".repeat(150)
            };
            submitted(&format!("Field {index}"), string(&words))
        })
        .collect();
    let shown = render::message(&built(&run));
    assert!(shown.contains("*Field 59*"));
}

#[test]
fn a_thousand_fields_are_cut_and_counted() {
    let mut run = run();
    run.fields = (0..1000)
        .map(|index| submitted(&"label ".repeat(300), FieldValue::Int(index)))
        .collect();
    let shown = render::message(&built(&run));
    assert!(shown.contains("… and 900 more"));
}

#[test]
fn nothing_is_said_about_shortening_when_nothing_was_shortened() {
    assert!(!render::message(&built(&run())).contains("shortened"));
}
