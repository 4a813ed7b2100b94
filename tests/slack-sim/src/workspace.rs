//! The running workspace that every part shares: the world behind its lock, the log, the sockets, the faults, the clock.
//! Cheap to clone. Other modules add their own `impl Workspace` blocks for what they do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::lock;
use crate::log::{Call, Log, Violation, ViolationKind};
use crate::setup::Setup;
use crate::signals::{self, Signals};
use crate::socket::Hub;
use crate::world::World;

/// A link the page shows beside the workspace, such as the app's own web interface.
#[derive(Debug, Clone)]
pub struct Link {
    pub label: String,
    pub url: String,
}

pub(crate) struct Core {
    pub(crate) setup: Setup,
    pub(crate) clock: Clock,
    pub(crate) world: Mutex<World>,
    pub(crate) signals: Signals,
    pub(crate) log: Mutex<Log>,
    pub(crate) hub: Mutex<Hub>,
    pub(crate) faults: Faults,
    pub(crate) address: OnceLock<SocketAddr>,
    pub(crate) links: Mutex<Vec<Link>>,
    pub(crate) limits: crate::web_api::limits::Limits,
}

/// A handle on the workspace.
#[derive(Clone)]
pub struct Workspace(pub(crate) Arc<Core>);

impl Workspace {
    pub(crate) fn new(setup: Setup) -> Workspace {
        let clock = Clock::default();
        let world = World::new(&setup, &clock);
        Workspace(Arc::new(Core {
            setup,
            clock,
            world: Mutex::new(world),
            signals: Signals::default(),
            log: Mutex::default(),
            hub: Mutex::default(),
            faults: Faults::default(),
            address: OnceLock::new(),
            links: Mutex::default(),
            limits: crate::web_api::limits::Limits::default(),
        }))
    }

    /// Looks at or changes the world. Never hold on to it across an await.
    pub fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        look(&mut lock(&self.0.world))
    }

    /// As [`Workspace::with`], for changes that stamp something.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut World, &Clock) -> R) -> R {
        change(&mut lock(&self.0.world), &self.0.clock)
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(crate) fn ring(&self, key: &str) {
        self.0.signals.ring(key);
    }

    pub(crate) fn address(&self) -> String {
        self.0
            .address
            .get()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn violation(&self, kind: ViolationKind, about: &str, detail: impl Into<String>) {
        let violation = Violation {
            kind,
            about: about.to_owned(),
            detail: detail.into(),
        };
        tracing::warn!(%violation, "the app broke a rule");
        lock(&self.0.log).violation(violation);
        self.ring(signals::LOG);
    }

    pub(crate) fn record(&self, call: Call) {
        lock(&self.0.log).call(call);
        self.ring(signals::LOG);
    }

    pub(crate) fn count(&self, what: &str) {
        lock(&self.0.log).count(what);
    }

    /// Everything the app did wrong so far. Empty for a well-behaved app.
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.0.log).violations.clone()
    }

    /// Takes out the violations that a test provoked on purpose and returns them.
    pub fn forgive(&self, which: impl Fn(&Violation) -> bool) -> Vec<Violation> {
        let mut log = lock(&self.0.log);
        let (forgiven, kept) = std::mem::take(&mut log.violations)
            .into_iter()
            .partition(|v| which(v));
        log.violations = kept;
        forgiven
    }

    /// All calls of `method`, oldest first.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        lock(&self.0.log)
            .calls
            .iter()
            .filter(|c| c.method == method)
            .cloned()
            .collect()
    }

    /// All calls, oldest first.
    pub fn all_calls(&self) -> Vec<Call> {
        lock(&self.0.log).calls.iter().cloned().collect()
    }

    /// How often something happened: a method's name, `envelopes`, `acks`, `retries`, `connections`, `violations`.
    pub fn counter(&self, what: &str) -> u64 {
        lock(&self.0.log).counters.get(what).copied().unwrap_or(0)
    }

    pub fn counters(&self) -> std::collections::BTreeMap<String, u64> {
        lock(&self.0.log).counters.clone()
    }

    /// Moves the workspace's time: triggers and response URLs age. Real timers (acks, pings) do not.
    pub fn advance(&self, by: Duration) {
        self.0.clock.advance(by);
    }

    /// Links for the page, such as the app's own web interface.
    pub fn set_links(&self, links: Vec<Link>) {
        *lock(&self.0.links) = links;
        self.ring(signals::LINKS);
    }
}
