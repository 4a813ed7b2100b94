//! What an `impl.py` can ask the bot for while a request is handled: people, channels, messages, identities, counts, the
//! key-value store, and the network as far as the operator allows it.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use slack_sim::{ChannelSetup, PersonSetup};
use symbot::domain::run::{Run, Status};

use super::flows::{ENVIRONMENT, Flows, IMPORTS, REASON, flow};
use super::harness::{Stage, Story, WHY, story};

/// An `impl.py` whose `get_permissions` does this first, and which sends requests to #sym-requests.
fn does(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "{IMPORTS}from sym.sdk.exceptions import SlackError, SymException, SymIntegrationError
from sym.sdk.integrations import store, sym
import datetime, json, requests

@reducer
def get_permissions(event):
{body}    return RequestPermission(webapp_view='admin', approve_deny='member')

@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel('#sym-requests')])]
"
    )
}

/// Alice asks, and the code is done.
async fn alice_asks(stage: &Stage) -> Run {
    let before = stage.runs().await.len();
    stage.alice_asks_for("access").await.unwrap();
    stage
        .until("the handlers to be done", async || {
            let runs = stage.runs().await;
            runs.len() > before
                && (runs[0].permissions.is_some() || runs[0].status == Status::Errored)
        })
        .await;
    stage.runs().await.remove(0)
}

/// What this prints in `get_permissions`, line by line.
fn prints(play: Story, expected: &[&str]) {
    play.run(async |stage| {
        let run = alice_asks(stage).await;
        let printed = stage.printed(&run).await;
        let told = stage.explained(&run).await.tell();
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{told}");
        assert_eq!(run.status, Status::Requested, "{told}");
        Ok(())
    });
}

fn code(body: &str) -> Story {
    code_with(&does(body))
}

fn code_with(python: &str) -> Story {
    story(Flows::with_code(python))
}

#[test]
fn slacks_user_object() {
    let body = "info = slack.get_user_info(event.user)
print(info['real_name'], info['profile']['email'], info['id'] == event.user.slack_id)
for who in ('nobody@acme.example', 'U0NOBODY00'):
    try:
        slack.get_user_info(who)
    except SlackError as error:
        print(error.error_code)";
    prints(
        code(body),
        &[
            "Alice Adams alice@acme.example True",
            "Slack:USER_NOT_FOUND",
            "Slack:USER_NOT_FOUND",
        ],
    );
}

#[test]
fn all_users_with_and_without_those_who_are_gone() {
    let body = "def names(**kwargs):
    return sorted(user['name'] for user in slack.list_users(**kwargs) if not user.get('is_bot') and user['id'] != 'USLACKBOT')
print(names())
print(sorted(set(names(active_only=False)) - set(names())))";
    let play = code(body).workspace(|setup| setup.person(PersonSetup::member("zoe").deactivated()));
    prints(
        play,
        &[
            "['alice', 'bob', 'carol', 'dave', 'erin', 'gus']",
            "['zoe']",
        ],
    );
}

#[test]
fn members_of_a_user_group() {
    let body = "print(slack.is_user_in_group(slack_user('bob'), group_id='S0ONCALL0'))
print(slack.is_user_in_group(event.user, group_id='S0ONCALL0'))
try:
    slack.is_user_in_group(event.user, group_id='S0NOSUCH')
except SlackError as error:
    print(error.error_code)"
        .replace(
            "slack_user('bob')",
            "sym.get_or_create_user_by_email('bob@acme.example')",
        );
    prints(code(&body), &["True", "False", "Slack:GROUP_NOT_FOUND"]);
}

#[test]
fn a_scope_that_is_missing_is_named_with_what_to_do() {
    let body = "try:
    slack.is_user_in_group(event.user, group_id='S1')
except SlackError as error:
    print(error.error_code, 'manifest' in str(error))";
    code(body)
        .workspace(|setup| setup.without_scope("usergroups:read"))
        .run(async |stage| {
            let run = alice_asks(stage).await;
            assert_eq!(stage.printed(&run).await, "Slack:MISSING_SCOPE True\n");
            stage.slack.forgive(|_| true);
            Ok(())
        });
}

