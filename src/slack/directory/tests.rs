#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::*;
use crate::domain::person::Role;
use crate::slack::fake::{Answer, FakeSlack};

fn user(id: &str, handle: &str, real_name: &str) -> Value {
    json!({"id": id, "team_id": "T1", "name": handle, "profile": {"real_name": real_name, "email": format!("{handle}@x.org")}})
}

fn ok(key: &str, value: Value) -> Value {
    let mut answer = json!({"ok": true});
    answer[key] = value;
    answer
}

fn directory(slack: &FakeSlack) -> Directory {
    let identity = Identity {
        team_id: "T1".to_owned(),
        team: "x".to_owned(),
        user_id: "UBOT".to_owned(),
        bot_id: None,
        enterprise_id: None,
    };
    Directory::new(
        slack.api(),
        &identity,
        Admins::new(&["ann@x.org".to_owned()]),
    )
}

#[tokio::test]
async fn a_person_is_looked_up_once_whoever_asks() {
    let slack = FakeSlack::start().await;
    slack.always("users.info", ok("user", user("U1", "ann", "Ann Lee")));
    let directory = Arc::new(directory(&slack));
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move { directory.person_by_slack_id("U1").await })
        })
        .collect();
    for asked in asked {
        let person = asked.await.unwrap().unwrap().unwrap();
        assert_eq!(
            (person.name.as_str(), person.role),
            ("Ann Lee", Role::Admin)
        );
        assert_eq!(person.id, person_id("T1", "U1"));
    }
    assert_eq!(slack.calls("users.info").len(), 1);
}

#[tokio::test]
async fn nobody_decides_on_the_strength_of_an_old_answer() {
    let slack = FakeSlack::start().await;
    let ann = user("U1", "ann", "Ann Lee");
    slack.always("users.info", ok("user", ann.clone()));
    let directory = directory(&slack);
    let decider = async || directory.person_for_decision("U1").await.unwrap().unwrap();
    assert_eq!(
        (decider().await.role, decider().await.active),
        (Role::Admin, true)
    );
    assert_eq!(slack.calls("users.info").len(), 1, "one queue, one look-up");

    let mut demoted = ann.clone();
    demoted["profile"]["email"] = json!("ann@elsewhere.org");
    slack.always("users.info", ok("user", demoted));
    directory.people.age(FRESH_FOR_DECISION);
    let shown = directory.person_by_slack_id("U1").await.unwrap().unwrap();
    assert_eq!(
        shown.role,
        Role::Admin,
        "the common look-up need not ask again"
    );
    assert_eq!(decider().await.role, Role::Member);

    let mut gone = ann;
    gone["deleted"] = json!(true);
    slack.always("users.info", ok("user", gone));
    directory.people.age(FRESH_FOR_DECISION);
    assert!(!decider().await.active);
}

#[tokio::test]
async fn when_slack_does_not_answer_nobody_decides_although_people_are_still_shown() {
    let slack = FakeSlack::start().await;
    slack.always("users.info", ok("user", user("U1", "ann", "Ann Lee")));
    let directory = directory(&slack);
    assert!(directory.person_for_decision("U1").await.unwrap().is_some());
    let down = json!({"ok": false, "error": "service_unavailable"});
    slack.always("users.info", down);
    directory.people.age(FRESH_FOR);
    assert!(directory.person_by_slack_id("U1").await.unwrap().is_some());
    let error = directory.person_for_decision("U1").await.unwrap_err();
    assert!(!error.permanent(), "{error}");
}

#[tokio::test]
async fn many_decisions_of_one_person_at_once_are_one_look_up() {
    let slack = FakeSlack::start().await;
    slack.always("users.info", ok("user", user("U1", "ann", "Ann Lee")));
    let directory = Arc::new(directory(&slack));
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move { directory.person_for_decision("U1").await })
        })
        .collect();
    for asked in asked {
        assert!(asked.await.unwrap().unwrap().is_some());
    }
    assert_eq!(slack.calls("users.info").len(), 1);
}

#[tokio::test]
async fn somebody_who_changed_is_asked_for_again_at_once() {
    let slack = FakeSlack::start().await;
    slack.always("users.info", ok("user", user("U1", "ann", "Ann Lee")));
    let directory = directory(&slack);
    assert!(
        directory
            .person_for_decision("U1")
            .await
            .unwrap()
            .unwrap()
            .active
    );
    let mut gone = user("U1", "ann", "Ann Lee");
    gone["deleted"] = json!(true);
    slack.always("users.info", ok("user", gone));
    directory.forget("U1");
    assert!(
        !directory
            .person_for_decision("U1")
            .await
            .unwrap()
            .unwrap()
            .active
    );
    assert!(
        !directory
            .person_by_slack_id("U1")
            .await
            .unwrap()
            .unwrap()
            .active
    );
}

