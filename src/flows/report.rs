//! The answer of `symbot check`: what the flows are, which handlers their code has, and all problems, those of the Python
//! code included. What Python says is handed in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::build::FlowDetails;
use super::catalog::{Flow, Implementation, PromptField, Strategy, on_change_function};
use super::diagnostic::{Diagnostic, Severity};
use super::load::{Loaded, code_of};
use super::similar;
use crate::policy::types::{Inspection, PrefetchReducer, PythonProblem};

/// The one required handler.
const REQUIRED_HANDLER: &str = "get_permissions";

/// The handler of a flows filter.
const FILTER_HANDLER: &str = "get_flows";

/// What it was before.
const FORMER_HANDLER: &str = "get_approvers";

/// What a look at the code of all flows found.
#[derive(Debug, Clone, Default)]
pub struct Inspected {
    /// By position in [`Loaded::flows`].
    pub handlers: Vec<Vec<String>>,
    /// Those of the configuration and those of the code, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl Inspected {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Looks at the code of every flow, that of `on_change` included, at each distinct one once.
pub fn inspect(loaded: &Loaded, mut look: impl FnMut(&Implementation) -> Inspection) -> Inspected {
    let mut seen: HashMap<(Option<String>, Arc<str>), Inspection> = HashMap::new();
    let mut result = Inspected {
        handlers: Vec::new(),
        diagnostics: loaded.diagnostics.clone(),
    };
    let mut prefetched: HashMap<(Option<String>, Arc<str>), Prefetched<'_>> = HashMap::new();
    for details in &loaded.flows {
        let mut own = Inspection::default();
        for (position, code) in code_of(&details.flow).enumerate() {
            let key = (code.file.clone(), Arc::clone(&code.source));
            let inspection = seen.entry(key).or_insert_with(|| look(code));
            for problem in &inspection.problems {
                push(
                    &mut result.diagnostics,
                    python(problem, code, details, loaded),
                );
            }
            for problem in faults_of_change(inspection, code, &details.flow) {
                push(
                    &mut result.diagnostics,
                    python(problem, code, details, loaded),
                );
            }
            if position == 0 {
                own = inspection.clone();
            }
        }
        let inspection = own;
        if let Some(reducers) = &inspection.prefetch {
            for missing in without_reducer(details, reducers, loaded) {
                push(&mut result.diagnostics, missing);
            }
            let code = &details.flow.implementation;
            let key = (code.file.clone(), Arc::clone(&code.source));
            let uses = prefetched.entry(key).or_insert_with(|| Prefetched {
                reducers: reducers.clone(),
                flows: Vec::new(),
            });
            uses.flows.push(details);
        }
        let has = |name: &str| inspection.handlers.iter().any(|handler| handler == name);
        if !has(FORMER_HANDLER)
            && let Some(place) = place_without(&inspection, REQUIRED_HANDLER)
        {
            let why = "nobody could decide about requests";
            push(
                &mut result.diagnostics,
                missing_handler(details, REQUIRED_HANDLER, "event", why, place),
            );
        }
        let filters_too = loaded
            .filter
            .as_ref()
            .is_some_and(|filter| filter.flow.implementation == details.flow.implementation);
        if has(FILTER_HANDLER) && !filters_too {
            push(&mut result.diagnostics, useless_filter(details, loaded));
        }
        result.handlers.push(inspection.handlers);
    }
    if let Some(details) = &loaded.filter {
        let code = &details.flow.implementation;
        let key = (code.file.clone(), Arc::clone(&code.source));
        let inspection = seen.entry(key).or_insert_with(|| look(code));
        for problem in &inspection.problems {
            push(
                &mut result.diagnostics,
                python(problem, code, details, loaded),
            );
        }
        if let Some(place) = place_without(inspection, FILTER_HANDLER) {
            let (arguments, why) = (
                "user, flows, flows_filter_vars",
                "nobody could be offered a flow",
            );
            push(
                &mut result.diagnostics,
                missing_handler(details, FILTER_HANDLER, arguments, why, place),
            );
        }
    }
    for uses in prefetched.values() {
        for unused in uses.without_field(loaded) {
            push(&mut result.diagnostics, unused);
        }
    }
    result.diagnostics.sort_by(|left, right| {
        (&left.file, left.line, left.column, left.severity).cmp(&(
            &right.file,
            right.line,
            right.column,
            right.severity,
        ))
    });
    result
}

/// The prefetch reducers of a code, and the flows that use it.
struct Prefetched<'a> {
    reducers: Vec<PrefetchReducer>,
    flows: Vec<&'a FlowDetails>,
}

