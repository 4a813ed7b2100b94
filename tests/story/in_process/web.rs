//! The web app over the real bot: signing in, what who sees, deciding there.

use std::time::Duration;

use slack_sim::Person;
use symbot::domain::run::Status;

use super::browser::{Browser, exchange};
use super::flows::{Flows, asks_in_requests};
use super::harness::{Stage, story};

type Problem = Box<dyn std::error::Error>;

/// The path of the link that `/sym login` answers with.
async fn link(stage: &Stage, person: &Person) -> Result<String, Problem> {
    person.in_channel("#general").types("/sym login").await?;
    let answer = person
        .expects_ephemeral("it works once, within 5 minutes")
        .await?;
    let text = answer.current().unwrap().text;
    let url = text.split(['<', '|']).nth(1).unwrap().to_owned();
    Ok(url
        .strip_prefix(&stage.web_url)
        .unwrap_or_else(|| panic!("{url} is not at {}", stage.web_url))
        .to_owned())
}

/// A browser in which this person is signed in.
pub async fn signed_in(stage: &Stage, person: &Person) -> Result<Browser, Problem> {
    let link = link(stage, person).await?;
    let mut browser = Browser::at(&stage.web_url);
    browser.get(&link).await.is(200).shows("Sign in as");
    browser.post(&link, &[]).await.is(303);
    Ok(browser)
}

fn flows(webapp_view: &str) -> Flows {
    Flows::with_code(&asks_in_requests(
        webapp_view,
        "PermissionLevel.MEMBER",
        false,
    ))
}

#[test]
fn a_link_shows_who_it_signs_in_and_signs_in_by_its_button_once() {
    story(Flows::examples()).with_web().run(async |stage| {
        let link = link(stage, &stage.alice).await?;
        let mut browser = Browser::at(&stage.web_url);
        for _ in 0..2 {
            // Looking at it does not use it up: previews do so.
            let page = browser.get(&link).await;
            page.is(200)
                .shows("This link signs you in as")
                .shows("Alice Adams");
        }
        browser.get("/requests").await.is(401);
        browser.post(&link, &[]).await.is(303);
        browser
            .get("/requests")
            .await
            .is(200)
            .shows("Open requests");

        let mut other = Browser::at(&stage.web_url);
        other
            .post(&link, &[])
            .await
            .is(410)
            .shows("works only once");
        other.get(&link).await.is(410).shows("works only once");
        other.get("/requests").await.is(401);
        let made_up = format!("/login/{}", "0".repeat(64));
        other
            .post(&made_up, &[])
            .await
            .is(410)
            .shows("works only once");
        Ok(())
    });
}

#[test]
fn a_link_of_five_minutes_works_and_an_older_one_does_not() {
    story(Flows::examples()).with_web().run(async |stage| {
        let first = link(stage, &stage.alice).await?;
        stage.clock.advance(Duration::from_secs(300));
        Browser::at(&stage.web_url).post(&first, &[]).await.is(303);

        let second = link(stage, &stage.alice).await?;
        stage.clock.advance(Duration::from_millis(300_001));
        let mut browser = Browser::at(&stage.web_url);
        browser
            .get(&second)
            .await
            .is(410)
            .shows("This link is too old");
        browser
            .post(&second, &[])
            .await
            .is(410)
            .shows("This link is too old");
        browser.get("/requests").await.is(401);
        Ok(())
    });
}

#[test]
fn the_link_of_a_message_leads_to_the_request_after_signing_in() {
    story(Flows::examples()).with_web().run(async |stage| {
        stage.alice_asks_for("approval").await?;
        stage.request_in("#sym-requests").await?;
        let path = format!("/requests/{}", stage.the_run().await.id);
        let mut browser = Browser::at(&stage.web_url);
        browser.get(&path).await.is(401).shows("/sym login");
        let link = link(stage, &stage.alice).await?;
        let signed_in = browser.post(&link, &[]).await;
        assert_eq!(signed_in.is(303).header("location"), Some(path.clone()));
        browser
            .get(&path)
            .await
            .is(200)
            .shows("Why do you need access?");
        Ok(())
    });
}

