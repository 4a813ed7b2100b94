//! What is kept of handler calls, and how it is told: `symbot explain` and `symbot replay`.

use slack_sim::Fault;
use symbot::cli::explain::{explain, replay, sources_of};
use symbot::domain::run::{RunId, Status};
use symbot::policy::recording::RecordedOutcome;

use super::flows::{ENVIRONMENT, Flows, flow, sends};
use super::harness::{WHY, pool, story};

/// Routes to a channel that is not there, then to one that is; prints.
fn chatty() -> Flows {
    let python = sends(
        "[Notification(destinations=[slack.channel('#nowhere')], timeout=15), Notification(destinations=[slack.channel('#sym-requests')], timeout=15)]",
    );
    Flows::with_code(&python.replace(
        "def get_permissions(event):\n",
        "def get_permissions(event):\n    print('asked by', event.user.email, user(email='bob@acme.example').name)\n",
    ))
}

#[test]
fn the_story_of_a_request_is_told() {
    story(chatty()).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let run = stage.until_status(Status::Approved).await;
        let story = stage.explained(&run).await;
        assert_eq!(story.calls.len(), 1);
        assert_eq!(sources_of(&story).len(), 1);
        let told = story.tell();
        for part in [
            &format!("Request {}", run.id),
            "asked for by Alice Adams <alice@acme.example> (U0ALICE00) in #general",
            "approved by Bob Brown <bob@acme.example> (U0BOB0000) in Slack",
            "reason = \"deploy\"",
            "seen by admins; decided by members; requesters may not approve their own",
            "handlers  get_permissions, get_request_notifications for request, in impl.py",
            "asked users.by_email {\"email\":\"bob@acme.example\"",
            "get_permissions returned RequestPermission(webapp_view={\"level\":\"admin\"}",
            "get_request_notifications returned [Notification(channel_name #nowhere, timeout=15), Notification(channel_name #sym-requests, timeout=15)]",
            "printed: asked by alice@acme.example Bob Brown",
            "channel #nowhere: failed: channel_not_found",
            "channel #sym-requests: sent as message ",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        Ok(())
    });
}

#[test]
fn a_failure_is_told_with_its_place_and_what_was_printed() {
    let python = sends("[]").replace(
        "def get_permissions(event):\n",
        "def get_permissions(event):\n    print('before')\n    {}['prod']\n",
    );
    story(Flows::with_code(&python)).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let run = stage.until_status(Status::Errored).await;
        let code = run.error.as_ref().unwrap().code.clone();
        let told = stage.explained(&run).await.tell();
        for part in [
            &format!("errored, code {code}: impl.py:10: get_permissions: KeyError: 'prod'"),
            "failed: impl.py:10: get_permissions: KeyError: 'prod'",
            "{}['prod']",
            "printed: before",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        Ok(())
    });
}

#[test]
fn a_call_that_is_stopped_is_kept_too() {
    let python = sends("[]").replace(
        "def get_permissions(event):\n",
        "def get_permissions(event):\n    while True:\n        pass\n",
    );
    story(Flows::with_code(&python))
        .handler_timeout(std::time::Duration::from_secs(1))
        .run(async |stage| {
            stage.alice_asks_for("access").await?;
            let run = stage.until_status(Status::Errored).await;
            let story = stage.explained(&run).await;
            assert_eq!(story.calls.len(), 1);
            assert!(matches!(
                story.calls[0].call.outcome,
                RecordedOutcome::Failure(_)
            ));
            assert!(story.tell().contains("did not finish within 1 s"));
            Ok(())
        });
}

#[test]
fn what_was_given_up_is_told() {
    story(Flows::with_code(&sends(
        "[Notification(destinations=[slack.channel('#sym-requests')])]",
    )))
    .run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.slack.deactivates("alice");
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let run = stage.until_status(Status::Approved).await;
        stage
            .until("it to be given up", async || {
                !stage.explained(&run).await.given_up.is_empty()
            })
            .await;
        let told = stage.explained(&run).await.tell();
        assert!(told.contains("Given up\n"), "{told}");
        assert!(told.contains("the requester could not be told: "), "{told}");
        assert!(told.contains("user_disabled"), "{told}");
        let mut errors = stage.slack.channel("#sym-errors");
        let report = errors
            .expects_text("the requester could not be told: ")
            .await?;
        report.expects_text("user_disabled").await?;
        report.expects_text("*Requester:* @alice").await?;

        // A message that is gone can no longer be brought up to date.
        let form = stage.form(&stage.carol, "#general", "access").await?;
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        stage
            .slack
            .faults()
            .next("chat.update", Fault::Error("message_not_found".to_owned()));
        stage.bob.presses(&request, "Approve").await?;
        errors
            .expects_text("a request message could not be updated: ")
            .await?
            .expects_text("message_not_found")
            .await?;
        Ok(())
    });
}

