//! Requests that `on_prompt` makes instead of showing the form: made, approved or denied by code, with the values that it gives.

use serde_json::Value;
use symbot::domain::audit::plain_value;
use symbot::domain::permission::Verdict;
use symbot::domain::run::{ChannelType, Run, Status};

use super::flows::{Flows, REASON, asks_in_requests};
use super::harness::{Stage, Told, story};

/// Code whose requests go to #sym-requests, with this body of `on_prompt`.
fn on_prompt(body: &str) -> String {
    let ordinary = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "from sym.sdk.annotations import hook, prefetch\nfrom sym.sdk.templates import ApprovalTemplate\n{ordinary}

@hook
def on_prompt(event):
{body}
@hook
def on_request(event):
    fields = event.payload.fields
    print(event.name, event.channel.type, [(name, fields[name]) for name in sorted(fields) if name != 'target'])

@hook
def on_deny(event):
    print(event.name, event.channel.type, event.user.type, event.get_actor('request').email)
"
    )
}

/// Alice types `/sym req access`, and this is where the form would be.
async fn alice_is_shown(stage: &Stage, text: &str) -> Told {
    let typed = stage.alice.in_channel("#general");
    let view = typed.types("/sym req access").await?.modal().await?;
    view.expects_text(text).await?;
    assert!(view.labels().is_empty(), "{:?}", view.labels());
    Ok(())
}

/// The value of a field of the request, as records have it.
fn value(run: &Run, name: &str) -> Value {
    run.field(name)
        .map_or(Value::Null, |field| plain_value(&field.value))
}

/// What `on_prompt` gave is no request: the person gets a code, the error logger these words.
fn is_no_request(flows: Flows, reported: &'static str) {
    story(flows).run(async |stage| {
        alice_is_shown(
            stage,
            "The form could not be prepared, and nothing was requested.",
        )
        .await?;
        let view = stage.alice.modal().await?.text();
        let code = view.split("Code ").nth(1).unwrap();
        let code = code.split(' ').next().unwrap();
        assert!(code.starts_with("IMPL-"), "{view}");
        let mut errors = stage.slack.channel("#sym-errors");
        let report = errors.expects_text(code).await?;
        report.expects_text(reported).await?;
        report.expects_text("on_prompt").await?;
        stage.expects_logged(&["ERROR", code, reported]);
        assert!(stage.runs().await.is_empty());
        Ok(())
    });
}

#[test]
fn on_prompt_may_deny_and_everybody_who_would_have_been_asked_sees_it() {
    let code = on_prompt("return ApprovalTemplate.deny(reason='No access on Fridays')");
    story(Flows::with_code(&code)).run(async |stage| {
        alice_is_shown(stage, "The flow has decided this by itself.").await?;
        let mut requests = stage.slack.channel("#sym-requests");
        let posted = requests.expects_text("*Denied* automatically").await?;
        posted.expects_text("Reason: No access on Fridays").await?;
        assert!(posted.buttons().is_empty(), "{:?}", posted.buttons());
        let told = stage.alice.dm_with_bot();
        let told = { told }
            .expects_text("Your request *Access* was denied automatically")
            .await?;
        told.expects_text("Reason: No access on Fridays").await?;
        let run = stage.until_status(Status::Denied).await;
        let decision = run.decision.clone().unwrap();
        assert_eq!(decision.verdict, Verdict::Deny);
        assert_eq!(decision.via, ChannelType::Sdk);
        assert!(decision.by.is_automation());
        // The reason is that of the decision, and not the field of that name.
        assert_eq!(value(&run, "reason"), Value::Null);
        let printed = stage.printed(&run).await;
        assert_eq!(printed, "deny sdk bot alice@acme.example\n");
        assert_eq!(requests.message_count(), 1);
        Ok(())
    });
}

const TARGETS: &str = "targets = {one.name: one.srn for one in event.flow.strategy.targets}\n";

fn for_access(body: &str) -> Flows {
    Flows::for_access(REASON, &on_prompt(&format!("{TARGETS}{body}")))
}

