//! Takes over changed flows while the bot runs: on SIGHUP and, with `--watch`, when a file changes that was read.
//!
//! The directories are read as at the start. Only if nothing is wrong with them is the catalog swapped, whole; otherwise
//! the bot goes on with the flows it has, and the reason is in the log and in the channels of the error loggers. Open
//! requests are pinned to their flow's version by the engine, so that nothing here touches them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::engine::Engine;
use crate::flows::LoadOptions;
use crate::flows::catalog::Catalog;
use crate::flows::diagnostic::{Diagnostic, Severity};
use crate::flows::watch::Watched;
use crate::inspected::{Checked, Checker};
use crate::slack::answer;

/// Pause between two looks at the files. Polling works on every file system, also where a mounted directory is swapped
/// as a whole; a look costs microseconds per file.
const WATCH_EVERY_SECONDS: u64 = 1;

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// Everything means the same as before.
    Unchanged,
    /// The new flows count from now on.
    Swapped { version: String },
    /// The old flows go on; these problems are why.
    Kept { problems: Vec<Diagnostic> },
}

/// Reads the flows again when it is asked to.
pub struct Reloader {
    options: LoadOptions,
    watch: bool,
    checker: Checker,
    engine: Arc<Engine>,
    asked: Notify,
    state: Mutex<State>,
}

struct State {
    /// What the last load read.
    watched: Watched,
    /// Why the last reload was refused; said once.
    refused: Vec<Diagnostic>,
    /// Warnings that are in the log already.
    warned: BTreeSet<Diagnostic>,
}

impl Reloader {
    /// For a bot that started with `checked`, whose warnings are in the log.
    #[must_use]
    pub fn new(
        options: LoadOptions,
        watch: bool,
        checker: Checker,
        engine: Arc<Engine>,
        checked: &Checked,
    ) -> Self {
        Self {
            options,
            watch,
            checker,
            engine,
            asked: Notify::new(),
            state: Mutex::new(State {
                watched: checked.loaded.watched.clone(),
                refused: Vec::new(),
                warned: checked.inspected.diagnostics.iter().cloned().collect(),
            }),
        }
    }

    /// Asks for a reload, as SIGHUP does. Several at once count as one.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Reloads when asked to and when files change; never ends.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.asked.notified() => tracing::info!("asked to read the flows again"),
                path = self.changed(), if self.watch => tracing::info!(path, "a file of the flows has changed"),
            }
            self.reload().await;
        }
    }

    /// Waits until something that was read has changed, and nothing more has for a moment: an editor or a check-out
    /// writes several files one after the other.
    async fn changed(&self) -> String {
        let mut before: Option<Watched> = None;
        loop {
            self.engine.rest(WATCH_EVERY_SECONDS).await;
            let known = self.state().watched.clone();
            let now = match tokio::task::spawn_blocking({
                let known = known.clone();
                move || known.now()
            })
            .await
            {
                Ok(now) => now,
                Err(_) => continue,
            };
            match known.difference(&now) {
                Some(path) if before.as_ref() == Some(&now) => return path.display().to_string(),
                Some(_) => before = Some(now),
                None => before = None,
            }
        }
    }

    /// Reads the flows and takes them over if nothing is wrong with them.
    pub async fn reload(&self) -> Reloaded {
        let checked = self.checker.check(&self.options).await;
        let mut errors = checked.errors();
        if errors.is_empty() {
            errors = self.engine.newly_missing_secrets(&checked.loaded).await;
        }
        let channels = error_loggers([&*self.engine.catalog(), &checked.loaded.catalog]);
        let (was_refused, warned) = {
            let mut state = self.state();
            state.watched = checked.loaded.watched.clone();
            let refused = std::mem::replace(&mut state.refused, errors.clone());
            (refused, state.warned.clone())
        };
        if !errors.is_empty() {
            let version = self.engine.catalog().version.clone();
            for problem in &errors {
                log_diagnostic(problem);
            }
            tracing::error!(
                problems = errors.len(),
                version,
                "the flows have problems and are not taken over; the bot goes on with those it has"
            );
            // The same problems at every touch of a file would bury the channel.
            if errors != was_refused {
                self.engine
                    .tell_error_loggers(channels, answer::flows_refused(&errors, &version));
            }
            return Reloaded::Kept { problems: errors };
        }
        let fresh = |diagnostic: &&Diagnostic| !warned.contains(diagnostic);
        for warning in checked.inspected.diagnostics.iter().filter(fresh) {
            log_diagnostic(warning);
        }
        self.state().warned = checked.inspected.diagnostics.iter().cloned().collect();
        let catalog = checked.loaded.catalog;
        let version = catalog.version.clone();
        let flows = catalog.flows.len();
        let old = self.engine.take_over(catalog);
        if !was_refused.is_empty() {
            self.engine
                .tell_error_loggers(channels, answer::flows_taken_over(&version));
        }
        if old.version == version {
            tracing::info!(flows, version, "the flows are as they were");
            return Reloaded::Unchanged;
        }
        self.engine.report_missing_secrets().await;
        let changed = changes(&old, &self.engine.catalog());
        tracing::info!(
            flows,
            version,
            old_version = old.version,
            changed,
            "the flows were taken over; open requests keep theirs"
        );
        Reloaded::Swapped { version }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Channels of all error loggers.
fn error_loggers(catalogs: [&Catalog; 2]) -> BTreeSet<String> {
    catalogs
        .iter()
        .flat_map(|catalog| &catalog.flows)
        .filter_map(|flow| flow.error_logger().map(str::to_owned))
        .collect()
}

/// Names of flows that came, went or changed, for the log.
fn changes(old: &Catalog, new: &Catalog) -> String {
    /// Names in one line of the log.
    const MAX_SHOWN: usize = 20;
    let known = |catalog: &Catalog| -> BTreeSet<(String, String)> {
        let flows = catalog.flows.iter();
        flows
            .map(|flow| (flow.name.clone(), flow.version.clone()))
            .collect()
    };
    let (old, new) = (known(old), known(new));
    let names: BTreeSet<&str> = old
        .symmetric_difference(&new)
        .map(|(name, _)| name.as_str())
        .collect();
    let shown: Vec<&str> = names.iter().copied().take(MAX_SHOWN).collect();
    match names.len().saturating_sub(MAX_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Writes a problem to the log, with its place.
pub fn log_diagnostic(diagnostic: &Diagnostic) {
    let place = format!(
        "{}:{}:{}",
        diagnostic.file, diagnostic.line, diagnostic.column
    );
    let hint = diagnostic.hint.as_deref().unwrap_or("");
    match diagnostic.severity {
        Severity::Error => tracing::error!(place, hint, "{}", diagnostic.message),
        Severity::Warning => tracing::warn!(place, hint, "{}", diagnostic.message),
    }
}
