//! What the app did: the calls it made and the rules it broke. Tests assert on both; [`Violation`]s must stay empty in a
//! test of a well-behaved app. Kept apart from the world so that writing it never waits for the world's lock.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use tokio::time::Instant;

/// Calls older than this are forgotten (the counters keep counting): a load test makes hundreds of thousands.
const CALLS_KEPT: usize = 5_000;
/// As many violations say nothing more than the first ones do.
const VIOLATIONS_KEPT: usize = 1_000;

/// One Web API call or post to a response URL (`method` is then `response_url`).
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub args: Value,
    /// `None` when Slack said ok, otherwise the error code.
    pub error: Option<String>,
    /// Made to fail by [`crate::faults`], so not the app's doing.
    pub injected: bool,
    /// When it arrived.
    pub at: Instant,
}

/// Something a well-behaved app does not do.
#[derive(Debug, Clone)]
pub struct Violation {
    pub kind: ViolationKind,
    /// The method, envelope type or view it was about.
    pub about: String,
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({}): {}", self.kind, self.about, self.detail)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViolationKind {
    /// Blocks, views or metadata that Slack refuses.
    InvalidPayload,
    UnknownMethod,
    /// An argument the method does not have.
    UnknownArgument,
    /// A required argument left out, or one of the wrong kind.
    InvalidArgument,
    WrongToken,
    MissingScope,
    LateAck,
    MissingAck,
    DoubleAck,
    UnknownAck,
    MalformedAck,
    /// `chat.update` with text and without blocks, on a message that had blocks: they vanish.
    BlocksLost,
    /// A message on the socket that is not JSON or not an ack.
    BadSocketMessage,
    /// A response URL used after it ended.
    SpentResponseUrl,
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) calls: VecDeque<Call>,
    /// How many calls were dropped from the front of `calls`: positions in the log stay valid.
    pub(crate) dropped: usize,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counters: BTreeMap<String, u64>,
}

impl Log {
    pub(crate) fn call(&mut self, call: Call) {
        *self.counters.entry(call.method.clone()).or_default() += 1;
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
            self.dropped += 1;
        }
        self.calls.push_back(call);
    }

    pub(crate) fn violation(&mut self, violation: Violation) {
        *self.counters.entry("violations".to_owned()).or_default() += 1;
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(violation);
        }
    }

    pub(crate) fn count(&mut self, what: &str) {
        *self.counters.entry(what.to_owned()).or_default() += 1;
    }
}
