//! Hooks of `impl.py`: asked before something happens and told afterwards, with the bot's promises kept whatever they do.

use std::time::Duration;

use serde_json::json;
use symbot::domain::event::Submission;
use symbot::domain::permission::Verdict;
use symbot::domain::run::{ChannelType, SourceChannel, Status};

use super::flows::{Flows, IMPORTS, sends};
use super::harness::{Stage, Told, WHY, story};

const HOOKS: &str = "\
from sym.sdk.annotations import hook
from sym.sdk.templates import ApprovalTemplate
";

const IN_REQUESTS: &str = "[Notification(destinations=[slack.channel('#sym-requests')])]";

/// A flow whose requests go to #sym-requests and which members decide, with these hooks.
fn with_hooks(hooks: &str) -> Flows {
    with_hooks_and(IN_REQUESTS, hooks)
}

fn with_hooks_and(notifications: &str, hooks: &str) -> Flows {
    Flows::with_code(&format!("{HOOKS}{}\n\n{hooks}\n", sends(notifications)))
}

/// The code in what somebody was told.
fn code_in(text: &str) -> String {
    let rest = text.split("(code ").nth(1).unwrap();
    rest.split(')').next().unwrap().to_owned()
}

const SAFELIST: &str = r#"
SAFELIST = ["carol@acme.example"]

@hook
def on_approve(event):
    if event.channel.type == "sdk":
        return None
    if event.user.email not in SAFELIST:
        return ApprovalTemplate.ignore(message=f"{event.user.email} is not on the safelist of {event.flow.name}.")

@hook
def on_deny(evt):
    if evt.user != evt.get_actor("request"):
        return ApprovalTemplate.ignore(message="Only the requester may withdraw this request.")
"#;

#[test]
fn approvals_with_a_safelist_and_denials_by_the_requester_only() {
    story(with_hooks(SAFELIST)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("bob@acme.example is not on the safelist of access.")
            .await?;
        stage.bob.presses(&request, "Deny").await?;
        stage
            .bob
            .expects_ephemeral("Only the requester may withdraw this request.")
            .await?;
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        assert_eq!(stage.the_run().await.status, Status::Requested);
        assert_eq!(stage.alice.dm_with_bot().message_count(), 0);
        // The table of permissions comes first.
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own *Access* request")
            .await?;
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;

        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.alice.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @alice").await?;
        Ok(())
    });
}

const AUTO: &str = r##"
@hook
def on_request(event):
    if event.payload.fields["reason"] == "deploy":
        return ApprovalTemplate.approve(reason="Deployments are *always* fine", ticket="OPS-7")

@hook
def on_approve(event):
    if event.channel.type != "sdk":
        return ApprovalTemplate.ignore(message="Only deployments are approved here.")

@hook
def after_approve(event):
    fields = event.payload.fields
    who = event.get_actor("approve")
    slack.send_message(
        slack.channel("#sym-access"),
        f"{event.name} {event.channel.type} {who.type} {fields['reason']} {fields['ticket']} "
        f"{event.get_actor('request').email}",
    )
"##;

#[test]
fn what_a_hook_gives_with_an_event_arrives_as_it_was_given() {
    let hooks = r#"
import datetime

@hook
def on_request(event):
    carol = user("carol@acme.example")
    return ApprovalTemplate.approve(
        reason=carol, backup=carol, people=[carol, event.user], by={"name": {"of": carol}},
        at=datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), days=3, text="x",
    )

@hook
def after_approve(event):
    fields = event.payload.fields
    print(fields["backup"].email, fields["backup"] == user("carol@acme.example"), fields["backup"].role)
    print([one.email for one in fields["people"]], fields["people"][1] == event.get_actor("request"))
    print(fields["by"]["name"]["of"].slack_id, fields["at"], fields["days"], fields["text"])
"#;
    story(with_hooks(hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let posted = stage.slack.channel("#sym-requests").next_message().await?;
        posted.expects_text("Reason: carol@acme.example").await?;
        stage
            .until("the hook to be done", async || {
                let run = stage.the_run().await;
                stage.printed(&run).await.lines().count() == 3
            })
            .await;
        let run = stage.the_run().await;
        let printed = stage.printed(&run).await;
        assert_eq!(
            printed.lines().collect::<Vec<_>>(),
            [
                "carol@acme.example True UserRole.MEMBER",
                "['carol@acme.example', 'alice@acme.example'] True",
                "U0CAROL00 2026-01-02T00:00:00+00:00 3 x",
            ]
        );
        let audited = stage.audited("event").await;
        let approved = audited
            .iter()
            .find(|line| line["event"]["type"] == "approve");
        let approved = approved.unwrap().to_string();
        assert!(
            approved.contains(r#""backup":"carol@acme.example""#),
            "{approved}"
        );
        Ok(())
    });
}

