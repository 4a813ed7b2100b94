//! The snippets of the user's guide, exactly as written there, through the whole bot.

use symbot::domain::run::Status;

use super::flows::{ENVIRONMENT, Flows, REASON, flow};
use super::harness::{SHORTCUT, WHY, story};

const PERMISSIONS: &str = include_str!("../../policy/guide/permissions.py");
const NOTIFICATIONS: &str = include_str!("../../policy/guide/notifications.py");
const URGENCY: &str = include_str!("../../policy/guide/urgency.py");
const SOURCE_CHANNEL: &str = include_str!("../../policy/guide/source_channel.py");
const NOTIFY_USER: &str = include_str!("../../policy/guide/notify_user.py");

/// The guide's `.tfvars`, `variables.tf` and `sym_flow`, as written.
const TFVARS: &str = r##"flow_variables = {
  request_channel = "#sym-requests"
  emergency_channel = "#sym-emergencies"
}
"##;

const VARIABLES: &str = r#"variable "flow_variables" {
  description = "Configuration values for the Flow, available in its implementation for hooks and reducers."
  type        = map(string)
  default     = {}
}
"#;

const FLOW: &str = r#"resource "sym_flow" "aws_sso" {
  name  = "approval"
  label = "Approval"

  implementation = file("${path.module}/impl.py")

  # This ensures your vars are available to this Flow's impl.py
  vars = var.flow_variables

  params {
    strategy_id = sym_strategy.this.id

    prompt_field {
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }

    prompt_field {
      name           = "urgency"
      label          = "Urgency"
      type           = "string"
      required       = true
      allowed_values = ["Normal", "Emergency"]
    }
  }
}
"#;

/// What the guide's flow refers to and leaves to the reader.
const STRATEGY: &str = r#"
resource "sym_integration" "sso" {
  type        = "permission_context"
  name        = "sso"
  external_id = "123456789012"
}

resource "sym_target" "read" {
  type  = "aws_sso_permission_set"
  name  = "read"
  label = "Read only"
  settings = {
    permission_set_arn = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
    account_id         = "123456789012"
  }
}

resource "sym_strategy" "this" {
  type           = "aws_sso"
  name           = "sso"
  integration_id = sym_integration.sso.id
  targets        = [sym_target.read.id]
  settings       = { instance_arn = "arn:aws:sso:::instance/ssoins-1" }
}
"#;

#[test]
fn the_minimal_permissions_alone_open_a_request_that_only_the_web_app_shows() {
    story(Flows::with_code(PERMISSIONS))
        .with_web()
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            stage
                .until("the request to be routed", async || {
                    stage
                        .runs()
                        .await
                        .first()
                        .is_some_and(|run| run.permissions.is_some())
                })
                .await;
            let run = stage.the_run().await;
            assert_eq!(run.status, Status::Requested);
            assert!(run.notifications.is_empty());
            // Nobody is asked; the requester is told so.
            stage.alice.dm_with_bot().expects_text("web app").await?;
            let posted = stage.slack.expects_calls("chat.postMessage", 1).await?;
            assert_eq!(posted.len(), 1);
            Ok(())
        });
}

#[test]
fn permissions_and_notifications_of_the_guide_ask_members_in_sym_requests() {
    story(Flows::with_code(&format!("{PERMISSIONS}\n{NOTIFICATIONS}"))).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        Ok(())
    });
}

#[test]
fn flow_variables_and_urgency_of_the_guide_choose_channel_and_self_approval() {
    let flows = || {
        Flows::of(&[
            ("terraform.tfvars", TFVARS),
            ("variables.tf", VARIABLES),
            ("main.tf", FLOW),
            ("strategy.tf", STRATEGY),
            ("environment.tf", ENVIRONMENT),
            ("impl.py", URGENCY),
        ])
    };
    story(flows()).run(async |stage| {
        for (urgency, channel) in [
            ("Normal", "#sym-requests"),
            ("Emergency", "#sym-emergencies"),
        ] {
            let form = stage.form(&stage.alice, "#general", "approval").await?;
            form.fill(WHY, "deploy")
                .pick("Urgency", urgency)
                .pick("Target", "Read only")
                .pick("Duration", "10 minutes")
                .submit()
                .await?;
            let request = stage.request_in(channel).await?;
            stage.bob.presses(&request, "Approve").await?;
            stage
                .bob
                .expects_ephemeral("You are not allowed to decide")
                .await?;
            stage.alice.presses(&request, "Approve").await?;
            if urgency == "Normal" {
                stage
                    .alice
                    .expects_ephemeral("You cannot approve your own")
                    .await?;
                stage.erin.presses(&request, "Approve").await?;
                request.expects_text("*Approved* by @erin").await?;
            } else {
                request.expects_text("*Approved* by @alice").await?;
            }
            request
                .expects_text("Access to *Read only* for 10 minutes is to be granted by hand.")
                .await?;
            stage
                .alice
                .dm_with_bot()
                .expects_text("was approved by")
                .await?;
        }
        Ok(())
    });
}

