//! What `symbot test` found, as values: the command line prints them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::flows::diagnostic::{Diagnostic, Severity};

/// Everything.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub files: Vec<FileReport>,
    /// What keeps cases from being run: problems of the configuration, of the code, or of a `tests.yaml`; and warnings of the former
    /// two, which do not.
    pub problems: Vec<Diagnostic>,
    pub passed: usize,
    pub failed: usize,
    /// Files by the names that problems use, for excerpts.
    #[serde(skip)]
    pub sources: BTreeMap<String, Arc<str>>,
}

/// One `tests.yaml`.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// Relative to the directory that was given.
    pub file: String,
    pub cases: Vec<CaseReport>,
}

/// One case.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    pub name: String,
    /// Where it is written.
    pub line: usize,
    pub passed: bool,
    /// None when it passed.
    pub differences: Vec<Difference>,
    /// What the handlers printed, when it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub printed: String,
}

/// One expectation that did not come true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// What was looked at, such as `notifications[0].to`.
    pub what: String,
    pub expected: String,
    pub got: String,
}

impl Report {
    /// Whether all is as expected, and something was expected at all.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let broken = self
            .problems
            .iter()
            .any(|problem| problem.severity == Severity::Error);
        self.failed == 0 && self.passed > 0 && !broken
    }
}
