#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;

use super::*;
use crate::slack::fake::{APP_TOKEN, Answer, BOT_TOKEN, FakeSlack};

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn look_ups_go_as_get_with_the_bot_token_and_the_rest_as_json() {
    let slack = FakeSlack::start().await;
    let api = slack.api();
    slack.always("users.info", json!({"ok": true, "user": {"id": "U1"}}));
    assert_eq!(api.users_info("U1").await.unwrap()["id"], "U1");
    let call = &slack.calls("users.info")[0];
    assert_eq!(
        (call.verb.as_str(), call.query["user"].as_str()),
        ("GET", "U1")
    );
    assert_eq!(call.authorization, format!("Bearer {BOT_TOKEN}"));

    slack.always(
        "conversations.open",
        json!({"ok": true, "channel": {"id": "G1"}}),
    );
    assert_eq!(api.conversations_open(&["U1", "U2"]).await.unwrap(), "G1");
    let call = &slack.calls("conversations.open")[0];
    assert_eq!(
        (call.verb.as_str(), &call.body["users"]),
        ("POST", &json!("U1,U2"))
    );

    api.apps_connections_open().await.unwrap();
    let call = &slack.calls("apps.connections.open")[0];
    assert_eq!(call.authorization, format!("Bearer {APP_TOKEN}"));
}

#[tokio::test]
async fn a_message_counts_as_posted_whatever_else_the_answer_holds() {
    let slack = FakeSlack::start().await;
    let odd = json!({"ok": true, "ts": "1.2", "channel": "D9",
        "message": {"metadata": {"event_type": 7, "event_payload": {"n": 1}}, "blocks": "?"}});
    slack.always("chat.postMessage", odd);
    let metadata = json!({"event_type": "x", "event_payload": {"n": 1}});
    let post = Post {
        channel: "U1",
        text: "hello",
        metadata: Some(&metadata),
        ..Post::default()
    };
    let message = slack.api().chat_post_message(post).await.unwrap();
    assert_eq!(
        (message.channel.as_str(), message.ts.as_str()),
        ("D9", "1.2")
    );
    let body = &slack.calls("chat.postMessage")[0].body;
    assert_eq!(body["metadata"], metadata);
    assert!(
        body.get("blocks").is_none() && body.get("thread_ts").is_none(),
        "{body}"
    );
}

#[tokio::test]
async fn failures_are_sorted_by_what_can_be_done_about_them() {
    let slack = FakeSlack::start().await;
    let api = slack.api();
    let raw = |status, headers, body| Answer::Raw {
        status,
        headers,
        body,
    };
    // What Slack does, then: permanent, fatal, maybe done.
    let cases: [(Answer, (bool, bool, bool), &str); 11] = [
        (
            Answer::Json(json!({"ok": false, "error": "channel_not_found"})),
            (true, false, false),
            "channel_not_found",
        ),
        (
            Answer::Json(json!({"ok": false, "error": "invalid_auth"})),
            (true, true, false),
            "SLACK_BOT_TOKEN",
        ),
        // The token is good for the own workspace, and this message is in another.
        (
            Answer::Json(json!({"ok": false, "error": "team_access_not_granted"})),
            (true, false, false),
            "a workspace without the app",
        ),
        (
            Answer::Json(json!({"ok": false, "error": "missing_scope", "needed": "chat:write"})),
            (true, false, false),
            "chat:write",
        ),
        (
            Answer::Json(json!({"ok": false, "error": "internal_error"})),
            (false, false, true),
            "internal_error",
        ),
        (
            Answer::Json(json!({"ok": false, "error": "service_unavailable"})),
            (false, false, false),
            "service_unavailable",
        ),
        (
            raw(
                429,
                "Retry-After: 7\r\nContent-Type: application/json\r\n",
                r#"{"ok":false,"error":"ratelimited"}"#,
            ),
            (false, false, false),
            "after 7 s",
        ),
        (
            raw(500, "", "oops"),
            (false, false, true),
            "HTTP status 500",
        ),
        (
            raw(200, "Content-Type: text/html\r\n", "<html>proxy</html>"),
            (false, false, true),
            "not Slack's",
        ),
        (raw(200, JSON, "{"), (false, false, true), "not JSON"),
        (
            Answer::Reset,
            (false, false, true),
            "chat.update failed for now",
        ),
    ];
    let message = MessageRef {
        channel: "C1".to_owned(),
        ts: "1.2".to_owned(),
    };
    for (answer, expected, says) in cases {
        slack.script("chat.update", answer);
        let error = api
            .chat_update(&message, "text", &json!([]), None)
            .await
            .unwrap_err();
        let found = (error.permanent(), error.fatal(), error.maybe_done());
        assert_eq!(found, expected, "{error:?}");
        assert!(
            error.to_string().contains(says),
            "{error} does not say {says}"
        );
    }
    let limited = ApiError::RateLimited {
        method: "chat.update",
        retry_after: Duration::from_secs(7),
    };
    slack.script(
        "chat.update",
        raw(429, "Retry-After: 7\r\nContent-Type: text/html\r\n", ""),
    );
    let error = api.chat_update(&message, "", &json!([]), None).await;
    assert_eq!(error.unwrap_err(), limited);
}

