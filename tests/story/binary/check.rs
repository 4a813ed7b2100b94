//! `symbot check`, and that `symbot run` refuses what `check` refuses, with the same places.

use serde_json::{Value, json};
use slack_sim::{Setup, SlackSim};

use super::harness::{Data, Flows, ORDINARY, Start};

type Tested = Result<(), Box<dyn std::error::Error>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_flows_are_fine() {
    let ended = Start::new(&["check", "flows"]).end().await;
    ended.expect_code(0);
    for flow in ["approval", "urgency", "source", "notify-user"] {
        assert!(
            ended.out.contains(flow),
            "{flow} is missing:\n{}",
            ended.out
        );
    }
    assert!(ended.out.contains("no errors"), "{}", ended.out);
    // Without an argument it is the same directory.
    let default = Start::new(&["check"]).end().await;
    assert_eq!(default.expect_code(0).out, ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_has_the_keys_that_others_rely_on() -> Tested {
    let ended = Start::new(&["check", "flows/approval", "--json"])
        .end()
        .await;
    let report: Value = serde_json::from_str(&ended.expect_code(0).out)?;
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&report), ["diagnostics", "flows", "sym_resources"]);
    assert_eq!(report["diagnostics"], json!([]));
    assert_eq!(report["sym_resources"]["sym_flow"], 1);
    let flow = &report["flows"][0];
    assert_eq!(
        keys(flow),
        [
            "address",
            "allowed_sources",
            "environment",
            "environment_integrations",
            "handlers",
            "implementation_file",
            "label",
            "name",
            "params",
            "prompt_fields",
            "strategy",
            "vars"
        ]
    );
    assert_eq!(flow["address"], "sym_flow.this");
    assert_eq!(flow["name"], "approval");
    assert_eq!(flow["environment"], "main");
    assert_eq!(flow["implementation_file"], "impl.py");
    assert_eq!(
        flow["handlers"],
        json!(["get_permissions", "get_request_notifications"])
    );
    assert_eq!(flow["strategy"], Value::Null);
    let field = &flow["prompt_fields"][0];
    assert_eq!(
        keys(field),
        [
            "allowed_values",
            "default",
            "label",
            "name",
            "on_change_file",
            "prefetch",
            "required",
            "type",
            "visible"
        ]
    );
    assert_eq!(
        (&field["name"], &field["type"]),
        (&json!("reason"), &json!("string"))
    );
    Ok(())
}

const FLOW: &str = r#"resource "sym_flow" "this" {
  name           = "broken"
  label          = "Broken"
  implementation = file("${path.module}/impl.py")
  params {
  }
}
"#;

