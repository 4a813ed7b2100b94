//! Problems of a configuration, each with its place. One form for the terminal, `--json` and the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

/// One line, as for the log.
impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        if self.file.is_empty() {
            write!(out, "{severity}: {}", self.message)?;
        } else {
            write!(
                out,
                "{}:{}:{}: {severity}: {}",
                self.file, self.line, self.column, self.message
            )?;
        }
        match &self.hint {
            Some(hint) => write!(out, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl Diagnostic {
    /// Several lines for the terminal: the problem, the line it is in with a caret, and what to do.
    #[must_use]
    pub fn render(&self, sources: &BTreeMap<String, Arc<str>>) -> String {
        use fmt::Write as _;
        /// Longer lines are cut: they would wrap and take the caret with them.
        const MAX_EXCERPT_CHARS: usize = 160;
        let bare = Self {
            hint: None,
            ..self.clone()
        };
        let mut text = format!("{bare}\n");
        let line = sources
            .get(&self.file)
            .and_then(|source| source.lines().nth(self.line.saturating_sub(1)))
            .filter(|line| !line.trim().is_empty() && self.column <= MAX_EXCERPT_CHARS);
        if let Some(line) = line {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let excerpt: String = line.chars().take(MAX_EXCERPT_CHARS).collect();
            // Tabs stay, so that the caret stands where the terminal puts the character.
            let indent: String = line
                .chars()
                .take(self.column.saturating_sub(1))
                .map(|letter| if letter == '\t' { '\t' } else { ' ' })
                .collect();
            let _ = write!(
                text,
                " {margin} |\n {number} | {excerpt}\n {margin} | {indent}^\n"
            );
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "   hint: {hint}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_column() {
        let problem = Diagnostic {
            severity: Severity::Error,
            file: "main.tf".to_owned(),
            line: 2,
            column: 5,
            message: "local.b is not declared".to_owned(),
            hint: Some("did you mean `local.a`?".to_owned()),
        };
        let sources = BTreeMap::from([("main.tf".to_owned(), "locals {\na = local.b\n}\n".into())]);
        let expected = "main.tf:2:5: error: local.b is not declared\n   |\n 2 | a = local.b\n   |     ^\n   hint: did you mean `local.a`?\n";
        assert_eq!(problem.render(&sources), expected);
    }
}