#[test]
fn an_automatic_approval_shows_its_reason_where_people_would_have_been_asked() {
    story(with_hooks(AUTO)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let posted = stage
            .slack
            .channel("#sym-requests")
            .expects_text("*Approved* automatically")
            .await?;
        posted
            .expects_text("Reason: Deployments are *always* fine")
            .await?;
        assert!(posted.buttons().is_empty(), "{:?}", posted.buttons());
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Access* was approved automatically")
            .await?;
        told.expects_text("Reason: Deployments are").await?;
        stage
            .slack
            .channel("#sym-access")
            .expects_text("approve sdk bot Deployments are *always* fine OPS-7 alice@acme.example")
            .await?;
        let run = stage.the_run().await;
        let decision = run.decision.unwrap();
        assert_eq!(decision.via, ChannelType::Sdk);
        assert!(decision.by.is_automation());
        // Nobody was asked: no notification but the one.
        assert_eq!(stage.slack.channel("#sym-requests").message_count(), 1);

        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "curiosity").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("Only deployments are approved here.")
            .await?;
        Ok(())
    });
}

#[test]
fn an_automatic_approval_that_cannot_be_announced_in_one_place_is_announced_in_the_next() {
    let notifications = "[Notification(destinations=[slack.channel('#nowhere')]), \
                         Notification(destinations=[slack.channel('#sym-requests')])]";
    let hooks =
        "@hook\ndef on_request(event):\n    return ApprovalTemplate.deny(reason='Frozen')\n";
    story(with_hooks_and(notifications, hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let posted = stage
            .slack
            .channel("#sym-requests")
            .expects_text("*Denied* automatically")
            .await?;
        posted.expects_text("Reason: Frozen").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was denied automatically")
            .await?;
        Ok(())
    });
}

#[test]
fn an_automatic_approval_that_on_approve_stops_is_left_to_people() {
    let hooks = "
@hook
def on_request(event):
    return ApprovalTemplate.approve(reason='always')

@hook
def on_approve(event):
    if event.channel.type == 'sdk':
        raise RuntimeError('not by itself')
";
    story(with_hooks(hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("Waiting for a decision").await?;
        stage
            .slack
            .channel("#sym-errors")
            .expects_text("RuntimeError: not by itself")
            .await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        Ok(())
    });
}

const CI: &str = r#"
@hook
def on_request(event):
    context = event.get_context("request") or {}
    build = context.get("build", {})
    if build.get("branch") == "main" and build.get("passed"):
        return ApprovalTemplate.approve(reason=f"Build {build['number']} passed")
"#;

/// A request as a pipeline makes it.
async fn pipeline_asks(stage: &Stage, context: serde_json::Value) -> Told {
    let flow = stage.engine.catalog().flows[0].clone();
    let submission = Submission {
        id: uuid::Uuid::new_v4(),
        flow: stage.engine.pin(&flow).await?,
        workspace: String::new(),
        requester: symbot::domain::PersonRef {
            id: uuid::Uuid::from_u128(7),
            slack_id: None,
            email: None,
            name: "ci".to_owned(),
        },
        source: SourceChannel {
            kind: ChannelType::Sym,
            id: None,
            identifier: None,
        },
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        access_questions: Default::default(),
        context: context.as_object().cloned(),
        parent: None,
    };
    stage.engine.submit(submission, Vec::new()).await?;
    Ok(())
}

#[test]
fn a_pipeline_is_approved_by_the_context_of_its_request() {
    story(with_hooks(CI)).run(async |stage| {
        pipeline_asks(
            stage,
            json!({"build": {"branch": "main", "passed": true, "number": 17}}),
        )
        .await?;
        let posted = stage
            .slack
            .channel("#sym-requests")
            .expects_text("Reason: Build 17 passed")
            .await?;
        posted.expects_text("ci requests *Access*").await?;
        stage.clock.advance(Duration::from_secs(1));
        pipeline_asks(stage, json!({"build": {"branch": "wild", "passed": true}})).await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("Waiting for a decision").await?;
        Ok(())
    });
}

