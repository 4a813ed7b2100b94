//! Starts a workspace and a bot for one story, and whatever comes of the story ends both and judges what it cannot see:
//! broken rules of Slack, panics in the background, an audit journal that does not verify, an end that was not clean.
//!
//! Each story has a runtime of its own whose threads are named after it: by that name its log lines and its panics
//! are told from those of the stories beside it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use slack_sim::{DriverError, Form, Person, SeenMessage, Setup, SlackSim};
use symbot::bot::Bot;
use symbot::cli::explain::{Replayed, replay_one, sources_of};
use symbot::clock::ManualClock;
use symbot::config::{FlowSettings, Settings, SlackSettings, WebSettings};
use symbot::control;
use symbot::domain::person::{Person as Somebody, Role};
use symbot::domain::run::{Delivery, Run, Status};
use symbot::engine::{Engine, Pages};
use symbot::policy::pool::{Pool, PoolConfig};
use symbot::policy::recording::RecordedOutcome;
use symbot::reload::Reloader;
use symbot::secret::Secret;
use symbot::secrets::Secrets;
use symbot::slack::view::ids;
use symbot::store::datadir::{audit_dir, audit_lines_written};
use symbot::store::journal;
use symbot::web::backend::{Backend as _, ListQuery};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::flows::Flows;

/// What a story returns; `?` works on everything that can go wrong in one.
pub type Told = Result<(), Box<dyn std::error::Error>>;

/// Longest time of a story on a busy machine, so that a hanging one names itself.
const STORY_LIMIT: Duration = Duration::from_secs(90);

/// How long tasks that block may go on after a story.
const RUNTIME_LIMIT: Duration = Duration::from_secs(5);

/// Handler calls of one story that are run again at its end.
const REPLAYS_MAX: usize = 20;

const DOES_NOT_START: &str = "the bot does not start";

/// Longest wait for anything, long enough for a machine that is busy with other things, and the step of [`Stage::until`].
const WAIT_LIMIT: Duration = Duration::from_secs(30);
const WAIT_STEP: Duration = Duration::from_millis(5);

/// Name of the global shortcut, as in `manifest.yaml`.
pub const SHORTCUT: &str = "Request access";

/// The label of the one field that most flows have.
pub const WHY: &str = "Why do you need access?";

/// How a story begins.
pub struct Story {
    flows: Flows,
    setup: Setup,
    web: bool,
    admins: Vec<String>,
    handler_timeout: Duration,
    workers: usize,
    http_allow: Vec<String>,
    secrets: Secrets,
    watch: bool,
}

/// What a story plays with.
pub struct Stage {
    pub slack: SlackSim,
    pub clock: ManualClock,
    pub engine: Arc<Engine>,
    pub alice: Person,
    pub bob: Person,
    pub carol: Person,
    pub erin: Person,
    pub gus: Person,
    /// `http://127.0.0.1:PORT`; empty when the web app is off.
    pub web_url: String,
    data: PathBuf,
    /// Takes over changed flows.
    pub reloader: Arc<Reloader>,
    flows: Flows,
    log: String,
}

/// A pool of one worker, within a runtime.
pub fn pool() -> Pool {
    Pool::start(PoolConfig::of(
        PathBuf::from(env!("CARGO_BIN_EXE_symbot")),
        1,
    ))
}

/// A story over these flows, in the company that slack-sim describes.
pub fn story(flows: Flows) -> Story {
    Story {
        flows,
        setup: Setup::company()
            .deadline(WAIT_LIMIT)
            .app_name("Symbot")
            .shortcut(ids::SHORTCUT, SHORTCUT, "Ask for access to something"),
        web: false,
        admins: Vec::new(),
        handler_timeout: Duration::from_secs(20),
        workers: 1,
        http_allow: Vec::new(),
        secrets: Secrets::default(),
        watch: false,
    }
}

impl Story {
    /// Changes the workspace before it starts.
    pub fn workspace(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        self.setup = change(self.setup);
        self
    }

    pub fn with_web(mut self) -> Self {
        self.web = true;
        self
    }

    pub fn with_admins(mut self, admins: &[&str]) -> Self {
        self.admins = admins.iter().map(|&who| who.to_owned()).collect();
        self
    }

    /// The bot watches the files of its flows.
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// What `SYMBOT_HTTP_ALLOW` says.
    pub fn http_allow(mut self, hosts: &[&str]) -> Self {
        self.http_allow = hosts.iter().map(|&host| host.to_owned()).collect();
        self
    }

    /// Values of secrets, by the names of their variables without `SYMBOT_SECRET_`.
    pub fn secrets(mut self, values: &[(&str, &str)]) -> Self {
        let values = values
            .iter()
            .map(|&(name, value)| (name.to_owned(), Secret::new(value)));
        self.secrets = Secrets::new(None, values);
        self
    }

