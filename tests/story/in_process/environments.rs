//! Flows of one name in several environments: each can be chosen, and each can be named.

use super::flows::{ENVIRONMENT, Flows, REASON, flow, sends};
use super::harness::{WHY, story};

const QUESTION: &str = "What do you need?";

fn environment(name: &str, label: &str) -> String {
    format!(
        "\nresource \"sym_environment\" \"{name}\" {{\n  name  = \"{name}\"\n  label = \"{label}\"\n}}\n"
    )
}

/// The flow `access` in an environment, with code in `<environment>.py`.
fn access_in(environment: &str) -> String {
    flow("access", REASON, &format!("{environment}.py"))
        .replace(
            "\"sym_flow\" \"access\"",
            &format!("\"sym_flow\" \"{environment}\""),
        )
        .replace(
            "sym_environment.this.id",
            &format!("sym_environment.{environment}.id"),
        )
}

/// `access` in `prod` and in `sandbox`, whose labels are these. Requests go to #sym-requests and to #sym-access.
fn two(prod: &str, sandbox: &str) -> Flows {
    let main = [
        environment("prod", prod),
        environment("sandbox", sandbox),
        access_in("prod"),
        access_in("sandbox"),
    ];
    let to = |channel: &str| {
        sends(&format!(
            "[Notification(destinations=[slack.channel('{channel}')])]"
        ))
        .replace(
            "def get_permissions(event):\n",
            "def get_permissions(event):\n    print(event.user.get_event_count('request'))\n",
        )
    };
    Flows::of(&[
        ("main.tf", &main.concat()),
        ("prod.py", &to("#sym-requests")),
        ("sandbox.py", &to("#sym-access")),
    ])
}

#[test]
fn environments_of_one_label_are_told_apart_by_their_names() {
    story(two("AWS", "AWS")).run(async |stage| {
        let picker = stage.picker().await?;
        picker.expects_field(QUESTION).await?;
        assert_eq!(picker.options(QUESTION).await?.len(), 2);
        let view = picker.current().unwrap();
        let options = view.blocks[0]["element"]["options"].clone();
        let options = options.as_array().unwrap();
        let of = |key: &str| -> Vec<String> {
            let texts = options.iter().map(|option| option[key]["text"].as_str());
            texts
                .map(|text| text.unwrap_or_default().to_owned())
                .collect()
        };
        assert_eq!(
            of("description"),
            ["access · AWS (prod)", "access · AWS (sandbox)"]
        );
        let values: Vec<_> = options
            .iter()
            .map(|option| option["value"].clone())
            .collect();
        assert_eq!(values, ["access/prod", "access/sandbox"]);
        picker.close_all()?;

        for (environment, channel) in [("prod", "#sym-requests"), ("SANDBOX", "#sym-access")] {
            let form = stage
                .form(&stage.alice, "#general", &format!("access {environment}"))
                .await?;
            let shown = format!("*Access* in *AWS ({})*", environment.to_lowercase());
            assert!(form.text().contains(&shown), "{}", form.text());
            form.fill(WHY, environment).submit().await?;
            let request = stage.request_in(channel).await?;
            request.expects_text(&shown).await?;
            // Nor are they mixed up when requests are counted.
            let run = stage.runs().await.remove(0);
            assert_eq!(stage.printed(&run).await, "1\n");
        }

        // What two environments are called names neither.
        let general = stage.alice.in_channel("#general");
        for typed in ["/sym req access", "/sym req access AWS"] {
            let picker = general.types(typed).await?.modal().await?;
            picker
                .expects_text("exists in several environments")
                .await?;
            picker.expects_text("/sym req access prod").await?;
            picker.expects_text("/sym req access sandbox").await?;
            picker.close_all()?;
        }
        let picker = general.types("/sym req access moon").await?.modal().await?;
        picker
            .expects_text("There is no flow “access” in an environment called “moon”")
            .await?;
        picker.expects_text("/sym req access prod").await?;
        Ok(())
    });
}

#[test]
fn what_is_typed_after_a_command_is_read_as_it_was_typed() {
    story(two("R&D", "<b>")).run(async |stage| {
        for environment in ["R&D", "<b>"] {
            let typed = format!("access {environment}");
            let form = stage.form(&stage.alice, "#general", &typed).await?;
            let shown = format!("*Access* in *{environment}*");
            assert!(form.text().contains(&shown), "{}", form.text());
            form.close_all()?;
        }
        let general = stage.alice.in_channel("#general");
        general.types("/sym foo & <b>").await?;
        let answer = stage.alice.expects_ephemeral("I do not know").await?;
        answer.expects_text("`/sym foo & <b>`").await?;
        Ok(())
    });
}

#[test]
fn an_environment_can_be_named_by_its_label_where_only_one_has_it() {
    story(two("Production", "The sand box")).run(async |stage| {
        for (typed, channel) in [
            ("Production", "#sym-requests"),
            ("the Sand box", "#sym-access"),
            ("prod please", "#sym-requests"),
        ] {
            let form = stage
                .form(&stage.alice, "#general", &format!("access {typed}"))
                .await?;
            form.fill(WHY, typed).submit().await?;
            stage.request_in(channel).await?.expects_text(typed).await?;
        }
        Ok(())
    });
}

#[test]
fn a_name_comes_before_a_label() {
    story(two("sandbox", "prod")).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access prod").await?;
        form.fill(WHY, "by name").submit().await?;
        stage
            .request_in("#sym-requests")
            .await?
            .expects_text("by name")
            .await?;
        Ok(())
    });
}

#[test]
fn roots_with_the_same_flow_in_the_only_environment_do_not_start() {
    let root = |named: bool| {
        let main = format!("{ENVIRONMENT}{}", flow("approval", REASON, "impl.py"));
        if named {
            main
        } else {
            main.replace("  environment_id = sym_environment.this.id\n", "")
        }
    };
    let dir = tempfile::tempdir().unwrap();
    for (name, named) in [("a", true), ("b", false)] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("main.tf"), root(named)).unwrap();
        std::fs::write(dir.path().join(name).join("impl.py"), sends("[]")).unwrap();
    }
    story(Flows::in_dir(dir)).does_not_start(&[
        "the name \"approval\" is taken by sym_flow.approval at a/main.tf",
        "in the environment \"main\"",
        "b/main.tf",
    ]);
}
