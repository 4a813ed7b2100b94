//! Forms that code takes part in: `on_prompt`, prefetch reducers, `on_change`.

use std::time::Duration;

use symbot::domain::field::FieldValue;

use super::flows::{ENVIRONMENT, Flows, REASON, asks_in_requests, flow};
use super::harness::{WHY, story};

const HOOKS: &str = "\
from sym.sdk.annotations import hook, prefetch
from sym.sdk.field_option import FieldOption
from sym.sdk.templates import ApprovalTemplate
";

fn ordinary() -> String {
    asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false)
}

fn with(params: &str, python: &str) -> Flows {
    Flows::with_params(params, &format!("{HOOKS}{}\n\n{python}\n", ordinary()))
}

const REGION: &str = r#"
    prompt_field {
      name     = "region"
      label    = "Region"
      type     = "string"
      prefetch = true
    }
    prompt_field {
      name     = "ports"
      label    = "Ports"
      type     = "int_list"
      required = false
      prefetch = true
    }
"#;

const REGIONS: &str = r#"
@prefetch("region")
def regions(event):
    assert event.name == "prompt" and event.user.email == "alice@acme.example"
    return [FieldOption(value=f"eu-{number}", label=f"Europe {number}") for number in range(150)]

@prefetch(field_name="ports")
def ports(evt):
    return [FieldOption(value=port, label=f"Port {port}") for port in (22, 443)]
"#;

#[test]
fn prefetch_reducers_supply_options_that_typing_filters() {
    story(with(REGION, REGIONS)).with_web().run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_field("Region").await?;
        let all = form.suggestions("Region", "").await?;
        assert_eq!(all.len(), 100, "Slack takes no more at a time");
        let some = form.suggestions("Region", "europe 14").await?;
        assert_eq!(some.len(), 11, "{some:?}");
        form.pick("Region", "Europe 149")
            .pick("Ports", "Port 443")
            .pick("Ports", "Port 22")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        // People see what the form showed, handlers the values.
        request.expects_text("*Region*\nEurope 149").await?;
        request.expects_text("*Ports*\nPort 443, Port 22").await?;
        let run = stage.the_run().await;
        assert_eq!(
            run.field("region").unwrap().value,
            FieldValue::String("eu-149".to_owned())
        );
        assert_eq!(
            run.field("ports").unwrap().value,
            FieldValue::IntList(vec![443, 22])
        );
        let mut alice = super::web::signed_in(stage, &stage.alice).await?;
        let page = alice.get(&format!("/requests/{}", run.id)).await;
        page.is(200).shows("Europe 149").shows("Port 22");
        Ok(())
    });
}

#[test]
fn a_picked_flow_shows_its_prefetched_form_too() {
    story(with(REGION, REGIONS)).run(async |stage| {
        let picker = stage.picker().await?;
        picker.pick("What do you need?", "Access").submit().await?;
        picker.expects_field("Region").await?;
        picker.pick("Region", "Europe 1").submit().await?;
        stage.request_in("#sym-requests").await?;
        Ok(())
    });
}

#[test]
fn a_slow_prefetch_shows_loading_within_the_trigger_and_the_form_later() {
    let python = format!("import time\n{REGIONS}").replace(
        "    assert event.name",
        "    time.sleep(4)\n    assert event.name",
    );
    story(with(REGION, &python)).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_text("Loading").await?;
        form.expects_field("Region").await?;
        form.pick("Region", "Europe 7").submit().await?;
        stage.request_in("#sym-requests").await?;
        form.expects_closed().await?;

        let picker = stage.picker().await?;
        picker.pick("What do you need?", "Access").submit().await?;
        picker.expects_text("Loading").await?;
        picker.expects_field("Region").await?;
        Ok(())
    });
}

/// A form that cannot be prepared says so with a code that the error logger has, too.
fn is_not_prepared(python: &str, reported: &'static str) {
    story(with(REGION, python)).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_text("could not be prepared").await?;
        let text = form.text();
        let code = text.split("Code ").nth(1).unwrap();
        let code = code.split(' ').next().unwrap();
        let report = stage
            .slack
            .channel("#sym-errors")
            .expects_text(code)
            .await?;
        report.expects_text(reported).await?;
        assert!(stage.runs().await.is_empty());
        Ok(())
    });
}

#[test]
fn a_prefetch_that_raises_is_told() {
    is_not_prepared(
        &REGIONS.replace(
            "    return [FieldOption(value=f",
            "    raise ValueError('no regions')\n    return [FieldOption(value=f",
        ),
        "ValueError: no regions",
    );
}

