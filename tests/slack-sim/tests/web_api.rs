//! The Web API from outside: arguments in every form, tokens and scopes, who may post where, and what each method refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{
    Result, Socket, call, call_as, company, get, http, modal, request_blocks, section, start,
    text_input,
};
use serde_json::{Value, json};
use slack_sim::{ChannelSetup, PersonSetup, Setup, SlackSim, ViolationKind};

async fn error_of(slack: &SlackSim, method: &str, args: Value) -> String {
    let answer = call(slack, method, args).await;
    assert_eq!(answer["ok"], false, "{method}: {answer}");
    answer["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn arguments_come_as_json_as_a_form_with_json_inside_or_as_a_query() -> Result<()> {
    let slack = company().await;
    let url = format!("{}/chat.postMessage", slack.api_url());
    let blocks = "[{\"type\":\"divider\"}]";
    let form = format!(
        "token={}&channel=general&text=hello+there&blocks={}",
        slack.bot_token(),
        url_encoded(blocks)
    );
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = http("POST", &url, &headers, &form).await?.body;
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["message"]["blocks"][0]["type"], "divider");
    let answer = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "C0GENERAL", "blocks": blocks, "text": "as string"}),
    )
    .await;
    assert_eq!(answer["message"]["blocks"][0]["type"], "divider");
    let form = format!(
        "--a b\r\nContent-Disposition: form-data; name=\"channel\"\r\n\r\ngeneral\r\n\
         --a b\r\ncontent-disposition: form-data; name=\"text\"\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--lines\r\n\
         --a b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"f\"\r\n\r\nfile\r\n\
         --a b\r\nContent-Disposition: form-data; name=\"blocks\"\r\n\r\n{blocks}\r\n--a b--\r\n"
    );
    let bearer = format!("Bearer {}", slack.bot_token());
    let kind = "Multipart/Form-Data; boundary=\"a b\"";
    let headers = [("Content-Type", kind), ("Authorization", bearer.as_str())];
    let answer = http("POST", &url, &headers, &form).await?.body;
    assert_eq!(answer["message"]["text"], "two\r\n--lines", "{answer}");
    assert_eq!(answer["message"]["blocks"][0]["type"], "divider");
    slack.expect_no_violations()?;
    let answer = http("POST", &url, &headers, &form[..90]).await?.body;
    assert_eq!(answer["error"], "invalid_form_data");
    let answer = get(&slack, "users.info", "user=U0ALICE00").await;
    assert_eq!(answer["user"]["name"], "alice");
    assert_eq!(answer["user"]["profile"]["email"], "alice@acme.example");
    // Reading methods do not read JSON.
    assert_eq!(
        error_of(&slack, "users.info", json!({"user": "U0ALICE00"})).await,
        "invalid_arguments"
    );
    Ok(())
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn tokens_are_checked_before_anything_else() -> Result<()> {
    let slack = company().await;
    let error = async |token: &str, method: &str| {
        call_as(&slack, token, method, json!({}))
            .await
            .unwrap()
            .body["error"]
            .as_str()
            .unwrap_or("ok")
            .to_owned()
    };
    assert_eq!(error("", "auth.test").await, "not_authed");
    assert_eq!(error("xoxb-wrong", "auth.test").await, "invalid_auth");
    assert_eq!(
        error(&slack.app_token(), "chat.postMessage").await,
        "not_allowed_token_type"
    );
    assert_eq!(
        error(&slack.bot_token(), "apps.connections.open").await,
        "not_allowed_token_type"
    );
    assert_eq!(error(&slack.bot_token(), "auth.test").await, "ok");
    assert_eq!(
        error(&slack.bot_token(), "chat.postMassage").await,
        "unknown_method"
    );
    let kinds: Vec<_> = slack.violations().into_iter().map(|v| v.kind).collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|k| **k == ViolationKind::WrongToken)
            .count(),
        4
    );
    assert!(kinds.contains(&ViolationKind::UnknownMethod));
    Ok(())
}

#[tokio::test]
async fn a_missing_scope_is_named() -> Result<()> {
    let slack = start(
        Setup::company()
            .without_scope("users:read")
            .without_scope("mpim:write"),
    )
    .await;
    let answer = get(&slack, "users.info", "user=U0ALICE00").await;
    assert_eq!(
        (answer["error"].as_str(), answer["needed"].as_str()),
        (Some("missing_scope"), Some("users:read"))
    );
    let answer = call(
        &slack,
        "conversations.open",
        json!({"users": "U0ALICE00,U0BOB0000"}),
    )
    .await;
    assert_eq!(answer["needed"], "mpim:write");
    Ok(())
}

