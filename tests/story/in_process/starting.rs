//! Where requests start: `/sym` in all its forms, the shortcut, the App Home.

use symbot::domain::run::Status;

use super::flows::{ENVIRONMENT, Flows, REASON, asks_in_requests, flow, sends};
use super::harness::{SHORTCUT, WHY, story};

const EXAMPLES: [&str; 4] = ["Approval", "Notify user", "Source channel", "Urgency"];

#[test]
fn sym_and_sym_req_and_sym_request_open_the_picker_with_the_labels_of_all_flows() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        for typed in ["/sym", "/sym req", "/sym request", "/sym  REQUEST "] {
            let picker = general.types(typed).await?.modal().await?;
            let mut flows = picker.options("What do you need?").await?;
            flows.sort();
            assert_eq!(flows, EXAMPLES, "{typed}");
            assert!(!picker.text().contains("There is no flow"), "{typed}");
            picker.close_all()?;
        }
        let picker = general.types("/sym").await?.modal().await?;
        picker
            .pick("What do you need?", "Approval")
            .submit()
            .await?;
        let form = stage.alice.modal().await?;
        assert_eq!(form.title(), "Approval");
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("@alice requests *Approval*").await?;
        let run = stage.the_run().await;
        assert_eq!(run.source.identifier.as_deref(), Some("#general"));
        Ok(())
    });
}

#[test]
fn a_picker_without_a_choice_is_held_back() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        let picker = general.types("/sym").await?.modal().await?;
        let errors = picker.submit_incomplete().await?;
        assert!(errors.contains_key("What do you need?"), "{errors:?}");
        Ok(())
    });
}

#[test]
fn sym_req_and_a_flow_in_any_letter_case_opens_its_form() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        for typed in [
            "/sym req approval",
            "/sym request APPROVAL",
            "/sym REQ Approval",
            "/sym req approval main",
            "/sym req approval MAIN",
        ] {
            let form = general.types(typed).await?.modal().await?;
            assert_eq!(form.title(), "Approval", "{typed}");
            assert_eq!(form.labels(), [WHY], "{typed}");
            assert!(
                form.text()
                    .contains("Hi Alice, you are requesting *Approval*."),
                "{}",
                form.text()
            );
            form.close_all()?;
        }
        Ok(())
    });
}

#[test]
fn an_unknown_flow_or_environment_opens_the_picker_with_a_note() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        let picker = general.types("/sym req aproval").await?.modal().await?;
        picker
            .expects_text("There is no flow called “aproval”. Please choose one.")
            .await?;
        assert_eq!(picker.options("What do you need?").await?.len(), 4);
        picker.close_all()?;
        let picker = general
            .types("/sym req approval moon")
            .await?
            .modal()
            .await?;
        picker
            .expects_text("There is no flow “approval” in an environment called “moon”.")
            .await?;
        assert_eq!(picker.options("What do you need?").await?.len(), 4);
        Ok(())
    });
}

#[test]
fn the_environment_chooses_between_flows_of_the_same_name() {
    let two = format!(
        r#"{ENVIRONMENT}
resource "sym_environment" "test" {{
  name  = "test"
  label = "Test"
}}
{}
resource "sym_flow" "other" {{
  name           = "access"
  label          = "Access"
  implementation = file("${{path.module}}/test.py")
  environment_id = sym_environment.test.id
  params {{{REASON}}}
}}
"#,
        flow("access", REASON, "impl.py")
    );
    let flows = Flows::of(&[
        ("main.tf", &two),
        (
            "impl.py",
            &sends("[Notification(destinations=[slack.channel('#sym-requests')])]"),
        ),
        (
            "test.py",
            &sends("[Notification(destinations=[slack.channel('#sym-access')])]"),
        ),
    ]);
    story(flows).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access TEST").await?;
        assert!(
            form.text().contains("*Access* in *Test*"),
            "{}",
            form.text()
        );
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-access").await?;
        request
            .expects_text("@alice requests *Access* in *Test*")
            .await?;

        let form = stage.form(&stage.alice, "#general", "access main").await?;
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        request
            .expects_text("@alice requests *Access* in *Main*")
            .await?;
        Ok(())
    });
}

#[test]
fn help_and_unknown_words_are_answered_only_to_the_person_with_the_list_of_commands() {
    story(Flows::examples()).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        let before = stage.slack.channel("#general").message_count();
        general.types("/sym help").await?;
        let help = stage.alice.expects_ephemeral("What you can type").await?;
        for command in [
            "/sym req",
            "/sym login",
            "/sym whoami",
            "/sym support",
            "/sym help",
        ] {
            assert!(help.text().contains(command), "{command}");
        }
        assert!(!help.text().contains("I do not know"));
        general.types("/sym aproval <!channel>").await?;
        let unknown = stage
            .alice
            .expects_ephemeral("I do not know `/sym aproval")
            .await?;
        assert!(unknown.text().contains("What you can type"));
        assert_eq!(stage.slack.channel("#general").message_count(), before);
        assert!(!stage.alice.has_modal());
        assert_eq!(stage.bob.ephemerals().len(), 0);
        Ok(())
    });
}

#[test]
fn whoami_says_name_role_address_and_ids() {
    story(Flows::examples()).run(async |stage| {
        for (person, role) in [
            (&stage.alice, "a *member*"),
            (&stage.erin, "an *admin*"),
            (&stage.gus, "a *guest*"),
        ] {
            person.in_channel("#general").types("/sym whoami").await?;
            let answer = person.expects_ephemeral(role).await?;
            assert!(answer.text().contains(person.id()), "{}", answer.text());
        }
        let answer = stage.alice.ephemerals().pop().unwrap();
        for part in [
            "Alice Adams",
            "alice@acme.example",
            "Workspace",
            "Id in flows",
        ] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
        Ok(())
    });
}

