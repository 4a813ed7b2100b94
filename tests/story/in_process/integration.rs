//! A custom integration, as the published examples have it: an on-call service that the flow asks with `requests` and a secret
//! of its own; and that no flow gets at the secrets of another.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use symbot::domain::permission::Audience;
use symbot::domain::run::Status;

use super::flows::{Flows, REASON, flow};
use super::harness::{Stage, WHY, story};

/// What the service wants to see, and nobody else may.
const KEY: &str = "k3y-0f-the-pager";
const OTHER: &str = "0ther-fl0ws-s3cret";

/// An environment with the integration and its secrets; `url` is the service's own setting.
fn environment(name: &str, url: &str) -> String {
    format!(
        r##"
resource "sym_environment" "{name}" {{
  name            = "{name}"
  error_logger_id = sym_error_logger.{name}.id
  integrations = {{
    slack_id     = sym_integration.slack_{name}.id
    victorops_id = sym_integration.victorops_{name}.id
  }}
}}

resource "sym_error_logger" "{name}" {{
  integration_id = sym_integration.slack_{name}.id
  destination    = "#sym-errors"
}}

resource "sym_integration" "slack_{name}" {{
  type        = "slack"
  name        = "slack-{name}"
  external_id = "T0000000000"
}}

resource "sym_integration" "victorops_{name}" {{
  type        = "custom"
  name        = "victorops-{name}"
  external_id = "acme"
  settings = {{
    secret_ids_json = jsonencode([sym_secret.id_{name}.id, sym_secret.key_{name}.id])
    api_url         = "{url}"
    plain_secret    = sym_secret.key_{name}.id
  }}
}}

resource "sym_secrets" "{name}" {{
  type = "aws_secrets_manager"
  name = "{name}"
}}

resource "sym_secret" "id_{name}" {{
  path      = "{name}/victorops"
  source_id = sym_secrets.{name}.id
  settings  = {{ json_key = "id" }}
}}

resource "sym_secret" "key_{name}" {{
  path      = "{name}/victorops"
  source_id = sym_secrets.{name}.id
  settings  = {{ json_key = "key" }}
}}
"##
    )
}

/// Who is on call decides; when the service does not say, administrators do.
const IMPLEMENTATION: &str = r##"import requests
from requests.exceptions import RequestException

from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack, sym
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import PermissionLevel, RequestPermission
from sym.sdk.user import user_ids


def on_call(integration):
    api_id, api_key = [secret.retrieve_value() for secret in integration.settings["secrets"]]
    session = requests.Session()
    session.headers.update({"X-VO-Api-Id": api_id, "X-VO-Api-Key": api_key, "Accept": "application/json"})
    response = session.get(f"{integration.settings['api_url']}/v1/oncall", params={"team": "sre"}, timeout=5)
    print(f"asked as {api_id} with {api_key}: {response.status_code}")
    response.raise_for_status()
    return sym.get_or_create_users_by_emails([user["email"] for user in response.json()["users"]])


@reducer
def get_permissions(event):
    integration = event.flow.environment.integrations["victorops"]
    try:
        approvers = user_ids(on_call(integration))
    except RequestException as error:
        print(f"the service failed: {type(error).__name__}")
        approvers = PermissionLevel.ADMIN
    return RequestPermission(webapp_view=PermissionLevel.ADMIN, approve_deny=approvers)


@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel("#sym-requests")])]
"##;

