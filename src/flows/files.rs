//! Files that a configuration reads: implementations, templates, data. They must lie in a directory that was given on
//! the command line or in a module that is used; each is read once. Remembers which text came from which file, so that
//! errors in Python code can name it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::config::join_shown;
use super::eval::Module;
use super::parse::read_text;
use super::watch::Watched;

/// A text file that was read.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub text: Arc<str>,
    /// Path as it is shown: relative to the directory that was given.
    pub shown: String,
}

/// The files of one load.
#[derive(Debug, Default)]
pub struct Files {
    allowed: RefCell<Vec<PathBuf>>,
    watched: RefCell<Watched>,
    texts: RefCell<HashMap<PathBuf, Result<TextFile, String>>>,
}

impl Files {
    /// Lets a directory (in its real form) and what is below it be read.
    pub fn allow(&self, dir: &Path) {
        self.allowed.borrow_mut().push(dir.to_owned());
    }

    /// Takes note that what is at a path has a say in the result. To be called before the path is read.
    pub fn watch(&self, path: &Path) {
        self.watched.borrow_mut().add(path);
    }

    #[must_use]
    pub fn take_watched(&self) -> Watched {
        self.watched.take()
    }

    /// The real path of a path written in a configuration.
    ///
    /// # Errors
    /// There is no such file, or it lies outside of what may be read.
    pub fn resolve(&self, module: &Rc<Module>, path: &Path) -> Result<PathBuf, String> {
        let full = module.root_dir.join(path);
        self.watch(&full);
        let real = full.canonicalize().map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "no such file".to_owned(),
                _ => error.to_string(),
            };
            format!("cannot read {}: {reason}", shown_path(module, path))
        })?;
        if self
            .allowed
            .borrow()
            .iter()
            .any(|dir| real.starts_with(dir))
        {
            Ok(real)
        } else {
            Err(format!(
                "{} lies outside of the directories that were given, so it is not read; give the directory that holds both instead, \
                 which may hold several root modules",
                shown_path(module, path)
            ))
        }
    }

    /// Whether a file is there, without reading it; what lies outside is not there.
    #[must_use]
    pub fn exists(&self, module: &Rc<Module>, path: &Path) -> bool {
        self.resolve(module, path).is_ok_and(|real| real.is_file())
    }

    /// Reads a text file.
    ///
    /// # Errors
    /// Why not, with the path as it is shown.
    pub fn read_text(&self, module: &Rc<Module>, path: &Path) -> Result<TextFile, String> {
        let real = self.resolve(module, path)?;
        if let Some(known) = self.texts.borrow().get(&real) {
            return known.clone();
        }
        let shown = shown_path(module, path);
        let result = read_text(&real)
            .map(|text| TextFile {
                text: text.into(),
                shown: shown.clone(),
            })
            .map_err(|problem| format!("cannot read {shown}: {problem}"));
        self.texts.borrow_mut().insert(real, result.clone());
        result
    }

    /// Reads a file of any content.
    ///
    /// # Errors
    /// Why not, with the path as it is shown.
    pub fn read_bytes(&self, module: &Rc<Module>, path: &Path) -> Result<Vec<u8>, String> {
        let real = self.resolve(module, path)?;
        let shown = shown_path(module, path);
        let length = std::fs::metadata(&real).map_or(0, |metadata| metadata.len());
        if length > super::parse::MAX_FILE_BYTES {
            return Err(format!("{shown} is too large"));
        }
        std::fs::read(&real).map_err(|error| format!("cannot read {shown}: {error}"))
    }

    /// The file a text came from: the very text first, else one with the same content.
    #[must_use]
    pub fn origin(&self, text: &Arc<str>) -> Option<String> {
        let texts = self.texts.borrow();
        let files = || texts.values().filter_map(|result| result.as_ref().ok());
        files()
            .find(|file| Arc::ptr_eq(&file.text, text))
            .or_else(|| {
                files()
                    .filter(|file| file.text == *text)
                    .min_by_key(|file| &file.shown)
            })
            .map(|file| file.shown.clone())
    }
}

/// A path of a configuration as it is shown.
#[must_use]
pub fn shown_path(module: &Rc<Module>, path: &Path) -> String {
    let text = path.to_string_lossy();
    if path.is_absolute() {
        // Absolute paths come from `path.cwd` or `abspath`.
        return match path.strip_prefix(&module.root_dir) {
            Ok(relative) => join_shown(&module.root_shown, &relative.to_string_lossy()),
            Err(_) => text.into_owned(),
        };
    }
    join_shown(&module.root_shown, &text)
}