#[test]
fn people_in_a_channel() {
    let body = "def names(channel):
    return sorted(user.email.split('@')[0] for user in slack.users_in_channel(channel))
print(names('#ops-private'))
print(names(slack.channel('#sym-requests')))
print(slack.users_in_channel('#empty'))
print(names(slack.user(event.user)), slack.users_in_channel('#ops-private')[0].role.value)
for channel in ('#nowhere', '#secret-plans', 'C0NOWHERE'):
    try:
        slack.users_in_channel(channel)
    except SlackError as error:
        print(error.error_code)";
    let play =
        code(body).workspace(|setup| setup.channel(ChannelSetup::public("empty").members(&[])));
    prints(
        play,
        &[
            "['alice', 'bob', 'carol', 'erin']",
            "['alice', 'bob', 'carol', 'dave', 'erin']",
            "[]",
            "['alice'] member",
            "Slack:CHANNEL_NOT_FOUND",
            "Slack:CHANNEL_NOT_FOUND",
            "Slack:CHANNEL_NOT_FOUND",
        ],
    );
}

#[test]
fn look_ups_are_not_repeated_for_each_request() {
    let body = "slack.users_in_channel('#sym-requests')
slack.is_user_in_group(event.user, group_id='S0ONCALL0')
slack.get_user_info(event.user)
slack.list_users()";
    code(body).run(async |stage| {
        for _ in 0..3 {
            stage.alice_asks_for("access").await?;
            stage.request_in("#sym-requests").await?;
        }
        for method in [
            "conversations.members",
            "usergroups.users.list",
            "users.list",
        ] {
            assert_eq!(stage.slack.calls(method).len(), 1, "{method}");
        }
        Ok(())
    });
}

#[test]
fn a_message_is_sent_and_one_that_cannot_be_is_an_exception() {
    let body = "slack.send_message(slack.channel('#sym-access'), 'hello *there*')
slack.send_message(event.user, 'hello alice')
try:
    slack.send_message(slack.channel('#nowhere'), 'lost')
except SlackError as error:
    print(error.error_code)
try:
    slack.send_thread_message('nothing to reply to')
except SlackError as error:
    print(error.error_code)";
    code(body).run(async |stage| {
        let run = alice_asks(stage).await;
        stage
            .slack
            .channel("#sym-access")
            .expects_text("hello *there*")
            .await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("hello alice")
            .await?;
        // The handlers have ended, and what they printed is stored.
        stage.request_in("#sym-requests").await?;
        assert_eq!(
            stage.printed(&run).await,
            "Slack:CHANNEL_NOT_FOUND\nSlack:MESSAGE_NOT_SENT\n"
        );
        Ok(())
    });
}

#[test]
fn a_reply_goes_to_the_thread_of_the_newest_request_message() {
    let python = format!(
        "{}from sym.sdk.annotations import hook

@hook
def after_approve(event):
    slack.send_thread_message('granted by ' + event.user.email)
",
        does("pass").replace(
            "slack.channel('#sym-requests')]",
            "slack.channel('#sym-access')], timeout=15), Notification(destinations=[slack.channel('#sym-requests')]",
        )
    );
    story(Flows::with_code(&python)).run(async |stage| {
        alice_asks(stage).await;
        let first = stage.request_in("#sym-access").await?;
        stage.until_sent(0).await;
        stage.fifteen_seconds_pass();
        let second = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&second, "Approve").await?;
        second.expects_text("*Approved* by @bob").await?;
        stage
            .until("the reply", async || !second.replies().is_empty())
            .await;
        assert_eq!(second.replies(), ["granted by bob@acme.example"]);
        assert_eq!(first.replies(), [""; 0]);
        Ok(())
    });
}

#[test]
fn users_by_their_addresses() {
    let body = "print(sym.get_or_create_user_by_email('bob@acme.example').first_name is not None)
new = sym.get_or_create_user_by_email('new@elsewhere.example')
print(new.email, new.role.value, new == sym.get_or_create_user_by_email('NEW@elsewhere.example'.lower()))
print([user.email for user in sym.get_or_create_users_by_emails(['bob@acme.example', 'not an address'])])
for emails, strict in ((['not an address'], True), ('bob@acme.example', False)):
    try:
        sym.get_or_create_users_by_emails(emails, raise_on_error=strict)
    except SymIntegrationError as error:
        print(error.error_code)";
    code(body).run(async |stage| {
        let run = alice_asks(stage).await;
        let printed = stage.printed(&run).await;
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[1], "new@elsewhere.example guest True");
        assert!(
            lines[2].starts_with("get_or_create_users_by_emails: 'not an address'"),
            "{printed}"
        );
        assert_eq!(lines[3], "['bob@acme.example']");
        assert_eq!(lines[4..], ["SymIntegration:USER_PROCESSING_ERROR"; 2]);
        Ok(())
    });
}

