//! Reading the journal: verifying the chain and exporting lines. Works on the directory of a running bot too.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::chain::{NO_HASH, check_line, seq_of};
use super::{AUDIT, Series};
use crate::domain::time::Timestamp;
use crate::store::contract::StoreError;
use crate::store::datadir::failed;

/// A bot that is running may be in the middle of a line: how often and how long to wait for its end.
const UNFINISHED_TRIES: u32 = 20;
const UNFINISHED_WAIT: Duration = Duration::from_millis(25);

const CUT_OFF: &str = "it is cut off (no end of line)";

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

impl FirstBadLine {
    /// Whether it is a line that was being written when the machine stopped: the last one, without its end.
    pub(in crate::store) fn is_torn_end(&self) -> bool {
        self.why == CUT_OFF
    }
}

/// The files of a journal with the number of their first line, in order.
pub(super) fn files(series: Series, dir: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let reading = |error| failed(format_args!("cannot read {}", dir.display()), &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(|name| series.first_of(name)) {
            Some(first) => files.push((first, path)),
            // Somebody may count on what has this ending being checked.
            None if name.is_some_and(|name| name.ends_with(series.suffix)) => {
                return Err(StoreError::Damaged(format!(
                    "{} is not a file that symbot has written",
                    path.display()
                )));
            }
            None => {}
        }
    }
    files.sort();
    Ok(files)
}

/// A line that is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Chained {
    pub(in crate::store) seq: u64,
    pub(in crate::store) prev: String,
    pub(in crate::store) hash: String,
    pub(in crate::store) line: String,
}

/// All lines of a journal, each checked by itself and against the one before, up to the first bad one. `first` is the
/// number that the journal must begin with; without it, it may begin with any.
pub(in crate::store) fn chain_of(series: Series, dir: &Path, first: Option<u64>) -> Chain {
    let mut chain = Chain {
        files: Vec::new().into_iter(),
        current: None,
        place: (dir.to_owned(), 0),
        next: first,
        last_hash: first.map(|_| NO_HASH.to_owned()),
        ended: false,
        failed: None,
    };
    match files(series, dir) {
        Ok(files) => chain.files = files.into_iter(),
        Err(error) => chain.failed = Some(error.to_string()),
    }
    chain
}

/// See [`chain_of`]. Ends with the first bad line.
pub(in crate::store) struct Chain {
    files: std::vec::IntoIter<(u64, PathBuf)>,
    current: Option<Lines>,
    /// File and line that was read last.
    place: (PathBuf, u64),
    next: Option<u64>,
    last_hash: Option<String>,
    ended: bool,
    failed: Option<String>,
}

impl Chain {
    /// Whether what was read last is in the last file.
    pub(in crate::store) fn is_in_last_file(&self) -> bool {
        self.files.len() == 0
    }

    fn bad(&mut self, line: u64, why: String) -> FirstBadLine {
        self.ended = true;
        FirstBadLine {
            file: self.place.0.clone(),
            line,
            why,
        }
    }

    fn check(&mut self, line: String) -> Result<Chained, String> {
        let link = check_line(&line).map_err(str::to_owned)?;
        if self.next.is_some_and(|next| link.seq != next) {
            let next = self.next.unwrap_or_default();
            return Err(format!("it has seq {}, not {next}", link.seq));
        }
        if self
            .last_hash
            .as_ref()
            .is_some_and(|last| link.prev != last)
        {
            return Err("its `prev` is not the `hash` of the line before".to_owned());
        }
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&line) {
            return Err(format!("it is not JSON: {error}"));
        }
        let (seq, prev, hash) = (link.seq, link.prev.to_owned(), link.hash.to_owned());
        self.next = Some(seq + 1);
        self.last_hash = Some(hash.clone());
        Ok(Chained {
            seq,
            prev,
            hash,
            line,
        })
    }
}

