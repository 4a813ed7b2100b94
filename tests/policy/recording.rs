//! A recorded call can be repeated: same answers of the host, same clock, same randomness, same result.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use symbot::policy::recording::{
    RecordedAnswer, RecordedCall, RecordedHostCall, RecordedOutcome, ReplayError,
};
use symbot::policy::types::{FailureKind, HandlerCall};

use crate::support::{
    FakeHost, NOTIFICATIONS, PERMISSIONS, POOL, RUNTIME, permissions_after, request,
};

const DEADLINE: Duration = Duration::from_secs(30);

fn record(source: &str) -> RecordedCall {
    let call = HandlerCall {
        source: source.into(),
        file: "impl.py".to_owned(),
        handlers: vec![PERMISSIONS.to_owned(), NOTIFICATIONS.to_owned()],
        input: request(),
        deadline: DEADLINE,
    };
    RUNTIME
        .block_on(POOL.call_recorded(call, Arc::new(FakeHost::default())))
        .1
}

fn replay(record: &RecordedCall, source: &str) -> RecordedCall {
    RUNTIME
        .block_on(POOL.replay(record, source.into(), DEADLINE))
        .unwrap()
}

/// Records, goes through JSON as a store would, replays twice.
fn repeats(source: &str) -> RecordedCall {
    let recorded = record(source);
    let text = serde_json::to_string(&recorded).unwrap();
    let stored: RecordedCall = serde_json::from_str(&text).unwrap();
    for _ in 0..2 {
        let again = replay(&stored, source);
        assert!(
            recorded.same_as(&again).unwrap(),
            "{}\n{}",
            serde_json::to_string_pretty(&recorded).unwrap(),
            serde_json::to_string_pretty(&again).unwrap()
        );
    }
    recorded
}

fn printed(record: &RecordedCall) -> &str {
    match &record.outcome {
        RecordedOutcome::Results { printed, .. } => printed,
        RecordedOutcome::Failure(failure) => panic!("{failure}"),
    }
}

#[test]
fn time_randomness_and_order_repeat() {
    let record = repeats(&permissions_after(
        "import datetime, random, uuid, secrets, time\n\
         print(time.time(), time.time_ns(), time.monotonic(), time.perf_counter(), time.strftime('%c'), time.ctime())\n\
         print(datetime.datetime.now(), datetime.datetime.utcnow(), datetime.datetime.now(datetime.timezone.utc), datetime.date.today(), datetime.datetime.today())\n\
         print(random.random(), random.sample(range(100), 5), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(8))\n\
         print({'a', 'b', 'c', 'd'}, hash('abc'), object())",
    ));
    assert!(
        printed(&record).contains("<object object at 0x>"),
        "{record:?}"
    );
}

/// Another process, which has not run anything: what an interpreter chooses at its start would differ.
fn repeats_in_another_process(source: &str) -> RecordedCall {
    let recorded = record(source);
    let pool = RUNTIME.block_on(async {
        let pool = symbot::policy::pool::Pool::start(crate::support::config(1));
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        pool
    });
    let again = RUNTIME
        .block_on(pool.replay(&recorded, source.into(), DEADLINE))
        .unwrap();
    assert!(
        recorded.same_as(&again).unwrap(),
        "{}\n{}",
        serde_json::to_string_pretty(&recorded).unwrap(),
        serde_json::to_string_pretty(&again).unwrap()
    );
    RUNTIME.block_on(pool.shutdown());
    recorded
}

#[test]
fn all_randomness_comes_from_the_seed() {
    let body = "import random, secrets, uuid, enum\n\
         print(random.Random().random(), random.Random(None).random(), random.Random.__base__().random(), random.SystemRandom().random())\n\
         random.seed()\nprint(random.random())\nrandom.seed(None)\nprint(random.random())\n\
         one = random.Random(7)\none.seed()\nprint(one.random(), one.getrandbits(70))\n\
         print(secrets.token_hex(8), secrets.choice('abcdef'), uuid.uuid4(), uuid.uuid1(), random._os.urandom(8).hex())\n\
         print({'a', 'b', 'c', 'd', 'e', 'f', 'g'}, hash('abc'), hash(b'abc'), hash(1.5), set('hello world'))\n\
         print(enum.sys.modules['_thread'].get_ident(), enum.sys.modules['_thread'].get_native_id())\n\
         import logging, csv\nprint(logging.threading.get_ident(), logging.threading.main_thread().ident, csv.list_dialects())";
    let record = repeats_in_another_process(&permissions_after(body));
    // Seeds that are given mean what they mean in Python.
    let given = repeats_in_another_process(&permissions_after(
        "import random\nprint(random.Random(7).random(), random.Random('x').randint(0, 99), random.Random.__base__(7).random())",
    ));
    assert_eq!(
        printed(&given),
        "0.32383276483316237 80 0.32383276483316237\n"
    );
    // Two generators are not the same, and neither are two calls.
    let first = printed(&record).lines().next().unwrap_or_default();
    let numbers: std::collections::BTreeSet<&str> = first.split(' ').collect();
    assert_eq!(numbers.len(), 4, "{first}");
    let other = self::record(&permissions_after(body));
    assert_ne!(printed(&other), printed(&record));
}

