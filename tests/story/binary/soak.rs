//! Soak: people ask and decide, timers run out, pages and figures are read, requests are explained, and the journal is
//! verified, all at once and for long. Everything that waits for an answer has a watchdog; memory and descriptors are sampled;
//! at the end nothing is open, and each request was decided once.
//!
//! CI does this for some seconds. At length:
//!
//! ```sh
//! SYMBOT_SOAK_SECONDS=1800 cargo tests --test story soak -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use slack_sim::{Setup, SlackSim, ViolationKind};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::harness::{Data, FIELD, Flows, ORDINARY, Program, Start, open_form};
use super::scale::resident_mb;
use super::storm::{Random, setting};
use crate::in_process::browser::Browser;

const SECONDS_IN_CI: u64 = 6;
/// Whoever gets no answer for so long waits for something that will never come.
const WATCHDOG: Duration = Duration::from_secs(30);
/// Slack's limit for acknowledgements, which a machine that is busy with other things may miss now and then.
const ACK_LIMIT: Duration = Duration::from_secs(3);
/// Longest pause of somebody between two things.
const PAUSE_MS: u64 = 200;
/// Runs shorter than this are not long enough to tell growth from caches that fill.
const LONG: Duration = Duration::from_secs(300);
/// Most that the bot (without its worker) may have, in any run.
const MEMORY_MAX_MB: u64 = 300;
/// What the last quarter may have beyond the second: share, and MB for what is kept of the last 50,000 envelopes.
const GROWTH: (f64, f64) = (1.15, 12.0);

/// Sockets of the bot, in any run. Its HTTP client keeps a connection to Slack for as many calls as ever went on at once, and
/// closes none of them by itself.
const SOCKETS_MAX: usize = 64;
/// What the last quarter may have beyond the second: files and pipes (one may just be being read), and sockets.
const MORE_FILES: usize = 2;
const MORE_SOCKETS: usize = 16;
/// From the last decision to the last look at memory: longer than sled's flush and the bot's own rounds take.
const QUIET: Duration = Duration::from_secs(2);

/// Requests that may wait for a decision; then nobody asks until some are decided.
const BACKLOG: u64 = 40;

const ASKERS: [&str; 4] = ["alice", "carol", "dave", "erin"];

/// Goes to where nobody looks, and after a second to where somebody decides.
const TIMED: &str = r##"
@reducer
def get_permissions(event):
    return RequestPermission(webapp_view=PermissionLevel.MEMBER, approve_deny=PermissionLevel.MEMBER, allow_self_approval=False)


@reducer
def get_request_notifications(event):
    return [
        Notification(destinations=[slack.channel("#test-paginate-10")], timeout=1),
        Notification(destinations=[slack.channel("#sym-requests")]),
    ]
"##;

/// What everybody did, and how long it took at most.
#[derive(Default)]
struct Deeds {
    times: Mutex<BTreeMap<&'static str, (u64, Duration)>>,
    submitted: AtomicU64,
    decided: AtomicU64,
    /// Id of the request that was read last.
    read: Mutex<Option<String>>,
}

impl Deeds {
    fn undecided(&self) -> u64 {
        let decided = self.decided.load(Ordering::SeqCst);
        self.submitted
            .load(Ordering::SeqCst)
            .saturating_sub(decided)
    }

