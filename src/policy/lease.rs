//! One worker while it works for one caller: the conversation with it, and giving it back or ending it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::host;
use super::process::Process;
use super::processes::Processes;
use super::recording::{RecordedAnswer, RecordedHostCall, asks_the_same};
use super::turns::FlowKey;
use super::types::{FailureKind, HandlerFailure, Host, HostError};
use super::watch::{Late, Pace, Watch};
use super::wire::{self, FromWorker, Place, ToWorker};

/// Host calls that one handler call may make; more is a loop.
const HOST_CALLS_MAX: usize = 500;
/// Times that a worker may say where it is in one call: it says so once or twice for each handler.
const PLACES_MAX: usize = 40;
/// For reading what a worker has said already.
const LAST_WORDS: Duration = Duration::from_millis(20);
/// Time that a worker has to check itself after an answer.
const IDLE_DEADLINE: Duration = Duration::from_secs(5);

/// What a worker is asked.
pub(super) struct Question<'a> {
    /// The request as it is sent.
    pub frame: &'a [u8],
    pub file: &'a str,
    /// The handlers that it names.
    pub handlers: &'a [String],
    /// Time for each of them.
    pub limit: Duration,
}

/// Why there is no answer.
pub(super) enum Trouble {
    Died(String),
    /// With what is known of where it was.
    Late(Known),
}

impl From<String> for Trouble {
    fn from(error: String) -> Self {
        Self::Died(error)
    }
}

/// What the worker has said about where a call is.
pub(super) struct Known(Option<Place>);

impl Known {
    /// The failure with the handler, the place, and what was printed.
    pub(super) fn tell(self, failure: HandlerFailure, question: &Question<'_>) -> HandlerFailure {
        let known = self.0.is_some();
        let place = self.0.unwrap_or_default();
        let message = match question.handlers {
            [_, ..] if !known => format!(
                "{} (the file itself, or {})",
                failure.message,
                question.handlers.join(" or ")
            ),
            _ => failure.message,
        };
        HandlerFailure {
            message,
            handler: place.handler,
            file: Some(question.file.to_owned()),
            line: place.line,
            printed: place.printed,
            ..failure
        }
    }
}

/// A process while it works for one caller. Dropped without [`Lease::give_back`], the process is killed and replaced, unless
/// it was not asked anything.
pub(super) struct Lease {
    processes: Arc<Processes>,
    flow: FlowKey,
    process: Option<Process>,
    used: bool,
    pace: Pace,
}

impl Lease {
    pub(super) fn new(processes: &Arc<Processes>, flow: FlowKey, process: Process) -> Self {
        Self {
            processes: Arc::clone(processes),
            flow,
            process: Some(process),
            used: false,
            pace: Pace::default(),
        }
    }

    pub(super) fn process(&mut self) -> Result<&mut Process, String> {
        self.used = true;
        self.process.as_mut().ok_or_else(gone)
    }

    /// The process, for somebody else.
    pub(super) fn take(&mut self) -> Option<Process> {
        self.process.take()
    }

    /// Whether the process has not ended while it stood by.
    pub(super) fn lives(&mut self) -> bool {
        let lives = self.process.as_mut().is_some_and(|it| !it.has_ended());
        self.used |= !lives;
        lives
    }

