//! The pool of worker processes: what the engine calls.
//!
//! `workers` calls run at a time; which one is next, and when slow calls make an extra worker necessary for others,
//! [`super::turns`] says. Further processes stand by as spares, so that the next call need not wait when one had to be
//! killed. A call that passes its deadline, or whose caller gives up, costs the worker its life (SIGKILL); a fresh one is
//! started at once. A worker is used again only after it has said that its state is as it was before.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lease::{Answers, Lease, Question, Trouble};
use super::process::Process;
use super::recording::{RecordedCall, RecordedHostCall, RecordedOutcome, ReplayError, fingerprint};
use super::turns::{FlowKey, Turns};
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
/// Time that a worker has to get warm; about 0.2 s on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// With a deadline of 10 s and every worker busy with a hanging handler, two such rounds fit. The engine tries again.
const QUEUE_LIMIT: Duration = Duration::from_secs(25);
/// Pause after a worker that did not start, doubled each time.
const START_PAUSE: Duration = Duration::from_millis(100);
const START_PAUSE_MAX: Duration = Duration::from_secs(5);

const NS_PER_MS: u64 = 1_000_000;

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
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    config: PoolConfig,
    clock: SharedClock,
    state: Mutex<State>,
    /// Processes that were warm at least once, minus those that ended.
    pub(super) alive: AtomicUsize,
    changed: Notify,
    last_error: Mutex<Option<String>>,
    weakened: Mutex<Vec<String>>,
    pub(super) stop: CancellationToken,
    tasks: TaskTracker,
    /// Where tasks run; a call may be given up outside of the runtime.
    runtime: Handle,
}

/// Who works and who waits. A [`Lease`] must not be dropped while this is locked.
struct State {
    turns: Turns<oneshot::Sender<Lease>>,
    /// Processes that stand by.
    idle: Vec<Process>,
    /// Whether the pool was shut down.
    closed: bool,
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
        let inner = Arc::new(Inner {
            clock,
            state: Mutex::new(State {
                turns: Turns::new(config.workers, config.spares),
                idle: Vec::new(),
                closed: false,
            }),
            alive: AtomicUsize::new(0),
            changed: Notify::new(),
            last_error: Mutex::new(None),
            weakened: Mutex::new(Vec::new()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            config,
        });
        let mut state = lock(&inner.state);
        for _ in 0..inner.config.workers + inner.config.spares {
            inner.start_process(&mut state);
        }
        drop(state);
        Self { inner }
    }

