//! A disk or a Slack that is slow: people get an honest answer within the three seconds that Slack waits, and the truth later.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use slack_sim::{Fault, Setup, SlackSim};
use tokio::time::Instant;

use super::harness::{Data, FIELD, Flows, ORDINARY, Start, open_form};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// What Slack waits for an acknowledgement.
const SLACK_WAITS: Duration = Duration::from_secs(3);
/// How long each sync of a slow disk takes.
const SYNC_TAKES: Duration = Duration::from_millis(3500);

/// A library that makes every `fdatasync` wait while a file exists.
fn slow_disk(dir: &Path) -> (PathBuf, PathBuf) {
    let (source, library, switch) = (dir.join("slow.c"), dir.join("slow.so"), dir.join("slow"));
    let code = format!(
        r#"#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int file) {{
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (access("{}", F_OK) == 0) usleep({});
    return real(file);
}}
"#,
        switch.display(),
        SYNC_TAKES.as_micros()
    );
    std::fs::write(&source, code).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(built.success(), "the library cannot be built");
    (library, switch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_is_told_within_three_seconds_and_the_request_is_made_once() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let place = tempfile::tempdir()?;
    let (library, switch) = slow_disk(place.path());
    let bot = Start::run(&slack, flows.path(), &data.path())
        .env("LD_PRELOAD", &library.display().to_string())
        .spawn();
    bot.ready().await;
    let alice = slack.person("alice");
    let form = open_form(&alice, "plain").await?;
    std::fs::write(&switch, "")?;
    let submitted = Instant::now();
    let _told = form.fill(FIELD, "slow").submit().await;
    assert!(
        submitted.elapsed() < SLACK_WAITS,
        "answered after {:?}",
        submitted.elapsed()
    );
    bot.says("a handler is late").await;
    std::fs::remove_file(&switch)?;
    // The form, which stayed open, says in the end that it went through; and there is one request.
    bot.says("a late handler is done").await;
    let mut channel = slack.channel("#sym-requests");
    let request = channel.next_request().await?;
    request.expects_text("slow").await?;

    // A press while the disk is slow is acknowledged in time as well, and decides once.
    std::fs::write(&switch, "")?;
    let pressed = Instant::now();
    let _told = slack.person("bob").presses(&request, "Approve").await;
    assert!(
        pressed.elapsed() < SLACK_WAITS + Duration::from_millis(500),
        "answered after {:?}",
        pressed.elapsed()
    );
    std::fs::remove_file(&switch)?;
    request.expects_text("Approved").await?;
    assert_eq!(channel.message_count(), 1);
    bot.terminate().await.expect_code(0);
    let events: Vec<_> = data
        .audit()
        .iter()
        .map(|line| line["event"]["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["request", "approve"]);
    data.expect_whole_journal().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_slack_is_told_within_three_seconds_and_nothing_is_lost() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let alice = slack.person("alice");
    let form = open_form(&alice, "plain").await?;
    // Whoever submits is looked up; and the message takes its time, too.
    for method in ["users.info", "chat.postMessage"] {
        slack
            .faults()
            .next(method, Fault::Latency(Duration::from_secs(4)));
    }
    let submitted = Instant::now();
    let _told = form.fill(FIELD, "slow").submit().await;
    assert!(
        submitted.elapsed() < SLACK_WAITS,
        "answered after {:?}",
        submitted.elapsed()
    );
    let mut channel = slack.channel("#sym-requests");
    let request = channel.next_request().await?;
    slack
        .faults()
        .next("users.info", Fault::Latency(Duration::from_secs(4)));
    let pressed = Instant::now();
    let _told = slack.person("bob").presses(&request, "Approve").await;
    assert!(
        pressed.elapsed() < SLACK_WAITS + Duration::from_millis(500),
        "answered after {:?}",
        pressed.elapsed()
    );
    request.expects_text("Approved").await?;
    assert_eq!(channel.message_count(), 1);
    bot.terminate().await.expect_code(0);
    data.expect_whole_journal().await;
    Ok(())
}