#[test]
fn on_request_may_refuse_a_request_and_the_requester_is_told_why() {
    let hooks = "@hook\ndef on_request(event):\n    if 'deploy' in event.payload.fields['reason']:\n        \
                 return ApprovalTemplate.ignore(message='No deployments on Fridays.')\n";
    story(with_hooks(hooks)).with_web().run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was not submitted, and nobody was asked. No deployments on Fridays.")
            .await?;
        let run = stage.until_status(Status::Errored).await;
        assert_eq!(stage.slack.channel("#sym-requests").message_count(), 0);
        assert_eq!(stage.slack.channel("#sym-errors").message_count(), 0);
        let mut alice = super::web::signed_in(stage, &stage.alice).await?;
        let page = alice.get(&format!("/requests/{}", run.id)).await;
        page.is(200).shows("No deployments on Fridays.");
        assert!(!page.has_button("approve"));
        // Another one is taken.
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "curiosity").submit().await?;
        stage.request_in("#sym-requests").await?;
        Ok(())
    });
}

#[test]
fn on_request_may_make_the_request_anew_once() {
    let hooks = "
@hook
def on_request(event):
    print(event.channel.type)
    if event.channel.type != 'sdk':
        return ApprovalTemplate.request(ticket='OPS-1')
    if event.payload.fields['reason'] == 'for ever':
        return ApprovalTemplate.request()

@hook
def after_request(event):
    slack.send_message(slack.channel('#sym-access'), 'sent ' + event.run.source_channel.identifier)
";
    story(with_hooks(hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage.request_in("#sym-requests").await?;
        stage
            .slack
            .channel("#sym-access")
            .expects_text("sent #general")
            .await?;
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "for ever").submit().await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("could not be submitted (code HOOK-")
            .await?;
        let report = stage
            .slack
            .channel("#sym-errors")
            .expects_text("only the first recursion counts")
            .await?;
        report.expects_text("on_request").await?;
        Ok(())
    });
}

/// Bob's press fails with a code that he, the error logger and the log name; nothing was decided, and the request can still be.
async fn press_fails(stage: &Stage, area: &str, reported: &str) -> Told {
    let form = stage.form(&stage.alice, "#general", "access").await?;
    form.fill(WHY, "fail").submit().await?;
    let request = stage.request_in("#sym-requests").await?;
    stage.bob.presses(&request, "Approve").await?;
    let told = stage
        .bob
        .expects_ephemeral("so your decision did not take effect")
        .await?;
    let text = told.current().unwrap().text;
    let code = code_in(&text);
    assert!(code.starts_with(area), "{text}");
    assert!(!text.contains("Traceback"), "{text}");
    let report = stage
        .slack
        .channel("#sym-errors")
        .expects_text(&code)
        .await?;
    report.expects_text(reported).await?;
    report.expects_text("on_approve").await?;
    report.expects_text("*Acting:* @bob").await?;
    stage.expects_logged(&["ERROR", &code]);
    assert_eq!(request.buttons(), ["Approve", "Deny"]);
    assert_eq!(stage.the_run().await.status, Status::Requested);
    // on_deny is in order.
    stage.bob.presses(&request, "Deny").await?;
    request.expects_text("*Denied* by @bob").await?;
    stage
        .alice
        .dm_with_bot()
        .expects_text("was denied by @bob")
        .await?;
    Ok(())
}

fn on_approve(body: &str) -> Flows {
    with_hooks(&format!("@hook\ndef on_approve(event):\n    {body}\n"))
}

#[test]
fn a_hook_that_raises_approves_nothing() {
    story(on_approve("return {}['prod']"))
        .run(async |stage| press_fails(stage, "IMPL-", "KeyError: 'prod'").await);
}

#[test]
fn a_hook_that_returns_the_wrong_type_approves_nothing() {
    story(on_approve("return True")).run(async |stage| {
        press_fails(stage, "IMPL-", "expected None or one of ApprovalTemplate").await
    });
}

#[test]
fn a_hook_that_hangs_approves_nothing() {
    story(on_approve("while True: pass"))
        .handler_timeout(Duration::from_secs(2))
        .run(async |stage| press_fails(stage, "TIMEOUT-", "did not finish within 2 s").await);
}

#[test]
fn a_hook_that_goes_backward_approves_nothing() {
    story(on_approve("return ApprovalTemplate.request()"))
        .run(async |stage| press_fails(stage, "HOOK-", "events only go forward").await);
}

