//! `symbot backup` and `symbot restore`. A backup of a running bot is made by the bot, which is asked over its control socket;
//! of a stopped one, here.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize as _;
use serde_json::Value;

use super::{EXIT_WRONG, complain};
use crate::control::{AskError, CommandError, Part, Reply, ask};
use crate::store::contract::{Store as _, StoreError};
use crate::store::datadir::has_store;
use crate::store::sled::{BackupSummary, NewBackup, Options, RestoreFrom, SledStore};

/// Writes a backup of a data directory to a new file.
pub async fn backup(data: &Path, to: &Path) -> ExitCode {
    match has_store(data) {
        Ok(true) => {}
        Ok(false) => {
            return complain(
                EXIT_WRONG,
                &format!("{} holds no store", data.display()),
                "give the data directory of the bot with --data or SYMBOT_DATA",
            );
        }
        Err(error) => return complain(EXIT_WRONG, &error.to_string(), ""),
    }
    match make(data, to).await {
        Ok(summary) => {
            println!("{}", made(&summary, to));
            ExitCode::SUCCESS
        }
        Err(complaint) => complain(EXIT_WRONG, &complaint.message, &complaint.hint),
    }
}

async fn make(data: &Path, to: &Path) -> Result<BackupSummary, CommandError> {
    // First, so that nobody is asked for a backup that cannot be kept.
    let new = NewBackup::create(to).map_err(|error| stores(&error))?;
    match ask(data, "backup", Value::Null).await {
        Ok(reply) => {
            let summary = receive(reply, &new).await?;
            new.finish().map_err(|error| stores(&error))?;
            Ok(summary)
        }
        Err(AskError::NotRunning) => {
            drop(new);
            of_stopped(data, to).await.map_err(|error| stores(&error))
        }
        Err(error) => Err(asked(error)),
    }
}

/// Takes a backup from the running bot.
async fn receive(reply: Reply, new: &NewBackup) -> Result<BackupSummary, CommandError> {
    let Some(mut body) = reply.body else {
        return Err(asked(AskError::Failed("it sent no backup".to_owned())));
    };
    let mut out = new;
    loop {
        match body.next().await.map_err(asked)? {
            Part::Bytes(bytes) => out.write_all(&bytes).map_err(|error| {
                CommandError::new(format!("the backup cannot be written: {error}"), "")
            })?,
            Part::End(summary) => {
                return BackupSummary::deserialize(summary)
                    .map_err(|error| asked(AskError::Failed(error.to_string())));
            }
        }
    }
}

async fn of_stopped(data: &Path, to: &Path) -> Result<BackupSummary, StoreError> {
    let store = SledStore::open(data, Options::default())?;
    let summary = store.backup(to).await?;
    store.close().await?;
    Ok(summary)
}

fn stores(error: &StoreError) -> CommandError {
    CommandError::new(error.to_string(), "")
}

fn asked(error: AskError) -> CommandError {
    match error {
        AskError::Refused(error) => error,
        error => CommandError::new(
            error.to_string(),
            "is the bot still running, and of the same version as this program?",
        ),
    }
}

fn made(summary: &BackupSummary, to: &Path) -> String {
    format!(
        "{}: everything up to commit {} and audit record {}, {} records",
        to.display(),
        summary.commits,
        summary.audit_lines,
        summary.records
    )
}

/// Makes a new data directory.
pub fn restore(from: &RestoreFrom, data: &Path) -> ExitCode {
    match crate::store::sled::restore(from, data) {
        Ok(summary) => {
            for left_out in &summary.left_out {
                eprintln!("warning: left out {left_out}");
            }
            println!(
                "{}: restored up to commit {} and audit record {}; {} records from the backup, {} commits from the change log",
                data.display(),
                summary.commits,
                summary.audit_lines,
                summary.records,
                summary.replayed
            );
            ExitCode::SUCCESS
        }
        Err(error) => complain(EXIT_WRONG, &error.to_string(), ""),
    }
}
