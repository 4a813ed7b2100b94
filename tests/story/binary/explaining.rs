//! `symbot explain` and `symbot replay` as an administrator uses them, beside a running bot and on the directory of a stopped
//! one; and what was given up, there and in `/metrics`.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use slack_sim::{Setup, SlackSim};
use symbot::store::contract::{Commit, Store as _};
use symbot::store::sled::{Options, SledStore};
use tokio::time::Instant;

use super::harness::{Data, Ended, Flows, ORDINARY, PATIENCE, Start, ask, get};

type Tested = Result<(), Box<dyn std::error::Error>>;

async fn command(name: &str, words: &[&str], data: &Path) -> Ended {
    let all: Vec<&str> = std::iter::once(name).chain(words.iter().copied()).collect();
    Start::new(&all)
        .argument("--data", &data.display().to_string())
        .end()
        .await
}

/// The value of a metric.
async fn metric(address: &str, name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let (status, text) = get(address, "/metrics").await?;
    assert_eq!(status, 200, "{text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
    Ok(line.parse()?)
}

/// Both commands tell the same beside a running bot and without one.
async fn tells(run: &str, data: &Path) -> Tested {
    let told = command("explain", &[run], data).await;
    told.expect_code(0);
    for part in [
        &format!("Request {run}"),
        "approved by ",
        "get_permissions returned ",
        "printed: asked",
        "Given up\n",
        "the requester could not be told: ",
        "user_disabled",
    ] {
        assert!(
            told.out.contains(part),
            "{part} is missing in\n{}",
            told.out
        );
    }
    let told = command("explain", &[run, "--json"], data).await;
    told.expect_code(0);
    let story: Value = serde_json::from_str(&told.out)?;
    assert_eq!(story["run"]["id"], run);
    assert_eq!(story["given_up"].as_array().map(Vec::len), Some(1));

    let repeated = command("replay", &[run], data).await;
    repeated.expect_code(0);
    assert_eq!(
        repeated.out,
        "call 0 (get_permissions, get_request_notifications for request): the same\n"
    );

    for name in ["explain", "replay"] {
        command(name, &["request-7"], data)
            .await
            .expect_code(2)
            .expect_words("is not the id of a request");
        let unknown = "00000000-0000-4000-8000-000000000000";
        command(name, &[unknown], data)
            .await
            .expect_code(1)
            .expect_words("there is no request");
        command(name, &[], data).await.expect_code(2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_explained_and_replayed_and_what_was_given_up_is_counted() -> Tested {
    let code = ORDINARY.replace(
        "def get_permissions(event):\n",
        "def get_permissions(event):\n    print('asked')\n",
    );
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", &code), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = start.spawn();
    bot.ready().await;
    ask(&slack.person("alice"), "plain", "deploy").await?;
    let request = slack.channel("#sym-requests").next_request().await?;
    assert_eq!(metric(&bot.web().await, "symbot_dead_letters").await?, 0);
    slack.deactivates("alice");
    slack.person("bob").presses(&request, "Approve").await?;
    request.expects_text("Approved").await?;
    let deadline = Instant::now() + PATIENCE;
    while metric(&bot.web().await, "symbot_dead_letters").await? != 1 {
        assert!(Instant::now() < deadline, "nothing is given up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let audit = data.audit();
    let srn = audit[0]["run"]["srn"].as_str().expect("a run");
    let run = srn.rsplit(':').next().expect("a run");
    tells(run, &data.path()).await?;
    bot.terminate().await.expect_code(0);
    tells(run, &data.path()).await?;

    // A call that comes out otherwise: what is recorded is changed, as if the program or its Python had changed.
    let store = SledStore::open(&data.path(), Options::default())?;
    let name = format!("call/{run}/000000");
    let recorded = store.value(name.clone()).await?.expect("a recorded call");
    let changed = recorded.to_string().replace("asked", "was asked");
    assert_ne!(changed, recorded.to_string());
    let commit = Commit {
        values: vec![(name, Some(serde_json::from_str(&changed)?))],
        ..Commit::default()
    };
    store.commit(commit).await?;
    store.close().await?;
    drop(store);
    let repeated = command("replay", &[run], &data.path()).await;
    repeated.expect_code(1);
    for part in ["DIFFERENT", "recorded: ", "was asked", "now: "] {
        assert!(repeated.out.contains(part), "{}", repeated.out);
    }

    let bot = start.spawn();
    bot.ready().await;
    assert_eq!(metric(&bot.web().await, "symbot_dead_letters").await?, 1);
    assert_eq!(metric(&bot.web().await, "symbot_ready").await?, 1);
    bot.terminate().await.expect_code(0);
    let empty = tempfile::tempdir()?;
    for name in ["explain", "replay"] {
        command(name, &[run], empty.path())
            .await
            .expect_code(1)
            .expect_words("holds no requests");
    }
    assert_eq!(std::fs::read_dir(empty.path())?.count(), 0);
    Ok(())
}
