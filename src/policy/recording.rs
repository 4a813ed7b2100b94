//! What happened in one handler call, complete enough to let it happen again.
//!
//! A call depends on its source, its input, its randomness, the time, and what the host answered; all of that is in a
//! [`RecordedCall`], with what came out. [`Pool::replay`](super::pool::Pool::replay) runs it again in a worker and makes
//! another record, which is equal to the last byte but for [`RecordedCall::duration_ms`]. Exceptions: calls that were
//! killed, and code that depends on memory addresses, such as the order of a set of objects without `__hash__`.
//!
//! Values of secrets can be among the answers. [`RecordedCall::masked`] is what may be stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::types::{EventInput, HandlerFailure, HostError};

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
    #[error("no worker could be had: {0}")]
    NoWorker(String),
}

/// Host calls whose arguments or answers hold what must not be stored.
const SECRET_CALLS: [&str; 2] = ["secrets.retrieve", "http.request"];
/// Headers that carry credentials.
const SECRET_HEADERS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
];
const MASK: &str = "•••";

impl RecordedCall {
    /// The record without values of secrets and without credentials in HTTP headers. A call whose secrets are masked
    /// can still be replayed when its result does not depend on them.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for call in &mut self.host_calls {
            if !SECRET_CALLS.contains(&call.name.as_str()) {
                continue;
            }
            if call.name == "http.request" {
                mask_headers(&mut call.arguments);
                if let RecordedAnswer::Value(answer) = &mut call.answer {
                    mask_headers(answer);
                }
            } else if let RecordedAnswer::Value(answer) = &mut call.answer {
                *answer = Value::String(MASK.to_owned());
            }
        }
        self
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

fn mask_headers(message: &mut Value) {
    let Some(headers) = message.get_mut("headers").and_then(Value::as_array_mut) else {
        return;
    };
    for header in headers {
        let secret = header[0]
            .as_str()
            .is_some_and(|name| SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()));
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