#[test]
fn an_identity_that_was_kept_is_there_at_the_next_request() {
    let body = "print(event.user.identity('okta'), event.user.identity('slack').user_id == event.user.slack_id)
known = event.user.identity('okta', 'acme.okta.com')
number = int(known.user_id) + 1 if known else 1
kept = persist_user_identity(email=event.user.email, service='okta', service_id='acme.okta.com', user_id=str(number))
print(kept.user_id)
persist_user_identity(email='new@elsewhere.example', service='okta', service_id='acme.okta.com', user_id='n')
print(sym.get_or_create_user_by_email('new@elsewhere.example').identity('okta'))
from sym.sdk.exceptions import CouldNotSaveError
try:
    persist_user_identity(email='nobody', service='okta', service_id='x', user_id='y')
except CouldNotSaveError as error:
    print(error.error_code)";
    code(body).run(async |stage| {
        let first = alice_asks(stage).await;
        assert_eq!(
            stage.printed(&first).await,
            "None True\n1\nIdentity(okta: n)\nIdentity:COULD_NOT_SAVE\n"
        );
        let second = alice_asks(stage).await;
        assert_eq!(
            stage.printed(&second).await,
            "Identity(okta: 1) True\n2\nIdentity(okta: n)\nIdentity:COULD_NOT_SAVE\n"
        );
        Ok(())
    });
}

#[test]
fn events_are_counted_with_all_filters() {
    let body = "count = event.user.get_event_count
now = datetime.datetime.now(datetime.timezone.utc)
hour = datetime.timedelta(hours=1)
print(count('request'), count('approve'), count('deny'), count('request', filter_on='target'))
print(count('request', since=now - hour, until=now + hour), count('request', since=now + hour), count('request', until=now - hour))
print(count('approve', since=event.payload.timestamp))
if event.payload.fields['reason'] == 'fail':
    raise RuntimeError('no')
print(count('request', include_errored=True))";
    let main = format!(
        "{ENVIRONMENT}{}{}",
        flow("access", REASON, "impl.py"),
        flow("other", REASON, "impl.py")
    );
    let python = does(body);
    story(Flows::of(&[("main.tf", &main), ("impl.py", &python)])).run(async |stage| {
        let first = alice_asks(stage).await;
        assert_eq!(stage.printed(&first).await, "1 0 0 0\n1 0 0\n0\n1\n");
        let message = stage.request_in("#sym-requests").await?;
        stage.bob.presses(&message, "Approve").await?;
        message.expects_text("*Approved* by @bob").await?;

        // Another flow's and another person's requests are not counted.
        stage.alice_asks_for("other").await?;
        let message = stage.request_in("#sym-requests").await?;
        let form = stage.form(&stage.carol, "#general", "access").await?;
        form.fill(WHY, "x").submit().await?;
        stage.request_in("#sym-requests").await?;
        stage.bob.presses(&message, "Deny").await?;
        message.expects_text("*Denied* by @bob").await?;

        // One that fails counts only where that is asked for.
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "fail").submit().await?;
        stage.until_status(Status::Errored).await;
        let failed = stage.runs().await.remove(0);
        assert_eq!(stage.printed(&failed).await, "2 1 0 0\n2 0 0\n0\n");

        let last = alice_asks(stage).await;
        assert_eq!(stage.printed(&last).await, "2 1 0 0\n2 0 0\n0\n3\n");
        Ok(())
    });
}

/// A flow that prints counts in its hooks, where `what` is printed after a label.
fn counts_in_hooks(hooks: &str) -> Story {
    code_with(&format!(
        "{}from sym.sdk.annotations import hook
from sym.sdk.templates import ApprovalTemplate

def tell(event, where):
    count = event.get_actor('prompt').get_event_count
    names = ('prompt', 'request', 'approve', 'deny')
    print(where, [count(name) for name in names], [count(name, include_errored=True) for name in names])
{hooks}
",
        does("")
    ))
}