#[test]
fn admins_can_be_named_instead_of_the_owners() {
    story(Flows::examples())
        .with_admins(&["carol@acme.example", "U0BOB0000"])
        .run(async |stage| {
            for (person, role) in [
                (&stage.carol, "an *admin*"),
                (&stage.bob, "an *admin*"),
                (&stage.erin, "a *member*"),
            ] {
                person.in_channel("#general").types("/sym whoami").await?;
                person.expects_ephemeral(role).await?;
            }
            stage
                .alice
                .in_channel("#general")
                .types("/sym support")
                .await?;
            let answer = stage.alice.expects_ephemeral("Please ask").await?;
            assert!(answer.text().contains("@bob"), "{}", answer.text());
            assert!(
                answer.text().contains("carol@acme.example"),
                "{}",
                answer.text()
            );
            Ok(())
        });
}

#[test]
fn support_without_named_admins_points_to_the_owners() {
    story(Flows::examples()).run(async |stage| {
        stage
            .alice
            .in_channel("#general")
            .types("/sym support")
            .await?;
        stage
            .alice
            .expects_ephemeral("usually the owners of this workspace")
            .await?;
        Ok(())
    });
}

#[test]
fn login_without_the_web_app_says_so() {
    story(Flows::examples()).run(async |stage| {
        stage
            .alice
            .in_channel("#general")
            .types("/sym login")
            .await?;
        stage
            .alice
            .expects_ephemeral("The web app is turned off here")
            .await?;
        Ok(())
    });
}

#[test]
fn the_shortcut_opens_the_picker_and_its_requests_have_no_channel() {
    story(Flows::examples()).run(async |stage| {
        let picker = stage.alice.uses_shortcut(SHORTCUT).await?.modal().await?;
        picker
            .pick("What do you need?", "Approval")
            .submit()
            .await?;
        stage
            .alice
            .modal()
            .await?
            .fill(WHY, "deploy")
            .submit()
            .await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.the_run().await;
        assert_eq!((run.source.id, run.source.identifier), (None, None));
        Ok(())
    });
}

#[test]
fn records_name_the_selection_in_the_picker_as_the_parent_of_the_request() {
    story(Flows::examples()).run(async |stage| {
        let picker = stage.picker().await?;
        picker
            .pick("What do you need?", "Approval")
            .submit()
            .await?;
        let form = stage.alice.modal().await?;
        form.fill(WHY, "picked").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let picked = stage.the_run().await;
        stage.alice_asks_for("approval").await?;
        stage.request_in("#sym-requests").await?;

        let srn = |record: &serde_json::Value| record["run"]["srn"].as_str().unwrap().to_owned();
        let (of_picked, of_typed): (Vec<_>, Vec<_>) = stage
            .audited("event")
            .await
            .into_iter()
            .partition(|record| srn(record).ends_with(&picked.id.to_string()));
        let parents: Vec<_> = of_picked
            .iter()
            .map(|record| record["run"]["parent"].as_str().unwrap())
            .collect();
        let parent = format!("symbot:run:flow_selection:1.0.0:{}", picked.parent.unwrap());
        assert_eq!(parents, [parent.as_str(), parent.as_str()]);
        assert_ne!(picked.parent, Some(picked.id));
        assert_eq!(of_typed.len(), 1);
        assert!(of_typed[0]["run"].get("parent").is_none());
        Ok(())
    });
}

#[test]
fn the_home_tab_explains_itself_and_its_button_opens_the_picker() {
    story(Flows::examples()).run(async |stage| {
        let home = stage.alice.opens_home()?;
        home.expects_text("Ask for what you need").await?;
        home.expects_text("/sym help").await?;
        let picker = home.presses("New request").await?.modal().await?;
        assert_eq!(picker.options("What do you need?").await?.len(), 4);
        Ok(())
    });
}

#[test]
fn flows_that_may_not_be_started_from_slack_are_neither_offered_nor_found() {
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    let from = |sources: &str| format!("\n    allowed_sources = {sources}\n{REASON}");
    let main = [
        ENVIRONMENT.to_owned(),
        flow("anywhere", REASON, "impl.py"),
        flow("chat", &from("[\"slack\"]"), "impl.py"),
        flow("both", &from("[\"api\", \"slack\"]"), "impl.py"),
        flow("machine", &from("[\"api\"]"), "impl.py"),
        flow("nowhere", &from("[]"), "impl.py"),
    ]
    .concat();
    story(Flows::of(&[("main.tf", &main), ("impl.py", &python)])).run(async |stage| {
        let general = stage.alice.in_channel("#general");
        let picker = general.types("/sym").await?.modal().await?;
        let mut flows = picker.options("What do you need?").await?;
        flows.sort();
        assert_eq!(flows, ["Anywhere", "Both", "Chat"]);
        picker.close_all()?;
        for name in ["machine", "nowhere"] {
            let picker = stage.form(&stage.alice, "#general", name).await?;
            picker.expects_text("There is no flow called").await?;
            picker.close_all()?;
        }
        Ok(())
    });
}

#[test]
fn one_flow_alone_still_shows_the_picker() {
    let python = asks_in_requests("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false);
    story(Flows::with_code(&python)).run(async |stage| {
        let picker = stage.picker().await?;
        assert_eq!(picker.options("What do you need?").await?, ["Access"]);
        picker.pick("What do you need?", "Access").submit().await?;
        stage
            .alice
            .modal()
            .await?
            .fill(WHY, "deploy")
            .submit()
            .await?;
        stage.request_in("#sym-requests").await?;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}
