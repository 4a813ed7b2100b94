//! The whole bot: opens the store, loads the flows, warms the workers, connects, recovers; and the way back.
//!
//! Order at the start: configuration first (a wrong flow must not open the store), then store and workers, then the web
//! app's socket (for probes, while Slack is out of reach), then Slack. What was under way is taken up before anything new
//! can come in: otherwise an effect of a new request could be found in the outbox and be carried out twice. At the end:
//! intake stops, what is in flight finishes, everything is written down, workers end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::commands::{commands, open_control};
use crate::config::{Settings, WebSettings};
use crate::control::Control;
use crate::domain::person::Role;
use crate::engine::{Book, Engine, Intake, Outside, OutsideParts, Pages};
use crate::inspected::{Checked, Checker};
use crate::policy::http::HttpGate;
use crate::policy::pool::{Pool, PoolConfig};
use crate::reload::{Reloader, log_diagnostic};
use crate::slack::api::{ApiError, Identity, SlackApi};
use crate::slack::directory::{Admins, Directory};
use crate::slack::pacing::Backoff;
use crate::slack::socket::{SocketConfig, SocketHandle, SocketMode};
use crate::store::sled::{Options, SledStore};
use crate::web::{self, WebConfig};

/// How long effects in flight may take at the end: longer than a post may take until it counts as failed, so that none that
/// was started is left in the outbox and done again. Nothing is repeated any more by then.
const CLOSE_PATIENCE: Duration = Duration::from_secs(17);

/// Why the bot cannot start.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StartError {
    what: String,
    hint: String,
}

