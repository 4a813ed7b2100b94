//! Reducers beside those of every request: identities, the expiry of a request; and what events say of strategies and steps.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use symbot::policy::types::{
    EventInput, HandlerFailure, Host, HostError, IdentityInput, IntegrationInput, StrategyInput,
    UserInput,
};

use crate::support::{FakeHost, PERMISSIONS, call, permissions_after, person, request};

/// Knows people as [`FakeHost`] does, and keeps identities.
#[derive(Default)]
struct Keeping {
    people: FakeHost,
    kept: Mutex<Vec<Value>>,
}

impl Host for Keeping {
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        if name == "identities.persist" {
            self.kept.lock().unwrap().push(arguments.clone());
            return Box::pin(async { Ok(Value::Null) });
        }
        if name == "slack.get_user_info" {
            return Box::pin(async { Ok(json!({ "id": arguments["slack_id"] })) });
        }
        self.people.call(name, arguments)
    }
}

/// Reducers that name everybody's identity in Okta, nobody's elsewhere, and bob's address for all of Slack.
const REDUCERS: &str = "
from sym.sdk.annotations import reducer as reducer_
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification

@reducer_
def get_identity(event, service_type, external_id, user):
    print('asked', event.name, service_type, external_id, user.username)
    if user.identity(service_type) is not None:
        print('asked again')
    return f'00u-{user.first_name}' if service_type == 'okta' else None

@reducer_
def get_identity_lookup(event, service_type, external_id, user):
    print('looked up', service_type, user.username)
    return 'bob@example.com' if service_type == 'slack' else None
";

/// In an environment with an Okta account.
fn with_okta() -> EventInput {
    let mut input = request();
    let okta = IntegrationInput {
        kind: "okta".to_owned(),
        name: "main".to_owned(),
        external_id: "acme.okta.com".to_owned(),
        settings: Map::new(),
    };
    input.flow.environment = Some(symbot::policy::types::EnvironmentInput {
        name: "main".to_owned(),
        label: None,
        integrations: [("okta_id".to_owned(), okta)].into(),
    });
    input
}

/// What this prints in `get_permissions` beside the reducers, and what was kept.
fn printed(reducers: &str, body: &str, input: EventInput) -> (String, Vec<Value>) {
    let host = Arc::new(Keeping::default());
    let source = format!("{reducers}\n{}", permissions_after(body));
    let answer = call(&source, PERMISSIONS)
        .with(input)
        .host(host.clone())
        .run()
        .unwrap_or_else(|failure| panic!("{failure}\n{:?}", failure.traceback));
    let kept = host.kept.lock().unwrap().clone();
    (answer.printed, kept)
}

fn fails(reducers: &str, body: &str) -> HandlerFailure {
    call(
        &format!("{reducers}\n{}", permissions_after(body)),
        PERMISSIONS,
    )
    .host(Arc::new(Keeping::default()))
    .run()
    .expect_err("this should fail")
}

#[test]
fn an_identity_that_nobody_has_stored_is_asked_of_the_flow_once_and_kept() {
    let body = "one = event.user.identity('okta')
print(one.service, one.service_id, one.user_id)
print(event.get_actor('request').identity('okta', 'acme.okta.com') == one)
print(event.user.identity('github'))";
    let (printed, kept) = printed(REDUCERS, body, with_okta());
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            "asked request okta acme.okta.com alice@example.com",
            "okta acme.okta.com 00u-alice",
            "True",
            // The reducers know nothing of it, and no service can be asked by e-mail.
            "asked request github  alice@example.com",
            "None",
        ]
    );
    assert_eq!(
        kept,
        [json!({
            "email": "alice@example.com", "service": "okta", "service_id": "acme.okta.com", "user_id": "00u-alice",
        })]
    );
}

#[test]
fn a_stored_identity_comes_before_the_reducers_and_without_them_there_is_none() {
    let mut input = with_okta();
    input.user.identities.push(IdentityInput {
        service: "okta".to_owned(),
        service_id: "acme.okta.com".to_owned(),
        user_id: "stored".to_owned(),
    });
    let body = "print(event.user.identity('okta').user_id)";
    assert_eq!(printed(REDUCERS, body, input).0, "stored\n");
    let (printed, kept) = printed("", "print(event.user.identity('okta'))", with_okta());
    assert_eq!((printed.as_str(), kept.len()), ("None\n", 0));
}

#[test]
fn people_without_a_slack_account_are_looked_up_under_the_other_address() {
    let mut input = request();
    input.user = UserInput {
        slack_id: None,
        identities: Vec::new(),
        ..person("alice")
    };
    let body = "print(slack.mention(event.user), slack.get_user_info(event.user)['id'])";
    let (text, kept) = printed(REDUCERS, body, input.clone());
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "asked request slack  alice@example.com",
            "looked up slack alice@example.com",
            "<@UBOB> UBOB",
        ]
    );
    assert_eq!(kept[0]["user_id"], "UBOB");
    // Also where a notification goes to such a user.
    let source = format!(
        "{REDUCERS}\n{}\n@reducer_\ndef get_request_notifications(event):\n    return [Notification(destinations=[event.user])]\n",
        permissions_after("pass")
    );
    let answer = call(&source, PERMISSIONS)
        .and("get_request_notifications")
        .with(input)
        .host(Arc::new(Keeping::default()))
        .run()
        .unwrap();
    let destinations = json!(answer.notifications.unwrap()[0].destinations);
    assert_eq!(destinations[0]["slack_id"], "UBOB");
}

