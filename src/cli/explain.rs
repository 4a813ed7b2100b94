//! `symbot explain RUN` and `symbot replay RUN`. Both ask the bot that runs on the data directory; where none runs, they
//! open the store themselves.
//!
//! Called by the command line; what is returned is the text for standard output, or a complaint.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{AskError, CommandError, VERSIONS, ask};
use crate::domain::run::RunId;
use crate::explain::{Story, gather, unknown};
use crate::kept::KeptCall;
use crate::policy::pool::Pool;
use crate::policy::recording::{RecordedOutcome, fingerprint};
use crate::policy::types::FailureKind;
use crate::store::contract::Store as _;
use crate::store::datadir::has_store;
use crate::store::sled::{Options, SledStore};

/// Time for one call: a replay waits neither for the host nor in `time.sleep`.
const REPLAY_DEADLINE: Duration = Duration::from_secs(60);

/// The story of a request, in words or as JSON.
///
/// # Errors
/// When there is no such request, or it cannot be read.
pub async fn explain(data: &Path, run: RunId, as_json: bool) -> Result<String, CommandError> {
    let story = story_of(data, run).await?;
    if !as_json {
        return Ok(story.tell());
    }
    serde_json::to_string_pretty(&story)
        .map(|text| text + "\n")
        .map_err(|error| CommandError::new(format!("the story cannot be written: {error}"), ""))
}

/// Runs the recorded handler calls of a request again. Returns the report, and whether every call gave the same.
///
/// # Errors
/// When there is no such request, or it cannot be read.
pub async fn replay(data: &Path, run: RunId, pool: &Pool) -> Result<(String, bool), CommandError> {
    let story = story_of(data, run).await?;
    let sources = sources_of(&story);
    let mut report = String::new();
    let mut all_same = true;
    if story.calls.is_empty() {
        report.push_str("no handler call of this request is kept\n");
    }
    for kept in &story.calls {
        let told = match replay_one(kept, &sources, pool).await {
            Replayed::Same => "the same".to_owned(),
            Replayed::Stopped => "not repeated: its worker was stopped".to_owned(),
            Replayed::Skipped(why) => format!("not repeated: {why}"),
            Replayed::Different(what) => {
                all_same = false;
                format!("DIFFERENT\n{what}")
            }
        };
        let _ = writeln!(
            report,
            "call {} ({} for {}): {told}",
            kept.number,
            kept.call.handlers.join(", "),
            kept.call.input.name
        );
    }
    Ok((report, all_same))
}

/// What came of a replay.
#[derive(Debug, PartialEq, Eq)]
pub enum Replayed {
    Same,
    /// Its worker was killed or died, which nobody repeats.
    Stopped,
    /// It cannot be repeated, and why.
    Skipped(String),
    /// Where the two records differ.
    Different(String),
}

/// Source texts of a flow by their fingerprints.
#[must_use]
pub fn sources_of(story: &Story) -> HashMap<String, Arc<str>> {
    let flows = || story.flow.iter().chain(&story.others);
    let fields = flows()
        .flat_map(|flow| &flow.prompt_fields)
        .filter_map(|field| field.on_change.as_ref());
    fields
        .chain(flows().map(|flow| &flow.implementation))
        .map(|code| (fingerprint(&code.source), code.source.clone()))
        .collect()
}

/// Runs one recorded call again in a worker.
pub async fn replay_one(
    kept: &KeptCall,
    sources: &HashMap<String, Arc<str>>,
    pool: &Pool,
) -> Replayed {
    let recorded = &kept.call;
    if let RecordedOutcome::Failure(failure) = &recorded.outcome
        && matches!(failure.kind, FailureKind::Timeout | FailureKind::Died)
    {
        return Replayed::Stopped;
    }
    let Some(source) = sources.get(&recorded.code) else {
        return Replayed::Skipped("its source is not part of the request's flow".to_owned());
    };
    let again = match pool.replay(recorded, source.clone(), REPLAY_DEADLINE).await {
        Ok(again) => again.masked(),
        Err(error) => return Replayed::Skipped(error.to_string()),
    };
    match recorded.same_as(&again) {
        Ok(true) => Replayed::Same,
        Ok(false) => Replayed::Different(format!(
            "  recorded: {}\n  now:      {}",
            json!(recorded.outcome),
            json!(again.outcome)
        )),
        Err(error) => Replayed::Skipped(error.to_string()),
    }
}

async fn story_of(data: &Path, run: RunId) -> Result<Story, CommandError> {
    match ask(data, "explain", json!({ "run": run })).await {
        Ok(reply) => return read(reply.value),
        Err(AskError::NotRunning) => {}
        Err(AskError::Refused(error)) => return Err(error),
        Err(error) => return Err(CommandError::new(error.to_string(), "")),
    }
    match has_store(data) {
        Ok(true) => {}
        Ok(false) => {
            return Err(CommandError::new(
                format!("{} holds no requests", data.display()),
                "give the data directory of the bot with --data or SYMBOT_DATA",
            ));
        }
        Err(error) => return Err(CommandError::new(error.to_string(), "")),
    }
    let dir = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || SledStore::open(&dir, Options::default()));
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::new(
            format!("{}: {error}", data.display()),
            "see docs/operations.md",
        )
    };
    let store = opened
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    let story = gather(&store, run).await;
    let closed = store.close().await;
    let story = story.map_err(|error| failed(&error))?;
    closed.map_err(|error| failed(&error))?;
    story.ok_or_else(|| unknown(run))
}

fn read(value: Value) -> Result<Story, CommandError> {
    serde_json::from_value(value).map_err(|error| {
        CommandError::new(
            format!("the running bot's answer cannot be read: {error}"),
            VERSIONS,
        )
    })
}
