//! Flows that change while the bot runs: taken over whole or not at all, and open requests keep theirs.

use std::time::Duration;

use symbot::domain::run::Status;
use symbot::reload::Reloaded;

use super::flows::{ENVIRONMENT, Flows, REASON, flow, sends};
use super::harness::{Stage, Told, WHY, story};

/// An `impl.py` that asks in this channel.
fn asks_in(channel: &str) -> String {
    sends(&format!(
        "[Notification(destinations=[slack.channel(\"{channel}\")])]"
    ))
}

const DECISION_MESSAGE: &str = "    include_decision_message = true\n";

fn params(more: &str) -> String {
    format!("{REASON}\n{more}")
}

fn main_tf(flows: &[(&str, &str)]) -> String {
    let flows: String = flows
        .iter()
        .map(|(name, more)| flow(name, &params(more), "impl.py"))
        .collect();
    format!("{ENVIRONMENT}{flows}")
}

fn one_flow() -> Flows {
    Flows::of(&[
        ("main.tf", &main_tf(&[("access", "")])),
        ("impl.py", &asks_in("#sym-requests")),
    ])
}

async fn asks(stage: &Stage, flow: &str) -> Told {
    let form = stage.form(&stage.alice, "#general", flow).await?;
    form.fill(WHY, "deploy").submit().await?;
    Ok(())
}

#[test]
fn new_requests_use_the_new_code_and_open_ones_keep_what_they_started_with() {
    let with_message = main_tf(&[("access", DECISION_MESSAGE)]);
    let flows = Flows::of(&[
        ("main.tf", &with_message),
        ("impl.py", &asks_in("#sym-requests")),
    ]);
    story(flows).run(async |stage| {
        asks(stage, "access").await?;
        let first = stage.request_in("#sym-requests").await?;
        let version = stage.the_run().await.flow.version;
        stage.save("impl.py", &asks_in("#general"));
        stage.save("main.tf", &main_tf(&[("access", "")]));
        let reloaded = stage.reloader.reload().await;
        assert!(matches!(reloaded, Reloaded::Swapped { .. }), "{reloaded:?}");

        asks(stage, "access").await?;
        let second = stage.request_in("#general").await?;
        assert!(!second.text().contains("Decision Message"));
        let runs = stage.runs().await;
        assert_ne!(
            runs[0].flow.version, version,
            "the new request, the new flow"
        );
        assert_eq!(runs[1].flow.version, version, "the open request, its flow");
        // Decided under the flow it started with, which asks for a message.
        assert!(runs[1].flow.include_decision_message);
        stage.bob.presses(&first, "Approve").await?;
        stage
            .until("the first request to be approved", async || {
                stage.runs().await[1].status == Status::Approved
            })
            .await;
        stage.expects_logged(&["the flows were taken over", "access"]);
        Ok(())
    });
}

#[test]
fn a_broken_change_changes_nothing_and_is_told_once_until_it_is_repaired() {
    story(one_flow()).run(async |stage| {
        let before = stage.engine.catalog().version.clone();
        // One flow is new and fine, the other broken: neither counts.
        stage.save("main.tf", &main_tf(&[("access", ""), ("another", "")]));
        stage.save("impl.py", "def get_permissions(:\n");
        let reloaded = stage.reloader.reload().await;
        assert!(matches!(reloaded, Reloaded::Kept { .. }), "{reloaded:?}");
        assert_eq!(stage.engine.catalog().version, before);
        let mut errors = stage.slack.channel("#sym-errors");
        let told = errors.expects_text("nothing of the change counts").await?;
        assert!(told.text().contains("impl.py:1:"), "{}", told.text());
        stage.expects_logged(&["ERROR", "place=impl.py:1:"]);
        stage.expects_logged(&["not taken over", &before]);

        // The same problem again is not told again, another one is.
        stage.reloader.reload().await;
        stage.save(
            "main.tf",
            &main_tf(&[("access", "    allow_revok = true\n")]),
        );
        stage.reloader.reload().await;
        let told = errors.expects_text("allow_revok").await?;
        assert!(told.text().contains("did you mean"), "{}", told.text());
        assert!(!told.text().contains("several"), "{}", told.text());
        assert_eq!(errors.message_count(), 2);

        // The old flow still works meanwhile.
        asks(stage, "access").await?;
        stage.request_in("#sym-requests").await?;

        stage.save("main.tf", &main_tf(&[("access", ""), ("another", "")]));
        stage.save("impl.py", &asks_in("#general"));
        let reloaded = stage.reloader.reload().await;
        assert!(matches!(reloaded, Reloaded::Swapped { .. }), "{reloaded:?}");
        errors.expects_text("The flows are fine again").await?;
        asks(stage, "another").await?;
        stage.request_in("#general").await?;
        assert_eq!(stage.reloader.reload().await, Reloaded::Unchanged);
        Ok(())
    });
}

