//! What people do and what the app gets: forms of every element type, clicks, menus, stacks of dialogs, response URLs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{
    Result, Socket, button, call, company, http, modal, request_blocks, section, start, text_input,
};
use serde_json::{Value, json};
use slack_sim::{Form, Outcome, Person, PersonSetup, Setup, SlackSim, ViolationKind};

fn input(block: &str, label: &str, element: Value) -> Value {
    json!({"type": "input", "block_id": block, "label": {"type": "plain_text", "text": label}, "element": element})
}

fn options(texts: &[&str]) -> Value {
    texts
        .iter()
        .map(|t| json!({"text": {"type": "plain_text", "text": t}, "value": t.to_lowercase()}))
        .collect()
}

/// Types `/sym` and opens this view for the person.
async fn open(slack: &SlackSim, app: &mut Socket, person: &Person, view: Value) -> Form {
    let pending = person
        .in_channel("general")
        .starts_typing("/sym")
        .unwrap()
        .unwrap();
    let envelope = app.next().await;
    app.ack(&envelope).await;
    pending.answered().await.unwrap();
    let trigger = &envelope["payload"]["trigger_id"];
    let opened = call(
        slack,
        "views.open",
        json!({"trigger_id": trigger, "view": view}),
    )
    .await;
    assert_eq!(opened["ok"], true, "{opened}");
    person.modal().await.unwrap()
}

/// The next envelope, acked; its payload.
async fn taken(app: &mut Socket) -> Value {
    let envelope = app.next().await;
    app.ack(&envelope).await;
    envelope["payload"].clone()
}