    /// Waits until at most so many are undecided; however long that takes, as long as it goes on.
    async fn until_undecided(&self, most: u64) {
        let (mut before, mut since) = (self.undecided(), Instant::now());
        while self.undecided() > most {
            if self.undecided() < before {
                (before, since) = (self.undecided(), Instant::now());
            }
            assert!(
                since.elapsed() < WATCHDOG,
                "{} of {} requests are not decided, and nothing goes on",
                self.undecided(),
                self.submitted.load(Ordering::SeqCst)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Does something that must be answered.
    async fn watched<T>(&self, what: &'static str, doing: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let Ok(done) = tokio::time::timeout(WATCHDOG, doing).await else {
            panic!("{what}: no answer within {WATCHDOG:?}");
        };
        let took = began.elapsed();
        let mut times = self.times.lock().unwrap();
        let (count, longest) = times.entry(what).or_default();
        *count += 1;
        *longest = took.max(*longest);
        done
    }
}

type Told = Result<(), String>;

fn text<E: ToString>(error: E) -> String {
    error.to_string()
}

/// Asks again and again, by two flows; now and then closes a form without sending it.
async fn asks(
    slack: SlackSim,
    name: &'static str,
    deeds: Arc<Deeds>,
    over: watch::Receiver<bool>,
    mut random: Random,
) -> Told {
    let person = slack.person(name);
    for number in 0.. {
        if *over.borrow() {
            break;
        }
        let flow = if random.below(3) == 0 {
            "timed"
        } else {
            "plain"
        };
        deeds.until_undecided(BACKLOG).await;
        let opening = open_form(&person, flow);
        let form = deeds
            .watched("form opened", opening)
            .await
            .map_err(|error| format!("{name} opens a form: {error}"))?;
        if random.below(10) == 0 {
            form.close_all().map_err(text)?;
        } else {
            let sending = form.fill(FIELD, &format!("{name} {number}")).submit();
            deeds
                .watched("form sent", sending)
                .await
                .map_err(|error| format!("{name} sends a form: {error}"))?;
            deeds.submitted.fetch_add(1, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(random.below(PAUSE_MS))).await;
    }
    Ok(())
}

/// Decides everything that comes; every fourth together with somebody who wants the opposite.
async fn decides(slack: SlackSim, deeds: Arc<Deeds>, mut random: Random) -> Told {
    let (bob, alice) = (slack.person("bob"), slack.person("alice"));
    let mut channel = slack.channel("#sym-requests");
    loop {
        let message = match channel.next_request().await {
            Ok(message) => message,
            // Nobody asks any more: the driver waits no longer than for a watchdog.
            Err(_) if deeds.undecided() == 0 => {
                continue;
            }
            Err(error) => return Err(format!("a message of a request: {error}")),
        };
        let [one, other] = if random.below(2) == 0 {
            ["Approve", "Deny"]
        } else {
            ["Deny", "Approve"]
        };
        let pressing = bob.presses(&message, one);
        if random.below(4) == 0 {
            // Too late, or the own request: both get an answer, and neither changes the decision.
            let second = alice.presses_as_seen(&message, other);
            let both = async { tokio::join!(pressing, second) };
            let (first, _) = deeds.watched("two presses", both).await;
            first.map_err(|error| format!("bob decides: {error}"))?;
        } else {
            deeds
                .watched("press", pressing)
                .await
                .map_err(|error| format!("bob decides: {error}"))?;
        }
        deeds.decided.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads lists, requests and figures in the web app.
async fn reads(
    slack: SlackSim,
    site: String,
    name: &'static str,
    deeds: Arc<Deeds>,
    over: watch::Receiver<bool>,
) -> Told {
    let person = slack.person(name);
    let typed = person.in_channel("#general").types("/sym login").await;
    typed.map_err(text)?;
    let answer = person.expects_ephemeral("it works once").await;
    let link = answer.map_err(text)?.current().ok_or("no answer")?.text;
    let at = link.find("/login/").ok_or("no link")?;
    let link: String = link[at..]
        .chars()
        .take_while(|letter| !"|>".contains(*letter))
        .collect();
    let mut browser = Browser::at(&site);
    browser.post(&link, &[]).await.is(303);
    while !*over.borrow() {
        let list = deeds.watched("list", browser.get("/requests")).await;
        list.is(200);
        let all = deeds
            .watched("list of all", browser.get("/requests?show=all"))
            .await;
        all.is(200);
        let first = all.body.find("href=\"/requests/").map(|at| at + 6);
        if let Some(at) = first {
            let path = all.body[at..].split('"').next().unwrap_or_default();
            deeds.watched("request", browser.get(path)).await.is(200);
            let id = path.rsplit('/').next().map(str::to_owned);
            *deeds.read.lock().unwrap() = id;
        }
        let figures = deeds.watched("figures", browser.get("/metrics")).await;
        figures.is(200).shows("symbot_open_requests");
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
    }
    Ok(())
}

/// Verifies the journal beside the bot that writes it.
async fn verifies(
    data: std::path::PathBuf,
    deeds: Arc<Deeds>,
    over: watch::Receiver<bool>,
) -> Told {
    let verify = Start::new(&["audit", "verify"]).argument("--data", &data.display().to_string());
    while !*over.borrow() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        deeds
            .watched("audit verify", verify.end())
            .await
            .expect_code(0);
    }
    Ok(())
}

/// Has requests explained beside the bot, in words and as JSON by turns.
async fn explains(
    data: std::path::PathBuf,
    deeds: Arc<Deeds>,
    over: watch::Receiver<bool>,
) -> Told {
    for number in 0.. {
        if *over.borrow() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        let Some(id) = deeds.read.lock().unwrap().clone() else {
            continue;
        };
        let mut explain =
            Start::new(&["explain", &id]).argument("--data", &data.display().to_string());
        if number % 2 == 1 {
            explain = explain.flag("--json");
        }
        let told = deeds.watched("explain", explain.end()).await;
        told.expect_code(0);
        if !told.out.contains(&id) {
            return Err(format!("{id} is explained as\n{}", told.out));
        }
    }
    Ok(())
}

fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn blobs(data: &Path) -> usize {
    std::fs::read_dir(data.join("store/blobs")).map_or(0, Iterator::count)
}

/// What the bot has at a moment, or at most in a part of the run.
#[derive(Debug, Default, Clone, Copy)]
struct Sample {
    memory_mb: u64,
    sockets: usize,
    /// Descriptors that are no sockets.
    files: usize,
    /// Submitted until then, or in that part.
    requests: u64,
}

impl Sample {
    fn of(bot: &Program, deeds: &Deeds) -> Self {
        let open = open_descriptors(bot);
        let sockets = open.iter().filter(|to| to.starts_with("socket:")).count();
        Self {
            memory_mb: resident_mb(bot.id()),
            sockets,
            files: open.len() - sockets,
            requests: deeds.submitted.load(Ordering::SeqCst),
        }
    }

    /// The most of each in a part of the run, and how much was submitted in it, up to the sample `next`.
    fn most(part: &[Self], next: &Self) -> Self {
        let before = part.first().map_or(0, |first| first.requests);
        part.iter().fold(
            Self {
                requests: next.requests - before,
                ..Self::default()
            },
            |most, one| Self {
                memory_mb: most.memory_mb.max(one.memory_mb),
                sockets: most.sockets.max(one.sockets),
                files: most.files.max(one.files),
                ..most
            },
        )
    }
}

/// Where the bot's open descriptors lead to.
fn open_descriptors(bot: &Program) -> Vec<String> {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", bot.id())).unwrap();
    descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|to| to.display().to_string())
        .collect()
}

/// What the bot's memory consists of, from the kernel's summary.
fn memory_by_kind(bot: &Program) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bot.id())).unwrap();
    let kinds = ["VmRSS:", "RssAnon:", "RssFile:", "Threads:"];
    let lines = status
        .lines()
        .filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_load_for_long_stops_nowhere_and_keeps_nothing()
-> Result<(), Box<dyn std::error::Error>> {
    let length = Duration::from_secs(setting("SYMBOT_SOAK_SECONDS").unwrap_or(SECONDS_IN_CI));
    let slack = SlackSim::start(Setup::company().deadline(WATCHDOG)).await?;
    let flows = Flows::new().with("plain", ORDINARY).with("timed", TIMED);
    let data = Data::new();
    let bot = Start::run(&slack, flows.path(), &data.path())
        .env("SYMBOT_LOG", "warn,symbot=info")
        .spawn();
    bot.ready().await;
    let site = format!("http://{}", bot.web().await);
    let deeds = Arc::new(Deeds::default());
    let (end, over) = watch::channel(false);
    let mut people = JoinSet::new();
    for (seed, name) in ASKERS.into_iter().enumerate() {
        let random = Random(seed as u64);
        people.spawn(asks(
            slack.clone(),
            name,
            deeds.clone(),
            over.clone(),
            random,
        ));
    }
    for name in ["bob", "carol"] {
        let reading = reads(
            slack.clone(),
            site.clone(),
            name,
            deeds.clone(),
            over.clone(),
        );
        people.spawn(reading);
    }
    people.spawn(verifies(data.path(), deeds.clone(), over.clone()));
    people.spawn(explains(data.path(), deeds.clone(), over.clone()));
    let mut deciding = tokio::spawn(decides(slack.clone(), deeds.clone(), Random(77)));

    let began = Instant::now();
    let mut samples = Vec::new();
    while began.elapsed() < length {
        samples.push(Sample::of(&bot, &deeds));
        assert_eq!(blobs(&data.path()), 0, "sled keeps a value in a file");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            Some(early) = people.join_next() => panic!("{}\nsomebody stopped: {early:?}", end_of(&bot.log())),
            early = &mut deciding => panic!("{}\nthe deciding stopped: {early:?}", end_of(&bot.log())),
        }
    }
    end.send(true)?;
    while let Some(ended) = people.join_next().await {
        ended?.map_err(|error| format!("{}\n{error}", end_of(&bot.log())))?;
    }
    deeds.until_undecided(0).await;
    tokio::time::sleep(QUIET).await;
    let (quiet, quiet_memory) = (Sample::of(&bot, &deeds), memory_by_kind(&bot));
    let descriptors = open_descriptors(&bot);
    deciding.abort();
    let log = bot.log();
    bot.terminate().await.expect_code(0);

