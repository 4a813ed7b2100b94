//! `symbot python FILE [ARGS]`: a script in the sandbox of implementation files, for flow authors and tests.
//!
//! With `--test`, the tests of a file are run (`_symbot/testing.py`), or those of all test files of a directory, each file
//! in a worker of its own. Everything that can be imported is read here, before the worker starts: it has no files.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pool::{Pool, PoolConfig};
use super::wire::{FRAME_MAX_BYTES, ModuleSource, ScriptRequest};

/// Modules below a `--path` directory, at most; a mistaken `--path /` must not read the disk.
const MODULES_MAX: usize = 2_000;

/// The exit code when a test failed, or something cannot be run.
const EXIT_WRONG: i32 = 1;

/// What to run and how.
#[derive(Debug, Clone)]
pub struct PythonCommand {
    pub file: PathBuf,
    pub arguments: Vec<String>,
    /// Directories of pure Python that the script may import, read before the worker starts.
    pub paths: Vec<PathBuf>,
    pub timeout: Duration,
    /// The bot's own executable.
    pub program: PathBuf,
    /// Whether to run tests: those of the file, or of the test files in the directory that `file` is.
    pub tests: bool,
}

/// Runs the script or the tests; what it prints goes to standard output and error as it comes. Returns the exit code.
///
/// # Errors
/// A sentence for the terminal, when there is nothing to run.
pub async fn run(command: &PythonCommand) -> Result<i32, String> {
    if !command.tests || !command.file.is_dir() {
        return run_file(command, &command.file).await;
    }
    let files = test_files(&command.file)?;
    if files.is_empty() {
        return Err(format!(
            "{}: there are no files test_*.py or *_test.py",
            command.file.display()
        ));
    }
    let mut wrong = BTreeSet::new();
    for file in &files {
        let code = match run_file(command, file).await {
            Ok(code) => code,
            Err(message) => {
                print(&format!("{message}\n"), true);
                EXIT_WRONG
            }
        };
        if code != 0 {
            wrong.insert(file);
        }
    }
    let names: Vec<String> = wrong
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let summary = if names.is_empty() {
        format!("{} test files, all fine\n", files.len())
    } else {
        format!(
            "{} test files, {} failed: {}\n",
            files.len(),
            names.len(),
            names.join(", ")
        )
    };
    print(&summary, false);
    Ok(if wrong.is_empty() { 0 } else { EXIT_WRONG })
}

async fn run_file(command: &PythonCommand, path: &Path) -> Result<i32, String> {
    let file = path.display().to_string();
    let source = read(path)?;
    let mut modules = Vec::new();
    for path in &command.paths {
        collect(path, "", &mut modules)?;
    }
    if command.tests {
        collect_beside(path, &mut modules)?;
    }
    let size: usize = modules.iter().map(|module| module.source.len()).sum();
    if size + source.len() > FRAME_MAX_BYTES / 2 {
        return Err(format!(
            "{file} and the modules of --path have {size} bytes together; {} are possible",
            FRAME_MAX_BYTES / 2
        ));
    }
    let pool = Pool::start(PoolConfig {
        spares: 0,
        ..PoolConfig::of(command.program.clone(), 1)
    });
    let script = ScriptRequest {
        file,
        source,
        arguments: command.arguments.clone(),
        modules,
        tests: command.tests,
    };
    let result = pool.script(script, command.timeout, &print).await;
    pool.shutdown().await;
    result.map_err(|failure| failure.to_string())
}

fn print(text: &str, error: bool) {
    // A closed terminal is no reason to fail.
    let _ = if error {
        std::io::stderr().write_all(text.as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    };
    let _ = std::io::stdout().flush();
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = std::fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    paths.sort();
    Ok(paths)
}

/// The test files of a directory, by their names, in alphabetical order; not those of directories in it.
fn test_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = entries(directory)?;
    files.retain(|path| {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        path.extension() == Some(OsStr::new("py"))
            && (stem.starts_with("test_") || stem.ends_with("_test"))
    });
    Ok(files)
}

/// What tests may import without `--path`: the modules and packages in the directory of their file.
fn collect_beside(file: &Path, modules: &mut Vec<ModuleSource>) -> Result<(), String> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    for path in entries(directory)? {
        let Some(stem) = path.file_stem().and_then(OsStr::to_str) else {
            continue;
        };
        if path.join("__init__.py").is_file() {
            collect(&path, &format!("{stem}."), modules)?;
        } else if path.is_file() && path.extension() == Some(OsStr::new("py")) && path != file {
            push(stem.to_owned(), &path, false, modules)?;
        }
    }
    Ok(())
}

/// All modules below a directory, with their dotted names.
fn collect(directory: &Path, prefix: &str, modules: &mut Vec<ModuleSource>) -> Result<(), String> {
    for path in entries(directory)? {
        let Some(stem) = path.file_stem().and_then(OsStr::to_str) else {
            continue;
        };
        if path.is_dir() {
            if stem.starts_with(['.', '_']) || path.extension().is_some() {
                continue;
            }
            collect(&path, &format!("{prefix}{stem}."), modules)?;
        } else if path.extension() == Some(OsStr::new("py")) {
            let package = stem == "__init__";
            let name = if package {
                prefix.trim_end_matches('.').to_owned()
            } else {
                format!("{prefix}{stem}")
            };
            if !name.is_empty() {
                push(name, &path, package, modules)?;
            }
        }
    }
    Ok(())
}

/// Adds a module; one of the same name that came earlier stays.
fn push(
    name: String,
    path: &Path,
    package: bool,
    modules: &mut Vec<ModuleSource>,
) -> Result<(), String> {
    if modules.iter().any(|module| module.name == name) {
        return Ok(());
    }
    if modules.len() >= MODULES_MAX {
        return Err(format!(
            "{}: more than {MODULES_MAX} modules",
            path.parent().unwrap_or(path).display()
        ));
    }
    modules.push(ModuleSource {
        name,
        file: path.display().to_string(),
        source: read(path)?,
        package,
    });
    Ok(())
}
