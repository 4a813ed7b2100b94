//! An `impl.py` that fails: the person hears of it with a code, the administrators with its place, and the next request works.

use std::time::{Duration, Instant};

use symbot::domain::run::Status;

use super::flows::{ENVIRONMENT, Flows, IMPORTS, REASON, flow, sends};
use super::harness::{Stage, Told, WHY, story};

/// A flow whose handlers do this when the reason is "fail", and are fine otherwise.
fn fails_in(handler: &str, body: &str) -> Flows {
    let body: String = body
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    let (permissions, notifications) = match handler {
        "get_permissions" => (body, String::new()),
        _ => (String::new(), body),
    };
    let guard = |body: &str| match body {
        "" => String::new(),
        body => format!("    if event.payload.fields['reason'] == 'fail':\n{body}"),
    };
    let python = format!(
        "{IMPORTS}
@reducer
def get_permissions(event):
{}    return RequestPermission(webapp_view=PermissionLevel.ADMIN, approve_deny=PermissionLevel.MEMBER)

@reducer
def get_request_notifications(event):
{}    return [Notification(destinations=[slack.channel('#sym-requests')])]
",
        guard(&permissions),
        guard(&notifications)
    );
    Flows::with_code(&python)
}

/// Alice's request fails with a code that she, the error logger and the log name; the next one works.
async fn failure_is_told(stage: &Stage, area: &str, logged: &[&str], reported: &str) -> Told {
    let form = stage.form(&stage.alice, "#general", "access").await?;
    form.fill(WHY, "fail").submit().await?;
    let told = stage
        .alice
        .dm_with_bot()
        .expects_text("Your request *Access* could not be submitted (code ")
        .await?;
    let text = told.text();
    let code = text
        .split("(code ")
        .nth(1)
        .unwrap()
        .split(')')
        .next()
        .unwrap()
        .to_owned();
    assert!(code.starts_with(area), "{code}");
    assert!(
        !text.contains("Traceback") && !text.contains("impl.py"),
        "{text}"
    );
    let report = stage
        .slack
        .channel("#sym-errors")
        .expects_text(&code)
        .await?;
    report.expects_text("*Flow:* Access").await?;
    report.expects_text(reported).await?;
    let mut parts = vec!["ERROR", code.as_str()];
    parts.extend(logged);
    stage.expects_logged(&parts);
    let run = stage.the_run().await;
    assert_eq!(run.status, Status::Errored);
    assert_eq!(run.error.unwrap().code, code);
    assert_eq!(stage.slack.channel("#sym-requests").message_count(), 0);

    stage.alice_asks_for("access").await?;
    let request = stage.request_in("#sym-requests").await?;
    stage.bob.presses(&request, "Approve").await?;
    request.expects_text("*Approved* by @bob").await?;
    stage
        .alice
        .dm_with_bot()
        .expects_text("was approved by @bob")
        .await?;
    Ok(())
}

#[test]
fn get_permissions_raises() {
    story(fails_in("get_permissions", "limits = {}\nlimits['prod']")).run(async |stage| {
        let logged = ["file=impl.py", "line=10", "exception=KeyError"];
        failure_is_told(stage, "IMPL-", &logged, "KeyError: 'prod'").await
    });
}

#[test]
fn the_error_logger_is_told_the_place_the_traceback_and_what_to_do() {
    story(fails_in("get_permissions", "limits = {}\nlimits['prod']")).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "fail").submit().await?;
        let report = stage
            .slack
            .channel("#sym-errors")
            .expects_text("KeyError: 'prod'")
            .await?;
        for part in [
            "*Place:* impl.py:10",
            "Traceback",
            "limits['prod']",
            "*Hint:* symbot explain",
        ] {
            assert!(report.text().contains(part), "{part}: {}", report.text());
        }
        Ok(())
    });
}

#[test]
fn get_request_notifications_raises() {
    let body = "raise ValueError('nobody <!channel> is on call')";
    story(fails_in("get_request_notifications", body)).run(async |stage| {
        let logged = ["file=impl.py", "line=13", "exception=ValueError"];
        failure_is_told(
            stage,
            "IMPL-",
            &logged,
            "ValueError: nobody <!channel> is on call",
        )
        .await
    });
}

#[test]
fn get_permissions_returns_the_wrong_type() {
    story(fails_in("get_permissions", "return 'everybody'")).run(async |stage| {
        let logged = ["file=impl.py", "exception=TypeError", "get_permissions"];
        failure_is_told(stage, "IMPL-", &logged, "expected a RequestPermission").await
    });
}

#[test]
fn get_permissions_returns_nothing() {
    story(fails_in("get_permissions", "return None")).run(async |stage| {
        failure_is_told(stage, "IMPL-", &["file=impl.py"], "returned None").await
    });
}

#[test]
fn get_request_notifications_returns_the_wrong_type() {
    story(fails_in(
        "get_request_notifications",
        "return ['#sym-requests']",
    ))
    .run(async |stage| {
        let logged = ["file=impl.py", "get_request_notifications"];
        failure_is_told(stage, "IMPL-", &logged, "get_request_notifications").await
    });
}

