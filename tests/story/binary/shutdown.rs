//! The orderly end, and the second instance that must not begin.

use std::time::Duration;

use rustix::process::Signal;
use slack_sim::{Fault, Setup, SlackSim};
use tokio::time::Instant;

use super::harness::{Data, Flows, ORDINARY, Start, ask, expect_gone};

type Tested = Result<(), Box<dyn std::error::Error>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_in_flight_and_the_next_start_goes_on() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = start.spawn();
    bot.ready().await;
    let workers = bot.children();
    assert!(!workers.is_empty());
    slack.faults().next(
        "chat.postMessage",
        Fault::Latency(Duration::from_millis(700)),
    );
    ask(&slack.person("alice"), "plain", "drained").await?;
    // The message is under way, with an answer that takes its time.
    let under_way = Instant::now();
    while slack.calls("users.info").is_empty() && under_way.elapsed() < Duration::from_millis(300) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let told = Instant::now();
    let ended = bot.terminate().await;
    ended.expect_code(0).expect_words("stopped");
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "the end took {:?}",
        told.elapsed()
    );
    expect_gone(&workers, Duration::from_secs(1)).await;
    let mut channel = slack.channel("#sym-requests");
    let request = channel.next_request().await?;

    let bot = start.spawn();
    bot.ready().await;
    slack.person("bob").presses(&request, "Approve").await?;
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved")
        .await?;
    assert_eq!(
        channel.message_count(),
        1,
        "a delivery that was finished is not repeated"
    );
    // Ctrl-C is the same.
    bot.send(Signal::INT);
    bot.ended().await.expect_code(0).expect_words("stopped");
    data.expect_whole_journal().await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_does_not_wait_for_a_slack_that_is_gone_for_longer_than_stated() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = start.spawn();
    bot.ready().await;
    slack
        .faults()
        .always("chat.postMessage", Fault::ServerError(503));
    ask(&slack.person("alice"), "plain", "later").await?;
    slack.expects_calls("chat.postMessage", 1).await?;
    let told = Instant::now();
    let ended = bot.terminate().await;
    ended.expect_code(0);
    // Nothing is under way between two attempts, and no other attempt is made.
    assert!(
        told.elapsed() < Duration::from_secs(4),
        "the end took {:?}",
        told.elapsed()
    );
    slack.faults().clear();
    let bot = start.spawn();
    bot.ready().await;
    slack
        .channel("#sym-requests")
        .next_request()
        .await?
        .expects_text("later")
        .await?;
    bot.terminate().await.expect_code(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_waits_for_a_message_that_slack_takes_long_to_confirm() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = start.spawn();
    bot.ready().await;
    let slow = Fault::SlowAnswer(Duration::from_secs(8));
    slack.faults().next("chat.postMessage", slow);
    ask(&slack.person("alice"), "plain", "slowly").await?;
    let mut channel = slack.channel("#sym-requests");
    channel.next_request().await?;
    bot.terminate().await.expect_code(0);
    let bot = start.spawn();
    bot.ready().await;
    ask(&slack.person("alice"), "plain", "another").await?;
    channel
        .next_request()
        .await?
        .expects_text("another")
        .await?;
    assert_eq!(channel.message_count(), 2, "it was sent a second time");
    bot.terminate().await.expect_code(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bot_on_the_same_data_is_refused_and_the_first_goes_on() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let first = start.spawn();
    first.ready().await;
    let second = start.end().await;
    second
        .expect_code(1)
        .expect_words("is in use by another symbot")
        .expect_words(&format!("process {}", first.id()))
        .expect_words("hint: --data");
    assert_eq!(
        slack.calls("auth.test").len(),
        1,
        "the second one asked Slack"
    );
    ask(&slack.person("alice"), "plain", "still here").await?;
    slack.channel("#sym-requests").next_request().await?;
    // The lock is the process's: nothing is left behind that a start would stumble over.
    first.kill().await;
    let again = start.spawn();
    again.ready().await;
    again.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}