#[tokio::test]
async fn the_app_posts_where_it_may() -> Result<()> {
    let slack = company().await;
    let post = async |channel: &str| {
        let answer = call(
            &slack,
            "chat.postMessage",
            json!({"channel": channel, "text": "x"}),
        )
        .await;
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    let secret = slack.channel("secret-plans").id().to_owned();
    let ops = slack.channel("ops-private").id().to_owned();
    let between = slack
        .person("alice")
        .in_dm_with("bob")
        .channel_id()
        .to_owned();
    assert_eq!(post("#general").await, "ok", "public, not a member");
    assert_eq!(post("general").await, "ok");
    assert_eq!(post(&ops).await, "ok", "private, a member");
    assert_eq!(post("U0ALICE00").await, "ok", "opens the direct message");
    assert_eq!(
        post(&secret).await,
        "channel_not_found",
        "private, not a member"
    );
    assert_eq!(
        post(&between).await,
        "channel_not_found",
        "a direct message of others"
    );
    assert_eq!(post("#old-stuff").await, "is_archived");
    assert_eq!(post("#nowhere").await, "channel_not_found");
    assert_eq!(post("USLACKBOT").await, "cannot_dm_bot");
    slack.expect_no_violations()?;
    let strict = start(Setup::company().without_scope("chat:write.public")).await;
    assert_eq!(
        error_of(
            &strict,
            "chat.postMessage",
            json!({"channel": "general", "text": "x"})
        )
        .await,
        "not_in_channel"
    );
    Ok(())
}

#[tokio::test]
async fn messages_are_changed_and_deleted_by_their_author_only() -> Result<()> {
    let slack = company().await;
    let posted = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "x", "blocks": request_blocks("hi")}),
    )
    .await;
    let (channel, ts) = (&posted["channel"], &posted["ts"]);
    let theirs = slack
        .workspace()
        .say("U0ALICE00", "C0GENERAL", "hello <all>")?;
    assert_eq!(
        slack.channel("general").texts().last().unwrap(),
        "hello <all>"
    );
    let error = error_of(
        &slack,
        "chat.update",
        json!({"channel": "C0GENERAL", "ts": theirs, "text": "x"}),
    )
    .await;
    assert_eq!(error, "cant_update_message");
    let error = error_of(
        &slack,
        "chat.update",
        json!({"channel": "C0GENERAL", "ts": "1.000001", "text": "x"}),
    )
    .await;
    assert_eq!(error, "message_not_found");
    let error = error_of(
        &slack,
        "chat.delete",
        json!({"channel": "C0GENERAL", "ts": theirs}),
    )
    .await;
    assert_eq!(error, "cant_delete_message");
    slack.expect_no_violations()?;
    let long = "x".repeat(4_001);
    let error = error_of(
        &slack,
        "chat.update",
        json!({"channel": channel, "ts": ts, "text": long}),
    )
    .await;
    assert_eq!(error, "msg_too_long");
    let updated = call(
        &slack,
        "chat.update",
        json!({"channel": channel, "ts": ts, "text": "done", "blocks": [section("done")]}),
    )
    .await;
    assert!(updated["message"]["edited"]["ts"].is_string());
    assert_eq!(updated["message"]["blocks"].as_array().unwrap().len(), 1);
    // Text without blocks takes the blocks away, which is hardly ever meant.
    call(
        &slack,
        "chat.update",
        json!({"channel": channel, "ts": ts, "text": "bare"}),
    )
    .await;
    assert_eq!(
        slack.forgive(|v| v.kind == ViolationKind::BlocksLost).len(),
        1
    );
    let link = get(
        &slack,
        "chat.getPermalink",
        &format!("channel=C0GENERAL&message_ts={}", ts.as_str().unwrap()),
    )
    .await;
    let number = ts.as_str().unwrap().replace('.', "");
    assert_eq!(
        link["permalink"],
        format!("https://acme.slack.com/archives/C0GENERAL/p{number}")
    );
    call(&slack, "chat.delete", json!({"channel": channel, "ts": ts})).await;
    assert_eq!(
        error_of(&slack, "chat.delete", json!({"channel": channel, "ts": ts})).await,
        "message_not_found"
    );
    Ok(())
}

