use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::browser::Site;
use super::fake::request_by;
use crate::domain::permission::{Audience, Level, Verdict};
use crate::domain::person::Person;
use crate::domain::run::DECISION_MESSAGE_CHARS_MAX;
use crate::domain::run::{Run, Status};
use crate::web::backend::BackendError;
use crate::web::{LIMITS, Limits};

/// A request by `requester` that everyone may see, with the other permissions as given.
fn open_to_all(requester: &Person, approve_deny: Audience, allow_self_approval: bool) -> Run {
    let mut run = request_by(requester, 1);
    let permissions = run.permissions.as_mut().unwrap();
    permissions.webapp_view = Audience::Level(Level::AllUsers);
    permissions.approve_deny = approve_deny;
    permissions.allow_self_approval = allow_self_approval;
    run
}

fn status(site: &Site) -> Status {
    site.backend.with(|state| state.runs[0].status)
}

/// Waits for something that happens in another task.
async fn until(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .expect("it never happened");
}

#[tokio::test]
async fn bob_approves_alices_request_with_a_message() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    bob.get(&page)
        .await
        .shows("<label for=\"message\">Decision Message</label>")
        .shows("<textarea id=\"message\" name=\"message\"");
    let answer = bob.decides(&page, "approve", "fine\r\nby me").await;
    assert_eq!(answer.is(303).header("location"), page);
    let shown = bob.get(&page).await;
    shown
        .is(200)
        .shows("You have approved this request.")
        .shows("fine\nby me")
        .shows("approved");
    bob.get(&page).await.lacks("You have approved");
    assert_eq!(status(&site), Status::Approved);
    let message = site.backend.with(|state| state.attempts[0].2.clone());
    assert_eq!(message.as_deref(), Some("fine\nby me"));
}

#[tokio::test]
async fn a_message_of_spaces_is_no_message() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    bob.decides(&page, "deny", " \r\n ").await.is(303);
    bob.get(&page).await.shows("You have denied this request.");
    site.backend.with(|state| {
        assert_eq!(state.attempts[0].1, Verdict::Deny);
        assert_eq!(state.attempts[0].2, None);
    });
}

#[tokio::test]
async fn buttons_follow_the_permissions_and_missing_ones_are_explained() {
    // Who looks, approve_deny, self-approval → approve, deny, what is said.
    let member = || Audience::Level(Level::Member);
    let admin = || Audience::Level(Level::Admin);
    let all = || Audience::Level(Level::AllUsers);
    let cases = [
        (
            "alice",
            member(),
            false,
            false,
            true,
            "This is your own request",
        ),
        ("alice", member(), true, true, true, ""),
        (
            "alice",
            admin(),
            true,
            true,
            false,
            "You may approve, but not deny, your own request.",
        ),
        (
            "alice",
            admin(),
            false,
            false,
            false,
            "This is your own request",
        ),
        ("bob", member(), false, true, true, ""),
        (
            "bob",
            admin(),
            false,
            false,
            false,
            "not among those who may approve",
        ),
        ("carol", admin(), false, true, true, ""),
        ("gus", all(), false, false, false, "You are a guest"),
    ];
    for (name, approve_deny, own, approve, deny, reason) in cases {
        let site = Site::new();
        let page = site.has(open_to_all(&site.alice, approve_deny.clone(), own));
        let person = match name {
            "alice" => &site.alice,
            "bob" => &site.bob,
            "carol" => &site.carol,
            _ => &site.gus,
        };
        let mut browser = site.signed_in(person).await;
        let shown = browser.get(&page).await;
        let case = format!("{name}, {approve_deny:?}, self-approval {own}");
        assert_eq!(shown.is(200).has_button("approve"), approve, "{case}");
        assert_eq!(shown.has_button("deny"), deny, "{case}");
        assert_eq!(shown.says("<textarea"), approve || deny, "{case}");
        assert!(shown.says(reason), "{case}: {}", shown.body);
    }
}

#[tokio::test]
async fn the_same_form_sent_twice_decides_once() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    let form = bob.get(&page).await;
    let (csrf, key) = (form.input("csrf"), form.input("key"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("key", key.as_str()),
        ("verdict", "approve"),
        ("message", ""),
    ];
    let decide = format!("{page}/decide");
    for _ in 0..2 {
        bob.post(&decide, &fields).await.is(303);
    }
    bob.get(&page)
        .await
        .shows("You have approved this request.");
    let keys: Vec<_> = site.backend.with(|state| {
        state
            .attempts
            .iter()
            .map(|attempt| attempt.3.clone())
            .collect()
    });
    assert_eq!(keys[0], keys[1], "the backend can recognise the repetition");
    assert_ne!(bob.get(&page).await.body, form.body);
}

#[tokio::test]
async fn each_rendering_has_a_key_of_its_own_and_keys_of_two_people_never_meet() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    let mut carol = site.signed_in(&site.carol).await;
    let (first, second) = (bob.get(&page).await, bob.get(&page).await);
    assert_ne!(first.input("key"), second.input("key"));
    assert_eq!(first.input("csrf"), second.input("csrf"));

    site.backend
        .with(|state| state.hook_refuses = Some("no".into()));
    let key = first.input("key");
    for browser in [&mut bob, &mut carol] {
        let csrf = browser.get(&page).await.input("csrf");
        let fields = [
            ("csrf", csrf.as_str()),
            ("key", &key),
            ("verdict", "approve"),
        ];
        browser
            .post(&format!("{page}/decide"), &fields)
            .await
            .is(303);
    }
    site.backend
        .with(|state| assert_ne!(state.attempts[0].3, state.attempts[1].3));
}

