//! Finds the `tests.yaml` files beside flows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::flows::Loaded;
use crate::flows::catalog::Flow;

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
