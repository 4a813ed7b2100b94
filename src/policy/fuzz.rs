//! Tests only: whatever a worker sends, and whatever handlers return, the bot takes what is exactly right and refuses the
//! rest, without a panic. Rounds are made from numbers, see [`crate::fuzzing`]. What is expected is told by the documentation of the
//! protocol and of the handlers, not by the code that is tested: `docs/architecture.md` says what breaking that code was seen to do.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod judge;
mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::decode;
use super::host;
use super::pool::{Pool, PoolConfig};
use super::types::{
    FailureKind, HandlerAnswer, HandlerCall, HandlerFailure, Host, HostError, Inspection,
};
use super::wire::{
    self, CallReply, CallRequest, FRAME_MAX_BYTES, FromWorker, OwnTime, Place, ReplyFailure,
    ToWorker,
};
use crate::fuzzing::{Dice, rounds};
use judge::judge;
use values::{HANDLERS, TEXTS, any, at_a_bound, right, spoil};

/// Values that are made and judged in one round: judging is quick.
const PER_ROUND: usize = 40;

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
            if known {
                // Of several bounds in one answer, all have to be kept.
                let mut within = true;
                let only = dice.below(results.len() * 2);
                let all = only >= results.len();
                for (position, (handler, value)) in results.iter_mut().enumerate() {
                    if !all && position != only {
                        continue;
                    }
                    let (at_a_bound, is_within) = at_a_bound(dice, handler);
                    *value = at_a_bound;
                    within &= is_within;
                }
                let answer = decode::answer(&asked, &results, "impl.py", String::new());
                assert_eq!(answer.is_ok(), within, "round {round}: {answer:?}");
                if let Ok(answer) = answer {
                    judge(&asked, &results, &answer);
                }
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

fn exception(message: &str) -> ReplyFailure {
    ReplyFailure {
        kind: FailureKind::Exception,
        handler: Some("get_permissions".to_owned()),
        exception: Some("KeyError".to_owned()),
        message: message.to_owned(),
        file: None,
        line: Some(7),
        traceback: None,
    }
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
            let failure = dice.one_in(4).then(|| exception(dice.pick::<&str>(TEXTS)));
            FromWorker::Called(CallReply {
                results: vec![(handler.to_owned(), value)],
                failure,
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

/// Sizes that a frame may announce: at the limit, and far beyond it.
const ANNOUNCED: [usize; 6] = [
    0,
    1,
    FRAME_MAX_BYTES - 1,
    FRAME_MAX_BYTES,
    FRAME_MAX_BYTES + 1,
    u32::MAX as usize,
];

/// Changes bytes of a stream: others, fewer, more, twice; or its first frame, which then has more in it than a message.
fn spoil_bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let place = dice.below(bytes.len() + 1);
    let end = (place + dice.below(40)).min(bytes.len());
    match dice.below(9) {
        6 => {
            let more = *dice.pick(&[" ", "\n", "x", "{}", "0", "\0", "}", "]", ",", "\u{feff}"]);
            if let Some((size, _)) = first_frame(bytes) {
                let size = u32::try_from(size + more.len()).unwrap();
                let end = 4 + size as usize - more.len();
                bytes.splice(end..end, more.bytes());
                bytes.splice(..4, size.to_le_bytes());
            }
        }
        7 => {
            let size = u32::try_from(*dice.pick(&ANNOUNCED)).unwrap();
            let end = bytes.len().min(4);
            bytes.splice(..end, size.to_le_bytes());
        }
        8 => {
            // Within a text, where nothing but UTF-8 may be.
            if let Some((size, body)) = first_frame(bytes)
                && let Some(quote) = body.iter().rposition(|byte| *byte == b'"')
            {
                let wrong = dice.pick::<&[u8]>(&[&[0xff], &[0xc3], &[0xed, 0xa0, 0x80], &[0]]);
                let size = u32::try_from(size + wrong.len()).unwrap();
                bytes.splice(4 + quote..4 + quote, wrong.iter().copied());
                bytes.splice(..4, size.to_le_bytes());
            }
        }
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

/// The size of the first frame and its bytes, where it is whole.
fn first_frame(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let header = bytes.first_chunk::<4>()?;
    let size = u32::from_le_bytes(*header) as usize;
    Some((size, bytes.get(4..4 + size)?))
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

/// How a stream ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Between two frames.
    Clean,
    /// Within a header: nobody knows whether anything followed.
    InHeader,
    /// Within a body.
    InBody,
    /// A frame that is larger than any.
    TooLarge,
    /// A frame that is no message.
    Nonsense,
}

/// The messages of a stream as JSON and its end, by the description of the protocol.
fn expected<T: DeserializeOwned + Serialize>(mut bytes: &[u8]) -> (Vec<Value>, End) {
    let mut messages = Vec::new();
    loop {
        let Some(header) = bytes.first_chunk::<4>() else {
            return match bytes {
                [] => (messages, End::Clean),
                _ => (messages, End::InHeader),
            };
        };
        if u32::from_le_bytes(*header) as usize > FRAME_MAX_BYTES {
            return (messages, End::TooLarge);
        }
        let Some((size, body)) = first_frame(bytes) else {
            return (messages, End::InBody);
        };
        let text = std::str::from_utf8(body).ok();
        let Some(message) = text.and_then(|text| serde_json::from_str::<T>(text).ok()) else {
            return (messages, End::Nonsense);
        };
        messages.push(json!(message));
        bytes = &bytes[4 + size..];
    }
}

/// Whether a stream of a worker is read as the protocol says; what was read.
fn read_as_expected(round: u64, bytes: &[u8]) -> Vec<FromWorker> {
    let (read, error) = read_all(bytes);
    let (messages, end) = expected::<FromWorker>(bytes);
    let said: Vec<Value> = read.iter().map(|message| json!(message)).collect();
    assert!(said == messages, "round {round}: {said:?} of {messages:?}");
    let words = match end {
        End::Clean | End::InHeader => "the worker ended",
        End::InBody => "the worker ended within a message",
        End::TooLarge => "bytes was announced",
        End::Nonsense => "the worker spoke nonsense: ",
    };
    let is_right = match end {
        End::TooLarge | End::Nonsense => error.contains(words),
        _ => error == words,
    };
    assert!(is_right, "round {round}: {end:?}: {error}");
    read
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
            for message in read_as_expected(round, &bytes) {
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
        if round.is_multiple_of(50) {
            the_largest_frame_is_written_and_read(dice.one_in(2));
        }
    });
}

/// A message that just fits, or that just does not.
fn the_largest_frame_is_written_and_read(fits: bool) {
    let retire = |letters: usize| FromWorker::Retire {
        reason: "x".repeat(letters),
    };
    let around = wire::frame(&retire(0)).unwrap().len() - 4;
    let size = FRAME_MAX_BYTES + usize::from(!fits);
    match wire::frame(&retire(size - around)) {
        Ok(frame) => {
            assert!(fits, "{size} bytes");
            let (read, error) = read_all(&frame);
            assert_eq!((read.len(), error.as_str()), (1, "the worker ended"));
        }
        Err(error) => assert!(!fits && error.contains("is larger than"), "{error}"),
    }
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
            let (messages, end) = expected::<ToWorker>(&bytes);
            let (mut input, mut read) = (bytes.as_slice(), Vec::new());
            let ended = loop {
                match wire::read_blocking(&mut input) {
                    Ok(Some(message)) => read.push(message),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let said: Vec<Value> = read.iter().map(|message| json!(message)).collect();
            assert!(said == messages, "round {round}: {said:?} of {messages:?}");
            let is_right = match (&end, &ended) {
                (End::Clean | End::InHeader, None) => true,
                (End::InBody, Some(error)) => {
                    !error.contains("was announced") && !error.contains("not understood")
                }
                (End::TooLarge, Some(error)) => error.contains("bytes was announced"),
                (End::Nonsense, Some(error)) => error.contains("not understood: "),
                _ => false,
            };
            assert!(is_right, "round {round}: {end:?}: {ended:?}");
            for message in read {
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

/// A pool of one process that says this and then listens or ends.
fn liar(said: &[u8], listens: bool) -> (PoolConfig, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, said).unwrap();
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
    (config, file)
}

fn frame_of(message: &FromWorker) -> Vec<u8> {
    wire::frame(message).unwrap()
}

fn ready() -> Vec<u8> {
    frame_of(&FromWorker::Ready {
        weakened: Vec::new(),
    })
}

fn question(deadline: Duration) -> HandlerCall {
    HandlerCall {
        source: "".into(),
        file: "impl.py".to_owned(),
        handlers: vec!["get_permissions".to_owned()],
        input: event(),
        deadline,
    }
}

/// Long enough for a machine that is busy with other things.
const IN_TIME: Duration = Duration::from_secs(15);
/// For one that says nothing more.
const NOT_LONG: Duration = Duration::from_millis(300);

/// What a call of a process comes to that says it is ready, says this, and then listens or ends.
fn answer_of(
    runtime: &tokio::runtime::Runtime,
    said: &[u8],
    listens: bool,
    deadline: Duration,
) -> Result<HandlerAnswer, HandlerFailure> {
    let (config, _file) = liar(&[ready(), said.to_vec()].concat(), listens);
    runtime.block_on(async {
        let pool = Pool::start(config);
        let answer = pool.call(question(deadline), Arc::new(Nobody)).await;
        pool.shutdown().await;
        answer
    })
}

/// What a call of a process that says this and then listens has to come to.
fn due(said: &[u8]) -> Result<HandlerAnswer, FailureKind> {
    let (messages, end) = expected::<FromWorker>(said);
    let (mut host_calls, mut begun, mut places) = (0, false, 0);
    let asked = "get_permissions";
    for message in messages {
        match serde_json::from_value(message).unwrap() {
            FromWorker::Begins { name } if name == asked && !begun => begun = true,
            FromWorker::Where(Place { handler, .. })
                if places < 40 && handler.as_deref().is_none_or(|name| name == asked) =>
            {
                places += 1;
            }
            FromWorker::Host { .. } if host_calls < 1_000 => host_calls += 1,
            FromWorker::Called(reply) => {
                return match reply.failure {
                    Some(failure) => Err(failure.kind),
                    None => decode::answer(
                        &[asked.to_owned()],
                        &reply.results,
                        "impl.py",
                        reply.printed,
                    )
                    .map_err(|failure| failure.kind),
                };
            }
            _ => return Err(FailureKind::Died),
        }
    }
    Err(match end {
        // More could come.
        End::Clean | End::InHeader | End::InBody => FailureKind::Timeout,
        End::TooLarge | End::Nonsense => FailureKind::Died,
    })
}

/// Whether the process is used again after a call in which it said this.
fn stays(runtime: &tokio::runtime::Runtime, said: &[u8]) -> bool {
    let (config, _file) = liar(&[ready(), said.to_vec()].concat(), true);
    runtime.block_on(async {
        let pool = Pool::start(config);
        pool.wait_ready(Duration::from_secs(20)).await.unwrap();
        let before = pool.idle_process_ids();
        assert!(pool.call(question(IN_TIME), Arc::new(Nobody)).await.is_ok());
        let end = Instant::now() + Duration::from_secs(20);
        while pool.idle_process_ids().is_empty() {
            assert!(Instant::now() < end, "the pool is without a process");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let after = pool.idle_process_ids();
        pool.shutdown().await;
        before == after
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
        frame_of(&FromWorker::Called(CallReply {
            results: vec![(handler.to_owned(), value)],
            failure: None,
            printed: String::new(),
            own: OwnTime::default(),
        }))
    };
    let right = right(&mut Dice(1), "get_permissions");
    let answer = called("get_permissions", right.clone());
    let heard = answer_of(&runtime, &answer, true, IN_TIME);
    assert!(heard.unwrap().permissions.is_some());
    let kind = |said: &[u8]| answer_of(&runtime, said, true, IN_TIME).unwrap_err().kind;
    assert_eq!(
        kind(&called("get_flows", right.clone())),
        FailureKind::WrongResult
    );
    assert_eq!(kind(b"\x02\0\0\0{}"), FailureKind::Died);
    assert_eq!(kind(b"\xff\xff\xff\xff"), FailureKind::Died);
    // What failed has no results, whatever comes with it.
    let failed = FromWorker::Called(CallReply {
        results: vec![("get_permissions".to_owned(), right.clone())],
        failure: Some(exception("a")),
        printed: String::new(),
        own: OwnTime::default(),
    });
    assert_eq!(kind(&frame_of(&failed)), FailureKind::Exception);
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
    let late = answer_of(&runtime, &told, true, NOT_LONG).unwrap_err();
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
    let silent = answer_of(&runtime, b"", true, NOT_LONG);
    assert_eq!(silent.unwrap_err().kind, FailureKind::Timeout);
    for other in [
        FromWorker::Inspected(Inspection::default()),
        FromWorker::Idle,
        FromWorker::Ended { code: 0 },
    ] {
        let said = [frame_of(&other), answer.clone()].concat();
        assert_eq!(kind(&said), FailureKind::Died, "{other:?}");
    }
    // Without end, whatever it is told about that.
    let host = frame_of(&FromWorker::Host {
        name: "nothing".to_owned(),
        arguments: json!({}),
    });
    assert_eq!(
        kind(&[host.repeat(1_100), answer.clone()].concat()),
        FailureKind::Died
    );
    // One that does not say that it is ready is asked nothing.
    let (config, _file) = liar(&answer.repeat(2), true);
    let config = PoolConfig {
        queue_limit: Duration::from_millis(300),
        ..config
    };
    let unready = runtime.block_on(async {
        let pool = Pool::start(config);
        let answer = pool.call(question(IN_TIME), Arc::new(Nobody)).await;
        pool.shutdown().await;
        answer
    });
    assert_eq!(unready.unwrap_err().kind, FailureKind::Unavailable);
    // One that does not say at once that it is clean is not used again.
    let retire = frame_of(&FromWorker::Retire {
        reason: "x".to_owned(),
    });
    for (then, is_clean) in [
        (frame_of(&FromWorker::Idle), true),
        (retire, false),
        (ready(), false),
        (answer.clone(), false),
        (b"\x02\0\0\0{}".to_vec(), false),
    ] {
        let said = [answer.clone(), then.clone()].concat();
        assert_eq!(
            stays(&runtime, &said),
            is_clean,
            "{}",
            String::from_utf8_lossy(&then)
        );
    }
    rounds("workers that lie", |round, dice| {
        // Each round starts processes.
        if !round.is_multiple_of(10) {
            return;
        }
        let mut said: Vec<u8> = (0..=dice.below(4))
            .flat_map(|_| frame_of(&message(dice)))
            .collect();
        if !dice.one_in(3) {
            spoil_bytes(dice, &mut said);
        }
        let listens = !dice.one_in(3);
        let due = due(&said);
        let began = Instant::now();
        let deadline = match due {
            Err(FailureKind::Timeout) => NOT_LONG,
            _ => IN_TIME,
        };
        let answer = answer_of(&runtime, &said, listens, deadline);
        assert!(began.elapsed() < Duration::from_secs(30), "round {round}");
        if listens {
            assert_eq!(answer.map_err(|failure| failure.kind), due, "round {round}");
        } else if answer.is_ok() {
            assert_eq!(answer.ok(), due.ok(), "round {round}");
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
