//! What a reload of the flows means for the engine: the catalog is swapped in one step, and the channels of the error
//! loggers hear of what people should know.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::flows::catalog::{Catalog, Environment};

/// How long a post is tried; later ones say what counts then.
const TELL_PATIENCE: Duration = Duration::from_secs(600);

impl Engine {
    /// Lets new requests use these flows; returns those that counted until now. Open requests are not touched: each has
    /// the version of its flow in the store.
    pub fn take_over(&self, catalog: Catalog) -> Arc<Catalog> {
        self.book.swap(catalog)
    }

    /// Says which secrets the flows refer to that nobody has supplied: better now than when somebody needs access.
    pub async fn report_missing_secrets(&self) {
        let (catalog, secrets) = (self.book.catalog(), &self.outside.secrets);
        let mut told = HashSet::new();
        for flow in &catalog.flows {
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
