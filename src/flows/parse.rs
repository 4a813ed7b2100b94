//! One file of configuration text → an HCL body with places, and the traps of the parser closed: a byte order mark, an
//! empty heredoc (which the parser would read past), a raw line break inside a quoted string. Called by `config`.

use std::path::Path;
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;
use hcl_edit::template::{Element, StringTemplate};
use hcl_edit::visit::{Visit, visit_string_template};

use super::source::{FileId, Place, Sources};

/// Larger configuration files are not read: nobody writes them by hand.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a text file.
///
/// # Errors
/// Why not, without the path.
pub fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error_text(&error))?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!("larger than {} MiB", MAX_FILE_BYTES >> 20));
    }
    let bytes = std::fs::read(path).map_err(|error| error_text(&error))?;
    String::from_utf8(bytes).map_err(|_| "not valid UTF-8 text".to_owned())
}

/// Why something cannot be read.
#[must_use]
pub fn error_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Registers and parses a text; problems are reported.
pub fn parse_body(sources: &Sources, name: String, text: String) -> (FileId, Option<Body>) {
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
    let file = sources.add(name, Arc::clone(&text));
    let readable = prepare_heredocs(&text);
    match hcl_edit::parser::parse_body(&readable) {
        Ok(body) => {
            let mut check = LineBreaks {
                text: &text,
                file,
                sources,
                clean: true,
            };
            check.visit_body(&body);
            let clean = check.clean;
            (file, clean.then_some(body))
        }
        Err(error) => {
            // The parser points at the block around what is never closed.
            if let Some(start) = open_string(&text) {
                report_line_break(sources, Place { file, start });
            } else if let Some((start, word)) = open_directive(&text) {
                sources.error(
                    Place { file, start },
                    format!("syntax error: `%{{ {word} }}` is never closed"),
                    Some(&format!(
                        "write %{{ end{word} }}, or %%{{ for the two characters"
                    )),
                );
            } else {
                let start = error.location().offset();
                report_syntax(sources, Place { file, start }, &text, error.message());
            }
            (file, None)
        }
    }
}

/// Parses one expression, such as the value of a `--var`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_expression(text: &str) -> Result<Expression, String> {
    hcl_edit::parser::parse_expr(text).map_err(|error| error.message().to_owned())
}

fn report_line_break(sources: &Sources, place: Place) {
    sources.error(
        place,
        "syntax error: a quoted string must end on the line it starts on",
        Some("close the string, write \\n for a line break, or use a heredoc"),
    );
}

/// Where the first quoted string starts that is not closed on its line, comments and heredocs aside.
fn open_string(text: &str) -> Option<usize> {
    let mut offset = 0;
    let mut heredoc: Option<&str> = None;
    let mut in_comment = false;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if let Some(marker) = heredoc {
            if line.trim() == marker {
                heredoc = None;
            }
            continue;
        }
        heredoc = heredoc_start(line).map(|(_, marker)| marker);
        // Quotes of strings in interpolations of strings nest, so what is open is a stack: true for a string, false for
        // an interpolation.
        let mut open: Vec<(bool, usize)> = Vec::new();
        let mut letters = line.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let rest = &line[at..];
            if in_comment {
                if rest.starts_with("*/") {
                    letters.next();
                    in_comment = false;
                }
                continue;
            }
            let in_string = open.last().is_some_and(|(string, _)| *string);
            match letter {
                '\\' if in_string => {
                    letters.next();
                }
                '"' if in_string => {
                    open.pop();
                }
                // Twice, they stand for themselves.
                '$' | '%' if in_string && rest[1..].starts_with(letter) => {
                    letters.next();
                    if rest[2..].starts_with('{') {
                        letters.next();
                    }
                }
                '$' | '%' if in_string && rest[1..].starts_with('{') => {
                    letters.next();
                    open.push((false, start + at));
                }
                '"' => open.push((true, start + at)),
                '}' if !in_string => {
                    open.pop();
                }
                '{' if !in_string && !open.is_empty() => open.push((false, start + at)),
                '#' if !in_string => break,
                '/' if !in_string && rest.starts_with("//") => break,
                '/' if !in_string && rest.starts_with("/*") => {
                    letters.next();
                    in_comment = true;
                }
                _ => {}
            }
        }
        // An interpolation may go on in the next line; only a string that is open at the end is surely wrong.
        match open.last() {
            Some((true, at)) => return Some(*at),
            Some((false, _)) => return None,
            None => {}
        }
    }
    None
}

