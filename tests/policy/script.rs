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
