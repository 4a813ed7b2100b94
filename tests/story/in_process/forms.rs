//! Forms: every type of field, what is checked where, and what handlers are given.

use super::flows::{ENVIRONMENT, Flows, IMPORTS, REASON, flow};
use super::harness::{WHY, story};

/// Members decide in #sym-requests; what `get_permissions` prints is in the log.
fn prints(what: &str) -> String {
    format!(
        "{IMPORTS}
@reducer
def get_permissions(event):
    fields = event.payload.fields
    print({what})
    return RequestPermission(webapp_view=PermissionLevel.ADMIN, approve_deny=PermissionLevel.MEMBER)

@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel('#sym-requests')])]
"
    )
}

fn field(name: &str, kind: &str, more: &str) -> String {
    let mut label = name.replace('_', " ");
    label[..1].make_ascii_uppercase();
    format!(
        "\n    prompt_field {{\n      name  = \"{name}\"\n      label = \"{label}\"\n      type  = \"{kind}\"\n{more}\n    }}\n"
    )
}

const OPTIONAL: &str = "      required = false";

#[test]
fn every_type_of_field_reaches_the_handler_as_its_python_type_and_the_message_in_words() {
    let params = [
        field("word", "string", ""),
        field("count", "int", ""),
        field("urgent", "bool", ""),
        field(
            "size",
            "string",
            "      allowed_values = [\"small\", \"large\"]",
        ),
        field("port", "int", "      allowed_values = [\"80\", \"443\"]"),
        field("one", "slack_user", ""),
        field("many", "slack_user_list", ""),
        field("words", "str_list", ""),
        field("numbers", "int_list", ""),
        field(
            "chosen",
            "str_list",
            "      allowed_values = [\"red\", \"green\", \"blue\"]",
        ),
        field(
            "long",
            "duration",
            "      allowed_values = [\"10m\", \"1h\"]",
        ),
        field(
            "secret",
            "string",
            "      visible = false\n      default = \"hidden value\"",
        ),
        field("nothing", "string", OPTIONAL),
    ]
    .concat();
    let printed = "[fields[name] for name in ('word', 'count', 'urgent', 'size', 'port', 'words', 'numbers', 'chosen', \
                   'long', 'secret')], fields.get('nothing'), fields['one'].email, [u.email for u in fields['many']]";
    story(Flows::with_params(&params, &prints(printed))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.options("Long").await?, ["10 minutes", "1 hour"]);
        assert!(!form.labels().contains(&"Secret".to_owned()));
        form.fill("Word", "a <b> & *c*")
            .fill("Count", "-7")
            .pick("Urgent", "Yes")
            .pick("Size", "large")
            .pick("Port", "443")
            .pick("One", "bob")
            .pick("Many", "bob")
            .pick("Many", "carol")
            .fill("Words", "x, y z ,, w")
            .fill("Numbers", "3, -4")
            .pick("Chosen", "red")
            .pick("Chosen", "blue")
            .pick("Long", "1 hour")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        for shown in [
            "*Word*\na <b> & *c*",
            "*Count*\n-7",
            "*Urgent*\nyes",
            "*Size*\nlarge",
            "*Port*\n443",
            "*One*\n@bob",
            "*Many*\n@bob, @carol",
            "*Words*\nx, y z, w",
            "*Numbers*\n3, -4",
            "*Chosen*\nred, blue",
            "*Long*\n1 hour",
        ] {
            request.expects_text(shown).await?;
        }
        assert!(!request.text().contains("hidden value"), "{}", request.text());
        stage.expects_logged(&[
            "['a <b> & *c*', -7, True, 'large', 443, ['x', 'y z', 'w'], [3, -4], ['red', 'blue'], 3600, 'hidden value'] \
             None bob@acme.example ['bob@acme.example', 'carol@acme.example']",
        ]);
        Ok(())
    });
}

