//! The way in: directories and values → a catalog with all problems found on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::build::{Built, FlowDetails, build};
use super::catalog::{Catalog, Flow, Implementation};
use super::config::{ModuleConfig, read_module};
use super::diagnostic::{Diagnostic, Severity};
use super::eval::{STACK_BYTES, World};
use super::files::Files;
use super::folder::{entries, is_module_dir, report_unread};
use super::given;
use super::objects::Objects;
use super::parse::error_text;
use super::sensitive::mask_excerpts;
use super::watch::Watched;

/// What to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Root modules, or folders whose children are root modules.
    pub dirs: Vec<PathBuf>,
    /// What the command line gives, later ones over earlier ones.
    pub assignments: Vec<Assignment>,
    /// `TF_VAR_*` of the environment, names without that prefix.
    pub env_vars: Vec<(String, String)>,
}

/// Values for variables, given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// A file of values.
    File(PathBuf),
    /// One value. A name with a dot, such as `aws_iam_role.x.arn`, gives the value of something that only an apply would know.
    Value { name: String, text: String },
}

/// What came out. The catalog is for use only when [`Loaded::has_errors`] is false.
#[derive(Debug, Default)]
pub struct Loaded {
    pub catalog: Catalog,
    /// In the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The flows of the catalog, with what `symbot check` shows of them.
    pub flows: Vec<FlowDetails>,
    /// The flows filter, as a flow.
    pub filter: Option<FlowDetails>,
    /// Files by the names that diagnostics use, for excerpts.
    pub sources: BTreeMap<String, Arc<str>>,
    /// Everything that had a say in the result.
    pub watched: Watched,
}

impl Loaded {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All Python code of the flows, that of `on_change` and of the filter included, each text of each file once.
    #[must_use]
    pub fn implementations(&self) -> Vec<&Implementation> {
        let mut all: Vec<&Implementation> = Vec::new();
        for details in self.flows.iter().chain(&self.filter) {
            for implementation in code_of(&details.flow) {
                if !all.contains(&implementation) {
                    all.push(implementation);
                }
            }
        }
        all
    }

    pub(crate) fn failed(message: String) -> Self {
        Self {
            diagnostics: vec![Diagnostic {
                severity: Severity::Error,
                file: String::new(),
                line: 1,
                column: 1,
                message,
                hint: None,
            }],
            ..Self::default()
        }
    }
}

/// Loads root modules. Reads files, and nothing else of the outside.
#[must_use]
pub fn load(options: &LoadOptions) -> Loaded {
    // Evaluation recurses; a thread of its own gives it a stack of known size.
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new()
            .name("flows".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || load_here(options));
        match worker.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) => Loaded::failed(
                "reading the configuration failed inside of the program; please report this"
                    .to_owned(),
            ),
            Err(error) => Loaded::failed(format!("cannot start a thread to read flows: {error}")),
        }
    })
}

/// The Python code of a flow: the implementation first, then what its fields hold.
pub(super) fn code_of(flow: &Flow) -> impl Iterator<Item = &Implementation> {
    let on_change = flow
        .prompt_fields
        .iter()
        .filter_map(|field| field.on_change.as_ref());
    std::iter::once(&flow.implementation).chain(on_change)
}

/// A root module that was found.
struct Root {
    dir: PathBuf,
    /// Whether it was given itself, and not the folder it is in.
    given: bool,
    /// As it is shown; empty for a directory that was given alone.
    shown: String,
}

fn load_here(options: &LoadOptions) -> Loaded {
    let world = World::new(Files::default());
    let mut roots = Vec::new();
    for dir in &options.dirs {
        find_roots(&world, dir, options.dirs.len() > 1, &mut roots);
    }
    let configs: Vec<ModuleConfig> = roots
        .iter()
        .map(|root| read_module(&world.sources, &root.dir, &root.shown))
        .collect();
    let configs = without_parts(&roots, configs);
    warn_of_unused_vars(&world, options, &configs);
    let strict = configs.len() == 1;
    for config in configs {
        world.refill();
        let values = given::collect(&world, options, &config, strict);
        world.add_root(config, values);
    }
    let objects = Objects::collect(&world);
    world.refill();
    let Built {
        catalog,
        flows,
        filter,
    } = build(&world, &objects);
    let mut diagnostics = world.sources.take_diagnostics();
    diagnostics.sort_by(|left, right| {
        (&left.file, left.line, left.column, left.severity).cmp(&(
            &right.file,
            right.line,
            right.column,
            right.severity,
        ))
    });
    let mut sources: BTreeMap<String, Arc<str>> = world
        .sources
        .shown()
        .iter()
        .map(|file| (file.name.clone(), Arc::clone(&file.text)))
        .collect();
    for details in &flows {
        for implementation in code_of(&details.flow) {
            if let Some(file) = &implementation.file {
                sources.insert(file.clone(), Arc::clone(&implementation.source));
            }
        }
    }
    mask_excerpts(&world.sources.masker(), &mut sources);
    let mut watched = world.sources.take_watched();
    watched.extend(world.files.take_watched());
    Loaded {
        catalog,
        filter,
        diagnostics,
        flows,
        sources,
        watched,
    }
}

/// Without the directories that were only found beside others and that one of those calls as a module: they are parts, and
/// make no sense by themselves. Of directories that call each other in a circle one stays, to be refused.
fn without_parts(roots: &[Root], configs: Vec<ModuleConfig>) -> Vec<ModuleConfig> {
    let mut parts: BTreeSet<PathBuf> = BTreeSet::new();
    for config in &configs {
        // What leads back here makes this no part of it.
        if !parts.contains(&config.dir) {
            let mut reached = called_by(config);
            let mut new: Vec<PathBuf> = reached.iter().cloned().collect();
            while let Some(dir) = new.pop() {
                let further = configs.iter().filter(|config| config.dir == dir);
                for next in further.flat_map(called_by) {
                    if reached.insert(next.clone()) {
                        new.push(next);
                    }
                }
            }
            reached.remove(&config.dir);
            parts.extend(reached);
        }
    }
    roots
        .iter()
        .zip(configs)
        .filter(|(root, config)| root.given || !parts.contains(&config.dir))
        .map(|(_, config)| config)
        .collect()
}

