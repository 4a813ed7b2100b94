//! Problems of a configuration, each with its place. One form for the terminal, `--json` and the log.

use serde::Serialize;

/// How bad it is: errors keep a catalog from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Relative to the directory that was checked.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, naming the object.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}