#[tokio::test]
async fn replies_gather_in_the_thread_of_the_first_message() -> Result<()> {
    let slack = company().await;
    let first = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "first"}),
    )
    .await;
    let reply = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "second", "thread_ts": first["ts"]}),
    )
    .await;
    let nested = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "third", "thread_ts": reply["ts"]}),
    )
    .await;
    assert_eq!(nested["message"]["thread_ts"], first["ts"]);
    let seen = slack.channel("general").expects_text("first").await?;
    assert_eq!(seen.replies(), ["second", "third"]);
    let error = error_of(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "x", "thread_ts": "1.000001"}),
    )
    .await;
    assert_eq!(error, "thread_not_found");
    Ok(())
}

#[tokio::test]
async fn ephemerals_reach_members_of_the_channel_only() -> Result<()> {
    let slack = company().await;
    let ops = slack.channel("ops-private").id().to_owned();
    let send = async |channel: &str, user: &str| {
        let answer = call(
            &slack,
            "chat.postEphemeral",
            json!({"channel": channel, "user": user, "text": "psst"}),
        )
        .await;
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    assert_eq!(send(&ops, "U0ALICE00").await, "ok");
    assert_eq!(send(&ops, "U0DAVE000").await, "user_not_in_channel");
    assert_eq!(send("general", "U0ALICE00").await, "not_in_channel");
    slack.person("alice").expects_ephemeral("psst").await?;
    assert!(slack.person("bob").ephemerals().is_empty());
    assert!(slack.channel("ops-private").texts().is_empty());
    Ok(())
}

#[tokio::test]
async fn direct_and_group_messages_are_opened_within_limits() -> Result<()> {
    let mut setup = Setup::company().person(PersonSetup::member("gone").deactivated());
    for i in 0..9 {
        setup = setup.person(PersonSetup::member(&format!("extra{i}")));
    }
    let slack = start(setup).await;
    let ids: Vec<String> = (0..9)
        .map(|i| slack.person(&format!("extra{i}")).id().to_owned())
        .collect();
    let opened = call(&slack, "conversations.open", json!({"users": ids[0]})).await;
    assert!(opened["channel"]["id"].as_str().unwrap().starts_with('D'));
    let again = call(&slack, "conversations.open", json!({"users": ids[0]})).await;
    assert_eq!(
        (&again["channel"]["id"], &again["already_open"]),
        (&opened["channel"]["id"], &json!(true))
    );
    let group = call(
        &slack,
        "conversations.open",
        json!({"users": ids[..8].join(",")}),
    )
    .await;
    assert_eq!(group["ok"], true);
    let same = call(
        &slack,
        "conversations.open",
        json!({"users": ids[..8], "return_im": true}),
    )
    .await;
    assert_eq!(same["channel"]["id"], group["channel"]["id"]);
    assert_eq!(same["channel"]["is_mpim"], true);
    assert_eq!(
        error_of(
            &slack,
            "conversations.open",
            json!({"users": ids.join(",")})
        )
        .await,
        "too_many_users"
    );
    assert_eq!(
        error_of(&slack, "conversations.open", json!({"users": "U0NOBODY00"})).await,
        "user_not_found"
    );
    let gone = slack.person("gone").id().to_owned();
    assert_eq!(
        error_of(&slack, "conversations.open", json!({"users": gone})).await,
        "user_disabled"
    );
    assert_eq!(
        error_of(&slack, "conversations.open", json!({"users": "USLACKBOT"})).await,
        "cannot_dm_bot"
    );
    Ok(())
}

#[tokio::test]
async fn lists_come_in_pages_with_cursors() -> Result<()> {
    let mut setup = Setup::company();
    for i in 0..25 {
        setup = setup
            .person(PersonSetup::member(&format!("p{i}")))
            .channel(ChannelSetup::public(&format!("c{i}")));
    }
    let slack = start(setup).await;
    for (method, key, query, expected) in [
        ("users.list", "members", "limit=10", 6 + 2 + 25),
        (
            "conversations.list",
            "channels",
            "limit=10&types=public_channel",
            7 + 25,
        ),
        (
            "conversations.list",
            "channels",
            "limit=10&exclude_archived=true",
            6 + 25,
        ),
        (
            "conversations.list",
            "channels",
            "limit=10&types=public_channel,private_channel",
            8 + 25,
        ),
    ] {
        let (mut count, mut cursor, mut pages) = (0, String::new(), 0);
        loop {
            let page = get(
                &slack,
                method,
                &format!("{query}&cursor={}", url_encoded(&cursor)),
            )
            .await;
            assert_eq!(page["ok"], true, "{page}");
            count += page[key].as_array().unwrap().len();
            pages += 1;
            cursor = page["response_metadata"]["next_cursor"]
                .as_str()
                .unwrap()
                .to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(count, expected, "{method} {query}");
        assert_eq!(pages, expected.div_ceil(10));
    }
    assert_eq!(
        get(&slack, "users.list", "cursor=nonsense").await["error"],
        "invalid_cursor"
    );
    for limit in ["abc", "-1", "1.5"] {
        let answer = get(&slack, "conversations.list", &format!("limit={limit}")).await;
        assert_eq!(answer["error"], "invalid_limit", "{limit}");
    }
    let members = get(&slack, "conversations.members", "channel=C0GENERAL&limit=2").await;
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    Ok(())
}

#[tokio::test]
async fn people_and_groups_are_found() -> Result<()> {
    let slack = company().await;
    let found = get(&slack, "users.lookupByEmail", "email=Bob%40acme.example").await;
    assert_eq!(found["user"]["id"], "U0BOB0000");
    assert_eq!(
        get(&slack, "users.lookupByEmail", "email=no%40acme.example").await["error"],
        "users_not_found"
    );
    let gus = get(&slack, "users.info", "user=U0GUS0000").await;
    assert_eq!(
        (
            &gus["user"]["is_restricted"],
            &gus["user"]["is_ultra_restricted"]
        ),
        (&json!(true), &json!(false))
    );
    let erin = get(&slack, "users.info", "user=U0ERIN000").await;
    assert_eq!(erin["user"]["is_owner"], true);
    assert_eq!(
        get(&slack, "users.info", "user=U0NOBODY00").await["error"],
        "user_not_found"
    );
    let groups = get(&slack, "usergroups.list", "include_users=true").await;
    assert_eq!(
        groups["usergroups"][0]["users"].as_array().unwrap().len(),
        2
    );
    let id = groups["usergroups"][0]["id"].as_str().unwrap();
    let users = get(&slack, "usergroups.users.list", &format!("usergroup={id}")).await;
    assert_eq!(users["users"], json!(["U0BOB0000", "U0CAROL00"]));
    let of_dave = get(
        &slack,
        "users.conversations",
        "user=U0DAVE000&types=public_channel,private_channel",
    )
    .await;
    assert!(!of_dave["channels"].to_string().contains("ops-private"));
    assert_eq!(
        get(&slack, "conversations.info", "channel=C0SECRETPLANS").await["error"],
        "channel_not_found"
    );
    let info = get(&slack, "conversations.info", "channel=C0OLDSTUFF").await;
    assert_eq!(info["channel"]["is_archived"], true);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn what_slack_would_refuse_is_refused_and_recorded() -> Result<()> {
    let slack = company().await;
    let long = json!({"channel": "general", "text": "x", "blocks": [section(&"x".repeat(3_001))]});
    let answer = call(&slack, "chat.postMessage", long).await;
    assert_eq!(answer["error"], "invalid_blocks");
    let messages = answer["response_metadata"]["messages"][0].as_str().unwrap();
    assert_eq!(
        messages,
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    );
    assert_eq!(
        error_of(&slack, "chat.postMessage", json!({"channel": "general"})).await,
        "no_text"
    );
    assert_eq!(
        error_of(
            &slack,
            "chat.postMessage",
            json!({"channel": "general", "blocks": "[{"})
        )
        .await,
        "invalid_blocks_format"
    );
    assert_eq!(
        error_of(
            &slack,
            "views.open",
            json!({"trigger_id": "1", "view": {"type": "modal"}})
        )
        .await,
        "invalid_arguments"
    );
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::InvalidPayload)
            .len(),
        3
    );
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::InvalidArgument)
            .len(),
        1
    );
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "x", "chanel": "y"}),
    )
    .await;
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::UnknownArgument)
            .len(),
        1
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_trigger_opens_one_view_within_three_seconds() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let trigger = async |app: &mut Socket| {
        let pending = alice
            .in_channel("general")
            .starts_typing("/sym")
            .unwrap()
            .unwrap();
        let envelope = app.next().await;
        app.ack(&envelope).await;
        pending.answered().await.unwrap();
        envelope["payload"]["trigger_id"].clone()
    };
    let view = modal(json!([text_input("b", "L")]));
    let open = async |trigger: &Value| {
        let answer = call(
            &slack,
            "views.open",
            json!({"trigger_id": trigger, "view": view}),
        )
        .await;
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    let first = trigger(&mut app).await;
    assert_eq!(open(&first).await, "ok");
    assert_eq!(open(&first).await, "exchanged_trigger_id");
    assert_eq!(open(&json!("1.2.abc")).await, "invalid_trigger_id");
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::InvalidArgument)
            .len(),
        2
    );
    let late = trigger(&mut app).await;
    slack.advance(Duration::from_millis(3_100));
    assert_eq!(open(&late).await, "expired_trigger_id");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_view_is_updated_by_id_and_hash_and_keeps_what_was_entered() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let pending = alice.in_channel("general").starts_typing("/sym")?.unwrap();
    let envelope = app.next().await;
    app.ack(&envelope).await;
    pending.answered().await?;
    let fields = json!([text_input("kept", "Kept"), text_input("renamed", "Renamed")]);
    let opened = call(
        &slack,
        "views.open",
        json!({"trigger_id": envelope["payload"]["trigger_id"], "view": modal(fields)}),
    )
    .await;
    let (id, hash) = (&opened["view"]["id"], &opened["view"]["hash"]);
    assert_eq!(opened["view"]["root_view_id"], *id);
    let form = alice.modal().await?;
    form.fill("Kept", "one")
        .fill("Renamed", "two")
        .apply()
        .await?;
    let fields = json!([
        text_input("kept", "Kept"),
        text_input("renamed2", "Renamed")
    ]);
    let updated = call(
        &slack,
        "views.update",
        json!({"view_id": id, "hash": hash, "view": modal(fields)}),
    )
    .await;
    assert_eq!(
        updated["view"]["state"]["values"]["kept"]["value"]["value"],
        "one"
    );
    assert!(updated["view"]["state"]["values"]["renamed2"]["value"]["value"].is_null());
    assert_ne!(updated["view"]["hash"], *hash);
    let stale = json!({"view_id": id, "hash": hash, "view": modal(json!([]))});
    assert_eq!(
        error_of(&slack, "views.update", stale).await,
        "hash_conflict"
    );
    form.close()?;
    assert_eq!(
        error_of(
            &slack,
            "views.update",
            json!({"view_id": id, "view": modal(json!([]))})
        )
        .await,
        "not_found"
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn app_home_is_published_per_person() -> Result<()> {
    let slack = company().await;
    let home = json!({"type": "home", "blocks": [section("Hello <@U0ALICE00>")]});
    let published = call(
        &slack,
        "views.publish",
        json!({"user_id": "U0ALICE00", "view": home}),
    )
    .await;
    assert_eq!(published["view"]["type"], "home");
    slack
        .person("alice")
        .opens_home()?
        .expects_text("hello @alice")
        .await?;
    assert_eq!(slack.person("bob").opens_home()?.text(), "");
    let wrong = json!({"user_id": "U0NOBODY00", "view": home});
    assert_eq!(
        error_of(&slack, "views.publish", wrong).await,
        "user_not_found"
    );
    Ok(())
}

#[tokio::test]
async fn rates_are_enforced_where_a_test_asks_for_it() -> Result<()> {
    let slack = start(Setup::company().with_rate_limits()).await;
    let mut limited = None;
    for _ in 0..10 {
        let answer = call_as(
            &slack,
            &slack.bot_token(),
            "chat.postMessage",
            json!({"channel": "general", "text": "x"}),
        )
        .await?;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("ten messages at once are too many");
    assert!(
        limited.headers.contains("retry-after: 1"),
        "{}",
        limited.headers
    );
    assert_eq!(limited.body["error"], "ratelimited");
    for same_channel in ["#general", "C0GENERAL"] {
        let again = json!({"channel": same_channel, "text": "x"});
        assert_eq!(
            error_of(&slack, "chat.postMessage", again).await,
            "ratelimited"
        );
    }
    let elsewhere = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x"}),
    )
    .await;
    assert_eq!(elsewhere["ok"], true);
    slack.advance(Duration::from_secs(2));
    assert_eq!(
        call(
            &slack,
            "chat.postMessage",
            json!({"channel": "general", "text": "x"})
        )
        .await["ok"],
        true
    );
    Ok(())
}
