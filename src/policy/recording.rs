//! What happened in one handler call, complete enough to let it happen again.
//!
//! A call depends on its source, its input, its randomness, the time, and what the host answered; all of that is in a
//! [`RecordedCall`], with what came out. [`Pool::replay`](super::pool::Pool::replay) runs it again in a worker and makes
//! another record, which is equal to the last byte but for [`RecordedCall::duration_ms`]. Exceptions: calls that were
//! killed, and code that depends on memory addresses, such as the order of a set of objects without `__hash__`.
//!
//! Values of secrets can be among the answers. [`RecordedCall::masked`] is what may be stored; a replay of it is given the
//! masks, and its own record is masked before the two are compared.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::secrecy::{MASK, Masker, masked_value};
use super::types::{EventInput, HandlerFailure, HostError};
use super::wire::OwnTime;

/// One handler call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedCall {
    pub file: String,
    /// SHA-256 of the source, in hexadecimal.
    pub code: String,
    pub handlers: Vec<String>,
    pub input: EventInput,
    /// Randomness of the call.
    pub seed: String,
    /// The time at its start, in nanoseconds since 1970.
    pub now_ns: u64,
    pub host_calls: Vec<RecordedHostCall>,
    pub outcome: RecordedOutcome,
    pub duration_ms: u64,
    /// What of that was the file's own; not kept.
    #[serde(skip)]
    pub own: OwnTime,
    /// Whether parts were left out because the whole was too large to be kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One host call and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHostCall {
    pub name: String,
    pub arguments: Value,
    pub answer: RecordedAnswer,
    /// The time of the answer.
    pub now_ns: u64,
}

/// What the host answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedAnswer {
    Value(Value),
    Raise(HostError),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedOutcome {
    /// What the handlers returned, tagged as the worker does it, and what was printed.
    Results {
        results: Vec<(String, Value)>,
        printed: String,
    },
    Failure(HandlerFailure),
}

/// Why a record cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("this source is not the one that was recorded: its SHA-256 is {0}")]
    OtherSource(String),
    #[error("parts of this record were too large to be kept; it cannot be replayed")]
    Cut,
    #[error("no worker could be had: {0}")]
    NoWorker(String),
}

/// The host call whose answers are values of secrets.
const RETRIEVE: &str = "secrets.retrieve";
const REQUEST: &str = "http.request";

/// Headers that carry credentials.
const SECRET_HEADERS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
];

/// Values of host calls that are larger than this are the first to go from a record that is too large.
const VALUE_KEPT_BYTES: usize = 2_000;
/// Host calls that a record which is too large keeps.
const HOST_CALLS_KEPT: usize = 20;

impl RecordedCall {
    /// Finds the values of the secrets that this call was given.
    #[must_use]
    pub fn masker(&self) -> Masker {
        masker_of(&self.host_calls)
    }