    /// Sends a request and carries out host calls until the answer comes; keeps what was asked.
    pub(super) async fn talk(
        &mut self,
        question: &Question<'_>,
        answers: &mut Answers<'_>,
        asked: &mut Vec<RecordedHostCall>,
    ) -> Result<FromWorker, Trouble> {
        self.used = true;
        let process = self.process.as_mut().ok_or_else(gone)?;
        let timer = std::pin::pin!(Watch::timer(question.limit));
        let group = process.id();
        let slowed = || self.processes.slowed(self.flow);
        let mut watch = Watch::new(timer, question.limit, group, &mut self.pace, &slowed);
        let mut place = None;
        let mut handlers = question.handlers.iter();
        let mut said = 0;
        let late = |place| Trouble::Late(Known(place));
        let sent = watch.thinks(process.send_frame(question.frame)).await;
        sent.map_err(|Late| late(None))??;
        loop {
            let Ok(message) = watch.thinks(process.receive()).await else {
                return Err(late(place));
            };
            match message? {
                FromWorker::Host { name, arguments } => {
                    let answer = answers.to(asked.len(), &name, &arguments);
                    let Ok((mut answer, now_ns)) = watch.waits(answer).await else {
                        return Err(late(last_words(process, place).await));
                    };
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
                        return Err(format!("it made more than {HOST_CALLS_MAX} host calls").into());
                    }
                    let frame = frame?;
                    match watch.thinks(process.send_frame(&frame)).await {
                        Ok(sent) => sent?,
                        Err(Late) => return Err(late(place)),
                    }
                }
                // Each handler once, in their order: or a worker could have as much time as it likes.
                FromWorker::Begins { name } if handlers.any(|asked| *asked == name) => {
                    watch.begins();
                    place = Some(Place {
                        handler: Some(name),
                        ..Place::default()
                    });
                }
                FromWorker::Where(told) if said < PLACES_MAX && is_asked(question, &told) => {
                    said += 1;
                    place = Some(told);
                }
                reply @ (FromWorker::Called(_) | FromWorker::Inspected(_)) => return Ok(reply),
                _ => {
                    return Err("the worker gave an answer to another question"
                        .to_owned()
                        .into());
                }
            }
        }
    }

    /// Frees the turn at once, and the process when it says that it is clean.
    pub(super) fn give_back(mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let processes = Arc::clone(&self.processes);
        let lowered = self.pace.lowered;
        processes.ended(self.flow, self.pace.slow, true);
        let stop = processes.stop.clone();
        let owner = Arc::clone(&self.processes);
        owner.spawn(async move {
            let said = tokio::select! {
                () = stop.cancelled() => None,
                said = tokio::time::timeout(IDLE_DEADLINE, process.receive()) => said.ok(),
            };
            match said {
                Some(Ok(FromWorker::Idle)) if lowered => {
                    tracing::info!("a policy worker is replaced: its last call took long");
                }
                Some(Ok(FromWorker::Idle)) if !processes.stop.is_cancelled() => {
                    processes.put(process);
                    return;
                }
                Some(Ok(FromWorker::Retire { reason })) => {
                    tracing::info!(%reason, "a policy worker is replaced");
                }
                _ => {}
            }
            processes.lose();
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
        self.processes.ended(self.flow, self.pace.slow, false);
        Some(process)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.used {
            if let Some(mut process) = self.retire() {
                self.processes.spawn(async move { process.kill().await });
            }
        } else if let Some(process) = self.process.take() {
            self.processes.unused(self.flow, process);
        }
    }
}

fn gone() -> String {
    "the worker is gone".to_owned()
}

fn is_asked(question: &Question<'_>, place: &Place) -> bool {
    match &place.handler {
        Some(handler) => question.handlers.contains(handler),
        None => true,
    }
}

/// Where the worker said it is while nobody was listening, because it waited for the host.
async fn last_words(process: &mut Process, mut place: Option<Place>) -> Option<Place> {
    for _ in 0..PLACES_MAX {
        match tokio::time::timeout(LAST_WORDS, process.receive()).await {
            Ok(Ok(FromWorker::Where(told))) => place = Some(told),
            _ => break,
        }
    }
    place
}

/// Where the answers of host calls come from.
pub(super) enum Answers<'a> {
    /// An inspection has no host.
    None,
    Live {
        host: &'a dyn Host,
        processes: &'a Processes,
    },
    Recorded(&'a [RecordedHostCall]),
}

impl Answers<'_> {
    /// The answer of the host call with this number, and the time.
    async fn to(&mut self, number: usize, name: &str, arguments: &Value) -> (RecordedAnswer, u64) {
        match self {
            Self::None => (RecordedAnswer::Raise(host::unavailable(name)), 0),
            Self::Live { host, processes } => {
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
                (answer, processes.now_ns())
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
