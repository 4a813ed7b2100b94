//! Forms: every element type, Slack's own checks, the answers to a submission, inputs that dispatch.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Result, Socket, button, call, company, modal, section, text_input};
use serde_json::{Value, json};
use slack_sim::{Form, Outcome, Person, SlackSim, ViolationKind};

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
        let toasts = slack.workspace().with(|w| w.toasts(alice.id()).to_vec());
        assert!(toasts.is_empty(), "the dialog says it: {toasts:?}");
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
async fn a_button_in_a_dialog_may_push_another() -> Result<()> {
    let slack = company().await;
    let mut app = Socket::open(&slack).await;
    let alice = slack.person("alice");
    let actions =
        json!({"type": "actions", "block_id": "more", "elements": [button("more", "More")]});
    let mut form = open(&slack, &mut app, &alice, modal(json!([actions]))).await;
    for depth in 2..=3 {
        let pressing = tokio::spawn(async move { form.press("More").await });
        let trigger = taken(&mut app).await["trigger_id"].clone();
        let view = modal(json!([section(&format!("depth {depth}")), actions]));
        let pushed = call(
            &slack,
            "views.push",
            json!({"trigger_id": trigger, "view": view}),
        )
        .await;
        assert_eq!(pushed["ok"], true, "{pushed}");
        form = pressing.await??.modal().await?;
        form.expects_text(&format!("depth {depth}")).await?;
    }
    let pressing = tokio::spawn({
        let form = form.clone();
        async move { form.press("More").await.map(|_| ()) }
    });
    let trigger = taken(&mut app).await["trigger_id"].clone();
    pressing.await??;
    let view = modal(json!([section("too deep")]));
    let refused = call(
        &slack,
        "views.push",
        json!({"trigger_id": trigger, "view": view}),
    )
    .await;
    assert_eq!(refused["error"], "push_limit_reached");
    assert_eq!(
        slack
            .forgive(|v| v.kind == ViolationKind::InvalidArgument)
            .len(),
        1
    );
    form.close()?;
    alice.modal().await?.expects_text("depth 2").await?;
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
