//! What a reload of the flows means for the engine: the catalog is swapped in one step, and the channels of the error
//! loggers hear of what people should know.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::flows::Loaded;
use crate::flows::catalog::{Catalog, Environment, Flow};
use crate::flows::diagnostic::{Diagnostic, Severity};

/// How long a post is tried; later ones say what counts then.
const TELL_PATIENCE: Duration = Duration::from_secs(600);

impl Engine {
    /// Lets new requests use these flows; returns those that counted until now. Open requests are not touched: each has
    /// the version of its flow in the store.
    pub fn take_over(&self, catalog: Catalog) -> Arc<Catalog> {
        self.book.swap(catalog)
    }

    /// Says which secrets the flows, and the filter, refer to that nobody has supplied: better now than when somebody needs access.
    pub async fn report_missing_secrets(&self) {
        let (catalog, secrets) = (self.book.catalog(), &self.outside.secrets);
        let mut told = HashSet::new();
        for flow in catalog.flows.iter().chain(&catalog.filter) {
            for secret in flow.environment.iter().flat_map(Environment::secrets) {
                if told.insert(&secret.id)
                    && let Err(error) = secrets.value(&secret.path, secret.json_key()).await
                {
                    tracing::warn!(
                        flow = flow.name,
                        path = secret.path,
                        "a secret has no value, and code that asks for it gets an error: {error}"
                    );
                }
            }
        }
    }

    /// Secrets that these flows or their filter refer to, that nobody has supplied, and that those of now do not refer to: with them a
    /// change would replace code that works by code that cannot.
    pub async fn newly_missing_secrets(&self, loaded: &Loaded) -> Vec<Diagnostic> {
        let catalog = self.book.catalog();
        let secrets_of = |flow: &Flow| -> Vec<(String, Option<String>)> {
            let secrets = flow.environment.iter().flat_map(Environment::secrets);
            secrets
                .map(|secret| (secret.path.clone(), secret.json_key().map(str::to_owned)))
                .collect()
        };
        let mut known: HashSet<_> = catalog
            .flows
            .iter()
            .chain(&catalog.filter)
            .flat_map(|flow| secrets_of(flow))
            .collect();
        let mut missing = Vec::new();
        for details in loaded.flows.iter().chain(&loaded.filter) {
            for secret in secrets_of(&details.flow) {
                if known.contains(&secret) {
                    continue;
                }
                let (path, key) = (secret.0.clone(), secret.1.clone());
                known.insert(secret);
                let value = self.outside.secrets.value(&path, key.as_deref()).await;
                if let Err(error) = value {
                    let (file, line, column) = details.place.clone();
                    missing.push(Diagnostic {
                        severity: Severity::Error,
                        file,
                        line,
                        column,
                        message: format!("{}: {error}", details.flow.address),
                        hint: Some(
                            "supply it, then let the flows be read again (SIGHUP); variables count from the next start"
                                .to_owned(),
                        ),
                    });
                }
            }
        }
        missing
    }

    /// Posts to the channels of error loggers, in the background; what cannot be posted is logged.
    pub fn tell_error_loggers(self: &Arc<Self>, channels: BTreeSet<String>, words: String) {
        for channel in channels {
            let (engine, words) = (Arc::clone(self), words.clone());
            self.tasks.spawn(async move {
                let posted = engine
                    .outside
                    .post_to_error_logger(&channel, &words, TELL_PATIENCE)
                    .await;
                if let Err(held) = posted {
                    tracing::error!(%held, channel, "the error logger's channel cannot be reached");
                }
            });
        }
    }

    /// Lets seconds pass by the engine's clock.
    pub async fn rest(&self, seconds: u64) {
        let until = self.clock.steady().plus_seconds(seconds);
        self.clock.sleep_until(until).await;
    }
}
