//! Tests only: whatever a worker sends, and whatever handlers return, the bot takes what is exactly right and refuses the
//! rest, without a panic. Rounds are made from numbers, see [`crate::fuzzing`].

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::decode;
use super::host;
use super::pool::{Pool, PoolConfig};
use super::types::{
    FailureKind, HandlerAnswer, HandlerCall, HandlerFailure, HookOutcome, Host, HostError,
    Inspection,
};
use super::wire::{
    self, CallReply, CallRequest, FRAME_MAX_BYTES, FromWorker, OwnTime, Place, ToWorker,
};
use crate::domain::permission::{Audience, Level};
use crate::domain::routing::Destination;
use crate::fuzzing::{Dice, rounds};
use values::{HANDLERS, TEXTS, any, right, spoil};

/// Values that are made and judged in one round: judging is quick.
const PER_ROUND: usize = 40;

/// What must hold of everything that is taken.
fn judge(asked: &[String], results: &[(String, Value)], answer: &HandlerAnswer) {
    let result = |name: &str| {
        let found = results.iter().rev().find(|(handler, _)| handler == name);
        found.map_or(&Value::Null, |(_, value)| value)
    };
    assert!(results.iter().all(|(handler, _)| asked.contains(handler)));
    if let Some(permissions) = &answer.permissions {
        let said = result("get_permissions");
        assert_eq!(said["type"], "permissions");
        assert_eq!(
            said["allow_self_approval"],
            json!(permissions.allow_self_approval)
        );
        for (audience, said) in [
            (&permissions.webapp_view, &said["webapp_view"]),
            (&permissions.approve_deny, &said["approve_deny"]),
        ] {
            match audience {
                Audience::Level(level) => {
                    let word = match level {
                        Level::Admin => "admin",
                        Level::Member => "member",
                        Level::AllUsers => "all_users",
                    };
                    assert_eq!(said["level"], word);
                }
                Audience::People(people) => {
                    let ids = said["people"].as_array().unwrap();
                    assert!(!people.is_empty() && people.len() == ids.len());
                    for (id, said) in people.iter().zip(ids) {
                        let said = said.as_str().unwrap();
                        assert_eq!(*id, uuid::Uuid::parse_str(said).unwrap());
                    }
                }
            }
        }
    }
    let routed = answer.notifications.iter().flatten();
    for notification in routed.clone().chain(answer.approvers.iter().flatten()) {
        assert!((1..=100).contains(&notification.destinations.len()));
        let in_slack = |one: &&Destination| !matches!(one, Destination::User { .. });
        assert!(notification.destinations.iter().filter(in_slack).count() <= 1);
        for destination in &notification.destinations {
            let is_right = match destination {
                Destination::ChannelId { id } => id.starts_with(['C', 'D', 'G']),
                Destination::ChannelName { name } => name.chars().any(|letter| letter != '#'),
                Destination::SlackUser { slack_id } => slack_id.starts_with(['U', 'W']),
                Destination::SlackGroup { slack_ids } => (1..=7).contains(&slack_ids.len()),
                Destination::User { id, .. } => !id.is_empty(),
                Destination::Nowhere { .. } => true,
            };
            assert!(is_right, "{destination:?}");
        }
    }
    assert!(routed.count() <= 100);
    for options in answer.options.values() {
        assert!(options.len() <= 1_000);
        for option in options {
            assert!(!option.value.is_null() && option.label.chars().count() <= 55);
        }
    }
    for (hook, outcome) in &answer.hooks {
        let said = result(hook);
        match outcome {
            HookOutcome::Proceed => assert_eq!(said["type"], "none"),
            HookOutcome::Ignore { .. } => assert_eq!(said["step"], "ignore"),
            HookOutcome::Fire { event, .. } => assert_eq!(said["step"], json!(event)),
        }
    }
}

