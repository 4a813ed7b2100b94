use super::browser::Site;

#[tokio::test]
async fn opening_a_link_shows_a_button_and_burns_nothing() {
    let site = Site::new();
    let link = site.link_for(&site.alice);
    let mut preview = site.browser();
    for _ in 0..3 {
        preview
            .get(&link)
            .await
            .is(200)
            .shows("Sign in as <bdi>alice</bdi>");
        preview.send("HEAD", &link, None).await.is(200);
    }
    assert!(preview.cookies.is_empty(), "a preview got a cookie");

    let mut alice = site.browser();
    let answer = alice.post(&link, &[]).await;
    assert_eq!(answer.is(303).header("location"), "/requests");
    alice.get("/requests").await.is(200).shows("alice");
}

#[tokio::test]
async fn a_link_works_once() {
    let site = Site::new();
    let link = site.link_for(&site.alice);
    site.browser().post(&link, &[]).await.is(303);

    let mut second = site.browser();
    let answer = second.post(&link, &[]).await;
    answer.is(410).shows("works only once").shows("/sym login");
    assert!(second.cookies.is_empty());
    second.get(&link).await.is(410);
    second.get("/requests").await.is(401);
}

#[tokio::test]
async fn a_link_works_for_five_minutes() {
    let site = Site::new();
    let link = site.link_for(&site.alice);
    site.backend.seconds_pass(300);
    let mut alice = site.browser();
    alice.get(&link).await.is(410).shows("five minutes");
    alice
        .post(&link, &[])
        .await
        .is(410)
        .shows("five minutes")
        .shows("/sym login");
    assert!(alice.cookies.is_empty());

    let link = site.link_for(&site.alice);
    site.backend.seconds_pass(299);
    alice.post(&link, &[]).await.is(303);
}