#[test]
fn a_hook_that_denies_instead_decides_by_itself_and_says_so() {
    story(on_approve(
        "return ApprovalTemplate.deny(reason='The freeze is on')",
    ))
    .run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Denied* automatically").await?;
        request.expects_text("Reason: The freeze is on").await?;
        stage
            .bob
            .expects_ephemeral("decided otherwise: the request is denied now")
            .await?;
        assert_eq!(
            stage.the_run().await.decision.unwrap().verdict,
            Verdict::Deny
        );
        Ok(())
    });
}

#[test]
fn after_hooks_that_fail_change_nothing_and_are_reported() {
    let hooks = "
@hook
def after_request(event):
    raise ValueError('after the request')

@hook
def after_approve(event):
    raise ValueError('after the approval')
";
    story(with_hooks(hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        let mut errors = stage.slack.channel("#sym-errors");
        errors.expects_text("ValueError: after the request").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        errors
            .expects_text("ValueError: after the approval")
            .await?
            .expects_text("*Acting:* @bob")
            .await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        assert!(stage.bob.ephemerals().is_empty());
        Ok(())
    });
}

#[test]
fn after_request_may_decide() {
    let hooks = "@hook\ndef after_request(event):\n    return ApprovalTemplate.approve(reason='sent is enough')\n";
    story(with_hooks(hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.slack.channel("#sym-requests").next_message().await?;
        request.expects_text("*Approved* automatically").await?;
        request.expects_no_buttons().await?;
        Ok(())
    });
}

const TIMED: &str = "[Notification(destinations=[slack.channel('#sym-requests')], timeout=15), \
                     Notification(destinations=[slack.channel('#sym-access')], timeout=15)]";

#[test]
fn forwarding_and_expiry_are_asked_about_and_told() {
    let hooks = "
@hook
def on_request_forward(event, context):
    places = context.all_request_destinations
    print(places)
    if event.payload.fields['reason'] == 'stay':
        return ApprovalTemplate.ignore()
    slack.send_message(
        slack.channel('#general'),
        f'{event.channel.type} from {places[context.current_destination_index]} to {places[context.next_destination_index]}',
    )

@hook
def after_request_forward(event):
    slack.send_message(slack.channel('#general'), 'forwarded')

@hook
def on_request_expire(event):
    return ApprovalTemplate.deny(reason='nobody cared')
";
    story(with_hooks_and(TIMED, hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let first = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        let mut general = stage.slack.channel("#general");
        general
            .expects_text(
                "internal from SlackChannelName '#sym-requests' to SlackChannelName '#sym-access'",
            )
            .await?;
        first.expects_text("*Forwarded* after 15 seconds").await?;
        general.expects_text("forwarded").await?;
        let second = stage.request_in("#sym-access").await?;
        stage.until_sent(1).await;
        stage.fifteen_seconds_pass();
        second.expects_text("*Denied* automatically").await?;
        second.expects_text("Reason: nobody cared").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was denied automatically")
            .await?;
        Ok(())
    });
}

#[test]
fn a_forward_that_is_ignored_leaves_the_request_where_it_is_for_the_same_time_again() {
    let hooks = "@hook\ndef on_request_forward(event):\n    return ApprovalTemplate.ignore(message='wait')\n";
    story(with_hooks_and(TIMED, hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let first = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        let mut errors = stage.slack.channel("#sym-errors");
        for _ in 0..2 {
            stage.fifteen_seconds_pass();
            errors.expects_text("ignored: wait").await?;
        }
        assert_eq!(first.buttons(), ["Approve", "Deny"]);
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        stage.bob.presses(&first, "Approve").await?;
        first.expects_text("*Approved* by @bob").await?;
        Ok(())
    });
}

#[test]
fn a_press_that_is_being_checked_wins_over_the_time_that_runs_out_meanwhile() {
    let hooks = "
import time

@hook
def on_approve(event):
    slack.send_message(slack.channel('#general'), 'checking')
    time.sleep(1)
";
    story(with_hooks_and(TIMED, hooks)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let first = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        stage.bob.starts_pressing(&first, "Approve")?;
        stage
            .slack
            .channel("#general")
            .expects_text("checking")
            .await?;
        stage.fifteen_seconds_pass();
        first.expects_text("*Approved* by @bob").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        Ok(())
    });
}