#[test]
fn a_first_request_is_counted_once_in_every_handler() {
    let hooks = "
@hook
def on_prompt(event):
    tell(event, 'on_prompt')

@hook
def after_prompt(event):
    tell(event, 'after_prompt')

@hook
def on_request(event):
    tell(event, 'on_request')

@hook
def after_request(event):
    tell(event, 'after_request')

@hook
def on_approve(event):
    tell(event, 'on_approve')

@hook
def after_approve(event):
    tell(event, 'after_approve')
";
    counts_in_hooks(hooks).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "access").await?;
        // People take longer to fill the form in.
        stage
            .until("after_prompt to be done", async || {
                let log = stage.log();
                log.iter().any(|line| line.contains("printed=after_prompt"))
            })
            .await;
        form.fill(WHY, "deploy").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        stage.until_sent(0).await;
        let all = |counts: &str| format!("{counts} {counts}");
        let before = [
            format!("on_prompt {}", all("[1, 0, 0, 0]")),
            format!("after_prompt {}", all("[1, 0, 0, 0]")),
            format!("on_request {}", all("[1, 1, 0, 0]")),
            format!("after_request {}", all("[1, 1, 0, 0]")),
        ];
        stage
            .until("the hooks to be done", async || {
                let run = stage.the_run().await;
                stage.printed(&run).await.lines().count() == before.len()
            })
            .await;
        let run = stage.the_run().await;
        // `after_prompt` may come after the form was sent: then there is a request.
        let printed = stage.printed(&run).await.replace(
            &format!("after_prompt {}", all("[1, 1, 0, 0]")),
            &format!("after_prompt {}", all("[1, 0, 0, 0]")),
        );
        assert_eq!(printed.lines().collect::<Vec<_>>(), before);
        // The time passes: what comes later does not make it another request.
        stage.clock.advance(std::time::Duration::from_secs(60));
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        stage
            .until("the hooks to be done", async || {
                let run = stage.the_run().await;
                stage.printed(&run).await.contains("after_approve")
            })
            .await;
        let run = stage.the_run().await;
        let printed = stage.printed(&run).await;
        let last: Vec<_> = printed.lines().skip(before.len()).collect();
        let expected =
            ["on_approve", "after_approve"].map(|hook| format!("{hook} {}", all("[1, 1, 1, 0]")));
        assert_eq!(last, expected);
        Ok(())
    });
}

#[test]
fn ignored_events_count_only_where_that_is_asked_for_and_refused_presses_never() {
    let hooks = "
@hook
def on_request(event):
    reason = event.payload.fields['reason']
    if reason == 'auto':
        return ApprovalTemplate.approve()
    if reason == 'count':
        tell(event, 'counted')

@hook
def on_approve(event):
    if event.channel.type == 'sdk':
        return ApprovalTemplate.ignore(message='not by itself')
    if event.user.email == 'bob@acme.example':
        return ApprovalTemplate.ignore(message='not by Bob')
";
    counts_in_hooks(hooks).run(async |stage| {
        // One approval that a hook fired and that was ignored.
        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "auto").submit().await?;
        let request = stage.request_in("#sym-requests").await?;
        // Two that somebody may not make, one by somebody whose press is ignored.
        for _ in 0..2 {
            stage.alice.presses(&request, "Approve").await?;
            stage
                .alice
                .expects_ephemeral("You cannot approve your own")
                .await?;
        }
        stage.bob.presses(&request, "Approve").await?;
        stage.bob.expects_ephemeral("not by Bob").await?;

        let form = stage.form(&stage.alice, "#general", "access").await?;
        form.fill(WHY, "count").submit().await?;
        stage.request_in("#sym-requests").await?;
        let run = stage.runs().await.remove(0);
        assert_eq!(
            stage.printed(&run).await,
            "counted [2, 2, 0, 0] [2, 2, 2, 0]\n"
        );
        Ok(())
    });
}

