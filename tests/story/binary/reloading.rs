//! SIGHUP and `--watch` to the real program, and what a request that was open keeps across a restart.

use rustix::process::Signal;
use slack_sim::{Setup, SlackSim};

use super::harness::{Data, Flows, ORDINARY, Start, ask};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// As [`ORDINARY`], to #general.
fn to_general() -> String {
    ORDINARY.replace("#sym-requests", "#general")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_takes_over_what_is_fine_and_refuses_what_is_not() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let flows = Flows::new().with("plain", ORDINARY);
    let data = Data::new();
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;

    let flows = flows.with("plain", "def get_permissions(event)\n");
    bot.send(Signal::HUP);
    bot.says("are not taken over").await;
    ask(&slack.person("alice"), "plain", "old").await?;
    slack.channel("#sym-requests").next_request().await?;

    let flows = flows.with("plain", &to_general()).with("fresh", ORDINARY);
    bot.send(Signal::HUP);
    let line = bot.says("the flows were taken over").await;
    assert!(line.contains("fresh") && line.contains("plain"), "{line}");
    ask(&slack.person("alice"), "plain", "new").await?;
    slack.channel("#general").next_request().await?;
    ask(&slack.person("alice"), "fresh", "new").await?;
    bot.terminate().await.expect_code(0);
    drop(flows);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_watch_the_program_sees_a_saved_file() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let flows = Flows::new().with("plain", ORDINARY);
    let data = Data::new();
    let start = Start::run(&slack, flows.path(), &data.path()).flag("--watch");
    let bot = start.spawn();
    bot.ready().await;
    let flows = flows.with("plain", &to_general());
    bot.says("the flows were taken over").await;
    ask(&slack.person("alice"), "plain", "new").await?;
    slack.channel("#general").next_request().await?;
    // A directory that appears beside the others is a root module like them.
    let flows = flows.with("fresh", ORDINARY);
    bot.says("\"changed\":\"fresh\"").await;
    bot.terminate().await.expect_code(0);
    drop(flows);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_goes_on_with_the_code_it_started_with_after_a_crash_and_a_change() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    // The code takes its time, and the bot dies while it runs.
    let slow = format!("{ORDINARY}\nsum(1 for _ in range(2_000_000))\n");
    let flows = Flows::new().with("plain", &slow);
    let data = Data::new();
    let start = Start::run(&slack, flows.path(), &data.path()).argument("--handler-timeout", "60");
    let bot = start.spawn();
    bot.ready().await;
    let alice = slack.person("alice");
    ask(&alice, "plain", "before the change").await?;
    bot.kill().await;
    assert_eq!(
        slack.channel("#sym-requests").message_count(),
        0,
        "it died in time"
    );

    let flows = flows.with("plain", &to_general());
    let bot = start.spawn();
    bot.ready().await;
    let request = slack.channel("#sym-requests").next_request().await?;
    assert!(
        request.text().contains("before the change"),
        "{}",
        request.text()
    );
    ask(&alice, "plain", "after the change").await?;
    let request = slack.channel("#general").next_request().await?;
    assert!(
        request.text().contains("after the change"),
        "{}",
        request.text()
    );
    bot.terminate().await.expect_code(0);
    drop(flows);
    data.expect_whole_journal().await;
    Ok(())
}
