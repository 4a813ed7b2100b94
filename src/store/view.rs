//! What the store keeps in memory of the durable state: timers, pending effects, the list of open runs, and the runs used
//! last. Changed only after a commit is on the disk, so that readers never see what a power cut could take back.
//!
//! Called by the writer of [`super::sled`] and by [`super::memory`]; readers take copies out.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::contract::{Commit, Counts, Timer, TimerChange};
use crate::domain::effect::{EffectId, StoredEffect};
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// How many runs are kept decoded. About 5 KB each; the runs that people are busy with are among the last ones used.
const CACHED_RUNS: usize = 2_048;

#[derive(Default)]
pub(super) struct View {
    due: BTreeSet<(Timestamp, RunId, usize)>,
    timer_of: HashMap<(RunId, usize), Timestamp>,
    /// By order of making.
    effects: BTreeMap<u64, StoredEffect>,
    order_of: HashMap<EffectId, u64>,
    open: BTreeSet<(Timestamp, RunId)>,
    cache: HashMap<RunId, Arc<Run>>,
    /// Ids in `cache`, oldest first.
    cached: VecDeque<RunId>,
}

impl View {
    pub(super) fn set_timer(&mut self, timer: &Timer) {
        self.cancel_timer(timer.run, timer.notification);
        self.due.insert((timer.due, timer.run, timer.notification));
        self.timer_of
            .insert((timer.run, timer.notification), timer.due);
    }

    fn cancel_timer(&mut self, run: RunId, notification: usize) {
        if let Some(due) = self.timer_of.remove(&(run, notification)) {
            self.due.remove(&(due, run, notification));
        }
    }

    /// Adds an effect; one that is pending already keeps its place.
    pub(super) fn add_effect(&mut self, order: u64, effect: StoredEffect) {
        let order = *self.order_of.entry(effect.id).or_insert(order);
        self.effects.insert(order, effect);
    }

    fn effect_done(&mut self, id: EffectId) {
        if let Some(order) = self.order_of.remove(&id) {
            self.effects.remove(&order);
        }
    }

    pub(super) fn add_open(&mut self, created_at: Timestamp, run: RunId) {
        self.open.insert((created_at, run));
    }

    /// Applies a commit that is on the disk. `orders` are the places of `outbox_add`, `before` the run that it replaces.
    pub(super) fn publish(&mut self, commit: Commit, orders: &[u64], before: Option<Timestamp>) {
        if let Some(run) = commit.run {
            if let Some(created_at) = before {
                self.open.remove(&(created_at, run.id));
            }
            if run.status.is_open() {
                self.open.insert((run.created_at, run.id));
            }
            self.remember(run);
        }
        for id in commit.outbox_done {
            self.effect_done(id);
        }
        for (order, effect) in orders.iter().zip(commit.outbox_add) {
            self.add_effect(*order, effect);
        }
        for change in commit.timers {
            match change {
                TimerChange::Set(timer) => self.set_timer(&timer),
                TimerChange::Cancel { run, notification } => self.cancel_timer(run, notification),
            }
        }
    }

    fn remember(&mut self, run: Run) {
        let id = run.id;
        if self.cache.insert(id, Arc::new(run)).is_none() {
            self.cached.push_back(id);
            if self.cached.len() > CACHED_RUNS
                && let Some(oldest) = self.cached.pop_front()
            {
                self.cache.remove(&oldest);
            }
        }
    }

    pub(super) fn cached(&self, id: RunId) -> Option<Arc<Run>> {
        self.cache.get(&id).cloned()
    }

    pub(super) fn timers(&self) -> Vec<Timer> {
        self.due
            .iter()
            .map(|(due, run, notification)| Timer {
                due: *due,
                run: *run,
                notification: *notification,
            })
            .collect()
    }

    pub(super) fn effects(&self) -> Vec<StoredEffect> {
        self.effects.values().cloned().collect()
    }

    /// Open runs created before `before`, newest first.
    pub(super) fn open_before(
        &self,
        before: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> Vec<(Timestamp, RunId)> {
        let newest_first = match before {
            Some(before) => self.open.range(..before).rev(),
            None => self.open.range::<(Timestamp, RunId), _>(..).rev(),
        };
        newest_first.take(limit).copied().collect()
    }

    pub(super) fn open_len(&self) -> usize {
        self.open.len()
    }

    /// What there is of each, with the numbers of the last commit and audit line.
    pub(super) fn counts(&self, commits: u64, audit_lines: u64) -> Counts {
        Counts {
            open_runs: self.open.len() as u64,
            timers: self.timer_of.len() as u64,
            pending_effects: self.effects.len() as u64,
            commits,
            audit_lines,
        }
    }
}
