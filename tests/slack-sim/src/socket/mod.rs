//! Socket Mode: tickets from `apps.connections.open`, WebSocket connections, envelopes and their acks.
//!
//! Each envelope goes to exactly one connection (unless a fault asks otherwise) and is waited for. What an ack means is the
//! business of [`crate::interact`]; whether it came in time, once, and for something that was sent is judged here.

mod connection;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::faults::SocketFault;
use crate::ids;
use crate::lock;
use crate::log::ViolationKind;
use crate::workspace::Workspace;

/// A socket URL not used soon is worthless.
const TICKET_LIFETIME: Duration = Duration::from_secs(30);
/// After `refresh_requested` the old connection is closed when this has passed.
const REFRESH_GRACE: Duration = Duration::from_secs(10);
/// How long a repeated envelope waits for a connection.
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);
/// Acked envelopes are remembered this long, to tell a second ack from one of nothing.
const ENVELOPES_KEPT: usize = 20_000;

/// The types of envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Envelope {
    SlashCommands,
    Interactive { accepts_response_payload: bool },
    EventsApi,
}

impl Envelope {
    fn name(self) -> &'static str {
        match self {
            Envelope::SlashCommands => "slash_commands",
            Envelope::Interactive { .. } => "interactive",
            Envelope::EventsApi => "events_api",
        }
    }

    fn accepts_response_payload(self) -> bool {
        match self {
            Envelope::SlashCommands => true,
            Envelope::Interactive {
                accepts_response_payload,
            } => accepts_response_payload,
            Envelope::EventsApi => false,
        }
    }
}

/// How the delivery of an envelope ended.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// Acked in time; the payload is null for a bare ack.
    Acked(Value),
    /// No ack within Slack's time.
    TimedOut,
    /// No connection to send it on.
    Unreachable,
}

enum Out {
    Text(String),
    /// Announce the end, and close after `grace`.
    Disconnect {
        reason: &'static str,
        grace: Duration,
    },
    /// End the TCP connection at once.
    Cut,
    /// Neither read nor write again, keep the TCP connection.
    Freeze,
}

struct Connection {
    id: u64,
    out: mpsc::UnboundedSender<Out>,
    /// Envelopes it may still get: none once it was told to go, unless a burst is wanted.
    budget: Option<u32>,
    /// Sent here and not acked yet.
    unacked: HashSet<String>,
    /// Half-open: what is sent here reaches nobody, and nobody is to blame.
    frozen: bool,
}

struct Ticket {
    made: Instant,
    debug_reconnects: bool,
}

struct Pending {
    about: String,
    accepts_response_payload: bool,
    sent_at: Instant,
    /// Each copy has its own time.
    timeout: Duration,
    deadline: Instant,
    sent: u32,
    acked: u32,
    /// A missing ack is not the app's fault.
    excused: bool,
    lose_ack: bool,
    waiter: Option<oneshot::Sender<Value>>,
}

#[derive(Default)]
pub(crate) struct Hub {
    connections: Vec<Connection>,
    tickets: HashMap<String, Ticket>,
    envelopes: HashMap<String, Pending>,
    envelope_order: VecDeque<String>,
    next_id: u64,
    turn: usize,
}

impl Hub {
    /// The next connection in turn that takes envelopes.
    fn pick(&mut self) -> Option<usize> {
        let count = self.connections.len();
        let found = (0..count)
            .map(|i| (self.turn + i) % count)
            .find(|&i| self.connections[i].budget != Some(0))?;
        self.turn = found + 1;
        Some(found)
    }

    /// Sends one copy; counts it for the judgement of acks.
    fn send(&mut self, index: usize, envelope_id: &str, text: &str) {
        let connection = &mut self.connections[index];
        if let Some(budget) = &mut connection.budget {
            *budget = budget.saturating_sub(1);
        }
        connection.unacked.insert(envelope_id.to_owned());
        let _ = connection.out.send(Out::Text(text.to_owned()));
        let frozen = connection.frozen;
        if let Some(pending) = self.envelopes.get_mut(envelope_id) {
            pending.sent += 1;
            pending.sent_at = Instant::now();
            pending.deadline = pending.sent_at + pending.timeout;
            pending.excused |= frozen;
        }
    }

    /// No fault of the app if these get no ack. With `sent_within`, only those sent so recently.
    fn excuse(&mut self, envelope_ids: &HashSet<String>, sent_within: Option<Duration>) {
        let now = Instant::now();
        for id in envelope_ids {
            if let Some(pending) = self.envelopes.get_mut(id)
                && sent_within.is_none_or(|limit| now - pending.sent_at < limit)
            {
                pending.excused = true;
            }
        }
    }
}

