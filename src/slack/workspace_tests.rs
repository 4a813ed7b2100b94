//! API, sockets and directory together against a whole simulated workspace, which judges every call by Slack's rules.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use slack_sim::{Fault, Setup, SlackSim, SocketFault};

use super::api::{Post, SlackApi, ViewId, ViewTarget};
use super::directory::{Admins, ChannelKind, Directory};
use super::inbound::{Inbound, decode};
use super::pacing::{Pacer, Repeat};
use super::socket::{Envelope, EnvelopeHandler, SocketConfig, SocketHandle, SocketMode};
use crate::domain::person::Role;
use crate::secret::Secret;

/// A bot that opens a form for `/sym`, counts what it is given and answers the form.
struct Bot {
    api: SlackApi,
    seen: Mutex<Vec<Inbound>>,
    handled: AtomicUsize,
}

fn form() -> Value {
    json!({
        "type": "modal", "callback_id": "f", "private_metadata": "{\"n\":1}",
        "title": {"type": "plain_text", "text": "Request"}, "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Why"},
            "element": {"type": "plain_text_input", "action_id": "value"}}]
    })
}

impl EnvelopeHandler for Bot {
    fn handle(&self, envelope: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        async move {
            self.handled.fetch_add(1, Ordering::SeqCst);
            let inbound = decode(&envelope);
            self.seen.lock().unwrap().push(inbound.clone());
            match inbound {
                Inbound::Command(command) if command.text == "open" => {
                    let trigger = command.trigger_id.unwrap();
                    self.api.views_open(&trigger, &form()).await.unwrap();
                    None
                }
                Inbound::Command(_) => {
                    Some(json!({"response_type": "ephemeral", "text": "heard you"}))
                }
                _ => None,
            }
        }
        .boxed()
    }
}

struct Rig {
    slack: SlackSim,
    api: SlackApi,
    bot: Arc<Bot>,
    handle: SocketHandle,
}

fn api(slack: &SlackSim) -> SlackApi {
    let (bot, app) = (
        Secret::new(slack.bot_token()),
        Secret::new(slack.app_token()),
    );
    SlackApi::new(Some(&slack.api_url()), &bot, &app).unwrap()
}

async fn connect() -> Rig {
    // Short, because a person who is cut off waits this long to see the failure.
    let setup = Setup::company().ack_timeout(Duration::from_millis(600));
    let slack = SlackSim::start(setup).await.unwrap();
    let api = api(&slack);
    let bot = Arc::new(Bot {
        api: api.clone(),
        seen: Mutex::default(),
        handled: AtomicUsize::new(0),
    });
    let config = SocketConfig {
        backoff_first: Duration::from_millis(20),
        linger: Duration::from_millis(300),
        close_within: Duration::from_millis(300),
        ..SocketConfig::default()
    };
    let handle = SocketMode::start(api.clone(), config, bot.clone());
    slack.connected(2).await.unwrap();
    Rig {
        slack,
        api,
        bot,
        handle,
    }
}

