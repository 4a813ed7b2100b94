//! Functions on files and paths. What may be read is decided by [`crate::flows::files`].

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Function, Outcome, text};
use crate::flows::types::set_of;
use crate::flows::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abspath", 1..=1, |context, arguments| {
        let path = context.module.root_dir.join(&*text(arguments, 0)?);
        Ok(clean(&path.to_string_lossy()).into())
    }),
    Function::new("basename", 1..=1, |_, arguments| {
        let path = text(arguments, 0)?;
        let trimmed = path.trim_end_matches('/');
        Ok(match (path.is_empty(), trimmed.rsplit('/').next()) {
            (true, _) => ".".into(),
            (false, Some("") | None) => "/".into(),
            (false, Some(name)) => name.into(),
        })
    }),
    Function::new("dirname", 1..=1, |_, arguments| {
        let path = text(arguments, 0)?;
        Ok(match path.rfind('/') {
            Some(0) => "/".into(),
            Some(at) => clean(&path[..at]).into(),
            None => ".".into(),
        })
    }),
    Function::new("pathexpand", 1..=1, |_, arguments| {
        let path = text(arguments, 0)?;
        Ok(if path.starts_with('~') {
            Value::unknown("pathexpand()")
        } else {
            Value::String(path)
        })
    }),
    Function::new("file", 1..=1, |context, arguments| {
        let path = text(arguments, 0)?;
        let file = context.files.read_text(context.module, Path::new(&*path))?;
        Ok(Value::String(file.text))
    }),
    Function::new("filebase64", 1..=1, |context, arguments| {
        let path = text(arguments, 0)?;
        let bytes = context
            .files
            .read_bytes(context.module, Path::new(&*path))?;
        Ok(STANDARD.encode(bytes).into())
    }),
    Function::new("fileexists", 1..=1, |context, arguments| {
        let path = text(arguments, 0)?;
        let found = context.files.resolve(context.module, Path::new(&*path));
        match found {
            Ok(real) if real.is_dir() => Err(format!("{path:?} is a directory, not a file")),
            Ok(real) => Ok(real.is_file().into()),
            Err(_) => Ok(false.into()),
        }
    }),
    Function::new("fileset", 2..=2, fileset),
    // The evaluator carries these out; here they are only known.
    Function::new("templatefile", 2..=2, |_, _| {
        Err("cannot be used here".to_owned())
    }),
    Function::new("templatestring", 2..=2, |_, _| {
        Err("cannot be used here".to_owned())
    }),
];

/// Takes `.`, `..` and double slashes out of a path.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let absolute = path.starts_with('/');
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            _ => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Files below a directory whose relative path matches a pattern of `*`, `**`, `?`, `[…]` and `{a,b}`.
fn fileset(context: &Context<'_>, arguments: &[Value]) -> Outcome {
    /// Files looked at.
    const MAX_FILES: usize = 20_000;
    let dir = text(arguments, 0)?;
    let matcher = glob(&text(arguments, 1)?)?;
    let root = match context.files.resolve(context.module, Path::new(&*dir)) {
        Ok(root) => root,
        Err(problem) if problem.ends_with("no such file") => return Ok(set_of(Vec::new())),
        Err(problem) => return Err(problem),
    };
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![root.clone()];
    let mut looked_at = 0usize;
    while let Some(dir) = waiting.pop() {
        context.files.watch(&dir);
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            looked_at += 1;
            if looked_at > MAX_FILES {
                return Err(format!("more than {MAX_FILES} files"));
            }
            let path = entry.path();
            // Links to directories are not followed: they could lead round.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(path),
                _ if path.is_file() => {
                    let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
                    found.extend(name.filter(|name| matcher.is_match(name)).map(Value::from));
                }
                _ => {}
            }
        }
    }
    Ok(set_of(found))
}

/// A file name pattern as a regular expression.
fn glob(pattern: &str) -> Result<regex::Regex, String> {
    let mut source = String::from("^");
    let mut letters = pattern.chars().peekable();
    let mut braces = 0usize;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                letters.next();
                if letters.peek() == Some(&'/') {
                    letters.next();
                    source.push_str("(?:.*/)?");
                } else {
                    source.push_str(".*");
                }
            }
            '*' => source.push_str("[^/]*"),
            '?' => source.push_str("[^/]"),
            '[' => source.push('['),
            ']' => source.push(']'),
            '{' => {
                braces += 1;
                source.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                source.push(')');
            }
            ',' if braces > 0 => source.push('|'),
            '-' | '^' => source.push(letter),
            other => source.push_str(&regex::escape(&other.to_string())),
        }
    }
    source.push('$');
    regex::Regex::new(&source)
        .map_err(|_| format!("argument 2: {pattern:?} is not a file name pattern"))
}