impl Workspace {
    /// A URL for one connection, for `apps.connections.open`.
    pub(crate) fn new_socket_url(&self, debug_reconnects: bool) -> String {
        let ticket = uuid::Uuid::new_v4().to_string();
        let made = self.0.clock.instant();
        let mut hub = lock(&self.0.hub);
        hub.tickets.retain(|_, t| made - t.made <= TICKET_LIFETIME);
        hub.tickets.insert(
            ticket.clone(),
            Ticket {
                made,
                debug_reconnects,
            },
        );
        format!(
            "ws://{}/link/?ticket={ticket}&app_id={}",
            self.address(),
            self.with(|w| w.app.id.clone())
        )
    }

    /// Spends a ticket. `Some(debug_reconnects)` if it was good.
    pub(crate) fn take_ticket(&self, ticket: &str, query_debug: bool) -> Option<bool> {
        let now = self.0.clock.instant();
        let ticket = lock(&self.0.hub).tickets.remove(ticket)?;
        (now - ticket.made <= TICKET_LIFETIME).then_some(ticket.debug_reconnects || query_debug)
    }

    /// Sends an envelope to one connection and waits for its ack. `retry` counts earlier attempts at the same event.
    pub(crate) async fn deliver(
        &self,
        kind: Envelope,
        about: &str,
        payload: &Value,
        retry: u32,
    ) -> Delivered {
        self.deliver_as(
            &uuid::Uuid::new_v4().to_string(),
            kind,
            about,
            payload,
            retry,
        )
        .await
    }

    async fn deliver_as(
        &self,
        id: &str,
        kind: Envelope,
        about: &str,
        payload: &Value,
        retry: u32,
    ) -> Delivered {
        let mut envelope = json!({
            "envelope_id": id, "type": kind.name(), "payload": payload,
            "accepts_response_payload": kind.accepts_response_payload(),
        });
        if kind == Envelope::EventsApi {
            envelope["retry_attempt"] = json!(retry);
            envelope["retry_reason"] = json!(if retry == 0 { "" } else { "timeout" });
        }
        let text = envelope.to_string();
        let timeout = self.0.setup.ack_timeout;
        let (waiter, ack) = oneshot::channel();
        {
            let mut hub = lock(&self.0.hub);
            let Some(index) = hub.pick() else {
                return Delivered::Unreachable;
            };
            let pending = Pending {
                about: about.to_owned(),
                accepts_response_payload: kind.accepts_response_payload(),
                sent_at: Instant::now(),
                timeout,
                deadline: Instant::now() + timeout,
                sent: 0,
                acked: 0,
                excused: false,
                lose_ack: false,
                waiter: Some(waiter),
            };
            hub.envelopes.insert(id.to_owned(), pending);
            hub.envelope_order.push_back(id.to_owned());
            if hub.envelope_order.len() > ENVELOPES_KEPT
                && let Some(old) = hub.envelope_order.pop_front()
            {
                hub.envelopes.remove(&old);
            }
            self.send_with_faults(&mut hub, index, id, &text);
        }
        self.count("envelopes");
        match tokio::time::timeout(timeout, ack).await {
            Ok(Ok(payload)) => Delivered::Acked(payload),
            Ok(Err(_)) | Err(_) => {
                self.judge_missing_ack(id);
                Delivered::TimedOut
            }
        }
    }