impl StartError {
    fn new(what: impl std::fmt::Display, hint: impl Into<String>) -> Self {
        Self {
            what: what.to_string(),
            hint: hint.into(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// A running bot.
pub struct Bot {
    engine: Arc<Engine>,
    reloader: Arc<Reloader>,
    pool: Pool,
    socket: SocketHandle,
    web: Option<RunningWeb>,
    control: Option<Control>,
    stop: CancellationToken,
    background: Vec<JoinHandle<()>>,
}

struct RunningWeb {
    config: WebConfig,
    pages: watch::Sender<axum::Router>,
    /// What the bot waits for, for `/readyz` until there are pages.
    waits_for: watch::Sender<String>,
    task: JoinHandle<()>,
}

impl Bot {
    /// Starts everything; returns when the bot takes requests or is about to (the sockets connect in the background).
    /// While Slack is out of reach, it waits; `/readyz` says so.
    ///
    /// # Errors
    /// What keeps it from starting, and what to do.
    pub async fn start(settings: Settings, clock: SharedClock) -> Result<Self, StartError> {
        let began = Instant::now();
        // The workers take longest to start: they warm up while everything else is read and opened.
        let pool = start_pool(
            settings.worker_program.as_deref(),
            settings.workers,
            clock.clone(),
        )?;
        let http = HttpGate::new(&settings.http_allow).map_err(|error| {
            StartError::new(
                format!("SYMBOT_HTTP_ALLOW: {error}"),
                "list hosts that requests in impl.py may reach, with commas between, or leave it unset",
            )
        })?;
        let checker = Checker::new(pool.clone());
        let mut checked = load_flows(&settings, &checker).await?;
        let catalog = std::mem::take(&mut checked.loaded.catalog);
        // Before the store: a start that ends here leaves no new data directory behind.
        let stop = CancellationToken::new();
        let web = match &settings.web {
            Some(web) => Some(open_web(web, &stop).await?),
            None => None,
        };
        let store = open_store(&settings).await?;
        let api = SlackApi::new(
            settings.slack.api_url.as_deref(),
            &settings.slack.bot_token,
            &settings.slack.app_token,
        )
        .map_err(|error| {
            StartError::new(error, "check SLACK_API_URL and the machine's certificates")
        })?;
        let waits_for = |what: String| {
            if let Some(web) = &web {
                web.waits_for.send_replace(what);
            }
        };
        let identity = introduce(&api, waits_for).await?;
        tracing::info!(
            team = identity.team,
            team_id = identity.team_id,
            "Slack knows the bot"
        );
        let directory = Arc::new(Directory::new(
            api.clone(),
            &identity,
            Admins::new(&settings.admins),
        ));
        let engine = Arc::new(Engine::new(
            store.clone(),
            clock,
            Book::new(catalog, store.clone()),
            Outside::new(OutsideParts {
                api: api.clone(),
                directory,
                pool: pool.clone(),
                http,
                secrets: settings.secrets,
                handler_timeout: settings.handler_timeout,
                web: web.as_ref().map(|web| web.config.clone()),
                contacts: settings.admins,
            }),
        ));
        engine
            .recover()
            .await
            .map_err(|error| StartError::new(error, "restore the data directory from a backup"))?;
        engine.report_missing_secrets().await;
        tokio::spawn(report_admins(engine.clone()));
        let reloader = Arc::new(Reloader::new(
            settings.flows.load_options(),
            settings.flows.watch,
            checker,
            engine.clone(),
            &checked,
        ));
        let mut background = engine.start_background();
        background.push(tokio::spawn(reloader.clone().run()));
        let control = open_control(&settings.data, commands(&engine, &store));
        if let Some(web) = &web {
            let pages = web::router(Arc::new(Pages(engine.clone())), web.config.clone());
            drop(web.pages.send_replace(pages));
        }
        let socket = SocketMode::start(
            api,
            SocketConfig::default(),
            Arc::new(Intake(engine.clone())),
        );
        engine.outside.follow(&socket);
        tokio::spawn(report_sandbox(pool.clone()));
        tokio::spawn(report_ready(pool.clone(), socket.connected(), began));
        Ok(Self {
            engine,
            reloader,
            pool,
            socket,
            web,
            control,
            stop,
            background,
        })
    }

    /// Where the web app is, for people on this machine.
    #[must_use]
    pub fn web_url(&self) -> Option<String> {
        self.web.as_ref().map(|web| web.config.home_link())
    }

    /// The engine, for tests that look inside.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The policy workers, for tests that run handlers again.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Reads the flows again when asked to.
    #[must_use]
    pub fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// Reads the flows again whenever it is told to.
    pub fn reload_when(&mut self, told: Arc<Notify>) {
        let reloader = self.reloader.clone();
        self.background.push(tokio::spawn(async move {
            loop {
                told.notified().await;
                reloader.ask();
            }
        }));
    }

    /// Runs until it is told to end, until Slack refuses the tokens, or until a part fails that should never end.
    pub async fn run_until(mut self, told_to_end: CancellationToken) -> ExitCode {
        let mut refused = self.socket.fatal();
        let mut broken = self.engine.fatal_reason();
        let mut code = ExitCode::SUCCESS;
        tokio::select! {
            () = told_to_end.cancelled() => tracing::info!("stopping"),
            (result, _, _) = futures_util::future::select_all(&mut self.background) => {
                // Without it timers would not fire, and nobody would notice.
                let why = result.err().map_or_else(|| "it returned".to_owned(), |error| error.to_string());
                tracing::error!(why, "a part of the bot that should never end has ended; stopping");
                self.background.clear();
                code = ExitCode::FAILURE;
            }
            reason = wait_for_fatal(&mut refused) => {
                tracing::error!(reason, "Slack does not let the bot connect; stopping");
                code = ExitCode::FAILURE;
            }
            reason = wait_for_fatal(&mut broken) => {
                tracing::error!(reason, "the bot cannot go on; stopping. What is unfinished goes on at the next start");
                code = ExitCode::FAILURE;
            }
        }
        if self.shutdown().await {
            code
        } else {
            ExitCode::FAILURE
        }
    }

    /// Stops intake, lets what is in flight finish, writes everything down. Returns false when something was left
    /// behind that should not be (it is logged).
    pub async fn shutdown(self) -> bool {
        let mut clean = true;
        self.stop.cancel();
        let web = async {
            match self.web {
                Some(web) => web.task.await,
                None => Ok(()),
            }
        };
        let (drained, web) = tokio::join!(self.socket.shutdown(), web);
        if !drained {
            tracing::warn!("some Slack envelopes were still being handled");
        }
        if let Err(error) = web {
            tracing::error!(%error, "the web app ended badly");
            clean = false;
        }
        // Before the store: from then on the directory may belong to the next process, and its socket is there.
        if let Some(control) = self.control {
            control.close().await;
        }
        if let Err(error) = self.engine.close(CLOSE_PATIENCE).await {
            tracing::error!(%error, "the store could not be closed");
            clean = false;
        }
        for task in self.background {
            task.abort();
        }
        self.pool.shutdown().await;
        tracing::info!("stopped");
        clean
    }
}

async fn wait_for_fatal(fatal: &mut tokio::sync::watch::Receiver<Option<String>>) -> String {
    match fatal.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => std::future::pending().await,
    }
}

/// Says which of the named administrators are none: an address that is misspelt would be noticed when somebody is needed.
async fn report_admins(engine: Arc<Engine>) {
    for admin in &engine.outside.contacts {
        let directory = &engine.outside.directory;
        let found = if admin.contains('@') {
            directory.person_by_email(admin).await
        } else {
            directory.person_by_slack_id(admin).await
        };
        let problem = match found {
            Ok(Some(person)) if !person.active => "this account is deactivated".to_owned(),
            Ok(Some(person)) if person.role != Role::Admin => {
                "this account is of another company, and so never an administrator".to_owned()
            }
            Ok(Some(_)) => continue,
            Ok(None) => "Slack knows nobody by that name".to_owned(),
            Err(error) => format!("Slack could not be asked ({error})"),
        };
        tracing::warn!(
            admin,
            problem,
            "an entry of --admins (SYMBOT_ADMINS) may be wrong"
        );
    }
}

/// Says which parts of the sandbox this machine does not have.
async fn report_sandbox(pool: Pool) {
    loop {
        match pool.sandbox_gaps(WARM_PATIENCE).await {
            Ok(gaps) => {
                for gap in gaps {
                    tracing::warn!(
                        gap,
                        "policy workers run without a part of their sandbox, which this machine does not have: code in flows is less confined than it should be"
                    );
                }
                return;
            }
            // `report_ready` says so.
            Err(_) if pool.stopped() => return,
            Err(_) => {}
        }
    }
}

/// Says when requests can be taken for the first time, and how long that took.
async fn report_ready(pool: Pool, mut connected: watch::Receiver<usize>, began: Instant) {
    let warm = async {
        while let Err(reason) = pool.wait_ready(WARM_PATIENCE).await {
            tracing::error!(reason, "the policy workers are still not warm");
        }
    };
    let connected = async { connected.wait_for(|number| *number > 0).await.is_ok() };
    let (connected, ()) = tokio::join!(connected, warm);
    if connected {
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(milliseconds, "ready");
    }
}

/// Time after which cold workers are worth an error in the log.
const WARM_PATIENCE: Duration = Duration::from_secs(30);

/// Cancelled by SIGTERM and Ctrl-C, from the call on: none is lost between the start and the time when somebody waits.
///
/// # Errors
/// When the operating system does not let the process catch them.
pub fn told_to_end() -> Result<CancellationToken, StartError> {
    let failed = |error: std::io::Error| {
        StartError::new(
            format!("signals cannot be caught: {error}"),
            "check the limits of the process",
        )
    };
    let told = CancellationToken::new();
    let tell = told.clone();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tell.cancel();
        });
    }
    #[cfg(not(unix))]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(failed)?;
        tokio::spawn(async move {
            interrupt.recv().await;
            tell.cancel();
        });
    }
    Ok(told)
}