/// Who of them finds the request in the list and on its page.
async fn seen_by(stage: &Stage, path: &str) -> Result<Vec<&'static str>, Problem> {
    let mut seen = Vec::new();
    for (name, person) in [
        ("alice", &stage.alice),
        ("bob", &stage.bob),
        ("carol", &stage.carol),
        ("erin", &stage.erin),
        ("gus", &stage.gus),
    ] {
        let mut browser = signed_in(stage, person).await?;
        let listed = browser.get("/requests?show=all").await.is(200).says(path);
        let page = browser.get(path).await;
        assert_eq!(page.status == 200, listed, "{name}: list and page agree");
        if listed {
            page.shows("deploy").shows("Alice Adams");
            seen.push(name);
        } else {
            page.is(404).lacks("deploy");
            // Nor can it be decided.
            let csrf = browser.get("/requests").await.input("csrf");
            let key = "0".repeat(32);
            let refused = browser
                .sends_decision(path, &csrf, &key, "approve", "")
                .await;
            refused.is(404);
        }
    }
    Ok(seen)
}

#[test]
fn who_sees_a_request_is_what_webapp_view_says_and_always_its_requester_and_admins() {
    for (view, expected) in [
        ("PermissionLevel.ADMIN", vec!["alice", "erin"]),
        (
            "PermissionLevel.MEMBER",
            vec!["alice", "bob", "carol", "erin"],
        ),
        (
            "PermissionLevel.ALL_USERS",
            vec!["alice", "bob", "carol", "erin", "gus"],
        ),
        (
            "user_ids([user(email='carol@acme.example')])",
            vec!["alice", "carol", "erin"],
        ),
    ] {
        story(flows(view)).with_web().run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-requests").await?;
            let run = stage.the_run().await;
            assert_eq!(
                seen_by(stage, &format!("/requests/{}", run.id)).await?,
                expected,
                "{view}"
            );
            assert_eq!(stage.the_run().await.status, Status::Requested);
            Ok(())
        });
    }
}

#[test]
fn a_decision_in_the_web_app_updates_the_message_and_is_told_to_the_requester() {
    story(flows("PermissionLevel.MEMBER"))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#sym-requests").await?;
            let path = format!("/requests/{}", stage.the_run().await.id);
            request.expects_text("Open in the web app").await?;
            let mut bob = signed_in(stage, &stage.bob).await?;
            let page = bob.decides(&path, "deny", "not today").await;
            page.is(200)
                .shows("You have denied this request.")
                .shows("not today");
            assert!(!page.has_button("approve") && !page.has_button("deny"));
            request.expects_text("*Denied* by @bob").await?;
            request.expects_text("Decision Message: not today").await?;
            request.expects_no_buttons().await?;
            let told = stage
                .alice
                .dm_with_bot()
                .expects_text("was denied by @bob")
                .await?;
            told.expects_text("Decision Message: not today").await?;
            let run = stage.the_run().await;
            assert_eq!(run.decision.unwrap().via.as_str(), "sym");
            stage.carol.presses_as_seen(&request, "Approve").await?;
            stage
                .carol
                .expects_ephemeral("was already denied by @bob")
                .await?;
            Ok(())
        });
}

#[test]
fn refusals_of_the_web_app_are_those_of_slack() {
    let python = asks_in_requests(
        "PermissionLevel.MEMBER",
        "user_ids([user(email='carol@acme.example')])",
        false,
    );
    story(Flows::with_code(&python))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#sym-requests").await?;
            let path = format!("/requests/{}", stage.the_run().await.id);

            let mut bob = signed_in(stage, &stage.bob).await?;
            let page = bob.get(&path).await;
            page.is(200).shows("You are not among those who may");
            assert!(!page.has_button("approve") && !page.has_button("deny"));
            let csrf = page.input("csrf");
            let refused = bob
                .sends_decision(&path, &csrf, &"1".repeat(32), "approve", "")
                .await;
            refused
                .is(200)
                .shows("Not done")
                .shows("You may not decide this request.");

            let mut alice = signed_in(stage, &stage.alice).await?;
            let page = alice.get(&path).await;
            page.shows("This is your own request");
            assert!(!page.has_button("approve"));
            let csrf = page.input("csrf");
            let refused = alice
                .sends_decision(&path, &csrf, &"2".repeat(32), "approve", "")
                .await;
            refused
                .shows("Not done")
                .shows("You may not approve your own request");
            assert_eq!(stage.the_run().await.status, Status::Requested);
            assert_eq!(request.buttons(), ["Approve", "Deny"]);

            // Carol and Erin have the page open; Carol is first.
            let mut carol = signed_in(stage, &stage.carol).await?;
            let mut erin = signed_in(stage, &stage.erin).await?;
            let of_erin = erin.get(&path).await;
            let (csrf, key) = (of_erin.input("csrf"), of_erin.input("key"));
            carol
                .decides(&path, "approve", "")
                .await
                .shows("You have approved this request.");
            let late = erin.sends_decision(&path, &csrf, &key, "deny", "").await;
            late.shows("Not done")
                .shows("already approved by Carol Clark");
            assert_eq!(stage.the_run().await.status, Status::Approved);
            Ok(())
        });
}

