//! A flows filter: who is offered which flows in the picker.

use symbot::cli::explain::{Replayed, replay_one, sources_of};

use super::flows::{ENVIRONMENT, Flows, REASON, asks_in_requests, flow};
use super::harness::{WHY, pool, story};

const FILTER: &str = r#"
resource "sym_flows_filter" "this" {
  implementation = file("${path.module}/filter.py")
  vars = {
    group = "S0ONCALL0"
  }
}
"#;

const ON_CALL_ONLY: &str = "\
from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack

@reducer
def get_flows(user, flows, flows_filter_vars):
    if slack.is_user_in_group(user, group_id=flows_filter_vars['group']):
        return flows
    return [flow for flow in flows if flow.name != 'other']
";

const QUESTION: &str = "What do you need?";

fn filtered(filter: &str) -> Flows {
    let main = format!(
        "{ENVIRONMENT}{FILTER}{}{}",
        flow("access", REASON, "impl.py"),
        flow("other", REASON, "impl.py")
    );
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    Flows::of(&[
        ("main.tf", &main),
        ("impl.py", &python),
        ("filter.py", filter),
    ])
}

#[test]
fn people_are_offered_what_the_filter_lets_through_and_can_name_the_rest() {
    story(filtered(ON_CALL_ONLY)).run(async |stage| {
        let picker = stage.picker().await?;
        picker.expects_field(QUESTION).await?;
        assert_eq!(picker.options(QUESTION).await?.len(), 1);
        picker.pick(QUESTION, "Access").submit().await?;
        picker.expects_field(WHY).await?;
        picker.fill(WHY, "picked").submit().await?;
        stage
            .request_in("#sym-requests")
            .await?
            .expects_text("picked")
            .await?;

        let typed = stage.bob.in_channel("#general").types("/sym").await?;
        let picker = typed.modal().await?;
        picker.expects_field(QUESTION).await?;
        assert_eq!(picker.options(QUESTION).await?.len(), 2);
        picker.pick(QUESTION, "Other").submit().await?;
        picker.expects_field(WHY).await?;

        // A convenience, not a protection.
        let form = stage.form(&stage.alice, "#general", "other").await?;
        form.fill(WHY, "named").submit().await?;
        stage
            .request_in("#sym-requests")
            .await?
            .expects_text("named")
            .await?;
        // What the filter was asked belongs to the request that was picked, and can be replayed with it.
        let runs = stage.runs().await;
        let named = stage.explained(&runs[0]).await;
        assert_eq!(named.calls.len(), 1, "{}", named.tell());
        let picked = stage.explained(&runs[1]).await;
        assert_eq!(picked.calls[0].call.handlers, ["get_flows"]);
        assert_eq!(picked.calls.len(), 2, "{}", picked.tell());
        let sources = sources_of(&picked);
        let replayed = replay_one(&picked.calls[0], &sources, &pool()).await;
        assert_eq!(replayed, Replayed::Same);
        Ok(())
    });
}

#[test]
fn a_filter_that_fails_offers_nothing_and_says_so_with_a_code() {
    for (answer, reported) in [
        ("{}['group']", "KeyError"),
        ("['access']", "expected flows of the list it was given"),
        ("None", "expected a list"),
    ] {
        let filter = format!(
            "from sym.sdk.annotations import reducer\n\n@reducer\ndef get_flows(user, flows, flows_filter_vars):\n    return {answer}\n"
        );
        story(filtered(&filter)).run(async |stage| {
            let picker = stage.picker().await?;
            picker
                .expects_text("The list of flows could not be made")
                .await?;
            let text = picker.text();
            let code = text.split("Code ").nth(1).unwrap_or_default();
            let code = code.split_whitespace().next().unwrap_or_default();
            assert!(code.starts_with("IMPL-"), "{text}");
            stage.expects_logged(&[code, "filter.py", reported]);
            let told = stage
                .slack
                .channel("#sym-errors")
                .expects_text(code)
                .await?;
            for part in [reported, "get_flows", "filter.py", "@alice", "by name only"] {
                assert!(told.text().contains(part), "{part}: {}", told.text());
            }
            assert_eq!(
                stage.audited("flow_selection").await.len(),
                1,
                "the audit journal has it"
            );
            Ok(())
        });
    }
}

#[test]
fn a_filter_without_its_reducer_keeps_the_bot_from_starting() {
    story(filtered("def get_flows(user, flows):\n    return flows\n"))
        .does_not_start(&["there is no reducer get_flows, so nobody could be offered a flow"]);
}
