//! Logging: one line per thing worth knowing, on standard error, as text for people or JSON for collectors.
//!
//! Libraries that print what they send are kept quiet at any level, since headers and bodies carry tokens.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::LogFormat;

/// What is logged when `SYMBOT_LOG` is not set.
const DEFAULT_FILTER: &str = "info";

/// Targets that would show tokens, request bodies or socket tickets at debug or trace level; their warnings and errors
/// carry none.
const NEVER_BELOW_WARN: [&str; 11] = [
    "h2",
    "hyper",
    "hyper_util",
    "lettre",
    "rustls",
    "slack_morphism",
    "sled",
    "tower",
    "tower_http",
    "tungstenite",
    "tokio_tungstenite",
];

/// A filter that `SYMBOT_LOG` names but that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("SYMBOT_LOG is \"{filter}\", which is no log filter: {reason}")]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// The filter for `wanted` (or the default) with the quiet targets on top.
///
/// # Errors
/// When `wanted` is no tracing filter.
pub fn filter(wanted: Option<&str>) -> Result<EnvFilter, FilterError> {
    let text = wanted.unwrap_or(DEFAULT_FILTER);
    let error = |reason: String| FilterError {
        filter: text.to_owned(),
        reason,
    };
    let mut filter = EnvFilter::builder()
        .parse(text)
        .map_err(|problem| error(problem.to_string()))?;
    for target in NEVER_BELOW_WARN {
        let directive: Directive = format!("{target}=warn").parse().map_err(
            |problem: tracing_subscriber::filter::ParseError| error(problem.to_string()),
        )?;
        filter = filter.add_directive(directive);
    }
    Ok(filter)
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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(wanted)?)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(terminal).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
