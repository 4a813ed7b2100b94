//! One pool for all tests, and short ways to call it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use symbot::policy::pool::{Pool, PoolConfig};
use symbot::policy::types::{
    ChannelInput, EventInput, FlowInput, HandlerAnswer, HandlerCall, HandlerFailure, Host,
    HostError, Inspection, RunInput, UserInput,
};

pub const PERMISSIONS: &str = "get_permissions";
pub const NOTIFICATIONS: &str = "get_request_notifications";

pub static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

pub static POOL: LazyLock<Pool> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let pool = Pool::start(PoolConfig {
            queue_limit: Duration::from_secs(120),
            ..config(2)
        });
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        assert!(
            pool.weakened().is_empty(),
            "this system lacks {:?}",
            pool.weakened()
        );
        pool
    })
});

pub fn config(workers: usize) -> PoolConfig {
    PoolConfig::of(PathBuf::from(env!("CARGO_BIN_EXE_symbot")), workers)
}

/// One worker, so that both calls meet the same process if it is used again.
pub fn one_worker() -> Pool {
    RUNTIME.block_on(async {
        let mut config = config(1);
        config.spares = 0;
        let pool = Pool::start(config);
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        pool
    })
}

/// Waits until the worker has checked itself, or another one has taken its place.
pub fn idle_again(pool: &Pool) {
    RUNTIME.block_on(async {
        for _ in 0..500 {
            if !pool.idle_process_ids().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the worker is not idle again");
    });
}

pub fn person(name: &str) -> UserInput {
    let number = name
        .bytes()
        .fold(7_u128, |sum, byte| sum * 131 + u128::from(byte));
    UserInput {
        id: uuid::Uuid::from_u128(number).to_string(),
        email: Some(format!("{name}@example.com")),
        username: format!("{name}@example.com"),
        name: name.to_owned(),
        first_name: Some(name.to_owned()),
        last_name: None,
        role: "member".to_owned(),
        slack_id: Some(format!("U{}", name.to_uppercase())),
        known: true,
        identities: Vec::new(),
        user_type: None,
    }
}

/// A request by alice, typed in #general, in a flow with two channel variables.
pub fn request() -> EventInput {
    let channel = ChannelInput {
        channel_type: "slack".to_owned(),
        identifier: Some("#general".to_owned()),
    };
    EventInput {
        name: "request".to_owned(),
        event_channel: channel.clone(),
        timestamp: "2026-03-01T12:30:00+00:00".to_owned(),
        user: person("alice"),
        fields: serde_json::Map::new(),
        run: RunInput {
            id: "0b8e7a1e-52c2-4c3e-9f0e-0a6d4d7f1a11".to_owned(),
            source_channel: channel,
            actors: vec![("request".to_owned(), person("alice"))],
            contexts: serde_json::Map::new(),
        },
        flow: FlowInput {
            name: "approval".to_owned(),
            label: Some("Approval".to_owned()),
            version: "1.0.0".to_owned(),
            vars: [
                ("request_channel", "#sym-requests"),
                ("emergency_channel", "#sym-emergencies"),
            ]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
            fields: vec![
                json!({"name": "urgency", "type": "string", "allowed_values": ["Normal", "Emergency"]}),
            ],
            environment: None,
            strategy: None,
        },
        arguments: None,
        outputs: serde_json::Map::new(),
    }
}

pub fn with_field(name: &str, value: Value) -> EventInput {
    let mut input = request();
    input.fields.insert(name.to_owned(), value);
    input
}

/// A host that knows alice, bob and carol, and remembers what it was asked.
#[derive(Default)]
pub struct FakeHost {
    pub asked: Mutex<Vec<(String, Value)>>,
}

impl Host for FakeHost {
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        self.asked
            .lock()
            .unwrap()
            .push((name.to_owned(), arguments.clone()));
        Box::pin(async move {
            let people = ["alice", "bob", "carol"].map(person);
            let text = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
            let found = |known: Option<&UserInput>| known.map_or(Value::Null, |known| json!(known));
            match name {
                "users.by_email" => {
                    let email = text("email");
                    let known = people.iter().find(|one| one.email.as_ref() == Some(&email));
                    if known.is_none() && arguments["create"] == json!(true) {
                        return Ok(json!(UserInput {
                            email: Some(email.clone()),
                            username: email,
                            slack_id: None,
                            known: false,
                            ..person("unknown")
                        }));
                    }
                    Ok(found(known))
                }
                "users.by_id" => {
                    let id = text("id");
                    Ok(people.iter().find(|one| one.id == id).map_or_else(
                        || {
                            json!(UserInput {
                                id: id.clone(),
                                email: None,
                                username: id.clone(),
                                slack_id: None,
                                known: false,
                                ..person("unknown")
                            })
                        },
                        |known| json!(known),
                    ))
                }
                "users.by_mention" => {
                    let name = text("text").trim_start_matches('@').to_owned();
                    Ok(found(people.iter().find(|one| one.name == name)))
                }
                "slack.send_message" => Ok(Value::Null),
                _ => Err(symbot::policy::host::unavailable(name)),
            }
        })
    }
}

