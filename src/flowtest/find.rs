//! Finds the `tests.yaml` files beside flows, and the flow that a case is about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::suite::Case;
use super::tree::Place;
use crate::flows::catalog::Flow;
use crate::flows::diagnostic::{Diagnostic, Severity};
use crate::flows::{Loaded, similar};

/// The name of the files.
pub(super) const FILE_NAME: &str = "tests.yaml";

/// A file with cases.
#[derive(Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    /// As it is shown, like the files of diagnostics.
    pub shown: String,
    /// The flows whose code or configuration is in the same directory.
    pub beside: Vec<Arc<Flow>>,
}

/// All of them, in the order of their names. `dirs` are those that were loaded.
pub(super) fn find(dirs: &[PathBuf], loaded: &Loaded) -> Vec<Found> {
    let mut directories: BTreeSet<String> = loaded
        .sources
        .keys()
        .map(|file| parent(file).to_owned())
        .collect();
    if dirs.len() == 1 {
        directories.insert(String::new());
    }
    let mut found = Vec::new();
    for directory in directories {
        let shown = join(&directory, FILE_NAME);
        // With one directory, names are relative to it; with several, each begins with the one it is in.
        let path = match dirs {
            [only] => only.join(&shown),
            _ => PathBuf::from(&shown),
        };
        if !path.is_file() {
            continue;
        }
        let beside = loaded
            .flows
            .iter()
            .filter(|details| {
                let code = details.flow.implementation.file.as_deref().map(parent);
                parent(&details.place.0) == directory || code == Some(&*directory)
            })
            .map(|details| Arc::clone(&details.flow))
            .collect();
        found.push(Found {
            path,
            shown,
            beside,
        });
    }
    found
}

fn parent(file: &str) -> &str {
    Path::new(file)
        .parent()
        .and_then(Path::to_str)
        .unwrap_or_default()
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

/// An error at a place of a file.
pub(super) fn problem(
    file: &str,
    place: Place,
    message: String,
    hint: Option<String>,
) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: file.to_owned(),
        line: place.line,
        column: place.column,
        message,
        hint,
    }
}

/// The flow of a case: the one it names, else the only one beside the file.
///
/// # Errors
/// There is none of that name, or several.
pub(super) fn flow_of(
    case: &Case,
    found: &Found,
    loaded: &Loaded,
) -> Result<Arc<Flow>, Diagnostic> {
    let Some(name) = &case.flow else {
        return match found.beside.as_slice() {
            [only] => Ok(Arc::clone(only)),
            several => Err(problem(
                &found.shown,
                case.name.place,
                format!("which flow? {} are beside this file", several.len()),
                Some("add 'flow:' with the name of one".to_owned()),
            )),
        };
    };
    let all = || loaded.flows.iter().map(|details| &details.flow);
    let named: Vec<&Arc<Flow>> = all()
        .filter(|flow| flow.name.eq_ignore_ascii_case(&name.value))
        .collect();
    match named.as_slice() {
        [only] => Ok(Arc::clone(only)),
        [] => Err(problem(
            &found.shown,
            name.place,
            format!("there is no flow '{}'", name.value),
            similar(&name.value, all().map(|flow| flow.name.as_str()))
                .map(|other| format!("did you mean '{other}'?")),
        )),
        // Environments may have flows of the same name: then the one beside the file is meant.
        several => several
            .iter()
            .find(|flow| {
                found
                    .beside
                    .iter()
                    .any(|beside| beside.address == flow.address)
            })
            .map(|flow| Arc::clone(flow))
            .ok_or_else(|| {
                problem(
                    &found.shown,
                    name.place,
                    format!("{} flows are called '{}'", several.len(), name.value),
                    Some("put the file beside the one that is meant".to_owned()),
                )
            }),
    }
}