#[test]
fn results_are_taken_as_they_are_or_refused() {
    rounds("handler results", |round, dice| {
        for _ in 0..PER_ROUND {
            let asked: Vec<String> = (0..=dice.below(3))
                .map(|_| (*dice.pick(HANDLERS)).to_owned())
                .collect();
            let mut results: Vec<(String, Value)> = asked
                .iter()
                .map(|handler| (handler.clone(), right(dice, handler)))
                .collect();
            let known = asked
                .iter()
                .all(|one| !matches!(one.as_str(), "" | "get_nothing"));
            let answer = decode::answer(&asked, &results, "impl.py", String::new());
            assert_eq!(
                answer.is_ok(),
                known,
                "round {round}: {results:?}: {answer:?}"
            );
            if let Ok(answer) = answer {
                judge(&asked, &results, &answer);
            }
            for _ in 0..=dice.below(3) {
                let position = dice.below(results.len());
                match dice.below(10) {
                    0 => (*dice.pick(HANDLERS)).clone_into(&mut results[position].0),
                    1 => results[position].1 = any(dice, 4),
                    _ => spoil(dice, &mut results[position].1),
                }
            }
            match decode::answer(&asked, &results, "impl.py", String::new()) {
                Ok(answer) => judge(&asked, &results, &answer),
                Err(failure) => {
                    assert_eq!(failure.kind, FailureKind::WrongResult, "round {round}");
                    assert!(failure.handler.is_some() && !failure.message.is_empty());
                }
            }
        }
    });
}

fn message(dice: &mut Dice) -> FromWorker {
    match dice.below(10) {
        0 => FromWorker::Ready {
            weakened: vec!["seccomp".to_owned()],
        },
        1 | 2 => {
            let calls = [
                "users.by_email",
                "slack.send_message",
                "http.request",
                "nothing",
            ];
            FromWorker::Host {
                name: (*dice.pick(&calls)).to_owned(),
                arguments: any(dice, 4),
            }
        }
        3 | 4 => {
            let handler = *dice.pick(HANDLERS);
            let mut value = right(dice, handler);
            if dice.one_in(2) {
                spoil(dice, &mut value);
            }
            FromWorker::Called(CallReply {
                results: vec![(handler.to_owned(), value)],
                failure: None,
                printed: (*dice.pick(TEXTS)).to_owned(),
                own: OwnTime {
                    module_ns: u64::MAX,
                    handlers_ns: 1,
                },
            })
        }
        5 => FromWorker::Inspected(Inspection::default()),
        7 => FromWorker::Begins {
            name: (*dice.pick(HANDLERS)).to_owned(),
        },
        8 => FromWorker::Where(Place {
            handler: dice.one_in(2).then(|| (*dice.pick(HANDLERS)).to_owned()),
            line: dice.one_in(2).then_some(u32::MAX),
            printed: (*dice.pick(TEXTS)).to_owned(),
        }),
        6 => FromWorker::Retire {
            reason: "x".repeat(dice.below(5_000)),
        },
        _ => FromWorker::Idle,
    }
}

/// Changes bytes of a stream: others, fewer, more, twice.
fn spoil_bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let place = dice.below(bytes.len() + 1);
    let end = (place + dice.below(40)).min(bytes.len());
    match dice.below(6) {
        0 => bytes.truncate(place),
        1 => drop(bytes.drain(place..end)),
        2 => {
            let again = bytes[place..end].to_vec();
            bytes.splice(place..place, again);
        }
        3 => {
            let size = u32::try_from(dice.below(FRAME_MAX_BYTES * 2)).unwrap();
            bytes.splice(place..end, size.to_le_bytes());
        }
        4 => {
            let (open, close) = *dice.pick(&[("[", "]"), ("{\"t\":", "}")]);
            let depth = 1 + dice.below(3_000);
            let nest = format!("{}0{}", open.repeat(depth), close.repeat(depth));
            let size = u32::try_from(nest.len()).unwrap().to_le_bytes();
            bytes.splice(place..place, [&size, nest.as_bytes()].concat());
        }
        _ => {
            for byte in &mut bytes[place..end] {
                *byte = u8::try_from(dice.below(256)).unwrap();
            }
        }
    }
}

/// Reads a stream to its end, or to what is no message.
fn read_all(bytes: &[u8]) -> (Vec<FromWorker>, String) {
    let mut input = bytes;
    let mut found = Vec::new();
    futures_util::FutureExt::now_or_never(async {
        loop {
            match wire::read(&mut input).await {
                Ok(message) => found.push(message),
                Err(error) => return (found, error),
            }
        }
    })
    .expect("what is there is read at once")
}

