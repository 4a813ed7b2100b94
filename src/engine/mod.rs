//! The loop around the functional core: events in, transitions committed, effects carried out.
//!
//! ```text
//!  intake ──┐
//!  web    ──┤                                     ┌─→ timers ─┐
//!  timers ──┼─→ Engine::apply ─→ step ─→ commit ──┤           ├─→ Event ─→ apply …
//!  effects ─┘      (one at a time per run)        └─→ outbox ─┘
//! ```
//!
//! Everything that changes a run goes through [`Engine::apply`]: it takes the run's lock, asks the pure
//! [`step`](crate::domain::step) function, commits state, outbox, timers and audit records in one durable commit, and only then
//! starts the effects. An effect that ends comes back as an event, or is reported done. After a crash the outbox and
//! the timers are read from the store and everything goes on.

#![forbid(unsafe_code)]

mod book;
mod calls;
mod changes;
mod destinations;
mod done;
mod filter;
mod firing;
mod flow_store;
mod formless;
mod history;
mod hooks;
mod host;
mod identities;
mod intake;
mod live;
mod metrics;
mod outbox;
mod outside;
mod pages;
mod presses;
mod prompts;
mod records;
mod reload;
mod routing;
mod runs;
mod signin;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use book::{Book, BookError};
pub(crate) use calls::{access_fields, flow_input, forward_arguments, user_input};
pub(crate) use host::{placeholder, stranger};
pub use intake::Intake;
pub use outside::{Outside, OutsideParts};
pub use pages::Pages;
pub(crate) use prompts::prefetched;
pub(crate) use routing::{reducers, routing};
pub use timers::Timers;

use crate::clock::SharedClock;
use crate::domain::effect::{EffectId, Reply, StoredEffect, TimerChange};
use crate::domain::event::{Event, Submission};
use crate::domain::hook::{EventName, Fire};
use crate::domain::run::{Run, RunId};
use crate::domain::step::{self, Told, Transition};
use crate::domain::time::Timestamp;
use crate::store::contract::{Commit, Store, StoreError};
use crate::web::backend::Readiness;
use destinations::Destinations;
use done::DoneBatch;
use flow_store::FlowStore;
use identities::Identities;
use records::Records;
use runs::Runs;

/// Everything the engine works with.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: SharedClock,
    pub(crate) book: Book,
    pub(crate) outside: Outside,
    runs: Runs,
    timers: Timers,
    done: Arc<DoneBatch>,
    records: Records,
    identities: Identities,
    flow_store: FlowStore,
    destinations: Destinations,
    /// Effects and other background work, awaited at shutdown.
    tasks: TaskTracker,
    /// Set when no new effects are to be started.
    closing: tokio_util::sync::CancellationToken,
    /// Why the process has to end: a store that writes nothing any more, tokens that Slack does not accept.
    fatal: watch::Sender<Option<String>>,
    /// Open forms whose content depends on code.
    forms: live::Forms,
    /// Presses in the web app whose hooks are being asked.
    waiting: Mutex<HashMap<Uuid, oneshot::Sender<Option<Reply>>>>,
}

/// What came of an event.
#[derive(Debug, Clone)]
pub enum Applied {
    /// There is no such run.
    Unknown,
    /// Seen before (same envelope, same click): answered then.
    Duplicate,
    /// A late or repeated event that changed nothing.
    Unchanged,
    /// Committed. The reply says why an attempt did not decide.
    Changed { run: Arc<Run>, reply: Option<Reply> },
}

/// What is to be committed together with a transition.
#[derive(Debug, Clone, Default)]
pub struct Along {
    /// Keys that must not have been seen before.
    pub dedup: Vec<String>,
    /// The effect whose outcome the event reports.
    pub done: Option<EffectId>,
}