#[test]
fn the_same_form_sent_twice_decides_once() {
    story(flows("PermissionLevel.MEMBER"))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-requests").await?;
            let path = format!("/requests/{}", stage.the_run().await.id);
            let mut bob = signed_in(stage, &stage.bob).await?;
            let form = bob.get(&path).await;
            let (csrf, key) = (form.input("csrf"), form.input("key"));
            for _ in 0..2 {
                let page = bob.sends_decision(&path, &csrf, &key, "approve", "").await;
                page.is(200).shows("You have approved this request.");
            }
            let run = stage.the_run().await;
            let decided = run.history.iter().filter(|line| line.event == "approve");
            assert_eq!(decided.count(), 1);
            Ok(())
        });
}

#[test]
fn a_forwarded_request_can_be_decided_in_the_web_app_and_an_expired_one_cannot() {
    story(Flows::examples()).with_web().run(async |stage| {
        for end in ["decided", "expired"] {
            let form = stage.form(&stage.alice, "#general", "notify-user").await?;
            form.fill(super::harness::WHY, end).submit().await?;
            let first = stage.request_in("#general").await?;
            stage.until_sent(0).await;
            stage.fifteen_seconds_pass();
            let second = stage.request_in("#test-paginate-10").await?;
            first.expects_no_buttons().await?;
            stage.until_sent(1).await;
            let path = format!("/requests/{}", stage.runs().await.remove(0).id);
            let mut carol = signed_in(stage, &stage.carol).await?;
            if end == "decided" {
                carol
                    .decides(&path, "approve", "")
                    .await
                    .shows("You have approved this request.");
                first.expects_text("*Approved* by @carol").await?;
                second.expects_text("*Approved* by @carol").await?;
                continue;
            }
            let open = carol.get(&path).await;
            let (csrf, key) = (open.input("csrf"), open.input("key"));
            stage.fifteen_seconds_pass();
            stage.bob.dm_with_bot().next_request().await?;
            stage.until_sent(2).await;
            stage.fifteen_seconds_pass();
            second.expects_text("*Expired*").await?;
            let late = carol
                .sends_decision(&path, &csrf, &key, "approve", "")
                .await;
            late.shows("Not done").shows("The request has expired.");
            assert_eq!(stage.runs().await[0].status, Status::Expired);
        }
        Ok(())
    });
}

#[test]
fn a_form_without_the_session_s_token_decides_nothing() {
    story(flows("PermissionLevel.MEMBER"))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-requests").await?;
            let path = format!("/requests/{}", stage.the_run().await.id);
            let mut bob = signed_in(stage, &stage.bob).await?;
            let key = bob.get(&path).await.input("key");
            for csrf in ["", "wrong"] {
                let page = bob.sends_decision(&path, csrf, &key, "approve", "").await;
                assert!((400..500).contains(&page.status), "{}", page.status);
            }
            assert_eq!(stage.the_run().await.status, Status::Requested);
            Ok(())
        });
}

#[test]
fn health_and_readiness_are_told_without_signing_in() {
    story(Flows::examples()).with_web().run(async |stage| {
        let healthy = exchange("GET", &format!("{}/healthz", stage.web_url), &[], "").await;
        healthy.is(200);
        let ready = format!("{}/readyz", stage.web_url);
        stage
            .until("the bot to be ready", async || {
                exchange("GET", &ready, &[], "").await.status == 200
            })
            .await;
        // Slack cuts the line and takes no new connections: alive, and not ready.
        stage.slack.connected(2).await?;
        stage
            .slack
            .faults()
            .always("apps.connections.open", slack_sim::Fault::ServerError(503));
        stage.slack.workspace().cut_sockets();
        stage
            .until("the bot not to be ready", async || {
                let page = exchange("GET", &ready, &[], "").await;
                page.status == 503 && page.says("no connection to Slack")
            })
            .await;
        exchange("GET", &format!("{}/healthz", stage.web_url), &[], "")
            .await
            .is(200);
        stage.slack.faults().clear();
        stage
            .until("the bot to be ready again", async || {
                exchange("GET", &ready, &[], "").await.status == 200
            })
            .await;
        Ok(())
    });
}
