//! One of the connections that are held at all times: opens it, waits until it must be replaced, opens the successor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::Shared;
use super::connection::{self, Leave, Socket};
use crate::slack::api::ApiError;
use crate::slack::pacing::Backoff;

/// A connection that lived this long was fine: its successor is opened at once and the backoff starts anew.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// Longest wait after a connection that did say hello but did not last: Slack is there, so people should not wait.
const REOPEN_WITHIN: Duration = Duration::from_secs(3);

/// Slack's largest payloads are views of some hundred kilobytes.
const MESSAGE_BYTES: usize = 16 << 20;

enum OpenError {
    Fatal(String),
    Later { what: String, not_before: Duration },
}

/// Runs until shutdown or a fatal error.
pub(super) async fn keep(slot: usize, shared: Arc<Shared>) {
    let mut backoff = Backoff::new(shared.config.backoff_first, shared.config.backoff_longest);
    // Told to the connection that is being replaced once its successor said hello.
    let mut successor_ready = CancellationToken::new();
    loop {
        let opened = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            opened = open(&shared) => opened,
        };
        let wait = match opened {
            Ok(socket) => {
                let opened_at = Instant::now();
                let (leave, left) = oneshot::channel();
                let replaced = CancellationToken::new();
                let said_hello = successor_ready.clone();
                let run = connection::run(
                    socket,
                    slot,
                    shared.clone(),
                    leave,
                    std::mem::replace(&mut successor_ready, replaced.clone()),
                    replaced,
                );
                shared.tasks.spawn(run);
                match left.await {
                    Ok(Leave::Replace) => {}
                    Ok(Leave::Lost(what)) => warn!(slot, what, "lost a connection to Slack"),
                    Ok(Leave::LinkDisabled) => {
                        end(
                            &shared,
                            "Slack closed the connection (link_disabled): Socket Mode is turned off for this app; turn it \
                             on in the app's settings"
                                .to_owned(),
                        );
                        return;
                    }
                    Ok(Leave::Stopped) => return,
                    Err(_) => warn!(slot, "a connection ended without saying why"),
                }
                if opened_at.elapsed() >= STEADY_AFTER {
                    backoff.reset();
                }
                // The first replacement is opened at once; only a series of short-lived connections is slowed down.
                let wait = backoff.after_success();
                if said_hello.is_cancelled() {
                    wait.min(REOPEN_WITHIN)
                } else {
                    wait
                }
            }
            Err(OpenError::Fatal(what)) => {
                end(&shared, what);
                return;
            }
            Err(OpenError::Later { what, not_before }) => {
                let wait = backoff.after_failure().max(not_before);
                let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                warn!(slot, what, again_in_ms = millis, "cannot connect to Slack");
                wait
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

fn end(shared: &Shared, what: String) {
    error!(what, "Socket Mode ends");
    shared.fatal.send_replace(Some(what));
}

async fn open(shared: &Shared) -> Result<Socket, OpenError> {
    let url = shared
        .api
        .apps_connections_open()
        .await
        .map_err(|error| match &error {
            ApiError::Token { .. } => OpenError::Fatal(error.to_string()),
            // The app token's only scope.
            ApiError::Refused { code, .. } if code == "missing_scope" => {
                OpenError::Fatal(error.to_string())
            }
            ApiError::RateLimited { retry_after, .. } => OpenError::Later {
                what: error.to_string(),
                not_before: *retry_after,
            },
            ApiError::Refused { .. } | ApiError::Transient { .. } => OpenError::Later {
                what: error.to_string(),
                not_before: Duration::ZERO,
            },
        })?;
    let later = |what: String| OpenError::Later {
        // The address holds the connection's ticket.
        what: what.replace(url.expose(), "the socket's address"),
        not_before: Duration::ZERO,
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let connecting = connect_async_tls_with_config(
        url.expose(),
        Some(limits),
        // No Nagle: an acknowledgement is one small frame.
        true,
        Some(Connector::Rustls(shared.api.tls())),
    );
    match timeout(shared.config.connect_within, connecting).await {
        Ok(Ok((socket, _))) => {
            debug!("a socket to Slack is open");
            Ok(socket)
        }
        Ok(Err(error)) => Err(later(format!("the WebSocket handshake failed: {error}"))),
        Err(_) => Err(later(format!(
            "no WebSocket handshake within {} ms",
            shared.config.connect_within.as_millis()
        ))),
    }
}
