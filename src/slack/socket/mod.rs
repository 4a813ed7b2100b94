//! Socket Mode: several connections to Slack, each envelope handed to the handler and acknowledged with its answer.
//!
//! The loop is our own: slack-morphism's client loses envelopes around a refresh and acknowledges what it cannot read
//! (`docs/decisions.md`). Nothing here knows what an envelope means, except to answer honestly for a handler that
//! panicked or is late ([`failure`]), and to bring its answer when it comes after all ([`late`]). The engine starts it and implements [`EnvelopeHandler`].
//!
//! Promises: a handler never delays another envelope or a pong; an envelope is acknowledged only after its handler has
//! returned, or with an honest failure; a connection that Slack wants to replace is read until its successor has said
//! hello and at least for ten more seconds; a shutdown sends the acknowledgements of everything that was begun.

mod attend;
mod connection;
mod envelope;
mod failure;
mod late;
mod recent;
#[cfg(test)]
mod secrecy;
mod slot;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use envelope::Envelope;

use super::api::SlackApi;
use super::limits;
use recent::Recent;

/// Handles envelopes. What it returns is the acknowledgement's payload.
pub trait EnvelopeHandler: Send + Sync + 'static {
    /// Called on a task of its own. Everything that must survive is stored before it returns.
    fn handle(&self, envelope: Arc<Envelope>) -> BoxFuture<'_, Option<Value>>;
}

/// Numbers of the loop; the defaults suit Slack, tests shorten them.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// Connections held at all times. Two, so that there is always one while the other is replaced.
    pub connections: usize,
    /// TCP, TLS and WebSocket handshake together.
    pub connect_within: Duration,
    /// Slack says hello right after the handshake.
    pub hello_within: Duration,
    /// A ping of ours goes out this often.
    pub ping_every: Duration,
    /// A connection that sent nothing, not even a pong, for this long is dead.
    pub dead_after: Duration,
    /// How long a connection is read after Slack asked to replace it.
    pub linger: Duration,
    /// At this age an unanswered envelope gets an honest "takes longer" instead of Slack's own failure.
    pub answer_within: Duration,
    /// Longest wait for handlers at shutdown.
    pub drain_within: Duration,
    /// Wait for Slack's half of the closing handshake.
    pub close_within: Duration,
    /// First and longest wait between attempts to connect.
    pub backoff_first: Duration,
    pub backoff_longest: Duration,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            connections: 2,
            connect_within: Duration::from_secs(10),
            hello_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(10),
            dead_after: Duration::from_secs(25),
            linger: Duration::from_secs(10),
            // Leaves the acknowledgement 400 ms to reach Slack.
            answer_within: limits::ACK_WITHIN - Duration::from_millis(400),
            drain_within: Duration::from_secs(10),
            close_within: Duration::from_secs(2),
            backoff_first: Duration::from_millis(250),
            backoff_longest: Duration::from_secs(30),
        }
    }
}

/// What happened since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    envelopes: AtomicU64,
    repeated: AtomicU64,
    acknowledged: AtomicU64,
    unacknowledged: AtomicU64,
    panicked: AtomicU64,
    overdue: AtomicU64,
    connections: AtomicU64,
    unreadable: AtomicU64,
}

impl Counters {
    fn read(&self) -> SocketStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SocketStats {
            envelopes: read(&self.envelopes),
            repeated: read(&self.repeated),
            acknowledged: read(&self.acknowledged),
            unacknowledged: read(&self.unacknowledged),
            panicked: read(&self.panicked),
            overdue: read(&self.overdue),
            connections: read(&self.connections),
            unreadable: read(&self.unreadable),
        }
    }
}

/// A copy of the counters, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SocketStats {
    pub envelopes: u64,
    /// Delivered more than once.
    pub repeated: u64,
    pub acknowledged: u64,
    /// Handled, but the connection was gone, or left to be repeated.
    pub unacknowledged: u64,
    pub panicked: u64,
    /// Answered with "takes longer".
    pub overdue: u64,
    /// Connections that said hello.
    pub connections: u64,
    /// Frames that are neither hello, disconnect nor envelope.
    pub unreadable: u64,
}

/// What all connections share.
struct Shared {
    api: SlackApi,
    config: SocketConfig,
    handler: Arc<dyn EnvelopeHandler>,
    recent: Recent,
    counters: Counters,
    connected: watch::Sender<usize>,
    fatal: watch::Sender<Option<String>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The running loop. Dropping it stops intake without waiting.
pub struct SocketHandle {
    shared: Arc<Shared>,
}

/// Starts Socket Mode.
pub struct SocketMode;

impl SocketMode {
    /// Opens the connections in the background; must be called within a tokio runtime.
    #[must_use]
    pub fn start(
        api: SlackApi,
        config: SocketConfig,
        handler: Arc<dyn EnvelopeHandler>,
    ) -> SocketHandle {
        let connections = config.connections.clamp(1, limits::SOCKETS);
        let shared = Arc::new(Shared {
            api,
            config,
            handler,
            recent: Recent::default(),
            counters: Counters::default(),
            connected: watch::Sender::new(0),
            fatal: watch::Sender::new(None),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        for slot in 0..connections {
            shared.tasks.spawn(slot::keep(slot, shared.clone()));
        }
        SocketHandle { shared }
    }
}

impl SocketHandle {
    /// Number of open sockets that have said hello.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<usize> {
        self.shared.connected.subscribe()
    }

    /// Becomes `Some` when connecting is pointless until somebody changes the set-up: the text says what.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.shared.fatal.subscribe()
    }

    #[must_use]
    pub fn stats(&self) -> SocketStats {
        self.shared.counters.read()
    }

    /// As [`Self::stats`], for somebody else.
    pub fn counters(&self) -> impl Fn() -> SocketStats + Send + Sync + use<> {
        let shared = self.shared.clone();
        move || shared.counters.read()
    }

    /// Stops intake, waits for the handlers that have begun, sends their acknowledgements, and closes. Returns false
    /// when something was still running at the deadline.
    pub async fn shutdown(self) -> bool {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        // Handlers get `drain_within`; after it the connections need a moment to close.
        let patience = self.shared.config.drain_within + self.shared.config.close_within * 2;
        tokio::time::timeout(patience, self.shared.tasks.wait())
            .await
            .is_ok()
    }
}

impl Drop for SocketHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