#[test]
fn a_prefetch_with_too_many_options_is_told() {
    is_not_prepared(
        &REGIONS.replace("range(150)", "range(1001)"),
        "returned 1001 options; at most 1000 are possible",
    );
}

#[test]
fn a_prefetch_of_the_wrong_type_is_told() {
    is_not_prepared(
        &REGIONS.replace("FieldOption(value=port, label=f\"Port {port}\")", "port"),
        "expected a FieldOption",
    );
}

#[test]
fn a_flow_with_a_missing_prefetch_reducer_keeps_the_bot_from_starting() {
    let region_only = REGIONS.split("@prefetch(field_name").next().unwrap();
    story(with(REGION, region_only)).does_not_start(&[
        "impl.py:1:1",
        "there is no prefetch reducer for the field 'ports' of the flow access",
    ]);
}

#[test]
fn on_prompt_may_stop_the_form_and_after_prompt_hears_of_it() {
    let python = r##"
@hook
def on_prompt(event):
    if event.user.email == "bob@acme.example":
        return ApprovalTemplate.ignore(message="You have access already.")

@hook
def after_prompt(event):
    slack.send_message(slack.channel("#sym-access"), f"shown to {event.user.email}")
"##;
    story(with(REASON, python)).run(async |stage| {
        let form = stage.form(&stage.bob, "#general", "access").await?;
        form.expects_text("You have access already.").await?;
        assert!(form.labels().is_empty());
        form.close()?;
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_field(WHY).await?;
        stage
            .slack
            .channel("#sym-access")
            .expects_text("shown to alice@acme.example")
            .await?;
        form.fill(WHY, "deploy").submit().await?;
        stage.request_in("#sym-requests").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 1);
        Ok(())
    });
}

const CHANGING: &str = r#"
    prompt_field {
      name           = "kind"
      label          = "Kind"
      type           = "string"
      allowed_values = ["database", "server"]
      on_change      = file("${path.module}/kind.py")
    }
    prompt_field {
      name           = "size"
      label          = "Size"
      type           = "string"
      allowed_values = ["small", "large"]
      required       = false
    }
    prompt_field {
      name     = "table-name"
      label    = "Table"
      type     = "string"
      visible  = false
    }
    prompt_field {
      name      = "count"
      label     = "Count"
      type      = "int"
      required  = false
      on_change = file("${path.module}/count.py")
    }
    prompt_field {
      name     = "helper"
      label    = "Helper"
      type     = "slack_user"
      required = false
    }
"#;

const KIND: &str = r#"
from sym.sdk.forms import FieldOption

def on_change_kind(username, form):
    assert username == "alice@acme.example"
    database = form.fields["kind"].value == "database"
    form.fields["table-name"].visible = database
    size = form.fields["size"]
    if database:
        size.label = "Database size"
        size.required = True
        size.current_allowed_values = [FieldOption(value="huge", label="Very large")]
        size.value = "huge"
        form.fields["table-name"].value = "users"
        form.additional_header_text = "Databases take a while."
    else:
        size.current_allowed_values = size.original_allowed_values
        size.value = None
        form.additional_header_text = None
    return form
"#;

const COUNT: &str = r#"
def on_change_count(event, form):
    count = form.fields["count"].value
    if count == 13:
        raise ValueError("unlucky")
    if count == 14:
        while True:
            pass
    form.fields["helper"].label = f"Helper for {count + 1}, not {form.fields['helper'].value}"
    return form
"#;

fn changing() -> Flows {
    let main = format!("{ENVIRONMENT}{}", flow("access", CHANGING, "impl.py"));
    Flows::of(&[
        ("main.tf", &main),
        ("impl.py", &ordinary()),
        ("kind.py", KIND),
        ("count.py", COUNT),
    ])
}

#[test]
fn on_change_shows_hides_and_fills_fields_while_the_form_is_filled_in() {
    story(changing()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.labels(), ["Kind", "Size", "Count", "Helper"]);
        form.pick("Helper", "bob").apply().await?;
        form.pick("Size", "small").apply().await?;
        form.pick("Kind", "database").apply().await?;
        form.expects_field("Table").await?;
        assert_eq!(
            form.labels(),
            ["Kind", "Database size", "Table", "Count", "Helper"]
        );
        form.expects_text("Databases take a while.").await?;
        assert_eq!(form.options("Database size").await?, ["Very large"]);
        assert_eq!(
            form.value("Database size").await?["selected_option"]["value"],
            "huge"
        );
        assert_eq!(form.value("Table").await?["value"], "users");
        // What was entered elsewhere stays.
        assert_eq!(form.value("Helper").await?["selected_user"], stage.bob.id());
        form.fill("Table", "orders").apply().await?;
        form.fill("Count", "2").apply().await?;
        let label = format!("Helper for 3, not user_id='{}'", stage.bob.id());
        form.expects_text(&label).await?;
        assert_eq!(form.value("Table").await?["value"], "orders");
        form.submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Database size*\nVery large").await?;
        request.expects_text("*Table*\norders").await?;
        Ok(())
    });
}

