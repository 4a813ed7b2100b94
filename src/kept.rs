//! What the store keeps of a run besides its state: the handler calls and the effects that were given up. Names, limits,
//! and how they are read.
//!
//! ```text
//!  call/RUN/000007      {"number": 7, "call": {…}}            a record of at most 60 KB
//!  call/RUN/000008      {"number": 8, "pieces": 3}            a larger one, as JSON text in pieces
//!  call/RUN/000008/0    "…"
//!  given-up/RUN/03      {"effect": 3, "at": …, "what": …, "reason": …}
//! ```
//!
//! **Of each run, the first [`FIRST_KEPT`] calls are kept and the last [`LAST_KEPT`]**: a newer one takes the place of the oldest
//! of the latter. A record of more than [`RECORD_MAX_BYTES`] is cut, see [`RecordedCall::to_json`]. Of the effects that were given
//! up, the last [`GIVEN_UP_KEPT`] by their numbers. All of it is written by the engine, with the transition that a call
//! has caused where there is one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::effect::EffectId;
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;
use crate::policy::recording::RecordedCall;
use crate::store::contract::{Store, StoreError};

/// Calls at the beginning of a run that are always kept: among them those that decided who may decide.
pub const FIRST_KEPT: u64 = 20;
/// Later calls that are kept, the newest: hooks of clicks, of which there may be any number.
pub const LAST_KEPT: u64 = 80;
/// Largest record; 8 pieces.
pub const RECORD_MAX_BYTES: usize = PIECE_BYTES * PIECES_MAX;
/// Effects given up that are kept of a run.
pub const GIVEN_UP_KEPT: u64 = 50;

/// Records up to this size are one value. The store takes 64 KB.
const WHOLE_BYTES: usize = 60_000;
/// A piece is JSON text within a JSON text: its quotation marks and backslashes count twice.
const PIECE_BYTES: usize = 30_000;
const PIECES_MAX: usize = 8;

/// Values under which a run's calls can stand at most: every call in pieces.
const NAMES_MAX: usize = 2_000;

/// A value to be written, or to be removed.
pub type Change = (String, Option<Value>);

/// A call as it was kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptCall {
    /// Its number among the calls of its run, from 0.
    pub number: u64,
    pub call: RecordedCall,
}

/// An effect that could not be carried out and never will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its number within the run.
    pub effect: u64,
    pub at: Timestamp,
    /// What could not be done, in words.
    pub what: String,
    pub reason: String,
}

fn calls_of(run: RunId) -> String {
    format!("call/{run}/")
}

fn call_name(run: RunId, number: u64) -> String {
    let place = if number < FIRST_KEPT {
        number
    } else {
        FIRST_KEPT + (number - FIRST_KEPT) % LAST_KEPT
    };
    format!("call/{run}/{place:06}")
}

/// What to write for a call; `record` is what [`RecordedCall::to_json`] made with [`RECORD_MAX_BYTES`].
#[must_use]
pub fn call_changes(run: RunId, number: u64, record: &str) -> Vec<Change> {
    let name = call_name(run, number);
    let mut pieces = Vec::new();
    if record.len() > WHOLE_BYTES {
        let mut rest = record;
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            pieces.push(piece);
            rest = left;
        }
    }
    let head = match (pieces.len(), serde_json::from_str::<Value>(record)) {
        (0, Ok(call)) => json!({ "number": number, "call": call }),
        (count, _) => json!({ "number": number, "pieces": count }),
    };
    let mut changes = vec![(name.clone(), Some(head))];
    for (position, piece) in pieces.iter().enumerate() {
        changes.push((format!("{name}/{position}"), Some(json!(piece))));
    }
    if number >= FIRST_KEPT + LAST_KEPT {
        // Pieces of the one whose place it takes.
        let stale =
            (pieces.len()..=PIECES_MAX).map(|position| (format!("{name}/{position}"), None));
        changes.extend(stale);
    }
    changes
}

