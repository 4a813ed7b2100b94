//! The whole bot: opens the store, loads the flows, warms the workers, connects, recovers; and the way back.
//!
//! Order at the start: configuration first (a wrong flow must not open the store), then store and workers, then Slack; what
//! was under way goes on only when there is a connection to carry it out with. At the end: intake stops, what is in flight
//! finishes, everything is written down, workers end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::config::Settings;
use crate::engine::{Book, Engine, Intake, Outside, Pages};
use crate::flows;
use crate::policy::pool::{Pool, PoolConfig};
use crate::slack::api::SlackApi;
use crate::slack::directory::{Directory, DirectoryConfig};
use crate::slack::socket::{SocketConfig, SocketHandle, SocketMode};
use crate::store::contract::Store;
use crate::store::sled::SledStore;
use crate::web;

/// How long effects in flight may take at the end; systemd's own limit is 90 s.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Why the bot cannot start.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StartError {
    what: String,
    hint: String,
}

impl StartError {
    fn new(what: impl std::fmt::Display, hint: impl Into<String>) -> Self {
        Self { what: what.to_string(), hint: hint.into() }
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
    pool: Arc<Pool>,
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
        let catalog = load_flows(&settings)?;
        let store = open_store(&settings, &clock).await?;
        Self::with_store(settings, clock, catalog, store).await
    }

    async fn with_store(
        settings: Settings,
        clock: SharedClock,
        catalog: flows::catalog::Catalog,
        store: Arc<dyn Store>,
    ) -> Result<Self, StartError> {
        let pool = start_pool(&settings).await?;
        let api = SlackApi::new(
            settings.slack.api_url.as_deref(),
            &settings.slack.bot_token,
            &settings.slack.app_token,
        )
        .map_err(|error| StartError::new(error, "check SLACK_API_URL and the machine's certificates"))?;
        let identity = introduce(&api).await?;
        tracing::info!(team = identity.team, team_id = identity.team_id, "Slack knows the bot");
        let directory = Directory::new(api.clone(), identity, DirectoryConfig::with_admins(settings.admins.clone()));
        let listener = match &settings.web {
            Some(web) => Some(bind_web(web).await?),
            None => None,
        };
        let web_config = listener.as_ref().map(|(_, config)| config.clone());
        let engine = Arc::new(Engine::new(
            store.clone(),
            clock,
            Book::new(catalog, store),
            Outside::new(api.clone(), directory, pool.clone(), settings.handler_timeout, web_config, settings.admins),
        ));
        let stop = CancellationToken::new();
        let web = listener.map(|(listener, config)| serve_web(listener, config, &engine, &stop));
        let socket = SocketMode::start(api, SocketConfig::default(), Arc::new(Intake(engine.clone())));
        engine.outside.follow(socket.connected());
        let background = engine.start_background();
        engine.recover().await.map_err(|error| StartError::new(error, "restore the data directory from a backup"))?;
        Ok(Self { engine, pool, socket, web, stop, background })
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
        let mut fatal = self.socket.fatal();
        let mut code = ExitCode::SUCCESS;
        tokio::select! {
            () = ended() => tracing::info!("stopping"),
            reason = wait_for_fatal(&mut fatal) => {
                tracing::error!(reason, "Slack does not let the bot connect; stopping");
                code = ExitCode::FAILURE;
            }
        }
        if self.shutdown().await { code } else { ExitCode::FAILURE }
    }

    /// Stops intake, lets what is in flight finish, writes everything down. Returns false when something was left
    /// behind that should not be (it is logged).
    pub async fn shutdown(self) -> bool {
        let mut clean = true;
        if !self.socket.shutdown().await {
            tracing::warn!("some Slack envelopes were still being handled");
        }
        self.stop.cancel();
        if let Some(web) = self.web
            && let Err(error) = web.task.await
        {
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