#[test]
fn a_request_for_access_has_the_target_and_the_time_that_on_prompt_gave() {
    let flows = for_access(
        "return ApprovalTemplate.request(target_srn=targets['readers'], duration=5400, reason='on call')",
    );
    story(flows).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        let request = stage.request_in("#sym-requests").await?;
        for shown in [
            "*Target*\nReaders",
            "*Duration*\n1 hour 30 minutes",
            "*Why do you need access?*\non call",
        ] {
            request.expects_text(shown).await?;
        }
        let run = stage.the_run().await;
        let target = run.target.clone().unwrap();
        assert_eq!(target.name, "readers");
        assert_eq!(run.duration_seconds, Some(5400));
        assert_eq!(run.fields.len(), 1, "{:?}", run.fields);
        assert_eq!(
            stage.printed(&run).await,
            format!(
                "request sdk [('duration', 5400), ('reason', 'on call'), ('target_id', '{}')]\n",
                target.id
            )
        );
        stage.bob.presses(&request, "Approve").await?;
        request
            .expects_text("Access to *Readers* for 1 hour 30 minutes is to be granted by hand")
            .await?;
        Ok(())
    });
}

#[test]
fn access_may_be_approved_and_denied_by_on_prompt() {
    for (step, shown) in [
        ("approve", "*Approved* automatically"),
        ("deny", "*Denied* automatically"),
    ] {
        let flows = for_access(&format!(
            "return ApprovalTemplate.{step}(target_srn=targets['admins'], duration=600, reason='by the book')"
        ));
        story(flows).run(async |stage| {
            alice_is_shown(stage, "The flow has decided this by itself.").await?;
            let mut requests = stage.slack.channel("#sym-requests");
            let posted = requests.expects_text(shown).await?;
            posted.expects_text("*Target*\nAdministrators").await?;
            posted.expects_text("Reason: by the book").await?;
            let run = stage.the_run().await;
            assert_eq!(run.target.unwrap().name, "admins");
            assert_eq!(run.duration_seconds, Some(600));
            Ok(())
        });
    }
}

#[test]
fn a_declared_selector_and_duration_are_not_asked_a_second_time() {
    let declared = r#"
    prompt_field {
      name = "target_id"
      type = "string"
    }
    prompt_field {
      name           = "duration"
      type           = "duration"
      allowed_values = ["10m", "1h"]
      default        = "1h"
    }
"#;
    let body = "return ApprovalTemplate.request(target_srn=targets['readers'], duration=600)";
    let code = on_prompt(&format!("{TARGETS}{body}"));
    story(Flows::for_access(declared, &code)).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Duration*\n10 minutes").await?;
        assert_eq!(request.text().matches("*Duration*").count(), 1);
        let run = stage.the_run().await;
        assert_eq!(run.duration_seconds, Some(600));
        assert!(run.fields.is_empty(), "{:?}", run.fields);
        Ok(())
    });
}

#[test]
fn access_without_a_target_is_no_request_whatever_becomes_of_it() {
    for step in ["request", "approve", "deny"] {
        let body = format!("return ApprovalTemplate.{step}(duration=600, reason='no')");
        is_no_request(
            for_access(&body),
            "but this flow gives access to a target: give target_srn",
        );
    }
}

#[test]
fn access_without_a_time_is_no_request_unless_it_has_no_end() {
    let body = "return ApprovalTemplate.request(target_srn=targets['admins'])";
    is_no_request(
        for_access(body),
        "but this flow gives access for a time: give duration, in seconds",
    );
    let params = "\n    schedule_deescalation = false\n";
    let code = on_prompt(&format!("{TARGETS}{body}"));
    story(Flows::for_access(params, &code)).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        stage.request_in("#sym-requests").await?;
        assert_eq!(stage.the_run().await.duration_seconds, None);
        Ok(())
    });
}

#[test]
fn a_target_of_another_flow_is_no_request() {
    is_no_request(
        for_access(
            "return ApprovalTemplate.request(target_srn='acme:access_target:okta_group:root:latest', duration=60)",
        ),
        "which is no target of the flow",
    );
}