impl Iterator for Chain {
    type Item = Result<Chained, FirstBadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(why) = self.failed.take() {
            return Some(Err(self.bad(0, why)));
        }
        loop {
            let read = self.current.as_mut().and_then(Iterator::next);
            match read {
                Some(line) => {
                    let number = self.place.1 + 1;
                    let checked = line.and_then(|line| self.check(line));
                    self.place.1 = number;
                    return Some(checked.map_err(|why| self.bad(number, why)));
                }
                None => {
                    let (first, path) = self.files.next()?;
                    self.place = (path.clone(), 0);
                    let next = *self.next.get_or_insert(first);
                    if first != next {
                        let why =
                            format!("the file begins with seq {first}, but seq {next} is missing");
                        return Some(Err(self.bad(1, why)));
                    }
                    match lines(&path) {
                        Ok(lines) => self.current = Some(lines),
                        Err(error) => return Some(Err(self.bad(0, error.to_string()))),
                    }
                }
            }
        }
    }
}

/// Checks every line. `at_least` is how many lines are known to have been written: a chain cannot show by itself that its
/// end was taken away.
pub fn verify(dir: &Path, at_least: u64) -> Result<Summary, FirstBadLine> {
    let mut chain = chain_of(AUDIT, dir, Some(1));
    let mut summary = Summary {
        lines: 0,
        files: chain.files.len(),
        last_hash: NO_HASH.to_owned(),
    };
    for line in chain.by_ref() {
        let line = line?;
        summary.lines = line.seq;
        summary.last_hash = line.hash;
    }
    if summary.lines < at_least {
        let why = format!(
            "the journal ends with seq {}, but {at_least} lines were written",
            summary.lines
        );
        let (file, line) = chain.place;
        return Err(FirstBadLine {
            file,
            line: line + 1,
            why,
        });
    }
    Ok(summary)
}

/// Reads the audit journal from some line on, again and again, without searching for the place each time.
#[derive(Debug)]
pub struct LineReader {
    dir: PathBuf,
    next: u64,
    open: Option<(BufReader<File>, u64)>,
}

impl LineReader {
    /// A reader whose first line is the one after `after`.
    #[must_use]
    pub fn new(dir: &Path, after: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            next: after + 1,
            open: None,
        }
    }

    /// The next lines with their numbers, at most `count` of them and none beyond `last`, which must be durable.
    ///
    /// # Errors
    /// When the journal cannot be read, or lacks a line.
    pub fn read(&mut self, count: usize, last: u64) -> Result<Vec<(u64, String)>, StoreError> {
        let mut read = Vec::new();
        while read.len() < count && self.next <= last {
            let line = match &mut self.open {
                Some((reader, _)) => next_line(reader).map_err(|why| {
                    StoreError::Damaged(format!("line {} of the audit journal: {why}", self.next))
                })?,
                None => None,
            };
            match line {
                Some(line) => {
                    let seq = seq_of(&line).ok_or_else(|| {
                        StoreError::Damaged(format!(
                            "line {} of the audit journal has no number",
                            self.next
                        ))
                    })?;
                    if seq == self.next {
                        self.next += 1;
                        read.push((seq, line));
                    }
                }
                None => self.open_file()?,
            }
        }
        Ok(read)
    }

    /// Opens the file that has the next line.
    fn open_file(&mut self) -> Result<(), StoreError> {
        let files = files(AUDIT, &self.dir)?;
        let known = self.open.as_ref().map(|(_, first)| *first);
        let found = files
            .into_iter()
            .rev()
            .find(|(first, _)| *first <= self.next);
        match found {
            Some((first, path)) if known != Some(first) => {
                let file = File::open(&path).map_err(|error| {
                    failed(format_args!("cannot open {}", path.display()), &error)
                })?;
                self.open = Some((BufReader::with_capacity(1 << 16, file), first));
                Ok(())
            }
            _ => Err(StoreError::Damaged(format!(
                "the audit journal lacks line {}",
                self.next
            ))),
        }
    }
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
    Err(CUT_OFF.to_owned())
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
    let every_line = files(AUDIT, dir)?.into_iter().flat_map(|(_, path)| {
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
