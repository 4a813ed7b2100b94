//! `symbot check DIR`: reads flows as `symbot run` would, looks at their code, and says what was found. Starts nothing.

use std::io::Write;
use std::process::ExitCode;

use crate::flows::Loaded;
use crate::flows::diagnostic::Severity;
use crate::flows::report::{Inspected, not_supported, report};

/// Writes what was found and says how the process is to end: 0 fine, 1 with errors.
///
/// # Errors
/// The answer cannot be written.
pub fn write(
    loaded: &Loaded,
    inspected: &Inspected,
    json: bool,
    out: &mut dyn Write,
) -> std::io::Result<ExitCode> {
    if json {
        serde_json::to_writer_pretty(&mut *out, &report(loaded, inspected))?;
        writeln!(out)?;
    } else {
        write_text(loaded, inspected, out)?;
    }
    Ok(if inspected.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn write_text(loaded: &Loaded, inspected: &Inspected, out: &mut dyn Write) -> std::io::Result<()> {
    let table = table(loaded, inspected);
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    let missing = not_supported(loaded, inspected);
    if !missing.is_empty() {
        writeln!(out, "NOT SUPPORTED")?;
        for line in missing {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
    for diagnostic in &inspected.diagnostics {
        writeln!(out, "{}", diagnostic.render(&loaded.sources))?;
    }
    let count = |severity: Severity| {
        inspected
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    writeln!(
        out,
        "{}, {}, {}",
        plural(loaded.flows.len(), "flow"),
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning")
    )
}

fn plural(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// One row for each flow.
fn table(loaded: &Loaded, inspected: &Inspected) -> String {
    if loaded.flows.is_empty() {
        return String::new();
    }
    let header = [
        "FLOW",
        "NAME",
        "ENVIRONMENT",
        "FIELDS",
        "CODE",
        "HANDLERS",
        "INTEGRATIONS",
        "ACCESS",
    ];
    let mut rows: Vec<[String; 8]> = vec![header.map(str::to_owned)];
    for (position, details) in loaded.flows.iter().enumerate() {
        let flow = &details.flow;
        let fields: Vec<String> = flow
            .prompt_fields
            .iter()
            .map(|field| format!("{}:{}", field.name, field.field_type.as_str()))
            .collect();
        let handlers = inspected
            .handlers
            .get(position)
            .cloned()
            .unwrap_or_default();
        // As `event.flow.environment.integrations` names them.
        let integrations: Vec<&str> = flow
            .environment
            .iter()
            .flat_map(|environment| environment.integrations.keys())
            .map(|key| key.strip_suffix("_id").unwrap_or(key))
            .collect();
        let access = match &flow.strategy {
            Some(strategy) => format!(
                "{} ({}, by hand)",
                strategy.strategy_type,
                plural(strategy.targets.len(), "target")
            ),
            None => "approval only".to_owned(),
        };
        rows.push([
            flow.address.clone(),
            flow.name.clone(),
            flow.environment
                .as_ref()
                .map_or_else(|| "-".to_owned(), |environment| environment.name.clone()),
            or_dash(fields.join(" ")),
            flow.implementation
                .file
                .clone()
                .unwrap_or_else(|| "in place".to_owned()),
            or_dash(handlers.join(" ")),
            or_dash(integrations.join(" ")),
            access,
        ]);
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().fold(String::new(), |mut text, row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let missing = width.saturating_sub(cell.chars().count()) + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', missing));
        }
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flows::report::inspect;
    use crate::flows::{LoadOptions, load};
    use crate::policy::types::{Inspection, PythonProblem};

    fn checked(case: &str, json: bool, inspection: &Inspection) -> (ExitCode, String) {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/flows")
            .join(case);
        let loaded = load(&LoadOptions {
            dirs: vec![dir],
            ..LoadOptions::default()
        });
        let inspected = inspect(&loaded, |_| inspection.clone());
        let mut out = Vec::new();
        let code = write(&loaded, &inspected, json, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_good_flow_is_shown_as_a_row_and_ends_with_success() {
        let inspection = Inspection {
            handlers: vec!["get_permissions".to_owned(), "on_approve".to_owned()],
            ..Inspection::default()
        };
        let (code, text) = checked("ok/guide_minimal", false, &inspection);
        assert_eq!(code, ExitCode::SUCCESS, "{text}");
        assert!(
            text.contains("sym_flow.this") && text.contains("get_permissions on_approve"),
            "{text}"
        );
        assert!(text.ends_with("1 flow, no errors, no warnings\n"), "{text}");
    }

    #[test]
    fn what_is_not_supported_is_listed_once_with_its_flows() {
        let inspection = Inspection {
            handlers: vec!["get_permissions".to_owned(), "on_escalate".to_owned()],
            ..Inspection::default()
        };
        let (_, text) = checked("ok/custom_strategy", false, &inspection);
        let of = |what: &str| text.lines().filter(|line| line.starts_with(what)).count();
        assert_eq!(of("NOT SUPPORTED"), 1, "{text}");
        assert_eq!(
            of("  strategy custom: after an approval, access is granted"),
            1,
            "{text}"
        );
        assert_eq!(of("  on_escalate: not called ("), 1, "{text}");
        let plain = Inspection {
            handlers: vec!["get_permissions".to_owned()],
            ..Inspection::default()
        };
        assert!(
            !checked("ok/guide_minimal", false, &plain)
                .1
                .contains("NOT SUPPORTED")
        );
    }

    #[test]
    fn a_syntax_error_in_python_is_shown_with_its_place_and_line() {
        let inspection = Inspection {
            handlers: Vec::new(),
            problems: vec![PythonProblem {
                error: true,
                line: 1,
                column: 6,
                message: "invalid syntax".to_owned(),
                hint: None,
            }],
            ..Inspection::default()
        };
        let (code, text) = checked("ok/guide_minimal", false, &inspection);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(
            text.contains("impl.py:1:6: error: invalid syntax\n   |\n 1 | from "),
            "{text}"
        );
        assert!(
            !text.contains("get_permissions, so nobody"),
            "one cause, one line: {text}"
        );
    }

    #[test]
    fn code_without_get_permissions_is_an_error_and_with_get_approvers_is_not() {
        let (code, text) = checked("ok/guide_minimal", true, &Inspection::default());
        assert_eq!(code, ExitCode::FAILURE);
        assert!(
            text.contains("there is no reducer get_permissions"),
            "{text}"
        );
        let former = Inspection {
            handlers: vec!["get_approvers".to_owned()],
            ..Inspection::default()
        };
        assert_eq!(
            checked("ok/guide_minimal", true, &former).0,
            ExitCode::SUCCESS
        );
    }
}
