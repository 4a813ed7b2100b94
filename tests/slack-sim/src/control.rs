//! What programs in other languages need of the driver, over HTTP: what the app did, and things that go wrong.
//!
//! Only translates; `README.md` of this crate describes it. Tests in Rust use [`crate::SlackSim`].

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, SocketFault};
use crate::workspace::Workspace;

pub(crate) fn routes() -> Router<Workspace> {
    Router::new()
        .route("/sim/calls", get(calls))
        .route("/sim/violations", get(violations))
        .route("/sim/faults", axum::routing::post(add).delete(clear))
}

#[derive(Deserialize)]
struct Which {
    method: Option<String>,
}

async fn calls(State(workspace): State<Workspace>, Query(which): Query<Which>) -> Json<Value> {
    let wanted = |method: &str| which.method.as_ref().is_none_or(|wanted| wanted == method);
    let all = workspace.all_calls();
    let calls = all.iter().filter(|call| wanted(&call.method)).map(|call| {
        json!({"method": call.method, "args": call.args, "error": call.error, "injected": call.injected})
    });
    Json(calls.collect())
}

async fn violations(State(workspace): State<Workspace>) -> Json<Value> {
    let all = workspace.violations();
    let violations = all.iter().map(|violation| {
        json!({"kind": format!("{:?}", violation.kind), "about": violation.about, "detail": violation.detail})
    });
    Json(violations.collect())
}

/// A fault as it is written in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Socket { envelope: OfEnvelope },
    Call(OfMethod),
}

#[derive(Deserialize)]
struct OfMethod {
    method: String,
    fault: OfCall,
    /// How many calls; without it, and without a probability, one.
    times: Option<u32>,
    #[serde(default)]
    skip: u32,
    /// Of each call, without end.
    probability: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfCall {
    LatencyMs(u64),
    SlowAnswerMs(u64),
    Error(String),
    RateLimited(u32),
    ServerError(u16),
    ResetBefore,
    ResetAfter,
    Garbage,
}

impl From<OfCall> for Fault {
    fn from(fault: OfCall) -> Fault {
        match fault {
            OfCall::LatencyMs(ms) => Fault::Latency(Duration::from_millis(ms)),
            OfCall::SlowAnswerMs(ms) => Fault::SlowAnswer(Duration::from_millis(ms)),
            OfCall::Error(code) => Fault::Error(code),
            OfCall::RateLimited(retry_after_seconds) => Fault::RateLimited {
                retry_after_seconds,
            },
            OfCall::ServerError(status) => Fault::ServerError(status),
            OfCall::ResetBefore => Fault::ResetBefore,
            OfCall::ResetAfter => Fault::ResetAfter,
            OfCall::Garbage => Fault::Garbage,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfEnvelope {
    Duplicate,
    DuplicateAfterMs(u64),
    LoseAck,
    CutBefore,
    CutAfter,
    RefreshBurst(u32),
}

impl From<OfEnvelope> for SocketFault {
    fn from(fault: OfEnvelope) -> SocketFault {
        match fault {
            OfEnvelope::Duplicate => SocketFault::Duplicate,
            OfEnvelope::DuplicateAfterMs(ms) => {
                SocketFault::DuplicateAfter(Duration::from_millis(ms))
            }
            OfEnvelope::LoseAck => SocketFault::LoseAck,
            OfEnvelope::CutBefore => SocketFault::CutBefore,
            OfEnvelope::CutAfter => SocketFault::CutAfter,
            OfEnvelope::RefreshBurst(more) => SocketFault::RefreshBurst { more },
        }
    }
}

async fn add(
    State(workspace): State<Workspace>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let faults = workspace.faults();
    match wanted {
        Ok(Json(Wanted::Socket { envelope })) => faults.next_envelope(envelope.into()),
        Ok(Json(Wanted::Call(wanted))) => {
            let once = wanted.probability.is_none().then_some(1);
            let (times, probability) = (wanted.times.or(once), wanted.probability.unwrap_or(1.0));
            let fault = wanted.fault.into();
            faults.add(&wanted.method, fault, wanted.skip, times, probability);
        }
        Err(error) => return (StatusCode::BAD_REQUEST, error.body_text()).into_response(),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn clear(State(workspace): State<Workspace>) -> StatusCode {
    workspace.faults().clear();
    StatusCode::NO_CONTENT
}