#[tokio::test]
async fn whoever_comes_second_is_told_who_decided() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    let mut carol = site.signed_in(&site.carol).await;
    let form = carol.get(&page).await;
    bob.decides(&page, "approve", "").await.is(303);
    let (csrf, key) = (form.input("csrf"), form.input("key"));
    let fields = [("csrf", csrf.as_str()), ("key", &key), ("verdict", "deny")];
    carol.post(&format!("{page}/decide"), &fields).await.is(303);
    carol
        .get(&page)
        .await
        .shows("Not done.")
        .shows("Already decided by bob.");
    assert_eq!(status(&site), Status::Approved);
}

#[tokio::test]
async fn a_refusal_is_said_in_words_and_keeps_what_was_typed() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    site.backend
        .with(|state| state.hook_refuses = Some("Give a <reason>, please.".into()));
    let mut bob = site.signed_in(&site.bob).await;
    bob.decides(&page, "deny", "because </textarea>")
        .await
        .is(303);
    bob.get(&page)
        .await
        .shows("Not done. </strong>Give a &lt;reason&gt;, please.")
        .shows(">because &lt;/textarea&gt;</textarea>");
    bob.get(&page).await.lacks("Not done.").lacks("because");
    assert_eq!(status(&site), Status::Requested);
}

#[tokio::test]
async fn a_right_lost_after_the_page_was_opened_is_lost_for_the_form_too() {
    let site = Site::new();
    let mut run = open_to_all(&site.alice, Audience::Level(Level::Admin), false);
    run.permissions.as_mut().unwrap().webapp_view = Audience::Level(Level::Member);
    let page = site.has(run);
    let mut carol = site.signed_in(&site.carol).await;
    let form = carol.get(&page).await;
    site.backend.with(|state| {
        state.people.get_mut(&site.carol.id).unwrap().role = crate::domain::Role::Member;
    });
    let (csrf, key) = (form.input("csrf"), form.input("key"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("key", &key),
        ("verdict", "approve"),
    ];
    carol.post(&format!("{page}/decide"), &fields).await.is(303);
    carol.get(&page).await.shows("You may not do this.");
    assert_eq!(status(&site), Status::Requested);
}

#[tokio::test]
async fn a_message_longer_than_slack_takes_is_refused_before_it_reaches_the_engine() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    bob.decides(
        &page,
        "approve",
        &"é".repeat(DECISION_MESSAGE_CHARS_MAX + 1),
    )
    .await
    .is(303);
    bob.get(&page).await.shows("has 2001 characters");
    site.backend
        .with(|state| assert!(state.attempts.is_empty()));
    bob.decides(&page, "approve", &"é".repeat(DECISION_MESSAGE_CHARS_MAX))
        .await
        .is(303);
    assert_eq!(status(&site), Status::Approved);
}

#[tokio::test]
async fn a_failing_engine_is_shown_with_its_code() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    let form = bob.get(&page).await;
    let (csrf, key) = (form.input("csrf"), form.input("key"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("key", &key),
        ("verdict", "approve"),
    ];
    site.backend.with(|state| {
        state.failure = Some(BackendError {
            code: "STORE-1".into(),
            message: "The store cannot be written.".into(),
        });
    });
    let answer = bob.post(&format!("{page}/decide"), &fields).await;
    answer
        .is(500)
        .shows("STORE-1")
        .shows("The store cannot be written.");
    assert_eq!(status(&site), Status::Requested);
}

#[tokio::test]
async fn a_decision_that_takes_too_long_is_not_called_failed_and_is_still_made() {
    let limits = Limits {
        decision: Duration::from_millis(20),
        ..LIMITS
    };
    let site = Site::within(limits, "http://localhost:7374");
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let hold = Arc::new(Notify::new());
    site.backend.with(|state| state.hold = Some(hold.clone()));
    let mut bob = site.signed_in(&site.bob).await;
    bob.decides(&page, "approve", "")
        .await
        .is(504)
        .shows("may still be carried out")
        .shows(&page)
        .shows("WEB-");
    assert_eq!(status(&site), Status::Requested);
    hold.notify_one();
    until(|| status(&site) == Status::Approved).await;
    bob.get(&page).await.shows("approved");
}

#[tokio::test]
async fn a_browser_that_goes_away_does_not_stop_a_decision_half_way() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let hold = Arc::new(Notify::new());
    site.backend.with(|state| state.hold = Some(hold.clone()));
    let mut bob = site.signed_in(&site.bob).await;
    let path = page.clone();
    let browser = tokio::spawn(async move { bob.decides(&path, "deny", "").await });
    until(|| site.backend.with(|state| state.begun == 1)).await;
    browser.abort();
    assert!(browser.await.unwrap_err().is_cancelled());
    hold.notify_one();
    until(|| status(&site) == Status::Denied).await;
}

#[tokio::test]
async fn reloading_the_forms_address_leads_back_to_the_request() {
    let site = Site::new();
    let page = site.has(open_to_all(
        &site.alice,
        Audience::Level(Level::Member),
        false,
    ));
    let mut bob = site.signed_in(&site.bob).await;
    let answer = bob.get(&format!("{page}/decide")).await;
    assert_eq!(answer.is(303).header("location"), page);
}
