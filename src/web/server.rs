//! Puts a router on a socket: one task per connection, bounds on their number and duration, and an end at shutdown.
//!
//! `axum::serve` (0.8.9) gives hyper no timer, so that a client which never finishes its headers keeps its connection for
//! ever; hence our own loop. No page is known here. Called by the command line.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// For the headers of a request; also how long an unused connection is kept.
const HEADER_LIMIT: Duration = Duration::from_secs(20);
/// A connection is closed after the answer that follows this; bounds what a client that reads slowly can hold.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10 * 60);
/// For requests in flight when the process is told to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// After a failed `accept` for want of file descriptors: trying at once would use a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The web app could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the web app cannot listen on {addr}: {source}; {}", advice(.source))]
pub struct ServeError {
    pub addr: SocketAddr,
    pub source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program, perhaps another symbot, has this port: stop it or choose another address with --web"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose a higher one with --web"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: choose one of its own, such as 127.0.0.1 or 0.0.0.0, with --web"
        }
        _ => "choose another address with --web, or turn the web app off with --web off",
    }
}

/// Opens the socket. With port 0 the system chooses one; `local_addr` of the listener tells which.
///
/// # Errors
/// When the address cannot be had; the text says what to do.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| ServeError { addr, source })
}

/// [`bind`] and [`serve_on`].
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(
    addr: SocketAddr,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let listener = bind(addr).await?;
    serve_on(listener, router, shutdown).await;
    Ok(())
}

/// Serves until `shutdown` is ready, then finishes the requests in flight, for at most ten seconds.
pub async fn serve_on(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let draining = CancellationToken::new();
    let accepting = async {
        loop {
            // Never closed, so that there is always a place at some time.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    let draining = draining.clone();
                    connections.spawn(async move {
                        connection(stream, router, draining).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the web app could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    drop(listener);
    draining.cancel();
    connections.close();
    if tokio::time::timeout(DRAIN_LIMIT, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "the web app ended with requests still in flight"
        );
    }
}

async fn connection(stream: TcpStream, router: Router, draining: CancellationToken) {
    // Small answers would otherwise wait for the acknowledgement of the previous segment.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = draining.cancelled() => None,
        () = tokio::time::sleep(CONNECTION_LIMIT) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN_LIMIT, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients that vanish are everyday events.
        tracing::debug!(%error, "a web connection ended early");
    }
}