#[test]
fn fields_that_on_change_hid_again_are_not_required_and_keep_no_stale_choice() {
    story(changing()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.pick("Kind", "database").apply().await?;
        form.expects_field("Table").await?;
        form.pick("Kind", "server").apply().await?;
        stage
            .until("the table to be hidden", async || {
                form.labels() == ["Kind", "Database size", "Count", "Helper"]
            })
            .await;
        assert_eq!(form.options("Database size").await?, ["small", "large"]);
        // Required by the change, and empty again.
        form.submit_incomplete().await?;
        form.pick("Database size", "large").submit().await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!(
            run.field("size").unwrap().value,
            FieldValue::String("large".to_owned())
        );
        Ok(())
    });
}

#[test]
fn an_on_change_that_fails_or_hangs_leaves_the_form_usable_and_is_reported() {
    story(changing())
        .handler_timeout(Duration::from_secs(2))
        .run(async |stage| {
            let form = stage.form(&stage.alice, "#general", "access").await?;
            let mut errors = stage.slack.channel("#sym-errors");
            for (count, area, reported) in [
                ("13", "IMPL-", "ValueError: unlucky"),
                ("14", "TIMEOUT-", "did not finish"),
            ] {
                form.fill("Count", count).apply().await?;
                form.expects_text(&format!(
                    "could not be updated after the last change (code {area}"
                ))
                .await?;
                errors.expects_text(reported).await?;
            }
            form.fill("Count", "4").apply().await?;
            form.expects_text("Helper for 5").await?;
            assert!(!form.text().contains("could not be updated"));
            form.pick("Kind", "server").submit().await?;
            stage.request_in("#sym-requests").await?;
            Ok(())
        });
}

const TEAM: &str = r#"
    prompt_field {
      name      = "team"
      label     = "Team"
      type      = "slack_user_list"
      required  = false
      on_change = file("${path.module}/team.py")
    }
    prompt_field {
      name     = "note"
      label    = "Note"
      type     = "string"
      required = false
    }
"#;

const TEAM_CODE: &str = r##"
from sym.sdk.integrations import slack

def on_change_team(username, form):
    team = form.fields["team"]
    slack.send_message(slack.channel("#general"), f"{len(team.value or [])} in the team")
    if team.value and len(team.value) == 3:
        team.value = team.value[:2]
    return form
"##;

#[test]
fn people_who_come_back_from_on_change_as_they_were_are_no_change() {
    let main = format!("{ENVIRONMENT}{}", flow("access", TEAM, "impl.py"));
    let flows = Flows::of(&[
        ("main.tf", &main),
        ("impl.py", &ordinary()),
        ("team.py", TEAM_CODE),
    ]);
    story(flows).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        let mut general = stage.slack.channel("#general");
        let drawn = stage.slack.calls("views.update").len();
        form.pick("Team", "bob").apply().await?;
        general.expects_text("1 in the team").await?;
        form.pick("Team", "carol").apply().await?;
        general.expects_text("2 in the team").await?;
        form.fill("Note", "hello").submit().await?;
        stage.request_in("#sym-requests").await?;
        assert_eq!(
            stage.slack.calls("views.update").len(),
            drawn,
            "the form was drawn again though nothing in it changed"
        );
        let run = stage.the_run().await;
        let FieldValue::SlackUserList(team) = &run.field("team").unwrap().value else {
            panic!("{:?}", run.fields);
        };
        let ids: Vec<&str> = team.iter().map(|user| user.slack_id.as_str()).collect();
        assert_eq!(ids, [stage.bob.id(), stage.carol.id()]);

        // A list that came back otherwise is one.
        let form = stage.form(&stage.alice, "#general", "access").await?;
        for name in ["bob", "carol", "alice"] {
            form.pick("Team", name).apply().await?;
        }
        stage
            .until("the third to be taken out", async || {
                form.value("Team")
                    .await
                    .is_ok_and(|value| value["selected_users"].as_array().map(Vec::len) == Some(2))
            })
            .await;
        assert_eq!(stage.slack.calls("views.update").len(), drawn + 1);
        Ok(())
    });
}