#[tokio::test]
async fn every_element_type_is_filled_and_sent_as_slack_sends_it() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let kind = |kind: &str| json!({"type": kind, "action_id": "v"});
    let with = |k: &str, key: &str, value: Value| {
        let mut element = kind(k);
        element[key] = value;
        element
    };
    let view = modal(json!([
        input("text", "Text", kind("plain_text_input")),
        input(
            "number",
            "Number",
            with("number_input", "is_decimal_allowed", json!(false))
        ),
        input("email", "Email", kind("email_text_input")),
        input("url", "Link", kind("url_text_input")),
        input(
            "select",
            "Select",
            with(
                "static_select",
                "options",
                options(&["Normal", "Emergency"])
            )
        ),
        input(
            "multi",
            "Several",
            with("multi_static_select", "options", options(&["A", "B", "C"]))
        ),
        input("user", "User", kind("users_select")),
        input("users", "Users", kind("multi_users_select")),
        input("conversation", "Conversation", kind("conversations_select")),
        input("channels", "Channels", kind("multi_channels_select")),
        input(
            "boxes",
            "Boxes",
            with("checkboxes", "options", options(&["X", "Y"]))
        ),
        input(
            "radio",
            "Radio",
            with("radio_buttons", "options", options(&["On", "Off"]))
        ),
        input("date", "Date", kind("datepicker")),
        input("time", "Time", kind("timepicker")),
        input("moment", "Moment", kind("datetimepicker")),
        input("rich", "Rich", kind("rich_text_input")),
    ]));
    let form = open(&slack, &mut app, &alice, view).await;
    let filling = form
        .fill("Text", "deploy")
        .fill("Number", "42")
        .fill("Email", "a@b.example")
        .fill("Link", "https://a.example/x")
        .pick("Select", "Emergency")
        .pick("Several", "A")
        .pick("Several", "B")
        .pick("Several", "C")
        .unpick("Several", "B")
        .pick("User", "Bob Brown")
        .pick("Users", "carol")
        .pick("Users", "dave")
        .pick("Conversation", "#general")
        .pick("Channels", "sym-access")
        .pick("Boxes", "Y")
        .pick("Radio", "On")
        .fill("Date", "2026-02-03")
        .fill("Time", "10:30")
        .fill("Moment", "1700000000")
        .fill("Rich", "bold words");
    let submitting = tokio::spawn(filling.submit());
    let payload = taken(&mut app).await;
    assert_eq!(submitting.await??, Outcome::Closed);
    assert_eq!(payload["type"], "view_submission");
    let view = &payload["view"];
    for key in [
        "id",
        "hash",
        "root_view_id",
        "app_id",
        "bot_id",
        "team_id",
        "private_metadata",
        "callback_id",
    ] {
        assert!(view[key].is_string(), "view.{key}");
    }
    assert!(
        payload["enterprise"].is_null()
            && payload["is_enterprise_install"] == false
            && payload["response_urls"] == json!([])
    );
    let values = &view["state"]["values"];
    let option = |text: &str| json!({"text": {"type": "plain_text", "text": text, "emoji": true}, "value": text.to_lowercase()});
    for (block, expected) in [
        (
            "text",
            json!({"type": "plain_text_input", "value": "deploy"}),
        ),
        ("number", json!({"type": "number_input", "value": "42"})),
        (
            "email",
            json!({"type": "email_text_input", "value": "a@b.example"}),
        ),
        (
            "url",
            json!({"type": "url_text_input", "value": "https://a.example/x"}),
        ),
        (
            "select",
            json!({"type": "static_select", "selected_option": option("Emergency")}),
        ),
        (
            "multi",
            json!({"type": "multi_static_select", "selected_options": [option("A"), option("C")]}),
        ),
        (
            "user",
            json!({"type": "users_select", "selected_user": "U0BOB0000"}),
        ),
        (
            "users",
            json!({"type": "multi_users_select", "selected_users": ["U0CAROL00", "U0DAVE000"]}),
        ),
        (
            "conversation",
            json!({"type": "conversations_select", "selected_conversation": "C0GENERAL"}),
        ),
        (
            "channels",
            json!({"type": "multi_channels_select", "selected_channels": ["C0SYMACCESS"]}),
        ),
        (
            "boxes",
            json!({"type": "checkboxes", "selected_options": [option("Y")]}),
        ),
        (
            "radio",
            json!({"type": "radio_buttons", "selected_option": option("On")}),
        ),
        (
            "date",
            json!({"type": "datepicker", "selected_date": "2026-02-03"}),
        ),
        (
            "time",
            json!({"type": "timepicker", "selected_time": "10:30"}),
        ),
        (
            "moment",
            json!({"type": "datetimepicker", "selected_date_time": 1_700_000_000}),
        ),
    ] {
        assert_eq!(values[block]["v"], expected, "{block}");
    }
    assert_eq!(values["rich"]["v"]["rich_text_value"]["type"], "rich_text");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn slack_holds_back_what_is_incomplete() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let mut optional = text_input("note", "Note");
    optional["optional"] = json!(true);
    let number = json!({"type": "number_input", "action_id": "v", "is_decimal_allowed": false, "min_value": "1", "max_value": "9"});
    let short =
        json!({"type": "plain_text_input", "action_id": "v", "min_length": 3, "max_length": 5});
    let view = modal(json!([
        text_input("why", "Why"),
        optional,
        input("n", "Number", number),
        input("code", "Code", short),
        input(
            "mail",
            "Mail",
            json!({"type": "email_text_input", "action_id": "v"})
        ),
        input(
            "boxes",
            "Boxes",
            json!({"type": "checkboxes", "action_id": "v", "options": options(&["X"])})
        ),
    ]));
    let form = open(&slack, &mut app, &alice, view).await;
    let errors = form.submit_incomplete().await?;
    assert_eq!(
        errors.keys().collect::<Vec<_>>(),
        ["Boxes", "Code", "Mail", "Number", "Why"]
    );
    assert_eq!(errors["Why"], "Please complete this required field.");
    let errors = form
        .fill("Why", "  ")
        .fill("Number", "10")
        .fill("Code", "ab")
        .fill("Mail", "nowhere")
        .pick("Boxes", "X")
        .submit_incomplete()
        .await?;
    assert_eq!(errors["Number"], "Please enter a number of at most 9.");
    assert_eq!(errors["Code"], "Please enter at least 3 characters.");
    assert_eq!(errors["Mail"], "Please enter a valid email address.");
    assert_eq!(errors["Why"], "Please complete this required field.");
    assert!(!errors.contains_key("Boxes"));
    let errors = form.fill("Number", "1.5").submit_incomplete().await?;
    assert_eq!(errors["Number"], "Please enter a whole number.");
    let submitting = form
        .fill("Why", "x")
        .fill("Number", "5")
        .fill("Code", "abc")
        .fill("Mail", "a@b.example")
        .submit();
    let submitting = tokio::spawn(submitting);
    let payload = taken(&mut app).await;
    assert!(payload["view"]["state"]["values"]["note"]["value"]["value"].is_null());
    submitting.await??;
    assert_eq!(slack.counter("envelopes"), 2, "nothing incomplete was sent");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn the_answers_to_a_submission_update_push_and_clear() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let form = open(
        &slack,
        &mut app,
        &alice,
        modal(json!([text_input("a", "First")])),
    )
    .await;
    let second = modal(json!([text_input("b", "Second")]));

    let submitting = tokio::spawn(form.fill("First", "1").submit());
    let envelope = app.next().await;
    app.ack_with(
        &envelope,
        json!({"response_action": "update", "view": second}),
    )
    .await;
    assert_eq!(submitting.await??, Outcome::Updated);
    assert_eq!(form.labels(), ["Second"]);

    let submitting = tokio::spawn(form.fill("Second", "2").submit());
    let envelope = app.next().await;
    let third = modal(json!([text_input("c", "Third")]));
    app.ack_with(&envelope, json!({"response_action": "push", "view": third}))
        .await;
    assert_eq!(submitting.await??, Outcome::Pushed);
    let top = alice.modal().await?;
    assert_eq!(top.labels(), ["Third"]);
    let below = form.view_id().to_owned();
    assert_eq!(top.current().unwrap().previous_view_id, Some(below.clone()));
    assert_eq!(top.current().unwrap().root_view_id, below);

    let submitting = tokio::spawn(top.fill("Third", "3").submit());
    let envelope = app.next().await;
    app.ack_with(&envelope, json!({"response_action": "clear"}))
        .await;
    assert_eq!(submitting.await??, Outcome::Cleared);
    alice.expects_no_modal().await?;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_answer_to_a_submission_leaves_the_dialog_open() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let form = open(
        &slack,
        &mut app,
        &alice,
        modal(json!([section("x"), text_input("a", "First")])),
    )
    .await;
    let long_title = json!({"type": "modal", "title": {"type": "plain_text", "text": "x".repeat(25)}, "blocks": []});
    let wrongs = [
        json!({"response_action": "errors", "errors": {"elsewhere": "no"}}),
        json!({"response_action": "errors", "errors": {}}),
        json!({"response_action": "explode"}),
        json!({"response_action": "update", "view": long_title}),
    ];
    for wrong in &wrongs {
        let submitting = tokio::spawn(form.fill("First", "1").submit());
        let envelope = app.next().await;
        app.ack_with(&envelope, wrong.clone()).await;
        let error = submitting.await?.unwrap_err().to_string();
        assert!(error.contains("We had some trouble connecting"), "{error}");
        assert!(form.is_open());
    }
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::MalformedAck)
            .len(),
        wrongs.len()
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn closing_is_told_to_the_app_where_it_asked_for_that() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let mut view = modal(json!([text_input("a", "First")]));
    let form = open(&slack, &mut app, &alice, view.clone()).await;
    form.close()?;
    view["notify_on_close"] = json!(true);
    let form = open(&slack, &mut app, &alice, view).await;
    form.close_all()?;
    let payload = taken(&mut app).await;
    assert_eq!(
        (&payload["type"], &payload["is_cleared"]),
        (&json!("view_closed"), &json!(true))
    );
    assert_eq!(payload["view"]["id"], form.view_id());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn inputs_that_dispatch_tell_the_app_at_once() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let select =
        json!({"type": "static_select", "action_id": "v", "options": options(&["One", "Two"])});
    let mut dispatching = input("target", "Target", select.clone());
    dispatching["dispatch_action"] = json!(true);
    let mut quiet_text = text_input("quiet", "Quiet");
    quiet_text["optional"] = json!(true);
    let actions =
        json!({"type": "actions", "block_id": "more", "elements": [button("add", "Add a row")]});
    let form = open(
        &slack,
        &mut app,
        &alice,
        modal(json!([dispatching, quiet_text, actions])),
    )
    .await;
    form.fill("Quiet", "nobody hears this").apply().await?;
    let picking = tokio::spawn(form.pick("Target", "Two").apply());
    let payload = taken(&mut app).await;
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(
        payload["container"],
        json!({"type": "view", "view_id": form.view_id()})
    );
    let action = &payload["actions"][0];
    assert_eq!(
        (&action["type"], &action["selected_option"]["value"]),
        (&json!("static_select"), &json!("two"))
    );
    assert!(action["action_ts"].is_string());
    let values = &payload["view"]["state"]["values"];
    assert_eq!(values["target"]["v"]["selected_option"]["value"], "two");
    assert_eq!(values["quiet"]["value"]["value"], "nobody hears this");
    assert!(payload.get("message").is_none() && payload.get("response_url").is_none());
    picking.await??;
    let pressing = tokio::spawn({
        let form = form.clone();
        async move { form.press("Add a row").await }
    });
    let payload = taken(&mut app).await;
    assert_eq!(
        (
            &payload["actions"][0]["action_id"],
            &payload["actions"][0]["value"]
        ),
        (&json!("add"), &json!("add"))
    );
    assert!(payload["trigger_id"].is_string());
    pressing.await??;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn external_menus_ask_the_app_for_options() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let menu = input(
        "repo",
        "Repository",
        json!({"type": "external_select", "action_id": "v", "min_query_length": 0}),
    );
    let form = open(&slack, &mut app, &alice, modal(json!([menu]))).await;
    let picking = tokio::spawn(form.pick("Repository", "Web").apply());
    let envelope = app.next().await;
    assert_eq!(envelope["accepts_response_payload"], true);
    let payload = &envelope["payload"];
    assert_eq!(
        (&payload["type"], &payload["value"]),
        (&json!("block_suggestion"), &json!("Web"))
    );
    assert_eq!(
        (&payload["block_id"], &payload["action_id"]),
        (&json!("repo"), &json!("v"))
    );
    app.ack_with(&envelope, json!({"options": options(&["Web", "Webhooks"])}))
        .await;
    picking.await??;
    assert_eq!(
        form.value("Repository").await?["selected_option"]["value"],
        "web"
    );
    let asking = tokio::spawn({
        let form = form.clone();
        async move { form.suggestions("Repository", "x").await }
    });
    let envelope = app.next().await;
    app.ack_with(&envelope, json!({"options": "none"})).await;
    assert!(asking.await?.is_err());
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::MalformedAck)
            .len(),
        1
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_click_carries_what_was_entered_in_the_message() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let mut blocks = request_blocks("please");
    let mut note = text_input("note", "Decision Message");
    note["optional"] = json!(true);
    blocks.as_array_mut().unwrap().insert(1, note);
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": blocks,
        "metadata": {"event_type": "request", "event_payload": {"run": 7}}}),
    )
    .await;
    let request = slack.channel("sym-requests").next_request().await?;
    bob.enters(&request, "Decision Message", "fine").await?;
    let pending = bob.starts_pressing(&request, "Approve")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["state"]["values"]["note"]["value"]["value"], "fine");
    assert_eq!(
        payload["channel"],
        json!({"id": "C0SYMREQUESTS", "name": "sym-requests"})
    );
    let message = &payload["message"];
    assert_eq!(
        (&message["ts"], &message["bot_id"]),
        (&json!(request.ts), &json!("B0SYM0000"))
    );
    assert_eq!(message["metadata"]["event_payload"]["run"], 7);
    assert_eq!(payload["container"]["is_ephemeral"], false);
    assert!(
        payload["response_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert!(
        payload["team"]["id"].is_string()
            && payload["api_app_id"].is_string()
            && payload["enterprise"].is_null()
    );
    // Carol sees an empty field: what is typed into a message is one's own.
    let pending = slack.person("carol").starts_pressing(&request, "Deny")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert!(payload["state"]["values"]["note"]["value"]["value"].is_null());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_click_may_come_after_the_button_has_gone() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let posted = call(
        &slack,
        "chat.postMessage",
        json!({"channel": "sym-requests", "text": "x", "blocks": request_blocks("hi")}),
    )
    .await;
    let request = slack.channel("sym-requests").next_request().await?;
    let update = json!({"channel": posted["channel"], "ts": posted["ts"], "text": "done", "blocks": [section("done")]});
    call(&slack, "chat.update", update).await;
    request.expects_no_buttons().await?;
    assert!(
        bob.starts_pressing(&request, "Approve").is_err(),
        "who looks now sees no button"
    );
    let pressing =
        tokio::spawn(async move { bob.presses_as_seen(&request, "Approve").await.map(|_| ()) });
    let payload = taken(&mut app).await;
    assert_eq!(payload["actions"][0]["action_id"], "approve");
    assert_eq!(payload["message"]["blocks"][0]["text"]["text"], "done");
    pressing.await??;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_view_stays_in_submission_while_the_app_updates_it() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let form = open(
        &slack,
        &mut app,
        &alice,
        modal(json!([text_input("a", "First")])),
    )
    .await;
    let submitting = tokio::spawn(form.fill("First", "1").submit());
    let envelope = app.next().await;
    let changed = modal(json!([section("working"), text_input("a", "First")]));
    call(
        &slack,
        "views.update",
        json!({"view_id": form.view_id(), "view": changed}),
    )
    .await;
    assert!(form.current().unwrap().loading);
    app.ack(&envelope).await;
    assert_eq!(submitting.await??, Outcome::Closed);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn what_people_type_is_escaped_as_slack_does() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let pending = slack
        .person("alice")
        .in_channel("general")
        .starts_typing("/sym  a <b> & c ")?
        .unwrap();
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["text"], "a &lt;b&gt; &amp; c");
    Ok(())
}

