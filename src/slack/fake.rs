//! The least of a Slack that the tests of this folder need: a Web API whose answers are scripted, down to resets, and
//! sockets that the test itself drives, down to silence. Whole workspaces are slack-sim's business.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::api::SlackApi;
use crate::secret::Secret;

pub(super) const BOT_TOKEN: &str = "xoxb-MARKER-bot";
pub(super) const APP_TOKEN: &str = "xapp-MARKER-app";
pub(super) const TICKET: &str = "MARKER-ticket";

/// Nothing that a test waits for takes this long.
const SOON: Duration = Duration::from_secs(10);

/// One scripted answer.
pub(super) enum Answer {
    Json(Value),
    Raw {
        status: u16,
        headers: &'static str,
        body: &'static str,
    },
    /// The request is read, then the connection breaks without an answer.
    Reset,
    /// No answer ever.
    Hang,
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub verb: String,
    /// After `/api/`, without the query.
    pub method: String,
    pub query: HashMap<String, String>,
    pub authorization: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    scripted: HashMap<String, VecDeque<Answer>>,
    standing: HashMap<String, Value>,
    calls: Vec<Call>,
}

pub(super) struct FakeSlack {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    sockets: mpsc::UnboundedReceiver<ServerSocket>,
}

impl FakeSlack {
    pub(super) async fn start() -> Self {
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = http.local_addr().unwrap();
        let url = format!("ws://{}/link?ticket={TICKET}", web.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        state.lock().unwrap().standing.insert(
            "apps.connections.open".to_owned(),
            json!({"ok": true, "url": url}),
        );
        let shared = state.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = http.accept().await.unwrap();
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        let (sender, sockets) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = web.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let socket = accept_async(stream).await.unwrap();
                if sender.send(ServerSocket { socket }).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            state,
            sockets,
        }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub(super) fn api(&self) -> SlackApi {
        let (bot, app) = (Secret::new(BOT_TOKEN), Secret::new(APP_TOKEN));
        SlackApi::new(Some(&self.base()), &bot, &app).unwrap()
    }

    /// The next call of `method` is answered so, before the standing answer.
    pub(super) fn script(&self, method: &str, answer: Answer) {
        let mut state = self.state.lock().unwrap();
        let queue = state.scripted.entry(method.to_owned()).or_default();
        queue.push_back(answer);
    }

    /// All calls of `method` are answered so.
    pub(super) fn always(&self, method: &str, answer: Value) {
        let mut state = self.state.lock().unwrap();
        state.standing.insert(method.to_owned(), answer);
    }

    pub(super) fn calls(&self, method: &str) -> Vec<Call> {
        let state = self.state.lock().unwrap();
        let of_method = state.calls.iter().filter(|call| call.method == method);
        of_method.cloned().collect()
    }

    /// The next socket that the client opens; it has not been greeted.
    pub(super) async fn accept(&mut self) -> ServerSocket {
        timeout(SOON, self.sockets.recv())
            .await
            .expect("the client opened no socket")
            .unwrap()
    }

    pub(super) async fn accept_and_greet(&mut self) -> ServerSocket {
        let mut socket = self.accept().await;
        socket
            .send(&json!({"type": "hello", "num_connections": 1}))
            .await;
        socket
    }

    /// True when no socket is opened within `time`.
    pub(super) async fn stays_alone(&mut self, time: Duration) -> bool {
        timeout(time, self.sockets.recv()).await.is_err()
    }
}

/// Slack's end of a socket.
pub(super) struct ServerSocket {
    socket: WebSocketStream<TcpStream>,
}

impl ServerSocket {
    pub(super) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(super) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// All frames in one write.
    pub(super) async fn burst(&mut self, frames: &[Value]) {
        for frame in frames {
            let message = Message::text(frame.to_string());
            self.socket.feed(message).await.unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    /// The next acknowledgement; `None` when the client closes or breaks the socket.
    pub(super) async fn ack(&mut self) -> Option<Value> {
        timeout(SOON, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Some(serde_json::from_str(text.as_str()).unwrap());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
        .expect("neither an acknowledgement nor a close")
    }

    /// True when the client sends no acknowledgement within `time`.
    pub(super) async fn stays_silent(&mut self, time: Duration) -> bool {
        timeout(time, self.ack()).await.is_err()
    }
}

/// An envelope as Slack sends it.
pub(super) fn envelope(id: &str, kind: &str, payload: &Value) -> Value {
    json!({
        "envelope_id": id, "type": kind, "accepts_response_payload": true, "payload": payload,
    })
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    while let Some(call) = read_call(&mut stream).await {
        let answer = {
            let mut state = state.lock().unwrap();
            let scripted = state.scripted.get_mut(&call.method);
            let scripted = scripted.and_then(VecDeque::pop_front);
            let answer = scripted.unwrap_or_else(|| {
                let standing = state.standing.get(&call.method).cloned();
                Answer::Json(standing.unwrap_or_else(|| json!({"ok": true})))
            });
            state.calls.push(call);
            answer
        };
        let text = match answer {
            Answer::Json(body) => {
                response(200, "Content-Type: application/json\r\n", &body.to_string())
            }
            Answer::Raw {
                status,
                headers,
                body,
            } => response(status, headers, body),
            Answer::Reset => return,
            Answer::Hang => std::future::pending().await,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn response(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

async fn read_call(stream: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut first = String::new();
    if stream.read_line(&mut first).await.ok()? == 0 {
        return None;
    }
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let mut words = first.split_whitespace();
    let verb = words.next()?.to_owned();
    let url = url::Url::parse(&format!("http://x{}", words.next()?)).unwrap();
    Some(Call {
        verb,
        method: url.path().trim_start_matches("/api/").to_owned(),
        query: url.query_pairs().into_owned().collect(),
        authorization: headers.remove("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}