    /// Calls that run at a time.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.inner.config.workers
    }

    /// Whether enough workers are warm for every call that may run at a time.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.inner.alive.load(Ordering::Acquire) >= self.inner.config.workers
    }

    /// Waits until [`Pool::ready`].
    ///
    /// # Errors
    /// Why workers do not start, when that takes longer than `limit`.
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), String> {
        let wait = async {
            loop {
                let changed = self.inner.changed.notified();
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
        lock(&self.inner.last_error).clone()
    }

    /// Parts of the sandbox that this system does not have, to be told to the operator. Known once ready.
    #[must_use]
    pub fn weakened(&self) -> Vec<String> {
        lock(&self.inner.weakened).clone()
    }

    /// Whether [`Pool::shutdown`] was called.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.inner.stop.is_cancelled()
    }

    /// Process ids of the idle workers.
    #[must_use]
    pub fn idle_process_ids(&self) -> Vec<u32> {
        lock(&self.inner.state)
            .idle
            .iter()
            .filter_map(Process::id)
            .collect()
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
            now_ns: self.inner.now_ns(),
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
            inner: &self.inner,
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
        let inner = &self.inner;
        let mut lease = inner.lease(FlowKey::of(&[&script.file])).await?;
        let request = ToWorker::Script(script);
        let talk = async {
            lease.process()?.send(&request).await?;
            loop {
                match lease.process()?.receive().await? {
                    FromWorker::Output { text, error } => print(&text, error),
                    FromWorker::Host { name, .. } => {
                        let raise = ToWorker::Raise {
                            error: host::unavailable(&name),
                            now_ns: inner.now_ns(),
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
        self.inner.stop.cancel();
        let processes = {
            let mut state = lock(&self.inner.state);
            state.closed = true;
            state.turns.forget(|_| true);
            std::mem::take(&mut state.idle)
        };
        for mut process in processes {
            process.kill().await;
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    async fn exchange(
        &self,
        flow: FlowKey,
        question: Question<'_>,
        answers: &mut Answers<'_>,
        asked: &mut Vec<RecordedHostCall>,
    ) -> Result<FromWorker, HandlerFailure> {
        let mut lease = self.inner.lease(flow).await?;
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

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Inner {
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0) * NS_PER_MS
    }

    /// Starts a process and puts it among the idle ones; tries until it works or the pool stops.
    fn start_process(self: &Arc<Self>, state: &mut State) {
        if self.stop.is_cancelled() {
            return;
        }
        state.turns.comes();
        let inner = Arc::downgrade(self);
        let (config, stop) = (self.config.clone(), self.stop.clone());
        let start = async move {
            let mut pause = START_PAUSE;
            loop {
                let started = tokio::time::timeout(START_DEADLINE, Process::start(&config)).await;
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                match started.unwrap_or_else(|_| Err("a worker does not get warm".to_owned())) {
                    Ok((process, weakened)) => {
                        *lock(&inner.weakened) = weakened;
                        *lock(&inner.last_error) = None;
                        inner.alive.fetch_add(1, Ordering::AcqRel);
                        inner.put(process);
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "a policy worker does not start");
                        *lock(&inner.last_error) = Some(error);
                        inner.changed.notify_waiters();
                    }
                }
                drop(inner);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(START_PAUSE_MAX);
            }
        };
        self.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = start => {}
            }
        });
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// A process that has started, or has checked itself, stands by.
    pub(super) fn put(self: &Arc<Self>, process: Process) {
        let mut state = lock(&self.state);
        let needed = !state.closed && state.turns.arrived(Instant::now());
        if needed {
            state.idle.push(process);
            self.serve(&mut state);
            drop(state);
        } else {
            drop(state);
            self.end(process);
        }
        self.changed.notify_waiters();
    }

    /// A process that was to check itself will not stand by.
    pub(super) fn lose(self: &Arc<Self>) {
        self.alive.fetch_sub(1, Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.turns.lost();
        self.replace(&mut state);
    }

    fn end(&self, mut process: Process) {
        self.alive.fetch_sub(1, Ordering::AcqRel);
        self.spawn(async move { process.kill().await });
    }

    /// A call has become slow.
    pub(super) fn slowed(self: &Arc<Self>, flow: FlowKey) {
        let mut state = lock(&self.state);
        state.turns.slowed(flow);
        self.serve(&mut state);
    }

    /// A call has ended. Its process checks itself, or is gone.
    pub(super) fn ended(self: &Arc<Self>, flow: FlowKey, slow: bool, checks: bool) {
        let mut state = lock(&self.state);
        state.turns.ended(flow, slow);
        if checks {
            state.turns.comes();
            self.serve(&mut state);
        } else {
            self.alive.fetch_sub(1, Ordering::AcqRel);
            self.replace(&mut state);
        }
    }

    /// A process was not used after all.
    pub(super) fn unused(self: &Arc<Self>, flow: FlowKey, process: Process) {
        let mut state = lock(&self.state);
        state.turns.ended(flow, false);
        state.turns.comes();
        drop(state);
        self.put(process);
    }

    fn replace(self: &Arc<Self>, state: &mut State) {
        if state.turns.replaces() {
            self.start_process(state);
        }
        self.serve(state);
    }

    /// Gives processes that stand by to calls that wait, and starts an extra one where that is due.
    fn serve(self: &Arc<Self>, state: &mut State) {
        let now = Instant::now();
        while let Some((flow, call)) = state.turns.next(now) {
            let Some(process) = state.idle.pop() else {
                return;
            };
            if let Err(mut lease) = call.send(Lease::new(self, flow, process)) {
                // Its caller has given up just now.
                state.turns.ended(flow, false);
                state.turns.comes();
                match lease.take() {
                    Some(process) if state.turns.arrived(now) => state.idle.push(process),
                    Some(process) => self.end(process),
                    None => {}
                }
            }
        }
        if state.turns.wants_extra(now) {
            tracing::info!("slow handlers hold all policy workers: an extra one is started");
            self.start_process(state);
        }
    }

    /// One of the idle processes that still live, in turn: somebody, the kernel for want of memory perhaps, may have killed
    /// one that stood by.
    async fn lease(self: &Arc<Self>, flow: FlowKey) -> Result<Lease, HandlerFailure> {
        loop {
            let mut lease = self.lease_any(flow).await?;
            if lease.lives() {
                return Ok(lease);
            }
            tracing::warn!("a policy worker ended while it stood by; it is replaced");
        }
    }

    async fn lease_any(self: &Arc<Self>, flow: FlowKey) -> Result<Lease, HandlerFailure> {
        let waiting = {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(shutting_down());
            }
            let now = Instant::now();
            state.turns.asked(flow, now);
            if state.turns.take(flow, now)
                && let Some(process) = state.idle.pop()
            {
                return Ok(Lease::new(self, flow, process));
            }
            let (sender, receiver) = oneshot::channel();
            state.turns.wait(flow, sender);
            self.serve(&mut state);
            receiver
        };
        let mut waiting = Waiting {
            inner: self,
            lease: waiting,
            served: false,
        };
        match tokio::time::timeout(self.config.queue_limit, &mut waiting.lease).await {
            Ok(Ok(lease)) => {
                waiting.served = true;
                Ok(lease)
            }
            Ok(Err(_)) => Err(shutting_down()),
            Err(_) => {
                let reason = lock(&self.last_error).clone();
                Err(HandlerFailure::new(
                    FailureKind::Unavailable,
                    reason.unwrap_or_else(|| "all policy workers are busy".to_owned()),
                ))
            }
        }
    }
}

/// A call that waits. Dropped before it is served, it leaves the line.
struct Waiting<'a> {
    inner: &'a Inner,
    lease: oneshot::Receiver<Lease>,
    served: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        self.lease.close();
        lock(&self.inner.state)
            .turns
            .forget(oneshot::Sender::is_closed);
    }
}

/// Whose code runs: the flow's, by its file, name and environment.
fn flow_key(file: &str, input: &EventInput) -> FlowKey {
    let environment = input.flow.environment.as_ref();
    let environment = environment.map_or("", |environment| &environment.name);
    FlowKey::of(&[file, &input.flow.name, environment])
}

fn shutting_down() -> HandlerFailure {
    HandlerFailure::new(
        FailureKind::Unavailable,
        "the bot is shutting down".to_owned(),
    )
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