#[test]
fn frames_are_read_as_they_were_written_or_end_the_conversation() {
    rounds("frames of workers", |round, dice| {
        for _ in 0..PER_ROUND {
            let written: Vec<Vec<u8>> = (0..dice.below(6))
                .map(|_| wire::frame(&message(dice)).unwrap())
                .collect();
            let mut bytes = written.concat();
            let (read, error) = read_all(&bytes);
            assert_eq!(error, "the worker ended");
            let again: Vec<Vec<u8>> = read.iter().map(|one| wire::frame(one).unwrap()).collect();
            assert!(written == again, "round {round}: {read:?}");
            for _ in 0..=dice.below(3) {
                spoil_bytes(dice, &mut bytes);
            }
            let (read, error) = read_all(&bytes);
            assert!(
                error.contains("worker") || error.contains("announced"),
                "{error}"
            );
            for message in read {
                // What was understood can be said again.
                let frame = wire::frame(&message).unwrap();
                let (same, _) = read_all(&frame);
                assert_eq!(wire::frame(&same[0]).unwrap(), frame, "round {round}");
                match message {
                    FromWorker::Host { name, arguments } => {
                        if let Ok(call) = host::check(&name, &arguments) {
                            assert_eq!(call.name, name);
                            assert!(arguments.is_object());
                        }
                    }
                    FromWorker::Called(reply) => {
                        let asked: Vec<String> =
                            HANDLERS.iter().map(|one| (*one).to_owned()).collect();
                        if let Ok(answer) =
                            decode::answer(&asked, &reply.results, "impl.py", reply.printed)
                        {
                            judge(&asked, &reply.results, &answer);
                        }
                    }
                    _ => {}
                }
            }
        }
    });
}

#[test]
fn requests_are_read_as_they_were_written_or_refused() {
    rounds("frames of the bot", |round, dice| {
        for _ in 0..PER_ROUND {
            let request = match dice.below(3) {
                0 => ToWorker::Call(CallRequest {
                    file: "impl.py".to_owned(),
                    source: Arc::from(*dice.pick(TEXTS)),
                    handlers: vec![(*dice.pick(HANDLERS)).to_owned()],
                    input: any(dice, 4),
                    seed: "00".to_owned(),
                    now_ns: dice.roll(),
                    hurry: dice.one_in(2),
                    deadline_ms: dice.roll(),
                }),
                1 => ToWorker::Answer {
                    value: any(dice, 4),
                    now_ns: dice.roll(),
                },
                _ => ToWorker::Inspect {
                    file: "impl.py".to_owned(),
                    source: "x".repeat(dice.below(3_000)),
                },
            };
            let mut bytes = wire::frame(&request).unwrap();
            let read = wire::read_blocking(&mut bytes.as_slice()).unwrap().unwrap();
            assert_eq!(wire::frame(&read).unwrap(), bytes, "round {round}");
            spoil_bytes(dice, &mut bytes);
            let mut input = bytes.as_slice();
            while let Ok(Some(message)) = wire::read_blocking(&mut input) {
                assert!(wire::frame(&message).is_ok(), "round {round}");
            }
        }
    });
}

/// A host that knows nothing.
struct Nobody;

impl Host for Nobody {
    fn call<'a>(
        &'a self,
        name: &'a str,
        _: &'a Value,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        Box::pin(async move { Err(host::unavailable(name)) })
    }
}

/// What a call of a process comes to that says it is ready, says this, and then listens or ends.
fn answer_of(
    runtime: &tokio::runtime::Runtime,
    said: &[u8],
    listens: bool,
) -> Result<HandlerAnswer, HandlerFailure> {
    let mut bytes = wire::frame(&FromWorker::Ready {
        weakened: Vec::new(),
    })
    .unwrap();
    bytes.extend(said);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let then = if listens { "; cat > /dev/null" } else { "" };
    let config = PoolConfig {
        program: "/bin/sh".into(),
        arguments: vec![
            "-c".to_owned(),
            format!("cat {}{then}", file.path().display()),
        ],
        workers: 1,
        spares: 0,
        queue_limit: Duration::from_secs(20),
    };
    let call = HandlerCall {
        source: "".into(),
        file: "impl.py".to_owned(),
        handlers: vec!["get_permissions".to_owned()],
        input: event(),
        deadline: Duration::from_millis(300),
    };
    runtime.block_on(async {
        let pool = Pool::start(config);
        let answer = pool.call(call, Arc::new(Nobody)).await;
        pool.shutdown().await;
        answer
    })
}