    let requests = deeds.submitted.load(Ordering::SeqCst);
    let mut verdicts: BTreeMap<String, u64> = BTreeMap::new();
    for line in data.audit() {
        let Some(run) = line["run"]["srn"].as_str() else {
            continue;
        };
        let verdicts = verdicts.entry(run.to_owned()).or_default();
        let kind = line["event"]["type"].as_str();
        if matches!(kind, Some("approve" | "deny")) && line["state"]["refused"] != true {
            *verdicts += 1;
        }
    }
    assert_eq!(verdicts.len() as u64, requests, "requests in the journal");
    let not_once = verdicts.values().filter(|count| **count != 1).count();
    assert_eq!(not_once, 0, "requests that were not decided once");
    data.expect_whole_journal().await;
    assert_eq!(blobs(&data.path()), 0, "sled keeps a value in a file");
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
    let late = slack.forgive(|violation| violation.kind == ViolationKind::LateAck);
    slack.expect_no_violations()?;

    let times = deeds.times.lock().unwrap();
    println!(
        "soak of {length:?}: {requests} requests, each decided once; {} of all acknowledgements later than {ACK_LIMIT:?}",
        late.len()
    );
    for (what, (count, longest)) in times.iter() {
        println!("  {what}: {count} times, longest {longest:.1?}");
    }
    let quarter = |number: usize| {
        let from = samples.len() * number / 4;
        let to = (samples.len() * (number + 1) / 4).max(from + 1);
        Sample::most(&samples[from..to], samples.get(to).unwrap_or(&quiet))
    };
    let quarters: Vec<Sample> = (0..4).map(quarter).collect();
    for (number, quarter) in (1..).zip(&quarters) {
        println!("  quarter {number}, at most: {quarter:?}");
    }
    println!("  {QUIET:?} after the last decision: {quiet:?}, {quiet_memory}");
    for what in [
        "audit verify",
        "explain",
        "figures",
        "request",
        "two presses",
    ] {
        assert!(times.contains_key(what), "{what} was never done");
    }
    let acknowledged: u64 = ["form opened", "form sent", "press", "two presses"]
        .iter()
        .filter_map(|what| times.get(what).map(|(count, _)| count))
        .sum();
    assert!(
        late.len() as u64 <= acknowledged / 100,
        "{} of {acknowledged} acknowledgements came too late",
        late.len()
    );
    let all = Sample::most(&samples, &quiet);
    assert!(all.memory_mb < MEMORY_MAX_MB, "{quarters:?}");
    assert!(all.sockets <= SOCKETS_MAX, "{quarters:?} {descriptors:#?}");
    if length >= LONG {
        let (before, after) = (quarters[1], quarters[3]);
        let most = before.memory_mb as f64 * GROWTH.0 + GROWTH.1;
        assert!(
            after.memory_mb as f64 <= most,
            "memory grows: {quarters:?}, {QUIET:?} after the last decision {quiet:?}, {quiet_memory}"
        );
        let more_files = after.files.saturating_sub(before.files);
        let more_sockets = after.sockets.saturating_sub(before.sockets);
        assert!(
            more_files <= MORE_FILES && more_sockets <= MORE_SOCKETS,
            "descriptors grow: {quarters:?} {descriptors:#?}"
        );
    }
    Ok(())
}
