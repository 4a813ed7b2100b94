//! A tiny app that speaks the protocol with bare hands: HTTP over a TCP stream, envelopes as raw JSON.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)] // Each test file uses its own part of this.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use slack_sim::{Setup, SlackSim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Value,
}

/// One HTTP request on a connection of its own.
pub async fn http(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await?;
    let mut head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(std::io::ErrorKind::ConnectionReset.into());
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    Ok(Answer {
        status,
        headers: head.to_lowercase(),
        body,
    })
}

/// Calls a method with a JSON body and a token.
pub async fn call_as(
    slack: &SlackSim,
    token: &str,
    method: &str,
    args: Value,
) -> std::io::Result<Answer> {
    let url = format!("{}/{method}", slack.api_url());
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json; charset=utf-8"),
    ];
    http("POST", &url, &headers, &args.to_string()).await
}

/// Calls a method with the bot token and a JSON body.
pub async fn call(slack: &SlackSim, method: &str, args: Value) -> Value {
    call_as(slack, &slack.bot_token(), method, args)
        .await
        .unwrap()
        .body
}

/// Calls a method with GET and a query.
pub async fn get(slack: &SlackSim, method: &str, query: &str) -> Value {
    let url = format!("{}/{method}?{query}", slack.api_url());
    let bearer = format!("Bearer {}", slack.bot_token());
    http("GET", &url, &[("Authorization", &bearer)], "")
        .await
        .unwrap()
        .body
}

pub struct Socket {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub hello: Value,
}

impl Socket {
    pub async fn url(slack: &SlackSim) -> String {
        let answer = call_as(
            slack,
            &slack.app_token(),
            "apps.connections.open",
            json!({}),
        )
        .await
        .unwrap();
        answer.body["url"].as_str().unwrap().to_owned()
    }

    pub async fn open(slack: &SlackSim) -> Socket {
        let url = Socket::url(slack).await;
        let (ws, _) = connect_async(url).await.unwrap();
        let mut socket = Socket {
            ws,
            hello: Value::Null,
        };
        socket.hello = socket.next().await;
        assert_eq!(socket.hello["type"], "hello");
        slack.connected(1).await.unwrap();
        socket
    }

    /// The next JSON message, within two seconds.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("a message on the socket")
    }

    pub async fn try_next(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(2), self.ws.next())
                .await
                .ok()??
                .ok()?;
            match frame {
                Message::Text(text) => return serde_json::from_str(&text).ok(),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Whether the connection ends within two seconds, whatever comes before.
    pub async fn ends(&mut self) -> bool {
        let all = async {
            while let Some(Ok(frame)) = self.ws.next().await {
                if frame.is_close() {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(2), all)
            .await
            .is_ok()
    }

    pub async fn send(&mut self, value: Value) {
        self.ws
            .send(Message::text(value.to_string()))
            .await
            .unwrap();
    }

    pub async fn ack(&mut self, envelope: &Value) {
        self.send(json!({"envelope_id": envelope["envelope_id"]}))
            .await;
    }

    pub async fn ack_with(&mut self, envelope: &Value, payload: Value) {
        self.send(json!({"envelope_id": envelope["envelope_id"], "payload": payload}))
            .await;
    }

    pub async fn close(mut self) {
        let _ = self.ws.close(None).await;
    }
}

pub async fn company() -> SlackSim {
    start(Setup::company()).await
}

/// Short deadlines: what is awaited in these tests comes at once or never.
pub async fn start(setup: Setup) -> SlackSim {
    SlackSim::start(setup.deadline(Duration::from_secs(3)))
        .await
        .unwrap()
}

/// A modal with these blocks and a submit button.
pub fn modal(blocks: Value) -> Value {
    json!({
        "type": "modal", "callback_id": "form",
        "title": {"type": "plain_text", "text": "Request"},
        "submit": {"type": "plain_text", "text": "Submit"}, "blocks": blocks,
    })
}

pub fn text_input(block: &str, label: &str) -> Value {
    json!({
        "type": "input", "block_id": block, "label": {"type": "plain_text", "text": label},
        "element": {"type": "plain_text_input", "action_id": "value"},
    })
}

pub fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

pub fn button(action: &str, text: &str) -> Value {
    json!({"type": "button", "action_id": action, "value": action, "text": {"type": "plain_text", "text": text}})
}

pub fn request_blocks(text: &str) -> Value {
    json!([section(text), {"type": "actions", "block_id": "decide", "elements": [button("approve", "Approve"), button("deny", "Deny")]}])
}