#[tokio::test]
async fn an_address_leads_to_the_same_person_and_is_not_asked_for_twice() {
    let slack = FakeSlack::start().await;
    slack.always(
        "users.lookupByEmail",
        ok("user", user("U1", "ann", "Ann Lee")),
    );
    let directory = directory(&slack);
    for written in ["Ann@X.org", " ann@x.org", "ann@x.org"] {
        let person = directory.person_by_email(written).await.unwrap().unwrap();
        assert_eq!(person.slack_id.as_deref(), Some("U1"));
    }
    assert_eq!(slack.calls("users.lookupByEmail").len(), 1);
    assert_eq!(slack.calls("users.info").len(), 0);
    slack.always(
        "users.lookupByEmail",
        json!({"ok": false, "error": "users_not_found"}),
    );
    assert_eq!(directory.person_by_email("bob@x.org").await.unwrap(), None);
    assert_eq!(directory.person_by_email(" ").await.unwrap(), None);
}

#[tokio::test]
async fn bots_and_unknown_ids_are_nobody() {
    let slack = FakeSlack::start().await;
    let directory = directory(&slack);
    slack.script(
        "users.info",
        Answer::Json(ok("user", json!({"id": "UBOT", "is_bot": true}))),
    );
    assert_eq!(directory.person_by_slack_id("UBOT").await.unwrap(), None);
    slack.script(
        "users.info",
        Answer::Json(json!({"ok": false, "error": "user_not_found"})),
    );
    assert_eq!(directory.person_by_slack_id("U404").await.unwrap(), None);
    assert_eq!(directory.person_by_slack_id("U404").await.unwrap(), None);
    assert_eq!(slack.calls("users.info").len(), 2, "asked again at once");
}

#[tokio::test]
async fn transient_failures_are_repeated_and_then_reported() {
    let slack = FakeSlack::start().await;
    let directory = directory(&slack);
    slack.script("users.info", Answer::Reset);
    slack.script(
        "users.info",
        Answer::Json(ok("user", user("U1", "ann", "Ann"))),
    );
    assert!(directory.person_by_slack_id("U1").await.unwrap().is_some());
    slack.always(
        "users.info",
        json!({"ok": false, "error": "service_unavailable"}),
    );
    let error = directory.person_by_slack_id("U2").await.unwrap_err();
    assert!(!error.permanent(), "{error}");
}

#[tokio::test]
async fn names_find_one_person_or_say_that_there_are_several() {
    let slack = FakeSlack::start().await;
    let mut gone = user("U4", "old", "Old Man");
    gone["deleted"] = json!(true);
    let first = json!({"ok": true, "members": [user("U1", "ann", "Ann Lee"), user("U2", "bob", "Sam Fox")], "response_metadata": {"next_cursor": "c"}});
    slack.script("users.list", Answer::Json(first));
    slack.script(
        "users.list",
        Answer::Json(ok("members", json!([user("U3", "sam", "Sam Fox"), gone]))),
    );
    slack.always("users.info", ok("user", user("U123456789", "kim", "Kim")));
    let directory = directory(&slack);
    let id = async |written: &str| {
        let person = directory.person_by_mention(written).await.unwrap();
        person.and_then(|person| person.slack_id)
    };
    assert_eq!(id("@ann").await.as_deref(), Some("U1"));
    assert_eq!(id("ANN LEE").await.as_deref(), Some("U1"));
    assert_eq!(
        id("@sam").await.as_deref(),
        Some("U3"),
        "a handle goes before names"
    );
    assert_eq!(
        id("@old").await,
        None,
        "a deactivated person was found by name"
    );
    assert_eq!(id("nobody").await, None);
    assert_eq!(id("@").await, None);
    for mention in ["<@U123456789>", "<@U123456789|kim>", "U123456789"] {
        assert_eq!(
            id(mention).await.as_deref(),
            Some("U123456789"),
            "{mention}"
        );
    }
    let several = directory.person_by_mention("Sam Fox").await.unwrap_err();
    assert!(
        matches!(several, NameError::Ambiguous { found: 2, .. }),
        "{several}"
    );
    assert_eq!(slack.calls("users.list").len(), 2);
}

