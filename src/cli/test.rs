//! `symbot test DIR`: prints what the cases of the `tests.yaml` files came to.

use std::io::Write;
use std::process::ExitCode;

use crate::flows::diagnostic::Severity;
use crate::flowtest::report::{CaseReport, Report};

/// Writes the report and says how the process is to end: 0 when all is as expected, 1 otherwise.
///
/// # Errors
/// The report cannot be written.
pub fn write(report: &Report, json: bool, out: &mut dyn Write) -> std::io::Result<ExitCode> {
    if json {
        serde_json::to_writer_pretty(&mut *out, report)?;
        writeln!(out)?;
    } else {
        write_text(report, out)?;
    }
    Ok(if report.is_fine() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write_text(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    for file in &report.files {
        writeln!(out, "{}", file.file)?;
        for case in &file.cases {
            write_case(case, out)?;
        }
        writeln!(out)?;
    }
    for problem in &report.problems {
        writeln!(out, "{}", problem.render(&report.sources))?;
    }
    let counted = |severity: Severity, word: &str| {
        let all = report.problems.iter();
        match all.filter(|one| one.severity == severity).count() {
            0 => String::new(),
            1 => format!(", 1 {word}"),
            many => format!(", {many} {word}s"),
        }
    };
    writeln!(
        out,
        "{} passed, {} failed{}{}",
        report.passed,
        report.failed,
        counted(Severity::Error, "problem"),
        counted(Severity::Warning, "warning")
    )
}

fn write_case(case: &CaseReport, out: &mut dyn Write) -> std::io::Result<()> {
    let word = if case.passed { "ok    " } else { "FAILED" };
    writeln!(out, "  {word} {}", case.name)?;
    for difference in &case.differences {
        writeln!(
            out,
            "      {}:{}:{}: {}",
            difference.file, difference.line, difference.column, difference.what
        )?;
        writeln!(out, "        expected {}", indented(&difference.expected))?;
        writeln!(out, "        got      {}", indented(&difference.got))?;
    }
    if !case.printed.is_empty() {
        writeln!(out, "      printed")?;
        for line in case.printed.trim_end().lines() {
            writeln!(out, "        {line}")?;
        }
    }
    Ok(())
}

/// Further lines below the first one.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n                 ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flowtest::report::{Difference, FileReport};

    fn report(passed: bool) -> Report {
        let differences = if passed {
            Vec::new()
        } else {
            vec![Difference {
                file: "tests.yaml".to_owned(),
                line: 7,
                column: 9,
                what: "notifications[0].to".to_owned(),
                expected: "#a".to_owned(),
                got: "two\nlines".to_owned(),
            }]
        };
        Report {
            files: vec![FileReport {
                file: "tests.yaml".to_owned(),
                cases: vec![CaseReport {
                    name: "one".to_owned(),
                    line: 3,
                    passed,
                    differences,
                    printed: if passed {
                        String::new()
                    } else {
                        "said\n".to_owned()
                    },
                }],
            }],
            passed: usize::from(passed),
            failed: usize::from(!passed),
            ..Report::default()
        }
    }

    fn written(report: &Report, json: bool) -> (ExitCode, String) {
        let mut out = Vec::new();
        let code = write(report, json, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_failed_case_shows_place_expectation_and_result() {
        let (code, text) = written(&report(false), false);
        assert_eq!(code, ExitCode::FAILURE);
        assert_eq!(
            text,
            "tests.yaml\n  FAILED one\n      tests.yaml:7:9: notifications[0].to\n        expected #a\n        got      two\n                 lines\n      printed\n        said\n\n0 passed, 1 failed\n"
        );
    }

    #[test]
    fn a_passed_case_is_a_line_and_nothing_tested_is_no_success() {
        let (code, text) = written(&report(true), false);
        assert_eq!(
            (code, text.as_str()),
            (
                ExitCode::SUCCESS,
                "tests.yaml\n  ok     one\n\n1 passed, 0 failed\n"
            )
        );
        assert_eq!(written(&Report::default(), false).0, ExitCode::FAILURE);
    }

    #[test]
    fn the_json_has_files_cases_and_differences() {
        let (_, text) = written(&report(false), true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["failed"], 1);
        assert_eq!(value["problems"], serde_json::json!([]));
        let case = &value["files"][0]["cases"][0];
        assert_eq!(case["passed"], false);
        assert_eq!(case["differences"][0]["what"], "notifications[0].to");
        assert_eq!(case["differences"][0]["line"], 7);
    }
}
