use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};

use super::browser::Site;
use super::fake::request_by;
use crate::domain::field::{FieldValue, SubmittedField, UserValue};
use crate::domain::permission::{Audience, Level, Verdict};
use crate::domain::routing::Destination;
use crate::domain::run::{ChannelType, ChosenTarget, Decision, Delivery, RunError, Status};
use crate::web::{Limits, WebConfig};

const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

#[tokio::test]
async fn a_form_without_the_sessions_token_does_nothing() {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    run.permissions.as_mut().unwrap().webapp_view = Audience::Level(Level::Member);
    let page = site.has(run);
    let mut bob = site.signed_in(&site.bob).await;
    let mut carol = site.signed_in(&site.carol).await;
    let key = bob.get(&page).await.input("key");
    let foreign = carol.get(&page).await.input("csrf");
    let own = bob.get(&page).await.input("csrf");
    assert_ne!(own, foreign);
    let decide = format!("{page}/decide");
    for csrf in ["", "0", &foreign, &own[1..], &format!("{own}0")] {
        bob.post(
            &decide,
            &[("csrf", csrf), ("key", &key), ("verdict", "approve")],
        )
        .await
        .is(403)
        .shows("Nothing was done");
    }
    bob.post(&decide, &[("key", &key), ("verdict", "approve")])
        .await
        .is(403);
    for key in ["", "x", &format!("{key}0")] {
        bob.post(
            &decide,
            &[("csrf", &own), ("key", key), ("verdict", "approve")],
        )
        .await
        .is(403);
    }
    bob.post(
        &decide,
        &[("csrf", &own), ("key", &key), ("verdict", "revoke")],
    )
    .await
    .is(422);
    site.backend
        .with(|state| assert!(state.attempts.is_empty()));
}

#[tokio::test]
async fn a_form_sent_by_another_site_does_nothing_even_with_the_right_token() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let mut carol = site.signed_in(&site.carol).await;
    let form = carol.get(&page).await;
    let (csrf, key) = (form.input("csrf"), form.input("key"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("key", &key),
        ("verdict", "approve"),
    ];
    let decide = format!("{page}/decide");
    for header in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("origin", "http://localhost:9999"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        carol.extra = vec![(header.0, header.1.into())];
        carol.post(&decide, &fields).await.is(403);
        carol.extra = vec![(header.0, header.1.into())];
        carol.post("/logout", &[("csrf", &csrf)]).await.is(403);
        let link = site.link_for(&site.bob);
        let mut victim = site.browser();
        victim.extra = vec![(header.0, header.1.into())];
        victim.post(&link, &[]).await.is(403);
        victim.post(&link, &[]).await.is(303);
    }
    site.backend
        .with(|state| assert!(state.attempts.is_empty()));
    carol.extra = vec![
        ("origin", "http://localhost:7374".into()),
        ("sec-fetch-site", "same-origin".into()),
    ];
    carol.post(&decide, &fields).await.is(303);
}

#[tokio::test]
async fn another_host_name_is_refused_but_not_for_probes() {
    let site = Site::at("https://symbot.example.com");
    let mut browser = site.browser();
    browser.host = "evil.test".into();
    for path in ["/", "/requests", "/login/x", "/assets/x"] {
        browser
            .get(path)
            .await
            .is(421)
            .shows("https://symbot.example.com/")
            .lacks("evil");
    }
    browser.get("/healthz").await.is(200);
    for host in [
        "symbot.example.com",
        "localhost:1",
        "127.0.0.1",
        "[::1]:7374",
    ] {
        browser.host = host.into();
        browser.get("/requests").await.is(401);
    }
}