#[tokio::test]
async fn every_method_is_called_as_slack_wants_it() {
    let Rig {
        slack,
        api,
        bot,
        handle: _connected,
    } = connect().await;
    let identity = api.auth_test().await.unwrap();
    let alice = slack.person("alice");
    let user = api.users_info(alice.id()).await.unwrap();
    let email = user["profile"]["email"].as_str().unwrap();
    let same = api.users_lookup_by_email(email).await.unwrap();
    assert_eq!(same["id"], user["id"]);
    assert!(!api.users_list(None).await.unwrap().items.is_empty());
    let channels = api
        .conversations_list("public_channel", None)
        .await
        .unwrap();
    assert!(!channels.items.is_empty());
    let general = slack.channel("general").id().to_owned();
    api.conversations_info(&general).await.unwrap();
    api.conversations_members(&general, None).await.unwrap();

    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]);
    let metadata = json!({"event_type": "request", "event_payload": {"n": "1"}});
    let post = Post {
        channel: &general,
        text: "hello",
        blocks: Some(&blocks),
        metadata: Some(&metadata),
        ..Post::default()
    };
    let message = api.chat_post_message(post).await.unwrap();
    api.chat_update(&message, "changed", &blocks, Some(&metadata))
        .await
        .unwrap();
    let reply = Post {
        thread_ts: Some(&message.ts),
        metadata: None,
        ..post
    };
    api.chat_post_message(reply).await.unwrap();
    let dm = api.conversations_open(&[alice.id()]).await.unwrap();
    assert!(dm.starts_with('D'));
    api.conversations_open(&[alice.id(), slack.person("bob").id()])
        .await
        .unwrap();
    let ops = slack.channel("ops-private").id().to_owned();
    let hint = Post {
        channel: &ops,
        text: "only you",
        ..Post::default()
    };
    api.chat_post_ephemeral(alice.id(), hint).await.unwrap();
    alice.expects_ephemeral("only you").await.unwrap();
    let home = json!({"type": "home", "blocks": blocks});
    api.views_publish(alice.id(), &home).await.unwrap();

    let typed = alice
        .in_channel("#general")
        .types("/sym open")
        .await
        .unwrap();
    typed.modal().await.unwrap();
    let Inbound::Command(command) = bot.seen.lock().unwrap()[0].clone() else {
        panic!("not a command")
    };
    assert_eq!(command.user.id, alice.id());
    assert_eq!(
        command.user.context_team_id.as_deref(),
        Some(identity.team_id.as_str())
    );
    assert_eq!(command.channel.unwrap().id, general);
    let url = command.response_url.unwrap();
    let told = json!({"response_type": "ephemeral", "text": "by response_url"});
    api.respond(&url, &told).await.unwrap();
    alice.expects_ephemeral("by response_url").await.unwrap();
    slack.expect_no_violations().unwrap();
}

#[tokio::test]
async fn a_form_is_updated_sent_and_decoded() {
    let Rig {
        slack,
        api,
        bot,
        handle: _connected,
    } = connect().await;
    let alice = slack.person("alice");
    let typed = alice
        .in_channel("#general")
        .types("/sym open")
        .await
        .unwrap();
    let form_seen = typed.modal().await.unwrap();
    form_seen.fill("Why", "deploy").submit().await.unwrap();
    let submitted = {
        let seen = bot.seen.lock().unwrap();
        let submitted = seen.iter().find_map(|inbound| match inbound {
            Inbound::Submit(submit) => Some(submit.clone()),
            _ => None,
        });
        submitted.unwrap()
    };
    assert_eq!(submitted.view.callback_id, "f");
    assert_eq!(submitted.view.private_metadata, r#"{"n":1}"#);
    assert_eq!(
        submitted.view.state_values["reason"]["value"]["value"],
        "deploy"
    );
    // The view is gone: Slack's word is passed on.
    let target = ViewTarget {
        view: ViewId::Slack(&submitted.view.id),
        hash: None,
    };
    let error = api.views_update(target, &form()).await.unwrap_err();
    assert!(error.permanent(), "{error}");
}

#[tokio::test]
async fn nothing_typed_is_lost_while_sockets_are_refreshed_cut_and_repeated() {
    let rig = connect().await;
    let faults = [
        SocketFault::RefreshBurst { more: 2 },
        SocketFault::Duplicate,
        SocketFault::CutAfter,
        SocketFault::RefreshBurst { more: 0 },
        SocketFault::DuplicateAfter(Duration::from_millis(50)),
    ];
    let place = rig.slack.person("alice").in_channel("#general");
    let mut expected = 0;
    for round in 0..3 {
        for fault in faults {
            rig.slack.faults().next_envelope(fault);
            let typed: Vec<_> = (0..4)
                .map(|number| {
                    place
                        .starts_typing(&format!("/sym {round} {number}"))
                        .unwrap()
                        .unwrap()
                })
                .collect();
            expected += typed.len();
            for typed in typed {
                // After a cut the person sees a failure, although it was handled.
                let answered = typed.answered().await;
                assert!(
                    answered.is_ok() || matches!(fault, SocketFault::CutAfter),
                    "{fault:?}"
                );
            }
            rig.slack.connected(2).await.unwrap();
        }
    }
    let seen = rig.bot.seen.lock().unwrap().len();
    assert_eq!(seen, expected, "lost or handled twice");
    // The last one comes again a moment after it was answered.
    let repeated = async {
        while rig.handle.stats().repeated < 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), repeated)
        .await
        .expect("fewer repetitions than were made");
    rig.slack.expect_no_violations().unwrap();
    assert!(rig.handle.shutdown().await);
}

