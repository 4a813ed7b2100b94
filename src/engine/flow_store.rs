//! The key-value store of flows (`sym.sdk.integrations.store`): one tree for each flow, under `flow-store/ENVIRONMENT/FLOW`.
//!
//! A flow sees its own tree only. The whole tree has at most [`TREE_MAX_BYTES`]; what was put is on the disk before the
//! handler goes on. Two handlers that put at the same time do so one after the other.

use serde_json::{Map, Value};

use super::host::Scope;
use crate::policy::types::HostError;
use crate::store::contract::{Commit, Store, StoreError};

/// Largest tree, as JSON. The store takes 64 KB.
const TREE_MAX_BYTES: usize = 60_000;
/// Longest path, and most parts of it: JSON that is nested deeper cannot be read back.
const PATH_MAX_BYTES: usize = 1_000;
const PARTS_MAX: usize = 32;
const DEPTH_MAX: usize = 64;

const CLASS: &str = "SymIntegrationError";

#[derive(Default)]
pub(super) struct FlowStore {
    writing: tokio::sync::Mutex<()>,
}

impl FlowStore {
    /// The value at a dotted path, null when there is none.
    pub(super) async fn fetch(
        &self,
        store: &dyn Store,
        scope: &Scope,
        path: &str,
    ) -> Result<Value, HostError> {
        let parts = parts(path)?;
        let mut value = tree(store, scope).await?;
        for (number, part) in parts.iter().enumerate() {
            let Value::Object(members) = &mut value else {
                return Err(no_branch(&parts[..number]));
            };
            match members.remove(*part) {
                Some(member) => value = member,
                None => return Ok(Value::Null),
            }
        }
        Ok(value)
    }

    /// Puts a value at a dotted path; what is on the way there is made.
    pub(super) async fn put(
        &self,
        store: &dyn Store,
        scope: &Scope,
        path: &str,
        value: &Value,
    ) -> Result<(), HostError> {
        let parts = parts(path)?;
        if depth(value) > DEPTH_MAX {
            return Err(failed(
                "INVALID_ARGUMENT",
                format!("the value is nested deeper than {DEPTH_MAX} levels"),
            ));
        }
        let _turn = self.writing.lock().await;
        let mut root = tree(store, scope).await?;
        let mut place = &mut root;
        for (number, part) in parts.iter().enumerate() {
            let Value::Object(members) = place else {
                return Err(no_branch(&parts[..number]));
            };
            place = members
                .entry((*part).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
        }
        *place = value.clone();
        let size = root.to_string().len();
        if size > TREE_MAX_BYTES {
            return Err(failed(
                "TOO_LARGE",
                format!(
                    "the store of a flow holds at most {TREE_MAX_BYTES} bytes; with this value it would have {size}"
                ),
            ));
        }
        let commit = Commit {
            values: vec![(name(scope), Some(root))],
            ..Commit::default()
        };
        store
            .commit(commit)
            .await
            .map_err(|error| unavailable(&error))
    }
}

fn name(scope: &Scope) -> String {
    let environment = scope.environment.as_deref().unwrap_or_default();
    format!("flow-store/{environment}/{}", scope.flow)
}

async fn tree(store: &dyn Store, scope: &Scope) -> Result<Value, HostError> {
    let tree = store.value(name(scope)).await;
    Ok(tree
        .map_err(|error| unavailable(&error))?
        .unwrap_or_else(|| Value::Object(Map::new())))
}

fn parts(path: &str) -> Result<Vec<&str>, HostError> {
    let parts: Vec<&str> = path.split('.').collect();
    if path.len() > PATH_MAX_BYTES || parts.len() > PARTS_MAX || parts.contains(&"") {
        return Err(failed(
            "INVALID_ARGUMENT",
            format!(
                "'{}' is not a path: names with dots between, at most {PARTS_MAX} of them",
                path.chars().take(100).collect::<String>()
            ),
        ));
    }
    Ok(parts)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The documented answer when a part of the path is no branch.
fn no_branch(parts: &[&str]) -> HostError {
    HostError {
        class: "KeyError".to_owned(),
        name: "NOT_A_BRANCH".to_owned(),
        message: parts.join("."),
    }
}

fn failed(name: &str, message: String) -> HostError {
    HostError {
        class: CLASS.to_owned(),
        name: name.to_owned(),
        message,
    }
}

fn unavailable(error: &StoreError) -> HostError {
    failed("UNAVAILABLE", error.to_string())
}
