//! One worker while it works for one caller: the conversation with it, and giving it back or ending it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::host;
use super::pool::Inner;
use super::process::Process;
use super::recording::{RecordedAnswer, RecordedHostCall, asks_the_same};
use super::types::{FailureKind, HandlerFailure, Host, HostError};
use super::wire::{self, FromWorker, ToWorker};

/// Host calls that one handler call may make; more is a loop.
const HOST_CALLS_MAX: usize = 500;
/// Time that a worker has to check itself after an answer.
const IDLE_DEADLINE: Duration = Duration::from_secs(5);

/// A process while it works for one caller. Dropped without [`Lease::give_back`], the process is killed and replaced.
pub(super) struct Lease {
    pub(super) inner: Arc<Inner>,
    pub(super) process: Option<Process>,
}

impl Lease {
    pub(super) fn process(&mut self) -> Result<&mut Process, String> {
        self.process
            .as_mut()
            .ok_or_else(|| "the worker is gone".to_owned())
    }

    /// Sends a request (a frame) and carries out host calls until the answer comes; keeps what was asked.
    pub(super) async fn talk(
        &mut self,
        request: &[u8],
        answers: &mut Answers<'_>,
        asked: &mut Vec<RecordedHostCall>,
    ) -> Result<FromWorker, String> {
        self.process()?.ask(request).await?;
        loop {
            match self.process()?.answer().await? {
                FromWorker::Host { name, arguments } => {
                    let (mut answer, now_ns) = answers.to(asked.len(), &name, &arguments).await;
                    let mut frame = wire::frame(&reply_of(&answer, now_ns));
                    if frame.is_err() {
                        tracing::warn!(call = name, "the answer of a host call is too large");
                        answer = RecordedAnswer::Raise(host::too_large(&name));
                        frame = wire::frame(&reply_of(&answer, now_ns));
                    }
                    asked.push(RecordedHostCall {
                        name,
                        arguments,
                        answer,
                        now_ns,
                    });
                    if asked.len() > HOST_CALLS_MAX * 2 {
                        // It goes on in spite of the exceptions.
                        asked.truncate(HOST_CALLS_MAX);
                        return Err(format!("it made more than {HOST_CALLS_MAX} host calls"));
                    }
                    self.process()?.send_frame(&frame?).await?;
                }
                reply @ (FromWorker::Called(_) | FromWorker::Inspected(_)) => return Ok(reply),
                _ => return Err("the worker gave an answer to another question".to_owned()),
            }
        }
    }

    /// Frees the turn at once, and the process when it says that it is clean.
    pub(super) fn give_back(mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let inner = Arc::clone(&self.inner);
        inner.turns.add_permits(1);
        let stop = inner.stop.clone();
        let owner = Arc::clone(&self.inner);
        owner.spawn(async move {
            let said = tokio::select! {
                () = stop.cancelled() => None,
                said = tokio::time::timeout(IDLE_DEADLINE, process.receive()) => said.ok(),
            };
            match said {
                Some(Ok(FromWorker::Idle)) if process.lowered() => {
                    tracing::info!("a policy worker is replaced: its last call took long");
                }
                Some(Ok(FromWorker::Idle)) if !inner.stop.is_cancelled() => {
                    inner.put(process);
                    return;
                }
                Some(Ok(FromWorker::Retire { reason })) => {
                    tracing::info!(%reason, "a policy worker is replaced");
                }
                _ => {}
            }
            inner.alive.fetch_sub(1, Ordering::AcqRel);
            inner.start_process();
            process.kill().await;
        });
    }

    pub(super) async fn died(mut self, error: String) -> HandlerFailure {
        let process = self.retire();
        let how = match process {
            Some(process) => process.end().await,
            None => String::new(),
        };
        HandlerFailure::new(
            FailureKind::Died,
            format!("the worker process died, possibly out of memory: {error}; {how}"),
        )
    }

    pub(super) async fn late(mut self, deadline: Duration) -> HandlerFailure {
        if let Some(mut process) = self.retire() {
            process.kill().await;
        }
        HandlerFailure::new(
            FailureKind::Timeout,
            format!(
                "did not finish within {} s and was stopped",
                deadline.as_secs_f64()
            ),
        )
    }

    /// Takes the process out for good, frees the turn and starts a replacement.
    fn retire(&mut self) -> Option<Process> {
        let process = self.process.take()?;
        self.inner.alive.fetch_sub(1, Ordering::AcqRel);
        self.inner.turns.add_permits(1);
        self.inner.start_process();
        Some(process)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut process) = self.retire() {
            self.inner.spawn(async move { process.kill().await });
        }
    }
}

/// Where the answers of host calls come from.
pub(super) enum Answers<'a> {
    /// An inspection has no host.
    None,
    Live {
        host: &'a dyn Host,
        inner: &'a Inner,
    },
    Recorded(&'a [RecordedHostCall]),
}

impl Answers<'_> {
    /// The answer of the host call with this number, and the time.
    async fn to(&mut self, number: usize, name: &str, arguments: &Value) -> (RecordedAnswer, u64) {
        match self {
            Self::None => (RecordedAnswer::Raise(host::unavailable(name)), 0),
            Self::Live { host, inner } => {
                let answer = match host::check(name, arguments) {
                    Ok(_) if number >= HOST_CALLS_MAX => Err(too_many_calls()),
                    Ok(declared) => {
                        match tokio::time::timeout(declared.within, host.call(name, arguments))
                            .await
                        {
                            Ok(answer) => answer,
                            Err(_) => Err(declared.late()),
                        }
                    }
                    Err(error) => Err(error),
                };
                let answer = answer.map_or_else(RecordedAnswer::Raise, RecordedAnswer::Value);
                (answer, inner.now_ns())
            }
            Self::Recorded(calls) => match calls.get(number) {
                Some(call) if asks_the_same(calls, number, name, arguments) => {
                    (call.answer.clone(), call.now_ns)
                }
                _ => (
                    RecordedAnswer::Raise(HostError {
                        class: "SymException".to_owned(),
                        name: "NOT_RECORDED".to_owned(),
                        message: format!("host call {number} of the recorded call was another one"),
                    }),
                    0,
                ),
            },
        }
    }
}

fn reply_of(answer: &RecordedAnswer, now_ns: u64) -> ToWorker {
    match answer {
        RecordedAnswer::Value(value) => ToWorker::Answer {
            value: value.clone(),
            now_ns,
        },
        RecordedAnswer::Raise(error) => ToWorker::Raise {
            error: error.clone(),
            now_ns,
        },
    }
}

fn too_many_calls() -> HostError {
    HostError {
        class: "SymException".to_owned(),
        name: "TOO_MANY_CALLS".to_owned(),
        message: format!("a handler may make {HOST_CALLS_MAX} host calls"),
    }
}
