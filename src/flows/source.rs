//! The files of a configuration, places in them, and failures that point at a place. Everything that reads a
//! configuration reports through here; the terminal form is in `diagnostic`.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::sensitive::{Sensitive, mask};
use super::value::Value;
use super::watch::Watched;
use crate::policy::secrecy::Masker;

/// What to do about a value that must be known and is not.
pub const UNKNOWN_HINT: &str =
    "use a value that is written in the configuration, or give it with --var REFERENCE=VALUE";

/// A file by its number in [`Sources`].
pub type FileId = usize;

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: FileId,
    /// Byte offset.
    pub start: usize,
}

impl Place {
    #[must_use]
    pub fn new(file: FileId, span: Option<Range<usize>>) -> Self {
        Self {
            file,
            start: span.map_or(0, |span| span.start),
        }
    }
}

/// One file as it was read.
#[derive(Debug)]
pub struct SourceFile {
    /// Path as it is shown: relative to the directory that was given.
    pub name: String,
    pub text: Arc<str>,
    line_starts: Vec<usize>,
    /// Of a text that was rewritten before it was parsed: byte of the rewritten text, and of this one. Places are in the
    /// rewritten one.
    rewritten: Vec<(usize, usize)>,
}

impl SourceFile {
    fn new(name: String, text: Arc<str>) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name,
            text,
            line_starts,
            rewritten: Vec::new(),
        }
    }

    /// Line and column of a place, both from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        self.as_written(super::json::place(&self.rewritten, offset))
    }

    fn as_written(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..offset)
            .map_or(offset - start, |before| before.chars().count());
        (line, column + 1)
    }
}

/// All files that were read, and the problems found in them so far.
#[derive(Debug, Default)]
pub struct Sources {
    files: RefCell<Vec<Rc<SourceFile>>>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    watched: RefCell<Watched>,
    sensitive: RefCell<Sensitive>,
}

impl Sources {
    pub fn add(&self, name: String, text: Arc<str>) -> FileId {
        let mut files = self.files.borrow_mut();
        files.push(Rc::new(SourceFile::new(name, text)));
        files.len() - 1
    }

    /// Adds a file that is parsed in a rewritten form; the pairs are bytes of that form and of the text.
    pub fn add_rewritten(
        &self,
        name: String,
        text: Arc<str>,
        places: Vec<(usize, usize)>,
    ) -> FileId {
        let file = SourceFile {
            rewritten: places,
            ..SourceFile::new(name, text)
        };
        let mut files = self.files.borrow_mut();
        files.push(Rc::new(file));
        files.len() - 1
    }

    #[must_use]
    pub fn file(&self, id: FileId) -> Option<Rc<SourceFile>> {
        self.files.borrow().get(id).cloned()
    }

    /// Takes note that what is at a path has a say in the result. To be called before the path is read.
    pub fn watch(&self, path: &Path) {
        self.watched.borrow_mut().add(path);
    }

    #[must_use]
    pub fn take_watched(&self) -> Watched {
        self.watched.take()
    }

    /// The files of which excerpts may be shown.
    #[must_use]
    pub fn shown(&self) -> Vec<Rc<SourceFile>> {
        let sensitive = self.sensitive.borrow();
        let files = self.files.borrow();
        let shown = files.iter().enumerate();
        shown
            .filter(|(file, _)| !sensitive.hides(*file))
            .map(|(_, file)| Rc::clone(file))
            .collect()
    }

    /// Keeps a value out of everything that is said, earlier problems included. `false` when there are too many.
    #[must_use]
    pub fn keep_back(&self, value: &Value) -> bool {
        self.sensitive.borrow_mut().add(value)
    }

    /// Shows no excerpts of a file.
    pub fn hide(&self, file: FileId) {
        self.sensitive.borrow_mut().hide(file);
    }

    /// Looks for what was kept back.
    #[must_use]
    pub fn masker(&self) -> Masker {
        self.sensitive.borrow().masker()
    }

    /// `main.tf:3`, for messages that name a second place.
    #[must_use]
    pub fn describe(&self, place: Place) -> String {
        match self.file(place.file) {
            Some(file) => format!("{}:{}", file.name, file.line_and_column(place.start).0),
            None => "the command line".to_owned(),
        }
    }