/// The directories of the local modules that a module calls.
fn called_by(config: &ModuleConfig) -> BTreeSet<PathBuf> {
    let calls = config.calls.values();
    calls
        .filter_map(|call| {
            let (_, source) = call.body.attribute("source")?;
            let source = source.value.as_str()?;
            let local = source.starts_with("./") || source.starts_with("../");
            local.then(|| config.dir.join(source).canonicalize().ok())?
        })
        .collect()
}

/// With several roots, a value from the command line must be of use to one of them.
fn warn_of_unused_vars(world: &World, options: &LoadOptions, configs: &[ModuleConfig]) {
    if configs.len() < 2 || configs.iter().any(|config| config.incomplete) {
        return;
    }
    for assignment in &options.assignments {
        let Assignment::Value { name, .. } = assignment else {
            continue;
        };
        if !name.contains('.')
            && !configs
                .iter()
                .any(|config| config.variables.contains_key(name))
        {
            let file = world.sources.add(format!("--var {name}"), "".into());
            world.sources.error(
                super::source::Place { file, start: 0 },
                format!("a value is given for var.{name}, which no root module declares"),
                None,
            );
        }
    }
}

fn find_roots(world: &World, dir: &Path, several: bool, roots: &mut Vec<Root>) {
    let given = dir.to_string_lossy();
    let prefix = if several {
        given.trim_end_matches('/')
    } else {
        ""
    };
    let fail = |message: String, hint: &str| {
        let shown = if prefix.is_empty() { "." } else { prefix };
        let file = world.sources.add(shown.to_owned(), "".into());
        world
            .sources
            .error(super::source::Place { file, start: 0 }, message, Some(hint));
    };
    let unread = |problem: &str| fail(format!("cannot read {given}: {problem}"), "check the path");
    world.sources.watch(dir);
    let real = match dir.canonicalize() {
        Ok(real) if real.is_dir() => real,
        Ok(_) => {
            return fail(
                format!("{given} is not a directory"),
                "give the directory that holds the *.tf files",
            );
        }
        Err(error) => {
            return unread(&match error.kind() {
                std::io::ErrorKind::NotFound => "no such directory".to_owned(),
                _ => error_text(&error),
            });
        }
    };
    world.files.allow(&real);
    world.sources.watch(&real);
    match is_module_dir(&real) {
        Ok(true) => roots.push(Root {
            dir: real,
            given: true,
            shown: prefix.to_owned(),
        }),
        Ok(false) => {
            let before = roots.len();
            if find_children(world, &real, prefix, roots) && roots.len() == before {
                fail(
                    format!("there are no *.tf files in {given} or in the directories in it"),
                    "give a Terraform root module, or a folder of such",
                );
            }
        }
        Err(problem) => unread(&problem),
    }
}

/// Root modules in a directory; `false` when one of them may have been missed, which is reported.
fn find_children(world: &World, dir: &Path, prefix: &str, roots: &mut Vec<Root>) -> bool {
    /// What file systems put at their top, for root alone.
    const NOT_OURS: &str = "lost+found";
    let mut whole = true;
    let mut children = entries(dir).unwrap_or_default();
    children.sort();
    for dir in children {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == NOT_OURS {
            continue;
        }
        let shown = super::config::join_shown(prefix, &name);
        let holds_files = match std::fs::metadata(&dir) {
            Ok(metadata) if metadata.is_dir() => {
                // One that holds nothing yet may become a root module.
                world.sources.watch(&dir);
                is_module_dir(&dir)
            }
            Ok(_) => continue,
            // A link that leads nowhere may be one to a root module.
            Err(error) => {
                world.sources.watch(&dir);
                Err(error_text(&error))
            }
        };
        match holds_files {
            Ok(true) => roots.push(Root {
                shown,
                given: false,
                dir,
            }),
            Ok(false) => {}
            Err(problem) => {
                whole = false;
                report_unread(&world.sources, &shown, &problem);
            }
        }
    }
    whole
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn problems(dir: &Path) -> Vec<String> {
        let options = LoadOptions {
            dirs: vec![dir.to_owned()],
            ..LoadOptions::default()
        };
        let diagnostics = load(&options).diagnostics;
        diagnostics.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_cannot_be_read_is_said_and_not_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        for root in ["fine", "broken", "lost+found"] {
            std::fs::create_dir(at.join(root)).unwrap();
        }
        let main = "module \"m\" {\n  source = \"./round\"\n}\n";
        std::fs::write(at.join("fine/main.tf"), main).unwrap();
        symlink("round", at.join("fine/round")).unwrap();
        symlink("/nowhere/x", at.join("fine/terraform.tfvars")).unwrap();
        symlink("/nowhere/x", at.join("broken/main.tf")).unwrap();
        symlink("/nowhere", at.join("gone")).unwrap();
        let expected = [
            "broken/main.tf:1:1: error: cannot read broken/main.tf: no such file",
            "fine/main.tf:2:12: error: module.m: cannot read fine/round: Too many levels of symbolic links",
            "fine/terraform.tfvars:1:1: error: cannot read fine/terraform.tfvars: no such file",
            "gone:1:1: error: cannot read gone: no such file",
        ];
        let said = problems(at);
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
