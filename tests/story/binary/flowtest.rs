//! `symbot test`: the cases beside the example flows hold, and what does not hold is shown with its place.

use serde_json::{Value, json};

use super::harness::Start;

type Tested = Result<(), Box<dyn std::error::Error>>;

const FLOW: &str = r##"resource "sym_flow" "this" {
  name           = "access"
  label          = "Access"
  implementation = file("${path.module}/impl.py")
  vars           = { channel = "#ops" }
  params {
    prompt_field {
      name           = "urgency"
      type           = "string"
      allowed_values = ["Normal", "Emergency"]
    }
    prompt_field {
      name     = "helpers"
      type     = "slack_user_list"
      required = false
    }
    prompt_field {
      name           = "hours"
      type           = "duration"
      allowed_values = ["30m", "2h"]
      required       = false
    }
  }
}
"##;

const CODE: &str = r#"from sym.sdk.annotations import reducer
from sym.sdk.exceptions import SlackError
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import RequestPermission
from sym.sdk.user import user_ids


@reducer
def get_permissions(event):
    fields = event.payload.fields
    if fields.get("hours", 0) > 3600:
        raise ValueError("too long")
    helpers = fields.get("helpers", [])
    return RequestPermission(
        webapp_view="member",
        approve_deny=user_ids(helpers) or "admin",
        allow_self_approval=fields["urgency"] == "Emergency",
    )


@reducer
def get_request_notifications(event):
    try:
        if slack.is_user_in_group(event.user, group_id="S1"):
            print("one of ours")
            slack.send_message(event.user, "on its way")
            return [Notification(destinations=[slack.group(["carol@example.com", event.user])], timeout=60)]
    except SlackError as error:
        print(error.error_code)
    return [Notification(destinations=[slack.channel(event.flow.vars["channel"])])]
"#;

/// A directory with one flow.
struct Root(tempfile::TempDir);

impl Root {
    fn of(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("a file");
        }
        Self(directory)
    }

    fn path_text(&self) -> &str {
        self.0.path().to_str().unwrap_or_default()
    }
}

fn flows(cases: &str) -> Root {
    Root::of(&[("main.tf", FLOW), ("impl.py", CODE), ("tests.yaml", cases)])
}

