//! What `/metrics` shows, in the text format of Prometheus. Numbers only: nothing that names a person, a request or an address.

use std::fmt::Write as _;

use super::Engine;
use crate::store::contract::StoreError;
use crate::web::backend::Readiness;

/// Effects given up that are counted at most.
const GIVEN_UP_MAX: usize = 10_000;

/// A text of metrics in the making.
#[derive(Default)]
struct Metrics(String);

impl Metrics {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(
            self.0,
            "# HELP symbot_{name} {help}\n# TYPE symbot_{name} {kind}"
        );
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.begin(name, "gauge", help);
        let _ = writeln!(self.0, "symbot_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.begin(name, "counter", help);
        let _ = writeln!(self.0, "symbot_{name} {value}");
    }

    fn labelled(&mut self, name: &str, label: &str, of: &str, value: u64) {
        let of = of
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = writeln!(self.0, "symbot_{name}{{{label}=\"{of}\"}} {value}");
    }
}

impl Engine {
    /// The text of `/metrics`.
    ///
    /// # Errors
    /// The store's.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        let mut metrics = Metrics::default();
        let ready = self.readiness() == Readiness::Ready;
        metrics.gauge(
            "ready",
            "Whether requests can be taken (1) or not (0).",
            ready.into(),
        );
        let failed = self.store.failure().is_some();
        metrics.gauge(
            "store_failed",
            "Whether nothing is saved any more (1).",
            failed.into(),
        );
        let counts = self.store.counts();
        metrics.gauge(
            "open_requests",
            "Requests that nobody has decided yet.",
            counts.open_runs,
        );
        metrics.gauge(
            "timers",
            "Timers of notifications that are running.",
            counts.timers,
        );
        metrics.gauge(
            "pending_effects",
            "Messages, updates and handler calls that are not done yet.",
            counts.pending_effects,
        );
        metrics.counter(
            "commits_total",
            "Transitions written, since the store was made.",
            counts.commits,
        );
        metrics.counter(
            "audit_records_total",
            "Records in the audit journal.",
            counts.audit_lines,
        );
        let given_up = self
            .store
            .values("given-up/".to_owned(), GIVEN_UP_MAX)
            .await?;
        metrics.gauge(
            "dead_letters",
            "Effects that were given up, see symbot explain.",
            u64::try_from(given_up.len()).unwrap_or(u64::MAX),
        );
        let destinations = self.destinations.progress();
        metrics.begin(
            "log_destination_lag_records",
            "gauge",
            "Audit records that a log destination has not got yet.",
        );
        for (address, progress) in &destinations {
            let lag = counts.audit_lines.saturating_sub(progress.cursor);
            metrics.labelled("log_destination_lag_records", "destination", address, lag);
        }
        metrics.begin(
            "log_destination_sent_total",
            "counter",
            "Audit records that a log destination has taken, since the start.",
        );
        for (address, progress) in &destinations {
            metrics.labelled(
                "log_destination_sent_total",
                "destination",
                address,
                progress.sent,
            );
        }
        metrics.begin(
            "log_destination_failed_attempts_total",
            "counter",
            "Attempts that a log destination did not answer with success, since the start.",
        );
        for (address, progress) in &destinations {
            let failed = progress.failed_attempts;
            metrics.labelled(
                "log_destination_failed_attempts_total",
                "destination",
                address,
                failed,
            );
        }
        metrics.gauge(
            "slack_connections",
            "Socket Mode connections that are open.",
            self.outside.connections(),
        );
        if let Some(stats) = self.outside.socket_stats() {
            metrics.begin(
                "slack_envelopes_total",
                "counter",
                "What came from Slack, by what became of it, since the start.",
            );
            for (outcome, value) in [
                ("received", stats.envelopes),
                ("repeated", stats.repeated),
                ("acknowledged", stats.acknowledged),
                ("unacknowledged", stats.unacknowledged),
                ("overdue", stats.overdue),
                ("panicked", stats.panicked),
                ("unreadable", stats.unreadable),
            ] {
                metrics.labelled("slack_envelopes_total", "outcome", outcome, value);
            }
        }
        Ok(metrics.0)
    }
}