/// An on-call service that knows its key.
async fn service() -> SocketAddr {
    let on_call = |headers: HeaderMap| async move {
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
        if is("x-vo-api-id", "acme-api") && is("x-vo-api-key", KEY) {
            Ok(r#"{"users": [{"email": "carol@acme.example"}]}"#)
        } else {
            Err(StatusCode::FORBIDDEN)
        }
    };
    let router = Router::new().route("/v1/oncall", get(on_call));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A service that lives as long as the test process, since its address stands in the configuration.
fn service_address() -> SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            send.send(service().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receive.recv().unwrap()
}

fn json_of(key: &str) -> String {
    format!(r#"{{"id": "acme-api", "key": "{key}"}}"#)
}

/// The secret's value is nowhere: not in records, the log, the journal, the explanation.
async fn nowhere(stage: &Stage, secret: &str) {
    for run in stage.runs().await {
        let story = stage.explained(&run).await;
        let text = serde_json::to_string(&story).unwrap() + &story.tell();
        assert!(!text.contains(secret), "{text}");
        assert!(text.contains("MASKED-SECRET"), "{text}");
    }
    let log = stage.log().join("\n");
    assert!(!log.contains(secret), "{log}");
    for text in stage.slack.channel("#sym-errors").texts() {
        assert!(!text.contains(secret), "{text}");
    }
}

fn one_environment(implementation: &str, url: &str) -> Flows {
    let flow =
        flow("access", REASON, "impl.py").replace("sym_environment.this", "sym_environment.prod");
    let main = format!("{}{flow}", environment("prod", url));
    Flows::of(&[("main.tf", &main), ("impl.py", implementation)])
}

#[test]
fn those_on_call_decide() {
    let url = format!("http://{}", service_address());
    story(one_environment(IMPLEMENTATION, &url))
        .http_allow(&["127.0.0.1"])
        .secrets(&[("PROD_VICTOROPS", &json_of(KEY))])
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#sym-requests").await?;
            let run = stage.the_run().await;
            let Audience::People(ids) = &run.permissions.as_ref().unwrap().approve_deny else {
                panic!("{run:?}");
            };
            assert_eq!(ids.len(), 1);
            assert_eq!(
                stage.printed(&run).await,
                "asked as MASKED-SECRET with MASKED-SECRET: 200\n"
            );
            stage.bob.presses(&request, "Approve").await?;
            stage.bob.expects_ephemeral("").await?;
            stage.carol.presses(&request, "Approve").await?;
            request.expects_text("*Approved* by @carol").await?;
            nowhere(stage, KEY).await;
            Ok(())
        });
}

#[test]
fn a_service_that_refuses_leaves_the_decision_to_administrators() {
    let url = format!("http://{}", service_address());
    story(one_environment(IMPLEMENTATION, &url))
        .http_allow(&["127.0.0.1"])
        .secrets(&[("PROD_VICTOROPS", &json_of("wr0ng-key"))])
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#sym-requests").await?;
            let run = stage.the_run().await;
            let printed = stage.printed(&run).await;
            assert!(
                printed.ends_with("403\nthe service failed: HTTPError\n"),
                "{printed}"
            );
            stage.erin.presses(&request, "Approve").await?;
            request.expects_text("*Approved* by @erin").await?;
            nowhere(stage, "wr0ng-key").await;
            Ok(())
        });
}

#[test]
fn a_secret_that_nobody_has_supplied_is_told_at_the_start_and_to_the_handler() {
    story(one_environment(IMPLEMENTATION, "http://127.0.0.1:9")).run(async |stage| {
        stage.expects_logged(&["WARN", "prod/victorops", "SYMBOT_SECRET_PROD_VICTOROPS"]);
        stage.alice_asks_for("access").await?;
        let run = stage.until_status(Status::Errored).await;
        let told = stage.explained(&run).await.tell();
        assert!(told.contains("SymIntegrationError"), "{told}");
        assert!(told.contains("SYMBOT_SECRET_PROD_VICTOROPS"), "{told}");
        assert!(told.contains("impl.py:"), "{told}");
        Ok(())
    });
}

