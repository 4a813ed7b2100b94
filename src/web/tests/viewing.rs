use uuid::Uuid;

use super::browser::Site;
use super::fake::{START, request_by, text_field};
use crate::domain::field::{FieldValue, SubmittedField, UserValue};
use crate::domain::permission::{Audience, Level, Verdict};
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{
    ChannelType, ChosenTarget, Decision, Delivery, RoutedNotification, Run, RunError, Status,
};
use crate::domain::time::Timestamp;

fn seen_by(run: &mut Run, audience: Audience) {
    run.permissions.as_mut().unwrap().webapp_view = audience;
}

/// Who of alice (requester), bob (member), carol (admin) and gus (guest) sees alice's request.
async fn seen_under(audience: Option<Audience>) -> [bool; 4] {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    match audience {
        Some(audience) => seen_by(&mut run, audience),
        None => run.permissions = None,
    }
    let page = site.has(run);
    let mut seen = [false; 4];
    for (index, person) in [&site.alice, &site.bob, &site.carol, &site.gus]
        .into_iter()
        .enumerate()
    {
        let mut browser = site.signed_in(person).await;
        let listed = browser.get("/requests").await.is(200).says(&page);
        let listed_in_all = browser.get("/requests?show=all").await.is(200).says(&page);
        let status = browser.get(&page).await.status.as_u16();
        assert_eq!(listed, listed_in_all, "{}", person.name);
        assert_eq!(status, if listed { 200 } else { 404 }, "{}", person.name);
        let answer = browser.post(&format!("{page}/decide"), &[]).await;
        let form = [("csrf", "0"), ("key", "0"), ("verdict", "approve")];
        let blind = browser.post(&format!("{page}/decide"), &form).await;
        answer.is(422);
        blind.is(if listed { 403 } else { 404 });
        seen[index] = listed;
    }
    seen
}

#[tokio::test]
async fn webapp_view_decides_who_sees_a_request_besides_requester_and_admins() {
    let bob = super::fake::person("bob", crate::domain::Role::Member).id;
    let gus = super::fake::person("gus", crate::domain::Role::Guest).id;
    let level = |level| Some(Audience::Level(level));
    let people = |ids: &[Uuid]| Some(Audience::People(ids.to_vec()));
    assert_eq!(
        seen_under(level(Level::Admin)).await,
        [true, false, true, false]
    );
    assert_eq!(
        seen_under(level(Level::Member)).await,
        [true, true, true, false]
    );
    assert_eq!(
        seen_under(level(Level::AllUsers)).await,
        [true, true, true, true]
    );
    assert_eq!(seen_under(people(&[])).await, [true, false, true, false]);
    assert_eq!(seen_under(people(&[bob])).await, [true, true, true, false]);
    assert_eq!(seen_under(people(&[gus])).await, [true, false, true, true]);
    assert_eq!(
        seen_under(None).await,
        [true, false, true, false],
        "not routed yet"
    );
}

#[tokio::test]
async fn a_request_that_one_may_not_see_looks_like_one_that_does_not_exist() {
    let site = Site::new();
    let hidden = site.has(request_by(&site.alice, 1));
    let mut bob = site.signed_in(&site.bob).await;
    let expected = bob.get(&hidden).await;
    expected.is(404);
    for path in [
        "/requests/99999999-0000-0000-0000-000000000000",
        "/requests/x",
        "/nothing",
    ] {
        let other = bob.get(path).await;
        assert_eq!(other.is(404).body, expected.body, "{path}");
        assert_eq!(other.headers, expected.headers, "{path}");
    }
}

#[tokio::test]
async fn a_changed_role_holds_from_the_next_page_on() {
    let site = Site::new();
    let page = site.has(request_by(&site.alice, 1));
    let mut bob = site.signed_in(&site.bob).await;
    bob.get(&page).await.is(404);
    let set_role = |role| {
        site.backend
            .with(|state| state.people.get_mut(&site.bob.id).unwrap().role = role);
    };
    set_role(crate::domain::Role::Admin);
    bob.get(&page).await.is(200).shows("admin");
    set_role(crate::domain::Role::Member);
    bob.get(&page).await.is(404);
}