#[test]
fn a_stopped_bot_is_explained_from_its_directory_and_its_calls_repeat() {
    let data = tempfile::tempdir().unwrap();
    let mut run = RunId::nil();
    story(chatty()).run_on(data.path(), async |stage| {
        stage.alice_asks_for("access").await?;
        stage.request_in("#sym-requests").await?;
        run = stage.the_run().await.id;
        Ok(())
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let told = explain(data.path(), run, false).await.unwrap();
        assert!(
            told.contains("printed: asked by alice@acme.example"),
            "{told}"
        );
        let json: serde_json::Value =
            serde_json::from_str(&explain(data.path(), run, true).await.unwrap()).unwrap();
        assert_eq!(json["run"]["id"], run.to_string());
        let pool = pool();
        let (report, same) = replay(data.path(), run, &pool).await.unwrap();
        assert!(same, "{report}");
        assert_eq!(
            report,
            "call 0 (get_permissions, get_request_notifications for request): the same\n"
        );
        let unknown = RunId::from_u128(1);
        let complaint = explain(data.path(), unknown, false).await.unwrap_err();
        assert_eq!(complaint.message, format!("there is no request {unknown}"));
        let empty = tempfile::tempdir().unwrap();
        let complaint = explain(empty.path(), run, false).await.unwrap_err();
        assert!(
            complaint.message.contains("holds no requests"),
            "{complaint:?}"
        );
        assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
        pool.shutdown().await;
    });
}

/// A flow whose handlers are called at every point there is, each of which asks the bot something.
fn every_handler() -> Flows {
    let field = |name: &str, more: &str| {
        format!(
            "\nprompt_field {{\n  name = \"{name}\"\n  label = \"{name}\"\n  type = \"string\"\n  {more}\n}}\n"
        )
    };
    let params = [
        field("region", "prefetch = true"),
        field(
            "kind",
            "on_change = file(\"${path.module}/kind.py\")\n  allowed_values = [\"a\", \"b\"]",
        ),
    ]
    .concat();
    let main = format!("{ENVIRONMENT}{}", flow("access", &params, "impl.py"));
    let asks = "    print('asked', user(email='bob@acme.example').name)\n";
    let on_change = format!(
        "from sym.sdk.integrations.sym import get_or_create_user_by_email as user\n\ndef on_change_kind(username, form):\n{asks}    return form\n"
    );
    let mut python = sends(
        "[Notification(destinations=[slack.channel('#sym-access')], timeout=15), Notification(destinations=[slack.channel('#sym-requests')])]",
    )
    .replace(
        "def get_permissions(event):\n",
        &format!("def get_permissions(event):\n{asks}"),
    );
    python.push_str(
        "\nfrom sym.sdk.annotations import hook, prefetch\nfrom sym.sdk.field_option import FieldOption\n",
    );
    for hook in HOOKS {
        python.push_str(&format!("\n@hook\ndef {hook}(event):\n{asks}"));
    }
    python.push_str(&format!(
        "\n@prefetch('region')\ndef regions(event):\n{asks}    return [FieldOption(value='eu', label='Europe')]\n"
    ));
    Flows::of(&[
        ("main.tf", &main),
        ("impl.py", &python),
        ("kind.py", &on_change),
    ])
}

const HOOKS: [&str; 8] = [
    "on_prompt",
    "after_prompt",
    "on_request",
    "after_request",
    "on_request_forward",
    "after_request_forward",
    "on_approve",
    "after_approve",
];

#[test]
fn every_call_of_a_request_is_kept_those_of_its_form_and_hooks_included() {
    story(every_handler()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.pick("region", "Europe").apply().await?;
        form.pick("kind", "b").apply().await?;
        form.submit().await?;
        stage.request_in("#sym-access").await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        let request = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        let run = stage.until_status(Status::Approved).await;
        let mut expected: Vec<&str> = HOOKS.to_vec();
        expected.extend([
            "prefetch:region",
            "on_change_kind",
            "get_permissions",
            "get_request_notifications",
        ]);
        expected.sort_unstable();
        let called = async || {
            let story = stage.explained(&run).await;
            let calls = story.calls.iter();
            let mut names: Vec<String> =
                calls.flat_map(|kept| kept.call.handlers.clone()).collect();
            names.sort_unstable();
            names
        };
        // Those after the decision are on their way.
        stage
            .until("all handlers to be kept", async || {
                called().await.len() >= expected.len()
            })
            .await;
        assert_eq!(called().await, expected);
        let story = stage.explained(&run).await;
        for kept in &story.calls {
            assert!(!kept.call.host_calls.is_empty(), "{:?}", kept.call.handlers);
        }
        assert_eq!(sources_of(&story).len(), 2);
        Ok(())
    });
}
