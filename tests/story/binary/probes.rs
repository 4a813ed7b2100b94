//! `/healthz` and `/readyz` from the first moment on.

use std::time::Duration;

use slack_sim::{Fault, Setup, SlackSim};
use tokio::time::Instant;

use super::harness::{Data, Flows, ORDINARY, PATIENCE, Program, Start, ask, get, open_form};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// What `/readyz` says, once it says that (a status with words).
async fn expect_readiness(bot: &Program, status: u16, words: &str) -> Tested {
    let address = bot.web().await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (found, body) = get(&address, "/readyz").await?;
        if found == status && body.contains(words) {
            return Ok(());
        }
        assert!(
            Instant::now() < deadline,
            "/readyz says {found} {body}\n{}",
            bot.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_starts_while_slack_is_down_says_so_and_becomes_ready_by_itself() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    slack.faults().always("auth.test", Fault::ServerError(503));
    slack
        .faults()
        .always("apps.connections.open", Fault::ResetBefore);
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    expect_readiness(
        &bot,
        503,
        "not ready: Slack does not answer (auth.test failed",
    )
    .await?;
    let address = bot.web().await;
    assert_eq!(get(&address, "/healthz").await?, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/requests").await?.0, 503);
    // More attempts than one would make who gives up soon.
    slack.expects_calls("auth.test", 4).await?;
    slack.faults().clear();
    slack
        .faults()
        .always("apps.connections.open", Fault::ResetBefore);
    expect_readiness(&bot, 503, "not ready: there is no connection to Slack yet").await?;
    slack.faults().clear();
    expect_readiness(&bot, 200, "ready").await?;
    bot.ready().await;
    ask(&slack.person("alice"), "plain", "at last").await?;
    slack.channel("#sym-requests").next_request().await?;
    bot.terminate().await.expect_code(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_waits_for_slack_can_be_told_to_end() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    slack.faults().always("auth.test", Fault::ServerError(503));
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.says("Slack does not answer yet").await;
    let told = Instant::now();
    bot.terminate().await.expect_code(0);
    assert!(
        told.elapsed() < Duration::from_secs(3),
        "the end took {:?}",
        told.elapsed()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_because_the_token_was_revoked_waits_for_a_new_one() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = start.spawn();
    bot.ready().await;
    let alice = slack.person("alice");
    let form = open_form(&alice, "plain").await?;
    slack
        .faults()
        .always("chat.postMessage", Fault::Error("token_revoked".to_owned()));
    form.fill(super::harness::FIELD, "held").submit().await?;
    let ended = bot.ended().await;
    ended.expect_code(1).expect_words(
        "token_revoked; install the app again and put the new token into SLACK_BOT_TOKEN",
    );
    slack.faults().clear();
    let bot = start.spawn();
    bot.ready().await;
    slack
        .channel("#sym-requests")
        .next_request()
        .await?
        .expects_text("held")
        .await?;
    expect_readiness(&bot, 200, "ready").await?;
    bot.terminate().await.expect_code(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_is_unready_while_it_has_no_socket_and_ready_again_afterwards() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    let took = bot.ready().await;
    println!(
        "ready {took:?} after the start by the log, {:?} seen from outside",
        bot.started.elapsed()
    );
    expect_readiness(&bot, 200, "ready").await?;
    // The bot is ready with the first of its two connections. One that is just being made would outlive the cut.
    slack.connected(2).await?;
    slack
        .faults()
        .always("apps.connections.open", Fault::ServerError(500));
    slack.workspace().cut_sockets();
    expect_readiness(&bot, 503, "no connection to Slack").await?;
    slack.faults().clear();
    expect_readiness(&bot, 200, "ready").await?;
    bot.terminate().await.expect_code(0);
    Ok(())
}
