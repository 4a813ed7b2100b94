//! Sends audit records to the log destinations of the configuration: one JSON object in one POST each, in order, at least once.
//!
//! Each destination follows the audit journal from a cursor of its own, which the store keeps: what was accepted is noted
//! after at most [`LOT`] records, so that after a crash at most so many are sent again (with the same `id`). A
//! destination that refuses or cannot be reached is tried again and again, with growing pauses: records wait in the journal,
//! and nothing is skipped. A destination that is new begins with the records that follow.
//!
//! A record of a request goes to the destinations of its flow's environment, one without a request (signing in) to all.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Engine;
use crate::flows::catalog::LogDestination;
use crate::https;
use crate::slack::pacing::Backoff;
use crate::store::contract::{Commit, StoreError};

/// Records between two notes of the cursor.
const LOT: usize = 50;
/// How often the journal is looked at for new records, and the catalog for new destinations.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Time of one attempt.
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(20);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// First and longest pause after a failure.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LONGEST: Duration = Duration::from_secs(60);

type Http = Client<HttpsConnector<HttpConnector>, Body>;

/// How far each destination has got, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Number of the last audit line that needs not be sent any more.
    pub(super) cursor: u64,
    pub(super) sent: u64,
    pub(super) failed_attempts: u64,
}

/// All destinations that were started.
#[derive(Default)]
pub(super) struct Destinations(Mutex<BTreeMap<String, Progress>>);

impl Destinations {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> BTreeMap<String, Progress> {
        self.lock().clone()
    }

    fn note(&self, address: &str, change: impl FnOnce(&mut Progress)) {
        change(self.lock().entry(address.to_owned()).or_default());
    }
}

fn cursor_name(address: &str) -> String {
    format!("log-destination/{address}")
}

