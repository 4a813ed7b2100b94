//! What a running bot does for the administrator on its machine: the commands that come over the control socket
//! ([`crate::control`]).
//!
//! | Command | Arguments | Answer |
//! |---|---|---|
//! | `status` | – | version, process, whether requests are taken |
//! | `explain` | `run`: id of a request | its [`crate::explain::Story`] |
//! | `backup` | – | the bytes of a backup, and at their end its [`BackupSummary`] |

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::control::{Answer, CommandError, Commands, Control, Piece};
use crate::domain::run::RunId;
use crate::engine::Engine;
use crate::explain;
use crate::store::contract::StoreError;
use crate::store::sled::SledStore;
use crate::web::backend::Readiness;

/// Pieces of a backup that wait for the client: what a slow one may hold in memory.
const BACKUP_PIECES: usize = 4;

/// The commands of a bot whose engine works on this store.
pub fn commands(engine: &Arc<Engine>, store: &Arc<SledStore>) -> Commands {
    let (status_of, story_from) = (Arc::clone(engine), Arc::clone(engine));
    let store = Arc::clone(store);
    Commands::new()
        .on("status", move |_| {
            let status = status(&status_of);
            async move { Ok(Answer::Value(status)) }
        })
        .on("explain", move |arguments| {
            let engine = Arc::clone(&story_from);
            async move { story(&engine, &arguments).await.map(Answer::Value) }
        })
        .on("backup", move |_| {
            let store = Arc::clone(&store);
            async move { Ok(backup(store)) }
        })
}

/// Opens the control socket. Requests do not depend on it: without it the bot runs all the same.
pub fn open_control(data: &Path, commands: Commands) -> Option<Control> {
    match Control::open(data, commands) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(%error, "no control socket could be opened in {}: commands such as `symbot explain` work only while the bot is stopped", data.display());
            None
        }
    }
}

fn status(engine: &Engine) -> Value {
    let waits_for = match engine.readiness() {
        Readiness::Ready => None,
        Readiness::NotReady(reason) => Some(reason),
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "process": std::process::id(),
        "ready": waits_for.is_none(),
        "waits_for": waits_for,
    })
}

async fn story(engine: &Engine, arguments: &Value) -> Result<Value, CommandError> {
    let run = arguments["run"].as_str().unwrap_or_default();
    let id = RunId::parse_str(run)
        .map_err(|_| CommandError::new(format!("\"{run}\" is not the id of a request"), ""))?;
    let failed = |error: &dyn std::fmt::Display| CommandError::new(error.to_string(), "");
    match explain::gather(engine.store.as_ref(), id).await {
        Ok(Some(story)) => serde_json::to_value(story).map_err(|error| failed(&error)),
        Ok(None) => Err(explain::unknown(id)),
        Err(error) => Err(failed(&error)),
    }
}

/// Begins a backup; it goes on until it is whole or nobody takes its pieces any more.
fn backup(store: Arc<SledStore>) -> Answer {
    let (send, pieces) = mpsc::channel(BACKUP_PIECES);
    tokio::spawn(async move {
        let out = Pieces(send.clone());
        let made = store.backup_to(move || out).await;
        let last = match made {
            Ok(summary) => {
                tracing::info!(
                    commits = summary.commits,
                    records = summary.records,
                    "a backup was made"
                );
                Piece::End(json!(summary))
            }
            Err(error) => {
                tracing::warn!(%error, "a backup was not made");
                Piece::Failed(not_made(&error))
            }
        };
        // The client may be gone.
        let _ = send.send(last).await;
    });
    Answer::Body(Value::Null, pieces)
}

fn not_made(error: &StoreError) -> CommandError {
    let hint = match error {
        StoreError::Damaged(_) => "",
        _ => "try again; the bot's log says more",
    };
    CommandError::new(error.to_string(), hint)
}

/// Where the bytes of a backup go: to the client. Blocks while that is slower, and fails when it is gone.
struct Pieces(mpsc::Sender<Piece>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .blocking_send(Piece::Bytes(bytes.to_vec()))
            .map_err(|_| std::io::Error::other("nobody takes it any more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
