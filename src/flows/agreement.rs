//! Tests only: our evaluator against Terraform. `tests/flows/expressions/answers.tsv` holds expressions with what
//! `terraform console` (1.11) answered to `jsonencode(EXPRESSION)`. One test compares us with the answers; another asks
//! the Terraform that is installed, so that the answers cannot rot.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::config::read_module;
use super::eval::{STACK_BYTES, Scope, Values, World};
use super::files::Files;
use super::value::to_json;

/// How the list writes that an expression fails.
const FAILS: &str = "<error>";

/// Where we differ on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("1 / 3", "we keep 38 digits"),
    (
        "{ a = 1, a = 2 }",
        "the parser refuses what is surely a mistake",
    ),
    (
        "format(\"%s\", null)",
        "Terraform does not say: the answer is unknown",
    ),
    (
        "format(\"%v\", null)",
        "Terraform does not say: the answer is unknown",
    ),
    (
        "try(1 / 0, \"none\")",
        "Terraform's division stops even `try`; nobody can rely on that",
    ),
    ("sensitive(\"a\") == \"a\"", "the console hides it"),
    (
        "issensitive(sensitive(\"a\"))",
        "we do not follow what is sensitive",
    ),
    ("1 / 3 * 3", "we keep 38 digits"),
    ("1.1 + 2.2", "Terraform's numbers are binary with 512 bits"),
    ("pow(2, 100)", "ours is exact"),
    ("log(2, \"3\")", "the last digit of a logarithm"),
    ("-0", "we have no negative zero"),
    ("\"$$${1}\"", "the parser reads this rarity otherwise"),
    (
        "{\"a\" = 1, \"a\" = 2}",
        "the parser refuses what is surely a mistake",
    ),
    ("{local.l[0] = 1}", "the parser lets it pass"),
    (
        "base64gzip(\"\")",
        "the bytes depend on the version of a library",
    ),
    ("can(1 / 0)", "a division by zero fails here"),
    (
        "true ? {a={b=1}} : {a={b=true}}",
        "what was chosen is what was meant",
    ),
    ("yamldecode(\"a: !!int \\\"5\\\"\")", "we heed the tag"),
    ("cidrsubnet(\"10.0.0.0/8\", -1, 0)", "not a subnet"),
    (
        "cidrsubnet(\"10.0.0.0/8\", 4, -1)",
        "outside of the network",
    ),
    (
        "cidrsubnet(\"::ffff:10.0.0.0/104\", 8, 1)",
        "an address of the sixth version stays one",
    ),
    (
        "templatestring(\"a\", {})",
        "Terraform wants a reference there",
    ),
    ("provider::x::y(1)", "no provider runs here: unknown"),
    (
        "true || \"a\"",
        "later versions look at one side first as well",
    ),
    (
        "false && \"a\"",
        "later versions look at one side first as well",
    ),
    (
        "true || null",
        "later versions look at one side first as well",
    ),
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/expressions")
}

fn answers() -> Vec<(String, String)> {
    std::fs::read_to_string(dir().join("answers.tsv"))
        .unwrap()
        .lines()
        .map(|line| {
            let (expression, answer) = line.rsplit_once('\t').unwrap();
            (expression.to_owned(), answer.to_owned())
        })
        .collect()
}

/// What we make of expressions, in the context of that directory.
fn ours(expressions: Vec<String>) -> Vec<String> {
    let worker = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let files = Files::default();
            files.allow(&dir().canonicalize().unwrap());
            let world = World::new(files);
            let module = world.add_root(read_module(&world.sources, &dir(), ""), Values::default());
            expressions
                .iter()
                .map(|expression| {
                    world.refill();
                    let code = match super::parse::parse_expression(expression) {
                        Ok(code) => code,
                        Err(problem) => return format!("{FAILS} {problem}"),
                    };
                    match world.eval(&code, &Scope::top(&module, 0)) {
                        Ok(value) => match value.first_unknown() {
                            Some(unknown) => unknown.to_string(),
                            None => to_json(&value),
                        },
                        Err(failure) => format!("{FAILS} {}", failure.message()),
                    }
                })
                .collect()
        });
    worker.unwrap().join().unwrap()
}

