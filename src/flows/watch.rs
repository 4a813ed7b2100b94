//! What a load has read, and whether it is still the same. The loader notes each path before it reads it, together with
//! what is there at that moment, so that no change can fall between reading and noting. Read by the bot's reload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is at a path, as far as it can be told without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    Missing,
    File {
        bytes: u64,
        modified: Option<SystemTime>,
        /// Changes when a file is replaced by another of the same length and time.
        number: u64,
    },
    /// Names in it. What they hold is noted for each that was read.
    Directory(Vec<String>),
}

impl Stamp {
    fn of(path: &Path) -> Self {
        // Links are followed: mounted configurations are replaced by swapping a link.
        let Ok(metadata) = std::fs::metadata(path) else {
            return Self::Missing;
        };
        if metadata.is_dir() {
            let mut names: Vec<String> = std::fs::read_dir(path)
                .map(|entries| {
                    entries
                        .filter_map(Result::ok)
                        .map(|entry| entry.file_name().to_string_lossy().into_owned())
                        // Editors put files of this kind there while somebody types.
                        .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
                        .collect()
                })
                .unwrap_or_default();
            names.sort();
            return Self::Directory(names);
        }
        Self::File {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            number: file_number(&metadata),
        }
    }
}

#[cfg(unix)]
fn file_number(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_: &std::fs::Metadata) -> u64 {
    0
}

/// Paths with what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    paths: BTreeMap<PathBuf, Stamp>,
}

impl Watched {
    /// Notes a path; of several notes the first counts.
    pub(super) fn add(&mut self, path: &Path) {
        if !self.paths.contains_key(path) {
            self.paths.insert(path.to_owned(), Stamp::of(path));
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (path, stamp) in other.paths {
            self.paths.entry(path).or_insert(stamp);
        }
    }

    /// What is at the same paths now.
    #[must_use]
    pub fn now(&self) -> Self {
        let paths = self
            .paths
            .keys()
            .map(|path| (path.clone(), Stamp::of(path)))
            .collect();
        Self { paths }
    }

    /// The first path at which something else is in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&Path> {
        self.paths
            .iter()
            .find(|(path, stamp)| other.paths.get(*path) != Some(stamp))
            .map(|(path, _)| path.as_path())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flows::{LoadOptions, load};

    fn write(dir: &Path, name: &str, text: &str) {
        std::fs::write(dir.join(name), text).unwrap();
    }

    #[test]
    fn every_file_with_a_say_is_watched_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        std::fs::create_dir_all(at.join("root/parts")).unwrap();
        std::fs::create_dir_all(at.join("module")).unwrap();
        let root = at.join("root");
        write(
            &root,
            "main.tf",
            r#"
            variable "greeting" {}
            module "m" { source = "../module" }
            locals {
              text = templatefile("t.tftpl", { greeting = var.greeting })
              all  = fileset("parts", "*")
              may  = fileexists("maybe.txt")
            }
            resource "sym_flow" "this" {
              name           = "a"
              implementation = file("impl.py")
            }
            "#,
        );
        write(&root, "impl.py", "x = 1\n");
        write(&root, "t.tftpl", "${greeting}");
        write(&root, "terraform.tfvars", "greeting = \"hi\"\n");
        write(&root, "README.md", "read by nobody\n");
        write(&at.join("module"), "main.tf", "locals { a = 1 }\n");
        let options = LoadOptions {
            dirs: vec![root.clone()],
            ..LoadOptions::default()
        };
        let watched = load(&options).watched;
        let changes = |path: &str| {
            assert_eq!(watched.difference(&watched.now()), None, "before {path}");
            let file = at.join(path);
            let before = std::fs::read(&file).ok();
            std::fs::write(&file, "something of another length\n").unwrap();
            let changed = watched.difference(&watched.now()).is_some();
            // The same file again: written back it has another time, so the watched state is taken anew.
            match before {
                Some(bytes) => std::fs::write(&file, bytes).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            changed
        };
        for path in [
            "root/new.tf",
            "root/maybe.txt",
            "root/parts/one",
            "root/extra.auto.tfvars",
            "module/more.tf",
        ] {
            assert!(changes(path), "{path}");
        }
        assert!(!changes("root/.main.tf.swp"), "an editor's file");
        // The last ones keep those before them from being read.
        for path in [
            "root/impl.py",
            "root/t.tftpl",
            "module/main.tf",
            "root/terraform.tfvars",
            "root/main.tf",
        ] {
            let watched = load(&options).watched;
            write(at, path, "something of another length\n");
            assert!(watched.difference(&watched.now()).is_some(), "{path}");
        }
        write(
            &root,
            "main.tf",
            "locals { a = fileset(\".\", \"*.md\") }\n",
        );
        let watched = load(&options).watched;
        write(at, "root/README.md", "still read by nobody\n");
        assert_eq!(watched.difference(&watched.now()), None);
    }
}