pub struct Call {
    source: String,
    handlers: Vec<String>,
    input: EventInput,
    deadline: Duration,
    host: Arc<dyn Host>,
}

pub fn call(source: &str, handler: &str) -> Call {
    Call {
        source: source.to_owned(),
        handlers: vec![handler.to_owned()],
        input: request(),
        deadline: Duration::from_secs(30),
        host: Arc::new(FakeHost::default()),
    }
}

impl Call {
    pub fn and(mut self, handler: &str) -> Self {
        self.handlers.push(handler.to_owned());
        self
    }

    pub fn with(mut self, input: EventInput) -> Self {
        self.input = input;
        self
    }

    pub fn within(mut self, milliseconds: u64) -> Self {
        self.deadline = Duration::from_millis(milliseconds);
        self
    }

    #[allow(dead_code)]
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = host;
        self
    }

    pub fn run(self) -> Result<HandlerAnswer, HandlerFailure> {
        self.run_in(&POOL)
    }

    pub fn run_in(self, pool: &Pool) -> Result<HandlerAnswer, HandlerFailure> {
        RUNTIME.block_on(self.start_in(pool))
    }

    pub async fn start_in(self, pool: &Pool) -> Result<HandlerAnswer, HandlerFailure> {
        let call = HandlerCall {
            source: self.source.into(),
            file: "impl.py".to_owned(),
            handlers: self.handlers,
            input: self.input,
            deadline: self.deadline,
        };
        pool.call(call, self.host).await
    }
}

/// A file whose `get_permissions` runs these lines and then returns something valid.
pub fn permissions_after(body: &str) -> String {
    let mut source = String::from(
        "from sym.sdk.annotations import reducer\nfrom sym.sdk.request_permission import RequestPermission\n\n\
         @reducer\ndef get_permissions(event):\n",
    );
    for line in body.lines() {
        source.push_str("    ");
        source.push_str(line);
        source.push('\n');
    }
    source.push_str("    return RequestPermission(webapp_view='admin', approve_deny='member')\n");
    source
}

/// What these lines print inside `get_permissions`.
pub fn printed(body: &str) -> String {
    match call(&permissions_after(body), PERMISSIONS).run() {
        Ok(answer) => answer.printed,
        Err(failure) => panic!(
            "{failure}\n{}",
            failure.traceback.as_deref().unwrap_or_default()
        ),
    }
}

/// How these lines fail inside `get_permissions`.
pub fn failure(body: &str) -> HandlerFailure {
    call(&permissions_after(body), PERMISSIONS)
        .run()
        .expect_err("this should fail")
}

/// The pool still answers.
pub fn next_call_works() {
    call(&permissions_after("pass"), PERMISSIONS).run().unwrap();
}

pub fn inspect(source: &str) -> Inspection {
    RUNTIME.block_on(POOL.inspect("impl.py", source)).unwrap()
}
