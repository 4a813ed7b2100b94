//! Values of secrets (`sym_secret`): from files and environment variables that the operator names in the settings.
//!
//! A secret with the path `prod/ci token` is looked for in the environment variable `SYMBOT_SECRET_PROD_CI_TOKEN` and, where that
//! is not set, in the file `prod/ci token` below `SYMBOT_SECRETS_DIR`. Variables are read once, at the start; files each time, so that
//! one that is replaced is used at once. Values are held here and handed to nobody but the host call `secrets.retrieve`, which
//! asks only for secrets that a flow may have.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::secret::Secret;

/// What the variables begin with.
pub const VARIABLE_PREFIX: &str = "SYMBOT_SECRET_";
/// Largest value.
const VALUE_MAX_BYTES: u64 = 64 << 10;

/// Where values come from.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    dir: Option<PathBuf>,
    /// By the name of the variable without [`VARIABLE_PREFIX`].
    variables: BTreeMap<String, Secret>,
}

/// Why a value cannot be had. Says nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error(
        "nobody has supplied the secret \"{path}\": whoever runs symbot can set {variable}, or put a file of that name below SYMBOT_SECRETS_DIR"
    )]
    Missing { path: String, variable: String },
    #[error("the file of the secret \"{path}\" cannot be used: {why}")]
    File { path: String, why: String },
    #[error("the secret \"{path}\" is not a JSON object, so it has no key \"{key}\"")]
    NoObject { path: String, key: String },
    #[error("the secret \"{path}\" has no key \"{key}\"")]
    NoKey { path: String, key: String },
}

impl Secrets {
    /// `dir` is `SYMBOT_SECRETS_DIR`; `variables` are those that begin with [`VARIABLE_PREFIX`], without it.
    #[must_use]
    pub fn new(
        dir: Option<PathBuf>,
        variables: impl IntoIterator<Item = (String, Secret)>,
    ) -> Self {
        Self {
            dir,
            variables: variables.into_iter().collect(),
        }
    }

    /// The value at a path, or what its JSON object has under a key. The end of the line at the end of a file is no part of it.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn value(&self, path: &str, json_key: Option<&str>) -> Result<Secret, SecretError> {
        let value = match self.variables.get(&variable_of(path)) {
            Some(value) => value.clone(),
            None => {
                let (dir, wanted) = (self.dir.clone(), path.to_owned());
                let read = tokio::task::spawn_blocking(move || read_file(dir.as_deref(), &wanted));
                read.await.map_err(|error| SecretError::File {
                    path: path.to_owned(),
                    why: error.to_string(),
                })??
            }
        };
        match json_key {
            None => Ok(value),
            Some(key) => member(&value, path, key),
        }
    }
}

fn member(value: &Secret, path: &str, key: &str) -> Result<Secret, SecretError> {
    let (path, key) = (path.to_owned(), key.to_owned());
    let Ok(Value::Object(members)) = serde_json::from_str(value.expose()) else {
        return Err(SecretError::NoObject { path, key });
    };
    match members.get(&key) {
        None | Some(Value::Null) => Err(SecretError::NoKey { path, key }),
        Some(Value::String(text)) => Ok(Secret::new(text.clone())),
        Some(other) => Ok(Secret::new(other.to_string())),
    }
}

/// The variable of a path, without [`VARIABLE_PREFIX`]: capitals and digits, everything else an underscore.
#[must_use]
pub fn variable_of(path: &str) -> String {
    path.chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
            _ => '_',
        })
        .collect()
}