#[tokio::test]
async fn a_deactivated_person_cannot_sign_in() {
    let site = Site::new();
    let link = site.link_for(&site.alice);
    site.backend
        .with(|state| state.people.get_mut(&site.alice.id).unwrap().active = false);
    let mut alice = site.browser();
    alice.post(&link, &[]).await.is(403).shows("deactivated");
    assert!(alice.cookies.is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_token_never_reaches_the_engine_or_a_form() {
    let site = Site::new();
    let mut nobody = site.browser();
    for token in [
        "..%2Flogout",
        "%22%3E%3Cscript%3E",
        "a%20b",
        "%C3%A9",
        &"a".repeat(129),
    ] {
        for method in ["GET", "POST"] {
            nobody
                .send(method, &format!("/login/{token}"), None)
                .await
                .is(410)
                .lacks("<form")
                .lacks("<script");
        }
    }
}

#[tokio::test]
async fn coming_back_to_a_used_link_says_that_one_is_signed_in() {
    let site = Site::new();
    let link = site.link_for(&site.alice);
    let mut alice = site.browser();
    alice.post(&link, &[]).await.is(303);
    alice
        .post(&link, &[])
        .await
        .is(410)
        .shows("You are signed in as <bdi>alice</bdi> already");
}

#[tokio::test]
async fn without_a_session_every_page_asks_to_sign_in_and_tells_nothing_else() {
    let site = Site::new();
    let page = site.has(super::fake::request_by(&site.alice, 1));
    let mut nobody = site.browser();
    let exists = nobody.get(&page).await;
    exists
        .is(401)
        .shows("Sign in: type <code>/sym login</code> in Slack");
    let missing = nobody
        .get("/requests/99999999-0000-0000-0000-000000000000")
        .await;
    assert_eq!(exists.body, missing.body);
    for path in ["/requests", "/requests?show=all", "/nothing", "/requests/x"] {
        nobody.get(path).await.is(401);
    }
    nobody
        .post(&format!("{page}/decide"), &[("csrf", "x")])
        .await
        .is(401);
    nobody.post("/logout", &[]).await.is(401);
    let home = nobody.get("/").await;
    assert_eq!(home.is(303).header("location"), "/requests");
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let site = Site::new();
    let answer = site.browser().post(&site.link_for(&site.alice), &[]).await;
    let cookie = answer.header("set-cookie");
    let (name, rest) = cookie.split_once('=').unwrap();
    assert_eq!(name, "symbot_session_7374");
    let mut parts = rest.split("; ");
    let token = parts.next().unwrap();
    assert_eq!(token.len(), 64, "256 bits in hexadecimal digits");
    let attributes: Vec<_> = parts.collect();
    assert_eq!(
        attributes,
        ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax"]
    );

    let site = Site::at("https://symbot.example.com");
    let answer = site.browser().post(&site.link_for(&site.alice), &[]).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-symbot_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn each_sign_in_makes_a_new_session_and_ends_the_browsers_old_one() {
    let site = Site::new();
    let mut browser = site.signed_in(&site.alice).await;
    let old = browser.cookies.clone();
    browser.post(&site.link_for(&site.bob), &[]).await.is(303);
    assert_ne!(browser.cookies, old);
    browser
        .get("/requests")
        .await
        .is(200)
        .shows("bob")
        .lacks("alice");
    browser.cookies = old;
    browser.get("/requests").await.is(401);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_form() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    let cookies = alice.cookies.clone();
    alice.post("/logout", &[("csrf", "0")]).await.is(403);
    alice.post("/logout", &[]).await.is(403);
    alice.get("/logout").await.is(405);
    let csrf = alice.get("/requests").await.is(200).input("csrf");
    alice
        .post("/logout", &[("csrf", &csrf)])
        .await
        .is(200)
        .shows("You are signed out");
    assert!(alice.cookies.is_empty());
    alice.cookies = cookies;
    alice.get("/requests").await.is(401);
}

#[tokio::test]
async fn sessions_end_by_time() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    for _ in 0..11 {
        site.backend.seconds_pass(3600);
        alice.get("/requests").await.is(200);
    }
    site.backend.seconds_pass(3600);
    alice.get("/requests").await.is(401);

    let mut alice = site.signed_in(&site.alice).await;
    site.backend.seconds_pass(2 * 3600);
    alice.get("/requests").await.is(401);
    assert!(alice.cookies.is_empty(), "the dead cookie is cleared");
}

#[tokio::test]
async fn a_deactivated_person_is_signed_out_at_the_next_request_and_stays_so() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    let cookies = alice.cookies.clone();
    let set_active = |active| {
        site.backend
            .with(|state| state.people.get_mut(&site.alice.id).unwrap().active = active);
    };
    set_active(false);
    alice.get("/requests").await.is(401);
    set_active(true);
    alice.cookies = cookies;
    alice.get("/requests").await.is(401);
}

#[tokio::test]
async fn an_engine_that_forgets_to_leave_out_deactivated_people_lets_nobody_in() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    let link = site.link_for(&site.alice);
    site.backend.with(|state| {
        state.careless = true;
        state.people.get_mut(&site.alice.id).unwrap().active = false;
    });
    alice.get("/requests").await.is(401);
    alice.post(&link, &[]).await.is(403).shows("deactivated");
    assert!(alice.cookies.is_empty());
}

#[tokio::test]
async fn a_failure_to_look_somebody_up_signs_nobody_out() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    site.backend.with(|state| {
        state.failure = Some(crate::web::backend::BackendError {
            code: "STORE-1".into(),
            message: "The store is <busy>.".into(),
        });
    });
    alice
        .get("/requests")
        .await
        .is(500)
        .shows("The store is &lt;busy&gt;.")
        .shows("STORE-1");
    site.backend.with(|state| state.failure = None);
    alice.get("/requests").await.is(200);
}

#[tokio::test]
async fn signing_in_leads_to_the_request_that_was_wanted() {
    let site = Site::new();
    let page = site.has(super::fake::request_by(&site.alice, 1));
    let mut alice = site.browser();
    alice.get(&page).await.is(401);
    let answer = alice.post(&site.link_for(&site.alice), &[]).await;
    assert_eq!(answer.is(303).header("location"), page);
    assert_eq!(alice.cookies.len(), 1, "only the session is left");

    let mut tricked = site.browser();
    for wanted in [
        "//evil.test",
        "https://evil.test",
        "/logout",
        "/requests/../x",
    ] {
        tricked
            .cookies
            .insert("symbot_wanted_7374".into(), wanted.into());
        let answer = tricked.post(&site.link_for(&site.alice), &[]).await;
        assert_eq!(answer.is(303).header("location"), "/requests", "{wanted}");
    }
}