/// The calls of a run that are kept, in their order.
///
/// # Errors
/// The store's.
pub async fn calls(store: &dyn Store, run: RunId) -> Result<Vec<KeptCall>, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        number: u64,
        call: Option<RecordedCall>,
        pieces: Option<usize>,
    }
    let prefix = calls_of(run);
    let values = store.values(prefix.clone(), NAMES_MAX).await?;
    let damaged = |name: &str, why: &dyn std::fmt::Display| {
        StoreError::Damaged(format!(
            "the record {name} of a handler call cannot be read: {why}"
        ))
    };
    let mut calls = Vec::new();
    for (name, value) in &values {
        if name[prefix.len()..].contains('/') {
            continue;
        }
        let head = Head::deserialize(value).map_err(|error| damaged(name, &error))?;
        let call = match head.call {
            Some(call) => call,
            None => {
                let mut text = String::new();
                for position in 0..head.pieces.unwrap_or(0) {
                    let piece = format!("{name}/{position}");
                    let found = values
                        .binary_search_by(|(name, _)| name.as_str().cmp(&piece))
                        .ok()
                        .and_then(|found| values[found].1.as_str());
                    text.push_str(found.ok_or_else(|| damaged(&piece, &"it is missing"))?);
                }
                serde_json::from_str(&text).map_err(|error| damaged(name, &error))?
            }
        };
        calls.push(KeptCall {
            number: head.number,
            call,
        });
    }
    calls.sort_by_key(|kept| kept.number);
    Ok(calls)
}

/// The number of the next call of a run.
///
/// # Errors
/// The store's.
pub async fn next_number(store: &dyn Store, run: RunId) -> Result<u64, StoreError> {
    let values = store.values(calls_of(run), NAMES_MAX).await?;
    let last = values
        .iter()
        .filter_map(|(_, value)| value.get("number")?.as_u64())
        .max();
    Ok(last.map_or(0, |last| last + 1))
}

/// What to write for an effect that is given up.
#[must_use]
pub fn given_up_change(id: EffectId, given_up: &GivenUp) -> Change {
    let place = id.number % GIVEN_UP_KEPT;
    (
        format!("given-up/{}/{place:02}", id.run),
        serde_json::to_value(given_up).ok(),
    )
}