const PEOPLE: &str = "people:\n  alice:\n  bob:\n  carol:\n  ada: {role: admin}\n  guy: {role: guest}\n  gone: {active: false}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cases_of_the_example_flows_hold() {
    let ended = Start::new(&["test", "flows"]).end().await;
    ended.expect_code(0);
    for file in ["approval", "urgency", "source_channel", "notify_user"] {
        assert!(
            ended.out.contains(&format!("{file}/tests.yaml\n")),
            "{}",
            ended.out
        );
    }
    // No example is one to warn about.
    let last = " passed, 0 failed\n";
    assert!(ended.out.ends_with(last), "{}", ended.out);
    assert!(!ended.out.starts_with("0 passed"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_can_be_expected_can_come_true() {
    let flows = flows(&format!(
        "{PEOPLE}{}",
        r##"
cases:
  - name: fakes answer, messages and output are seen
    request: {user: alice, fields: {urgency: Normal, helpers: [bob, carol], hours: 30m}, source_channel: "#general"}
    host:
      - {call: slack.is_user_in_group, with: {slack_id: U0ALICE, group_id: S1}, returns: true}
    expect:
      permissions: {webapp_view: member, approve_deny: [carol, bob], allow_self_approval: false}
      notifications: [{to: [[carol, alice]], timeout: 60}]
      may_approve: [ada, bob, carol]
      may_deny: [ada, bob, carol]
      may_view: [ada, alice, bob, carol]
      messages: [{to: alice, text: on its}]
      prints: one of ours
      hooks: {on_request: absent}
    then:
      - {event: approve, by: bob, allowed: true, expect: {hooks: {on_approve: absent, after_approve: absent}}}
      - {event: deny, by: gone, allowed: false}
      - {event: approve, by: guy, allowed: false}
  - name: a fake raises what flows catch
    request: {user: alice, fields: {urgency: Emergency}}
    host:
      - {call: slack.is_user_in_group, raises: {code: GROUP_NOT_FOUND}}
    expect:
      permissions: {approve_deny: admin, allow_self_approval: true}
      notifications: ["#ops"]
      may_approve: [ada, alice]
      prints: "Slack:GROUP_NOT_FOUND"
  - name: failures can be expected
    request: {user: alice, fields: {urgency: Normal, hours: 7200}}
    expect:
      error: {handler: get_permissions, says: "ValueError: too long"}
"##
    ));
    let ended = Start::new(&["test", flows.path_text()]).end().await;
    ended.expect_code(0);
    assert!(ended.out.ends_with("3 passed, 0 failed\n"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_bound_to_fields_have_the_values_of_the_case() {
    let main = include_str!("../../flows/ok/field_bindings/main.tf");
    let code = "from sym.sdk.annotations import reducer
from sym.sdk.request_permission import RequestPermission


@reducer
def get_permissions(event):
    print(event.payload.fields['target'].settings)
    return RequestPermission(webapp_view='admin', approve_deny='admin')
";
    let cases = r#"
people: {alice: }
cases:
  - name: the repository is that of the form
    request: {user: alice, fields: {target_id: Any repository, repo_name: r2, duration: 1h}}
    expect: {permissions: {approve_deny: admin}, prints: "{'repo_name': 'r2'}"}
"#;
    let files = [("main.tf", main), ("impl.py", code), ("tests.yaml", cases)];
    let flows = Root::of(&files);
    let ended = Start::new(&["test", flows.path_text()]).end().await;
    ended.expect_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_come_true_is_shown_with_place_and_both_values() -> Tested {
    let flows = flows(&format!(
        "{PEOPLE}{}",
        r##"cases:
  - name: wrong
    request: {user: alice, fields: {urgency: Normal}}
    host: [{call: slack.is_user_in_group, returns: false}]
    expect:
      permissions: {webapp_view: admin, approve_deny: [bob], allow_self_approval: true}
      notifications:
        - {to: [bob, "#ops"], timeout: 5}
        - "#more"
      may_approve: [bob]
      may_deny: []
      may_view: [guy]
      messages: [{to: bob}]
      prints: words
      hooks: {on_request: proceed}
      error: it breaks
    then:
      - {event: approve, by: bob, allowed: true}
      - {event: approve, by: ada, allowed: false}
  - name: nobody answers
    request: {user: alice, fields: {urgency: Normal}}
    expect: {notifications: ["#ops"]}
  - name: breaks
    request: {user: alice, fields: {urgency: Normal, hours: 2h}}
    expect: {permissions: {allow_self_approval: false}}
  - name: cannot be submitted
    request: {user: alice, fields: {urgency: Often, hurry: true}}
    expect: {may_deny: []}
  - name: is refused
    request: {user: alice, fields: {helpers: [bob], hours: soon}}
    expect: {may_deny: []}
"##
    ));
    let ended = Start::new(&["test", flows.path_text(), "--json"])
        .end()
        .await;
    let report: Value = serde_json::from_str(&ended.expect_code(1).out)?;
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&json!(0), &json!(5))
    );
    let cases = report["files"][0]["cases"].as_array().ok_or("no cases")?;
    let shown = |case: usize| -> Vec<String> {
        cases[case]["differences"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| {
                format!(
                    "{}:{} {}: {} | {}",
                    one["line"],
                    one["column"],
                    one["what"].as_str().unwrap_or_default(),
                    one["expected"].as_str().unwrap_or_default(),
                    one["got"].as_str().unwrap_or_default()
                )
            })
            .collect()
    };
    assert_eq!(
        shown(0),
        [
            "23:14 error: the handlers to fail | they did not",
            "22:27 hooks.on_request: proceed | there is no such hook",
            "21:15 prints: words | nothing",
            "20:17 messages: 1 of them | nothing",
            "13:34 permissions.webapp_view: admin | member",
            "13:55 permissions.approve_deny: bob | admin",
            "13:83 permissions.allow_self_approval: true | false",
            "15:9 notifications: 2 of them | 1: #ops",
            "15:16 notifications[0].to: bob, #ops | #ops",
            "15:40 notifications[0].timeout: 5 s | no timeout",
            "17:20 may_approve: bob | ada",
            "18:17 may_deny: nobody | ada",
            "19:17 may_view: guy | ada, alice, bob, carol",
            "25:44 then[0].allowed: true | no: not permitted",
            "26:44 then[1].allowed: false | yes",
        ]
    );
    let all = |case: usize| shown(case).join("\n");
    assert!(
        all(1).contains("no answer to slack.is_user_in_group("),
        "{}",
        all(1)
    );
    assert!(
        cases[1]["printed"]
            .as_str()
            .unwrap_or_default()
            .contains("NOT_FAKED")
    );
    assert!(
        all(2).contains("impl.py:13: get_permissions: ValueError: too long"),
        "{}",
        all(2)
    );
    assert!(all(3).contains("has no field 'hurry'"), "{}", all(3));
    assert!(
        all(4).contains("refused at 'urgency': Please choose one")
            || all(4).contains("refused at 'urgency': Please fill"),
        "{}",
        all(4)
    );
    assert!(
        all(4).contains("refused at 'hours': “soon” is not one of the allowed values"),
        "{}",
        all(4)
    );
    // The same for people.
    let ended = Start::new(&["test", flows.path_text()]).end().await;
    let text = &ended.expect_code(1).out;
    assert!(
        text.contains("  FAILED wrong\n      tests.yaml:23:14: error\n        expected the handlers to fail\n        got      they did not\n"),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_in_a_file_is_an_error_with_its_place() {
    const ONE: &str = "people: {a: }\ncases:\n  - {name: x, request: {user: a}";
    let case = |rest: &str| format!("{ONE}{rest}}}\n");
    for (cases, at, words) in [
        (
            "people: {bob: {rolle: admin}}\ncases: []\n".to_owned(),
            "rolle",
            "has no key 'rolle'",
        ),
        (
            "persons: {}\n".to_owned(),
            "persons",
            "has no key 'persons'",
        ),
        ("cases: 5\n".to_owned(), "5", "expected a list"),
        (
            case("").replace("user: a", "user: zoe"),
            "zoe",
            "nobody is called 'zoe'",
        ),
        (case(""), "{name", "expects nothing"),
        (
            case(", expect: {notification: []}"),
            "notification",
            "has no key 'notification'",
        ),
        (
            case(", expect: {may_deny: []}").replace("user: a", "user: a, field: {}"),
            "field",
            "has no key 'field'",
        ),
        (
            case(", host: [{call: slack.nothing, returns: 1}], expect: {may_deny: []}"),
            "slack.nothing",
            "is not a host call",
        ),
        (
            case(", expect: {hooks: {on_aprove: proceed}}"),
            "on_aprove",
            "is not a hook",
        ),
        (
            case(", flow: acces, expect: {may_deny: []}"),
            "acces,",
            "there is no flow 'acces'",
        ),
        (
            case(", then: [{event: approve, by: a, allowd: true}]"),
            "allowd",
            "has no key 'allowd'",
        ),
        (case(", name: y"), "name: y", "is there twice"),
    ] {
        let before = &cases[..cases.find(at).expect("the place")];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        let flows = flows(&cases);
        let ended = Start::new(&["test", flows.path_text()]).end().await;
        let text = &ended.expect_code(1).out;
        assert!(
            text.contains(&format!("tests.yaml:{line}:{column}: error: ")) && text.contains(words),
            "{cases}\n{text}"
        );
    }
    let flows = flows("people: [\n");
    let ended = Start::new(&["test", flows.path_text()]).end().await;
    assert!(
        ended.expect_code(1).out.contains("not YAML"),
        "{}",
        ended.out
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_test_is_not_a_success() {
    let none = Root::of(&[("main.tf", FLOW), ("impl.py", CODE)]);
    let ended = Start::new(&["test", none.path_text()]).end().await;
    assert!(
        ended
            .expect_code(1)
            .out
            .contains("there is no tests.yaml beside a flow"),
        "{}",
        ended.out
    );
    let broken = Root::of(&[
        ("main.tf", FLOW),
        ("impl.py", "x = "),
        ("tests.yaml", PEOPLE),
    ]);
    let ended = Start::new(&["test", broken.path_text()]).end().await;
    assert!(
        ended.expect_code(1).out.contains("impl.py:1:"),
        "{}",
        ended.out
    );
    Start::new(&["test", "--wrong"]).end().await.expect_code(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefetched_options_hooks_that_fire_and_forwarding_are_as_in_the_bot() {
    let root = Root::of(&[
        (
            "main.tf",
            r#"resource "sym_flow" "this" {
  name           = "hooks"
  implementation = file("${path.module}/impl.py")
  params {
    prompt_field {
      name     = "team"
      type     = "string"
      prefetch = true
    }
  }
}
"#,
        ),
        (
            "impl.py",
            r##"from sym.sdk.annotations import hook, prefetch, reducer
from sym.sdk.forms import FieldOption
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import RequestPermission
from sym.sdk.templates import ApprovalTemplate


@prefetch("team")
def teams(event):
    return [FieldOption(value=f"{event.user.first_name}-{n}", label=f"Team {n}") for n in (1, 2)]


@hook
def on_request(event):
    if event.payload.fields["team"] == "alice-2":
        return ApprovalTemplate.approve(reason="own team")
    if event.user.first_name == "bob":
        return ApprovalTemplate.ignore(message="not you")


@reducer
def get_permissions(event):
    print("asked for", event.payload.fields["team"])
    return RequestPermission(webapp_view="admin", approve_deny="member")


@reducer
def get_request_notifications(event):
    return [
        Notification(destinations=[slack.channel("#one")], timeout=60),
        Notification(destinations=[slack.channel("#two")]),
    ]


@hook
def on_request_forward(event, context):
    print(context.current_destination_index, "to", context.next_destination_index)
    print(context.all_request_destinations[context.next_destination_index].channel_name)
"##,
        ),
        (
            "tests.yaml",
            r##"people:
  alice: {first_name: alice}
  bob: {first_name: bob}
  ada: {role: admin}
cases:
  - name: people are asked
    request: {user: alice, fields: {team: alice-1}}
    expect:
      hooks: {on_request: proceed}
      notifications: [{to: "#one", timeout: 60}, "#two"]
      prints: asked for alice-1
    then:
      - {event: request_forward, channel: internal, expect: {prints: "0 to 1\n#two", hooks: {on_request_forward: proceed}}}
  - name: the hook decides, and the reducers say who sees it
    request: {user: alice, fields: {team: alice-2}}
    expect:
      hooks: {on_request: {approve: {reason: own team}}}
      permissions: {webapp_view: admin}
      notifications: [{to: "#one", timeout: 60}, "#two"]
      prints: asked for alice-2
      may_view: [alice, ada]
  - name: the hook refuses, and nobody is asked
    request: {user: bob, fields: {team: bob-1}}
    expect:
      hooks: {on_request: {ignore: not you}}
      may_view: [bob, ada]
"##,
        ),
    ]);
    let ended = Start::new(&["test", root.path_text()]).end().await;
    ended.expect_code(0);
    assert!(ended.out.ends_with("3 passed, 0 failed\n"), "{}", ended.out);
    // What is not among the fetched options cannot be asked for.
    let wrong = std::fs::read_to_string(root.0.path().join("tests.yaml"))
        .expect("the cases")
        .replace("{team: bob-1}", "{team: alice-1}");
    std::fs::write(root.0.path().join("tests.yaml"), wrong).expect("a file");
    let ended = Start::new(&["test", root.path_text()]).end().await;
    let text = &ended.expect_code(1).out;
    assert!(text.contains("the form is refused at 'team'"), "{text}");
}

const CHAIN: &str = r##"from sym.sdk.annotations import hook, reducer
from sym.sdk.request_permission import RequestPermission
from sym.sdk.templates import ApprovalTemplate, get_step_output


@reducer
def get_permissions(event):
    return RequestPermission(webapp_view="admin", approve_deny="member")


@hook
def on_request(event):
    urgency = event.payload.fields["urgency"]
    if urgency == "Emergency":
        return ApprovalTemplate.approve(reason="emergency")
    if urgency == "Loop":
        return ApprovalTemplate.request()


@hook
def on_approve(event):
    print(event.name, event.channel.type, event.user.type, event.payload.fields.get("reason"))
    if event.payload.fields.get("decision_message") == "back":
        return ApprovalTemplate.request()


@hook
def after_approve(event):
    print("after", event.get_actor("approve").username, event.get_actor("request").username)


@hook
def after_escalate(event):
    print(get_step_output()["ticket"], get_step_output("deescalate"))


def on_deny(event):
    pass
"##;

const CHAIN_CASES: &str = r##"people:
  alice:
  bob:
cases:
  - name: what the hook fires goes on to its end
    request: {user: alice, fields: {urgency: Emergency}}
    expect:
      hooks: {on_request: {approve: {reason: emergency}}, on_approve: proceed, after_approve: proceed}
      prints: "approve sdk bot emergency\nafter Symbot alice@example.com"
  - name: events that go in circles end
    request: {user: alice, fields: {urgency: Loop}}
    expect:
      error: {handler: on_request, says: only the first recursion counts}
  - name: events go forward only
    request: {user: alice, fields: {urgency: Normal}}
    expect: {hooks: {on_request: proceed, on_approve: absent}}
    then:
      - {event: approve, by: bob, message: back, expect: {error: {handler: on_approve, says: events only go forward}}}
      - event: escalate
        outputs: {escalate: {ticket: 7}}
        expect: {prints: "7 {}", hooks: {after_escalate: proceed}}
"##;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hooks_fire_is_followed_and_warnings_are_shown() {
    let flow = FLOW.replace("\"Emergency\"]", "\"Emergency\", \"Loop\"]");
    let root = Root::of(&[
        ("main.tf", &flow),
        ("impl.py", CHAIN),
        ("tests.yaml", CHAIN_CASES),
    ]);
    let ended = Start::new(&["test", root.path_text()]).end().await;
    let text = &ended.expect_code(0).out;
    assert!(
        text.contains("'on_deny' has the name of a hook but no decorator"),
        "{text}"
    );
    assert!(text.contains("3 passed, 0 failed, 2 warnings\n"), "{text}");
    let wrong = CHAIN_CASES.replace("on_approve: proceed, ", "on_approve: ignore, ");
    std::fs::write(root.0.path().join("tests.yaml"), wrong).expect("a file");
    let ended = Start::new(&["test", root.path_text()]).end().await;
    let text = &ended.expect_code(1).out;
    assert!(text.contains("hooks.on_approve\n"), "{text}");
}
