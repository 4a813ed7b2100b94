//! What is in a directory: which files make it a module, and how it is said that something cannot be read. Called by
//! `config`, `given` and `load`.

use std::path::{Path, PathBuf};

use super::parse::error_text;
use super::source::{Place, Sources};

/// Whether a directory holds configuration files.
///
/// # Errors
/// Why it cannot be read.
pub fn is_module_dir(dir: &Path) -> Result<bool, String> {
    Ok(!config_files(dir)?.is_empty())
}

/// Configuration files, by name. What cannot be read is there too, so that it is missed where it is read.
///
/// # Errors
/// Why it cannot be read.
pub fn config_files(dir: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut files = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if (name.ends_with(".tf") || name.ends_with(".tf.json"))
            && !name.starts_with('.')
            && !path.is_dir()
        {
            files.push((name.into_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// What is in a directory.
///
/// # Errors
/// Why it cannot be read.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| error_text(&error);
    std::fs::read_dir(dir)
        .map_err(failed)?
        .map(|entry| Ok(entry.map_err(failed)?.path()))
        .collect()
}

/// Reports a file or directory that cannot be read.
pub fn report_unread(sources: &Sources, shown: &str, problem: &str) {
    let shown = if shown.is_empty() { "." } else { shown };
    let file = sources.add(shown.to_owned(), "".into());
    let message = format!("cannot read {shown}: {problem}");
    sources.error(Place { file, start: 0 }, message, None);
}
