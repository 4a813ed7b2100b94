//! Nothing secret in what the program says or keeps: whole stories and every way to fail, at trace level, in both formats.

use std::path::Path;
use std::time::Duration;

use slack_sim::{Fault, Setup, SlackSim, SocketFault};

use super::harness::{Data, Flows, ORDINARY, Start, ask, get};

type Tested = Result<(), Box<dyn std::error::Error>>;

const BOT_TOKEN: &str = "xoxb-MARKERBOT-4242424242";
const APP_TOKEN: &str = "xapp-1-MARKERAPP-4242424242";

fn company() -> Setup {
    Setup::company().tokens(BOT_TOKEN, APP_TOKEN)
}

/// What must stand nowhere. Addresses of sockets carry tickets, addresses for answers are passwords themselves.
fn secrets(login_token: &str) -> Vec<String> {
    let mut all: Vec<String> = ["MARKERBOT", "MARKERAPP", "ticket=", "/response/"]
        .map(str::to_owned)
        .to_vec();
    all.push(login_token.to_owned());
    all
}

fn expect_silent_on(secrets: &[String], said: &str, where_: &str) {
    for secret in secrets {
        if let Some(line) = said.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{where_} shows {secret}: {line}");
        }
    }
}

/// Fails when a file below `dir` contains one of these.
fn expect_not_kept(secrets: &[String], dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            expect_not_kept(secrets, &path);
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} contains {secret}", path.display());
        }
    }
}

async fn a_day_with_everything_that_can_go_wrong(format: &str) -> Tested {
    let slack = SlackSim::start(company()).await?;
    let raising = ORDINARY.replace(
        "    return RequestPermission",
        "    raise ValueError('no')\n    return RequestPermission",
    );
    let flows = Flows::new()
        .with("plain", ORDINARY)
        .with("raising", &raising);
    let data = Data::new();
    let bot = Start::run(&slack, flows.path(), &data.path())
        .env("SYMBOT_LOG", "trace")
        .argument("--log-format", format)
        .spawn();
    slack.connected(2).await?;
    let (alice, bob, carol) = (
        slack.person("alice"),
        slack.person("bob"),
        slack.person("carol"),
    );
    let general = alice.in_channel("#general");

    general.types("/sym login").await?;
    let link = alice.expects_ephemeral("sign").await?;
    let blocks_and_text = format!("{:?}", link.current());
    let (_, after) = blocks_and_text.split_once("/login/").expect("a link");
    let token: String = after
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    assert!(token.len() >= 32, "{token}");
    let (before, _) = blocks_and_text.split_once("/login/").expect("a link");
    let (_, address) = before.rsplit_once("http://").expect("an address");
    assert_eq!(get(address, &format!("/login/{token}")).await?.0, 200);

    ask(&alice, "plain", "approved").await?;
    let mut channel = slack.channel("#sym-requests");
    let request = channel.next_request().await?;
    // Refused, and answered through the response_url; which fails in every way first.
    slack.faults().next("response_url", Fault::ResetAfter);
    slack.faults().next("response_url", Fault::ServerError(500));
    alice.presses(&request, "Approve").await?;
    alice.expects_ephemeral("cannot approve your own").await?;
    slack
        .faults()
        .next("response_url", Fault::Error("expired_url".to_owned()));
    alice.presses(&request, "Approve").await?;
    bob.presses(&request, "Approve").await?;
    request.expects_text("Approved").await?;
    carol.presses_as_seen(&request, "Deny").await?;
    carol.expects_ephemeral("already").await?;
    ask(&alice, "raising", "x").await?;
    alice
        .dm_with_bot()
        .expects_text("could not be submitted")
        .await?;

    for fault in [
        Fault::Garbage,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::ServerError(502),
        Fault::RateLimited {
            retry_after_seconds: 0,
        },
        Fault::Error("internal_error".to_owned()),
    ] {
        slack.faults().next("chat.postMessage", fault);
    }
    ask(&alice, "plain", "through thick and thin").await?;
    channel.expects_text("through thick and thin").await?;

    // The sockets break, and cannot be opened again in every way there is.
    for fault in [
        Fault::ResetAfter,
        Fault::Garbage,
        Fault::ServerError(503),
        Fault::Error("internal_error".to_owned()),
    ] {
        slack.faults().next("apps.connections.open", fault);
    }
    slack.faults().next_envelope(SocketFault::CutAfter);
    let _ = general.types("/sym help").await;
    slack.workspace().cut_sockets();
    slack.connected(2).await?;
    // Both tokens are refused from now on; the socket's refusal ends the program.
    slack
        .faults()
        .always("*", Fault::Error("invalid_auth".to_owned()));
    let _ = tokio::time::timeout(Duration::from_secs(4), general.types("/sym help")).await;
    slack.workspace().cut_sockets();
    let ended = bot.ended().await;
    ended.expect_code(1).expect_words("invalid_auth");

    let secrets = secrets(&token);
    assert!(
        ended.err.contains("DEBUG")
            && ended.err.contains("Slack answered")
            && ended.err.contains("a call to Slack failed"),
        "little was logged: {}",
        ended.err
    );
    expect_silent_on(&secrets, &ended.err, "the log");
    expect_silent_on(&secrets, &ended.out, "the output");
    // An answer that is still to be given needs its address; tokens have no business on the disk.
    let secrets: Vec<String> = secrets
        .into_iter()
        .filter(|secret| secret != "/response/")
        .collect();
    expect_not_kept(&secrets, &data.path());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_as_text_or_kept() -> Tested {
    a_day_with_everything_that_can_go_wrong("text").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_as_json_or_kept() -> Tested {
    a_day_with_everything_that_can_go_wrong("json").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_when_slack_is_not_there_at_all() -> Tested {
    let slack = SlackSim::start(company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    // A port on which nobody listens: it was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    for format in ["text", "json"] {
        let bot = Start::run(&slack, flows.path(), &data.path())
            .env("SLACK_API_URL", &format!("http://{nobody}/api"))
            .env("SYMBOT_LOG", "trace")
            .argument("--log-format", format)
            .spawn();
        bot.says("Slack does not answer yet").await;
        let ended = bot.terminate().await;
        ended.expect_code(0);
        expect_silent_on(&secrets("MARKER"), &ended.err, "the log");
    }
    Ok(())
}
