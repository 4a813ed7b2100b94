//! One connection from hello to its end, and what can be done to all of them at once.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Connection, Out, REFRESH_GRACE};
use crate::lock;
use crate::log::ViolationKind;
use crate::net::Reset;
use crate::signals;
use crate::workspace::Workspace;

/// Slack: "up to 10 WebSocket connections".
const MAX_CONNECTIONS: usize = 10;
/// Slack warns about this long before it closes a connection.
const WARNING_AHEAD: Duration = Duration::from_secs(10);
/// Life of a connection opened with `debug_reconnects=true`.
const DEBUG_LIFETIME: Duration = Duration::from_secs(360);
/// Unanswered pings after which a connection counts as dead.
const PINGS_UNANSWERED: u32 = 3;
/// Sent less than this before the app closed its connection: it cannot have seen it.
const CROSSING: Duration = Duration::from_millis(200);
/// How long a peer may take to answer a close.
const CLOSING_HANDSHAKE: Duration = Duration::from_secs(2);

impl Workspace {
    /// How many connections take envelopes now.
    pub fn connections(&self) -> usize {
        lock(&self.0.hub)
            .connections
            .iter()
            .filter(|c| c.budget != Some(0))
            .count()
    }

    /// Cuts every connection without a word, as a dying network does.
    pub fn cut_sockets(&self) {
        self.to_all(|| Out::Cut);
    }

    /// Every connection stays open and answers nothing any more.
    pub fn freeze_sockets(&self) {
        self.to_all(|| Out::Freeze);
    }

    /// Asks every connection to be replaced, as Slack does when it moves apps to other machines.
    pub fn request_refresh(&self) {
        self.disconnect_all("refresh_requested", REFRESH_GRACE);
    }

    /// As [`Workspace::request_refresh`] when Socket Mode was switched off: connections end at once.
    pub fn disable_link(&self) {
        self.disconnect_all("link_disabled", Duration::ZERO);
    }

    /// Announces the end in 10 s; envelopes still come.
    pub fn warn_sockets(&self) {
        self.to_all(|| Out::Text(disconnect_text("warning")));
    }

    fn disconnect_all(&self, reason: &'static str, grace: Duration) {
        let mut hub = lock(&self.0.hub);
        for connection in &mut hub.connections {
            connection.budget = Some(0);
            let _ = connection.out.send(Out::Disconnect { reason, grace });
        }
    }

    fn to_all(&self, out: impl Fn() -> Out) {
        let mut hub = lock(&self.0.hub);
        let mut excused = HashSet::new();
        for connection in &mut hub.connections {
            let out = out();
            match out {
                Out::Cut => connection.budget = Some(0),
                Out::Freeze => connection.frozen = true,
                Out::Text(_) | Out::Disconnect { .. } => {}
            }
            if connection.frozen || connection.budget == Some(0) {
                excused.extend(connection.unacked.iter().cloned());
            }
            let _ = connection.out.send(out);
        }
        hub.excuse(&excused, None);
    }

    /// The life of one connection, from hello to its end.
    pub(crate) async fn serve_socket(
        &self,
        mut socket: WebSocket,
        debug_reconnects: bool,
        reset: Reset,
    ) {
        let (out, mut outbox) = mpsc::unbounded_channel();
        let registered = {
            let mut hub = lock(&self.0.hub);
            if hub.connections.len() >= MAX_CONNECTIONS {
                None
            } else {
                hub.next_id += 1;
                let id = hub.next_id;
                Some((id, hub.connections.len() + 1))
            }
        };
        let Some((id, number)) = registered else {
            let _ = socket
                .send(Frame::text(disconnect_text("too_many_websockets")))
                .await;
            let _ = socket.send(Frame::Close(None)).await;
            return;
        };
        let lifetime = if debug_reconnects {
            self.0.setup.connection_lifetime.min(DEBUG_LIFETIME)
        } else {
            self.0.setup.connection_lifetime
        };
        let hello = json!({
            "type": "hello", "num_connections": number,
            "debug_info": {"host": "applink-simulated", "build_number": 1, "approximate_connection_time": lifetime.as_secs()},
            "connection_info": {"app_id": self.with(|w| w.app.id.clone())},
        });
        if socket.send(Frame::text(hello.to_string())).await.is_err() {
            return;
        }
        lock(&self.0.hub).connections.push(Connection {
            id,
            out,
            budget: None,
            unacked: HashSet::new(),
            frozen: false,
        });
        self.count("connections");
        self.ring(signals::SOCKETS);
        let clean = self
            .pump(&mut socket, id, &mut outbox, lifetime, &reset)
            .await;
        {
            let mut hub = lock(&self.0.hub);
            if let Some(at) = hub.connections.iter().position(|c| c.id == id) {
                let gone = hub.connections.remove(at);
                // An app that says goodbye should have acked, but for what crossed its goodbye; one whose connection
                // broke could not ack.
                hub.excuse(&gone.unacked, clean.then_some(CROSSING));
            }
        }
        self.ring(signals::SOCKETS);
    }

