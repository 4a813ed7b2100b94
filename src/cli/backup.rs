//! `symbot backup` and `symbot restore`. A backup of a running bot is made by the bot, which is asked over its control socket;
//! of a stopped one, here.

use std::path::Path;
use std::process::ExitCode;

use super::{EXIT_WRONG, complain};
use crate::store::sled::{BackupSummary, Options, RestoreFrom, SledStore};

/// Writes a backup of a data directory to a new file.
pub async fn backup(data: &Path, to: &Path) -> ExitCode {
    if !data.join("store").is_dir() {
        return complain(
            EXIT_WRONG,
            &format!("{} holds no store", data.display()),
            "give the data directory of the bot with --data or SYMBOT_DATA",
        );
    }
    match of_stopped(data, to).await {
        Ok(summary) => {
            println!("{}", made(&summary, to));
            ExitCode::SUCCESS
        }
        Err(error) => complain(EXIT_WRONG, &error.to_string(), ""),
    }
}

async fn of_stopped(
    data: &Path,
    to: &Path,
) -> Result<BackupSummary, crate::store::contract::StoreError> {
    let store = SledStore::open(data, Options::default())?;
    let summary = store.backup(to).await?;
    crate::store::contract::Store::close(&store).await?;
    Ok(summary)
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