#[test]
fn defaults_are_shown_and_fill_what_is_left_empty() {
    let params = [
        field("word", "string", "      default = \"here\""),
        field(
            "empty",
            "string",
            &format!("      default = \"there\"\n{OPTIONAL}"),
        ),
        field("count", "int", "      default = \"5\""),
        field("urgent", "bool", "      default = \"true\""),
        field(
            "size",
            "string",
            "      default = \"large\"\n      allowed_values = [\"small\", \"large\"]",
        ),
    ]
    .concat();
    let printed = "[fields[name] for name in ('word', 'empty', 'count', 'urgent', 'size')]";
    story(Flows::with_params(&params, &prints(printed))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.value("Word").await?["value"], "here");
        assert_eq!(form.value("Count").await?["value"], "5");
        assert_eq!(
            form.value("Size").await?["selected_option"]["value"],
            "large"
        );
        form.clear("Empty").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Empty*\nthere").await?;
        stage.expects_logged(&["['here', 'there', 5, True, 'large']"]);
        Ok(())
    });
}

#[test]
fn an_unticked_box_is_false_and_not_absent() {
    let params = field("urgent", "bool", "");
    story(Flows::with_params(&params, &prints("[fields['urgent']]"))).run(async |stage| {
        stage
            .form(&stage.alice, "#general", "access")
            .await?
            .submit()
            .await?;
        stage
            .request_in("#sym-requests")
            .await?
            .expects_text("*Urgent*\nno")
            .await?;
        stage.expects_logged(&["[False]"]);
        Ok(())
    });
}

#[test]
fn what_is_missing_or_wrong_is_said_at_its_field_and_what_was_typed_stays() {
    let params = [
        REASON.to_owned(),
        field("count", "int", ""),
        field("numbers", "int_list", OPTIONAL),
        field("words", "str_list", ""),
    ]
    .concat();
    story(Flows::with_params(&params, &prints("fields['count']"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        let errors = form.submit_incomplete().await?;
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["Count", WHY, "Words"]);
        let errors = form
            .fill(WHY, "deploy")
            .fill("Count", "99999999999999999999")
            .fill("Numbers", "1, two")
            .fill("Words", " , ")
            .submit_refused()
            .await?;
        assert_eq!(
            errors.keys().collect::<Vec<_>>(),
            ["Count", "Numbers", "Words"]
        );
        assert!(errors["Count"].contains("out of range"), "{errors:?}");
        assert!(
            errors["Numbers"].contains("“two” is not a whole number"),
            "{errors:?}"
        );
        assert!(stage.runs().await.is_empty());
        // What was right is still there.
        form.fill("Count", "5")
            .fill("Numbers", "1, 2")
            .fill("Words", "a")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Numbers*\n1, 2").await?;
        request.expects_text("deploy").await?;
        Ok(())
    });
}