#[test]
fn results_repeat_without_addresses() {
    let source = "from sym.sdk.annotations import reducer\n@reducer\ndef get_request_notifications(event):\n    return (one for one in ())\n";
    let record = repeats_in_another_process(source);
    let RecordedOutcome::Failure(failure) = &record.outcome else {
        panic!("{record:?}");
    };
    assert!(
        failure.message.contains("<generator object") && failure.message.contains(" at 0x>"),
        "{failure}"
    );
    // What people typed is theirs.
    let text = "crash at 0x7fff5fbff8c8, see <log at 0x1f>";
    let record = repeats_in_another_process(&permissions_after(&format!(
        "from sym.sdk.integrations import slack\nslack.send_message(slack.channel('#a'), '{text} ' + str(object()))"
    )));
    let sent = record.host_calls[0].arguments.to_string();
    assert!(
        sent.contains("crash at 0x7fff5fbff8c8, see") && sent.contains("<object object at 0x>"),
        "{sent}"
    );
}

#[test]
fn the_answers_of_the_host_repeat() {
    let record = repeats(&permissions_after(
        "from sym.sdk.integrations import slack, sym\n\
         print(sym.get_or_create_user_by_email('bob@example.com').name)\n\
         print(sym.get_or_create_user_by_email('nobody@example.com').username)\n\
         try:\n    slack.user('@nobody')\nexcept slack._SlackError as error:\n    print(error.error_code)\n\
         slack.send_message(slack.channel('#a'), 'hello')",
    ));
    let names: Vec<_> = record.host_calls.iter().map(|call| &*call.name).collect();
    assert_eq!(
        names,
        [
            "users.by_email",
            "users.by_email",
            "users.by_mention",
            "slack.send_message"
        ]
    );
}

#[test]
fn failures_repeat_with_their_tracebacks() {
    let record = repeats(&permissions_after("x = object()\nraise RuntimeError(x)"));
    let RecordedOutcome::Failure(failure) = &record.outcome else {
        panic!("{record:?}");
    };
    assert_eq!(failure.kind, FailureKind::Exception);
    assert_eq!(failure.message, "<object object at 0x>");
}

#[test]
fn wrong_results_repeat() {
    let source = "from sym.sdk.annotations import reducer\n@reducer\ndef get_permissions(event):\n    return 7\n";
    let record = repeats(source);
    assert!(matches!(
        &record.outcome,
        RecordedOutcome::Failure(failure) if failure.kind == FailureKind::WrongResult
    ));
}

#[test]
fn the_clock_moves_by_what_is_slept_and_a_replay_does_not_wait() {
    let source = permissions_after(
        "import time\nstart = time.time()\ntime.sleep(0.4)\nprint(0.4 <= time.time() - start < 0.5)\nend = time.monotonic() + 0.2\nwhile time.monotonic() < end:\n    pass\nprint('done')",
    );
    let recorded = record(&source);
    assert_eq!(printed(&recorded), "True\ndone\n");
    assert!(recorded.duration_ms >= 400, "{}", recorded.duration_ms);
    let again = replay(&recorded, &source);
    assert!(recorded.same_as(&again).unwrap());
}

#[test]
fn the_clock_is_that_of_the_host() {
    let record = record(&permissions_after(
        "import datetime\nprint(datetime.datetime.now().timestamp())",
    ));
    let said: f64 = printed(&record).trim().parse().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let given = record.now_ns as f64 / 1e9;
    assert!((said - given).abs() < 1.0, "{said} {given}");
    let wall = symbot::clock::now().0;
    assert!(wall.abs_diff(i64::try_from(record.now_ns / 1_000_000).unwrap()) < 60_000);
}

#[test]
fn another_source_is_not_replayed() {
    let record = record(&permissions_after("pass"));
    let error = RUNTIME
        .block_on(POOL.replay(&record, permissions_after("print(1)").into(), DEADLINE))
        .expect_err("another source");
    assert!(matches!(error, ReplayError::OtherSource(_)), "{error}");
}

#[test]
fn a_replay_that_asks_something_else_is_told() {
    let source = permissions_after(
        "from sym.sdk.integrations import sym\nprint(sym.get_or_create_user_by_email('bob@example.com').name)",
    );
    let mut record = record(&source);
    record.host_calls[0].arguments = json!({"email": "alice@example.com", "create": true});
    let again = replay(&record, &source);
    assert!(!record.same_as(&again).unwrap());
    let RecordedOutcome::Failure(failure) = &again.outcome else {
        panic!("{again:?}");
    };
    assert!(failure.message.contains("was another one"), "{failure}");
}

#[test]
fn credentials_are_masked_before_a_record_is_stored() {
    let mut record = record(&permissions_after("pass"));
    let headers = json!([["Authorization", "Bearer s3cret"], ["Accept", "*/*"]]);
    record.host_calls = vec![
        RecordedHostCall {
            name: "http.request".to_owned(),
            arguments: json!({"url": "https://a", "headers": headers}),
            answer: RecordedAnswer::Value(
                json!({"headers": [["set-cookie", "session=s3cret"]], "status": 200}),
            ),
            now_ns: 1,
        },
        RecordedHostCall {
            name: "secrets.retrieve".to_owned(),
            arguments: json!({"name": "token"}),
            answer: RecordedAnswer::Value(json!("s3cret")),
            now_ns: 2,
        },
    ];
    let text = serde_json::to_string(&record.masked()).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("*/*") && text.contains("token"), "{text}");
}