/// The effects of a run that were given up, in their order.
///
/// # Errors
/// The store's.
pub async fn given_up(store: &dyn Store, run: RunId) -> Result<Vec<GivenUp>, StoreError> {
    let limit = usize::try_from(GIVEN_UP_KEPT).unwrap_or(usize::MAX);
    let values = store.values(format!("given-up/{run}/"), limit).await?;
    let mut all = Vec::with_capacity(values.len());
    for (name, value) in values {
        let one = serde_json::from_value(value)
            .map_err(|error| StoreError::Damaged(format!("{name} cannot be read: {error}")))?;
        all.push(one);
    }
    all.sort_by_key(|one: &GivenUp| one.effect);
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::policy::recording::RecordedOutcome;
    use crate::policy::types::{ChannelInput, EventInput, FlowInput, RunInput, UserInput};
    use crate::store::{Commit, MemoryStore};

    fn record(printed: &str) -> RecordedCall {
        let channel = ChannelInput {
            channel_type: "slack".to_owned(),
            identifier: None,
        };
        let user = UserInput {
            id: "1".to_owned(),
            email: None,
            username: "a".to_owned(),
            name: "a".to_owned(),
            first_name: None,
            last_name: None,
            role: "member".to_owned(),
            slack_id: None,
            known: true,
            user_type: None,
            identities: Vec::new(),
        };
        RecordedCall {
            file: "impl.py".to_owned(),
            code: "c0de".to_owned(),
            handlers: vec!["on_approve".to_owned()],
            input: EventInput {
                name: "approve".to_owned(),
                event_channel: channel.clone(),
                timestamp: "2026-01-01T00:00:00Z".to_owned(),
                user,
                fields: serde_json::Map::new(),
                run: RunInput {
                    id: "r".to_owned(),
                    source_channel: channel,
                    actors: Vec::new(),
                    contexts: serde_json::Map::new(),
                },
                flow: FlowInput {
                    name: "f".to_owned(),
                    label: None,
                    version: "1".to_owned(),
                    vars: std::collections::BTreeMap::new(),
                    fields: Vec::new(),
                    environment: None,
                    strategy: None,
                },
                arguments: None,
                outputs: serde_json::Map::new(),
            },
            seed: "s".to_owned(),
            now_ns: 1,
            host_calls: Vec::new(),
            outcome: RecordedOutcome::Results {
                results: Vec::new(),
                printed: printed.to_owned(),
            },
            duration_ms: 1,
            own: Default::default(),
            cut: false,
        }
    }

    fn printed(kept: &KeptCall) -> &str {
        match &kept.call.outcome {
            RecordedOutcome::Results { printed, .. } => printed,
            RecordedOutcome::Failure(failure) => panic!("{failure}"),
        }
    }

    async fn keep(store: &MemoryStore, run: RunId, number: u64, record: &RecordedCall) {
        let text = record.to_json(RECORD_MAX_BYTES).unwrap();
        let commit = Commit {
            values: call_changes(run, number, &text),
            ..Commit::default()
        };
        store.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn the_first_and_the_last_calls_of_a_run_are_kept() {
        let store = MemoryStore::new();
        let (run, other) = (RunId::from_u128(1), RunId::from_u128(2));
        assert_eq!(next_number(&store, run).await.unwrap(), 0);
        keep(&store, other, 0, &record("other")).await;
        for number in 0..250 {
            // Every third one is in pieces, so that places are taken over in all ways.
            let text = if number % 3 == 0 {
                "\"\\ä".repeat(20_000)
            } else {
                String::new()
            };
            keep(&store, run, number, &record(&format!("{number}{text}"))).await;
        }
        assert_eq!(next_number(&store, run).await.unwrap(), 250);
        let kept = calls(&store, run).await.unwrap();
        let numbers: Vec<u64> = kept.iter().map(|kept| kept.number).collect();
        let expected: Vec<u64> = (0..20).chain(170..250).collect();
        assert_eq!(numbers, expected);
        for one in &kept {
            assert!(printed(one).starts_with(&one.number.to_string()));
            assert_eq!(printed(one).len() > 1000, one.number % 3 == 0);
        }
        let names = store.values(calls_of(run), 5_000).await.unwrap().len();
        assert!(names < NAMES_MAX, "{names}");
        assert_eq!(calls(&store, other).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_record_that_is_too_large_is_cut_and_says_so() {
        let store = MemoryStore::new();
        let run = RunId::from_u128(1);
        let mut large = record("printed");
        for _ in 0..40 {
            large
                .host_calls
                .push(crate::policy::recording::RecordedHostCall {
                    name: "slack.list_users".to_owned(),
                    arguments: json!({"active_only": true}),
                    answer: crate::policy::recording::RecordedAnswer::Value(json!(
                        "x".repeat(90_000)
                    )),
                    now_ns: 2,
                });
        }
        keep(&store, run, 0, &large).await;
        let kept = calls(&store, run).await.unwrap();
        assert!(kept[0].call.cut);
        assert_eq!(kept[0].call.host_calls.len(), 40);
        assert_eq!(printed(&kept[0]), "printed");
        large
            .input
            .fields
            .insert("f".to_owned(), json!("y".repeat(500_000)));
        keep(&store, run, 0, &large).await;
        let kept = calls(&store, run).await.unwrap();
        assert_eq!(printed(&kept[0]), "printed");
    }

    #[tokio::test]
    async fn effects_given_up_are_kept() {
        let store = MemoryStore::new();
        let run = RunId::from_u128(1);
        for effect in [3, 60, 53] {
            let one = GivenUp {
                effect,
                at: Timestamp(5),
                what: "the requester could not be told".to_owned(),
                reason: "user_disabled".to_owned(),
            };
            let commit = Commit {
                values: vec![given_up_change(
                    EffectId {
                        run,
                        number: effect,
                    },
                    &one,
                )],
                ..Commit::default()
            };
            store.commit(commit).await.unwrap();
        }
        let kept = given_up(&store, run).await.unwrap();
        let numbers: Vec<u64> = kept.iter().map(|one| one.effect).collect();
        // 53 has taken the place of 3.
        assert_eq!(numbers, [53, 60]);
    }
}