/// What is wrong, main.tf, impl.py, the place that is named, words of the message.
fn mistakes() -> [(&'static str, String, String, &'static str, &'static str); 6] {
    let good = good_code();
    [
        (
            "HCL that cannot be parsed",
            FLOW.replace("\"broken\"", "= \"broken\""),
            good.clone(),
            "main.tf:2:",
            "",
        ),
        (
            "a variable without a value",
            format!(
                "variable \"who\" {{\n  type = string\n}}\n{}",
                FLOW.replace("\"Broken\"", "var.who")
            ),
            good.clone(),
            "main.tf:1:",
            "who",
        ),
        (
            "a file that is not there",
            FLOW.replace("impl.py", "gone.py"),
            good.clone(),
            "main.tf:4:",
            "gone.py",
        ),
        (
            "Python that cannot be parsed",
            FLOW.to_owned(),
            good.replace("def get_permissions(event):", "def get_permissions(event)"),
            "impl.py:7:",
            "",
        ),
        (
            "no get_permissions",
            FLOW.to_owned(),
            good.replace("def get_permissions", "def get_permission"),
            "impl.py:",
            "get_permissions",
        ),
        (
            "code that raises while it is loaded",
            FLOW.to_owned(),
            format!("{good}\nnobody.knows()\n"),
            "impl.py:15:",
            "nobody",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_is_one_line_with_its_place_and_keeps_the_bot_from_starting() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    for (what, terraform, code, place, words) in mistakes() {
        let flows = Flows::new().with_files("broken", &terraform, &code);
        let dir = flows.path().join("broken");
        let ended = Start::new(&["check", &dir.display().to_string()])
            .end()
            .await;
        ended.expect_code(1);
        let errors: Vec<&str> = ended
            .out
            .lines()
            .filter(|line| line.contains(": error: "))
            .collect();
        let [error] = errors.as_slice() else {
            panic!("{what} is not one error:\n{}\n{}", ended.out, ended.err);
        };
        assert!(error.starts_with(place), "{what}: not at {place}: {error}");
        let rest = &error[place.len()..];
        let column: String = error.split(':').nth(2).unwrap_or_default().to_owned();
        assert!(column.parse::<u32>().is_ok(), "{what}: no column: {error}");
        assert!(rest.contains(words), "{what}: {error}");

        let json = Start::new(&["check", "--json", &dir.display().to_string()])
            .end()
            .await;
        let report: Value = serde_json::from_str(&json.expect_code(1).out)?;
        let problem = report["diagnostics"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|problem| problem["severity"] == "error")
            .expect("an error");
        let named = format!(
            "{}:{}:{}",
            problem["file"].as_str().unwrap_or_default(),
            problem["line"],
            problem["column"]
        );
        assert!(
            error.starts_with(&named),
            "{what}: text says {error}, JSON {named}"
        );

        let data = Data::new();
        let ended = Start::run(&slack, &dir, &data.path()).end().await;
        ended
            .expect_code(1)
            .expect_words(&format!("\"place\":\"{named}\""))
            .expect_words("symbot check");
        let message = problem["message"].as_str().unwrap_or_default();
        let logged = ended
            .err
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        assert!(
            logged.into_iter().any(|line| line["message"] == message),
            "{what}: the log does not say {message:?}:\n{}",
            ended.err
        );
        assert!(!data.path().exists(), "{what}: a data directory was made");
    }
    assert!(
        slack.calls("auth.test").is_empty(),
        "Slack was asked before the flows were known to be right"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_flows_and_one_that_is_missing_are_errors() {
    let empty = tempfile::tempdir().expect("a directory");
    for dir in [
        empty.path().display().to_string(),
        "/no/such/place".to_owned(),
    ] {
        let ended = Start::new(&["check", &dir]).end().await;
        ended.expect_code(1);
        assert!(ended.out.contains("error: "), "{}", ended.out);
    }
}

const PREFETCH_FLOW: &str = r#"resource "sym_flow" "this" {
  name           = "teams"
  label          = "Teams"
  implementation = file("${path.module}/impl.py")
  params {
    prompt_field {
      name     = "team"
      type     = "string"
      prefetch = true
    }
    prompt_field {
      name = "site"
      type = "string"
    }
  }
}
"#;

/// The lines of errors and warnings that `check` prints for a flow whose other files are these.
async fn problems(terraform: &str, code: &str, files: &[(&str, &str)]) -> Vec<String> {
    let flows = Flows::new().with_files("flow", terraform, code);
    let dir = flows.path().join("flow");
    for (name, text) in files {
        std::fs::write(dir.join(name), text).expect("a file");
    }
    let ended = Start::new(&["check", &dir.display().to_string()])
        .end()
        .await;
    let lines = ended.out.lines();
    lines
        .filter(|line| line.contains(": error: ") || line.contains(": warning: "))
        .map(str::to_owned)
        .collect()
}

/// A file of code that may decide.
fn good_code() -> String {
    format!(
        "from sym.sdk.annotations import prefetch, reducer\nfrom sym.sdk.integrations import slack\nfrom sym.sdk.notifications import Notification\nfrom sym.sdk.request_permission import PermissionLevel, RequestPermission\n{ORDINARY}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_is_judged_by_what_it_is_for() {
    let filter =
        "resource \"sym_flows_filter\" \"this\" {\n  implementation = file(\"other.py\")\n}\n";
    let field = "prompt_field {\n      name      = \"a-b\"\n      type      = \"string\"\n      on_change = file(\"other.py\")\n    }";
    let changing = FLOW.replace("  params {", &format!("  params {{\n    {field}"));
    let filtered = format!("{FLOW}{filter}");
    let no_filter = "error: there is no reducer get_flows, so nobody could be offered a flow";
    let reducer = "from sym.sdk.annotations import reducer\n@reducer\n";
    for (terraform, other, expected) in [
        (&filtered, "x = 1\n".to_owned(), vec![format!("other.py:1:1: {no_filter}")]),
        (
            &filtered,
            format!("{reducer}def get_flow(user, flows, variables):\n    return flows\n"),
            vec![
                format!("other.py:1:1: {no_filter}"),
                "other.py:3:1: warning: 'get_flow' is not the name of a reducer: it is never called".to_owned(),
            ],
        ),
        (
            &filtered,
            "def get_flows(user, flows, variables):\n    return flows\n".to_owned(),
            vec![
                format!("other.py:1:1: {no_filter}"),
                "other.py:1:1: warning: 'get_flows' has the name of a reducer but no decorator: it is never called".to_owned(),
            ],
        ),
        (&changing, "def on_change_a_b(username, form):\n    return form\n".to_owned(), vec![]),
        (
            &changing,
            "def onchange_a_b(username, form):\n    return form\n".to_owned(),
            vec!["main.tf:9:19: error: sym_flow.this: prompt_field \"a-b\": on_change does not define on_change_a_b".to_owned()],
        ),
        (
            &changing,
            "on_change_a_b = 3\n".to_owned(),
            vec!["other.py:1:1: error: 'on_change_a_b' is not a function".to_owned()],
        ),
        // What no field has as its own may be anything.
        (
            &changing,
            "def on_change_a_b(username, form):\n    return form\ndef on_change_all(form):\n    return form\ndef on_change_b(form):\n    pass\n".to_owned(),
            vec![],
        ),
    ] {
        let found = problems(terraform, &good_code(), &[("other.py", &other)]).await;
        assert_eq!(found, expected, "{other}");
    }
    let hook = good_code().replace(
        "@reducer\ndef get_permissions",
        "from sym.sdk.annotations import hook\n@hook\ndef get_permissions",
    );
    let found = problems(FLOW, &hook, &[]).await;
    assert_eq!(found.len(), 1, "one cause, one line: {found:?}");
    // Two causes are told at once.
    let two = format!(
        "{}\n@reducer\ndef get_timeout():\n    return None\n",
        good_code().replace("def get_permissions", "def get_permission")
    );
    let found = problems(FLOW, &two, &[]).await;
    assert!(
        found[0].ends_with(
            "there is no reducer get_permissions, so nobody could decide about requests"
        ) && found
            .iter()
            .any(|line| line.contains("'get_timeout' must take")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_may_begin_with_a_byte_order_mark() {
    let marked = |code: &str| format!("\u{feff}{code}");
    let change = marked("def on_change_a(username, form):\n    return form\n");
    let field = "prompt_field {\n      name      = \"a\"\n      type      = \"string\"\n      on_change = file(\"other.py\")\n    }";
    let terraform = FLOW.replace("  params {", &format!("  params {{\n    {field}"));
    for terraform in [
        terraform.replace("file(\"${path.module}/impl.py\")", "\"impl.py\""),
        terraform.replace(
            "file(\"${path.module}/impl.py\")",
            "filebase64(\"${path.module}/impl.py\")",
        ),
        terraform,
    ] {
        let found = problems(&terraform, &marked(&good_code()), &[("other.py", &change)]).await;
        assert_eq!(found, Vec::<String>::new(), "{terraform}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefetch_fields_and_prefetch_reducers_are_held_against_each_other() {
    let code = |reducers: &str| good_code() + reducers;
    let lines = code("").lines().count();
    let reducer =
        |field: &str| format!("\n@prefetch(\"{field}\")\ndef of_{field}(event):\n    return []\n");
    let at = |line: usize, rest: &str| format!("impl.py:{}:1: {rest}", lines + line);
    for (what, reducers, expected) in [
        ("one for the field", reducer("team"), vec![]),
        (
            "none",
            String::new(),
            vec![
                "impl.py:1:1: error: there is no prefetch reducer for the field 'team' of the flow teams: its form could not be shown"
                    .to_owned(),
            ],
        ),
        (
            "two",
            reducer("team") + &reducer("team").replace("of_team", "again"),
            vec![at(7, "error: there are several prefetch reducers for the field 'team': of_team, again")],
        ),
        (
            "of a field that is not fetched, and of none",
            reducer("team") + &reducer("site") + &reducer("teams"),
            vec![
                at(7, "warning: 'of_site' is never called: the field 'site' does not say prefetch = true"),
                at(11, "warning: 'of_teams' is never called: there is no field 'teams'"),
            ],
        ),
    ] {
        let found = problems(PREFETCH_FLOW, &code(&reducers), &[]).await;
        assert_eq!(found, expected, "{what}");
    }
}