#[tokio::test]
async fn the_list_shows_open_requests_newest_first_and_all_on_demand() {
    let site = Site::new();
    let mut old = request_by(&site.alice, 1);
    old.created_at = Timestamp(START.0 - 3_600_000);
    let mut closed = request_by(&site.alice, 2);
    closed.status = Status::Expired;
    let (old, new) = (site.has(old), site.has(request_by(&site.bob, 3)));
    let closed = site.has(closed);
    let mut carol = site.signed_in(&site.carol).await;
    let open = carol.get("/requests").await;
    open.is(200).lacks(&closed);
    assert!(open.body.find(&new).unwrap() < open.body.find(&old).unwrap());
    open.shows("<time datetime=\"2026-03-02T08:05:00.000Z\">2026-03-02 08:05 UTC</time>")
        .shows("1 hour ago")
        .shows("requested")
        .shows("Why do you need access? to repair the shop")
        .shows("You can decide");
    let all = carol.get("/requests?show=all").await;
    all.is(200).shows(&closed).shows(&old).shows("expired");
    assert_eq!(
        all.body.matches("You can decide").count(),
        2,
        "not on closed ones"
    );
    assert_eq!(carol.get("/requests?show=open").await.body, open.body);
    let mut alice = site.signed_in(&site.alice).await;
    let own = alice.get("/requests").await;
    own.is(200).shows(&old).lacks(&new);
}

#[tokio::test]
async fn an_empty_list_says_what_to_do() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    alice
        .get("/requests")
        .await
        .is(200)
        .shows("No open requests")
        .shows("/sym");
    alice
        .get("/requests?show=all")
        .await
        .is(200)
        .shows("No requests")
        .shows("/sym");
    let mut gus = site.signed_in(&site.gus).await;
    for path in ["/requests", "/requests?show=all"] {
        gus.get(path)
            .await
            .is(200)
            .shows("requests that you may see")
            .lacks("<code>/sym</code>");
    }
}

