//! The whole bot: opens the store, loads the flows, warms the workers, connects, recovers; and the way back.
//!
//! Order at the start: workers (they take longest to warm up), configuration (a wrong flow must not open the store), store,
//! Slack, what was under way, and only then anything new. At the end: intake stops, what is in flight
//! finishes, everything is written down, workers end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::config::{Settings, WebSettings};
use crate::engine::{Book, Engine, Intake, Outside, OutsideParts, Pages};
use crate::flows::catalog::Catalog;
use crate::flows::diagnostic::Severity;
use crate::inspected::load_and_inspect;
use crate::policy::pool::{Pool, PoolConfig};
use crate::slack::api::{ApiError, Identity, SlackApi};
use crate::slack::directory::{Admins, Directory};
use crate::slack::socket::{SocketConfig, SocketHandle, SocketMode};
use crate::store::contract::Store;
use crate::store::sled::{Options, SledStore};
use crate::web::{self, WebConfig};

/// How long effects in flight may take at the end; systemd's own limit is 90 s.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

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
    pool: Pool,
    socket: SocketHandle,
    web: Option<RunningWeb>,
    stop: CancellationToken,
    background: Vec<JoinHandle<()>>,
}

struct RunningWeb {
    url: String,
    task: JoinHandle<()>,
}

impl Bot {
    /// Starts everything; returns when the bot takes requests or is about to (the sockets connect in the background).
    ///
    /// # Errors
    /// What keeps it from starting, and what to do.
    pub async fn start(settings: Settings, clock: SharedClock) -> Result<Self, StartError> {
        // The workers take longest to start: they warm up while everything else is read and opened.
        let pool = start_pool(settings.workers)?;
        let catalog = load_flows(&settings, &pool).await?;
        let store = open_store(&settings).await?;
        let api = SlackApi::new(
            settings.slack.api_url.as_deref(),
            &settings.slack.bot_token,
            &settings.slack.app_token,
        )
        .map_err(|error| {
            StartError::new(error, "check SLACK_API_URL and the machine's certificates")
        })?;
        let identity = introduce(&api).await?;
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
        let listener = match &settings.web {
            Some(web) => Some(bind_web(web).await?),
            None => None,
        };
        let web_config = listener.as_ref().map(|(_, config)| config.clone());
        let engine = Arc::new(Engine::new(
            store.clone(),
            clock,
            Book::new(catalog, store),
            Outside::new(OutsideParts {
                api: api.clone(),
                directory,
                pool: pool.clone(),
                handler_timeout: settings.handler_timeout,
                web: web_config,
                contacts: settings.admins,
            }),
        ));
        // What was under way first, so that nothing new is taken for something old.
        let background = engine.start_background();
        engine
            .recover()
            .await
            .map_err(|error| StartError::new(error, "restore the data directory from a backup"))?;
        let stop = CancellationToken::new();
        let web = listener.map(|(listener, config)| serve_web(listener, config, &engine, &stop));
        let socket = SocketMode::start(
            api,
            SocketConfig::default(),
            Arc::new(Intake(engine.clone())),
        );
        engine.outside.follow(socket.connected());
        Ok(Self {
            engine,
            pool,
            socket,
            web,
            stop,
            background,
        })
    }

    /// Where the web app is, for people on this machine.
    #[must_use]
    pub fn web_url(&self) -> Option<&str> {
        self.web.as_ref().map(|web| web.url.as_str())
    }

    /// The engine, for tests that look inside.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Runs until SIGTERM, Ctrl-C, or until Slack refuses the tokens.
    pub async fn run_until_signal(self) -> ExitCode {
        let mut refused = self.socket.fatal();
        let mut broken = self.engine.fatal_reason();
        let mut code = ExitCode::SUCCESS;
        tokio::select! {
            () = ended() => tracing::info!("stopping"),
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

/// SIGTERM or Ctrl-C.
async fn ended() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "SIGTERM cannot be caught"),
        }
    }
    #[cfg(not(unix))]
    {
        if let Err(error) = interrupt.await {
            tracing::warn!(%error, "Ctrl-C cannot be caught");
            std::future::pending::<()>().await;
        }
    }
}

/// Workers of this program, warming up in the background.
///
/// # Errors
/// When the program does not know its own path.
pub fn start_pool(workers: usize) -> Result<Pool, StartError> {
    let program = std::env::current_exe().map_err(|error| {
        StartError::new(
            format!("the path of this program cannot be found: {error}"),
            "start symbot by its full path",
        )
    })?;
    Ok(Pool::start(PoolConfig::of(program, workers)))
}

/// Loads the flows and looks at their code; a problem in one of them keeps the bot from starting, with every problem on
/// record.
async fn load_flows(settings: &Settings, pool: &Pool) -> Result<Catalog, StartError> {
    let (loaded, inspected) = load_and_inspect(&settings.flows.load_options(), pool).await;
    for diagnostic in &inspected.diagnostics {
        let place = format!(
            "{}:{}:{}",
            diagnostic.file, diagnostic.line, diagnostic.column
        );
        let hint = diagnostic.hint.as_deref().unwrap_or("");
        match diagnostic.severity {
            Severity::Error => tracing::error!(place, hint, "{}", diagnostic.message),
            Severity::Warning => tracing::warn!(place, hint, "{}", diagnostic.message),
        }
    }
    if inspected.has_errors() {
        return Err(StartError::new(
            "the flows have problems, see above",
            "symbot check with the same directories shows them with their lines",
        ));
    }
    for part in pool.weakened() {
        tracing::warn!(
            "policy workers run without {part}: code in flows is less confined than it should be"
        );
    }
    tracing::info!(
        flows = loaded.catalog.flows.len(),
        version = loaded.catalog.version,
        "flows loaded"
    );
    Ok(loaded.catalog)
}

/// Opens the store on a thread that may block.
async fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, StartError> {
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

/// Attempts and pause of the first call to Slack: a network that comes up a moment after the bot is no reason to fail.
const INTRODUCE_ATTEMPTS: u32 = 5;
const INTRODUCE_PAUSE: Duration = Duration::from_secs(2);

/// Asks Slack who the bot is.
async fn introduce(api: &SlackApi) -> Result<Identity, StartError> {
    let mut attempt = 1;
    loop {
        match api.auth_test().await {
            Ok(identity) => return Ok(identity),
            Err(error) if error.permanent() || attempt >= INTRODUCE_ATTEMPTS => {
                return Err(StartError::new(&error, introduce_hint(&error)));
            }
            Err(error) => {
                tracing::warn!(%error, attempt, "Slack does not answer yet");
                attempt += 1;
                tokio::time::sleep(INTRODUCE_PAUSE).await;
            }
        }
    }
}

fn introduce_hint(error: &ApiError) -> &'static str {
    if error.permanent() {
        "check SLACK_BOT_TOKEN, and that the app is installed in the workspace"
    } else {
        "check the network and SLACK_API_URL"
    }
}

/// Opens the web app's socket; with port 0 the address becomes known here.
async fn bind_web(web: &WebSettings) -> Result<(TcpListener, WebConfig), StartError> {
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
    Ok((listener, config))
}

fn serve_web(
    listener: TcpListener,
    config: WebConfig,
    engine: &Arc<Engine>,
    stop: &CancellationToken,
) -> RunningWeb {
    let url = config.home_link();
    let router = web::router(Arc::new(Pages(engine.clone())), config);
    let stop = stop.clone();
    RunningWeb {
        url,
        task: tokio::spawn(
            async move { web::serve_on(listener, router, stop.cancelled_owned()).await },
        ),
    }
}
