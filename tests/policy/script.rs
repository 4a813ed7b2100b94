//! `symbot python`: a script in the sandbox.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use symbot::policy::pool::Pool;
use symbot::policy::python_cmd::{self, PythonCommand};
use symbot::policy::types::FailureKind;
use symbot::policy::wire::ScriptRequest;

use crate::support::{RUNTIME, config};

/// Exit code, standard output, standard error.
fn run(source: &str, arguments: &[&str]) -> (i32, String, String) {
    let (output, errors) = (Mutex::new(String::new()), Mutex::new(String::new()));
    let code = RUNTIME.block_on(async {
        let pool = Pool::start(config(1));
        let script = ScriptRequest {
            file: "script.py".to_owned(),
            source: source.to_owned(),
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            modules: Vec::new(),
            tests: false,
        };
        let print = |text: &str, error: bool| {
            let stream = if error { &errors } else { &output };
            stream.lock().unwrap().push_str(text);
        };
        let code = pool.script(script, Duration::from_secs(30), &print).await;
        pool.shutdown().await;
        code.unwrap()
    });
    (
        code,
        output.into_inner().unwrap(),
        errors.into_inner().unwrap(),
    )
}

#[test]
fn a_script_prints_and_ends_with_zero() {
    let source =
        "from sym.sdk.integrations import slack\nprint(slack.channel('#a'))\nprint(__name__)\n";
    assert_eq!(
        run(source, &[]),
        (
            0,
            "SlackChannelName '#a'\n__main__\n".to_owned(),
            String::new()
        )
    );
}

#[test]
fn output_is_not_cut() {
    let (code, output, _) = run("print('x' * 100_000)", &[]);
    assert_eq!((code, output.len()), (0, 100_001));
}

#[test]
fn an_exception_ends_with_one_and_a_traceback() {
    let (code, output, errors) = run("print('before')\nassert 1 == 2, 'sums'\n", &[]);
    assert_eq!((code, output.as_str()), (1, "before\n"));
    assert_eq!(
        errors,
        "Traceback (most recent call last):\n  File \"script.py\", line 2, in <module>\n    assert 1 == 2, 'sums'\nAssertionError: sums\n"
    );
}

#[test]
fn a_syntax_error_shows_the_place() {
    let (code, _, errors) = run("x = 1\nif x\n    pass\n", &[]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("File \"script.py\", line 2\n    if x\n        ^"),
        "{errors}"
    );
}

#[test]
fn exit_codes_are_kept() {
    assert_eq!(run("raise SystemExit(3)", &[]).0, 3);
    assert_eq!(run("raise SystemExit", &[]).0, 0);
    assert_eq!(
        run("raise SystemExit('no')", &[]),
        (1, String::new(), "no\n".to_owned())
    );
}

#[test]
fn the_sandbox_is_that_of_handlers() {
    let (code, _, errors) = run("import os", &[]);
    assert_eq!(code, 1);
    assert!(errors.contains("'os' cannot be imported"), "{errors}");
}

#[test]
fn an_endless_script_is_stopped() {
    RUNTIME.block_on(async {
        let pool = Pool::start(config(1));
        let script = ScriptRequest {
            file: "script.py".to_owned(),
            source: "while True: pass".to_owned(),
            arguments: Vec::new(),
            modules: Vec::new(),
            tests: false,
        };
        let failure = pool
            .script(script, Duration::from_millis(300), &|_, _| {})
            .await
            .expect_err("endless");
        assert_eq!(failure.kind, FailureKind::Timeout);
        pool.shutdown().await;
    });
}

#[test]
fn modules_of_a_path_can_be_imported() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib/helpers/__init__.py", "from .inner import VALUE\n");
    write(
        "lib/helpers/inner.py",
        "import json\nVALUE = json.dumps([1])\n",
    );
    write(
        "main.py",
        "import helpers\nfrom helpers import inner\nassert helpers.VALUE == inner.VALUE == '[1]'\n",
    );
    let command = PythonCommand {
        file: directory.path().join("main.py"),
        arguments: Vec::new(),
        paths: vec![directory.path().join("lib")],
        timeout: Duration::from_secs(30),
        program: PathBuf::from(env!("CARGO_BIN_EXE_symbot")),
        tests: false,
    };
    assert_eq!(RUNTIME.block_on(python_cmd::run(&command)), Ok(0));
    let missing = PythonCommand {
        file: directory.path().join("none.py"),
        ..command
    };
    assert!(
        RUNTIME
            .block_on(python_cmd::run(&missing))
            .unwrap_err()
            .contains("none.py")
    );
}

fn runner(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/policy/runner")
        .join(name)
}

