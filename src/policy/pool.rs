//! The pool of worker processes: what the engine calls.
//!
//! `workers` calls run at a time; which one is next, and when slow calls make an extra worker necessary for others,
//! [`super::turns`] says. Further processes stand by as spares, so that the next call need not wait when one had to be
//! killed. A call that passes its deadline, or whose caller gives up, costs the worker its life (SIGKILL); a fresh one is
//! started at once. A worker is used again only after it has said that its state is as it was before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::lease::{Answers, Question, Trouble};
use super::processes::Processes;
use super::recording::{RecordedCall, RecordedHostCall, RecordedOutcome, ReplayError, fingerprint};
use super::turns::FlowKey;
use super::types::{
    EventInput, FailureKind, HandlerAnswer, HandlerCall, HandlerFailure, Host, Inspection,
};
use super::wire::{
    CallFrame, CallReply, FromWorker, OwnTime, SOURCE_MAX_BYTES, ScriptRequest, ToWorker,
};
use super::{decode, host, wire};
use crate::clock::{SharedClock, SystemClock};

/// Time for loading a file in [`Pool::inspect`].
const INSPECT_DEADLINE: Duration = Duration::from_secs(10);
/// With a deadline of 10 s and every worker busy with a hanging handler, two such rounds fit. The engine tries again.
const QUEUE_LIMIT: Duration = Duration::from_secs(25);

/// How to run workers.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The bot's own executable.
    pub program: PathBuf,
    /// Its arguments: `worker`.
    pub arguments: Vec<String>,
    /// Calls at a time; up to twice as many while calls are slow and other flows wait.
    pub workers: usize,
    /// Warm processes beyond that, for when one is killed.
    pub spares: usize,
    /// How long a call waits for its turn before it fails as [`FailureKind::Unavailable`]. Not part of its deadline.
    pub queue_limit: Duration,
}

impl PoolConfig {
    /// Workers of this executable.
    #[must_use]
    pub fn of(program: PathBuf, workers: usize) -> Self {
        Self {
            program,
            arguments: vec!["worker".to_owned()],
            workers: workers.max(1),
            // Where there is one worker only, nobody else goes on while a killed one is replaced. A process has 30 MB of its
            // own, and a new one is warm after 0.2 s.
            spares: usize::from(workers <= 1),
            queue_limit: QUEUE_LIMIT,
        }
    }
}

/// A pool; clones share it.
#[derive(Clone)]
pub struct Pool {
    processes: Arc<Processes>,
}