    fn push(&self, severity: Severity, place: Place, message: String, hint: Option<String>) {
        let (file, line, column) = match self.file(place.file) {
            Some(file) => {
                let (line, column) = file.line_and_column(place.start);
                (file.name.clone(), line, column)
            }
            None => (String::new(), 1, 1),
        };
        self.keep(Diagnostic {
            severity,
            file,
            line,
            column,
            message,
            hint,
        });
    }

    fn keep(&self, diagnostic: Diagnostic) {
        let mut diagnostics = self.diagnostics.borrow_mut();
        // One cause is met from many sides; it is said once.
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }

    /// Reports an error at a byte of the text as it is written, for a file that could not be rewritten.
    pub fn error_as_written(&self, file: FileId, offset: usize, message: String) {
        let Some(file) = self.file(file) else {
            return;
        };
        let (line, column) = file.as_written(offset);
        self.keep(Diagnostic {
            severity: Severity::Error,
            file: file.name.clone(),
            line,
            column,
            message,
            hint: None,
        });
    }

    /// Reports a failure, unless it only follows from what is reported.
    pub fn report(&self, failure: &Failure) {
        let Failure { place, detail } = failure;
        if detail.follows {
            return;
        }
        self.push(
            Severity::Error,
            *place,
            detail.message.clone(),
            detail.hint.clone(),
        );
    }

    pub fn error(&self, place: Place, message: impl Into<String>, hint: Option<&str>) {
        self.push(
            Severity::Error,
            place,
            message.into(),
            hint.map(str::to_owned),
        );
    }

    pub fn warn(&self, place: Place, message: impl Into<String>, hint: Option<&str>) {
        self.push(
            Severity::Warning,
            place,
            message.into(),
            hint.map(str::to_owned),
        );
    }

    #[must_use]
    pub fn take_diagnostics(&self) -> Vec<Diagnostic> {
        let masker = self.masker();
        let mut diagnostics = self.diagnostics.take();
        for diagnostic in &mut diagnostics {
            mask(&masker, diagnostic);
        }
        diagnostics
    }
}

/// Why something could not be evaluated. Cheap to clone, as it is kept for everything that depends on it.
#[derive(Debug, Clone)]
pub struct Failure {
    pub place: Place,
    detail: Rc<Detail>,
}

#[derive(Debug, Clone)]
struct Detail {
    message: String,
    hint: Option<String>,
    catchable: bool,
    follows: bool,
}

impl Failure {
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            detail: Rc::new(Detail {
                message: message.into(),
                hint: None,
                catchable: true,
                follows: false,
            }),
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        Rc::make_mut(&mut self.detail).hint = Some(hint.into());
        self
    }

    /// Marks a failure that `try` and `can` let through: the configuration itself is wrong, whatever its values are.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        Rc::make_mut(&mut self.detail).catchable = false;
        self
    }

    /// Marks a failure that may be there only because something that is reported could not be read, if it is so: it is not
    /// reported itself.
    #[must_use]
    pub fn following(self, something: bool) -> Self {
        if !something {
            return self;
        }
        let mut fatal = self.fatal();
        Rc::make_mut(&mut fatal.detail).follows = true;
        fatal
    }

    #[must_use]
    pub fn is_following(&self) -> bool {
        self.detail.follows
    }

    #[must_use]
    pub fn is_catchable(&self) -> bool {
        self.detail.catchable
    }

    #[must_use]
    pub fn message(&self) -> &str {
        &self.detail.message
    }
}

/// The name that was probably meant, for "did you mean".
#[must_use]
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Edits that still count as a slip of the pen.
    const MAX_DISTANCE: usize = 2;
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= MAX_DISTANCE && *distance < candidate.chars().count()
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance; names longer than any attribute are not compared.
fn distance(left: &str, right: &str) -> usize {
    const MAX_NAME_CHARS: usize = 64;
    let left: Vec<char> = left.chars().take(MAX_NAME_CHARS).collect();
    let right: Vec<char> = right.chars().take(MAX_NAME_CHARS).collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(letter != other);
            current.push(
                replaced
                    .min(previous[column + 1] + 1)
                    .min(current[column] + 1),
            );
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let file = SourceFile::new("x.tf".to_owned(), "a\nüb = 1\n".into());
        assert_eq!(file.line_and_column(0), (1, 1));
        assert_eq!(file.line_and_column(4), (2, 2));
        assert_eq!(file.line_and_column(9999), (3, 1));
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let names = ["label", "name", "vars"];
        assert_eq!(similar("lable", names), Some("label"));
        assert_eq!(similar("implementation", names), None);
    }
}