#[tokio::test]
async fn nothing_that_people_typed_becomes_markup() {
    let site = Site::new();
    let mut evil = site.carol.clone();
    evil.name = EVIL.into();
    site.backend
        .with(|state| state.people.insert(evil.id, evil.clone()));
    let mut run = request_by(&evil, 1);
    run.flow.label = EVIL.into();
    run.flow.environment = Some(EVIL.into());
    run.source.identifier = Some(EVIL.into());
    run.target = Some(ChosenTarget {
        id: EVIL.into(),
        name: EVIL.into(),
        label: EVIL.into(),
        target_type: EVIL.into(),
        settings: [(EVIL.into(), EVIL.into())].into(),
        field_bindings: vec![EVIL.into()],
    });
    let user = || UserValue {
        slack_id: EVIL.into(),
        name: Some(EVIL.into()),
    };
    run.fields = [
        FieldValue::String(EVIL.into()),
        FieldValue::SlackUser(user()),
        FieldValue::SlackUserList(vec![user(), user()]),
        FieldValue::StrList(vec![EVIL.into(), EVIL.into()]),
    ]
    .into_iter()
    .map(|value| SubmittedField {
        value_labels: vec![EVIL.into()],
        name: EVIL.into(),
        label: EVIL.into(),
        visible: true,
        value,
    })
    .collect();
    run.notifications[0].notification.destinations = vec![
        Destination::ChannelName { name: EVIL.into() },
        Destination::ChannelId { id: EVIL.into() },
        Destination::SlackUser {
            slack_id: EVIL.into(),
        },
        Destination::SlackGroup {
            slack_ids: vec![EVIL.into()],
        },
        Destination::User {
            id: EVIL.into(),
            slack_id: None,
            email: Some(EVIL.into()),
        },
        Destination::Nowhere {
            reason: EVIL.into(),
        },
    ];
    run.notifications[0].deliveries = vec![Delivery::Failed {
        reason: EVIL.into(),
        hint: Some(EVIL.into()),
    }];
    run.history[0].text = EVIL.into();
    run.history[0].event = EVIL.into();
    run.error = Some(RunError {
        code: EVIL.into(),
        message: EVIL.into(),
        ..RunError::default()
    });
    let mut decided = run.clone();
    decided.id = uuid::Uuid::from_u128(9);
    decided.status = Status::Denied;
    decided.decision = Some(Decision {
        verdict: Verdict::Deny,
        by: evil.to_ref(),
        at: decided.created_at,
        message: Some(EVIL.into()),
        via: ChannelType::Sym,
        reason: None,
    });
    let (page, decided) = (site.has(run), site.has(decided));
    let mut browser = site.signed_in(&evil).await;
    let link = site.link_for(&evil);
    site.backend
        .with(|state| state.hook_refuses = Some(EVIL.into()));
    browser.decides(&page, "deny", EVIL).await.is(303);
    for path in [&page, &decided, "/requests", "/requests?show=all", &link] {
        let shown = browser.get(path).await;
        shown
            .is(200)
            .shows("&lt;script&gt;")
            .lacks("<script")
            .lacks("<img src=x")
            .lacks("\"'>");
    }
    browser
        .get("/login/%22%3E%3Cscript%3E")
        .await
        .is(410)
        .lacks("<script");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let link = site.link_for(&site.alice);
    let mut alice = site.signed_in(&site.alice).await;
    for path in [
        "/",
        "/requests",
        &page,
        "/requests/x",
        &link,
        "/login/unknown",
        "/requests?show=x",
        "/healthz",
        "/readyz",
    ] {
        let answer = alice.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(
                policy.split("; ").any(|have| have == part),
                "{path}: {policy}"
            );
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn pages_load_nothing_but_our_own_assets_which_browsers_may_keep() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let mut alice = site.signed_in(&site.alice).await;
    let shown = alice.get(&page).await;
    shown
        .lacks("<script")
        .lacks("style=")
        .lacks(" onclick")
        .lacks("http://")
        .lacks("https://");
    let mut nobody = site.browser();
    let mut assets: Vec<&str> = shown
        .body
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assets.dedup();
    assert!(assets.len() >= 2, "{assets:?}");
    for asset in assets {
        let answer = nobody.get(asset).await;
        answer.is(200);
        assert!(answer.header("cache-control").contains("immutable"));
        let expected = if asset.ends_with(".css") {
            "text/css; charset=utf-8"
        } else {
            "image/svg+xml"
        };
        assert_eq!(answer.header("content-type"), expected);
    }
    nobody.get("/assets/style.css").await.is(404);
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let mut carol = site.signed_in(&site.carol).await;
    carol
        .decides(&page, "approve", &"x".repeat(70_000))
        .await
        .is(413)
        .shows("too large");
    site.backend
        .with(|state| assert!(state.attempts.is_empty()));
}

#[tokio::test]
async fn a_panic_is_a_page_with_a_code_and_the_next_page_works() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let mut alice = site.signed_in(&site.alice).await;
    site.backend.with(|state| state.panics = true);
    alice
        .get(&page)
        .await
        .is(500)
        .shows("WEB-")
        .lacks("told to panic");
    site.backend.with(|state| state.panics = false);
    alice.get(&page).await.is(200);
}

