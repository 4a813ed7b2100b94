//! One socket: reads frames, hands envelopes on, sends acknowledgements, pings, notices a dead peer, and ends in order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::attend::{Reply, attend};
use super::envelope::{Frame, read};
use super::{Shared, count};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A write that is not taken within this time means a dead peer.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// A replaced connection whose successor cannot be opened is read at most this much longer than the usual time.
const LINGER_ALONE: Duration = Duration::from_secs(60);

/// Why the slot must open a successor (or none).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Slack asked for it; this connection is still read.
    Replace,
    Lost(String),
    LinkDisabled,
    Stopped,
}

/// What the loop does next.
enum Next {
    GoOn,
    End,
}

struct Connection {
    socket: Socket,
    slot: usize,
    shared: Arc<Shared>,
    /// Taken when the slot has been told.
    leave: Option<oneshot::Sender<Leave>>,
    /// Cancelled at hello: the predecessor may go.
    predecessor: CancellationToken,
    greeted: Option<Greeted>,
    last_heard: Instant,
    /// Envelopes whose handlers have not yet replied.
    in_flight: usize,
    replies_in: mpsc::UnboundedSender<Reply>,
}

/// Counts this connection among those that said hello, for as long as it lives.
struct Greeted(Arc<Shared>);

impl Greeted {
    fn new(shared: &Arc<Shared>) -> Self {
        count(&shared.counters.connections);
        shared.connected.send_modify(|number| *number += 1);
        Self(shared.clone())
    }
}

impl Drop for Greeted {
    fn drop(&mut self) {
        self.0.connected.send_modify(|number| *number -= 1);
    }
}