/// Each call of a process that says anything ends in time, and is answered by nothing but a right answer.
#[test]
fn calls_of_workers_that_lie_fail_and_end() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let called = |handler: &str, value: Value| {
        let reply = CallReply {
            results: vec![(handler.to_owned(), value)],
            failure: None,
            printed: String::new(),
            own: OwnTime::default(),
        };
        wire::frame(&FromWorker::Called(reply)).unwrap()
    };
    let right = right(&mut Dice(1), "get_permissions");
    let heard = answer_of(&runtime, &called("get_permissions", right.clone()), true);
    assert!(heard.unwrap().permissions.is_some());
    let kind = |said: &[u8]| answer_of(&runtime, said, true).unwrap_err().kind;
    assert_eq!(kind(&called("get_flows", right)), FailureKind::WrongResult);
    assert_eq!(kind(b"\x02\0\0\0{}"), FailureKind::Died);
    assert_eq!(kind(b"\xff\xff\xff\xff"), FailureKind::Died);
    assert_eq!(kind(b""), FailureKind::Timeout);
    let frames = |messages: &[FromWorker]| -> Vec<u8> {
        let frames = messages.iter().map(|one| wire::frame(one).unwrap());
        frames.flatten().collect()
    };
    let begins = |name: &str| FromWorker::Begins {
        name: name.to_owned(),
    };
    let place = Place {
        handler: Some("get_permissions".to_owned()),
        line: Some(7),
        printed: "so far".to_owned(),
    };
    let told = frames(&[begins("get_permissions"), FromWorker::Where(place.clone())]);
    let late = answer_of(&runtime, &told, true).unwrap_err();
    assert_eq!(late.kind, FailureKind::Timeout);
    assert_eq!((late.handler, late.line), (place.handler.clone(), Some(7)));
    assert_eq!(late.printed, "so far");
    // Nobody gets more time by saying that a handler begins which was not asked for, or begins again.
    for more in [
        frames(&[begins("get_flows")]),
        frames(&[begins("get_permissions"), begins("get_permissions")]),
        frames(&[FromWorker::Where(place.clone())]).repeat(1_000),
        frames(&[FromWorker::Where(Place {
            handler: Some("get_flows".to_owned()),
            ..place
        })]),
    ] {
        assert_eq!(kind(&more), FailureKind::Died);
    }
    rounds("workers that lie", |round, dice| {
        // Each round starts processes.
        if !round.is_multiple_of(10) {
            return;
        }
        let mut said: Vec<u8> = (0..=dice.below(4))
            .flat_map(|_| wire::frame(&message(dice)).unwrap())
            .collect();
        if !dice.one_in(3) {
            spoil_bytes(dice, &mut said);
        }
        let began = Instant::now();
        let answer = answer_of(&runtime, &said, dice.one_in(2));
        assert!(began.elapsed() < Duration::from_secs(30), "round {round}");
        if let Ok(answer) = answer {
            assert!(answer.notifications.is_none() && answer.hooks.is_empty());
        }
    });
}

fn event() -> super::types::EventInput {
    let user = json!({"id": "1", "email": null, "username": "a", "name": "a", "first_name": null,
                      "last_name": null, "role": "member", "slack_id": null, "known": true});
    let channel = json!({"type": "slack", "identifier": null});
    serde_json::from_value(json!({
        "name": "request", "event_channel": channel, "timestamp": "2026-03-01T12:30:00+00:00", "user": user, "fields": {},
        "run": {"id": "1", "source_channel": channel, "actors": []},
        "flow": {"name": "a", "label": null, "version": "1.0.0", "vars": {}, "fields": [], "environment": null},
    }))
    .unwrap()
}