#[tokio::test]
async fn a_token_that_is_refused_for_the_own_workspace_is_refused_for_everything() {
    let slack = FakeSlack::start().await;
    let api = slack.api();
    let refused = || Answer::Json(json!({"ok": false, "error": "team_access_not_granted"}));
    slack.script("auth.test", refused());
    slack.script("apps.connections.open", refused());
    assert!(api.auth_test().await.unwrap_err().fatal());
    assert!(api.apps_connections_open().await.unwrap_err().fatal());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_certainly_did_nothing() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api", closed.local_addr().unwrap());
    drop(closed);
    let secret = Secret::new("x");
    let api = SlackApi::new(Some(&base), &secret, &secret).unwrap();
    let error = api.auth_test().await.unwrap_err();
    assert!(!error.maybe_done() && !error.permanent(), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let slack = FakeSlack::start().await;
    slack.script("views.open", Answer::Hang);
    let api = slack.api();
    let within = Duration::from_millis(60);
    let view = json!({});
    let hanging = api.transport.post("views.open", &view, within);
    let error = hanging.await.unwrap_err();
    assert_eq!(error, ApiError::timeout("views.open", within));
    assert!(error.maybe_done());
    // The connection that hangs is not used again.
    slack.always(
        "views.open",
        json!({"ok": true, "view": {"id": "V1", "hash": "h"}}),
    );
    let view = api.views_open("t", &json!({})).await.unwrap();
    assert_eq!((view.id.as_str(), view.hash.as_deref()), ("V1", Some("h")));
}

#[tokio::test]
async fn responses_go_only_to_slack_or_the_configured_host_and_carry_no_token() {
    let slack = FakeSlack::start().await;
    let api = slack.api();
    let own = format!("http://{}/actions/T1/2/secret", slack.address);
    let ok = Answer::Raw {
        status: 200,
        headers: "Content-Type: text/html\r\n",
        body: "ok",
    };
    slack.script("/actions/T1/2/secret", ok);
    api.respond(&own, &json!({"text": "hi"})).await.unwrap();
    let call = &slack.calls("/actions/T1/2/secret")[0];
    assert_eq!(
        (call.authorization.as_str(), &call.body["text"]),
        ("", &json!("hi"))
    );

    let used = Answer::Raw {
        status: 404,
        headers: JSON,
        body: r#"{"ok":false,"error":"used_url"}"#,
    };
    slack.script("/actions/T1/2/secret", used);
    let error = api.respond(&own, &json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some("used_url"));

    for forged in [
        "http://10.0.0.1:1/x",
        "http://localhost.evil.example/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evilslack.com/x",
        "https://hooks.slack.com:444/x",
        "http://hooks.slack.com/x",
        "nonsense",
    ] {
        let error = api.respond(forged, &json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some("address_not_slack"), "{forged}");
    }
    let url = |text: &str| Url::parse(text).unwrap();
    let simulator = url("http://127.0.0.1:1/api");
    let real = url("https://slack.com/api");
    for address in [
        "https://hooks.slack.com/actions/T1/2/x",
        "https://hooks.slack-gov.com/actions/T1/2/x",
    ] {
        assert!(may_respond_to(&simulator, &url(address)), "{address}");
        assert!(may_respond_to(&real, &url(address)), "{address}");
    }
    for address in [
        "http://localhost:2/x",
        "http://[::1]:2/x",
        "http://127.0.0.1:2/x",
    ] {
        assert!(may_respond_to(&simulator, &url(address)), "{address}");
        assert!(!may_respond_to(&real, &url(address)), "{address}");
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let slack = FakeSlack::start().await;
    let api = slack.api();
    let first =
        json!({"ok": true, "members": [{"id": "U1"}], "response_metadata": {"next_cursor": "c="}});
    let last = json!({"ok": true, "members": [], "response_metadata": {"next_cursor": ""}});
    slack.script("users.list", Answer::Json(first));
    slack.script("users.list", Answer::Json(last));
    let page = api.users_list(None).await.unwrap();
    assert_eq!(
        (page.items.len(), page.next_cursor.as_deref()),
        (1, Some("c="))
    );
    let page = api.users_list(page.next_cursor.as_deref()).await.unwrap();
    assert_eq!((page.items.len(), page.next_cursor), (0, None));
    assert_eq!(slack.calls("users.list")[1].query["cursor"], "c=");
}

#[test]
fn a_base_that_is_no_address_is_refused_with_its_name() {
    let secret = Secret::new("x");
    for base in ["", "slack.com/api", "ftp://x/api", "http://x/api?y=1"] {
        let error = SlackApi::new(Some(base), &secret, &secret).unwrap_err();
        assert!(
            error.to_string().contains("SLACK_API_URL"),
            "{base}: {error}"
        );
    }
}

#[test]
fn debug_output_of_the_client_shows_no_token() {
    let secret = Secret::new("xoxb-MARKER");
    let api = SlackApi::new(None, &secret, &secret).unwrap();
    assert!(!format!("{api:?}").contains("MARKER"));
}