    /// Moves frames until the connection ends; true if the app ended it properly.
    async fn pump(
        &self,
        socket: &mut WebSocket,
        id: u64,
        outbox: &mut mpsc::UnboundedReceiver<Out>,
        lifetime: Duration,
        reset: &Reset,
    ) -> bool {
        let mut ping = tokio::time::interval(self.0.setup.ping_interval);
        ping.reset();
        let mut unanswered = 0;
        let warn = tokio::time::sleep(lifetime.saturating_sub(WARNING_AHEAD));
        let end = tokio::time::sleep(lifetime);
        tokio::pin!(warn, end);
        let mut warned = false;
        loop {
            tokio::select! {
                frame = socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => self.on_ack(id, text.as_str()),
                    Some(Ok(Frame::Pong(_))) => unanswered = 0,
                    Some(Ok(Frame::Close(_))) => {
                        self.drain(socket, id).await;
                        return true;
                    }
                    Some(Ok(Frame::Binary(_))) => {
                        self.violation(ViolationKind::BadSocketMessage, "socket", "a binary message");
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                },
                out = outbox.recv() => match out {
                    Some(Out::Text(text)) => if socket.send(Frame::text(text)).await.is_err() { return false },
                    Some(Out::Disconnect { reason, grace }) => {
                        if socket.send(Frame::text(disconnect_text(reason))).await.is_err() {
                            return false;
                        }
                        end.as_mut().reset(Instant::now() + grace);
                        warned = true;
                    }
                    Some(Out::Cut) => {
                        reset.arm();
                        return false;
                    }
                    Some(Out::Freeze) => {
                        self.freeze(id);
                        // The peer notices nothing: the connection stays, and stays silent, for as long as the workspace.
                        std::future::pending::<()>().await;
                    }
                    None => return false,
                },
                _ = ping.tick() => {
                    unanswered += 1;
                    if unanswered > PINGS_UNANSWERED {
                        return false;
                    }
                    let payload = format!("Ping from applink-simulated {id}");
                    if socket.send(Frame::Ping(payload.into_bytes().into())).await.is_err() {
                        return false;
                    }
                }
                () = &mut warn, if !warned => {
                    warned = true;
                    if socket.send(Frame::text(disconnect_text("warning"))).await.is_err() {
                        return false;
                    }
                }
                () = &mut end => {
                    self.stop_sending(id);
                    let _ = socket.send(Frame::Close(None)).await;
                    self.drain(socket, id).await;
                    return true;
                }
            }
        }
    }

    /// The end of a closing handshake: answers the peer's close, takes the acks that crossed ours.
    async fn drain(&self, socket: &mut WebSocket, id: u64) {
        self.stop_sending(id);
        let rest = async {
            while let Some(Ok(frame)) = socket.recv().await {
                if let Frame::Text(text) = frame {
                    self.on_ack(id, text.as_str());
                }
            }
        };
        let _ = tokio::time::timeout(CLOSING_HANDSHAKE, rest).await;
    }

    fn stop_sending(&self, id: u64) {
        let mut hub = lock(&self.0.hub);
        if let Some(connection) = hub.connections.iter_mut().find(|c| c.id == id) {
            connection.budget = Some(0);
        }
    }

    /// A half-open connection still gets its share of envelopes until Slack would notice.
    fn freeze(&self, id: u64) {
        let workspace = self.clone();
        let noticed_after = self.0.setup.ping_interval * PINGS_UNANSWERED;
        tokio::spawn(async move {
            tokio::time::sleep(noticed_after).await;
            lock(&workspace.0.hub).connections.retain(|c| c.id != id);
            workspace.ring(signals::SOCKETS);
        });
    }
}

fn disconnect_text(reason: &str) -> String {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-simulated"}})
        .to_string()
}