#[test]
fn hooks_hold_in_the_web_app_too() {
    let hooks = "
@hook
def on_deny(event):
    assert event.channel.type == 'sym' and event.channel.identifier is None
    if not event.payload.fields.get('decision_message'):
        return ApprovalTemplate.ignore(message='Please say why.')

@hook
def on_approve(event):
    raise RuntimeError('broken')
";
    story(with_hooks(hooks)).with_web().run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        let path = format!("/requests/{}", run.id);
        let mut erin = super::web::signed_in(stage, &stage.erin).await?;
        let answer = erin.decides(&path, "deny", "").await;
        answer.shows("Please say why.");
        let answer = erin.decides(&path, "approve", "").await;
        answer.shows("nothing was decided (code IMPL-");
        assert_eq!(stage.the_run().await.status, Status::Requested);
        erin.decides(&path, "deny", "Not today").await;
        request.expects_text("*Denied* by @erin").await?;
        request.expects_text("Decision Message: Not today").await?;
        Ok(())
    });
}

#[test]
fn legacy_get_approvers_with_a_fallback() {
    let python = format!(
        "{IMPORTS}
@reducer
def get_approvers(event):
    return slack.fallback(
        slack.channel('#nowhere'),
        slack.channel('#sym-requests', timeout=15),
        slack.channel('#sym-access', allow_self=True, timeout=15),
        continue_on_timeout=True,
    )
"
    );
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let first = stage.request_in("#sym-requests").await?;
        stage.until_sent(1).await;
        stage.alice.presses(&first, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own *Access* request")
            .await?;
        stage.fifteen_seconds_pass();
        first.expects_text("*Forwarded* after 15 seconds").await?;
        let second = stage.request_in("#sym-access").await?;
        stage.alice.presses(&second, "Approve").await?;
        second.expects_text("*Approved* by @alice").await?;
        Ok(())
    });
}

#[test]
fn legacy_get_approvers_ends_where_its_flags_say() {
    let python = format!(
        "{IMPORTS}
@reducer
def get_approvers(event):
    if event.payload.fields['reason'] == 'group':
        return [slack.user(event.user), slack.user('carol@acme.example')]
    return slack.fallback(
        slack.channel('#sym-requests', timeout=15), slack.channel('#sym-access'),
    )
"
    );
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let first = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        first.expects_text("*Expired*").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "group").submit().await?;
        let mut group = stage.slack.group_dm(&["alice", "carol"]).await?;
        let request = group.next_request().await?;
        stage.carol.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @carol").await?;
        Ok(())
    });
}

const FROM_PROMPT: &str = r#"
@hook
def on_prompt(event):
    who = event.user.first_name.lower()
    if event.channel.type == "sdk":
        return ApprovalTemplate.prompt() if event.payload.fields["again"] else None
    if who == "alice":
        return ApprovalTemplate.request(reason="asked by code", ticket="OPS-7")
    if who == "bob":
        return ApprovalTemplate.approve(reason="bob may")
    return ApprovalTemplate.prompt(again=who == "carol")

@hook
def on_request(event):
    print(event.name, event.channel.type, event.payload.fields)

@hook
def on_approve(event):
    print(event.name, event.channel.type, event.user.type, event.payload.fields["reason"])
"#;

#[test]
fn on_prompt_may_make_the_request_itself_or_ask_for_the_form_once_more() {
    story(with_hooks(FROM_PROMPT)).run(async |stage| {
        let typed = stage
            .alice
            .in_channel("#general")
            .types("/sym req access")
            .await?;
        let view = typed.modal().await?;
        view.expects_text("Your request was made").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("asked by code").await?;
        let run = stage.the_run().await;
        let printed = stage.printed(&run).await;
        assert_eq!(
            printed,
            "request sdk {'reason': 'asked by code', 'ticket': 'OPS-7'}\n"
        );
        stage.bob.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @bob").await?;

        stage.clock.advance(Duration::from_secs(1));
        let typed = stage
            .bob
            .in_channel("#general")
            .types("/sym req access")
            .await?;
        let view = typed.modal().await?;
        view.expects_text("decided this by itself").await?;
        stage
            .slack
            .channel("#sym-requests")
            .expects_text("*Approved* automatically")
            .await?;
        let run = stage.until_status(Status::Approved).await;
        assert_eq!(stage.printed(&run).await, "approve sdk bot bob may\n");
        assert_eq!(run.decision.unwrap().via, ChannelType::Sdk);

        // Its own event is put to it once, and no more.
        let form = stage.form(&stage.erin, "#general", "access").await?;
        form.expects_field(WHY).await?;
        let typed = stage
            .carol
            .in_channel("#general")
            .types("/sym req access")
            .await?;
        let view = typed.modal().await?;
        view.expects_text("The form could not be prepared").await?;
        stage.expects_logged(&["on_prompt", "only the first recursion counts"]);
        assert_eq!(stage.runs().await.len(), 2);
        Ok(())
    });
}