/// SIGHUPs, from the call on: the signal would end the process otherwise. Where there is no such signal, none comes.
///
/// # Errors
/// When the operating system does not let the process catch it.
pub fn hangups() -> Result<Arc<Notify>, StartError> {
    let told = Arc::new(Notify::new());
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup()).map_err(|error| {
            StartError::new(
                format!("SIGHUP cannot be caught: {error}"),
                "check the limits of the process",
            )
        })?;
        let tell = told.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                tell.notify_one();
            }
        });
    }
    Ok(told)
}

/// Workers of `program`, or of this program, warming up in the background; `clock` tells handlers the time.
///
/// # Errors
/// When the program does not know its own path.
pub fn start_pool(
    program: Option<&Path>,
    workers: usize,
    clock: SharedClock,
) -> Result<Pool, StartError> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => std::env::current_exe().map_err(|error| {
            StartError::new(
                format!("the path of this program cannot be found: {error}"),
                "start symbot by its full path",
            )
        })?,
    };
    Ok(Pool::start_at(PoolConfig::of(program, workers), clock))
}

/// Loads the flows and looks at their code; a problem in one of them keeps the bot from starting, with every problem on
/// record.
async fn load_flows(settings: &Settings, checker: &Checker) -> Result<Checked, StartError> {
    let checked = checker.check(&settings.flows.load_options()).await;
    for diagnostic in &checked.inspected.diagnostics {
        log_diagnostic(diagnostic);
    }
    if checked.inspected.has_errors() {
        return Err(StartError::new(
            "the flows have problems, see above",
            "symbot check with the same directories shows them with their lines",
        ));
    }
    tracing::info!(
        flows = checked.loaded.catalog.flows.len(),
        version = checked.loaded.catalog.version,
        "flows loaded"
    );
    Ok(checked)
}