#[test]
fn what_goes_wrong_with_an_identity_fails_the_handler_that_needs_it() {
    let body = "event.user.identity('okta')";
    let wrong = REDUCERS.replace("return f'00u-{user.first_name}' if", "return 7 if");
    let failure = fails(&wrong, body);
    assert!(
        failure
            .to_string()
            .contains("IdentityError: get_identity returned int 7, expected text or None"),
        "{failure}"
    );
    let raising = REDUCERS.replace(
        "    print('asked'",
        "    raise KeyError(service_type)\n    print('asked'",
    );
    let failure = fails(&raising, body);
    assert_eq!(failure.exception.as_deref(), Some("KeyError"), "{failure}");
    // Without its decorator it is no reducer.
    let (printed, _) = printed(
        &REDUCERS.replace("@reducer_\ndef get_identity(", "def get_identity("),
        "print(event.user.identity('okta'))",
        with_okta(),
    );
    assert_eq!(printed, "None\n");
}

fn timeout(result: &str) -> Result<Option<i64>, String> {
    let source = format!(
        "import datetime\nfrom sym.sdk.annotations import reducer\n@reducer\ndef get_timeout(event):\n    return {result}\n"
    );
    match call(&source, "get_timeout").run() {
        Ok(answer) => Ok(answer.timeout_seconds),
        Err(failure) => Err(failure.to_string()),
    }
}

#[test]
fn the_expiry_of_a_request_is_seconds_or_a_timedelta() {
    assert_eq!(timeout("90"), Ok(Some(90)));
    assert_eq!(timeout("datetime.timedelta(minutes=2)"), Ok(Some(120)));
    assert_eq!(timeout("datetime.timedelta(milliseconds=1)"), Ok(Some(1)));
    assert_eq!(timeout("None"), Ok(None));
    for wrong in ["0", "-1", "True", "1.5", "'soon'", "[5]"] {
        let error = timeout(wrong).unwrap_err();
        assert!(error.contains("get_timeout: returned "), "{wrong}: {error}");
    }
}

#[test]
fn the_strategy_of_a_flow_is_an_object_with_its_targets() {
    let mut input = request();
    input.flow.strategy = Some(StrategyInput {
        id: "6c1b5a0e-6f3d-5f43-9d3a-2f5e8b7c9a10".to_owned(),
        kind: "okta".to_owned(),
        name: "main".to_owned(),
        label: Some("Okta".to_owned()),
        integration: Some(IntegrationInput {
            kind: "okta".to_owned(),
            name: "acme".to_owned(),
            external_id: "acme.okta.com".to_owned(),
            settings: [("api".to_owned(), json!("v1"))].into_iter().collect(),
        }),
        targets: vec![json!({
            "id": "t", "name": "admins", "label": "Admins", "type": "okta_group", "settings": {"group_id": "00g"},
        })],
        settings: [("mode".to_owned(), "fast".to_owned())].into(),
    });
    let body = "import json, uuid
from sym.sdk.strategy import Strategy
from sym.sdk.target import AccessTarget
one = event.flow.strategy
assert isinstance(one, Strategy) and one is event.flow.strategy
assert one.id == uuid.UUID('6c1b5a0e-6f3d-5f43-9d3a-2f5e8b7c9a10'), one.id
print(one.type, one.name, one.label, one.settings, one.srn)
print(one.integration.type, one.integration.external_id, one.integration.settings)
[target] = one.targets
assert isinstance(target, AccessTarget)
print(target.name, target.label, target.type, target.settings)
assert target == next(t for t in one.targets if t.name == 'admins')
data = json.loads(one.json())
assert data['targets'][0]['settings'] == {'group_id': '00g'} and data['srn'] == str(one.srn)";
    let (printed, _) = printed("", body, input);
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            "okta main Okta {'mode': 'fast'} symbot:access_strategy:okta:main:latest",
            "okta acme.okta.com {'api': 'v1'}",
            "admins Admins okta_group {'group_id': '00g'}",
        ]
    );
    let body = "assert event.flow.strategy is None";
    printed_nothing(body);
}

fn printed_nothing(body: &str) {
    assert_eq!(printed("", body, request()).0, "");
}

#[test]
fn outputs_of_steps_are_those_of_the_event() {
    let mut input = request();
    input.name = "escalate".to_owned();
    input.outputs = [
        (
            "escalate".to_owned(),
            json!({"body": {"ticket": 7}, "errors": []}),
        ),
        ("deescalate".to_owned(), Value::Null),
    ]
    .into_iter()
    .collect();
    let source = "
from sym.sdk.annotations import hook
from sym.sdk.templates import ApprovalTemplateStep, get_step_output

@hook
def after_escalate(event):
    assert get_step_output() == get_step_output('escalate') == get_step_output(ApprovalTemplateStep.ESCALATE)
    assert get_step_output('deescalate') == {} == get_step_output(step='approve')
    print(get_step_output()['body']['ticket'])
";
    let answer = call(source, "after_escalate").with(input).run().unwrap();
    assert_eq!(answer.printed, "7\n");
}