#[test]
fn the_source_channel_of_the_guide_comes_first_and_sym_access_second() {
    story(Flows::with_code(&format!(
        "{PERMISSIONS}\n{SOURCE_CHANNEL}"
    )))
    .run(async |stage| {
        for (asked, sent) in [
            ("#general", "#general"),
            ("#ops-private", "#ops-private"),
            ("#secret-plans", "#sym-access"),
        ] {
            let form = stage.form(&stage.alice, asked, "access").await?;
            form.fill(WHY, "deploy").submit().await?;
            let request = stage.request_in(sent).await?;
            stage.bob.presses(&request, "Approve").await?;
            request.expects_text("*Approved* by @bob").await?;
        }
        let picker = stage.alice.uses_shortcut(SHORTCUT).await?.modal().await?;
        picker.pick("What do you need?", "Access").submit().await?;
        stage
            .alice
            .modal()
            .await?
            .fill(WHY, "deploy")
            .submit()
            .await?;
        stage.request_in("#sym-access").await?;
        Ok(())
    });
}

const NOTIFY_REQUESTER: &str = r#"
    prompt_field {
      name  = "notify_requester"
      label = "Send it to me as well?"
      type  = "bool"
    }
"#;

/// The guide's text has a masked address, which nobody can have; a reader puts in a real one.
fn notify_user() -> Flows {
    let start = NOTIFY_USER.find("user(email='").unwrap() + "user(email='".len();
    let end = start + NOTIFY_USER[start..].find('\'').unwrap();
    let python = format!(
        "{PERMISSIONS}\n{}bob@acme.example{}",
        &NOTIFY_USER[..start],
        &NOTIFY_USER[end..]
    );
    let params = format!("{REASON}{NOTIFY_REQUESTER}");
    let main = format!("{ENVIRONMENT}{}", flow("access", &params, "impl.py"));
    Flows::of(&[("main.tf", &main), ("impl.py", &python)])
}

#[test]
fn three_notifications_of_the_guide_run_out_after_fifteen_seconds_each() {
    story(notify_user()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "deploy")
            .pick("Send it to me as well?", "Yes")
            .submit()
            .await?;
        let first = stage.request_in("#general").await?;
        let to_alice = stage.alice.dm_with_bot().next_request().await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        let second = stage.request_in("#test-paginate-10").await?;
        for message in [&first, &to_alice] {
            message.expects_text("*Forwarded* after 15 seconds").await?;
            message.expects_no_buttons().await?;
        }
        stage.until_sent(1).await;
        stage.fifteen_seconds_pass();
        let third = stage.bob.dm_with_bot().next_request().await?;
        second.expects_text("*Forwarded* after 15 seconds").await?;
        stage.until_sent(2).await;
        stage.fifteen_seconds_pass();
        third.expects_text("*Expired*").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("has expired")
            .await?;
        Ok(())
    });
}

#[test]
fn the_masked_address_of_the_guide_is_an_address_that_nobody_has() {
    let params = format!("{REASON}{NOTIFY_REQUESTER}");
    let python = format!("{PERMISSIONS}\n{NOTIFY_USER}");
    story(Flows::with_params(&params, &python)).run(async |stage| {
        stage.slack.archives("#test-paginate-10");
        let form = stage.form(&stage.alice, "#secret-plans", "access").await?;
        form.fill(WHY, "deploy").submit().await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("is open, but nobody could be told about it")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}

#[test]
fn the_guide_from_the_shortcut_with_nobody_to_notify_is_an_error_that_everybody_hears_of() {
    story(notify_user()).run(async |stage| {
        let picker = stage.alice.uses_shortcut(SHORTCUT).await?.modal().await?;
        picker.pick("What do you need?", "Access").submit().await?;
        stage
            .alice
            .modal()
            .await?
            .fill(WHY, "deploy")
            .submit()
            .await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Access* could not be submitted")
            .await?;
        stage
            .slack
            .channel("#sym-errors")
            .expects_text("ValidationError")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Errored);
        Ok(())
    });
}
