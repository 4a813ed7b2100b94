//! What is kept of handler calls, and how it is told: `symbot explain` and `symbot replay`.

use symbot::cli::explain::{explain, replay, sources_of};
use symbot::domain::run::{RunId, Status};
use symbot::policy::recording::RecordedOutcome;

use super::flows::{Flows, sends};
use super::harness::{pool, story};

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
        let id = run.to_string();
        let told = explain(data.path(), &id, false).await.unwrap();
        assert!(
            told.contains("printed: asked by alice@acme.example"),
            "{told}"
        );
        let json: serde_json::Value =
            serde_json::from_str(&explain(data.path(), &id, true).await.unwrap()).unwrap();
        assert_eq!(json["run"]["id"], id);
        let pool = pool();
        let (report, same) = replay(data.path(), &id, &pool).await.unwrap();
        assert!(same, "{report}");
        assert_eq!(
            report,
            "call 0 (get_permissions, get_request_notifications for request): the same\n"
        );
        let unknown = RunId::from_u128(1).to_string();
        let complaint = explain(data.path(), &unknown, false).await.unwrap_err();
        assert_eq!(complaint.message, format!("there is no request {unknown}"));
        let complaint = explain(data.path(), "request-7", false).await.unwrap_err();
        assert!(complaint.message.contains("is not the id of a request"));
        let empty = tempfile::tempdir().unwrap();
        let complaint = explain(empty.path(), &id, false).await.unwrap_err();
        assert!(
            complaint.message.contains("holds no requests"),
            "{complaint:?}"
        );
        assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
        pool.shutdown().await;
    });
}