#[test]
fn a_removed_flow_refuses_new_requests_and_lets_open_ones_be_decided() {
    let flows = Flows::of(&[
        ("main.tf", &main_tf(&[("access", ""), ("other", "")])),
        ("impl.py", &asks_in("#sym-requests")),
    ]);
    story(flows).run(async |stage| {
        asks(stage, "access").await?;
        let request = stage.request_in("#sym-requests").await?;
        // A form that is open while its flow goes away.
        let form = stage.form(&stage.alice, "#general", "access").await?;
        stage.save("main.tf", &main_tf(&[("other", "")]));
        stage.reloader.reload().await;
        form.fill(WHY, "late").submit().await?;
        assert_eq!(
            stage.runs().await.len(),
            1,
            "no request of a flow that is gone"
        );
        stage.bob.presses(&request, "Approve").await?;
        stage.until_status(Status::Approved).await;
        Ok(())
    });
}

#[test]
fn with_watch_a_saved_file_is_enough() {
    story(one_flow()).watching().run(async |stage| {
        let before = stage.engine.catalog().version.clone();
        stage.save("impl.py", &asks_in("#general"));
        stage
            .until("the change to be seen", async || {
                // Each look is a second apart by the bot's clock; two alike make it sure.
                stage.clock.advance(Duration::from_secs(1));
                stage.engine.catalog().version != before
            })
            .await;
        asks(stage, "access").await?;
        stage.request_in("#general").await?;
        stage.expects_logged(&["a file of the flows has changed", "impl.py"]);
        Ok(())
    });
}

/// The flow's environment with an integration that needs this secret.
fn with_secret(path: &str) -> String {
    let environment = ENVIRONMENT.replace(
        "  label           = \"Main\"\n",
        "  label           = \"Main\"\n  integrations    = { pager_id = sym_integration.pager.id }\n",
    );
    format!(
        "{environment}{}{}",
        pager(path),
        flow("access", &params(""), "impl.py")
    )
}

/// An environment without it, and a flows filter that has the integration to itself.
fn with_secret_of_the_filter(path: &str) -> String {
    format!(
        r#"{ENVIRONMENT}{}{}
resource "sym_flows_filter" "this" {{
  implementation = file("${{path.module}}/filter.py")
  integrations   = {{ pager_id = sym_integration.pager.id }}
}}
"#,
        pager(path),
        flow("access", &params(""), "impl.py")
    )
}

fn pager(path: &str) -> String {
    format!(
        r#"
resource "sym_integration" "pager" {{
  type        = "custom"
  name        = "pager"
  external_id = "acme"
  settings    = {{ secret_ids_json = jsonencode([sym_secret.key.id]) }}
}}

resource "sym_secrets" "vault" {{
  type = "aws_secrets_manager"
  name = "vault"
}}

resource "sym_secret" "key" {{
  path      = "{path}"
  source_id = sym_secrets.vault.id
}}
"#
    )
}

const FILTER: &str = "from sym.sdk.annotations import reducer\n\n@reducer\ndef get_flows(user, flows, flows_filter_vars):\n    return flows\n";

