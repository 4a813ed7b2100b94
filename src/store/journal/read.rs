//! Reading the journal: verifying the chain and exporting lines. Works on the directory of a running bot too.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::chain::{NO_HASH, check_line};
use crate::domain::time::Timestamp;
use crate::store::contract::StoreError;
use crate::store::datadir::failed;

/// A bot that is running may be in the middle of a line: how often and how long to wait for its end.
const UNFINISHED_TRIES: u32 = 20;
const UNFINISHED_WAIT: Duration = Duration::from_millis(25);

/// What [`verify`] found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Number of lines, which is also the number of the last one.
    pub lines: u64,
    pub files: usize,
    /// Hash of the last line; a copy of it kept elsewhere proves that nothing before it was changed.
    pub last_hash: String,
}

/// The first line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {why}", file.display())]
pub struct FirstBadLine {
    pub file: PathBuf,
    /// Within the file, from 1.
    pub line: u64,
    pub why: String,
}

/// The files of a journal with the number of their first line, in order.
pub(super) fn files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let reading = |error| failed(format_args!("cannot read {}", dir.display()), &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let first = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.strip_prefix("audit-")?.parse().ok())
                .ok_or_else(|| {
                    StoreError::Damaged(format!(
                        "{} is not a file that symbot has written",
                        path.display()
                    ))
                })?;
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files)
}

/// Checks every line. `at_least` is how many lines are known to have been written: a chain cannot show by itself that its
/// end was taken away.
pub fn verify(dir: &Path, at_least: u64) -> Result<Summary, FirstBadLine> {
    let bad = |file: &Path, line: u64, why: String| FirstBadLine {
        file: file.to_owned(),
        line,
        why,
    };
    let files = files(dir).map_err(|error| bad(dir, 0, error.to_string()))?;
    let mut summary = Summary {
        lines: 0,
        files: files.len(),
        last_hash: NO_HASH.to_owned(),
    };
    let mut end = (dir.to_owned(), 0);
    for (first, path) in &files {
        if *first != summary.lines + 1 {
            return Err(bad(
                path,
                1,
                format!(
                    "the file begins with seq {first}, but seq {} is missing",
                    summary.lines + 1
                ),
            ));
        }
        let mut number = 0;
        for line in lines(path).map_err(|error| bad(path, 0, error.to_string()))? {
            number += 1;
            let line = line.map_err(|why| bad(path, number, why))?;
            let link = check_line(&line).map_err(|why| bad(path, number, why.to_owned()))?;
            if link.seq != summary.lines + 1 {
                let why = format!("it has seq {}, not {}", link.seq, summary.lines + 1);
                return Err(bad(path, number, why));
            }
            if link.prev != summary.last_hash {
                let why = "its `prev` is not the `hash` of the line before".to_owned();
                return Err(bad(path, number, why));
            }
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&line) {
                return Err(bad(path, number, format!("it is not JSON: {error}")));
            }
            link.hash.clone_into(&mut summary.last_hash);
            summary.lines = link.seq;
        }
        end = (path.clone(), number);
    }
    if summary.lines < at_least {
        let why = format!(
            "the journal ends with seq {}, but {at_least} lines were written",
            summary.lines
        );
        return Err(bad(&end.0, end.1 + 1, why));
    }
    Ok(summary)
}

type Lines = Box<dyn Iterator<Item = Result<String, String>>>;

/// The lines of a file; the reason for one that cannot be read.
fn lines(path: &Path) -> Result<Lines, StoreError> {
    let file = File::open(path)
        .map_err(|error| failed(format_args!("cannot open {}", path.display()), &error))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut stopped = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if stopped {
            return None;
        }
        let line = next_line(&mut reader).transpose();
        stopped = !matches!(line, Some(Ok(_)));
        line
    })))
}

fn next_line(reader: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    for _ in 0..UNFINISHED_TRIES {
        reader
            .read_until(b'\n', &mut bytes)
            .map_err(|error| format!("it cannot be read: {error}"))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            return String::from_utf8(bytes)
                .map(Some)
                .map_err(|_| "it is not UTF-8".to_owned());
        }
        std::thread::sleep(UNFINISHED_WAIT);
    }
    Err("it is cut off (no end of line)".to_owned())
}

/// The lines of the journal from `since` on and of one run, where given; oldest first, as they stand in the files.
///
/// Lines without a timestamp count as recent: leaving out what may matter would be the worse mistake.
pub fn export(
    dir: &Path,
    since: Option<Timestamp>,
    run: Option<String>,
) -> Result<impl Iterator<Item = Result<String, StoreError>> + use<>, StoreError> {
    let run = run.map(|run| run.to_ascii_lowercase());
    let every_line = files(dir)?.into_iter().flat_map(|(_, path)| {
        let (lines, error) = match lines(&path) {
            Ok(lines) => (Some(lines), None),
            Err(error) => (None, Some(Err(error))),
        };
        let mut number = 0_u64;
        let lines = lines.into_iter().flatten().map(move |line| {
            number += 1;
            line.map_err(|why| StoreError::Damaged(format!("{}:{number}: {why}", path.display())))
        });
        error.into_iter().chain(lines)
    });
    Ok(every_line.filter(move |line| match line {
        Ok(line) => is_wanted(line, since, run.as_deref()),
        Err(_) => true,
    }))
}

fn is_wanted(line: &str, since: Option<Timestamp>, run: Option<&str>) -> bool {
    if since.is_none() && run.is_none() {
        return true;
    }
    // What cannot be understood is passed on: `verify` is what judges lines.
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(line) else {
        return true;
    };
    if run.is_some_and(|run| !belongs_to(&members, run)) {
        return false;
    }
    let at = text_at(&members, "event", "timestamp")
        .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok())
        .map(|at| at.timestamp_millis());
    match (since, at) {
        (Some(since), Some(at)) => at >= since.0,
        _ => true,
    }
}

/// `members.outer.inner` or the member `outer.inner`.
fn text_at<'a>(members: &'a Map<String, Value>, outer: &str, inner: &str) -> Option<&'a str> {
    members
        .get(outer)
        .and_then(|object| object.get(inner))
        .or_else(|| members.get(&format!("{outer}.{inner}")))
        .and_then(Value::as_str)
}

/// Whether a record is about a run, which is given by its id (lower case) or its SRN.
pub(in crate::store) fn belongs_to(members: &Map<String, Value>, run: &str) -> bool {
    let is_it = |text: &str| {
        let text = text.to_ascii_lowercase();
        text == run || text.rsplit(':').next() == Some(run)
    };
    text_at(members, "run", "srn").is_some_and(is_it)
        || members
            .get("run_id")
            .and_then(Value::as_str)
            .is_some_and(is_it)
}
