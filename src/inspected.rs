//! Flows together with what is in their code: what `symbot check` reports and what a start depends on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::flows::catalog::Implementation;
use crate::flows::report::{Inspected, inspect};
use crate::flows::{LoadOptions, Loaded, load};
use crate::policy::pool::Pool;
use crate::policy::types::{FailureKind, HandlerFailure, Inspection, PythonProblem};

/// Loads flows and looks at each distinct implementation once, in a worker.
pub async fn load_and_inspect(options: &LoadOptions, pool: &Pool) -> (Loaded, Inspected) {
    let mut loaded = load(options);
    let mut seen: HashMap<(Option<String>, Arc<str>), Inspection> = HashMap::new();
    for code in loaded.implementations() {
        let key = (code.file.clone(), code.source.clone());
        if let Entry::Vacant(place) = seen.entry(key) {
            let file = code.file.as_deref().unwrap_or("impl.py");
            place.insert(match pool.inspect(file, &code.source).await {
                Ok(inspection) => inspection,
                Err(failure) => cannot_be_judged(&failure),
            });
        }
    }
    let inspected = inspect(&loaded, |code: &Implementation| {
        seen.get(&(code.file.clone(), code.source.clone()))
            .cloned()
            .unwrap_or_default()
    });
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
    (loaded, inspected)
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
            hint: Some(
                "it is run when it is loaded: keep work out of the module's top level".to_owned(),
            ),
        }],
        ..Inspection::default()
    }
}