impl Engine {
    /// An engine at rest: [`Engine::start_background`] and [`Engine::recover`] set it in motion.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, book: Book, outside: Outside) -> Self {
        Self {
            store,
            timers: Timers::new(clock.clone()),
            clock,
            book,
            runs: Runs::default(),
            done: Arc::default(),
            records: Records::default(),
            identities: Identities::default(),
            flow_store: FlowStore::default(),
            destinations: Destinations::default(),
            tasks: TaskTracker::new(),
            closing: outside.closing.clone(),
            outside,
            fatal: watch::Sender::new(None),
            forms: live::Forms::default(),
            waiting: Mutex::default(),
        }
    }

    /// Becomes `Some` when the process has to end; what is unfinished is in the outbox.
    #[must_use]
    pub fn fatal_reason(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// Ends the process in good order; the first reason counts.
    fn fatal(&self, reason: String) {
        self.fatal.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(reason);
            }
            first
        });
    }

    /// Whether requests can be taken.
    pub(crate) fn readiness(&self) -> Readiness {
        if let Some(failure) = self.store.failure() {
            return Readiness::NotReady(format!("nothing can be saved: {failure}"));
        }
        self.outside.readiness()
    }

    /// The flows of this moment.
    #[must_use]
    pub fn catalog(&self) -> Arc<crate::flows::catalog::Catalog> {
        self.book.catalog()
    }

    /// Starts timers, the recording of finished effects and of handler calls, and sending to log destinations.
    #[must_use]
    pub fn start_background(self: &Arc<Self>) -> Vec<tokio::task::JoinHandle<()>> {
        vec![
            tokio::spawn(self.clone().run_timers()),
            tokio::spawn(self.done.clone().run(self.store.clone())),
            tokio::spawn(self.clone().keep_records()),
            tokio::spawn(self.clone().run_destinations()),
        ]
    }

    /// Makes a run of a submitted form. When it returns, the request is on the disk.
    ///
    /// # Errors
    /// The store's. [`Applied::Duplicate`] when the same form or envelope was committed before.
    pub async fn submit(
        self: &Arc<Self>,
        submission: Submission,
        dedup: Vec<String>,
    ) -> Result<Applied, StoreError> {
        let id = submission.id;
        self.make(id, dedup, |now| step::submit(submission, now))
            .await
    }

    /// Makes a run without a form, by the event that `on_prompt` fired after those of `chain`.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    async fn submit_fired(
        self: &Arc<Self>,
        submission: Submission,
        chain: Vec<EventName>,
        fire: Fire,
    ) -> Result<Applied, StoreError> {
        let id = submission.id;
        let born = |now| step::submit_fired(submission, chain, fire, now);
        self.make(id, Vec::new(), born).await
    }

    async fn make(
        self: &Arc<Self>,
        id: RunId,
        dedup: Vec<String>,
        born: impl FnOnce(Timestamp) -> Transition,
    ) -> Result<Applied, StoreError> {
        let slot = self.runs.slot(id);
        let mut place = slot.lock().await;
        if place.is_some() {
            return Ok(Applied::Duplicate);
        }
        let transition = born(self.clock.now());
        let along = Along { dedup, done: None };
        match self.commit(&mut place, transition, along).await {
            // There is a run with this id. Found out by the commit: to ask first would be a read from the disk for every
            // new request.
            Err(StoreError::Conflict { .. }) => Ok(Applied::Duplicate),
            other => other,
        }
    }

    /// Gives an event to a run. When it returns, what the event changed is on the disk, and its effects are under way.
    ///
    /// # Errors
    /// The store's; then nothing has changed.
    pub async fn apply(
        self: &Arc<Self>,
        id: RunId,
        event: Event,
        along: Along,
    ) -> Result<Applied, StoreError> {
        let slot = self.runs.slot(id);
        let mut place = slot.lock().await;
        if place.is_none() {
            *place = self.store.run(id).await?.map(Arc::new);
        }
        let Some(run) = place.clone() else {
            return Ok(Applied::Unknown);
        };
        let Some(transition) = step::step(&run, event, self.clock.now()) else {
            if let Some(effect) = along.done {
                self.done.add(effect);
            }
            return Ok(Applied::Unchanged);
        };
        self.commit(&mut place, transition, along).await
    }

    /// The newest state of a run.
    ///
    /// # Errors
    /// The store's.
    pub async fn run(&self, id: RunId) -> Result<Option<Arc<Run>>, StoreError> {
        let slot = self.runs.slot(id);
        let mut place = slot.lock().await;
        if place.is_none() {
            *place = self.store.run(id).await?.map(Arc::new);
        }
        Ok(place.clone())
    }

    async fn commit(
        self: &Arc<Self>,
        place: &mut Option<Arc<Run>>,
        transition: Transition,
        along: Along,
    ) -> Result<Applied, StoreError> {
        let Transition {
            run,
            effects,
            timers,
            audit,
            reply,
            told,
        } = transition;
        // Finished effects of whatever run go along, which saves a commit of their own.
        let finished = self.done.take();
        let records = self.take_records(run.id, run.revision == 1).await?;
        let mut values = records.changes();
        values.extend(finished.changes());
        if run.revision == 1 {
            values.push(history::index(&run));
        }
        let commit = Commit {
            dedup: along.dedup,
            run: Some(run.clone()),
            outbox_add: effects.clone(),
            outbox_done: along.done.into_iter().chain(finished.ids()).collect(),
            timers: timers.clone(),
            audit,
            values,
            now: Some(self.clock.now()),
        };
        if let Err(error) = self.store.commit(commit).await {
            if matches!(error, StoreError::Duplicate(_)) {
                return Ok(Applied::Duplicate);
            }
            // The disk may or may not have it: read it again before the next event.
            *place = None;
            if let Some(failure) = self.store.failure() {
                self.fatal(failure.to_string());
            }
            return Err(error);
        }
        finished.recorded();
        records.recorded();
        let run = Arc::new(run);
        *place = Some(run.clone());
        self.timers.apply(&timers);
        self.start_effects(effects);
        for Told { ticket, reply } in told {
            if let Some(waiting) = self.lock_waiting().remove(&ticket) {
                // Nobody waits any more when the page was closed.
                let _ = waiting.send(reply);
            }
        }
        Ok(Applied::Changed { run, reply })
    }

    /// A ticket for a press, and where its answer comes in.
    pub(super) fn ticket(&self) -> (Uuid, oneshot::Receiver<Option<Reply>>) {
        let ticket = Uuid::new_v4();
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock_waiting();
        waiting.retain(|_, sender| !sender.is_closed());
        waiting.insert(ticket, sender);
        (ticket, receiver)
    }

    fn lock_waiting(&self) -> MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Option<Reply>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_effects(self: &Arc<Self>, effects: Vec<StoredEffect>) {
        if self.closing.is_cancelled() {
            // They are in the outbox: the next start carries them out.
            return;
        }
        for effect in effects {
            let engine = self.clone();
            self.tasks
                .spawn(async move { engine.carry_out(effect).await });
        }
    }

    /// Reads what is kept in memory, and goes on where the last process stopped: timers first, then the outbox.
    ///
    /// # Errors
    /// The store's.
    pub async fn recover(self: &Arc<Self>) -> Result<(), StoreError> {
        self.begin_destinations().await?;
        let timers: Vec<TimerChange> = self
            .store
            .timers()
            .await?
            .into_iter()
            .map(TimerChange::Set)
            .collect();
        self.identities.load(self.store.as_ref()).await?;
        self.index_old_requests().await?;
        let effects = self.store.pending_effects().await?;
        if !timers.is_empty() || !effects.is_empty() {
            tracing::info!(
                timers = timers.len(),
                effects = effects.len(),
                "going on with what was under way"
            );
        }
        self.timers.apply(&timers);
        self.start_effects(effects);
        Ok(())
    }

    /// Lets what is in flight finish, for at most `patience`, and writes everything down.
    ///
    /// # Errors
    /// The store's.
    pub async fn close(&self, patience: std::time::Duration) -> Result<(), StoreError> {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "some effects are unfinished; the next start carries them out"
            );
        }
        self.done.flush(self.store.as_ref()).await?;
        self.write_all_records().await?;
        self.store.close().await
    }
}