impl Prefetched<'_> {
    /// Reducers of fields that no flow of this code fetches options for: they are never called.
    fn without_field(&self, loaded: &Loaded) -> Vec<Diagnostic> {
        let fields = || {
            self.flows
                .iter()
                .flat_map(|details| &details.flow.prompt_fields)
        };
        let Some(first) = self.flows.first() else {
            return Vec::new();
        };
        let called = |reducer: &&PrefetchReducer| {
            fields().any(|field| field.prefetch && field.name == reducer.field)
        };
        let unused = self.reducers.iter().filter(|reducer| !called(reducer));
        unused
            .map(|reducer| {
                let PrefetchReducer {
                    field, function, ..
                } = reducer;
                let known = fields().any(|one| one.name == *field);
                let (message, hint) = if known {
                    (
                        format!("'{function}' is never called: the field '{field}' does not say prefetch = true"),
                        Some("add it to the prompt_field, or remove the reducer".to_owned()),
                    )
                } else {
                    (
                        format!("'{function}' is never called: there is no field '{field}'"),
                        similar(field, fields().map(|one| one.name.as_str()))
                            .map(|other| format!("did you mean '{other}'?")),
                    )
                };
                let problem = PythonProblem {
                    error: false,
                    line: reducer.line,
                    column: reducer.column,
                    message,
                    hint,
                };
                python(&problem, &first.flow.implementation, first, loaded)
            })
            .collect()
    }
}

/// Fields whose options nothing supplies: their form could not be shown.
fn without_reducer(
    details: &FlowDetails,
    reducers: &[PrefetchReducer],
    loaded: &Loaded,
) -> Vec<Diagnostic> {
    let fields = details.flow.prompt_fields.iter();
    fields
        // That Slack offers the people itself is said elsewhere.
        .filter(|field| field.prefetch && !field.field_type.is_people())
        .filter(|field| !reducers.iter().any(|reducer| reducer.field == field.name))
        .map(|field| {
            let problem = PythonProblem {
                error: true,
                line: 1,
                column: 1,
                message: format!(
                    "there is no prefetch reducer for the field '{}' of the flow {}: its form could not be shown",
                    field.name, details.flow.name
                ),
                hint: Some(format!(
                    "define a function decorated with @prefetch(\"{}\") that returns a list of FieldOption",
                    field.name
                )),
            };
            python(&problem, &details.flow.implementation, details, loaded)
        })
        .collect()
}

/// A problem of Python code. Code that is written in place is pointed into where it stands in the configuration as it is; what
/// is put together there has no lines of its own.
fn python(
    problem: &PythonProblem,
    code: &Implementation,
    details: &FlowDetails,
    loaded: &Loaded,
) -> Diagnostic {
    let severity = if problem.error {
        Severity::Error
    } else {
        Severity::Warning
    };
    let in_place = || in_heredoc(&code.source, problem, details, loaded);
    let (file, line, column, message) = match &code.file {
        Some(file) => (
            file.clone(),
            problem.line,
            problem.column,
            problem.message.clone(),
        ),
        None => match in_place() {
            Some((line, column)) => (
                details.place.0.clone(),
                line,
                column,
                problem.message.clone(),
            ),
            None => (
                details.place.0.clone(),
                details.place.1,
                details.place.2,
                format!("line {} of the code: {}", problem.line, problem.message),
            ),
        },
    };
    Diagnostic {
        severity,
        file,
        line,
        column,
        message,
        hint: problem.hint.clone(),
    }
}

