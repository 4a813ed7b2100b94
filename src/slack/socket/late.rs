//! What a person is told when a handler finished after its envelope had to be acknowledged with "takes longer". Pure.
//!
//! The handler's answer can no longer ride on the acknowledgement, so it goes another way. For each there is a second
//! way in case the first is closed by then (a form was closed, a `response_url` is used up).

use serde_json::Value;

use super::envelope::Envelope;
use super::failure::{self, Failure, Tell};
use crate::slack::text::{cut, escaped};
use crate::slack::{limits, modal};

/// How the late handler ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Late<'a> {
    /// With this acknowledgement payload.
    Done(Option<&'a Value>),
    Panicked,
}

/// Ways to tell, best first; empty when there is nothing to tell.
pub(super) fn ways(envelope: &Envelope, late: Late<'_>) -> Vec<Tell> {
    let payload = &envelope.payload;
    match (envelope.kind.as_str(), payload["type"].as_str(), late) {
        // Nobody waits for these, and a menu that asked for options has been closed or asks again.
        ("events_api", ..) | (_, Some("view_closed" | "block_suggestion"), _) => Vec::new(),
        ("slash_commands", _, Late::Done(None)) => Vec::new(),
        ("slash_commands", _, Late::Done(Some(answer))) => command(payload, answer),
        (_, Some("view_submission"), Late::Done(answer)) => form(payload, answer),
        (_, _, Late::Done(answer)) => match answer.and_then(|answer| answer["text"].as_str()) {
            Some(text) => to_the_person(payload, text.to_owned()),
            None => Vec::new(),
        },
        (_, _, Late::Panicked) => {
            to_the_person(payload, failure::words(envelope, Failure::Panicked))
        }
    }
}

/// The answer of a command, as it would have been shown.
fn command(payload: &Value, answer: &Value) -> Vec<Tell> {
    let mut ways = Vec::new();
    if let (Some(url), Value::Object(answer)) = (payload["response_url"].as_str(), answer) {
        let mut body = answer.clone();
        body.entry("response_type").or_insert("ephemeral".into());
        body.insert("replace_original".to_owned(), false.into());
        ways.push(Tell::Respond {
            url: url.to_owned(),
            body: Value::Object(body),
        });
    }
    let text = match answer["text"].as_str() {
        Some(text) => text.to_owned(),
        None => words_of(&answer["blocks"]),
    };
    ways.extend(direct(payload, text));
    ways
}

/// The form is still open and says that it takes longer: what it would have become is shown in it, else written.
fn form(payload: &Value, answer: Option<&Value>) -> Vec<Tell> {
    let title = payload["view"]["title"]["text"].as_str();
    let title = escaped(title.unwrap_or("Your form"));
    let action = answer.and_then(|answer| answer["response_action"].as_str());
    match (answer, action) {
        (Some(answer), Some("errors")) => {
            let problems = problems(payload, &answer["errors"]);
            let text = format!("“{title}” was not sent: {problems}");
            direct(payload, text).into_iter().collect()
        }
        (Some(answer), Some("update" | "push")) => {
            let view = &answer["view"];
            let text = if has_inputs(view) {
                format!(
                    "“{title}” took too long to go on, and nothing was sent. Please start again with `/sym`."
                )
            } else {
                format!("“{title}” was not sent: {}", words_of(&view["blocks"]))
            };
            in_the_view(payload, view.clone(), text)
        }
        // Acknowledged without an answer, or with `clear`: the form would have closed.
        _ => {
            let text = format!("“{title}” took longer than usual, and went through.");
            in_the_view(payload, modal::message("Sent", &text), text.clone())
        }
    }
}

fn in_the_view(payload: &Value, view: Value, text: String) -> Vec<Tell> {
    let replace = payload["view"]["id"].as_str().map(|id| Tell::Replace {
        view_id: id.to_owned(),
        view,
    });
    replace.into_iter().chain(direct(payload, text)).collect()
}

fn to_the_person(payload: &Value, text: String) -> Vec<Tell> {
    let respond = failure::respond(payload, &text);
    respond.into_iter().chain(direct(payload, text)).collect()
}

fn direct(payload: &Value, text: String) -> Option<Tell> {
    // A command names its user at the top, everything else in an object.
    let user = payload["user_id"]
        .as_str()
        .or_else(|| payload["user"]["id"].as_str())?;
    Some(Tell::Direct {
        user: user.to_owned(),
        text: cut(&text, limits::SECTION_TEXT_CHARS),
    })
}

/// Each error with the label of its input.
fn problems(payload: &Value, errors: &Value) -> String {
    let label = |block_id: &str| {
        blocks(&payload["view"]["blocks"])
            .find(|block| block["block_id"] == block_id)
            .and_then(|block| block["label"]["text"].as_str())
    };
    let errors = errors.as_object().into_iter().flatten();
    let problems: Vec<String> = errors
        .map(|(block_id, error)| {
            let error = escaped(error.as_str().unwrap_or_default());
            match label(block_id) {
                Some(label) => format!("{}: {error}", escaped(label)),
                None => error,
            }
        })
        .collect();
    problems.join("\n")
}