fn read_file(dir: Option<&Path>, path: &str) -> Result<Secret, SecretError> {
    let missing = || SecretError::Missing {
        path: path.to_owned(),
        variable: format!("{VARIABLE_PREFIX}{}", variable_of(path)),
    };
    let wrong = |why: &str| SecretError::File {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let Some(dir) = dir else {
        return Err(missing());
    };
    // A path such as `/prod/token` is meant below the directory, as it would be in a secret store.
    let relative = Path::new(path.trim_start_matches('/'));
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if relative.as_os_str().is_empty() || !plain {
        return Err(wrong("its path leads out of SYMBOT_SECRETS_DIR"));
    }
    let failed = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => missing(),
        _ => wrong(&error.to_string()),
    };
    // Kubernetes puts links there, but they stay within.
    let real_dir = dir.canonicalize().map_err(|error| failed(&error))?;
    let file = real_dir
        .join(relative)
        .canonicalize()
        .map_err(|error| failed(&error))?;
    if !file.starts_with(&real_dir) {
        return Err(wrong("it is a link that leads out of SYMBOT_SECRETS_DIR"));
    }
    let about = std::fs::metadata(&file).map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Err(missing());
    }
    if about.len() > VALUE_MAX_BYTES {
        return Err(wrong("it is larger than 64 KB"));
    }
    let bytes = std::fs::read(&file).map_err(|error| failed(&error))?;
    let mut text = String::from_utf8(bytes).map_err(|_| wrong("it is not text in UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    async fn exposed(secrets: &Secrets, path: &str, key: Option<&str>) -> Result<String, String> {
        let value = secrets.value(path, key).await;
        value
            .map(|value| value.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_variable_comes_before_a_file_and_a_file_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("prod")).unwrap();
        let file = dir.path().join("prod/ci token");
        std::fs::write(&file, "one\n").unwrap();
        std::fs::write(dir.path().join("b"), "from the file").unwrap();
        let variables = [("B".to_owned(), Secret::new("from the variable"))];
        let secrets = Secrets::new(Some(dir.path().to_owned()), variables);
        assert_eq!(
            exposed(&secrets, "prod/ci token", None).await.unwrap(),
            "one"
        );
        assert_eq!(
            exposed(&secrets, "/prod/ci token", None).await.unwrap(),
            "one"
        );
        std::fs::write(&file, "two\r\n").unwrap();
        assert_eq!(
            exposed(&secrets, "prod/ci token", None).await.unwrap(),
            "two"
        );
        assert_eq!(
            exposed(&secrets, "b", None).await.unwrap(),
            "from the variable"
        );
    }

    #[tokio::test]
    async fn a_key_is_taken_out_of_a_json_object() {
        let variables = [
            (
                "A".to_owned(),
                Secret::new(r#"{"token": "t0k3n", "id": 7}"#),
            ),
            ("PLAIN".to_owned(), Secret::new("n0t-js0n")),
        ];
        let secrets = Secrets::new(None, variables);
        assert_eq!(
            exposed(&secrets, "a", Some("token")).await.unwrap(),
            "t0k3n"
        );
        assert_eq!(exposed(&secrets, "a", Some("id")).await.unwrap(), "7");
        let error = exposed(&secrets, "a", Some("other")).await.unwrap_err();
        assert_eq!(error, "the secret \"a\" has no key \"other\"");
        let error = exposed(&secrets, "plain", Some("x")).await.unwrap_err();
        assert!(
            error.contains("is not a JSON object") && !error.contains("n0t"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_is_not_there_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        for secrets in [
            Secrets::default(),
            Secrets::new(Some(dir.path().to_owned()), []),
        ] {
            let error = exposed(&secrets, "prod/ci-token", None).await.unwrap_err();
            assert!(error.contains("SYMBOT_SECRET_PROD_CI_TOKEN"), "{error}");
            assert!(error.contains("SYMBOT_SECRETS_DIR"), "{error}");
        }
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_directory() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("outside"), "s3cret").unwrap();
        let dir = root.path().join("dir");
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::os::unix::fs::symlink("../outside", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("sub", dir.join("inside")).unwrap();
        std::fs::write(dir.join("sub/fine"), "fine").unwrap();
        let secrets = Secrets::new(Some(dir), []);
        for path in [
            "../outside",
            "sub/../../outside",
            "link",
            "/../outside",
            "",
            ".",
            "sub",
        ] {
            let error = exposed(&secrets, path, None).await.unwrap_err();
            assert!(!error.contains("s3cret"), "{path}: {error}");
        }
        assert_eq!(
            exposed(&secrets, "inside/fine", None).await.unwrap(),
            "fine"
        );
    }
}
