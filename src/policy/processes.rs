//! The worker processes of a pool: how many there are, which stand by, which call gets one next.
//!
//! A process is started, stands by, is leased ([`Lease`]) for one call, checks itself and stands by again; or it is ended and
//! another one takes its place. Who is next, and how many there should be, [`super::turns`] says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lease::Lease;
use super::pool::PoolConfig;
use super::process::Process;
use super::turns::{FlowKey, Turns};
use super::types::{FailureKind, HandlerFailure};
use crate::clock::SharedClock;

/// Time that a worker has to get warm; about 0.2 s on an idle machine.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Pause after a worker that did not start, doubled each time.
const START_PAUSE: Duration = Duration::from_millis(100);
const START_PAUSE_MAX: Duration = Duration::from_secs(5);

const NS_PER_MS: u64 = 1_000_000;

/// All of them, and who waits for one.
pub(super) struct Processes {
    pub(super) config: PoolConfig,
    clock: SharedClock,
    state: Mutex<State>,
    /// Processes that were warm at least once, minus those that ended.
    alive: AtomicUsize,
    pub(super) changed: Notify,
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

impl Drop for Processes {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Processes {
    /// Starts them in the background; must be called within a tokio runtime.
    pub(super) fn start(config: PoolConfig, clock: SharedClock) -> Arc<Self> {
        let processes = Arc::new(Self {
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
        let mut state = lock(&processes.state);
        for _ in 0..processes.config.workers + processes.config.spares {
            processes.start_process(&mut state);
        }
        drop(state);
        processes
    }

    /// Ends all of them and waits for that; those who wait for one are told that there will be none.
    pub(super) async fn end_all(&self) {
        self.stop.cancel();
        let idle = {
            let mut state = lock(&self.state);
            state.closed = true;
            state.turns.forget(|_| true);
            std::mem::take(&mut state.idle)
        };
        for mut process in idle {
            process.kill().await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether there are enough for every call that may run at a time.
    pub(super) fn are_ready(&self) -> bool {
        self.alive.load(Ordering::Acquire) >= self.config.workers
    }

    /// Why one last failed to start, if none has started since.
    pub(super) fn last_error(&self) -> Option<String> {
        lock(&self.last_error).clone()
    }

    /// Parts of the sandbox that this system does not have.
    pub(super) fn weakened(&self) -> Vec<String> {
        lock(&self.weakened).clone()
    }

    /// Process ids of those that stand by.
    pub(super) fn idle_ids(&self) -> Vec<u32> {
        let state = lock(&self.state);
        state.idle.iter().filter_map(Process::id).collect()
    }

    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0) * NS_PER_MS
    }

    /// Starts a process and puts it among the idle ones; tries until it works or the pool stops.
    fn start_process(self: &Arc<Self>, state: &mut State) {
        if self.stop.is_cancelled() {
            return;
        }
        state.turns.comes();
        let processes = Arc::downgrade(self);
        let (config, stop) = (self.config.clone(), self.stop.clone());
        let start = async move {
            let mut pause = START_PAUSE;
            loop {
                let started = tokio::time::timeout(START_DEADLINE, Process::start(&config)).await;
                let Some(processes) = processes.upgrade() else {
                    return;
                };
                match started.unwrap_or_else(|_| Err("a worker does not get warm".to_owned())) {
                    Ok((process, weakened)) => {
                        *lock(&processes.weakened) = weakened;
                        *lock(&processes.last_error) = None;
                        processes.alive.fetch_add(1, Ordering::AcqRel);
                        processes.put(process);
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "a policy worker does not start");
                        *lock(&processes.last_error) = Some(error);
                        processes.changed.notify_waiters();
                    }
                }
                drop(processes);
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
    pub(super) async fn lease(self: &Arc<Self>, flow: FlowKey) -> Result<Lease, HandlerFailure> {
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
            processes: self,
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
    processes: &'a Processes,
    lease: oneshot::Receiver<Lease>,
    served: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        self.lease.close();
        lock(&self.processes.state)
            .turns
            .forget(oneshot::Sender::is_closed);
    }
}

fn shutting_down() -> HandlerFailure {
    HandlerFailure::new(
        FailureKind::Unavailable,
        "the bot is shutting down".to_owned(),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