impl Engine {
    /// Gives destinations that have no cursor yet one that stands at the end of the journal. To be called before anything is
    /// recorded, so that nothing is missed between their first start and a crash.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn begin_destinations(&self) -> Result<(), StoreError> {
        for destination in &self.catalog().log_destinations {
            self.cursor(&destination.address).await?;
        }
        Ok(())
    }

    async fn cursor(&self, address: &str) -> Result<u64, StoreError> {
        let kept = self.store.value(cursor_name(address)).await?;
        if let Some(after) = kept.as_ref().and_then(|kept| kept["after"].as_u64()) {
            return Ok(after);
        }
        let after = self.store.counts().audit_lines;
        self.keep_cursor(address, after).await?;
        Ok(after)
    }

    async fn keep_cursor(&self, address: &str, after: u64) -> Result<(), StoreError> {
        let commit = Commit {
            values: vec![(cursor_name(address), Some(json!({ "after": after })))],
            ..Commit::default()
        };
        self.store.commit(commit).await
    }

    /// Keeps a sender for each destination of the catalog of the moment, until the engine closes.
    pub(super) async fn run_destinations(self: Arc<Self>) {
        let client = match client() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(
                    error,
                    "log destinations cannot be reached; the records are in the audit journal"
                );
                return self.closing.cancelled().await;
            }
        };
        let mut senders: HashMap<String, (LogDestination, JoinHandle<()>)> = HashMap::new();
        loop {
            let catalog = self.catalog();
            senders.retain(|address, (destination, sender)| {
                let wanted = catalog
                    .log_destinations
                    .iter()
                    .any(|now| now == destination);
                if !wanted || sender.is_finished() {
                    sender.abort();
                    self.destinations.lock().remove(address);
                    return false;
                }
                true
            });
            for destination in &catalog.log_destinations {
                if !senders.contains_key(&destination.address) {
                    let (engine, client) = (self.clone(), client.clone());
                    let given = destination.clone();
                    let sender = tokio::spawn(async move { engine.send_all(given, client).await });
                    senders.insert(destination.address.clone(), (destination.clone(), sender));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.closing.cancelled() => {
                    for (_, sender) in senders.into_values() {
                        // What was sent but not noted is sent again.
                        sender.abort();
                    }
                    return;
                }
            }
        }
    }

    /// Sends what comes until the sender is aborted; ends when the store fails, to be started again.
    async fn send_all(self: Arc<Self>, destination: LogDestination, client: Http) {
        let address = &destination.address;
        let mut after = match self.cursor(address).await {
            Ok(after) => after,
            Err(error) => {
                tracing::error!(%error, destination = address, "a log destination cannot begin");
                return tokio::time::sleep(PAUSE_LONGEST).await;
            }
        };
        loop {
            self.destinations
                .note(address, |progress| progress.cursor = after);
            let lines = match self.store.audit_lines(after, LOT).await {
                Ok(lines) => lines,
                Err(error) => {
                    tracing::error!(%error, destination = address, "the audit journal cannot be read for a log destination");
                    tokio::time::sleep(PAUSE_LONGEST).await;
                    continue;
                }
            };
            let Some((last, _)) = lines.last() else {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            let last = *last;
            for (_, line) in lines {
                if self.goes_to(&destination, &line).await {
                    self.insist_on(&destination, &client, line).await;
                }
            }
            if let Err(error) = self.keep_cursor(address, last).await {
                tracing::error!(%error, destination = address, "it cannot be noted what a log destination has got; some records will be sent again");
                tokio::time::sleep(PAUSE_LONGEST).await;
            }
            after = last;
        }
    }

    /// Whether a record is for this destination. What cannot be told is sent.
    async fn goes_to(&self, destination: &LogDestination, line: &str) -> bool {
        let Ok(record) = serde_json::from_str::<Value>(line) else {
            return true;
        };
        let Some(version) = record["run"]["flow_version"].as_str() else {
            return true;
        };
        match self.book.pinned(version).await {
            Ok(flow) => match &flow.environment {
                Some(environment) => destination.environments.contains(&environment.name),
                // There is at most one environment then, see `flows`.
                None => true,
            },
            Err(error) => {
                tracing::warn!(%error, "the environment of a record is not known; it is sent to every log destination");
                true
            }
        }
    }

    /// Sends one record until it is accepted.
    async fn insist_on(&self, destination: &LogDestination, client: &Http, line: String) {
        let address = &destination.address;
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_LONGEST);
        let mut failures = 0_u32;
        loop {
            let error = match post(client, destination, &line).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(
                            destination = address,
                            "a log destination takes records again"
                        );
                    }
                    return self
                        .destinations
                        .note(address, |progress| progress.sent += 1);
                }
                Err(error) => error,
            };
            failures += 1;
            self.destinations
                .note(address, |progress| progress.failed_attempts += 1);
            let wait = backoff.after_failure();
            // Once when it begins, and then each time the pause is as long as it gets.
            if failures == 1 || wait * 2 > PAUSE_LONGEST {
                tracing::warn!(
                    destination = address,
                    error,
                    "a log destination does not take records; they wait in the audit journal"
                );
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// A client for http and https.
fn client() -> Result<Http, String> {
    let tls = https::tls()
        .map_err(|error| error.to_string())?
        .with_native_roots()
        .map_err(|error| format!("this machine has no certificates: {error}"))?
        .with_no_client_auth();
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(https::connector(
            HttpConnector::new(),
            CONNECT_PATIENCE,
            tls,
        )))
}

/// One attempt. The error never has the address in it, which may hold a secret.
async fn post(client: &Http, destination: &LogDestination, line: &str) -> Result<(), String> {
    let mut url = destination.url.clone();
    let authorization = basic(&url);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let mut request = Request::post(url.as_str())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("symbot/", env!("CARGO_PKG_VERSION")))
        .body(Body::from(line.to_owned()))
        .map_err(|_| "its address cannot be used".to_owned())?;
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    let answer = tokio::time::timeout(ATTEMPT_PATIENCE, client.request(request))
        .await
        .map_err(|_| format!("no answer within {} s", ATTEMPT_PATIENCE.as_secs()))?
        .map_err(|error| {
            let source = std::error::Error::source(&error);
            source.map_or_else(|| error.to_string(), ToString::to_string)
        })?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("it answered {}", answer.status()))
    }
}

/// The header for a user name and password in the address.
fn basic(url: &url::Url) -> Option<HeaderValue> {
    use base64::Engine as _;
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    let text = base64::prelude::BASE64_STANDARD.encode(pair);
    let mut value = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
