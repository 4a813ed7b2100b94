//! Flows together with what is in their code: what `symbot check` reports and what a start and a reload depend on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;

use crate::flows::catalog::Implementation;
use crate::flows::diagnostic::{Diagnostic, Severity};
use crate::flows::report::{Inspected, inspect};
use crate::flows::{LoadOptions, Loaded, load};
use crate::policy::pool::Pool;
use crate::policy::types::{FailureKind, HandlerFailure, Inspection, PythonProblem};

/// What was loaded, and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    pub loaded: Loaded,
    pub inspected: Inspected,
}

impl Checked {
    /// The problems that keep the flows from being used.
    #[must_use]
    pub fn errors(&self) -> Vec<Diagnostic> {
        let all = self.inspected.diagnostics.iter();
        all.filter(|diagnostic| diagnostic.severity == Severity::Error)
            .cloned()
            .collect()
    }
}

/// A text of Python and the name of its file: the name shows in messages.
type Code = (Option<String>, Arc<str>);

/// Loads flows and looks at each distinct implementation once, in workers; what was looked at before is remembered.
pub struct Checker {
    pool: Pool,
    seen: Mutex<HashMap<Code, Inspection>>,
}

impl Checker {
    /// With the workers of this pool.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            seen: Mutex::default(),
        }
    }

    /// Loads flows and looks at their code.
    pub async fn check(&self, options: &LoadOptions) -> Checked {
        let options = options.clone();
        // Reading and evaluating takes its time; the runtime has other things to do.
        let loaded = tokio::task::spawn_blocking(move || load(&options)).await;
        let mut loaded = loaded.unwrap_or_else(|error| {
            Loaded::failed(format!(
                "reading the configuration failed inside of the program ({error}); please report this"
            ))
        });
        let codes: Vec<Code> = loaded
            .implementations()
            .into_iter()
            .map(|code| (code.file.clone(), Arc::clone(&code.source)))
            .collect();
        let mut known: HashMap<Code, Inspection> = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = codes.iter();
            kept.filter_map(|code| Some((code.clone(), seen.get(code)?.clone())))
                .collect()
        };
        let new: Vec<Code> = codes
            .into_iter()
            .filter(|code| !known.contains_key(code))
            .collect();
        let mut looking = futures_util::stream::iter(new)
            .map(|code| async move {
                let file = code.0.as_deref().unwrap_or("impl.py");
                let looked = self.pool.inspect(file, &code.1).await;
                (code, looked)
            })
            .buffer_unordered(self.pool.workers());
        let mut unjudged: HashMap<Code, Inspection> = HashMap::new();
        while let Some((code, looked)) = looking.next().await {
            match looked {
                Ok(inspection) => known.insert(code, inspection),
                // Another time it may be judged.
                Err(failure) => unjudged.insert(code, cannot_be_judged(&failure)),
            };
        }
        let inspected = inspect(&loaded, |code: &Implementation| {
            let key = (code.file.clone(), Arc::clone(&code.source));
            let found = known.get(&key).or_else(|| unjudged.get(&key));
            found.cloned().unwrap_or_default()
        });
        // Of a flow the catalog knows its handlers as well; let go of its copy first, so that nothing is copied.
        loaded.catalog.flows.clear();
        for (details, handlers) in loaded.flows.iter_mut().zip(&inspected.handlers) {
            Arc::make_mut(&mut details.flow)
                .handlers
                .clone_from(handlers);
        }
        loaded.catalog.flows = loaded
            .flows
            .iter()
            .map(|details| Arc::clone(&details.flow))
            .collect();
        // Only what is still in use is kept.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Checked { loaded, inspected }
    }
}

/// Code that does not even load is a problem of the code, whatever the reason.
fn cannot_be_judged(failure: &HandlerFailure) -> Inspection {
    if failure.kind == FailureKind::Unavailable {
        return Inspection {
            problems: vec![PythonProblem {
                error: true,
                line: 1,
                column: 1,
                message: format!("the code was not looked at, because no policy worker can be had: {}", failure.message),
                hint: Some("this says nothing about the code; check that symbot may start processes and has memory".to_owned()),
            }],
            ..Inspection::default()
        };
    }
    Inspection {
        problems: vec![PythonProblem {
            error: true,
            line: failure
                .line
                .and_then(|line| usize::try_from(line).ok())
                .unwrap_or(1),
            column: 1,
            message: format!("the code cannot be loaded: {}", failure.message),
            // Code that is refused before it is run has no work to move.
            hint: (failure.kind != FailureKind::Syntax).then(|| {
                "it is run when it is loaded: keep work out of the module's top level".to_owned()
            }),
        }],
        ..Inspection::default()
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn only_code_that_was_run_is_told_to_keep_work_out_of_its_top_level() {
        for (kind, advised) in [(FailureKind::Timeout, true), (FailureKind::Syntax, false)] {
            let failure = HandlerFailure::new(kind, "it has 3000000 bytes".to_owned());
            let problem = &cannot_be_judged(&failure).problems[0];
            assert!(problem.message.ends_with("it has 3000000 bytes"));
            assert_eq!(problem.hint.is_some(), advised);
        }
    }
}
