//! Tests only: the root modules of `tests/flows`. Those in `ok` load with the report that is beside them, those in `bad`
//! give exactly the problems that are beside them. `options.json` in a case holds what the command line would say.
//! `SYMBOT_ACCEPT=1` writes what came out beside them instead, to be read before it is committed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};

use super::catalog::Implementation;
use super::report::{inspect, report};
use super::{Assignment, LoadOptions, Loaded, load};
use crate::policy::types::Inspection;

fn cases(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/flows")
        .join(kind);
    let mut cases: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 30, "the corpus is there");
    cases
}

fn options(case: &Path) -> LoadOptions {
    let mut options = LoadOptions {
        dirs: vec![case.to_owned()],
        ..LoadOptions::default()
    };
    let Ok(text) = std::fs::read_to_string(case.join("options.json")) else {
        return options;
    };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pairs = |key: &str| -> Vec<(String, String)> {
        json[key]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    };
    options.env_vars = pairs("env");
    let files = json["var_files"].as_array().into_iter().flatten();
    options.assignments = files
        .map(|file| Assignment::File(case.join(file.as_str().unwrap())))
        .chain(pairs("vars").into_iter().map(value))
        .collect();
    options
}

fn value((name, text): (String, String)) -> Assignment {
    Assignment::Value { name, text }
}

fn accepts() -> bool {
    std::env::var("SYMBOT_ACCEPT").is_ok()
}

fn loaded(case: &Path) -> Loaded {
    load(&options(case))
}

fn fine(code: &Implementation) -> Inspection {
    let handler = if code.source.contains("def get_flows") {
        "get_flows"
    } else {
        "get_permissions"
    };
    Inspection {
        handlers: vec![handler.to_owned()],
        ..Inspection::default()
    }
}

#[test]
fn good_configurations_load_as_expected() {
    for case in cases("ok") {
        let loaded = loaded(&case);
        let inspected = inspect(&loaded, fine);
        let ours = report(&loaded, &inspected);
        if accepts() {
            let text = serde_json::to_string_pretty(&ours).unwrap();
            std::fs::write(case.join("expected.json"), text + "\n").unwrap();
        }
        let text = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(ours, expected, "{}", case.display());
        assert!(!inspected.has_errors(), "{}", case.display());
    }
}

#[test]
fn bad_configurations_give_the_expected_problems() {
    for case in cases("bad") {
        let loaded = loaded(&case);
        let lines: Vec<String> = loaded
            .diagnostics
            .iter()
            .map(|diagnostic| {
                diagnostic
                    .to_string()
                    .replace(case.to_str().unwrap(), "DIR")
            })
            .collect();
        if accepts() {
            std::fs::write(case.join("expected.txt"), lines.join("\n") + "\n").unwrap();
        }
        let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
        assert_eq!(lines.join("\n"), expected.trim_end(), "{}", case.display());
        assert!(loaded.has_errors(), "{}", case.display());
    }
}

#[test]
fn later_values_of_the_command_line_count_over_earlier_ones() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/ok/variable_precedence");
    let file = || Assignment::File(case.join("other.tfvars"));
    let line = || value(("f".to_owned(), "command line".to_owned()));
    for (assignments, expected) in [
        (vec![file(), line()], "command line"),
        (vec![line(), file()], "var-file"),
        (
            vec![line(), value(("f".to_owned(), "again".to_owned()))],
            "again",
        ),
    ] {
        let mut options = options(&case);
        options.assignments = assignments;
        assert_eq!(load(&options).catalog.flows[0].vars["f"], expected);
    }
}

#[test]
fn loading_twice_gives_the_same_versions_and_another_text_another_version() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/ok/guide_variables");
    let first = loaded(&case);
    assert_eq!(first.catalog.version, loaded(&case).catalog.version);
    let mut options = options(&case);
    options.assignments = vec![value((
        "flow_variables".to_owned(),
        "{ request_channel = \"#other\" }".to_owned(),
    ))];
    let other = load(&options);
    assert_ne!(first.catalog.version, other.catalog.version);
    assert_ne!(
        first.catalog.flows[0].version,
        other.catalog.flows[0].version
    );
    assert_eq!(
        first.catalog.flows[0].strategy,
        other.catalog.flows[0].strategy
    );
}