fn field(name: &str, kind: &str, more: &str) -> String {
    format!(
        "\n    prompt_field {{\n      name = \"{name}\"\n      type = \"{kind}\"\n{more}\n    }}\n"
    )
}

const PREFETCHED: &str = r#"
@prefetch("region")
def regions(event):
    raise RuntimeError("nobody looks at the form")

@prefetch("port")
def ports(event):
    raise RuntimeError("nobody looks at the form")
"#;

#[test]
fn prefetch_reducers_are_not_asked_and_a_default_counts_as_that_of_any_field() {
    let params = [
        field("region", "string", "      prefetch = true"),
        field(
            "port",
            "int",
            "      prefetch = true\n      required = false\n      default  = \"443\"",
        ),
    ]
    .concat();
    let code = on_prompt("return ApprovalTemplate.request(region='eu-7')");
    let flows = Flows::with_params(&params, &format!("{code}{PREFETCHED}"));
    story(flows).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Region*\neu-7").await?;
        request.expects_text("*Port*\n443").await?;
        let run = stage.the_run().await;
        assert_eq!(value(&run, "region"), "eu-7");
        assert_eq!(value(&run, "port"), 443);
        assert_eq!(
            stage.printed(&run).await,
            "request sdk [('port', 443), ('region', 'eu-7')]\n"
        );
        assert_eq!(stage.slack.channel("#sym-errors").message_count(), 0);
        Ok(())
    });
    // What is given is read as the type that it has.
    let code = on_prompt("return ApprovalTemplate.request(region='eu-7', port='the usual one')");
    is_no_request(
        Flows::with_params(&params, &format!("{code}{PREFETCHED}")),
        "its port cannot be used: “the usual one” is not a whole number",
    );
}

#[test]
fn people_are_given_as_users_as_slack_users_and_by_their_ids() {
    let params = [
        field("one", "slack_user", "      required = false"),
        field("many", "slack_user_list", "      required = false"),
    ]
    .concat();
    let code = on_prompt(
        "bob = slack.user('bob@acme.example')\n\
         return ApprovalTemplate.request(one=event.user, many=[bob, event.user, bob.user_id])",
    );
    story(Flows::with_params(&params, &code)).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*One*\n@alice").await?;
        request.expects_text("*Many*\n@bob, @alice, @bob").await?;
        let printed = stage.printed(&stage.the_run().await).await;
        assert!(
            printed.contains("('one', User(alice@acme.example))"),
            "{printed}"
        );
        Ok(())
    });
    for (given, said) in [
        (
            "'nobody@acme.example'",
            "its one cannot be used: nobody@acme.example is nobody in Slack",
        ),
        ("7", "its one cannot be used: 7 is nobody in Slack"),
    ] {
        let code = on_prompt(&format!("return ApprovalTemplate.request(one={given})"));
        is_no_request(Flows::with_params(&params, &code), said);
    }
}

#[test]
fn items_of_lists_stay_whole_and_a_box_is_true_or_false() {
    let params = [
        field("teams", "str_list", "      required = false"),
        field(
            "places",
            "str_list",
            "      required = false\n      allowed_values = [\"Bonn, Rhine\", \"Ulm\"]",
        ),
        field("urgent", "bool", ""),
    ]
    .concat();
    let flows = |given: &str| {
        let code = on_prompt(&format!("return ApprovalTemplate.request({given})"));
        Flows::with_params(&params, &code)
    };
    let given = "teams=['Sales, East', 'IT', ''], places=['Bonn, Rhine'], urgent=True";
    story(flows(given)).run(async |stage| {
        alice_is_shown(stage, "Your request was made").await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(
            value(&run, "teams"),
            serde_json::json!(["Sales, East", "IT"])
        );
        assert_eq!(value(&run, "places"), serde_json::json!(["Bonn, Rhine"]));
        assert_eq!(value(&run, "urgent"), true);
        Ok(())
    });
    is_no_request(
        flows("places=['Ulm', 'Rome']"),
        "its places cannot be used: “Rome” is not one of the allowed values",
    );
    is_no_request(
        flows("urgent='rather'"),
        "its urgent cannot be used: \"rather\" is neither true nor false",
    );
}