    /// Tells it.
    ///
    /// # Panics
    /// When the story or what is judged behind it goes wrong.
    pub fn run(self, tell: impl AsyncFnOnce(&Stage) -> Told) {
        let data = tempfile::tempdir().unwrap();
        self.run_on(data.path(), tell);
    }

    /// Tells it with a data directory that stays.
    ///
    /// # Panics
    /// As [`Story::run`].
    pub fn run_on(self, data: &Path, tell: impl AsyncFnOnce(&Stage) -> Told) {
        let (name, runtime) = backstage();
        let problems = runtime.block_on(self.perform(&name, data, tell));
        runtime.shutdown_timeout(RUNTIME_LIMIT);
        let log = take(&name);
        let mut problems = problems;
        problems.extend(
            log.panics
                .into_iter()
                .map(|what| format!("in the background: {what}")),
        );
        if !problems.is_empty() {
            let tail = log.lines.iter().rev().take(40).rev();
            let log: String = tail.map(|line| format!("  {line}\n")).collect();
            panic!("{}\n--- log ---\n{log}", problems.join("\n--- and ---\n"));
        }
    }

    /// The bot refuses to start, and some line of its log has all of these parts.
    ///
    /// # Panics
    /// When it starts, or does not say why not.
    pub fn does_not_start(self, parts: &[&str]) {
        let (name, runtime) = backstage();
        let data = tempfile::tempdir().unwrap();
        let problems = runtime.block_on(self.perform(&name, data.path(), async |_| Ok(())));
        runtime.shutdown_timeout(RUNTIME_LIMIT);
        let log = take(&name).lines;
        assert!(
            problems.iter().any(|what| what.starts_with(DOES_NOT_START)),
            "the bot starts: {problems:?}"
        );
        assert!(
            log.iter()
                .any(|line| parts.iter().all(|part| line.contains(part))),
            "no log line with {parts:?} in\n{}",
            log.join("\n")
        );
    }

    /// The bot refuses to start for this reason, before it has read anything.
    ///
    /// # Panics
    /// When it starts, or gives another reason.
    pub fn does_not_start_because(self, reason: &str) {
        let (name, runtime) = backstage();
        let data = tempfile::tempdir().unwrap();
        let problems = runtime.block_on(self.perform(&name, data.path(), async |_| Ok(())));
        runtime.shutdown_timeout(RUNTIME_LIMIT);
        take(&name);
        let expected = format!("{DOES_NOT_START}: {reason}");
        assert!(
            problems.iter().any(|what| what.starts_with(&expected)),
            "{problems:?}"
        );
    }

    async fn perform(
        self,
        name: &str,
        data: &Path,
        tell: impl AsyncFnOnce(&Stage) -> Told,
    ) -> Vec<String> {
        let slack = SlackSim::start(self.setup).await.unwrap();
        let clock = ManualClock::default();
        let settings = Settings {
            slack: SlackSettings {
                api_url: Some(slack.api_url()),
                app_token: Secret::new(slack.app_token()),
                bot_token: Secret::new(slack.bot_token()),
            },
            flows: FlowSettings {
                dirs: self.flows.dirs().to_vec(),
                watch: self.watch,
                ..FlowSettings::default()
            },
            data: data.to_owned(),
            admins: self.admins,
            web: self.web.then(|| WebSettings {
                addr: "127.0.0.1:0".to_owned(),
                url: None,
            }),
            handler_timeout: self.handler_timeout,
            workers: self.workers,
            http_allow: self.http_allow,
            secrets: self.secrets,
            worker_program: Some(PathBuf::from(env!("CARGO_BIN_EXE_symbot"))),
        };
        let bot = match Bot::start(settings, Arc::new(clock.clone())).await {
            Ok(bot) => bot,
            Err(error) => return vec![format!("{DOES_NOT_START}: {error}")],
        };
        let mut problems = Vec::new();
        if let Err(error) = slack.connected(1).await {
            problems.push(error.to_string());
        } else {
            let stage = Stage {
                alice: slack.person("alice"),
                bob: slack.person("bob"),
                carol: slack.person("carol"),
                erin: slack.person("erin"),
                gus: slack.person("gus"),
                web_url: bot
                    .web_url()
                    .unwrap_or_default()
                    .trim_end_matches('/')
                    .to_owned(),
                slack: slack.clone(),
                clock,
                engine: bot.engine().clone(),
                data: data.to_owned(),
                reloader: bot.reloader().clone(),
                flows: self.flows,
                log: name.to_owned(),
            };
            let told = AssertUnwindSafe(tokio::time::timeout(STORY_LIMIT, tell(&stage)));
            match told.catch_unwind().await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => problems.push(error.to_string()),
                Ok(Err(_)) => problems.push(format!("the story takes longer than {STORY_LIMIT:?}")),
                Err(panic) => problems.push(panic_text(panic.as_ref())),
            }
        }
        problems.extend(differences(&bot, data).await);
        if !bot.shutdown().await {
            problems.push("the bot did not end cleanly".to_owned());
        }
        if let Err(error) = slack.expect_no_violations() {
            problems.push(error.to_string());
        }
        if let Err(bad) = journal::verify(&audit_dir(data), audit_lines_written(data)) {
            problems.push(format!("the audit journal does not verify: {bad}"));
        }
        problems
    }
}