#[tokio::test]
async fn a_person_never_seen_is_found_by_id_in_the_list() {
    let slack = FakeSlack::start().await;
    slack.always(
        "users.list",
        ok(
            "members",
            json!([user("U1", "ann", "Ann"), user("U2", "bob", "Bob")]),
        ),
    );
    let directory = directory(&slack);
    let person = directory
        .person_by_id(person_id("T1", "U2"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(person.name, "Bob");
    assert_eq!(
        directory.person_by_id(person_id("T1", "U9")).await.unwrap(),
        None
    );
    assert_eq!(directory.people().await.unwrap().len(), 2);
    assert_eq!(slack.calls("users.list").len(), 1);
    assert_eq!(slack.calls("users.info").len(), 0);
}

#[tokio::test]
async fn channels_are_found_by_name_and_told_apart() {
    let slack = FakeSlack::start().await;
    let channels = json!([{"id": "C1", "name": "general", "is_member": true}, {"id": "C2", "name": "secret", "is_private": true}]);
    slack.always("conversations.list", ok("channels", channels));
    let directory = directory(&slack);
    for written in ["#general", "general", " #General"] {
        let channel = directory.channel_by_name(written).await.unwrap().unwrap();
        assert_eq!(
            (channel.id.as_str(), channel.kind, channel.member),
            ("C1", ChannelKind::Public, true)
        );
    }
    assert_eq!(directory.channel_by_name("nowhere").await.unwrap(), None);
    assert_eq!(
        slack.calls("conversations.list").len(),
        1,
        "a fresh list was read again"
    );
    // Somebody makes the channel meanwhile.
    directory.channel_list.age(LIST_TRUSTED_FOR_PAGE);
    assert!(
        directory
            .channel_by_name("general")
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(slack.calls("conversations.list").len(), 1);
    let channels = json!([{"id": "C1", "name": "general"}, {"id": "C3", "name": "nowhere"}]);
    slack.script("conversations.list", Answer::Json(ok("channels", channels)));
    let new = directory.channel_by_name("nowhere").await.unwrap();
    assert_eq!(new.map(|channel| channel.id), Some("C3".to_owned()));
    let query = &slack.calls("conversations.list")[0].query;
    assert_eq!(
        (query["types"].as_str(), query["exclude_archived"].as_str()),
        (CHANNEL_TYPES, "true")
    );
}

#[tokio::test]
async fn the_source_of_a_request_is_named_only_when_its_channel_is_public() {
    let slack = FakeSlack::start().await;
    let directory = directory(&slack);
    let identifier = async |id: &str| {
        directory
            .source_channel(id)
            .await
            .unwrap()
            .identifier
            .unwrap()
    };
    let info =
        |channel: Value| slack.script("conversations.info", Answer::Json(ok("channel", channel)));
    info(json!({"id": "C1", "name": "general"}));
    assert_eq!(identifier("C1").await, "#general");
    info(json!({"id": "C2", "name": "secret", "is_private": true}));
    assert_eq!(identifier("C2").await, "C2");
    info(json!({"id": "C3", "name": "mpdm-a--b-1", "is_mpim": true, "is_private": true}));
    assert_eq!(identifier("C3").await, "C3");
    slack.script(
        "conversations.info",
        Answer::Json(json!({"ok": false, "error": "channel_not_found"})),
    );
    assert_eq!(identifier("C4").await, "C4");
    assert_eq!(identifier("D1").await, "D1");
    assert_eq!(
        slack.calls("conversations.info").len(),
        4,
        "asked about a direct message"
    );
    assert_eq!(directory.channel_kind("D1").await.unwrap(), ChannelKind::Im);
    assert_eq!(
        directory.channel_kind("C3").await.unwrap(),
        ChannelKind::Mpim
    );
}

#[tokio::test]
async fn conversations_are_opened_once_and_groups_in_any_order() {
    let slack = FakeSlack::start().await;
    slack.always("conversations.open", ok("channel", json!({"id": "D1"})));
    let directory = directory(&slack);
    let ids = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(directory.open_dm("U1").await.unwrap(), "D1");
    directory.open_group(&ids(&["U1"])).await.unwrap();
    directory.open_group(&ids(&["U2", "U1"])).await.unwrap();
    directory
        .open_group(&ids(&["U1", "U2", "U2"]))
        .await
        .unwrap();
    assert_eq!(slack.calls("conversations.open").len(), 2);
    let many: Vec<String> = (0..=GROUP_DM_PEOPLE).map(|n| format!("U{n}")).collect();
    assert!(directory.open_group(&many).await.unwrap_err().permanent());
    assert!(directory.open_group(&[]).await.unwrap_err().permanent());
}

#[tokio::test]
async fn nobody_is_written_to_who_has_left_also_where_the_conversation_is_known() {
    let slack = FakeSlack::start().await;
    slack.always("conversations.open", ok("channel", json!({"id": "D1"})));
    slack.always("users.info", ok("user", user("U1", "ann", "Ann Lee")));
    let directory = directory(&slack);
    assert_eq!(directory.open_dm("U1").await.unwrap(), "D1");

    let mut left = user("U1", "ann", "Ann Lee");
    left["deleted"] = json!(true);
    slack.always("users.info", ok("user", left));
    directory.forget("U1");
    let group = ["U2".to_owned(), "U1".to_owned()];
    for error in [
        directory.open_dm("U1").await.unwrap_err(),
        directory.open_group(&group).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.code(), error.permanent()),
            (Some("user_disabled"), true)
        );
    }

    // While nobody can be looked up, what is known has to do.
    slack.always(
        "users.info",
        json!({"ok": false, "error": "internal_error"}),
    );
    directory.forget("U1");
    assert_eq!(directory.open_dm("U1").await.unwrap(), "D1");
}

fn broken() -> ApiError {
    ApiError::Transient {
        method: "users.info",
        what: "reset".to_owned(),
        maybe_done: false,
    }
}

fn refused() -> ApiError {
    ApiError::Refused {
        method: "users.info",
        code: "x".to_owned(),
        detail: None,
    }
}

#[tokio::test]
async fn an_old_value_is_used_while_slack_fails_but_not_for_ever_and_not_against_a_refusal() {
    let stale_for = Duration::from_millis(80);
    let cache = Cache::new(stale_for, 10);
    let never_fresh = |_: &i32| Duration::ZERO;
    assert_eq!(cache.get("k", never_fresh, async { Ok(1) }).await, Ok(1));
    assert_eq!(
        cache.get("k", never_fresh, async { Err(broken()) }).await,
        Ok(1)
    );
    tokio::time::sleep(stale_for).await;
    assert_eq!(
        cache.get("k", never_fresh, async { Err(broken()) }).await,
        Err(broken())
    );
    cache.put("k", 2, Instant::now());
    assert_eq!(
        cache.get("k", never_fresh, async { Err(refused()) }).await,
        Err(refused())
    );
    assert_eq!(
        cache.get("k", never_fresh, async { Err(broken()) }).await,
        Err(broken())
    );
}

#[tokio::test]
async fn what_was_asked_before_a_change_is_not_kept_after_it() {
    let cache = Arc::new(Cache::new(FRESH_FOR, 10));
    let before = Instant::now();
    let (asked, slack_answers) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let waiting = tokio::spawn({
        let (cache, asked, slack_answers) = (cache.clone(), asked.clone(), slack_answers.clone());
        async move {
            let load = async {
                asked.notify_one();
                slack_answers.notified().await;
                Ok("old")
            };
            cache.get_recent("k", FRESH_FOR, load).await
        }
    });
    asked.notified().await;
    cache.forget("k");
    slack_answers.notify_one();
    assert_eq!(
        waiting.await.unwrap(),
        Ok("old"),
        "who asked before gets that answer"
    );
    cache.put("k", "old list", before);
    let now = cache.get_recent("k", FRESH_FOR, async { Ok("new") });
    assert_eq!(now.await, Ok("new"));
    cache.put("k", "old list", before);
    let now = cache.get_recent("k", FRESH_FOR, async { Err(broken()) });
    assert_eq!(now.await, Ok("new"), "an older answer replaced a newer one");
}

#[tokio::test]
async fn those_who_waited_share_a_failure() {
    let cache = Arc::new(Cache::<i32>::new(Duration::ZERO, 10));
    let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let (cache, tries) = (cache.clone(), tries.clone());
            tokio::spawn(async move {
                let load = async {
                    tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    Err(broken())
                };
                cache.get("k", |_| FRESH_FOR, load).await
            })
        })
        .collect();
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Err(broken()));
    }
    assert_eq!(tries.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_cache_does_not_grow_without_bound() {
    let cache = Cache::new(FRESH_FOR, 10);
    for number in 0..100 {
        cache.put(&number.to_string(), number, Instant::now());
    }
    assert!(cache.len() <= 10, "{}", cache.len());
}
