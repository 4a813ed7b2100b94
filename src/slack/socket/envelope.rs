//! What Slack sends over a socket, taken apart only as far as the socket needs: the payload stays raw JSON.

use serde_json::{Map, Value, json};

/// One delivery that must be acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    pub envelope_id: String,
    /// `slash_commands`, `interactive`, `events_api`, or something new.
    pub kind: String,
    pub payload: Value,
    /// Whether the acknowledgement may carry an answer.
    pub accepts_response_payload: bool,
    /// Above zero for an event that Slack sends again. Never a reason to drop it.
    pub retry_attempt: u32,
    pub retry_reason: Option<String>,
}

/// One text frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Hello,
    Disconnect {
        reason: String,
    },
    Envelope(Box<Envelope>),
    /// Nothing that could be acknowledged.
    Other {
        what: String,
    },
}

/// Reads a frame. Anything with an `envelope_id` is an envelope, whatever else it lacks.
pub(super) fn read(text: &str) -> Frame {
    let Ok(Value::Object(mut frame)) = serde_json::from_str(text) else {
        return Frame::Other {
            what: "a frame that is not a JSON object".to_owned(),
        };
    };
    let kind = take_text(&mut frame, "type").unwrap_or_default();
    if let Some(envelope_id) = take_text(&mut frame, "envelope_id") {
        return Frame::Envelope(Box::new(Envelope {
            envelope_id,
            kind,
            payload: frame.remove("payload").unwrap_or(Value::Null),
            accepts_response_payload: frame
                .get("accepts_response_payload")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            retry_attempt: frame
                .get("retry_attempt")
                .and_then(Value::as_u64)
                .and_then(|attempt| u32::try_from(attempt).ok())
                .unwrap_or(0),
            retry_reason: take_text(&mut frame, "retry_reason").filter(|text| !text.is_empty()),
        }));
    }
    match kind.as_str() {
        "hello" => Frame::Hello,
        "disconnect" => Frame::Disconnect {
            reason: take_text(&mut frame, "reason").unwrap_or_default(),
        },
        other => Frame::Other {
            what: format!("a frame of type {other:?} without envelope_id"),
        },
    }
}

/// The acknowledgement of an envelope.
pub(super) fn acknowledgement(envelope_id: &str, payload: Option<&Value>) -> String {
    match payload {
        Some(payload) => json!({ "envelope_id": envelope_id, "payload": payload }).to_string(),
        None => json!({ "envelope_id": envelope_id }).to_string(),
    }
}

fn take_text(frame: &mut Map<String, Value>, key: &str) -> Option<String> {
    match frame.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_keeps_what_it_says_and_tolerates_what_it_lacks() {
        let full = read(
            r#"{"envelope_id":"e1","type":"events_api","payload":{"x":1},"accepts_response_payload":true,
                "retry_attempt":2,"retry_reason":"timeout","new":[]}"#,
        );
        let Frame::Envelope(full) = full else {
            panic!("not an envelope: {full:?}")
        };
        assert_eq!(
            (full.retry_attempt, full.retry_reason.as_deref()),
            (2, Some("timeout"))
        );
        assert!(full.accepts_response_payload);
        let bare = read(r#"{"envelope_id":"e2","retry_attempt":"?"}"#);
        let Frame::Envelope(bare) = bare else {
            panic!("not an envelope: {bare:?}")
        };
        assert_eq!((bare.kind.as_str(), bare.payload), ("", Value::Null));
    }

    #[test]
    fn frames_without_an_envelope_are_told_apart() {
        assert_eq!(
            read(r#"{"type":"hello","num_connections":1}"#),
            Frame::Hello
        );
        let reason = "refresh_requested".to_owned();
        assert_eq!(
            read(r#"{"type":"disconnect","reason":"refresh_requested"}"#),
            Frame::Disconnect { reason }
        );
        for odd in ["", "[]", "{", r#"{"type":"new"}"#, r#"{"envelope_id":7}"#] {
            assert!(matches!(read(odd), Frame::Other { .. }), "{odd}");
        }
    }

    #[test]
    fn an_acknowledgement_without_answer_has_no_payload() {
        assert_eq!(acknowledgement("e1", None), r#"{"envelope_id":"e1"}"#);
        let answer = json!({"text": "hi"});
        assert_eq!(
            acknowledgement("e1", Some(&answer)),
            r#"{"envelope_id":"e1","payload":{"text":"hi"}}"#
        );
    }
}