/// The texts of blocks, one a line.
fn words_of(all: &Value) -> String {
    let texts: Vec<String> = blocks(all)
        .filter_map(|block| {
            let text = block["text"]["text"].as_str()?;
            let plain = block["text"]["type"] == "plain_text";
            Some(if plain {
                escaped(text)
            } else {
                text.to_owned()
            })
        })
        .collect();
    texts.join("\n")
}

fn has_inputs(view: &Value) -> bool {
    blocks(&view["blocks"]).any(|block| block["type"] == "input")
}

fn blocks(blocks: &Value) -> impl Iterator<Item = &Value> {
    blocks.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn envelope(kind: &str, payload: Value) -> Envelope {
        Envelope {
            envelope_id: "1d3c79ab-0ffb-41f3-a080-d19e85f53649".to_owned(),
            kind: kind.to_owned(),
            payload,
            accepts_response_payload: true,
            retry_attempt: 0,
            retry_reason: None,
        }
    }

    fn submitted() -> Envelope {
        let reason = json!({"type": "input", "block_id": "b1", "label": {"type": "plain_text", "text": "Why & when"}});
        let view = json!({"id": "V1", "title": {"type": "plain_text", "text": "Prod DB"}, "blocks": [reason]});
        envelope(
            "interactive",
            json!({"type": "view_submission", "user": {"id": "U1"}, "view": view}),
        )
    }

    fn direct_text(tell: &Tell) -> &str {
        match tell {
            Tell::Direct { user, text } if user == "U1" => text,
            other => panic!("not a direct message to the person: {other:?}"),
        }
    }

    #[test]
    fn a_commands_answer_goes_to_its_response_url_or_else_to_the_person() {
        let url = "https://hooks.slack.com/commands/1";
        let command = envelope(
            "slash_commands",
            json!({"user_id": "U1", "response_url": url}),
        );
        let answer = json!({"text": "You are Ann"});
        let ways = ways(&command, Late::Done(Some(&answer)));
        let body =
            json!({"text": "You are Ann", "response_type": "ephemeral", "replace_original": false});
        let respond = Tell::Respond {
            url: url.to_owned(),
            body,
        };
        assert_eq!(ways[0], respond);
        assert_eq!(direct_text(&ways[1]), "You are Ann");
    }

    #[test]
    fn the_errors_of_a_form_are_written_with_the_labels_of_its_inputs() {
        let answer =
            json!({"response_action": "errors", "errors": {"b1": "too <short>", "b9": "odd"}});
        let ways = ways(&submitted(), Late::Done(Some(&answer)));
        assert_eq!(ways.len(), 1);
        assert_eq!(
            direct_text(&ways[0]),
            "“Prod DB” was not sent: Why &amp; when: too &lt;short&gt;\nodd"
        );
    }

    #[test]
    fn a_refusal_replaces_the_open_form_or_is_written() {
        let view = modal::message("Request", "Guests may not ask");
        let answer = json!({"response_action": "update", "view": view});
        let ways = ways(&submitted(), Late::Done(Some(&answer)));
        assert!(
            matches!(&ways[0], Tell::Replace { view_id, view: shown } if view_id == "V1" && *shown == view)
        );
        assert_eq!(
            direct_text(&ways[1]),
            "“Prod DB” was not sent: Guests may not ask"
        );
    }

    #[test]
    fn a_next_form_that_comes_late_is_shown_and_never_written_as_text() {
        let answer = json!({"response_action": "update", "view": {"blocks": [{"type": "input"}]}});
        let ways = ways(&submitted(), Late::Done(Some(&answer)));
        assert!(matches!(&ways[0], Tell::Replace { .. }));
        assert!(direct_text(&ways[1]).contains("nothing was sent"));
    }

    #[test]
    fn a_form_that_went_through_late_does_not_stay_open_as_if_it_had_not() {
        let ways = ways(&submitted(), Late::Done(None));
        assert!(matches!(&ways[0], Tell::Replace { view_id, .. } if view_id == "V1"));
        assert!(direct_text(&ways[1]).contains("went through"));
    }

    #[test]
    fn a_late_panic_is_told_whatever_it_was() {
        let command = envelope("slash_commands", json!({"user_id": "U1"}));
        for envelope in [command, submitted()] {
            let ways = ways(&envelope, Late::Panicked);
            let told = direct_text(ways.last().expect("nobody was told"));
            assert!(told.contains("SLACK-1D3C79"), "{told}");
        }
    }

    #[test]
    fn nothing_is_told_where_nothing_was_said_or_nobody_waits() {
        let click = envelope(
            "interactive",
            json!({"type": "block_actions", "user": {"id": "U1"}}),
        );
        assert_eq!(ways(&click, Late::Done(None)), []);
        let command = envelope("slash_commands", json!({"user_id": "U1"}));
        assert_eq!(ways(&command, Late::Done(None)), []);
        let menu = envelope("interactive", json!({"type": "block_suggestion"}));
        let options = json!({"options": []});
        assert_eq!(ways(&menu, Late::Done(Some(&options))), []);
    }
}