#[test]
fn a_number_that_is_not_whole_is_refused() {
    let params = field("count", "int", "");
    story(Flows::with_params(&params, &prints("fields['count']"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        let errors = form.fill("Count", "2.5").submit_incomplete().await?;
        assert!(errors.contains_key("Count"), "{errors:?}");
        form.fill("Count", "2").submit().await?;
        stage.request_in("#sym-requests").await?;
        Ok(())
    });
}

#[test]
fn the_header_text_of_the_flow_follows_the_greeting() {
    let params = format!(
        "\n    additional_header_text = \"Read the *rules* first: <https://wiki.acme.example|wiki>\"\n{REASON}"
    );
    story(Flows::with_params(&params, &prints("1"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.expects_text("Read the *rules* first").await?;
        Ok(())
    });
}

const ACCESS: &str = r#"
resource "sym_integration" "custom" {
  type        = "custom"
  name        = "custom"
  external_id = "custom"
}

resource "sym_target" "db" {
  type  = "custom"
  name  = "db"
  label = "Production database"
  settings = { identifier = "db" }
}

resource "sym_target" "web" {
  type  = "custom"
  name  = "web"
  label = "Web servers"
  settings = { identifier = "web" }
}

resource "sym_strategy" "this" {
  type           = "custom"
  name           = "custom"
  integration_id = sym_integration.custom.id
  targets        = [sym_target.db.id, sym_target.web.id]
}
"#;

fn access_flow(more: &str, python: &str) -> Flows {
    let params = format!("\n    strategy_id = sym_strategy.this.id\n{more}{REASON}");
    let main = format!(
        "{ENVIRONMENT}{ACCESS}{}",
        flow("access", &params, "impl.py")
    );
    Flows::of(&[("main.tf", &main), ("impl.py", python)])
}

#[test]
fn an_access_flow_asks_for_target_and_duration_and_says_that_access_is_granted_by_hand() {
    let printed = "fields['target'].label, fields['duration']";
    story(access_flow("", &prints(printed))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.labels(), ["Target", WHY, "Duration"]);
        assert_eq!(
            form.options("Target").await?,
            ["Production database", "Web servers"]
        );
        assert_eq!(
            form.options("Duration").await?,
            ["30 seconds", "10 minutes", "1 hour"]
        );
        let errors = form.fill(WHY, "deploy").submit_incomplete().await?;
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["Duration", "Target"]);
        form.pick("Target", "Production database")
            .pick("Duration", "10 minutes")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        request
            .expects_text("*Target*\nProduction database")
            .await?;
        request.expects_text("*Duration*\n10 minutes").await?;
        stage.expects_logged(&["Production database 600"]);
        stage.bob.presses(&request, "Approve").await?;
        let by_hand = "Access to *Production database* for 10 minutes is to be granted by hand.";
        request.expects_text("*Approved* by @bob").await?;
        request.expects_text(by_hand).await?;
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("was approved by @bob")
            .await?;
        told.expects_text(by_hand).await?;
        Ok(())
    });
}

#[test]
fn an_access_flow_with_a_declared_duration_offers_its_values_and_a_denial_promises_nothing() {
    let duration = field(
        "duration",
        "duration",
        "      allowed_values = [\"5m\", \"2d\"]",
    );
    story(access_flow(&duration, &prints("fields['duration']"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.labels(), ["Target", "Duration", WHY]);
        assert_eq!(form.options("Duration").await?, ["5 minutes", "2 days"]);
        form.fill(WHY, "deploy")
            .pick("Target", "Web servers")
            .pick("Duration", "2 days")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Duration*\n2 days").await?;
        stage.bob.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @bob").await?;
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("was denied by @bob")
            .await?;
        assert!(!told.text().contains("by hand") && !request.text().contains("by hand"));
        Ok(())
    });
}

#[test]
fn target_and_duration_stand_in_the_message_where_and_as_the_form_had_them() {
    let duration = field("duration", "duration", "      allowed_values = [\"5m\"]");
    let target = field("target_id", "string", "").replace("Target id", "Which system?");
    let visible = [
        duration.replace("Duration", "How long?"),
        REASON.to_owned(),
        target.clone(),
    ];
    let default = "      visible = false\n      default = \"Web servers\"\n    }";
    let hidden = [
        target.replace("    }", default),
        REASON.to_owned(),
        duration,
    ];
    for (params, lines) in [
        (
            visible,
            vec![
                "*How long?*\n5 minutes",
                "deploy",
                "*Which system?*\nWeb servers",
            ],
        ),
        (hidden, vec!["deploy", "*Duration*\n5 minutes"]),
    ] {
        let params = format!(
            "\n    strategy_id = sym_strategy.this.id\n{}",
            params.concat()
        );
        let main = format!(
            "{ENVIRONMENT}{ACCESS}{}",
            flow("access", &params, "impl.py")
        );
        let code = prints("fields['target'].name, fields['duration']");
        story(Flows::of(&[("main.tf", &main), ("impl.py", &code)])).run(async |stage| {
            let form = stage.form(&stage.alice, "#general", "access").await?;
            let asked = form.labels();
            let mut filling = form.fill(WHY, "deploy");
            for (label, choice) in [
                ("How long?", "5 minutes"),
                ("Duration", "5 minutes"),
                ("Which system?", "Web servers"),
            ] {
                if asked.contains(&label.to_owned()) {
                    filling = filling.pick(label, choice);
                }
            }
            filling.submit().await?;
            let request = stage.request_in("#sym-requests").await?;
            let text = request.text();
            let places: Vec<_> = lines.iter().map(|line| text.find(line)).collect();
            assert!(places.is_sorted() && places[0].is_some(), "{text}");
            assert_eq!(text.contains("Which system?"), lines.len() == 3, "{text}");
            assert!(!text.contains("*Target*"), "{text}");
            stage.expects_logged(&["web 300"]);
            Ok(())
        });
    }
}

