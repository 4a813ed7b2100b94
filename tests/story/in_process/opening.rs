//! Opening forms when Slack is slow, or does it and does not say so.

use std::time::Duration;

use slack_sim::{Fault, ViolationKind};

use super::flows::{ENVIRONMENT, Flows, REASON, asks_in_requests, flow};
use super::harness::{Stage, WHY, story};

const REGION: &str = r#"
    prompt_field {
      name     = "region"
      label    = "Region"
      type     = "string"
      prefetch = true
    }
"#;

fn with(params: &str, python: &str) -> Flows {
    let ordinary = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    let hooks = "from sym.sdk.annotations import hook, prefetch\nfrom sym.sdk.field_option import FieldOption\n";
    Flows::with_params(params, &format!("{hooks}{ordinary}\n\n{python}\n"))
}

/// The second attempt with the same trigger is the price of not knowing.
fn forgive_the_second_attempt(stage: &Stage) {
    let forgiven = stage.slack.forgive(|violation| {
        violation.kind == ViolationKind::InvalidArgument && violation.about == "views.open"
    });
    assert_eq!(
        forgiven.len(),
        1,
        "the answer was lost, so it was tried again"
    );
}

#[test]
fn a_form_with_prefetched_options_appears_though_slack_s_answer_was_lost() {
    let python = "@prefetch('region')\ndef regions(event):\n    return [FieldOption(value='eu', label='Europe')]";
    story(with(REGION, python)).run(async |stage| {
        stage.slack.faults().next("views.open", Fault::ResetAfter);
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_field("Region").await?;
        forgive_the_second_attempt(stage);
        form.pick("Region", "Europe").submit().await?;
        stage.request_in("#sym-requests").await?;
        assert_eq!(stage.alice.ephemerals(), [""; 0]);
        Ok(())
    });
}

#[test]
fn a_form_with_on_prompt_appears_though_slack_s_answer_was_lost() {
    let python = "@hook\ndef on_prompt(event):\n    return None\n\n@hook\ndef after_prompt(event):\n    print('shown')";
    story(with(REASON, python)).run(async |stage| {
        stage.slack.faults().next("views.open", Fault::ResetAfter);
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_field(WHY).await?;
        forgive_the_second_attempt(stage);
        form.fill(WHY, "deploy").submit().await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(stage.printed(&run).await, "shown\n");
        Ok(())
    });
}

#[test]
fn a_filtered_picker_appears_though_slack_s_answer_was_lost() {
    let filter = "
resource \"sym_flows_filter\" \"this\" {
  implementation = file(\"${path.module}/filter.py\")
}
";
    let main = format!("{ENVIRONMENT}{filter}{}", flow("access", REASON, "impl.py"));
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    let code = "from sym.sdk.annotations import reducer\n\n@reducer\ndef get_flows(user, flows, flows_filter_vars):\n    return flows\n";
    let flows = Flows::of(&[
        ("main.tf", &main),
        ("impl.py", &python),
        ("filter.py", code),
    ]);
    story(flows).run(async |stage| {
        stage.slack.faults().next("views.open", Fault::ResetAfter);
        let picker = stage.picker().await?;
        picker.expects_field("What do you need?").await?;
        forgive_the_second_attempt(stage);
        Ok(())
    });
}

#[test]
fn a_form_opens_within_the_trigger_s_time_though_every_call_takes_more_than_a_second() {
    story(Flows::with_code(&asks_in_requests(
        "PermissionLevel.ADMIN",
        "PermissionLevel.MEMBER",
        false,
    )))
    .run(async |stage| {
        for method in ["users.info", "conversations.info", "views.open"] {
            let slow = Fault::Latency(Duration::from_millis(1200));
            stage.slack.faults().always(method, slow);
        }
        let form = stage.form(&stage.alice, "#sym-access", "access").await?;
        form.fill(WHY, "deploy").submit().await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(run.source.identifier.as_deref(), Some("#sym-access"));
        Ok(())
    });
}