#[tokio::test]
async fn probes_tell_whether_the_bot_lives_and_whether_it_can_work() {
    let site = Site::new();
    let mut probe = site.browser();
    probe.host = "10.2.3.4:7374".into();
    probe.get("/healthz").await.is(200);
    probe.get("/readyz").await.is(200).shows("ready");
    site.backend
        .with(|state| state.not_ready = Some("no Socket Mode connection yet".into()));
    probe.get("/healthz").await.is(200);
    probe
        .get("/readyz")
        .await
        .is(503)
        .shows("no Socket Mode connection yet");
}

#[test]
fn an_address_that_cannot_work_is_refused_with_the_reason_and_without_its_password() {
    let refused = |text: &str| {
        WebConfig::new(url::Url::parse(text).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert!(refused("ftp://x").contains("neither http nor https"));
    assert!(refused("https://x/symbot").contains("has a path"));
    assert!(refused("https://x/?a=b").contains("query"));
    let text = refused("https://me:hunter2@x");
    assert!(
        text.contains("password") && !text.contains("hunter2"),
        "{text}"
    );

    let config = WebConfig::new(url::Url::parse("https://x").unwrap()).unwrap();
    assert_eq!(config.login_link("a/b"), "https://x/login/a%2Fb");
    assert_eq!(
        config.request_link(uuid::Uuid::nil()),
        "https://x/requests/00000000-0000-0000-0000-000000000000"
    );
}

#[tokio::test]
async fn probes_know_no_other_method_and_show_no_page() {
    let site = Site::new();
    let mut probe = site.browser();
    for path in ["/healthz", "/readyz", "/metrics"] {
        for method in ["POST", "OPTIONS", "DELETE"] {
            let answer = probe.send(method, path, None).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), "GET, HEAD", "{method} {path}");
            answer.lacks("<html");
        }
        assert_eq!(probe.send("HEAD", path, None).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_form_that_arrives_too_slowly_is_the_fault_of_its_sender() {
    let limits = Limits {
        request: Duration::from_millis(500),
        decision: Duration::from_millis(400),
    };
    let site = Site::within(limits, "http://localhost:7374");
    let page = site.has(request_by(&site.alice, 1));
    let mut carol = site.signed_in(&site.carol).await;
    let beginning = stream::once(async { Ok::<_, std::io::Error>("verdict=app") });
    let slow = Body::from_stream(beginning.chain(stream::pending()));
    carol
        .sends("POST", &format!("{page}/decide"), slow)
        .await
        .is(408)
        .shows("did not arrive in time")
        .lacks("WEB-");
    // In time, in two parts.
    let form = carol.get(&page).await;
    let body = format!(
        "verdict=approve&message=&csrf={}&key={}",
        form.input("csrf"),
        form.input("key")
    );
    let (first, second) = body.split_at(9);
    let parts = [first.to_owned(), second.to_owned()];
    let parts = stream::iter(parts).then(async |part| {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok::<_, std::io::Error>(part)
    });
    let body = Body::from_stream(parts);
    carol
        .sends("POST", &format!("{page}/decide"), body)
        .await
        .is(303);
}
