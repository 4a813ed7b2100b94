//! Everything that can be read from a store, as one value to compare.

use serde_json::Value;

use super::fixtures::run_id;
use crate::domain::effect::StoredEffect;
use crate::domain::run::Run;
use crate::store::{RunQuery, Store, StoreError, Timer};

/// What to ask for by name; runs, effects and timers are listed by the store itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) runs: Vec<u64>,
    pub(super) keys: Vec<String>,
    pub(super) values: Vec<String>,
    pub(super) blobs: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct State {
    pub(super) runs: Vec<Run>,
    pub(super) open: Vec<Run>,
    pub(super) by_id: Vec<Option<Run>>,
    pub(super) effects: Vec<StoredEffect>,
    pub(super) timers: Vec<Timer>,
    pub(super) seen: Vec<bool>,
    pub(super) values: Vec<Option<Value>>,
    pub(super) blobs: Vec<Option<String>>,
}

pub(super) async fn read(store: &dyn Store, names: &Names) -> Result<State, StoreError> {
    let list = |open_only| {
        store.runs(RunQuery {
            open_only,
            before: None,
            limit: usize::MAX,
        })
    };
    let mut state = State {
        runs: list(false).await?,
        open: list(true).await?,
        effects: store.pending_effects().await?,
        timers: store.timers().await?,
        ..State::default()
    };
    for number in &names.runs {
        state.by_id.push(store.run(run_id(*number)).await?);
    }
    for key in &names.keys {
        state.seen.push(store.seen(key.clone()).await?);
    }
    for name in &names.values {
        state.values.push(store.value(name.clone()).await?);
    }
    for hash in &names.blobs {
        state.blobs.push(store.blob(hash.clone()).await?);
    }
    Ok(state)
}