/// Line and column of a problem in a heredoc that holds the code line by line: that of the implementation, or another in its
/// file.
fn in_heredoc(
    code: &str,
    problem: &PythonProblem,
    details: &FlowDetails,
    loaded: &Loaded,
) -> Option<(usize, usize)> {
    let (file, own, _) = &details.place;
    let text = loaded.sources.get(file)?;
    let written: Vec<&str> = text.lines().collect();
    let indentation = |line: &str, start: usize, position: usize| {
        let before = written.get(start + position)?.strip_suffix(line)?;
        before.trim().is_empty().then(|| before.chars().count())
    };
    let holds_code = |start: &usize| {
        written
            .get(start.saturating_sub(1))
            .is_some_and(|line| line.contains("<<"))
            && code
                .lines()
                .enumerate()
                .all(|(position, line)| indentation(line, *start, position).is_some())
    };
    let start = std::iter::once(*own)
        .chain(1..written.len())
        .find(holds_code)?;
    let position = problem.line.saturating_sub(1);
    let line = code.lines().nth(position)?;
    let indentation = indentation(line, start, position)?;
    Some((start + problem.line, indentation + problem.column))
}

fn push(diagnostics: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !diagnostics.contains(&diagnostic) {
        diagnostics.push(diagnostic);
    }
}

/// What is wrong with a function that a field of the flow has as its `on_change` in this code.
fn faults_of_change<'a>(
    inspection: &'a Inspection,
    code: &Implementation,
    flow: &Flow,
) -> impl Iterator<Item = &'a PythonProblem> {
    let here = flow.prompt_fields.iter();
    let here = here.filter(|field| field.on_change.as_ref() == Some(code));
    let functions: Vec<String> = here.map(|field| on_change_function(&field.name)).collect();
    let faults = inspection.on_change.iter();
    faults
        .filter(move |(function, _)| functions.contains(function))
        .map(|(_, problem)| problem)
}

/// Where code lacks a handler that it must have; nowhere if it has it, or if an error says already why it has not.
fn place_without(inspection: &Inspection, handler: &str) -> Option<(usize, usize)> {
    let unloaded = inspection.prefetch.is_none();
    let quoted = format!("'{handler}'");
    let told = |problem: &&PythonProblem| problem.message.starts_with(&quoted);
    let mut errors = inspection.problems.iter().filter(|problem| problem.error);
    if inspection.handlers.iter().any(|name| name == handler)
        || errors.any(|problem| unloaded || told(&problem))
    {
        return None;
    }
    let nearest = inspection.problems.iter().find(told);
    Some(nearest.map_or((1, 1), |problem| (problem.line, problem.column)))
}

fn missing_handler(
    details: &FlowDetails,
    handler: &str,
    arguments: &str,
    why: &str,
    (line, column): (usize, usize),
) -> Diagnostic {
    let (file, line, column) = match &details.flow.implementation.file {
        Some(file) => (file.clone(), line, column),
        None => details.place.clone(),
    };
    Diagnostic {
        severity: Severity::Error,
        file,
        line,
        column,
        message: format!("there is no reducer {handler}, so {why}"),
        hint: Some(format!(
            "define {handler}({arguments}) with the decorator @reducer"
        )),
    }
}

/// A filter where none is looked for.
fn useless_filter(details: &FlowDetails, loaded: &Loaded) -> Diagnostic {
    let problem = PythonProblem {
        error: false,
        line: 1,
        column: 1,
        message: format!(
            "'{FILTER_HANDLER}' is never called: it belongs into the code of a sym_flows_filter, not into that of the flow {}",
            details.flow.name
        ),
        hint: Some("move it there, or remove it".to_owned()),
    };
    python(&problem, &details.flow.implementation, details, loaded)
}

/// Words of environments (`okta` of `okta_id`) whose functions in `sym.sdk.integrations` raise an error, because this version
/// has no such integration.
const WITHOUT_INTEGRATION: [&str; 12] = [
    "aptible",
    "aws_iam",
    "aws_lambda",
    "aws_sso",
    "boundary",
    "github",
    "google",
    "jira",
    "knowbe4",
    "okta",
    "onelogin",
    "pagerduty",
];