#[test]
fn an_access_flow_that_is_not_scheduled_to_end_asks_for_no_duration() {
    let never = "    schedule_deescalation = false\n";
    story(access_flow(never, &prints("'duration' in fields"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        assert_eq!(form.labels(), ["Target", WHY]);
        form.fill(WHY, "deploy")
            .pick("Target", "Web servers")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request
            .expects_text("Access to *Web servers* is to be granted by hand.")
            .await?;
        Ok(())
    });
}

#[test]
fn a_target_whose_settings_are_bound_to_fields_has_the_submitted_values_in_handlers_and_in_the_record()
 {
    let bound = ["repo", "count", "urgent", "hold", "empty", "duration"];
    let fields = [
        field("repo", "string", ""),
        field("count", "int", ""),
        field("urgent", "bool", ""),
        field("hold", "duration", "      allowed_values = [\"1h\"]"),
        field("empty", "string", OPTIONAL),
        field("duration", "duration", "      allowed_values = [\"10m\"]"),
    ]
    .concat();
    let code = format!(
        "from sym.sdk.annotations import hook\nfrom sym.sdk.templates import ApprovalTemplate\n{}

@hook
def on_approve(event):
    print('approve', sorted(event.payload.fields['target'].settings.items()))
    if event.channel.type != 'sdk':
        other = event.flow.strategy.targets[0].srn
        return ApprovalTemplate.approve(target_srn=other, duration=60)
",
        prints("'request', sorted(fields['target'].settings.items())")
    );
    let params = format!("\n    strategy_id = sym_strategy.this.id\n{fields}");
    let binding = format!("  field_bindings = {bound:?}\n  settings");
    let targets = ACCESS.replace("  settings", &binding);
    let targets = targets.replace(
        "= { identifier",
        "= { empty = \"as configured\", identifier",
    );
    let main = format!(
        "{ENVIRONMENT}{targets}{}",
        flow("access", &params, "impl.py")
    );
    let flows = Flows::of(&[("main.tf", &main), ("impl.py", &code)]);
    story(flows).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.pick("Target", "Web servers")
            .fill("Repo", "r2")
            .fill("Count", "-7")
            .pick("Urgent", "Yes")
            .pick("Hold", "1 hour")
            .pick("Duration", "10 minutes")
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let settings = |seconds: u32, name: &str| {
            format!(
                "[('count', '-7'), ('duration', '{seconds}'), ('empty', 'as configured'), ('hold', '3600'), \
                 ('identifier', '{name}'), ('repo', 'r2'), ('urgent', 'true')]"
            )
        };
        let printed = stage.printed(&stage.the_run().await).await;
        assert_eq!(
            printed.lines().collect::<Vec<_>>(),
            [
                format!("request {}", settings(600, "web")),
                format!("approve {}", settings(600, "web")),
                format!("approve {}", settings(60, "db")),
            ]
        );
        let audited = stage.audited("event").await;
        assert_eq!(
            audited[0]["fields"]["target"]["settings"],
            serde_json::json!({
                "count": "-7", "duration": "600", "empty": "as configured", "hold": "3600",
                "identifier": "web", "repo": "r2", "urgent": "true",
            })
        );
        Ok(())
    });
}

#[test]
fn long_values_are_shortened_in_the_message_and_keep_its_buttons() {
    let params = [REASON.to_owned(), field("more", "string", "")].concat();
    story(Flows::with_params(&params, &prints("len(fields['more'])"))).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, &"w".repeat(3000))
            .fill("More", &"m & ".repeat(750))
            .submit()
            .await?;
        let request = stage.request_in("#sym-requests").await?;
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        Ok(())
    });
}
