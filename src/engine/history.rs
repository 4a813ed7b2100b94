//! Counts what happened in somebody's requests, for `User.get_event_count`.
//!
//! `requests/PERSON/TIME-RUN` names each request of a person with its flow and target. It is written in the commit that makes the
//! run; for runs that an older version has made, once at the start. What happened in a run is read from its history.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Engine;
use super::host::Scope;
use crate::domain::run::{HistoryEntry, Run, RunId, Status};

use crate::domain::time::Timestamp;
use crate::kept::Change;
use crate::store::contract::{Commit, RunQuery, StoreError};

/// Says that every run is in the index.
const INDEXED: &str = "requests-indexed";
/// Runs that are put into the index in one commit.
const PAGE: usize = 200;
/// Requests of one person that are looked at.
const REQUESTS_MAX: usize = 100_000;

/// Which runs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterOn {
    /// Those of the flow that asks.
    Flow,
    /// Those for the target of the request that is being handled.
    Target,
}

/// What is counted.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    /// Who made the requests.
    pub user: Uuid,
    pub event: String,
    /// Both inclusive.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub filter: FilterOn,
    pub include_errored: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Indexed {
    flow: String,
    /// As people see it: that is what a run carries.
    environment: Option<String>,
    target: Option<String>,
}

/// What to write for a run that is new.
pub(super) fn index(run: &Run) -> Change {
    let at = run.created_at.0.max(0);
    let name = format!("requests/{}/{at:016}-{}", run.requester.id, run.id);
    let indexed = json!(Indexed {
        flow: run.flow.name.clone(),
        environment: run.flow.environment.clone(),
        target: run.target.as_ref().map(|target| target.id.clone()),
    });
    (name, Some(indexed))
}

impl Counted {
    fn within(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at <= until)
    }

    fn wants(&self, indexed: &Indexed, scope: &Scope) -> bool {
        match self.filter {
            FilterOn::Flow => {
                // Its environment is known by what the run is pinned to.
                indexed.flow == scope.flow
            }
            FilterOn::Target => scope.target.is_some() && indexed.target == scope.target,
        }
    }

    fn in_history(&self, run: &Run) -> usize {
        // Forms that are not submitted are not kept, and the others only by what they became.
        if self.event == "prompt" {
            return usize::from(self.within(run.created_at));
        }
        let errored = run.status == Status::Errored && self.event == "request";
        if errored && !self.include_errored {
            return 0;
        }
        run.history
            .iter()
            .filter(|entry| {
                entry.event == self.event || self.include_errored && failed(entry, &self.event)
            })
            .filter(|entry| self.within(entry.at))
            .count()
    }
}

/// Whether a line of the history tells of such an event that a hook nullified. A press that was refused without asking a hook began
/// no event.
fn failed(entry: &HistoryEntry, event: &str) -> bool {
    entry.event == "ignored"
        && (entry.text.starts_with(&format!("{event} did not happen: "))
            || entry.text.contains(&format!(" could not {event}: ")))
}

impl Engine {
    /// Counts events; the one being handled counts too.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn count_events(
        &self,
        counted: &Counted,
        scope: &Scope,
    ) -> Result<usize, StoreError> {
        let prefix = format!("requests/{}/", counted.user);
        let requests = self.store.values(prefix, REQUESTS_MAX).await?;
        let mut count = 0;
        let mut is_kept = false;
        for (name, value) in requests {
            let damaged = || StoreError::Damaged(format!("{name} cannot be read"));
            let indexed = Indexed::deserialize(value).map_err(|_| damaged())?;
            if !counted.wants(&indexed, scope) {
                continue;
            }
            // The last 36 characters are the run.
            let run = name.len().checked_sub(36).and_then(|from| name.get(from..));
            let run = run.and_then(|run| RunId::parse_str(run).ok());
            if let Some(run) = self.store.run(run.ok_or_else(damaged)?).await?
                && (counted.filter == FilterOn::Target || self.in_environment(&run, scope).await)
            {
                count += counted.in_history(&run);
                // `after_prompt` may run when the form was sent already.
                is_kept |= run.id == scope.run && ["prompt", "request"].contains(&&*scope.event);
            }
        }
        let own = scope.pending
            && !is_kept
            && scope.event == counted.event
            && scope.requester == counted.user.to_string()
            && counted.within(scope.at)
            && (counted.filter == FilterOn::Flow || scope.target.is_some());
        Ok(count + usize::from(own))
    }

    /// Whether a run of the flow is in the environment that asks.
    async fn in_environment(&self, run: &Run, scope: &Scope) -> bool {
        match self.book.pinned(&run.flow.version).await {
            Ok(flow) => {
                let environment = flow.environment.as_ref();
                environment.map(|environment| &environment.name) == scope.environment.as_ref()
            }
            Err(error) => {
                tracing::warn!(%error, run = %run.id, "the environment of a request is told by its label");
                run.flow.environment == scope.environment_title
            }
        }
    }

    /// Puts runs into the index that were made before there was one.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn index_old_requests(&self) -> Result<(), StoreError> {
        if self.store.value(INDEXED.to_owned()).await?.is_some() {
            return Ok(());
        }
        let mut before = None;
        loop {
            let query = RunQuery {
                before,
                limit: PAGE,
                ..RunQuery::default()
            };
            let runs = self.store.runs(query).await?;
            let done = runs.len() < PAGE;
            before = runs.last().map(|run| (run.created_at, run.id));
            let mut values: Vec<Change> = runs.iter().map(index).collect();
            if done {
                values.push((INDEXED.to_owned(), Some(Value::Bool(true))));
            }
            let commit = Commit {
                values,
                ..Commit::default()
            };
            self.store.commit(commit).await?;
            if done {
                return Ok(());
            }
        }
    }
}
