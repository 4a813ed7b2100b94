//! What a reload of the flows means for the engine: the catalog is swapped in one step, and the channels of the error
//! loggers hear of what people should know.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::flows::catalog::Catalog;

/// How long a post is tried; later ones say what counts then.
const TELL_PATIENCE: Duration = Duration::from_secs(600);

impl Engine {
    /// Lets new requests use these flows; returns those that counted until now. Open requests are not touched: each has
    /// the version of its flow in the store.
    pub fn take_over(&self, catalog: Catalog) -> Arc<Catalog> {
        self.book.swap(catalog)
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