impl Pool {
    /// Starts the workers in the background; must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: PoolConfig) -> Self {
        Self::start_at(config, Arc::new(SystemClock))
    }

    /// Like [`Pool::start`]; what the time is for handlers, this clock tells.
    #[must_use]
    pub fn start_at(config: PoolConfig, clock: SharedClock) -> Self {
        Self {
            processes: Processes::start(config, clock),
        }
    }

    /// Calls that run at a time.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.processes.config.workers
    }

    /// Whether enough workers are warm for every call that may run at a time.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.processes.are_ready()
    }

    /// Waits until [`Pool::ready`].
    ///
    /// # Errors
    /// Why workers do not start, when that takes longer than `limit`.
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), String> {
        let wait = async {
            loop {
                let changed = self.processes.changed.notified();
                if self.ready() {
                    return;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self
                .last_error()
                .unwrap_or_else(|| "policy workers are not warm yet".to_owned())),
        }
    }

    /// Why a worker last failed to start, if none has started since.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.processes.last_error()
    }

    /// Parts of the sandbox that this system does not have, to be told to the operator. Known once ready.
    #[must_use]
    pub fn weakened(&self) -> Vec<String> {
        self.processes.weakened()
    }

    /// Whether [`Pool::shutdown`] was called.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.processes.stop.is_cancelled()
    }

    /// Process ids of the idle workers.
    #[must_use]
    pub fn idle_process_ids(&self) -> Vec<u32> {
        self.processes.idle_ids()
    }

    /// Waits until the workers are warm, and says which parts of the sandbox this system does not have: empty where
    /// everything is there.
    ///
    /// # Errors
    /// Why workers do not start, when that takes longer than `limit`.
    pub async fn sandbox_gaps(&self, limit: Duration) -> Result<Vec<String>, String> {
        self.wait_ready(limit).await?;
        Ok(self.weakened())
    }

    /// Runs handlers.
    ///
    /// # Errors
    /// What went wrong, in whichever way.
    pub async fn call(
        &self,
        call: HandlerCall,
        host: Arc<dyn Host>,
    ) -> Result<HandlerAnswer, HandlerFailure> {
        self.call_recorded(call, host).await.0
    }

    /// Runs handlers; gives the record of it next to the answer. Values of secrets are masked in what the answer says to
    /// people (printed text, errors), not yet in the record: [`RecordedCall::masked`].
    pub async fn call_recorded(
        &self,
        call: HandlerCall,
        host: Arc<dyn Host>,
    ) -> (Result<HandlerAnswer, HandlerFailure>, RecordedCall) {
        let mut record = RecordedCall {
            code: fingerprint(&call.source),
            file: call.file,
            handlers: call.handlers,
            input: call.input,
            seed: uuid::Uuid::new_v4().to_string(),
            now_ns: self.processes.now_ns(),
            host_calls: Vec::new(),
            outcome: RecordedOutcome::Results {
                results: Vec::new(),
                printed: String::new(),
            },
            duration_ms: 0,
            own: OwnTime::default(),
            cut: false,
        };
        let answers = Answers::Live {
            host: &*host,
            processes: &self.processes,
        };
        let mut answer = self
            .run(&mut record, call.source, call.deadline, answers, false)
            .await;
        let masker = record.masker();
        match &mut answer {
            Ok(answer) => masker.text(&mut answer.printed),
            Err(failure) => failure.mask(&masker),
        }
        (answer, record)
    }

    /// Runs a recorded call again with the recorded answers of the host; the new record is the same as the old one, see
    /// [`RecordedCall`]. A handler that now asks the host something else gets an exception.
    ///
    /// # Errors
    /// When the source is not the recorded one, or no worker can be had.
    pub async fn replay(
        &self,
        recorded: &RecordedCall,
        source: Arc<str>,
        deadline: Duration,
    ) -> Result<RecordedCall, ReplayError> {
        if recorded.cut {
            return Err(ReplayError::Cut);
        }
        let code = fingerprint(&source);
        if code != recorded.code {
            return Err(ReplayError::OtherSource(code));
        }
        let mut record = RecordedCall {
            host_calls: Vec::new(),
            ..recorded.clone()
        };
        let answers = Answers::Recorded(&recorded.host_calls);
        match self.run(&mut record, source, deadline, answers, true).await {
            Err(failure) if failure.kind == FailureKind::Unavailable => {
                Err(ReplayError::NoWorker(failure.message))
            }
            _ => Ok(record),
        }
    }

    /// Runs what the record names, and completes it.
    async fn run(
        &self,
        record: &mut RecordedCall,
        source: Arc<str>,
        deadline: Duration,
        answers: Answers<'_>,
        hurry: bool,
    ) -> Result<HandlerAnswer, HandlerFailure> {
        let start = tokio::time::Instant::now();
        let reply = self
            .reply_to(record, source.clone(), deadline, answers, hurry)
            .await;
        record.duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        record.own = reply
            .as_ref()
            .map_or_else(|_| OwnTime::default(), |reply| reply.own);
        let answer = reply.and_then(|reply| match reply.failure {
            Some(failure) => Err(failure.with_printed(reply.printed)),
            None => {
                record.outcome = RecordedOutcome::Results {
                    results: reply.results.clone(),
                    printed: reply.printed.clone(),
                };
                decode::answer(
                    &record.handlers,
                    &reply.results,
                    &record.file,
                    reply.printed,
                )
            }
        });
        if let Err(failure) = &answer {
            record.outcome = RecordedOutcome::Failure(failure.clone());
        }
        answer.map_err(|failure| failure.placed(&source))
    }

    async fn reply_to(
        &self,
        record: &mut RecordedCall,
        source: Arc<str>,
        deadline: Duration,
        mut answers: Answers<'_>,
        hurry: bool,
    ) -> Result<CallReply, HandlerFailure> {
        if source.len() > SOURCE_MAX_BYTES {
            return Err(source_too_large(&record.file, source.len()));
        }
        let request = frame_of(&CallFrame {
            t: "call",
            file: &record.file,
            source: &source,
            handlers: &record.handlers,
            input: &record.input,
            seed: &record.seed,
            now_ns: record.now_ns,
            hurry,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        })?;
        let question = Question {
            frame: &request,
            file: &record.file,
            handlers: &record.handlers,
            limit: deadline,
        };
        let flow = flow_key(&record.file, &record.input);
        match self
            .exchange(flow, question, &mut answers, &mut record.host_calls)
            .await?
        {
            FromWorker::Called(reply) => Ok(reply),
            _ => Err(HandlerFailure::new(
                FailureKind::Died,
                "the worker gave an answer to another question".to_owned(),
            )),
        }
    }

    /// Loads a file without calling a handler, and says what is in it.
    ///
    /// # Errors
    /// When the file cannot be judged: it does not end, or no worker can be had. Problems of the file are in the result.
    pub async fn inspect(&self, file: &str, source: &str) -> Result<Inspection, HandlerFailure> {
        if source.len() > SOURCE_MAX_BYTES {
            return Err(source_too_large(file, source.len()));
        }
        let request = ToWorker::Inspect {
            file: file.to_owned(),
            source: source.to_owned(),
        };
        let request = frame_of(&request)?;
        let question = Question {
            frame: &request,
            file,
            handlers: &[],
            limit: INSPECT_DEADLINE,
        };
        let asked = &mut Vec::new();
        match self
            .exchange(FlowKey::of(&[file]), question, &mut Answers::None, asked)
            .await?
        {
            FromWorker::Inspected(inspection) => Ok(inspection),
            _ => Err(HandlerFailure::new(
                FailureKind::Died,
                "the worker gave an answer to another question".to_owned(),
            )),
        }
    }

    /// Runs a script; output is handed to `print` as it comes. Returns the exit code.
    ///
    /// # Errors
    /// When it does not end in time or its worker dies.
    pub async fn script(
        &self,
        script: ScriptRequest,
        deadline: Duration,
        print: &(dyn Fn(&str, bool) + Send + Sync),
    ) -> Result<i32, HandlerFailure> {
        let processes = &self.processes;
        let mut lease = processes.lease(FlowKey::of(&[&script.file])).await?;
        let request = ToWorker::Script(script);
        let talk = async {
            lease.process()?.send(&request).await?;
            loop {
                match lease.process()?.receive().await? {
                    FromWorker::Output { text, error } => print(&text, error),
                    FromWorker::Host { name, .. } => {
                        let raise = ToWorker::Raise {
                            error: host::unavailable(&name),
                            now_ns: processes.now_ns(),
                        };
                        lease.process()?.send(&raise).await?;
                    }
                    FromWorker::Ended { code } => return Ok::<_, String>(code),
                    _ => return Err("the worker gave an answer to another question".to_owned()),
                }
            }
        };
        match tokio::time::timeout(deadline, talk).await {
            Ok(Ok(code)) => {
                lease.give_back();
                Ok(code)
            }
            Ok(Err(error)) => Err(lease.died(error).await),
            Err(_) => Err(lease.late(deadline).await),
        }
    }

    /// Ends all workers and waits for them. Calls in progress fail.
    pub async fn shutdown(&self) {
        self.processes.end_all().await;
    }

    async fn exchange(
        &self,
        flow: FlowKey,
        question: Question<'_>,
        answers: &mut Answers<'_>,
        asked: &mut Vec<RecordedHostCall>,
    ) -> Result<FromWorker, HandlerFailure> {
        let mut lease = self.processes.lease(flow).await?;
        match lease.talk(&question, answers, asked).await {
            Ok(reply) => {
                lease.give_back();
                Ok(reply)
            }
            Err(Trouble::Died(error)) => Err(lease.died(error).await),
            Err(Trouble::Late(place)) => {
                let failure = lease.late(question.limit).await;
                Err(place.tell(failure, &question))
            }
        }
    }
}

/// Whose code runs: the flow's, by its file, name and environment.
fn flow_key(file: &str, input: &EventInput) -> FlowKey {
    let environment = input.flow.environment.as_ref();
    let environment = environment.map_or("", |environment| &environment.name);
    FlowKey::of(&[file, &input.flow.name, environment])
}

fn frame_of(request: &impl serde::Serialize) -> Result<Vec<u8>, HandlerFailure> {
    wire::frame(request).map_err(|error| {
        HandlerFailure::new(
            FailureKind::Unavailable,
            format!("the event cannot be written: {error}"),
        )
    })
}

fn source_too_large(file: &str, size: usize) -> HandlerFailure {
    HandlerFailure {
        file: Some(file.to_owned()),
        ..HandlerFailure::new(
            FailureKind::Syntax,
            format!("the file has {size} bytes; an implementation may have {SOURCE_MAX_BYTES}"),
        )
    }
}
