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
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds on what clients can hold.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Connections at a time. Further ones wait in the kernel's queue.
    connections: usize,
    /// For the headers of a request; also how long an unused connection is kept.
    headers: Duration,
    /// A connection is closed after the answer that follows this; bounds what a client that reads slowly can hold.
    connection: Duration,
    /// For requests in flight when the process is told to end.
    drain: Duration,
}

const LIMITS: Limits = Limits {
    connections: 512,
    headers: Duration::from_secs(20),
    connection: Duration::from_secs(10 * 60),
    drain: Duration::from_secs(10),
};

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
            "another program, perhaps another symbot, has this port: stop it or choose another address with --web (symbot demo: another --web-port)"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose a higher one with --web (symbot demo: --web-port)"
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
    serve_within(LIMITS, listener, || router.clone(), shutdown).await;
}

/// As [`serve_on`], with pages that may be replaced: a connection has those of the moment in which it was opened.
pub async fn serve_newest(
    listener: TcpListener,
    pages: watch::Receiver<Router>,
    shutdown: impl Future<Output = ()> + Send,
) {
    serve_within(LIMITS, listener, || pages.borrow().clone(), shutdown).await;
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    pages: impl Fn() -> Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
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
                    let router = pages();
                    let draining = draining.clone();
                    connections.spawn(async move {
                        connection(limits, stream, router, draining).await;
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
    if tokio::time::timeout(limits.drain, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "the web app ended with requests still in flight"
        );
    }
}

async fn connection(
    limits: Limits,
    stream: TcpStream,
    router: Router,
    draining: CancellationToken,
) {
    // Small answers would otherwise wait for the acknowledgement of the previous segment.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = draining.cancelled() => None,
        () = tokio::time::sleep(limits.connection) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.drain, connection).await {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::{Notify, oneshot};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    struct Server {
        addr: SocketAddr,
        stop: oneshot::Sender<()>,
        task: tokio::task::JoinHandle<()>,
    }

    async fn start(limits: Limits, router: Router) -> Server {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_within(
            limits,
            listener,
            move || router.clone(),
            async {
                let _ = stopped.await;
            },
        ));
        Server { addr, stop, task }
    }

    async fn read_all(mut stream: TcpStream) -> String {
        let mut text = String::new();
        // A reset is an end, too.
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    fn hello() -> Router {
        Router::new().route("/", get(|| async { "hello" }))
    }

    #[tokio::test]
    async fn an_address_in_use_is_reported_with_what_to_do() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = taken.local_addr().unwrap();
        let error = serve(addr, hello(), async {})
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&addr.to_string()), "{error}");
        assert!(error.contains("another program"), "{error}");
        assert!(error.contains("--web"), "{error}");
    }

    #[tokio::test]
    async fn a_request_in_flight_is_answered_before_the_end_and_no_new_one_is_taken() {
        let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&release));
        let router = Router::new().route(
            "/",
            get(move || async move {
                tell.notify_one();
                wait.notified().await;
                "finished"
            }),
        );
        let server = start(LIMITS, router).await;
        let mut idle = TcpStream::connect(server.addr).await.unwrap();
        let mut busy = TcpStream::connect(server.addr).await.unwrap();
        busy.write_all(REQUEST).await.unwrap();
        begun.notified().await;
        server.stop.send(()).unwrap();
        assert_eq!(
            idle.read(&mut [0; 8]).await.unwrap(),
            0,
            "idle ones are closed"
        );
        assert!(TcpStream::connect(server.addr).await.is_err());
        release.notify_one();
        let answer = read_all(busy).await;
        assert!(answer.contains("finished"), "{answer}");
        server.task.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_keep_the_process() {
        let router = Router::new().route("/", get(std::future::pending::<()>));
        let limits = Limits {
            drain: Duration::from_millis(30),
            ..LIMITS
        };
        let server = start(limits, router).await;
        let mut stuck = TcpStream::connect(server.addr).await.unwrap();
        stuck.write_all(REQUEST).await.unwrap();
        server.stop.send(()).unwrap();
        server.task.await.unwrap();
    }

    #[tokio::test]
    async fn headers_that_never_end_lose_their_connection() {
        let limits = Limits {
            headers: Duration::from_millis(30),
            ..LIMITS
        };
        let server = start(limits, hello()).await;
        let mut slow = TcpStream::connect(server.addr).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: loc")
            .await
            .unwrap();
        // Without our limit hyper's own holds, 30 s.
        let answer = tokio::time::timeout(Duration::from_secs(10), read_all(slow))
            .await
            .unwrap();
        assert!(!answer.contains("hello"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_is_closed_after_its_time() {
        let limits = Limits {
            connection: Duration::from_millis(30),
            ..LIMITS
        };
        let server = start(limits, hello()).await;
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let answer = read_all(stream).await;
        assert!(answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test]
    async fn more_connections_than_allowed_wait_for_a_place() {
        let limits = Limits {
            connections: 1,
            ..LIMITS
        };
        let server = start(limits, hello()).await;
        let mut first = TcpStream::connect(server.addr).await.unwrap();
        first.write_all(REQUEST).await.unwrap();
        first.read_exact(&mut [0; 8]).await.unwrap();
        let mut second = TcpStream::connect(server.addr).await.unwrap();
        second.write_all(REQUEST).await.unwrap();
        let mut byte = [0; 1];
        let early = tokio::time::timeout(Duration::from_millis(50), second.read(&mut byte)).await;
        assert!(early.is_err(), "the second was served beside the first");
        drop(first);
        second.read_exact(&mut byte).await.unwrap();
    }
}