/// Problems in which a value could be said, one for each load. The value is `marker-secret`, of the
/// function `other-mark` or, where digits are needed, 48151623.
const WITH_SENSITIVE: [&str; 14] = [
    "locals { x = tonumber(var.l) }",
    "locals { x = var.l + 1 }",
    "locals { x = tobool(var.l) }",
    "locals { x = { a = 1 }[var.l] }",
    "locals { x = file(var.l) }",
    "locals {\n y = \"${var.l}!\"\n x = tonumber(local.y)\n}",
    "locals { x = try(tonumber(var.all.one[0]), tonumber(var.all.two)) }",
    "locals { x = tonumber(sensitive(\"other-mark\")) }",
    "module \"m\" { source = \"./marker-secret\" }",
    "data \"sym_target\" \"x\" { name = var.l }",
    "resource \"sym_environment\" \"x\" { name = \"${var.l} \" }",
    "variable \"v\" {\n default = \"marker-secret\"\n validation {\n condition = var.v == \"\"\n error_message = \"bad ${var.v}\"\n }\n}",
    "variable \"n\" {\n type = number\n sensitive = \"true\"\n default = \"marker-secret\"\n}",
    "resource \"sym_flow\" \"x\" {\n name = \"x\"\n implementation = \"x = 1\\n\"\n environment_id = var.l\n vars = { k = var.digits }\n}",
];

#[test]
fn the_value_of_a_sensitive_variable_is_never_shown() {
    const DECLARED: &str = r#"
variable "l" {
  sensitive = true
}
variable "all" {
  sensitive = true
}
variable "digits" {
  sensitive = true
  default   = 48151623
}
"#;
    const GIVEN: &str =
        "l = \"marker-secret\"\nall = {\n one = [\"marker-secret\"]\n two = \"marker-secret\"\n}\n";
    let given = [
        GIVEN,
        "l = tonumber(\"marker-secret\")\n",
        "l = \"marker-secret\nall = 1\n",
    ];
    let texts = WITH_SENSITIVE.map(|text| (text, GIVEN));
    let files = given.map(|given| ("locals { x = tonumber(var.l) }", given));
    for (text, given) in texts.into_iter().chain(files) {
        let dir = tempfile::tempdir().unwrap();
        let main = format!("{text}\n{DECLARED}");
        std::fs::write(dir.path().join("main.tf"), main).unwrap();
        std::fs::write(dir.path().join("terraform.tfvars"), given).unwrap();
        let loaded = loaded(dir.path());
        assert!(loaded.has_errors(), "{text}");
        for diagnostic in &loaded.diagnostics {
            let shown = diagnostic.render(&loaded.sources);
            for secret in ["marker-secret", "other-mark", "48151623"] {
                assert!(!shown.contains(secret), "{text}: {shown}");
            }
        }
    }
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/bad/sensitive_value");
    let loaded = loaded(&case);
    assert_eq!(loaded.diagnostics.len(), 2);
    for diagnostic in &loaded.diagnostics {
        let shown = diagnostic.render(&loaded.sources);
        assert!(!shown.contains("marker-secret"), "{shown}");
    }
}

#[test]
fn a_field_of_people_with_prefetch_is_one_mistake() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/bad/slack_user_fields");
    let loaded = loaded(&case);
    let without_reducers = |code: &Implementation| Inspection {
        prefetch: Some(Vec::new()),
        ..fine(code)
    };
    let inspected = inspect(&loaded, without_reducers);
    assert_eq!(inspected.diagnostics, loaded.diagnostics);
}

#[test]
fn a_problem_of_code_in_place_is_at_its_line() {
    const MAIN: &str = r#"resource "sym_flow" "this" {
  name           = "a"
  implementation = <<-PY
    def a():
        return 1
  PY
  params {
    prompt_field {
      name      = "f"
      type      = "string"
      on_change = <<PY
def on_change_f(event):

    return 2
PY
    }
  }
}

resource "sym_flow" "put_together" {
  name           = "b"
  implementation = <<PY
def b():
    return "${"x"}"
PY
}
"#;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("main.tf"), MAIN).unwrap();
    let loaded = loaded(dir.path());
    let inspected = inspect(&loaded, |code| Inspection {
        problems: vec![crate::policy::types::PythonProblem {
            error: true,
            line: code.source.lines().count(),
            column: 5,
            message: "the last line".to_owned(),
            hint: None,
        }],
        ..fine(code)
    });
    let lines: Vec<String> = inspected
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "main.tf:5:9: error: the last line",
        "main.tf:14:5: error: the last line",
        "main.tf:22:20: error: line 2 of the code: the last line",
    ];
    assert_eq!(lines, expected);
}
