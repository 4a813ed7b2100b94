//! A log destination that is down while the bot is killed and started: every record arrives afterwards, in order, and what is
//! sent twice is the same twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use slack_sim::{Setup, SlackSim};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::harness::{Data, Flows, ORDINARY, PATIENCE, Start, ask};

/// Records between two notes of how far a destination has got: so many may come again after a crash.
const LOT: usize = 50;

/// Takes records, or hangs up on whoever calls.
#[derive(Default)]
struct Collector {
    up: AtomicBool,
    bodies: Mutex<Vec<Value>>,
    hung_up: AtomicBool,
}

impl Collector {
    /// The place is kept while it is "down", so that nobody else gets the port.
    async fn start() -> (Arc<Self>, String) {
        let collector = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if server.up.load(Ordering::SeqCst) {
                    tokio::spawn(server.clone().take(stream));
                } else {
                    server.hung_up.store(true, Ordering::SeqCst);
                }
            }
        });
        (collector, address)
    }

    /// One request on a connection of its own.
    async fn take(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let record = serde_json::from_slice(&body).expect("one JSON object");
        self.bodies.lock().unwrap().push(record);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.get_mut().write_all(answer).await?;
        stream.get_mut().shutdown().await
    }

    fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
        self.hung_up.store(false, Ordering::SeqCst);
    }

    /// Waits until somebody has tried in vain.
    async fn until_refused(&self) {
        let refused = || self.hung_up.load(Ordering::SeqCst);
        until("an attempt on the destination", refused).await;
    }

    /// Waits until all of the journal's records are here.
    async fn until_whole(&self, data: &Data) {
        let whole = || {
            let bodies = self.bodies.lock().unwrap();
            let journal = data.audit();
            !journal.is_empty() && journal.iter().all(|record| bodies.contains(record))
        };
        until("every record of the journal", whole).await;
    }
}

async fn until(what: &str, so: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(tokio::time::Instant::now() < end, "{what} is missing");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn flows(address: &str) -> Flows {
    let terraform = format!(
        r#"resource "sym_environment" "this" {{
  name                = "main"
  label               = "Main"
  log_destination_ids = [sym_log_destination.this.id]
}}

resource "sym_log_destination" "this" {{
  type     = "http"
  settings = {{ url = "http://{address}/records" }}
}}

resource "sym_flow" "this" {{
  name           = "logged"
  label          = "logged"
  implementation = file("${{path.module}}/impl.py")
  environment_id = sym_environment.this.id
  params {{
    prompt_field {{
      name     = "reason"
      label    = "Why?"
      type     = "string"
      required = true
    }}
  }}
}}
"#
    );
    Flows::new().with_terraform("logged", &terraform, ORDINARY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_arrives_however_often_the_bot_ends_while_the_destination_is_down()
-> Result<(), Box<dyn std::error::Error>> {
    let (collector, address) = Collector::start().await;
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (flows(&address), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let (alice, bob) = (slack.person("alice"), slack.person("bob"));
    let mut channel = slack.channel("#sym-requests");

    // Never reached yet, and killed.
    let bot = start.spawn();
    bot.ready().await;
    ask(&alice, "logged", "first").await?;
    channel.next_request().await?;
    collector.until_refused().await;
    bot.kill().await;
    assert!(collector.bodies.lock().unwrap().is_empty());

    // Reached for a while.
    collector.set_up(true);
    let bot = start.spawn();
    bot.ready().await;
    collector.until_whole(&data).await;
    ask(&alice, "logged", "second").await?;
    let second = channel.next_request().await?;
    collector.until_whole(&data).await;

    // Down again, over a kill, a start that cannot send either, and a stop in good order.
    collector.set_up(false);
    for number in 0..3 {
        ask(&alice, "logged", &format!("third, {number}")).await?;
        channel.next_request().await?;
    }
    bob.presses(&second, "Approve").await?;
    second.expects_text("Approved").await?;
    collector.until_refused().await;
    bot.kill().await;
    collector.set_up(false);
    let bot = start.spawn();
    bot.ready().await;
    ask(&alice, "logged", "fourth").await?;
    channel.next_request().await?;
    collector.until_refused().await;
    bot.terminate().await.expect_code(0);
    let arrived = collector.bodies.lock().unwrap().len();
    assert!(
        arrived < data.audit().len(),
        "the destination was never down"
    );

    collector.set_up(true);
    let bot = start.spawn();
    bot.ready().await;
    collector.until_whole(&data).await;
    bot.terminate().await.expect_code(0);

    data.expect_whole_journal().await;
    let journal = data.audit();
    let bodies = collector.bodies.lock().unwrap();
    let requests = journal
        .iter()
        .filter(|record| record["event"]["type"] == "request");
    assert_eq!(requests.count(), 6);
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    let mut firsts = Vec::new();
    for body in bodies.iter() {
        assert!(journal.contains(body), "not in the journal: {body}");
        let seen = times.entry(body["seq"].as_u64().unwrap()).or_default();
        if *seen == 0 {
            firsts.push(body);
        }
        *seen += 1;
    }
    let in_order: Vec<&Value> = journal.iter().collect();
    assert_eq!(firsts, in_order, "not in the journal's order");
    let again: usize = times.values().map(|count| count - 1).sum();
    assert!(again <= 3 * LOT, "{again} records came again");
    Ok(())
}
