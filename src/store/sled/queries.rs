//! Reads of runs and values: what is durable of them, from memory where it is there, else from sled.

use super::failures::sled_error;
use super::reading::Reading;
use super::recover::from_json;
use super::shared::Shared;
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;
use crate::store::contract::{RunQuery, StoreError};
use crate::store::keys::{self, Kind};
use serde_json::Value;

pub(super) fn read_run(reading: &Reading<'_>, id: RunId) -> Result<Option<Run>, StoreError> {
    let key = keys::run(id);
    reading
        .payload(&key)?
        .map(|payload| from_json(&key, &payload))
        .transpose()
}

pub(super) fn read_values(
    reading: &Reading<'_>,
    prefix: &str,
    limit: usize,
) -> Result<Vec<(String, Value)>, StoreError> {
    let mut values = Vec::new();
    for item in reading.tree.scan_prefix(keys::value(prefix)).keys() {
        if values.len() >= limit {
            break;
        }
        let key = item.map_err(sled_error)?;
        // Written but not durable yet, or removed since the scan saw it.
        let Some(payload) = reading.payload(&key)? else {
            continue;
        };
        let name = keys::value_name(&key)
            .ok_or_else(|| StoreError::Damaged(format!("{} is not a key", keys::describe(&key))))?;
        values.push((name.to_owned(), from_json(&key, &payload)?));
    }
    Ok(values)
}

pub(super) fn read_runs(
    shared: &Shared,
    reading: &Reading<'_>,
    query: &RunQuery,
) -> Result<Vec<Run>, StoreError> {
    let mut runs = Vec::new();
    let load = |at: Timestamp, id: RunId| -> Result<Option<Run>, StoreError> {
        if let Some(run) = shared.view().cached(id) {
            return Ok(Some(Run::clone(&run)));
        }
        let run = read_run(reading, id)?;
        if run.is_none()
            && reading
                .tree
                .contains_key(keys::created(at, id))
                .map_err(sled_error)?
        {
            return Err(StoreError::Damaged(format!(
                "run {id} is in the index, but missing"
            )));
        }
        Ok(run)
    };
    if query.open_only {
        let mut before = query.before;
        while runs.len() < query.limit {
            let page = shared.view().open_before(before, query.limit - runs.len());
            let Some(last) = page.last() else {
                break;
            };
            before = Some(*last);
            for (at, id) in page {
                // It may have been decided since the list was taken.
                if let Some(run) = load(at, id)?.filter(|run| run.status.is_open()) {
                    runs.push(run);
                }
            }
        }
        return Ok(runs);
    }
    let start = vec![Kind::Created as u8];
    let end = match query.before {
        Some((at, id)) => keys::created(at, id),
        None => vec![Kind::Created as u8 + 1],
    };
    for item in reading.tree.range(start..end).keys().rev() {
        if runs.len() >= query.limit {
            break;
        }
        let key = item.map_err(sled_error)?;
        let (at, id) = keys::time_and_run(&key)
            .ok_or_else(|| StoreError::Damaged(format!("{} is not a key", keys::describe(&key))))?;
        if reading.is_durable(&key)
            && let Some(run) = load(at, id)?
        {
            runs.push(run);
        }
    }
    Ok(runs)
}