#[test]
fn the_key_value_store_keeps_what_one_flow_puts_and_hides_it_from_others() {
    let body = "print(store.fetch('a.b'), store.fetch('a'))
if event.payload.fields['reason'] == 'deploy':
    store.put('a.b', {'n': (store.fetch('a.b.n') or 0) + 1, 'list': [1, None, 'x']})
    print(store.fetch('a.b.n'))
    for act in (lambda: store.put('a.b.n.deeper', 1), lambda: store.fetch('a.b.n.deeper')):
        try:
            act()
        except KeyError as error:
            print('KeyError', error)
    for path, value in (('', 1), ('a..b', 1), ('large', 'x' * 70000)):
        try:
            store.put(path, value)
        except SymException as error:
            print(error.error_code)";
    let main = format!(
        "{ENVIRONMENT}{}{}",
        flow("access", REASON, "impl.py"),
        flow("other", REASON, "impl.py")
    );
    let python = does(body);
    story(Flows::of(&[("main.tf", &main), ("impl.py", &python)])).run(async |stage| {
        let errors = "KeyError 'a.b.n'\nKeyError 'a.b.n'\nSymIntegration:INVALID_ARGUMENT\n\
                      SymIntegration:INVALID_ARGUMENT\nSymIntegration:TOO_LARGE\n";
        let first = alice_asks(stage).await;
        assert_eq!(
            stage.printed(&first).await,
            format!("None None\n1\n{errors}")
        );
        let second = alice_asks(stage).await;
        let kept = "{'n': 1, 'list': [1, None, 'x']}";
        assert_eq!(
            stage.printed(&second).await,
            format!("{kept} {{'b': {kept}}}\n2\n{errors}")
        );
        let form = stage.form(&stage.alice, "#general", "other").await?;
        form.fill(WHY, "look").submit().await?;
        stage
            .slack
            .channel("#sym-requests")
            .expects_text("*Other*")
            .await?;
        let other = stage.runs().await.remove(0);
        assert_eq!(stage.printed(&other).await, "None None\n");
        Ok(())
    });
}

/// A service of the company's: who is on call.
async fn pager() -> SocketAddr {
    let router = Router::new()
        .route(
            "/oncall",
            get(|headers: axum::http::HeaderMap| async move {
                match headers.get("x-team").and_then(|team| team.to_str().ok()) {
                    Some("sre") => r#"{"users": ["bob@acme.example"]}"#.to_owned(),
                    _ => r#"{"users": []}"#.to_owned(),
                }
            }),
        )
        .route(
            "/incidents",
            post(|body: String| async move { format!("got {body}") }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Asks the service whose port the person has typed.
const ASKS_THE_PAGER: &str = "base = 'http://127.0.0.1:' + event.payload.fields['reason']
try:
    answer = requests.get(base + '/oncall', headers={'X-Team': 'sre'}, timeout=5)
    answer.raise_for_status()
    print(answer.json()['users'], requests.post(base + '/incidents', data='x=1').text)
except requests.exceptions.RequestException as error:
    print(type(error).__name__, 'SYMBOT_HTTP_ALLOW' in str(error))";

async fn asked_with_port(stage: &Stage) -> String {
    let port = pager().await.port().to_string();
    let form = stage
        .form(&stage.alice, "#general", "access")
        .await
        .unwrap();
    form.fill(WHY, &port).submit().await.unwrap();
    stage.request_in("#sym-requests").await.unwrap();
    let run = stage.the_run().await;
    stage.printed(&run).await
}

#[test]
fn requests_reaches_a_host_that_the_operator_allows() {
    code(ASKS_THE_PAGER)
        .http_allow(&["127.0.0.1"])
        .run(async |stage| {
            assert_eq!(
                asked_with_port(stage).await,
                "['bob@acme.example'] got x=1\n"
            );
            Ok(())
        });
}

#[test]
fn requests_reaches_no_host_that_the_operator_does_not_allow() {
    code(ASKS_THE_PAGER)
        .http_allow(&["pager.example.com"])
        .run(async |stage| {
            assert_eq!(asked_with_port(stage).await, "ConnectionError True\n");
            Ok(())
        });
}

#[test]
fn a_host_to_allow_that_is_none_keeps_the_bot_from_starting() {
    let play = code("pass").http_allow(&["*.com"]);
    play.does_not_start_because("SYMBOT_HTTP_ALLOW: '*.com' is not a host to allow");
}
