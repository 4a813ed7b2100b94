//! What a person is told when the handler of their command, click or form panicked or is too slow. Pure.

use serde_json::{Value, json};

use super::envelope::Envelope;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The handler panicked.
    Panicked,
    /// The handler is still at work although Slack wants its answer.
    Overdue,
}

/// How the failure is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// `None` leaves the envelope unacknowledged, so that Slack sends it again.
    pub ack: Option<Option<Value>>,
    pub tell: Tell,
}

/// A message outside the acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tell {
    Nobody,
    Respond {
        url: String,
        body: Value,
    },
    Direct {
        user: String,
        text: String,
    },
    /// In the form that is open.
    Replace {
        view_id: String,
        view: Value,
    },
}

/// A short code that people can quote and that stands in the log.
pub(super) fn code(envelope: &Envelope) -> String {
    let digits: String = envelope
        .envelope_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(6)
        .collect();
    format!("SLACK-{}", digits.to_ascii_uppercase())
}

/// The failure in words for the person.
pub(super) fn words(envelope: &Envelope, failure: Failure) -> String {
    match failure {
        Failure::Panicked => format!(
            "Something went wrong in Symbot and this was not done. Please try again; if it fails again, give an \
             administrator the code {}.",
            code(envelope)
        ),
        Failure::Overdue => format!(
            "This is taking longer than it should. It may still go through: please look before you try again \
             (code {}).",
            code(envelope)
        ),
    }
}

/// The honest answer for this envelope.
pub(super) fn answer(envelope: &Envelope, failure: Failure) -> Answer {
    let text = words(envelope, failure);
    let payload = &envelope.payload;
    let acked = |payload: Option<Value>, tell: Tell| Answer {
        ack: Some(payload),
        tell,
    };
    match (envelope.kind.as_str(), payload["type"].as_str()) {
        ("slash_commands", _) => acked(
            Some(json!({ "response_type": "ephemeral", "text": text })),
            Tell::Nobody,
        ),
        (_, Some("view_submission")) => acked(Some(in_the_form(payload, &text)), Tell::Nobody),
        (_, Some("block_suggestion")) => acked(Some(json!({ "options": [] })), Tell::Nobody),
        // Nobody waits for an event, and Slack repeats it when it is not acknowledged.
        ("events_api", _) | (_, Some("view_closed")) => Answer {
            ack: (envelope.kind != "events_api").then_some(None),
            tell: Tell::Nobody,
        },
        _ => acked(None, tell(payload, text)),
    }
}

fn tell(payload: &Value, text: String) -> Tell {
    if let Some(respond) = respond(payload, &text) {
        return respond;
    }
    match payload["user"]["id"].as_str() {
        Some(user) => Tell::Direct {
            user: user.to_owned(),
            text,
        },
        None => Tell::Nobody,
    }
}

/// At the `response_url`, if there is one.
pub(super) fn respond(payload: &Value, text: &str) -> Option<Tell> {
    let url = payload["response_url"].as_str()?;
    Some(Tell::Respond {
        url: url.to_owned(),
        body: json!({ "response_type": "ephemeral", "replace_original": false, "text": text }),
    })
}

/// Keeps the form open with what was typed, and says so at its first input; a form without inputs is replaced.
fn in_the_form(payload: &Value, text: &str) -> Value {
    let first_input = payload["view"]["blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|block| block["type"] == "input")
        .find_map(|block| block["block_id"].as_str());
    match first_input {
        Some(block_id) => json!({ "response_action": "errors", "errors": { block_id: text } }),
        None => json!({
            "response_action": "update",
            "view": {
                "type": "modal",
                "title": { "type": "plain_text", "text": "Something went wrong" },
                "close": { "type": "plain_text", "text": "Close" },
                "blocks": [{ "type": "section", "text": { "type": "plain_text", "text": text } }],
            }
        }),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_form_stays_open_and_says_what_happened_at_its_first_input() {
        let view = json!({"blocks": [{"type": "section"}, {"type": "input", "block_id": "b1"}]});
        let form = envelope(
            "interactive",
            json!({"type": "view_submission", "view": view}),
        );
        let answer = answer(&form, Failure::Panicked);
        let ack = answer.ack.flatten().unwrap();
        assert_eq!(ack["response_action"], "errors");
        assert!(
            ack["errors"]["b1"]
                .as_str()
                .unwrap()
                .contains("SLACK-1D3C79")
        );
    }

    #[test]
    fn a_form_without_inputs_is_replaced_by_the_explanation() {
        let form = envelope(
            "interactive",
            json!({"type": "view_submission", "view": null}),
        );
        let ack = answer(&form, Failure::Overdue).ack.flatten().unwrap();
        assert_eq!(ack["response_action"], "update");
        let title = ack["view"]["title"]["text"].as_str().unwrap();
        assert!(title.chars().count() <= crate::slack::limits::VIEW_TITLE_CHARS);
    }

    #[test]
    fn a_click_is_answered_at_its_response_url_or_by_direct_message() {
        let url = "https://hooks.slack.com/actions/T/1/x";
        let click = json!({"type": "block_actions", "user": {"id": "U1"}, "response_url": url});
        let said = answer(&envelope("interactive", click), Failure::Panicked);
        assert_eq!(said.ack, Some(None));
        assert!(matches!(said.tell, Tell::Respond { url: to, .. } if to == url));
        let in_modal = json!({"type": "block_actions", "user": {"id": "U1"}});
        let said = answer(&envelope("interactive", in_modal), Failure::Panicked);
        assert!(matches!(said.tell, Tell::Direct { user, .. } if user == "U1"));
    }

    #[test]
    fn an_event_is_left_unacknowledged_so_that_slack_repeats_it() {
        let event = envelope("events_api", json!({"type": "event_callback"}));
        assert_eq!(answer(&event, Failure::Panicked).ack, None);
    }
}