impl Stage {
    /// Everybody's requests, newest first.
    pub async fn runs(&self) -> Vec<Run> {
        all_runs(&self.engine).await
    }

    /// What the bot tells of a request over its control socket.
    pub async fn explained(&self, run: &Run) -> symbot::explain::Story {
        explained(&self.data, run).await.unwrap()
    }

    /// What the handlers of a request printed, all calls together.
    pub async fn printed(&self, run: &Run) -> String {
        let story = self.explained(run).await;
        let printed = story.calls.iter().map(|kept| match &kept.call.outcome {
            RecordedOutcome::Results { printed, .. } => printed.as_str(),
            RecordedOutcome::Failure(failure) => failure.printed.as_str(),
        });
        printed.collect()
    }

    /// Lines of the audit journal of this type, without a request.
    pub async fn audited(&self, kind: &str) -> Vec<serde_json::Value> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(audit_dir(&self.data)).unwrap() {
            let text = tokio::fs::read_to_string(entry.unwrap().path())
                .await
                .unwrap_or_default();
            let lines = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            found.extend(lines.filter(|line: &serde_json::Value| line["type"] == kind));
        }
        found
    }

    /// Writes a file of the flows, as an editor does that saves it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.flows.dirs()[0].join(name), text).unwrap();
    }

    /// The one request there is.
    pub async fn the_run(&self) -> Run {
        let mut runs = self.runs().await;
        assert_eq!(runs.len(), 1, "one request is expected");
        runs.remove(0)
    }

    /// Alice asks in #general for the flow, with "deploy" as the reason.
    pub async fn alice_asks_for(&self, flow: &str) -> Result<(), DriverError> {
        let form = self.form(&self.alice, "#general", flow).await?;
        form.fill(WHY, "deploy").submit().await?;
        Ok(())
    }

    /// The flow picker, opened by Alice from #general.
    pub async fn picker(&self) -> Result<Form, DriverError> {
        let typed = self.alice.in_channel("#general").types("/sym").await?;
        typed.modal().await
    }

    /// A person types `/sym req <flow>` in a channel.
    pub async fn form(
        &self,
        person: &Person,
        channel: &str,
        flow: &str,
    ) -> Result<Form, DriverError> {
        // The clock stands still otherwise, and requests of the same moment have no order.
        self.clock.advance(Duration::from_secs(1));
        let typed = format!("/sym req {flow}");
        person
            .in_channel(channel)
            .types(&typed)
            .await?
            .modal()
            .await
    }

    /// The next message with buttons in the channel.
    pub async fn request_in(&self, channel: &str) -> Result<SeenMessage, DriverError> {
        self.slack.channel(channel).next_request().await
    }

    /// Waits until every destination of a notification was tried and the outcome is on the disk: only then does its time run.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_sent(&self, notification: usize) {
        let what = format!("notification {} to be sent", notification + 1);
        self.until(&what, async || {
            let runs = self.runs().await;
            runs.first()
                .and_then(|run| run.notifications.get(notification))
                .is_some_and(|routed| {
                    !routed.deliveries.is_empty() && !routed.deliveries.contains(&Delivery::Pending)
                })
        })
        .await;
    }

    /// Waits until the request there is has this status on the disk.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_status(&self, status: Status) -> Run {
        self.until(&format!("the request to be {status:?}"), async || {
            self.runs().await.first().map(|run| run.status) == Some(status)
        })
        .await;
        self.runs().await.remove(0)
    }

    /// Waits for what cannot be awaited.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let end = tokio::time::Instant::now() + WAIT_LIMIT;
        while !so().await {
            assert!(
                tokio::time::Instant::now() < end,
                "expected {what}; the requests are {:#?}",
                self.runs().await
            );
            tokio::time::sleep(WAIT_STEP).await;
        }
    }

    /// Fifteen seconds pass, as the `notify_user` flow and the guide have it.
    pub fn fifteen_seconds_pass(&self) {
        self.clock.advance(Duration::from_secs(15));
    }

    /// A call of the bot's own to Slack, with its token: for messages that it might have posted in another life.
    pub async fn call_slack(&self, method: &str, body: &serde_json::Value) -> serde_json::Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let token = format!("Bearer {}", self.slack.bot_token());
        let answer = super::browser::exchange(
            "POST",
            &url,
            &[
                ("authorization", token.as_str()),
                ("content-type", "application/json; charset=utf-8"),
            ],
            &body.to_string(),
        )
        .await;
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What the bot logged about this story so far.
    pub fn log(&self) -> Vec<String> {
        logs()
            .get(&self.log)
            .map(|log| log.lines.clone())
            .unwrap_or_default()
    }

    /// The line of the log that has all of these in it.
    ///
    /// # Panics
    /// When there is none.
    pub fn expects_logged(&self, parts: &[&str]) -> String {
        let log = self.log();
        log.iter()
            .find(|line| parts.iter().all(|part| line.contains(part)))
            .cloned()
            .unwrap_or_else(|| panic!("no log line with {parts:?} in\n{}", log.join("\n")))
    }
}