/// What the installed Terraform makes of expressions; `None` where there is none.
fn terraforms(expressions: &[(String, String)]) -> Option<Vec<String>> {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&dir(), copy.path());
    std::fs::rename(copy.path().join("context.tf"), copy.path().join("main.tf")).unwrap();
    let mut answers = Vec::new();
    for (expression, _) in expressions {
        let mut console = Command::new("terraform")
            .arg("console")
            .current_dir(copy.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut input = console.stdin.take().unwrap();
        writeln!(input, "jsonencode({expression})").unwrap();
        drop(input);
        let output = console.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.trim();
        // The console writes the text as a string of the configuration language.
        answers.push(match serde_json::from_str::<String>(text) {
            Ok(json) if output.status.success() => json.replace("$${", "${").replace("%%{", "%{"),
            _ if output.status.success() => text.to_owned(),
            _ => FAILS.to_owned(),
        });
    }
    Some(answers)
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A sample only: one process per expression takes about a quarter of a second.
#[test]
fn the_recorded_answers_are_those_of_the_installed_terraform() {
    const STEP: usize = 80;
    let sample: Vec<_> = answers().into_iter().step_by(STEP).collect();
    let Some(terraforms) = terraforms(&sample) else {
        println!("skipped: there is no terraform here");
        return;
    };
    for ((expression, answer), terraform) in sample.iter().zip(&terraforms) {
        assert_eq!(answer, terraform, "{expression}");
    }
}

#[test]
fn expressions_mean_what_terraform_says_they_mean() {
    let answers = answers();
    let ours = ours(
        answers
            .iter()
            .map(|(expression, _)| expression.clone())
            .collect(),
    );
    let mut wrong = Vec::new();
    for ((expression, answer), our) in answers.iter().zip(&ours) {
        let agrees = our == answer || answer == FAILS && our.starts_with(FAILS);
        if !agrees && !DIFFERENT.iter().any(|(known, _)| known == expression) {
            wrong.push(format!(
                "{expression}\n    terraform: {answer}\n    symbot:    {our}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        answers.len(),
        wrong.join("\n")
    );
}

/// Functions that are known and give no value, with the reason.
const WITHOUT_VALUE: &[(&str, &str)] = &[
    ("timestamp()", "another value at every run"),
    ("plantimestamp()", "another value at every run"),
    ("uuid()", "another value at every run"),
    (
        "bcrypt(\"x\")",
        "another value at every run: the salt is random",
    ),
    (
        "rsadecrypt(\"eA==\", \"key\")",
        "needs a private key, which does not belong here; the crate for it has an open advisory",
    ),
    (
        "base64gzip(\"x\")",
        "the exact bytes are those of one version of Go's library",
    ),
    (
        "pathexpand(\"~/x\")",
        "a home directory is not part of a configuration",
    ),
    (
        "textencodebase64(\"x\", \"IBM037\")",
        "a few old character sets have no library here",
    ),
];

#[test]
fn every_function_of_the_installed_terraform_is_known() {
    let asked = Command::new("terraform")
        .args(["metadata", "functions", "-json"])
        .stderr(Stdio::null())
        .output();
    let Ok(output) = asked else {
        println!("skipped: there is no terraform here");
        return;
    };
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let theirs = json["function_signatures"].as_object().unwrap();
    assert!(theirs.len() > 100, "{}", theirs.len());
    let missing: Vec<&String> = theirs
        .keys()
        .filter(|name| {
            let plain = name.strip_prefix("core::").unwrap_or(name);
            !super::functions::names().any(|ours| ours == plain)
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Each is compared with Terraform's answers at least twice, but for those that give none.
    let answers = answers();
    let mut seldom = Vec::new();
    for name in super::functions::names() {
        let call = format!("{name}(");
        let compared = answers
            .iter()
            .filter(|(expression, _)| expression.contains(&call))
            .count();
        let excused = WITHOUT_VALUE
            .iter()
            .any(|(known, _)| known.starts_with(&call))
            || NOT_IN_1_11.contains(&name);
        if compared < 2 && !excused {
            seldom.push(format!("{name}: {compared}"));
        }
    }
    assert!(seldom.is_empty(), "{seldom:?}");
}

/// Of later versions.
const NOT_IN_1_11: [&str; 1] = ["urldecode"];

#[test]
fn functions_without_a_value_are_unknown_with_their_name_as_the_reason() {
    let calls = WITHOUT_VALUE.iter().map(|(call, _)| (*call).to_owned());
    for ((call, why), ours) in WITHOUT_VALUE.iter().zip(ours(calls.collect())) {
        let (name, _) = call.split_once('(').unwrap();
        assert_eq!(ours, format!("<unknown: {name}()>"), "{call}: {why}");
    }
}