    /// The record without values of secrets, wherever they stand in it, and without credentials in HTTP headers. A call whose
    /// secrets are masked can still be replayed when its result does not depend on them.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let masker = self.masker();
        for call in &mut self.host_calls {
            mask_arguments(&masker, &call.name, &mut call.arguments);
            match &mut call.answer {
                RecordedAnswer::Value(Value::String(value)) if call.name == RETRIEVE => {
                    *value = masked_value(value);
                }
                RecordedAnswer::Value(answer) if call.name == REQUEST => {
                    mask_message(&masker, answer);
                }
                RecordedAnswer::Value(answer) => masker.json(answer),
                RecordedAnswer::Raise(error) => masker.text(&mut error.message),
            }
        }
        if masker.is_empty() {
            return self;
        }
        match &mut self.outcome {
            RecordedOutcome::Results { results, printed } => {
                results
                    .iter_mut()
                    .for_each(|(_, result)| masker.json(result));
                masker.text(printed);
            }
            RecordedOutcome::Failure(failure) => failure.mask(&masker),
        }
        self
    }

    /// The record as JSON of at most `max` bytes. One that is larger loses, until it is small enough: large values of host
    /// calls, host calls but for the first [`HOST_CALLS_KEPT`], what the handlers returned, the fields of the form. It
    /// says that it was [`RecordedCall::cut`], and cannot be replayed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to_json(&self, max: usize) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        if text.len() <= max {
            return Ok(text);
        }
        let mut smaller = self.clone();
        smaller.cut = true;
        let steps: [fn(&mut Self); 4] = [
            |call| {
                for host_call in &mut call.host_calls {
                    shorten(&mut host_call.arguments);
                    if let RecordedAnswer::Value(answer) = &mut host_call.answer {
                        shorten(answer);
                    }
                }
            },
            |call| call.host_calls.truncate(HOST_CALLS_KEPT),
            |call| {
                if let RecordedOutcome::Results { results, .. } = &mut call.outcome {
                    results.iter_mut().for_each(|(_, result)| shorten(result));
                }
            },
            |call| {
                call.input.fields.values_mut().for_each(shorten);
                call.input.flow.fields.clear();
                call.input.flow.vars.clear();
            },
        ];
        for step in steps {
            step(&mut smaller);
            let text = serde_json::to_string(&smaller)?;
            if text.len() <= max {
                return Ok(text);
            }
        }
        smaller.host_calls.clear();
        smaller.input.fields.clear();
        serde_json::to_string(&smaller)
    }

    /// Whether both records tell the same, apart from how long it took.
    ///
    /// # Errors
    /// When a record cannot be written.
    pub fn same_as(&self, other: &Self) -> Result<bool, serde_json::Error> {
        let text = |call: &Self| {
            serde_json::to_vec(&Self {
                duration_ms: 0,
                ..call.clone()
            })
        };
        Ok(text(self)? == text(other)?)
    }
}

impl HandlerFailure {
    /// Takes values of secrets out of its texts.
    pub fn mask(&mut self, masker: &Masker) {
        masker.text(&mut self.message);
        masker.text(&mut self.printed);
        if let Some(traceback) = &mut self.traceback {
            masker.text(traceback);
        }
    }
}

/// Finds the values of the secrets among the answers.
fn masker_of(calls: &[RecordedHostCall]) -> Masker {
    Masker::new(calls.iter().filter_map(|call| match &call.answer {
        RecordedAnswer::Value(Value::String(value)) if call.name == RETRIEVE => {
            Some(value.as_str())
        }
        _ => None,
    }))
}

/// Whether a replayed handler asks what was recorded. It was given masks for values of secrets, and the record's own are masked.
pub(super) fn asks_the_same(
    recorded: &[RecordedHostCall],
    number: usize,
    name: &str,
    arguments: &Value,
) -> bool {
    let Some(call) = recorded.get(number).filter(|call| call.name == name) else {
        return false;
    };
    if call.arguments == *arguments {
        return true;
    }
    let mut masked = arguments.clone();
    mask_arguments(&masker_of(recorded), name, &mut masked);
    call.arguments == masked
}

fn mask_arguments(masker: &Masker, name: &str, arguments: &mut Value) {
    if name == REQUEST {
        mask_message(masker, arguments);
    } else {
        masker.json(arguments);
    }
}

/// An HTTP request or response.
fn mask_message(masker: &Masker, message: &mut Value) {
    let mut body_masked = false;
    if let Some(Value::String(body)) = message.get_mut("body")
        && masker.finds_in_base64(body)
    {
        *body = MASK.to_owned();
        body_masked = true;
    }
    mask_headers(message, body_masked);
    masker.json(message);
}

/// Large values become a text that says so.
fn shorten(value: &mut Value) {
    let size = value.to_string().len();
    if size > VALUE_KEPT_BYTES {
        *value = Value::String(format!("[cut: {size} bytes]"));
    }
}

/// Credentials, and the length of a body that is masked: it would differ in a replay.
fn mask_headers(message: &mut Value, length_too: bool) {
    let Some(headers) = message.get_mut("headers").and_then(Value::as_array_mut) else {
        return;
    };
    for header in headers {
        let secret = header[0].as_str().is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            SECRET_HEADERS.contains(&name.as_str()) || length_too && name == "content-length"
        });
        if let (true, Some(value)) = (secret, header.get_mut(1)) {
            *value = Value::String(MASK.to_owned());
        }
    }
}

/// The fingerprint of a source in records.
#[must_use]
pub fn fingerprint(source: &str) -> String {
    Sha256::digest(source.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
