//! The one HTTP server: Web API, socket, response URLs and page. Only routes; what they do is elsewhere.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{
    ConnectInfo, DefaultBodyLimit, Path, Query, RawQuery, State, WebSocketUpgrade,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::control;
use crate::net::{Reset, ResettableListener};
use crate::page;
use crate::web_api::Request;
use crate::workspace::Workspace;

/// Larger than anything Slack accepts, so that what is too large is refused by Slack's rules and not by the server's.
const MAX_BODY_BYTES: usize = 8 << 20;

/// Binds loopback and serves until the handle is aborted.
pub(crate) async fn serve(
    workspace: Workspace,
    port: u16,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    // Set once, here: a second value would mean two servers for one workspace.
    let _ = workspace.0.address.set(address);
    let app = Router::new()
        .route("/api/{method}", any(web_api))
        .route("/link/", get(link))
        .route("/response/{id}", post(response_url))
        .merge(page::routes())
        .merge(control::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(workspace)
        .into_make_service_with_connect_info::<Reset>();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(ResettableListener(listener), app).await {
            tracing::error!(%error, "the simulated Slack stopped serving");
        }
    });
    Ok((address, task))
}

async fn web_api(
    State(workspace): State<Workspace>,
    ConnectInfo(reset): ConnectInfo<Reset>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    http_method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        http_method,
        method,
        query: query.unwrap_or_default(),
        headers,
        body,
        reset,
    };
    workspace.web_api(request).await
}

async fn response_url(
    State(workspace): State<Workspace>,
    ConnectInfo(reset): ConnectInfo<Reset>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    workspace
        .post_to_response_url(&id, headers, body, reset)
        .await
}

#[derive(Deserialize)]
struct LinkQuery {
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    debug_reconnects: Option<String>,
}

async fn link(
    State(workspace): State<Workspace>,
    ConnectInfo(reset): ConnectInfo<Reset>,
    Query(query): Query<LinkQuery>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let debug = query.debug_reconnects.as_deref() == Some("true");
    let Some(debug) = workspace.take_ticket(&query.ticket, debug) else {
        return (
            StatusCode::FORBIDDEN,
            "this socket URL was used before or is too old",
        )
            .into_response();
    };
    upgrade
        .on_upgrade(move |socket| async move { workspace.serve_socket(socket, debug, reset).await })
}
