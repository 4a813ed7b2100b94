//! `symbot backup` of a running bot: everything that was acknowledged before it began is in it, as of one moment, while people go on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use slack_sim::{Setup, SlackSim};
use symbot::domain::run::{Run, Status};
use symbot::store::contract::{RunQuery, Store as _};
use symbot::store::sled::{Options, SledStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::harness::{Data, Flows, ORDINARY, PATIENCE, Start, ask};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// Requests that are there before the backup is asked for.
const BEFORE: usize = 40;

/// What Slack has acknowledged.
#[derive(Default, Clone)]
struct Acknowledged {
    asked: BTreeSet<String>,
    approved: BTreeSet<String>,
}

/// Three people ask and one approves, until they are stopped.
fn people(slack: &SlackSim, seen: &Arc<Mutex<Acknowledged>>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for name in ["alice", "carol", "dave"] {
        let (slack, seen) = (slack.clone(), seen.clone());
        tasks.push(tokio::spawn(async move {
            let person = slack.person(name);
            for number in 0.. {
                let reason = format!("<{name}-{number}>");
                if ask(&person, "plain", &reason).await.is_ok() {
                    seen.lock().unwrap().asked.insert(reason);
                }
            }
        }));
    }
    let (slack, seen) = (slack.clone(), seen.clone());
    tasks.push(tokio::spawn(async move {
        let mut channel = slack.channel("#sym-requests");
        let bob = slack.person("bob");
        while let Ok(request) = channel.next_request().await {
            let text = request.text();
            if bob.presses(&request, "Approve").await.is_ok()
                && let Some((_, rest)) = text.split_once('<')
                && let Some((reason, _)) = rest.split_once('>')
            {
                seen.lock().unwrap().approved.insert(format!("<{reason}>"));
            }
        }
    }));
    tasks
}

/// The requests of a data directory that nobody uses, by their reasons.
async fn requests(data: &Path) -> BTreeMap<String, Run> {
    let store = SledStore::open(data, Options::default()).expect("a store");
    let query = RunQuery {
        limit: 100_000,
        ..RunQuery::default()
    };
    let runs = store.runs(query).await.expect("requests");
    store.close().await.expect("closed");
    let reason = |run: &Run| {
        let field = serde_json::to_value(run.field("reason")).expect("a field");
        let text = field.to_string();
        let (_, rest) = text.split_once('<').expect("a reason");
        format!("<{}>", rest.split_once('>').expect("a reason").0)
    };
    runs.into_iter().map(|run| (reason(&run), run)).collect()
}

async fn exported(data: &Path) -> Vec<Value> {
    let ended = Start::new(&["audit", "export"])
        .argument("--data", &data.display().to_string())
        .end()
        .await;
    ended.expect_code(0);
    let lines = ended.out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_busy_bot_has_everything_that_was_acknowledged_before_it() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let place = tempfile::tempdir()?;
    let file = place.path().join("backup");
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let seen = Arc::new(Mutex::new(Acknowledged::default()));
    let people = people(&slack, &seen);
    let enough = async {
        while seen.lock().unwrap().approved.len() < BEFORE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, enough).await?;

    let before = seen.lock().unwrap().clone();
    let made = Start::command("backup", &[("--data", &data.path()), ("--to", &file)])
        .end()
        .await;
    made.expect_code(0);
    let after = seen.lock().unwrap().clone();
    assert!(
        after.asked.len() > before.asked.len(),
        "nothing went on while the backup was made"
    );
    let again = Start::command("backup", &[("--data", &data.path()), ("--to", &file)]);
    again
        .end()
        .await
        .expect_code(1)
        .expect_words("exists; give the backup a new name");
    for person in people {
        person.abort();
    }
    bot.terminate().await.expect_code(0);
    let left: Vec<_> = std::fs::read_dir(place.path())?.flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    let restored = place.path().join("restored");
    Start::command("restore", &[("--data", &restored), ("--from", &file)])
        .end()
        .await
        .expect_code(0);
    let runs = requests(&restored).await;
    for reason in &before.asked {
        assert!(runs.contains_key(reason), "{reason} is lost");
    }
    for reason in &before.approved {
        assert_eq!(runs[reason].status, Status::Approved, "{reason}");
    }
    // All of it is of one moment: the audit journal tells of the same requests and decisions, and is the beginning of
    // the bot's own.
    let (lines, all) = (exported(&restored).await, exported(&data.path()).await);
    assert_eq!(lines, all[..lines.len()]);
    assert!(lines.len() < all.len());
    let told = |event: &str| {
        let lines = lines.iter();
        lines
            .filter(|line| line["event"]["type"] == event)
            .filter(|line| line["state"]["refused"] != true)
            .map(|line| {
                let srn = line["run"]["srn"].as_str().expect("a run");
                srn.rsplit(':').next().unwrap_or_default().to_owned()
            })
            .collect::<BTreeSet<_>>()
    };
    let kept = |approved: bool| {
        let runs = runs.values();
        runs.filter(|run| !approved || run.status == Status::Approved)
            .map(|run| run.id.to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(told("request"), kept(false));
    assert_eq!(told("approve"), kept(true));
    println!(
        "backup of a busy bot: {} of {} requests and {} of {} approvals were acknowledged before it; it has {} requests; {}",
        before.asked.len(),
        after.asked.len(),
        before.approved.len(),
        after.approved.len(),
        runs.len(),
        made.out.trim()
    );

    // With the journals of the old directory, everything is there.
    let whole = place.path().join("whole");
    let from = [
        ("--data", &*whole),
        ("--from", &file),
        ("--journal", &data.path()),
    ];
    Start::command("restore", &from).end().await.expect_code(0);
    assert_eq!(exported(&whole).await, all);
    assert_eq!(requests(&whole).await, requests(&data.path()).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_does_not_keep_the_bot_from_stopping() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    // More than what pipes and channels hold on the way to the client.
    let place = tempfile::tempdir()?;
    let journal = data.path().join("audit");
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    ask(&slack.person("alice"), "plain", "x").await?;
    bot.terminate().await.expect_code(0);
    assert!(journal.is_dir());
    let store = SledStore::open(&data.path(), Options::default())?;
    for number in 0..80 {
        store
            .put_blob(format!("large-{number}"), "x".repeat(100_000))
            .await?;
    }
    store.close().await?;
    drop(store);

    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let mut client = UnixStream::connect(data.path().join("control.sock")).await?;
    client.write_all(b"{\"command\":\"backup\"}\n").await?;
    let mut first = [0; 1000];
    client.read_exact(&mut first).await?;
    // A second one is refused while the first is on its way.
    let file = place.path().join("backup");
    Start::command("backup", &[("--data", &data.path()), ("--to", &file)])
        .end()
        .await
        .expect_code(1)
        .expect_words("backup");
    assert_eq!(std::fs::read_dir(place.path())?.count(), 0);
    // Requests go on.
    ask(&slack.person("alice"), "plain", "y").await?;
    bot.terminate().await.expect_code(0);
    drop(client);
    Start::command("backup", &[("--data", &data.path()), ("--to", &file)])
        .end()
        .await
        .expect_code(0);
    Ok(())
}
