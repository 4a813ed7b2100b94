//! Logging: one line per thing worth knowing, on standard error, as text for people or JSON for collectors.
//!
//! Secrets are never logged, whatever `SYMBOT_LOG` says: below warnings only our own lines are shown. Libraries print
//! headers with tokens, bodies, addresses with tickets at their lower levels. A directive in the operator's filter
//! could not keep them quiet, because a directive for a longer target wins over it (`tungstenite::protocol=trace` over
//! `tungstenite=warn`); so the rule is a second filter which both must let pass.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::LogFormat;

/// What is logged when `SYMBOT_LOG` is not set.
const DEFAULT_FILTER: &str = "info";

/// Crates whose lines are written with secrets in mind, and so are shown at every level. The simulated Slack has none.
/// All others are shown from warnings up, which is read off their sources for those that touch a secret: hyper, h2,
/// slack-morphism, tungstenite, lettre.
const SHOWN_AT_EVERY_LEVEL: [&str; 2] = ["symbot", "slack_sim"];

/// A filter that `SYMBOT_LOG` names but that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("SYMBOT_LOG is \"{filter}\", which is no log filter: {reason}")]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// The log of a process: `wanted` (or the default) and no secrets.
///
/// # Errors
/// When `wanted` is no tracing filter.
pub fn dispatch<W>(
    format: LogFormat,
    wanted: Option<&str>,
    writer: W,
    ansi: bool,
) -> Result<Dispatch, FilterError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let text = wanted.unwrap_or(DEFAULT_FILTER);
    let wanted = EnvFilter::builder()
        .parse(text)
        .map_err(|problem| FilterError {
            filter: text.to_owned(),
            reason: problem.to_string(),
        })?;
    // The hint leaves it to the operator's filter which levels need not even be looked at.
    let without_secrets = filter_fn(is_shown).with_max_level_hint(LevelFilter::TRACE);
    let filter = FilterExt::<Registry>::and(wanted, without_secrets);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry();
    Ok(match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(ansi).with_target(false);
            Dispatch::new(registry.with(lines.with_filter(filter)))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            Dispatch::new(registry.with(lines.with_filter(filter)))
        }
    })
}

fn is_shown(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || is_ours(metadata.target())
}

fn is_ours(target: &str) -> bool {
    SHOWN_AT_EVERY_LEVEL.iter().any(|ours| {
        target
            .strip_prefix(ours)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

/// Starts logging for the process; later calls do nothing.
///
/// # Errors
/// When `SYMBOT_LOG` cannot be read as a filter.
pub fn start(format: Option<LogFormat>, wanted: Option<&str>) -> Result<(), FilterError> {
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let dispatch = dispatch(format, wanted, std::io::stderr, terminal)?;
    if dispatch.try_init().is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_modules_are_ours() {
        for ours in ["symbot", "symbot::slack::socket", "slack_sim::web_api"] {
            assert!(is_ours(ours), "{ours}");
        }
        for theirs in [
            "symbot_like::x",
            "hyper::symbot",
            "tungstenite::protocol",
            "",
        ] {
            assert!(!is_ours(theirs), "{theirs}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let refused = dispatch(LogFormat::Text, Some("symbot=loud"), std::io::sink, false);
        let told = refused
            .map(drop)
            .expect_err("a level that does not exist was accepted");
        assert!(told.to_string().contains("symbot=loud"), "{told}");
    }
}