/// Hooks of events that never happen here, because no access is granted or taken away.
const NEVER_CALLED: [&str; 4] = [
    "on_escalate",
    "after_escalate",
    "on_deescalate",
    "after_deescalate",
];

/// What of these flows this version does not do, a line for each, in the order of their flows; what the diagnostics say
/// already is not repeated.
#[must_use]
pub fn not_supported(loaded: &Loaded, inspected: &Inspected) -> Vec<String> {
    let mut granted_by_hand: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut integrations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut hooks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (position, details) in loaded.flows.iter().enumerate() {
        let flow = &details.flow;
        let name = flow.name.as_str();
        if let Some(strategy) = &flow.strategy {
            granted_by_hand
                .entry(&strategy.strategy_type)
                .or_default()
                .push(name);
        }
        for key in flow
            .environment
            .iter()
            .flat_map(|environment| environment.integrations.keys())
        {
            let word = key.strip_suffix("_id").unwrap_or(key);
            if WITHOUT_INTEGRATION.contains(&word) {
                integrations.entry(word).or_default().push(name);
            }
        }
        for handler in inspected.handlers.get(position).into_iter().flatten() {
            if NEVER_CALLED.contains(&handler.as_str()) {
                hooks.entry(handler).or_default().push(name);
            }
        }
    }
    let lines = |of: BTreeMap<&str, Vec<&str>>, what: &dyn Fn(&str) -> String| -> Vec<String> {
        of.into_iter()
            .map(|(key, flows)| format!("{} ({})", what(key), flows.join(", ")))
            .collect()
    };
    [
        lines(granted_by_hand, &|kind| {
            format!("strategy {kind}: after an approval, access is granted and removed by hand")
        }),
        lines(integrations, &|word| {
            format!("integration {word}: its functions raise an error")
        }),
        lines(hooks, &|hook| format!("{hook}: not called")),
    ]
    .concat()
}

/// The JSON object of `symbot check --json`.
#[must_use]
pub fn report(loaded: &Loaded, inspected: &Inspected) -> Json {
    let flows: Vec<Json> = loaded
        .flows
        .iter()
        .enumerate()
        .map(|(position, details)| {
            let handlers = inspected
                .handlers
                .get(position)
                .cloned()
                .unwrap_or_default();
            flow(details, &handlers)
        })
        .collect();
    json!({
        "flows": flows,
        "sym_resources": loaded.catalog.sym_resources,
        "diagnostics": inspected.diagnostics,
    })
}

fn flow(details: &FlowDetails, handlers: &[String]) -> Json {
    let flow = &details.flow;
    let integrations: Vec<&String> = flow
        .environment
        .iter()
        .flat_map(|environment| environment.integrations.keys())
        .collect();
    json!({
        "address": flow.address,
        "name": flow.name,
        "label": flow.label,
        "environment": flow.environment.as_ref().map(|environment| &environment.name),
        "environment_integrations": integrations,
        "allowed_sources": flow.params.allowed_sources,
        "vars": flow.vars,
        "params": details.params,
        "prompt_fields": flow.prompt_fields.iter().map(prompt_field).collect::<Vec<_>>(),
        "implementation_file": flow.implementation.file,
        "handlers": handlers,
        "strategy": flow.strategy.as_ref().map(strategy),
    })
}

/// A prompt field as it is shown to people and handed to handlers.
#[must_use]
pub fn prompt_field(field: &PromptField) -> Json {
    json!({
        "name": field.name,
        "type": field.field_type,
        "label": field.label,
        "required": field.required,
        "visible": field.visible,
        "default": field.default,
        "allowed_values": field.allowed_values,
        "prefetch": field.prefetch,
        "on_change_file": field.on_change.as_ref().and_then(|code| code.file.as_ref()),
    })
}

fn strategy(strategy: &Strategy) -> Json {
    let targets: Vec<Json> = strategy
        .targets
        .iter()
        .map(|target| {
            json!({
                "type": target.target_type,
                "name": target.name,
                "label": target.label,
                "settings": target.settings,
            })
        })
        .collect();
    json!({
        "type": strategy.strategy_type,
        "name": strategy.name,
        "targets": targets,
    })
}