#[test]
fn a_secret_in_an_error_is_masked_everywhere() {
    let python = IMPLEMENTATION.replace(
        "    session = requests",
        "    if True:\n        raise RuntimeError('the key is ' + api_key + ' ' + repr(api_key.encode()) + ' for ' + str(event_of))\n    session = requests",
    );
    let python = python.replace("def on_call", "event_of = 'x'\n\n\ndef on_call");
    story(one_environment(&python, "http://127.0.0.1:9"))
        .secrets(&[("PROD_VICTOROPS", &json_of(KEY))])
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let run = stage.until_status(Status::Errored).await;
            let error = run.error.unwrap();
            assert!(
                error.message.contains("the key is MASKED-SECRET"),
                "{error:?}"
            );
            let report = stage
                .slack
                .channel("#sym-errors")
                .expects_text(&error.code)
                .await?;
            report.expects_text("the key is MASKED-SECRET").await?;
            stage.expects_logged(&["exception=RuntimeError", "MASKED-SECRET"]);
            nowhere(stage, KEY).await;
            Ok(())
        });
}

#[test]
fn a_flow_cannot_read_the_secrets_of_another() {
    // The other flow's code tells where its secrets are; this one asks for exactly these.
    let thief = r##"import json
from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import RequestPermission
from sym.sdk.integrations import store

hostcall = store._hostcall


@reducer
def get_permissions(event):
    wanted = json.loads(event.payload.fields["reason"])
    mine = event.flow.environment.integrations["victorops"].settings["plain_secret"]
    print(mine.retrieve_value() != '', str(mine.id) != wanted["id"])
    forged = type(mine)(wanted)
    for ask in (
        forged.retrieve_value,
        lambda: hostcall.call("secrets.retrieve", id=wanted["id"]),
        lambda: hostcall.call("secrets.retrieve", id=wanted["path"]),
        lambda: hostcall.call("secrets.retrieve", id="../" + wanted["path"]),
        lambda: hostcall.call("secrets.retrieve", id=str(mine.id), path=wanted["path"]),
    ):
        try:
            print("STOLEN", ask())
        except Exception as error:
            print(type(error).__name__, error.error_code)
    return RequestPermission(webapp_view="admin", approve_deny="member")


@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel("#sym-requests")])]
"##;
    let victim = r#"import json
from sym.sdk.annotations import reducer
from sym.sdk.request_permission import RequestPermission


@reducer
def get_permissions(event):
    secret = event.flow.environment.integrations["victorops"].settings["plain_secret"]
    print(json.dumps({"id": str(secret.id), "path": secret.path, "settings": secret.settings, "source": {}}))
    return RequestPermission(webapp_view="admin", approve_deny="member")
"#;
    let in_environment = |text: String, name: &str| {
        text.replace("sym_environment.this", &format!("sym_environment.{name}"))
    };
    let main = format!(
        "{}{}{}{}",
        environment("one", "http://127.0.0.1:9"),
        environment("two", "http://127.0.0.1:9"),
        in_environment(flow("thief", REASON, "thief.py"), "one"),
        in_environment(flow("victim", REASON, "victim.py"), "two"),
    );
    let files = [
        ("main.tf", main.as_str()),
        ("thief.py", thief),
        ("victim.py", victim),
    ];
    story(Flows::of(&files))
        .secrets(&[
            ("ONE_VICTOROPS", &json_of("my-0wn-secret")),
            ("TWO_VICTOROPS", &json_of(OTHER)),
        ])
        .run(async |stage| {
            stage.alice_asks_for("victim").await?;
            stage
                .until("the victim to be routed", async || {
                    stage.the_run().await.permissions.is_some()
                })
                .await;
            let victim = stage.the_run().await;
            let where_it_is = stage.printed(&victim).await;
            let form = stage.form(&stage.alice, "#general", "thief").await?;
            form.fill(WHY, where_it_is.trim()).submit().await?;
            stage.request_in("#sym-requests").await?;
            let run = stage.runs().await.remove(0);
            let printed = stage.printed(&run).await;
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines[0], "True True", "{printed}");
            assert_eq!(lines.len(), 6, "{printed}");
            for line in &lines[1..4] {
                assert_eq!(
                    *line, "SymIntegrationError SymIntegration:SECRET_NOT_FOUND",
                    "{printed}"
                );
            }
            assert!(
                !printed.contains("STOLEN") && !printed.contains(OTHER),
                "{printed}"
            );
            Ok(())
        });
}