    fn send_with_faults(&self, hub: &mut Hub, index: usize, id: &str, text: &str) {
        let fault = self.0.faults.for_envelope();
        let excuse = |hub: &mut Hub| {
            if let Some(pending) = hub.envelopes.get_mut(id) {
                pending.excused = true;
            }
        };
        match fault {
            None => hub.send(index, id, text),
            Some(SocketFault::Duplicate) => {
                hub.send(index, id, text);
                let other = hub.pick().unwrap_or(index);
                hub.send(other, id, text);
            }
            Some(SocketFault::DuplicateAfter(wait)) => {
                hub.send(index, id, text);
                let (workspace, id, text) = (self.clone(), id.to_owned(), text.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    // The app may be between two connections.
                    let give_up = Instant::now() + CONNECTS_WITHIN;
                    while Instant::now() < give_up {
                        {
                            let mut hub = lock(&workspace.0.hub);
                            if let Some(index) = hub.pick() {
                                hub.send(index, &id, &text);
                                return;
                            }
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                });
            }
            Some(SocketFault::LoseAck) => {
                hub.send(index, id, text);
                excuse(hub);
                if let Some(pending) = hub.envelopes.get_mut(id) {
                    pending.lose_ack = true;
                }
            }
            Some(SocketFault::CutBefore) => {
                excuse(hub);
                let connection = &mut hub.connections[index];
                connection.budget = Some(0);
                let _ = connection.out.send(Out::Cut);
            }
            Some(SocketFault::CutAfter) => {
                hub.send(index, id, text);
                excuse(hub);
                let connection = &mut hub.connections[index];
                connection.budget = Some(0);
                let _ = connection.out.send(Out::Cut);
            }
            Some(SocketFault::RefreshBurst { more }) => {
                let connection = &mut hub.connections[index];
                connection.budget = Some(more + 1);
                let _ = connection.out.send(Out::Disconnect {
                    reason: "refresh_requested",
                    grace: REFRESH_GRACE,
                });
                hub.send(index, id, text);
                // The envelopes that follow must come right behind, so this connection stays first in turn.
                hub.turn = index;
            }
        }
    }

    /// Past its time: later acks are late ones, and having none is a violation unless a fault took it.
    fn judge_missing_ack(&self, id: &str) {
        let (about, excused) = {
            let mut hub = lock(&self.0.hub);
            let Some(pending) = hub.envelopes.get_mut(id) else {
                return;
            };
            pending.waiter = None;
            (pending.about.clone(), pending.excused || pending.acked > 0)
        };
        if !excused {
            self.violation(
                ViolationKind::MissingAck,
                &about,
                format!("envelope {id} got no ack in time"),
            );
        }
    }

    fn on_ack(&self, connection_id: u64, text: &str) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            self.violation(
                ViolationKind::BadSocketMessage,
                "socket",
                format!("not JSON: {}", cut(text)),
            );
            return;
        };
        let Some(id) = message["envelope_id"].as_str().map(str::to_owned) else {
            self.violation(
                ViolationKind::BadSocketMessage,
                "socket",
                format!("no envelope_id: {}", cut(text)),
            );
            return;
        };
        let payload = message.get("payload").cloned().unwrap_or(Value::Null);
        let bare = payload.is_null() || payload.as_object().is_some_and(serde_json::Map::is_empty);
        let mut wrongs: Vec<(ViolationKind, String, String)> = Vec::new();
        {
            let mut hub = lock(&self.0.hub);
            if let Some(connection) = hub.connections.iter_mut().find(|c| c.id == connection_id) {
                connection.unacked.remove(&id);
            }
            match hub.envelopes.get_mut(&id) {
                None => wrongs.push((
                    ViolationKind::UnknownAck,
                    "socket".into(),
                    format!("ack of unknown envelope {id}"),
                )),
                Some(pending) => {
                    pending.acked += 1;
                    if pending.acked > pending.sent {
                        let detail = format!(
                            "envelope {id} was sent {} times and acked again",
                            pending.sent
                        );
                        wrongs.push((ViolationKind::DoubleAck, pending.about.clone(), detail));
                    } else if Instant::now() > pending.deadline && !pending.excused {
                        let detail = format!("ack of envelope {id} came after its time");
                        wrongs.push((ViolationKind::LateAck, pending.about.clone(), detail));
                    } else {
                        if !bare && !pending.accepts_response_payload {
                            let detail = format!("ack payload where none is read: {}", cut(text));
                            wrongs.push((
                                ViolationKind::MalformedAck,
                                pending.about.clone(),
                                detail,
                            ));
                        }
                        if !pending.lose_ack
                            && let Some(waiter) = pending.waiter.take()
                        {
                            let _ = waiter.send(if bare { Value::Null } else { payload });
                        }
                    }
                }
            }
        }
        self.count("acks");
        for (kind, about, detail) in wrongs {
            self.violation(kind, &about, detail);
        }
    }

    /// Sends an event and, while it is not acked, sends it again as Slack does: at once, then after longer waits.
    pub(crate) fn deliver_event(&self, about: &str, payload: Value) -> JoinHandle<()> {
        let workspace = self.clone();
        let about = about.to_owned();
        tokio::spawn(async move {
            for attempt in 0.. {
                if let Delivered::Acked(_) = workspace
                    .deliver(Envelope::EventsApi, &about, &payload, attempt)
                    .await
                {
                    return;
                }
                let Some(wait) = workspace.0.setup.event_retries.get(attempt as usize) else {
                    return;
                };
                tokio::time::sleep(*wait).await;
                workspace.count("retries");
            }
        })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

pub(crate) fn event_id() -> String {
    ids::random("Ev0", 8)
}