async fn all_runs(engine: &Arc<Engine>) -> Vec<Run> {
    let admin = Somebody {
        id: uuid::Uuid::nil(),
        slack_id: None,
        email: None,
        name: "the test".to_owned(),
        first_name: None,
        last_name: None,
        role: Role::Admin,
        active: true,
    };
    let query = ListQuery {
        open_only: false,
        before: None,
        limit: 1000,
    };
    Pages(engine.clone())
        .requests(admin, query)
        .await
        .unwrap()
        .runs
}

async fn explained(data: &Path, run: &Run) -> Result<symbot::explain::Story, String> {
    let reply = control::ask(data, "explain", serde_json::json!({ "run": run.id })).await;
    let reply = reply.map_err(|error| error.to_string())?;
    serde_json::from_value(reply.value).map_err(|error| error.to_string())
}

/// Runs recorded handler calls of the story again: each has to give the same, byte for byte.
async fn differences(bot: &Bot, data: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let mut left = REPLAYS_MAX;
    for run in all_runs(bot.engine()).await {
        let story = match explained(data, &run).await {
            Ok(story) => story,
            Err(error) => {
                problems.push(format!("request {} cannot be explained: {error}", run.id));
                continue;
            }
        };
        let sources = sources_of(&story);
        for kept in story.calls.iter().take(left) {
            left -= 1;
            match replay_one(kept, &sources, bot.pool()).await {
                Replayed::Same | Replayed::Stopped => {}
                other => problems.push(format!(
                    "a recorded call of {:?} cannot be repeated: {other:?}\n{kept:#?}",
                    kept.call.handlers
                )),
            }
        }
    }
    problems
}

/// A runtime whose threads have a name of their own.
fn backstage() -> (String, tokio::runtime::Runtime) {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    let name = format!("story-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    listen();
    TOLD_HERE.set(Some(name.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(&name)
        .enable_all()
        .build()
        .unwrap();
    (name, runtime)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Log lines and panics of one story's threads.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    panics: Vec<String>,
}

static HEARD: Mutex<Option<HashMap<String, Heard>>> = Mutex::new(None);

struct Logs(std::sync::MutexGuard<'static, Option<HashMap<String, Heard>>>);

impl std::ops::Deref for Logs {
    type Target = HashMap<String, Heard>;
    fn deref(&self) -> &Self::Target {
        self.0.as_ref().unwrap()
    }
}

fn logs() -> Logs {
    let mut guard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    guard.get_or_insert_default();
    Logs(guard)
}

fn take(story: &str) -> Heard {
    let mut guard = logs();
    guard
        .0
        .as_mut()
        .and_then(|logs| logs.remove(story))
        .unwrap_or_default()
}

thread_local! {
    /// The story of a test's own thread, which has the name of the test.
    static TOLD_HERE: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

/// The story whose background thread this is.
fn in_background() -> Option<String> {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| name.starts_with("story-"))?;
    Some(name.to_owned())
}

fn keep(story: &str, note: impl FnOnce(&mut Heard)) {
    let mut guard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    note(
        guard
            .get_or_insert_default()
            .entry(story.to_owned())
            .or_default(),
    );
}

/// Begins to listen to log and panics, once for all stories.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A panic of the test's own thread is the story's, and is caught there.
            if let Some(story) = in_background() {
                keep(&story, |heard| heard.panics.push(panic.to_string()));
            }
            before(panic);
        }));
        let filter = tracing_subscriber::filter::EnvFilter::new("info,slack_sim=warn");
        let subscriber = tracing_subscriber::registry().with(filter).with(Ear);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

struct Ear;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Ear {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Words(&mut line));
        let story = in_background().or_else(|| TOLD_HERE.with_borrow(Clone::clone));
        if let Some(story) = story {
            keep(&story, |heard| heard.lines.push(line));
        }
    }
}

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value}"),
            name => write!(self.0, " {name}={value}"),
        };
    }
}