/// The first `%{ if }` or `%{ for }` that nothing ends, comment lines aside.
fn open_directive(text: &str) -> Option<(usize, &'static str)> {
    let mut open: Vec<(usize, &'static str)> = Vec::new();
    for (at, _) in text.match_indices("%{") {
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
        if before.ends_with('%') || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let inner = text[at + 2..].trim_start_matches('~').trim_start();
        let word: &str = inner
            .split(|letter: char| !letter.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        match word {
            "if" => open.push((at, "if")),
            "for" => open.push((at, "for")),
            "endif" | "endfor" => {
                open.pop();
            }
            _ => {}
        }
    }
    open.first().copied()
}

fn report_syntax(sources: &Sources, place: Place, text: &str, message: &str) {
    let hint = if message.contains("found redefined attribute") {
        Some("remove one of the two")
    } else if text
        .get(place.start..)
        .is_none_or(|rest| rest.trim().is_empty())
    {
        Some("the file ends too early: is a closing brace, bracket or quote missing?")
    } else {
        None
    };
    sources.error(place, format!("syntax error: {message}"), hint);
}

/// Rewrites heredocs that the parser gets wrong, in the same number of bytes, so that places stay as they are: an empty
/// one becomes `""`, and `<<-X` becomes ` <<X`, as the parser's own removal of indentation is not Terraform's. Whether
/// one was indented is found out later by [`is_flush_heredoc`].
fn prepare_heredocs(text: &str) -> String {
    let mut result = text.to_owned();
    let mut open: Option<String> = None;
    let mut offset = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let start = offset;
        offset += line.len();
        if let Some(marker) = &open {
            if line.trim() == marker {
                open = None;
            }
            continue;
        }
        let Some((at, marker)) = heredoc_start(line) else {
            continue;
        };
        match lines.peek() {
            Some(next) if next.trim() == marker => {
                let from = start + at;
                let to = offset + next.trim_end().len();
                let blank = format!("\"\"{}", " ".repeat((to - from).saturating_sub(2)));
                result.replace_range(from..to, &blank);
                offset += next.len();
                lines.next();
            }
            _ => {
                if text
                    .get(start + at + 2..)
                    .is_some_and(|rest| rest.starts_with('-'))
                {
                    result.replace_range(start + at..start + at + 3, " <<");
                }
                open = Some(marker.to_owned());
            }
        }
    }
    result
}

/// Whether the heredoc at a place of a prepared text was written as `<<-`.
#[must_use]
pub fn is_flush_heredoc(text: &str, start: usize) -> bool {
    start
        .checked_sub(1)
        .and_then(|start| text.get(start..))
        .is_some_and(|rest| rest.starts_with("<<-"))
}

/// Where a line starts a heredoc, and its marker.
fn heredoc_start(line: &str) -> Option<(usize, &str)> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') || trimmed.starts_with("//") {
        return None;
    }
    let at = line.rfind("<<")?;
    let rest = line[at + 2..].trim_end_matches(['\r', '\n']);
    let marker = rest.strip_prefix('-').unwrap_or(rest);
    let word = !marker.is_empty()
        && marker
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
    word.then_some((at, marker))
}

/// Finds raw line breaks in quoted strings, which Terraform refuses and the parser lets pass.
struct LineBreaks<'a> {
    text: &'a str,
    file: FileId,
    sources: &'a Sources,
    clean: bool,
}

impl LineBreaks<'_> {
    fn check(&mut self, start: usize, end: usize) {
        let broken = self
            .text
            .get(start..end)
            .and_then(|text| text.find(['\n', '\r']));
        if broken.is_some() {
            self.clean = false;
            let file = self.file;
            report_line_break(self.sources, Place { file, start });
        }
    }
}

impl Visit for LineBreaks<'_> {
    fn visit_expr(&mut self, node: &Expression) {
        if let (Expression::String(_), Some(span)) = (node, node.span()) {
            self.check(span.start, span.end);
        }
        hcl_edit::visit::visit_expr(self, node);
    }

    fn visit_string_template(&mut self, node: &StringTemplate) {
        for element in node.iter() {
            if let (Element::Literal(_), Some(span)) = (element, element.span()) {
                self.check(span.start, span.end);
            }
        }
        visit_string_template(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_heredoc_becomes_an_empty_string_of_the_same_length() {
        let text = "a = <<PY\nPY\nb = <<-X\n  x\nX\nc = <<E\ntext <<PY\nPY\nE\n";
        let filled = prepare_heredocs(text);
        assert_eq!(filled.len(), text.len());
        assert!(filled.starts_with("a = \"\"     "), "{filled}");
        assert!(
            filled.ends_with("b =  <<X\n  x\nX\nc = <<E\ntext <<PY\nPY\nE\n"),
            "{filled}"
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_configuration() {
        let sources = Sources::default();
        let (_, body) = parse_body(&sources, "x.tf".to_owned(), "\u{feff}a = 1\n".to_owned());
        assert!(body.is_some());
    }

    #[test]
    fn a_line_break_in_a_quoted_string_is_refused_where_it_starts() {
        let sources = Sources::default();
        let text = "a = 1\nb = \"x\ny\"\n".to_owned();
        let (_, body) = parse_body(&sources, "x.tf".to_owned(), text);
        assert!(body.is_none());
        let problems = sources.take_diagnostics();
        assert_eq!((problems[0].line, problems[0].column), (2, 5));
    }
}