#[tokio::test]
async fn paging_reaches_every_request_once_also_when_times_are_equal() {
    let site = Site::new();
    let mut missing: Vec<String> = (0..120)
        .map(|number| site.has(request_by(&site.alice, number)))
        .collect();
    let mut alice = site.signed_in(&site.alice).await;
    let mut path = "/requests".to_owned();
    let mut lengths = Vec::new();
    loop {
        let page = alice.get(&path).await;
        page.is(200);
        let before = missing.len();
        missing.retain(|request| !page.says(&format!("\"{request}\"")));
        lengths.push(before - missing.len());
        match page.body.split_once("rel=\"next\"") {
            None => break,
            Some((start, _)) => {
                let href = start.rsplit("href=\"").next().unwrap();
                path = href.split('"').next().unwrap().replace("&amp;", "&");
                assert!(path.contains("show=open"), "{path}");
            }
        }
    }
    assert_eq!(lengths, [50, 50, 20]);
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_that_no_page_links_to_is_refused() {
    let site = Site::new();
    let mut alice = site.signed_in(&site.alice).await;
    for query in ["show=mine", "before=x", "before=1.2", "show=all&show=open"] {
        alice.get(&format!("/requests?{query}")).await.is(400);
    }
}

fn full_request(site: &Site) -> Run {
    let mut run = request_by(&site.alice, 1);
    run.flow.environment = Some("Production".into());
    run.target = Some(ChosenTarget {
        id: "t".into(),
        name: "db".into(),
        label: "Customer database".into(),
        target_type: "custom".into(),
        settings: Default::default(),
        field_bindings: Vec::new(),
    });
    run.duration_seconds = Some(5400);
    run.fields.push(SubmittedField {
        value_labels: Vec::new(),
        name: "notify".into(),
        label: "Tell".into(),
        visible: true,
        value: FieldValue::SlackUserList(vec![
            UserValue {
                slack_id: "UBOB".into(),
                name: Some("Bob Builder".into()),
            },
            UserValue {
                slack_id: "U777".into(),
                name: None,
            },
        ]),
    });
    let mut secret = text_field("cost_centre", "Cost centre", "CC-99");
    secret.visible = false;
    run.fields.push(secret);
    run
}

#[tokio::test]
async fn the_page_shows_all_values_with_the_labels_of_the_form() {
    let site = Site::new();
    let page = site.has(full_request(&site));
    let mut alice = site.signed_in(&site.alice).await;
    let mine = alice.get(&page).await;
    mine.is(200)
        .shows("Why do you need access?")
        .shows("to repair the shop")
        .shows("Customer database")
        .shows("1 hour 30 minutes")
        .shows("Bob Builder")
        .shows("U777")
        .shows("Production")
        .shows("Slack, #general")
        .shows("Members and admins")
        .lacks("CC-99");
    let mut carol = site.signed_in(&site.carol).await;
    carol
        .get(&page)
        .await
        .is(200)
        .shows("CC-99")
        .shows("not in the form");
}

#[tokio::test]
async fn the_page_shows_where_the_request_went_and_what_came_of_it() {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    run.notifications[0].timed_out_at = Some(START.plus_seconds(15));
    run.notifications[0].notification.timeout_seconds = Some(15);
    run.notifications.push(RoutedNotification {
        notification: Notification {
            destinations: vec![
                Destination::User {
                    id: "x".into(),
                    slack_id: None,
                    email: Some("bob@example.com".into()),
                },
                Destination::ChannelId { id: "C9".into() },
            ],
            timeout_seconds: None,
            legacy: None,
        },
        deliveries: vec![
            Delivery::Failed {
                reason: "users_not_found".into(),
                hint: Some("ask for the address".into()),
            },
            Delivery::Pending,
        ],
        timed_out_at: None,
        adopted: Vec::new(),
        timer_used: false,
        restarted: false,
    });
    run.current = Some(1);
    let page = site.has(run);
    let mut alice = site.signed_in(&site.alice).await;
    alice
        .get(&page)
        .await
        .is(200)
        .shows("Channel #sym-requests")
        .shows("delivered")
        .shows("Time limit: 15 seconds.")
        .shows("Nobody decided in time")
        .shows("User bob@example.com")
        .shows(
            "could not be delivered: <bdi>users_not_found</bdi> (<bdi>ask for the address</bdi>)",
        )
        .shows("Channel C9")
        .shows("being sent")
        .shows("Waiting for a decision.")
        .shows("alice made the request.");
}

#[tokio::test]
async fn destinations_are_named_where_the_request_itself_tells_the_name() {
    let site = Site::new();
    let mut run = full_request(&site);
    run.notifications[0].notification.destinations = vec![
        Destination::ChannelId { id: "C1".into() },
        Destination::SlackUser {
            slack_id: "UBOB".into(),
        },
        Destination::User {
            id: "x".into(),
            slack_id: Some("UALICE".into()),
            email: None,
        },
        Destination::SlackUser {
            slack_id: "U777".into(),
        },
    ];
    let page = site.has(run);
    let mut alice = site.signed_in(&site.alice).await;
    alice
        .get(&page)
        .await
        .is(200)
        .shows(">Channel #general<")
        .shows("Bob Builder (Slack user UBOB)")
        .shows(">alice (Slack user UALICE)<")
        .shows(">Slack user U777<");
}

#[tokio::test]
async fn an_undeliverable_request_can_be_decided_here() {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    run.current = None;
    seen_by(&mut run, Audience::Level(Level::Member));
    let page = site.has(run);
    let mut bob = site.signed_in(&site.bob).await;
    let shown = bob.get(&page).await;
    shown.shows("Nobody could be told. The request is still open");
    assert!(shown.has_button("approve"));
}

#[tokio::test]
async fn a_decided_request_shows_by_whom_and_with_what_message_and_has_no_buttons() {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    run.flow.grants_access = true;
    run.status = Status::Approved;
    run.decision = Some(Decision {
        verdict: Verdict::Approve,
        by: site.bob.to_ref(),
        at: START,
        message: Some("only for today".into()),
        via: ChannelType::Slack,
        reason: None,
    });
    let page = site.has(run);
    let mut carol = site.signed_in(&site.carol).await;
    let shown = carol.get(&page).await;
    shown
        .shows("Approved")
        .shows("bob")
        .shows("only for today")
        .shows("</bdi> in Slack on")
        .shows("Access is to be granted by hand.")
        .lacks("<textarea");
    assert!(!shown.has_button("approve") && !shown.has_button("deny"));
}

#[tokio::test]
async fn a_failed_request_shows_its_code_to_all_and_the_details_to_admins() {
    let site = Site::new();
    let mut run = request_by(&site.alice, 1);
    run.status = Status::Errored;
    run.permissions = None;
    run.error = Some(RunError {
        code: "IMPL-3F9A2C".into(),
        message: "impl.py:7: KeyError: 'x'".into(),
        ..RunError::default()
    });
    let page = site.has(run);
    let mut alice = site.signed_in(&site.alice).await;
    alice
        .get(&page)
        .await
        .is(200)
        .shows("IMPL-3F9A2C")
        .lacks("KeyError");
    let mut carol = site.signed_in(&site.carol).await;
    let shown = carol.get(&page).await;
    shown
        .shows("IMPL-3F9A2C")
        .shows("KeyError")
        .lacks("<textarea");
}