#[test]
fn an_endless_loop_is_ended() {
    story(fails_in("get_permissions", "while True:\n    pass"))
        .handler_timeout(Duration::from_secs(2))
        .run(async |stage| {
            failure_is_told(
                stage,
                "TIMEOUT-",
                &["did not finish", "file=impl.py", "line="],
                "get_permissions: did not finish within 2 s",
            )
            .await
        });
}

#[test]
#[allow(clippy::disallowed_methods)] // measures
fn a_flow_whose_handlers_never_end_does_not_keep_another_flow_waiting() {
    let endless = format!(
        "{IMPORTS}
@reducer
def get_permissions(event):
    while True:
        pass
"
    );
    let main = format!(
        "{ENVIRONMENT}{}{}",
        flow("endless", REASON, "endless.py"),
        flow("access", REASON, "impl.py")
    );
    let fine = sends("[Notification(destinations=[slack.channel('#sym-requests')])]");
    story(Flows::of(&[
        ("main.tf", &main),
        ("endless.py", &endless),
        ("impl.py", &fine),
    ]))
    .workers(2)
    .handler_timeout(Duration::from_secs(8))
    .run(async |stage| {
        for _ in 0..8 {
            stage.alice_asks_for("endless").await?;
        }
        for _ in 0..3 {
            let began = Instant::now();
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-requests").await?;
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(2), "it waited {waited:?}");
        }
        Ok(())
    });
}

#[test]
fn a_handler_that_eats_memory_is_stopped() {
    let body = "hoard = []\nwhile True:\n    hoard.append('x' * 50_000_000)";
    story(fails_in("get_permissions", body)).run(async |stage| {
        failure_is_told(stage, "", &["get_permissions"], "get_permissions").await
    });
}

#[test]
fn a_deep_recursion_is_stopped() {
    let body = "def deeper(n):\n    return deeper(n + 1) + 1\ndeeper(0)";
    story(fails_in("get_permissions", body)).run(async |stage| {
        failure_is_told(stage, "", &["get_permissions"], "get_permissions").await
    });
}

#[test]
fn code_that_raises_when_it_is_loaded_keeps_the_bot_from_starting_and_names_its_line() {
    let python = format!("{IMPORTS}\nTEAMS = {{}}\nTEAMS['prod']\n");
    story(Flows::with_code(&python)).does_not_start(&["impl.py:7:", "KeyError"]);
}

#[test]
fn an_error_logger_can_be_given_by_the_id_of_its_channel() {
    let python = format!(
        "{IMPORTS}
@reducer
def get_permissions(event):
    raise RuntimeError('no')
"
    );
    let environment = ENVIRONMENT.replace("\"#sym-errors\"", "\"C0SYMERRORS\"");
    assert_ne!(environment, ENVIRONMENT);
    let main = format!("{environment}{}", flow("access", REASON, "impl.py"));
    story(Flows::of(&[("main.tf", &main), ("impl.py", &python)])).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let mut errors = stage.slack.channel("#sym-errors");
        errors.expects_text("RuntimeError").await?;
        Ok(())
    });
}

#[test]
fn without_an_error_logger_the_person_and_the_log_still_have_the_code() {
    let python = format!(
        "{IMPORTS}
@reducer
def get_permissions(event):
    raise RuntimeError('no')
"
    );
    let environment = "resource \"sym_environment\" \"this\" {\n  name = \"main\"\n}\n";
    assert!(ENVIRONMENT.contains("error_logger_id"));
    let main = format!("{environment}{}", flow("access", REASON, "impl.py"));
    story(Flows::of(&[("main.tf", &main), ("impl.py", &python)])).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let told = stage
            .alice
            .dm_with_bot()
            .expects_text("could not be submitted (code IMPL-")
            .await?;
        let code = told.text().split("(code ").nth(1).unwrap()[..11].to_owned();
        stage.expects_logged(&[&code, "exception=RuntimeError"]);
        assert_eq!(stage.slack.channel("#sym-errors").message_count(), 0);
        Ok(())
    });
}

#[test]
fn a_failed_request_is_seen_by_its_requester_and_admins_and_can_not_be_decided() {
    story(fails_in("get_permissions", "raise RuntimeError('no')"))
        .with_web()
        .run(async |stage| {
            let form = stage.form(&stage.alice, "#general", "access").await?;
            form.fill(WHY, "fail").submit().await?;
            let run = stage.until_status(Status::Errored).await;
            let path = format!("/requests/{}", run.id);
            let code = run.error.unwrap().code;
            let mut alice = super::web::signed_in(stage, &stage.alice).await?;
            alice
                .get(&path)
                .await
                .is(200)
                .shows(&code)
                .lacks("RuntimeError");
            let mut erin = super::web::signed_in(stage, &stage.erin).await?;
            let page = erin.get(&path).await;
            page.is(200).shows(&code).shows("RuntimeError");
            assert!(!page.has_button("approve") && !page.has_button("deny"));
            let mut bob = super::web::signed_in(stage, &stage.bob).await?;
            bob.get(&path).await.is(404);
            Ok(())
        });
}
