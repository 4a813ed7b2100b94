//! Reducers beside those of every request: who people are in other services, and when a request expires; and what code sees of a
//! strategy.

use std::time::Duration;

use symbot::domain::run::Status;

use super::flows::{Flows, IMPORTS, REASON, sends};
use super::harness::{Stage, story};

const TO_TWO: &str = "[Notification(destinations=[slack.channel('#nowhere')]), \
                      Notification(destinations=[slack.channel('#sym-requests')]), \
                      Notification(destinations=[slack.channel('#general')])]";

fn with_timeout(notifications: &str, result: &str) -> Flows {
    Flows::with_code(&format!(
        "import datetime\n{}\n\n@reducer\ndef get_timeout(event):\n    return {result}\n",
        sends(notifications)
    ))
}

#[test]
fn a_request_expires_when_get_timeout_says_so() {
    story(with_timeout(TO_TWO, "datetime.timedelta(hours=1)")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.clock.advance(Duration::from_secs(3599));
        stage.bob.presses(&request, "Deny").await?;
        request.expects_text("*Denied*").await?;

        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.until_sent(1).await;
        stage.clock.advance(Duration::from_secs(3601));
        request
            .expects_text("*Expired*: nobody acted in time")
            .await?;
        stage.until_status(Status::Expired).await;
        stage
            .alice
            .dm_with_bot()
            .expects_text("has expired: nobody acted on it in time")
            .await?;
        // What comes after the notification in use is for failures only.
        assert_eq!(stage.slack.channel("#general").message_count(), 0);
        Ok(())
    });
}

#[test]
fn a_notifications_own_time_comes_before_get_timeout() {
    let two = "[Notification(destinations=[slack.channel('#sym-requests')], timeout=15), \
               Notification(destinations=[slack.channel('#general')])]";
    story(with_timeout(two, "60")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        stage.clock.advance(Duration::from_secs(16));
        let second = stage.request_in("#general").await?;
        stage.until_sent(1).await;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        stage.clock.advance(Duration::from_secs(61));
        second.expects_text("*Expired*").await?;
        Ok(())
    });
}

#[test]
fn a_request_that_reaches_nobody_expires_when_get_timeout_says_so_and_its_requester_knows_throughout()
 {
    for (notifications, told, reports) in [
        ("[]", "is open. Its flow tells nobody about requests", 0),
        (
            "[Notification(destinations=[slack.channel('#nowhere')])]",
            "is open, but nobody could be told about it in Slack",
            1,
        ),
    ] {
        story(with_timeout(notifications, "60"))
            .with_web()
            .run(async |stage| {
                stage.alice_asks_for("access").await?;
                let mut alice = stage.alice.dm_with_bot();
                let message = alice.expects_text(told).await?;
                message
                    .expects_text("It can be decided in the web app")
                    .await?;
                stage.clock.advance(Duration::from_secs(59));
                assert_eq!(stage.the_run().await.status, Status::Requested);
                stage.clock.advance(Duration::from_secs(2));
                stage.until_status(Status::Expired).await;
                alice
                    .expects_text("has expired: nobody acted on it in time")
                    .await?;
                let errors = stage.slack.channel("#sym-errors");
                assert_eq!(errors.message_count(), reports);
                Ok(())
            });
    }
}

#[test]
fn a_flow_that_tells_nobody_where_there_is_no_web_app_is_told_to_its_requester_and_in_the_log() {
    story(Flows::with_code(&sends("[]"))).run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("without its web app, nobody can decide")
            .await?;
        stage.expects_logged(&["WARN", "nobody can decide a request"]);
        // It is open until somebody puts that right.
        stage.clock.advance(Duration::from_secs(90 * 24 * 60 * 60));
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}

#[test]
fn a_timeout_that_is_no_time_fails_the_request_with_a_code() {
    story(with_timeout(TO_TWO, "'soon'")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        stage.until_status(Status::Errored).await;
        let run = stage.the_run().await;
        let error = run.error.unwrap();
        assert!(
            error
                .message
                .contains("get_timeout: returned the text \"soon\", expected seconds"),
            "{}",
            error.message
        );
        stage
            .slack
            .channel("#sym-errors")
            .expects_text(&error.code)
            .await?;
        Ok(())
    });
}

fn does(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "{IMPORTS}
@reducer
def get_identity(event, service_type, external_id, user):
    print('asked', service_type, external_id, user.email)
    return '00u-' + user.email.split('@')[0]

@reducer
def get_permissions(event):
{body}    return RequestPermission(webapp_view='admin', approve_deny='member')

@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel('#sym-requests')])]
"
    )
}

async fn asks(stage: &Stage) -> Result<String, Box<dyn std::error::Error>> {
    let form = stage.form(&stage.alice, "#general", "access").await?;
    form.pick("Target", "Administrators")
        .pick("Duration", "1 hour")
        .fill(super::harness::WHY, "deploy")
        .submit()
        .await?;
    let request = stage.request_in("#sym-requests").await?;
    let run = stage.the_run().await;
    let printed = stage.printed(&run).await;
    stage.bob.presses(&request, "Deny").await?;
    request.expects_text("*Denied*").await?;
    Ok(printed)
}

#[test]
fn an_identity_is_asked_of_the_flow_once_and_is_there_for_later_requests() {
    let body = "for user in (event.user, event.user):\n    print(user.identity('okta').user_id, user.identity('okta').service_id)";
    let flows = Flows::for_access(REASON, &does(body));
    story(flows).run(async |stage| {
        let line = "00u-alice acme.okta.com";
        let first = asks(stage).await?;
        assert_eq!(
            first.lines().collect::<Vec<_>>(),
            ["asked okta acme.okta.com alice@acme.example", line, line]
        );
        let second = asks_again(stage).await?;
        assert_eq!(second.lines().collect::<Vec<_>>(), [line, line]);
        Ok(())
    });
}

async fn asks_again(stage: &Stage) -> Result<String, Box<dyn std::error::Error>> {
    let form = stage.form(&stage.alice, "#general", "access").await?;
    form.pick("Target", "Administrators")
        .pick("Duration", "1 hour")
        .fill(super::harness::WHY, "again")
        .submit()
        .await?;
    stage
        .request_in("#sym-requests")
        .await?
        .expects_text("again")
        .await?;
    Ok(stage.printed(&stage.runs().await[0]).await)
}

#[test]
fn code_sees_the_strategy_of_its_flow_with_all_targets() {
    let body = "one = event.flow.strategy
print(one.type, one.name, one.settings['mode'], one.integration.external_id)
print([(t.name, t.label, t.type, t.settings) for t in one.targets])
print(event.payload.fields['target'] in one.targets, event.payload.fields['target_id'] == one.targets[0].id)";
    let flows = Flows::for_access(REASON, &does(body));
    story(flows).run(async |stage| {
        assert_eq!(
            asks(stage).await?.lines().collect::<Vec<_>>(),
            [
                "okta okta-admins fast acme.okta.com",
                "[('admins', 'Administrators', 'okta_group', {'group_id': '00g1'}), ('readers', 'Readers', 'okta_group', {'group_id': '00g2'})]",
                "True True",
            ]
        );
        Ok(())
    });
}