/// `symbot python` with these arguments: exit code and what it printed.
fn symbot_python(arguments: &[&std::ffi::OsStr]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_symbot"))
        .arg("python")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

#[test]
fn tests_are_run_with_fixtures_parameters_and_mocks() {
    let file = runner("test_passing.py");
    let (code, text) = symbot_python(&["--test".as_ref(), file.as_ref()]);
    assert_eq!(code, 0, "{text}");
    for line in [
        "test_passing.py::test_combinations[1-1-+] PASSED",
        "test_passing.py::test_combinations[two--] PASSED",
        "test_passing.py::test_ids[two] PASSED",
        "test_passing.py::test_skipped SKIPPED (not now)",
        "test_passing.py::test_skips_itself SKIPPED (after all)",
        "test_passing.py::test_known_to_fail XFAIL (known)",
        "test_passing.py::TestMethods::test_parametrized[2] PASSED",
        "test_passing.py::Case::test_assertions PASSED",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.trim_end().ends_with("4 skipped, 1 xfailed"), "{text}");
}

#[test]
fn failed_tests_say_what_was_compared_and_end_with_one() {
    let file = runner("failing.py");
    let (code, text) = symbot_python(&["--test".as_ref(), file.as_ref()]);
    assert_eq!(code, 1, "{text}");
    for part in [
        "failing.py::test_compared[3] FAILED",
        "____ test_compared[3] ____\nwith value=3\n",
        "line 11, in test_compared\n        assert value == 4\n    AssertionError: assert value == 4\n    3 == 4\nprinted:\n    about to fail\n",
        "E   fixture 'nothing' not found; there are: broken, capsys, from_conftest, monkeypatch",
        "    KeyError: 'x'",
        "    SystemExit: 0",
        "[XPASS(strict)]",
        "    OSError: no fixture",
        "    AssertionError: [1] == [2]",
        "\n7 failed\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn a_file_named_like_tests_runs_them_without_being_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("test_sums.py");
    let run = |source: &str, arguments: &[&str]| {
        std::fs::write(&file, source).unwrap();
        let mut all: Vec<&std::ffi::OsStr> = vec![file.as_ref()];
        all.extend(arguments.iter().map(std::ffi::OsStr::new));
        symbot_python(&all)
    };
    let (code, text) = run("def test_sum():\n    assert 1 + 1 == 3\n", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("test_sum FAILED") && text.contains("2 == 3"),
        "{text}"
    );
    // What says itself what running it means is a script.
    let main =
        "def test_sum():\n    assert 1 + 1 == 3\nif __name__ == '__main__':\n    print('own')\n";
    assert_eq!(run(main, &[]), (0, "own\n".to_owned()));
    let main = "import pytest, sys\ndef test_sum():\n    assert 1 + 1 == 3\nif __name__ == '__main__':\n    sys.exit(pytest.main([__file__]))\n";
    let (code, text) = run(main, &[]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(text.matches("test_sum FAILED").count(), 1, "{text}");
    assert_eq!(run("x = 1\n", &[]), (0, String::new()));
}

#[test]
fn tests_can_be_chosen_and_a_file_without_any_is_not_a_success() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sums.py");
    std::fs::write(
        &file,
        "def test_one():\n    pass\ndef test_two():\n    assert 0\ndef test_three():\n    assert 0\n",
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let mut all: Vec<&std::ffi::OsStr> = vec!["--test".as_ref(), file.as_ref()];
        all.extend(arguments.iter().map(std::ffi::OsStr::new));
        symbot_python(&all)
    };
    let (code, text) = run(&["-k", "one"]);
    assert!(code == 0 && text.ends_with("1 passed\n"), "{text}");
    let (code, text) = run(&["-k", "not one", "-x", "-q"]);
    assert!(
        code == 1 && text.ends_with("\n1 failed\n") && !text.contains("FAILED"),
        "{text}"
    );
    let (code, text) = run(&["-k", "four"]);
    assert!(
        code == 1 && text.contains("no tests whose names fit 'four'"),
        "{text}"
    );
    let (code, text) = run(&["--fast"]);
    assert!(
        code == 1 && text.contains("unknown option --fast"),
        "{text}"
    );
    std::fs::write(&file, "x = 1\n").unwrap();
    let (code, text) = run(&[]);
    assert!(code == 1 && text.contains("no tests"), "{text}");
    std::fs::write(&file, "def test_a(:\n").unwrap();
    let (code, text) = run(&[]);
    assert!(code == 1 && text.contains("SyntaxError"), "{text}");
}

#[test]
fn the_test_files_of_a_directory_are_run_each_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "impl.py",
        "from sym.sdk.annotations import reducer\n@reducer\ndef get_permissions(event):\n    return slack.channel(event)\n",
    );
    write(
        "test_impl.py",
        "import impl\ndef test_it():\n    assert impl.get_permissions('#a').channel_name == '#a'\n",
    );
    write("b_test.py", "def test_b():\n    assert 1\n");
    write("other.py", "raise ValueError\n");
    let run = || symbot_python(&["--test".as_ref(), directory.path().as_ref()]);
    let (code, text) = run();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("test_it PASSED") && text.contains("test_b PASSED"),
        "{text}"
    );
    assert!(text.ends_with("2 test files, all fine\n"), "{text}");
    write("test_bad.py", "def test_c():\n    assert 0\n");
    let (code, text) = run();
    assert!(
        code == 1
            && text.contains("3 test files, 1 failed: ")
            && text.trim_end().ends_with("test_bad.py"),
        "{text}"
    );
    let empty = tempfile::tempdir().unwrap();
    let (code, text) = symbot_python(&["--test".as_ref(), empty.path().as_ref()]);
    assert!(
        code == 1 && text.contains("there are no files test_*.py"),
        "{text}"
    );
}

#[test]
fn implementation_files_cannot_import_what_is_for_tests() {
    for name in ["pytest", "unittest", "sys"] {
        let failure = crate::support::failure(&format!("import {name}"));
        assert!(failure.message.contains("cannot be imported"), "{failure}");
    }
}