/// Opens the store on a thread that may block.
async fn open_store(settings: &Settings) -> Result<Arc<SledStore>, StartError> {
    let dir = settings.data.clone();
    let opened =
        tokio::task::spawn_blocking(move || SledStore::open(&dir, Options::default())).await;
    let hint = "--data names another directory; see docs/operations.md";
    match opened {
        Ok(Ok(store)) => Ok(Arc::new(store)),
        Ok(Err(error)) => Err(StartError::new(
            format!("{}: {error}", settings.data.display()),
            hint,
        )),
        Err(error) => Err(StartError::new(
            format!("the store could not be opened: {error}"),
            hint,
        )),
    }
}

/// First and longest pause before Slack is asked again who the bot is.
const INTRODUCE_FIRST: Duration = Duration::from_millis(250);
const INTRODUCE_LONGEST: Duration = Duration::from_secs(10);

/// Asks Slack who the bot is, until Slack says so or refuses: a machine whose network comes up after the bot, or an outage
/// of Slack, is no reason to give up.
async fn introduce(api: &SlackApi, waits_for: impl Fn(String)) -> Result<Identity, StartError> {
    waits_for("Slack has not said yet who the bot is".to_owned());
    let mut backoff = Backoff::new(INTRODUCE_FIRST, INTRODUCE_LONGEST);
    loop {
        let error = match api.auth_test().await {
            Ok(identity) => return Ok(identity),
            Err(error) if error.permanent() => {
                return Err(StartError::new(
                    &error,
                    "check SLACK_BOT_TOKEN, and that the app is installed in the workspace",
                ));
            }
            Err(error) => error,
        };
        let mut wait = backoff.after_failure();
        if let ApiError::RateLimited { retry_after, .. } = &error {
            wait = wait.max(*retry_after);
        }
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(%error, again_in_ms = millis, "Slack does not answer yet; check the network and SLACK_API_URL if this goes on");
        waits_for(format!("Slack does not answer ({error})"));
        tokio::time::sleep(wait).await;
    }
}

/// Opens the web app's socket, which answers probes from now on; with port 0 the address becomes known here.
async fn open_web(web: &WebSettings, stop: &CancellationToken) -> Result<RunningWeb, StartError> {
    const HINT: &str =
        "give --web an IP address and a port, or turn the web app off with --web off";
    let addr = tokio::net::lookup_host(&web.addr)
        .await
        .map_err(|error| {
            StartError::new(
                format!("the web address {} cannot be used: {error}", web.addr),
                HINT,
            )
        })?
        .next()
        .ok_or_else(|| {
            StartError::new(
                format!("the web address {} means nothing here", web.addr),
                HINT,
            )
        })?;
    let listener = web::bind(addr)
        .await
        .map_err(|error| StartError::new(error, ""))?;
    let bound = listener
        .local_addr()
        .map_err(|error| StartError::new(error, HINT))?;
    let text = web.url.clone().unwrap_or_else(|| format!("http://{bound}"));
    let url = url::Url::parse(&text).map_err(|error| {
        StartError::new(
            format!("the web address {text} cannot be used: {error}"),
            HINT,
        )
    })?;
    let config = WebConfig::new(url).map_err(|error| StartError::new(error, ""))?;
    tracing::info!(address = %bound, url = config.home_link(), "the web app listens");
    let (waits_for, waiting) = watch::channel("the bot is starting".to_owned());
    let (pages, newest) = watch::channel(web::starting(waiting));
    let stop = stop.clone();
    Ok(RunningWeb {
        config,
        pages,
        waits_for,
        task: tokio::spawn(web::serve_newest(listener, newest, async move {
            stop.cancelled().await;
        })),
    })
}