#[tokio::test]
async fn the_workspace_changes_under_the_app() -> Result<()> {
    let slack = company().await;
    let error = async |channel: &str| {
        let answer = call(
            &slack,
            "chat.postMessage",
            json!({"channel": channel, "text": "x"}),
        )
        .await;
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    slack.archives("sym-requests");
    assert_eq!(error("sym-requests").await, "is_archived");
    slack.removes_app("ops-private");
    assert_eq!(error("ops-private").await, "channel_not_found");
    slack.invites_app("secret-plans");
    assert_eq!(error("secret-plans").await, "ok");
    slack.deactivates("dave");
    assert_eq!(error("U0DAVE000").await, "channel_not_found");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn menus_in_messages_send_their_choice() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let menu = json!({"type": "static_select", "action_id": "pick", "placeholder": {"type": "plain_text", "text": "Choose"},
        "options": options(&["One", "Two"])});
    let block = json!({"type": "section", "block_id": "s", "text": {"type": "mrkdwn", "text": "Which?"}, "accessory": menu});
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "x", "blocks": [block]}),
    )
    .await;
    let message = slack.channel("general").next_message().await?;
    let choosing = tokio::spawn({
        let (bob, message) = (slack.person("bob"), message.clone());
        async move { bob.chooses(&message, "Two").await.map(|_| ()) }
    });
    let payload = taken(&mut app).await;
    choosing.await??;
    assert_eq!(payload["actions"][0]["selected_option"]["value"], "two");
    assert_eq!(
        payload["state"]["values"]["s"]["pick"]["selected_option"]["value"],
        "two"
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_response_url_answers_five_times_in_thirty_minutes_also_where_the_app_is_not()
-> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let command = async |app: &mut Socket, channel: &str| {
        let pending = alice
            .in_channel(channel)
            .starts_typing("/sym")
            .unwrap()
            .unwrap();
        let payload = taken(app).await;
        pending.answered().await.unwrap();
        payload["response_url"].as_str().unwrap().to_owned()
    };
    let respond = async |url: &str, body: Value| {
        let headers = [("Content-Type", "application/json")];
        let answer = http("POST", url, &headers, &body.to_string())
            .await
            .unwrap();
        answer.body["error"].as_str().unwrap_or("ok").to_owned()
    };
    let url = command(&mut app, "secret-plans").await;
    assert_eq!(respond(&url, json!({"text": "only you"})).await, "ok");
    alice.expects_ephemeral("only you").await?;
    assert_eq!(
        respond(
            &url,
            json!({"text": "all of you", "response_type": "in_channel"})
        )
        .await,
        "ok"
    );
    slack
        .channel("secret-plans")
        .expects_text("all of you")
        .await?;
    for _ in 0..3 {
        assert_eq!(respond(&url, json!({"text": "more"})).await, "ok");
    }
    assert_eq!(respond(&url, json!({"text": "too much"})).await, "used_url");
    let url = command(&mut app, "general").await;
    slack.advance(Duration::from_secs(30 * 60 + 1));
    assert_eq!(
        respond(&url, json!({"text": "too late"})).await,
        "expired_url"
    );
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::SpentResponseUrl)
            .len(),
        2
    );
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_response_url_replaces_and_deletes_the_message_that_was_clicked() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let bob = slack.person("bob");
    let ops = slack.channel("ops-private").id().to_owned();
    call(
        &slack,
        "chat.postEphemeral",
        json!({"channel": ops, "user": bob.id(), "text": "x", "blocks": request_blocks("sure?")}),
    )
    .await;
    let private = bob.expects_ephemeral("sure?").await?;
    let headers = [("Content-Type", "application/json")];
    let pending = bob.starts_pressing(&private, "Approve")?;
    let payload = taken(&mut app).await;
    pending.answered().await?;
    assert_eq!(payload["container"]["is_ephemeral"], true);
    assert!(
        payload.get("message").is_none(),
        "Slack does not repeat what an ephemeral said"
    );
    let url = payload["response_url"].as_str().unwrap();
    http(
        "POST",
        url,
        &headers,
        "{\"replace_original\": true, \"text\": \"done\"}",
    )
    .await?;
    private.expects_text("done").await?;
    private.expects_no_buttons().await?;
    http("POST", url, &headers, "{\"delete_original\": true}").await?;
    assert!(private.is_deleted());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn people_cannot_do_what_slack_does_not_let_them() -> Result<()> {
    let slack =
        start(Setup::company().person(PersonSetup::member("sam").single_channel_guest())).await;
    let error = async |person: &str, channel: &str, text: &str| {
        slack
            .person(person)
            .in_channel(channel)
            .types(text)
            .await
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    slack.person("sam").joins("general");
    assert!(
        error("sam", "general", "/sym")
            .await
            .contains("Guests of a single channel")
    );
    assert!(
        error("alice", "general", "/simulate")
            .await
            .contains("is not a valid command")
    );
    assert!(error("alice", "old-stuff", "hi").await.contains("archived"));
    assert!(
        error("dave", "secret-plans", "hi")
            .await
            .contains("no such conversation")
    );
    assert!(
        error("gus", "sym-requests", "hi")
            .await
            .contains("no such conversation")
    );
    let workspace = slack.workspace();
    assert!(
        workspace
            .press("U0ALICE00", ("C0GENERAL", "1.2"), ("b", "a"), None, None)
            .is_err()
    );
    assert!(workspace.submit("U0ALICE00", "V0NONE").await.is_err());
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_failed_wait_says_what_was_awaited_and_what_is_there() -> Result<()> {
    let slack = SlackSim::start(Setup::company().deadline(Duration::from_millis(80))).await?;
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "general", "text": "something else"}),
    )
    .await;
    let error = slack
        .channel("general")
        .expects_text("approved")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("expected a message saying \"approved\" in #general"),
        "{error}"
    );
    assert!(
        error.contains("Sym: something else") && error.contains("chat.postMessage → ok"),
        "{error}"
    );
    let error = slack
        .person("alice")
        .modal()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("a dialog to open before alice") && error.contains("(no dialog open)"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn an_expectation_never_matches_what_an_earlier_one_matched() -> Result<()> {
    let slack = SlackSim::start(Setup::company().deadline(Duration::from_millis(80))).await?;
    call(
        &slack,
        "chat.postMessage",
        json!({"channel": "U0ALICE00", "text": "approved"}),
    )
    .await;
    let alice = slack.person("alice");
    alice.dm_with_bot().expects_text("approved").await?;
    assert!(alice.dm_with_bot().expects_text("approved").await.is_err());
    Ok(())
}