#[tokio::test]
async fn a_reset_after_the_effect_is_known_to_be_maybe_done() {
    let slack = SlackSim::start(Setup::company()).await.unwrap();
    let api = api(&slack);
    let general = slack.channel("general").id().to_owned();
    let post = Post {
        channel: &general,
        text: "hello",
        ..Post::default()
    };
    for fault in [
        Fault::ResetAfter,
        Fault::ResetBefore,
        Fault::ServerError(503),
        Fault::Garbage,
    ] {
        slack.faults().next("chat.postMessage", fault.clone());
        let error = api.chat_post_message(post).await.unwrap_err();
        assert!(
            error.maybe_done() && !error.permanent(),
            "{fault:?}: {error}"
        );
    }
}

#[tokio::test]
async fn messages_survive_a_limited_and_failing_slack_in_order() {
    let slack = SlackSim::start(Setup::company()).await.unwrap();
    let api = api(&slack);
    let general = slack.channel("general").id().to_owned();
    let limited = Fault::RateLimited {
        retry_after_seconds: 1,
    };
    slack.faults().next("chat.postMessage", limited);
    slack
        .faults()
        .after("chat.postMessage", 1, Fault::ResetBefore);
    let pacer = Pacer::new(super::pacing::Pacing {
        interval: Duration::from_millis(50),
        ..super::pacing::Pacing::default()
    });
    for number in 0..5 {
        let text = format!("message {number}");
        let post = Post {
            channel: &general,
            text: &text,
            ..Post::default()
        };
        let sent = pacer.run("chat.postMessage", &general, Repeat::MESSAGE, || {
            api.chat_post_message(post)
        });
        sent.await.unwrap();
    }
    assert_eq!(slack.channel("general").message_count(), 5);
    slack.expect_no_violations().unwrap();
}

#[tokio::test]
async fn people_and_channels_of_a_company_are_found() {
    let slack = SlackSim::start(Setup::company()).await.unwrap();
    let api = api(&slack);
    let identity = api.auth_test().await.unwrap();
    let directory = Directory::new(api, &identity, Admins::default());
    let role = async |name: &str| {
        let person = directory.person_by_slack_id(slack.person(name).id()).await;
        person.unwrap().unwrap().role
    };
    assert_eq!(role("erin").await, Role::Admin);
    assert_eq!(role("alice").await, Role::Member);
    assert_eq!(role("gus").await, Role::Guest);
    let bot = directory.person_by_slack_id(&identity.user_id).await;
    assert_eq!(bot.unwrap(), None);
    let bob = directory
        .person_by_mention("@Bob Brown")
        .await
        .unwrap()
        .unwrap();
    let by_id = directory.person_by_id(bob.id).await.unwrap().unwrap();
    assert_eq!(by_id, bob);
    let channel = directory.channel_by_name("#sym-requests").await.unwrap();
    assert_eq!(channel.unwrap().id, slack.channel("sym-requests").id());
    assert_eq!(
        directory.channel_by_name("old-stuff").await.unwrap(),
        None,
        "archived"
    );
    let hidden = slack.channel("secret-plans").id().to_owned();
    assert_eq!(
        directory.channel_kind(&hidden).await.unwrap(),
        ChannelKind::Private
    );
    let known = slack.channel("ops-private").id().to_owned();
    let source = directory.source_channel(&known).await.unwrap();
    assert_eq!(source.identifier.as_deref(), Some(known.as_str()));
    let general = slack.channel("general").id().to_owned();
    let source = directory.source_channel(&general).await.unwrap();
    assert_eq!(source.identifier.as_deref(), Some("#general"));
    let dm = directory.open_dm(slack.person("alice").id()).await.unwrap();
    assert_eq!(directory.channel_kind(&dm).await.unwrap(), ChannelKind::Im);
    slack.expect_no_violations().unwrap();
}