#[test]
fn a_change_that_needs_a_secret_which_nobody_has_supplied_is_not_taken_over() {
    story(one_flow())
        .secrets(&[("PROD_PAGER", "s3cret-value")])
        .run(async |stage| {
            let before = stage.engine.catalog().version.clone();
            stage.save("main.tf", &with_secret("prod/other"));
            let reloaded = stage.reloader.reload().await;
            let Reloaded::Kept { problems } = reloaded else {
                panic!("{reloaded:?}");
            };
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].file, "main.tf");
            assert!(
                problems[0]
                    .message
                    .contains("sym_flow.access: nobody has supplied the secret \"prod/other\""),
                "{problems:?}"
            );
            assert_eq!(stage.engine.catalog().version, before);
            let mut errors = stage.slack.channel("#sym-errors");
            let told = errors.expects_text("nothing of the change counts").await?;
            assert!(
                told.text().contains("SYMBOT_SECRET_PROD_OTHER"),
                "{}",
                told.text()
            );
            asks(stage, "access").await?;
            stage.request_in("#sym-requests").await?;
            // One that is there is no problem, and its value is nowhere to be seen.
            stage.save("main.tf", &with_secret("prod/pager"));
            let reloaded = stage.reloader.reload().await;
            assert!(matches!(reloaded, Reloaded::Swapped { .. }), "{reloaded:?}");
            errors.expects_text("The flows are fine again").await?;
            Ok(())
        });
}

#[test]
fn a_secret_that_was_missing_at_the_start_keeps_no_change_from_being_taken_over() {
    let flows = Flows::of(&[
        ("main.tf", &with_secret("prod/other")),
        ("impl.py", &asks_in("#sym-requests")),
    ]);
    story(flows).run(async |stage| {
        stage.expects_logged(&["a secret has no value", "prod/other"]);
        stage.save("impl.py", &asks_in("#general"));
        let reloaded = stage.reloader.reload().await;
        assert!(matches!(reloaded, Reloaded::Swapped { .. }), "{reloaded:?}");
        Ok(())
    });
}

#[test]
fn the_secrets_of_the_flows_filter_count_as_those_of_flows() {
    let flows = Flows::of(&[
        ("main.tf", &with_secret_of_the_filter("prod/pager")),
        ("impl.py", &asks_in("#sym-requests")),
        ("filter.py", FILTER),
    ]);
    story(flows)
        .secrets(&[("PROD_PAGER", "s3cret-value")])
        .run(async |stage| {
            let before = stage.engine.catalog().version.clone();
            stage.save("main.tf", &with_secret_of_the_filter("prod/other"));
            let reloaded = stage.reloader.reload().await;
            let Reloaded::Kept { problems } = reloaded else {
                panic!("{reloaded:?}");
            };
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].file, "main.tf");
            let message = &problems[0].message;
            assert!(
                message.contains(
                    "sym_flows_filter.this: nobody has supplied the secret \"prod/other\""
                ),
                "{message}"
            );
            assert_eq!(stage.engine.catalog().version, before);
            // The picker is still that of the filter that works.
            stage
                .picker()
                .await?
                .expects_field("What do you need?")
                .await?;
            Ok(())
        });
}

#[test]
fn a_secret_of_the_filter_that_was_missing_at_the_start_is_told_and_keeps_no_change_from_being_taken_over()
 {
    let flows = Flows::of(&[
        ("main.tf", &with_secret_of_the_filter("prod/other")),
        ("impl.py", &asks_in("#sym-requests")),
        ("filter.py", FILTER),
    ]);
    story(flows).run(async |stage| {
        stage.expects_logged(&["WARN", "a secret has no value", "prod/other"]);
        stage.save("impl.py", &asks_in("#general"));
        let reloaded = stage.reloader.reload().await;
        assert!(matches!(reloaded, Reloaded::Swapped { .. }), "{reloaded:?}");
        Ok(())
    });
}
