//! `symbot audit verify` and `symbot audit export`. Both only read, and work while the bot runs on the same directory.
//!
//! Called by the command line with the two output streams; what is returned is the exit code.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::domain::time::Timestamp;
use crate::store::datadir::{audit_dir, audit_lines_written, has_journal};
use crate::store::journal;

const FINE: u8 = 0;
const WRONG: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Checks the whole journal of a data directory; names the first bad line.
///
/// # Errors
/// When one of the streams cannot be written.
pub fn verify(data: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let dir = audit_dir(data);
    if let Some(code) = no_journal(data, err)? {
        return Ok(code);
    }
    // Before the journal: a running bot moves both on, the journal first.
    let at_least = audit_lines_written(data);
    match journal::verify(&dir, at_least) {
        Ok(summary) => {
            writeln!(
                out,
                "{} lines in {} files, chain whole; last hash {}",
                summary.lines, summary.files, summary.last_hash
            )?;
            Ok(FINE)
        }
        Err(bad) => {
            writeln!(err, "error: first bad line: {bad}")?;
            Ok(WRONG)
        }
    }
}

/// Writes the lines of the journal, as they stand there, from a moment on and of one run where given.
///
/// # Errors
/// When one of the streams cannot be written. A reader that has seen enough (a closed pipe) is no error.
pub fn export(
    data: &Path,
    since: Option<&str>,
    run: Option<&str>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let since = match since.map(|text| (text, moment(text))) {
        None => None,
        Some((_, Some(at))) => Some(at),
        Some((text, None)) => {
            writeln!(
                err,
                "error: --since {text}: not a moment\nhint: write 2024-05-01, 2024-05-01T08:30:00Z or 2024-05-01T10:30:00+02:00"
            )?;
            return Ok(WRONG_USAGE);
        }
    };
    let dir = audit_dir(data);
    if let Some(code) = no_journal(data, err)? {
        return Ok(code);
    }
    let lines = match journal::export(&dir, since, run.map(str::to_owned)) {
        Ok(lines) => lines,
        Err(error) => {
            writeln!(err, "error: {error}")?;
            return Ok(WRONG);
        }
    };
    for line in lines {
        match line {
            Ok(line) => match writeln!(out, "{line}") {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(FINE),
                result => result?,
            },
            Err(error) => {
                writeln!(err, "error: {error}")?;
                return Ok(WRONG);
            }
        }
    }
    match out.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(FINE),
        result => result.map(|()| FINE),
    }
}

/// Says so when there is no journal; returns the exit code.
fn no_journal(data: &Path, err: &mut dyn Write) -> io::Result<Option<u8>> {
    match has_journal(data) {
        Ok(true) => return Ok(None),
        Ok(false) => writeln!(
            err,
            "error: {} holds no audit journal\nhint: give the data directory of the bot with --data or SYMBOT_DATA",
            data.display()
        )?,
        Err(error) => writeln!(err, "error: {error}")?,
    }
    Ok(Some(WRONG))
}

/// A moment as people write it; without an offset it is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let millis = DateTime::parse_from_rfc3339(text)
        .map(|at| at.timestamp_millis())
        .ok()
        .or_else(|| {
            let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok()?;
            Some(at.and_utc().timestamp_millis())
        })
        .or_else(|| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
        })?;
    Some(Timestamp(millis))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::run::Status;
    use crate::store::Store;
    use crate::store::tests::fixtures::{START, open, run_id, transition};

    async fn data_with_ten_runs(root: &Path) -> std::path::PathBuf {
        let data = root.join("data");
        let store = open(&data).unwrap();
        for number in 0..10 {
            for revision in 1..=2 {
                store
                    .commit(transition(number, revision, Status::Requested))
                    .await
                    .unwrap();
            }
        }
        store.close().await.unwrap();
        data
    }

    fn run_verify(data: &Path) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = verify(data, &mut out, &mut err).unwrap();
        (
            code,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    fn run_export(
        data: &Path,
        since: Option<&str>,
        run: Option<&str>,
    ) -> (u8, Vec<String>, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = export(data, since, run, &mut out, &mut err).unwrap();
        let lines = String::from_utf8(out).unwrap();
        (
            code,
            lines.lines().map(str::to_owned).collect(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[tokio::test]
    async fn verify_accepts_what_the_store_wrote_and_names_the_first_changed_line() {
        let root = tempfile::tempdir().unwrap();
        let data = data_with_ten_runs(root.path()).await;
        let (code, out, err) = run_verify(&data);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(
            out.starts_with("20 lines in 1 files, chain whole; last hash "),
            "{out}"
        );

        let file = data.join("audit/audit-000000000001.jsonl");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("step-2", "step-9", 1)).unwrap();
        let (code, _, err) = run_verify(&data);
        assert_eq!(code, 1);
        assert!(
            err.contains("audit-000000000001.jsonl:2: its content does not match"),
            "{err}"
        );
    }

    #[tokio::test]
    async fn verify_notices_that_the_end_was_taken_away() {
        let root = tempfile::tempdir().unwrap();
        let data = data_with_ten_runs(root.path()).await;
        let file = data.join("audit/audit-000000000001.jsonl");
        let text = std::fs::read_to_string(&file).unwrap();
        let kept: Vec<&str> = text.lines().take(15).collect();
        std::fs::write(&file, kept.join("\n") + "\n").unwrap();
        let (code, _, err) = run_verify(&data);
        assert_eq!(code, 1);
        assert!(
            err.contains(":16: the journal ends with seq 15, but 20 lines were written"),
            "{err}"
        );
    }

    #[tokio::test]
    async fn export_writes_the_lines_of_a_run_and_from_a_moment_on() {
        let root = tempfile::tempdir().unwrap();
        let data = data_with_ten_runs(root.path()).await;
        let (code, all, _) = run_export(&data, None, None);
        assert_eq!((code, all.len()), (0, 20));
        let (_, of_run, _) = run_export(&data, None, Some(&run_id(3).to_string()));
        assert_eq!(of_run, all[6..8]);
        let since = START.plus_seconds(8).to_iso();
        let (_, late, _) = run_export(&data, Some(&since), None);
        assert_eq!(late, all[16..]);
        let (_, none, _) = run_export(&data, Some("2100-01-01"), None);
        assert!(none.is_empty());
    }

    #[tokio::test]
    async fn export_of_a_moment_that_is_none_is_wrong_usage() {
        let root = tempfile::tempdir().unwrap();
        let (code, _, err) = run_export(root.path(), Some("yesterday"), None);
        assert_eq!(code, 2);
        assert!(err.contains("--since yesterday"), "{err}");
        let (code, _, err) = run_export(root.path(), None, None);
        assert_eq!(code, 1);
        assert!(err.contains("holds no audit journal"), "{err}");
    }
}