/// Serves one socket until it is over. `predecessor` is cancelled at hello, `replaced` is cancelled by the successor.
pub(super) async fn run(
    socket: Socket,
    slot: usize,
    shared: Arc<Shared>,
    leave: oneshot::Sender<Leave>,
    predecessor: CancellationToken,
    replaced: CancellationToken,
) {
    let (replies_in, mut replies) = mpsc::unbounded_channel();
    let now = Instant::now();
    let config = shared.config.clone();
    let mut connection = Connection {
        socket,
        slot,
        shared: shared.clone(),
        leave: Some(leave),
        predecessor,
        greeted: None,
        last_heard: now,
        in_flight: 0,
        replies_in,
    };
    let mut ping = interval_at(now + config.ping_every, config.ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let hello_deadline = now + config.hello_within;
    // Set when Slack asked for a replacement.
    let mut linger_until: Option<Instant> = None;
    loop {
        let next = tokio::select! {
            Some(reply) = replies.recv() => connection.acknowledge(reply, &mut replies).await,
            message = connection.socket.next() => connection.hear(message).await,
            _ = ping.tick() => connection.check_peer().await,
            () = sleep_until(hello_deadline), if connection.greeted.is_none() => {
                connection.lose("no hello from Slack".to_owned())
            }
            () = shared.stop.cancelled() => break,
            () = lingering(linger_until, &replaced), if linger_until.is_some() => break,
        };
        if matches!(next, Next::End) {
            return;
        }
        if linger_until.is_none() && connection.leave.is_none() {
            linger_until = Some(Instant::now() + config.linger);
        }
    }
    connection.tell(Leave::Stopped);
    connection.finish(&mut replies).await;
}

/// Ends when the time is up and the successor is there, or when waiting for the successor has taken too long.
async fn lingering(until: Option<Instant>, replaced: &CancellationToken) {
    let Some(until) = until else { return };
    sleep_until(until).await;
    let _ = timeout_at(until + LINGER_ALONE, replaced.cancelled()).await;
}

impl Connection {
    fn tell(&mut self, leave: Leave) {
        if let Some(slot) = self.leave.take() {
            // The slot is gone only at the end of the process.
            let _ = slot.send(leave);
        }
    }

    fn lose(&mut self, what: String) -> Next {
        if self.leave.is_none() {
            debug!(slot = self.slot, what, "a replaced connection ended");
        }
        if self.in_flight > 0 {
            warn!(
                slot = self.slot,
                envelopes = self.in_flight,
                "a connection ended before these envelopes could be acknowledged"
            );
        }
        self.tell(Leave::Lost(what));
        Next::End
    }

    async fn hear(&mut self, message: Option<Result<Message, WsError>>) -> Next {
        self.last_heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.read(text.as_str()),
            Some(Ok(Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                Ok(text) => self.read(text),
                Err(_) => self.unreadable("a binary frame"),
            },
            // The library has queued the pong; it leaves with the next write, which must not wait.
            Some(Ok(Message::Ping(_))) => match timeout(SEND_WITHIN, self.socket.flush()).await {
                Ok(Ok(())) => Next::GoOn,
                Ok(Err(error)) => self.lose(format!("cannot send a pong: {error}")),
                Err(_) => self.lose("cannot send a pong: the peer takes nothing".to_owned()),
            },
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Next::GoOn,
            // The stream ends once the library has answered the close.
            Some(Ok(Message::Close(_))) => Next::GoOn,
            Some(Err(error)) => self.lose(error.to_string()),
            None => self.lose("Slack closed it".to_owned()),
        }
    }

    fn read(&mut self, text: &str) -> Next {
        match read(text) {
            Frame::Hello => {
                self.greet();
                Next::GoOn
            }
            Frame::Envelope(envelope) => {
                self.greet();
                self.in_flight += 1;
                attend(&self.shared, *envelope, self.replies_in.clone());
                Next::GoOn
            }
            Frame::Disconnect { reason } if reason == "link_disabled" => {
                self.tell(Leave::LinkDisabled);
                Next::End
            }
            Frame::Disconnect { reason } => {
                info!(slot = self.slot, reason, "Slack replaces a connection");
                self.tell(Leave::Replace);
                Next::GoOn
            }
            Frame::Other { what } => self.unreadable(&what),
        }
    }

    fn greet(&mut self) {
        if self.greeted.is_none() {
            self.greeted = Some(Greeted::new(&self.shared));
            self.predecessor.cancel();
            info!(slot = self.slot, "connected to Slack");
        }
    }

    fn unreadable(&mut self, what: &str) -> Next {
        count(&self.shared.counters.unreadable);
        warn!(
            slot = self.slot,
            what, "Slack sent something that is not understood"
        );
        Next::GoOn
    }

    /// Sends this reply and all others that are waiting, in one write.
    async fn acknowledge(
        &mut self,
        first: Reply,
        replies: &mut mpsc::UnboundedReceiver<Reply>,
    ) -> Next {
        let mut waiting = vec![first];
        while let Ok(reply) = replies.try_recv() {
            waiting.push(reply);
        }
        let replied = waiting.len();
        let texts: Vec<String> = waiting.into_iter().flatten().collect();
        let number = u64::try_from(texts.len()).unwrap_or(u64::MAX);
        let sending = async {
            for text in texts {
                self.socket.feed(Message::text(text)).await?;
            }
            self.socket.flush().await
        };
        match timeout(SEND_WITHIN, sending).await {
            Ok(Ok(())) => {
                self.in_flight -= replied;
                self.shared
                    .counters
                    .acknowledged
                    .fetch_add(number, std::sync::atomic::Ordering::Relaxed);
                Next::GoOn
            }
            Ok(Err(error)) => self.lose(format!("cannot send an acknowledgement: {error}")),
            Err(_) => {
                self.lose("cannot send an acknowledgement: the peer takes nothing".to_owned())
            }
        }
    }

    async fn check_peer(&mut self) -> Next {
        let silent = self.last_heard.elapsed();
        if silent >= self.shared.config.dead_after {
            return self.lose(format!("silent for {} ms", silent.as_millis()));
        }
        match timeout(SEND_WITHIN, self.socket.send(Message::Ping(Bytes::new()))).await {
            Ok(Ok(())) => Next::GoOn,
            Ok(Err(error)) => self.lose(format!("cannot send a ping: {error}")),
            Err(_) => self.lose("cannot send a ping: the peer takes nothing".to_owned()),
        }
    }

    /// No more intake: waits for the handlers that have begun, acknowledges them, closes.
    async fn finish(mut self, replies: &mut mpsc::UnboundedReceiver<Reply>) {
        let deadline = Instant::now() + self.shared.config.drain_within;
        while self.in_flight > 0 {
            let Ok(Some(reply)) = timeout_at(deadline, replies.recv()).await else {
                warn!(
                    slot = self.slot,
                    envelopes = self.in_flight,
                    "closing although handlers are still at work"
                );
                break;
            };
            if matches!(self.acknowledge(reply, replies).await, Next::End) {
                return;
            }
        }
        // Without reading to the end, bytes still unread here would turn our close into a reset that can destroy the last
        // acknowledgements on the way.
        let closing = async {
            self.socket.close(None).await?;
            while let Some(message) = self.socket.next().await {
                if let Message::Text(text) = message?
                    && let Frame::Envelope(envelope) = read(text.as_str())
                {
                    warn!(
                        slot = self.slot,
                        envelope = envelope.envelope_id,
                        "came while closing; left to Slack to repeat"
                    );
                }
            }
            Ok::<(), WsError>(())
        };
        match timeout(self.shared.config.close_within, closing).await {
            Ok(Ok(()) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) => {}
            Ok(Err(error)) => debug!(slot = self.slot, %error, "closed without a handshake"),
            Err(_) => debug!(slot = self.slot, "Slack did not answer the close"),
        }
    }
}
