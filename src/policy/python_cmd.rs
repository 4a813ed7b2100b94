//! `symbot python FILE [ARGS]`: a script in the sandbox of implementation files, for flow authors and tests.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pool::{Pool, PoolConfig};
use super::wire::{FRAME_MAX_BYTES, ModuleSource, ScriptRequest};

/// Modules below a `--path` directory, at most; a mistaken `--path /` must not read the disk.
const MODULES_MAX: usize = 2_000;

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
}

/// Runs the script; what it prints goes to standard output and error as it comes. Returns the exit code.
///
/// # Errors
/// A sentence for the terminal, when there is nothing to run.
pub async fn run(command: &PythonCommand) -> Result<i32, String> {
    let file = command.file.display().to_string();
    let source = read(&command.file)?;
    let mut modules = Vec::new();
    for path in &command.paths {
        collect(path, "", &mut modules)?;
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

/// All modules below a directory, with their dotted names.
fn collect(directory: &Path, prefix: &str, modules: &mut Vec<ModuleSource>) -> Result<(), String> {
    let entries = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
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
            if name.is_empty() {
                continue;
            }
            modules.push(ModuleSource {
                name,
                file: path.display().to_string(),
                source: read(&path)?,
                package,
            });
            if modules.len() > MODULES_MAX {
                return Err(format!(
                    "{} has more than {MODULES_MAX} modules",
                    directory.display()
                ));
            }
        }
    }
    Ok(())
}
