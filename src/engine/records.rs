//! Keeps what happened in each handler call with its run ([`crate::kept`]).
//!
//! The record of a call waits here until the next commit of its run takes it along, which usually is the transition that the
//! call has caused: then both are on the disk or neither, and after a crash the handler is called again. A call that changed
//! nothing is written by itself after [`LINGER`]; a kill within that time loses its record and nothing else. Calls of
//! a form wait for its submission; those of forms that are never submitted are dropped, oldest first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Engine;
use crate::domain::run::RunId;
use crate::kept::{self, Change, RECORD_MAX_BYTES};
use crate::policy::recording::RecordedCall;
use crate::store::contract::{Commit, StoreError};

/// How long a record waits for a commit to go along with.
const LINGER: Duration = Duration::from_millis(250);
/// Pause after records could not be written.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Records that wait at most, in number and bytes.
const WAITING_MAX: usize = 1_000;
const WAITING_MAX_BYTES: usize = 16 << 20;
/// Runs whose next number is remembered; that of others is read from the store.
const NUMBERS_MAX: usize = 4_096;

/// Records that are not in the store yet.
#[derive(Default)]
pub(super) struct Records {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Number of the next call of a run.
    numbers: HashMap<RunId, u64>,
}

struct Waiting {
    run: RunId,
    since: Instant,
    record: String,
    /// Whether there was no run when it was to be written: it goes along with the submission of the form.
    of_form: bool,
}

impl Records {
    fn add(&self, run: RunId, record: String) {
        let mut state = self.lock();
        state.waiting.push(Waiting {
            run,
            since: Instant::now(),
            record,
            of_form: false,
        });
        let mut bytes: usize = state.waiting.iter().map(|one| one.record.len()).sum();
        while state.waiting.len() > WAITING_MAX || bytes > WAITING_MAX_BYTES {
            bytes -= state.waiting.remove(0).record.len();
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// The records of a run, for a commit that is about to be made.
    fn take(&self, run: RunId) -> Taken<'_> {
        let mut state = self.lock();
        let (taken, left) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|one| one.run == run);
        state.waiting = left;
        Taken {
            records: self,
            waiting: taken,
            next: 0,
        }
    }

    /// Runs with records that have waited long enough.
    fn overdue(&self) -> HashSet<RunId> {
        let state = self.lock();
        let late = |one: &&Waiting| !one.of_form && one.since.elapsed() >= LINGER;
        state
            .waiting
            .iter()
            .filter(late)
            .map(|one| one.run)
            .collect()
    }

    /// There is no such run yet. Without this, every form that is open would be looked for in the store each time.
    fn leave_to_submission(&self, run: RunId) {
        for one in &mut self.lock().waiting {
            one.of_form |= one.run == run;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records on their way into the store. Unless they are said to be recorded they go back.
pub(super) struct Taken<'a> {
    records: &'a Records,
    waiting: Vec<Waiting>,
    /// Number of the first of them.
    next: u64,
}

impl Taken<'_> {
    /// What to write.
    pub(super) fn changes(&self) -> Vec<Change> {
        (self.next..)
            .zip(&self.waiting)
            .flat_map(|(number, one)| kept::call_changes(one.run, number, &one.record))
            .collect()
    }

    /// They are on the disk.
    pub(super) fn recorded(mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(first) = waiting.first() {
            let mut state = self.records.lock();
            if state.numbers.len() >= NUMBERS_MAX {
                state.numbers.clear();
            }
            let next = self.next + waiting.len() as u64;
            state.numbers.insert(first.run, next);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let mut state = self.records.lock();
            self.waiting.append(&mut state.waiting);
            std::mem::swap(&mut state.waiting, &mut self.waiting);
            drop(state);
            self.records.arrived.notify_one();
        }
    }
}

impl Engine {
    /// Keeps what happened in a call for a run, or for the form that may become it.
    pub(super) fn keep_record(&self, run: RunId, record: RecordedCall) {
        match record.masked().to_json(RECORD_MAX_BYTES) {
            Ok(record) => self.records.add(run, record),
            Err(error) => {
                tracing::error!(%error, %run, "what happened in a handler call cannot be written down");
            }
        }
    }

    /// The records of a run, numbered, for a commit that is about to be made. The run's place must be locked.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn take_records(
        &self,
        run: RunId,
        new: bool,
    ) -> Result<Taken<'_>, StoreError> {
        let mut taken = self.records.take(run);
        if taken.waiting.is_empty() {
            return Ok(taken);
        }
        let known = self.records.lock().numbers.get(&run).copied();
        taken.next = match known {
            Some(next) => next,
            None if new => 0,
            None => kept::next_number(self.store.as_ref(), run).await?,
        };
        Ok(taken)
    }

    /// Writes records that found no commit to go along with, until it is dropped.
    pub(super) async fn keep_records(self: Arc<Self>) {
        loop {
            self.records.arrived.notified().await;
            loop {
                tokio::time::sleep(LINGER).await;
                match self.write_records(self.records.overdue()).await {
                    // What is left belongs to forms, and goes along with their submission.
                    Ok(())
                        if self
                            .records
                            .lock()
                            .waiting
                            .iter()
                            .all(|one| one.since.elapsed() >= LINGER) =>
                    {
                        break;
                    }
                    Ok(()) => {}
                    Err(error) => {
                        tracing::error!(%error, "what happened in handler calls cannot be recorded yet");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Writes the records of these runs, where they exist.
    async fn write_records(&self, runs: HashSet<RunId>) -> Result<(), StoreError> {
        for run in runs {
            let slot = self.runs.slot(run);
            let mut place = slot.lock().await;
            if place.is_none() {
                *place = self.store.run(run).await?.map(Arc::new);
            }
            if place.is_none() {
                self.records.leave_to_submission(run);
                continue;
            }
            let taken = self.take_records(run, false).await?;
            let values = taken.changes();
            if values.is_empty() {
                continue;
            }
            let commit = Commit {
                values,
                ..Commit::default()
            };
            self.store.commit(commit).await?;
            taken.recorded();
        }
        Ok(())
    }

    /// Writes everything that waits: at the end.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn write_all_records(&self) -> Result<(), StoreError> {
        let runs = self
            .records
            .lock()
            .waiting
            .iter()
            .map(|one| one.run)
            .collect();
        self.write_records(runs).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_form_wait_for_its_submission_and_are_not_looked_for_again() {
        let records = Records::default();
        let (form, run) = (RunId::from_u128(1), RunId::from_u128(2));
        records.add(form, "of the form".to_owned());
        records.add(run, "of the run".to_owned());
        for one in &mut records.lock().waiting {
            one.since -= LINGER;
        }
        assert_eq!(records.overdue(), HashSet::from([form, run]));
        records.leave_to_submission(form);
        assert_eq!(records.overdue(), HashSet::from([run]));
        // A call that ends after the submission is written by itself.
        records.add(form, "late".to_owned());
        for one in &mut records.lock().waiting {
            one.since -= LINGER;
        }
        assert_eq!(records.overdue(), HashSet::from([form, run]));
        assert_eq!(records.take(form).waiting.len(), 2);
    }
}
