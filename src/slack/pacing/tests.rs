#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const METHOD: &str = "chat.postMessage";

/// A second of the product is 50 ms in these tests.
const SECOND: Duration = Duration::from_millis(50);
const PACING: Pacing = Pacing {
    interval: SECOND,
    paced_for: Duration::from_millis(600),
    held_for: Duration::from_millis(400),
};
/// "At once" on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(40);
const REPEAT: Repeat = Repeat {
    attempts: 4,
    first_wait: Duration::from_millis(10),
    longest_wait: Duration::from_millis(20),
    patience: Duration::from_secs(10),
    failing_for: Duration::MAX,
    even_if_maybe_done: true,
};

fn limited(seconds: u32) -> ApiError {
    ApiError::RateLimited {
        method: METHOD,
        retry_after: SECOND * seconds,
    }
}

fn broken(maybe_done: bool) -> ApiError {
    ApiError::Transient {
        method: METHOD,
        what: "reset".to_owned(),
        maybe_done,
    }
}

fn refused() -> ApiError {
    ApiError::Refused {
        method: METHOD,
        code: "is_archived".to_owned(),
        detail: None,
    }
}

async fn send(pacer: &Pacer, method: &'static str, channel: &str) {
    let sent = pacer.run(method, channel, REPEAT, || async { Ok(()) });
    sent.await.unwrap();
}

#[test]
fn a_channel_is_not_delayed_until_slack_limits_it() {
    let mut pace = Pace::default();
    let now = Instant::now();
    for _ in 0..100 {
        assert_eq!(pace.wait_until(now), None);
        pace.started(now, PACING);
    }
}

#[test]
fn after_a_429_a_channel_waits_as_asked_and_then_keeps_the_interval_for_a_while() {
    let mut pace = Pace::default();
    let now = Instant::now();
    pace.limited(now, 5 * SECOND, PACING);
    pace.limited(now, SECOND, PACING);
    let free = now + 5 * SECOND;
    assert_eq!(
        pace.wait_until(now),
        Some(free),
        "a shorter wait replaced a longer one"
    );
    assert_eq!(pace.wait_until(free), None);
    pace.started(free, PACING);
    assert_eq!(pace.wait_until(free), Some(free + SECOND));
    let later = free + PACING.paced_for;
    pace.started(later, PACING);
    assert_eq!(pace.wait_until(later), None, "still paced");
    assert!(pace.idle(later));
}

#[test]
fn a_method_counts_as_limited_when_several_channels_are() {
    let mut pace = MethodPace::default();
    let now = Instant::now();
    for _ in 0..5 {
        pace.limited(now, "C1", SECOND);
    }
    pace.limited(now, "C2", SECOND);
    assert_eq!(
        pace.wait_until(now),
        None,
        "two channels are not the workspace"
    );
    let later = now + METHOD_WINDOW;
    pace.limited(later, "C3", SECOND);
    assert_eq!(pace.wait_until(later), None, "the others were long ago");
    pace.limited(later, "C4", SECOND);
    pace.limited(later, "C5", SECOND);
    assert_eq!(pace.wait_until(later), Some(later + SECOND));
}

#[tokio::test]
async fn calls_behind_a_429_go_out_in_order_and_other_channels_go_on() {
    let pacer = Arc::new(Pacer::new(PACING));
    let sent = Arc::new(Mutex::new(Vec::new()));
    let refusals = Arc::new(AtomicU32::new(1));
    let started = Instant::now();
    let mut calls = Vec::new();
    for number in 0..4 {
        let (pacer, sent, refusals) = (pacer.clone(), sent.clone(), refusals.clone());
        calls.push(tokio::spawn(async move {
            let call = || async {
                if number == 0 && refusals.swap(0, Ordering::SeqCst) == 1 {
                    return Err(limited(5));
                }
                lock(&sent).push((number, started.elapsed()));
                Ok(())
            };
            pacer.run(METHOD, "C1", REPEAT, call).await
        }));
        // The first meets the 429 before the others come.
        sleep(Duration::from_millis(5)).await;
    }
    let other = Instant::now();
    send(&pacer, METHOD, "C2").await;
    assert!(other.elapsed() < AT_ONCE, "another channel waited");
    assert_eq!(pacer.waiting(), 4);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let sent = lock(&sent).clone();
    let order: Vec<i32> = sent.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, [0, 1, 2, 3]);
    assert!(sent[0].1 >= 5 * SECOND, "{sent:?}");
    for pair in sent.windows(2) {
        assert!(
            pair[1].1 - pair[0].1 >= SECOND - Duration::from_millis(5),
            "{sent:?}"
        );
    }
    assert_eq!(pacer.waiting(), 0);
}

#[tokio::test]
async fn a_limited_method_waits_in_channels_that_were_not_limited_themselves() {
    let pacer = Pacer::new(PACING);
    let once = Repeat {
        patience: Duration::from_millis(20),
        ..REPEAT
    };
    for channel in ["C1", "C2", "C3"] {
        let result: Result<(), _> = pacer
            .run(METHOD, channel, once, || async { Err(limited(6)) })
            .await;
        assert_eq!(result, Err(limited(6)));
    }
    let started = Instant::now();
    send(&pacer, "chat.update", "C4").await;
    assert!(started.elapsed() < AT_ONCE, "another method waited");
    send(&pacer, METHOD, "C4").await;
    assert!(started.elapsed() >= 5 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn network_failures_are_repeated_a_bounded_number_of_times() {
    let pacer = Pacer::new(PACING);
    for channel in [Some("C1"), None] {
        let attempts = AtomicU32::new(0);
        let call = || async {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(broken(true))
        };
        let started = Instant::now();
        let result = match channel {
            Some(channel) => pacer.run(METHOD, channel, REPEAT, call).await,
            None => repeating(REPEAT, call).await,
        };
        assert_eq!(result, Err(broken(true)));
        assert_eq!(attempts.load(Ordering::SeqCst), REPEAT.attempts);
        // Half of 10 + 20 + 20.
        assert!(started.elapsed() >= Duration::from_millis(25));
    }
}

#[tokio::test]
async fn a_429_that_asks_for_no_wait_is_not_answered_without_a_pause() {
    for (channel, fewest) in [(Some("C1"), 2), (None, 5)] {
        let pacer = Pacer::new(PACING);
        let attempts = AtomicU32::new(0);
        let impatient = Repeat {
            patience: Duration::from_millis(150),
            ..REPEAT
        };
        let call = || async {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(limited(0))
        };
        let result = match channel {
            Some(channel) => pacer.run(METHOD, channel, impatient, call).await,
            None => repeating(impatient, call).await,
        };
        assert_eq!(result, Err(limited(0)));
        let attempts = attempts.load(Ordering::SeqCst);
        assert!((fewest..=20).contains(&attempts), "{attempts} attempts");
    }
}

#[tokio::test]
async fn a_call_that_fails_is_given_up_sooner_than_one_that_slack_puts_off() {
    let pacer = Pacer::new(PACING);
    let quick = Repeat {
        attempts: 1000,
        failing_for: Duration::from_millis(100),
        ..REPEAT
    };
    // Put off for longer than it may fail, which is no failure.
    let put_off = AtomicU32::new(0);
    let started = Instant::now();
    let result = pacer.run(METHOD, "C1", quick, || async {
        match put_off.fetch_add(1, Ordering::SeqCst) {
            0 => Err(limited(4)),
            1 => Err(broken(true)),
            _ => Ok(()),
        }
    });
    assert_eq!(result.await, Ok(()));
    assert!(started.elapsed() >= 4 * SECOND);
    // The time of the attempts counts as well.
    for channel in [Some("C2"), None] {
        let started = Instant::now();
        let call = || async {
            sleep(Duration::from_millis(30)).await;
            Err::<(), _>(broken(true))
        };
        let result = match channel {
            Some(channel) => pacer.run(METHOD, channel, quick, call).await,
            None => repeating(quick, call).await,
        };
        assert_eq!(result, Err(broken(true)));
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(60), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

/// One call fails this often and is repeated; another one comes right after its first failure. The order in which they went through.
async fn order_after_failures(failures: u32, repeat: Repeat) -> Vec<&'static str> {
    let pacer = Pacer::new(PACING);
    let (failed, done) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    let first = async {
        let _ = pacer
            .run(METHOD, "C1", repeat, || async {
                if failed.fetch_add(1, Ordering::SeqCst) < failures {
                    return Err(broken(false));
                }
                lock(&done).push("first");
                Ok(())
            })
            .await;
    };
    let second = async {
        while failed.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        send(&pacer, METHOD, "C1").await;
        lock(&done).push("second");
    };
    tokio::join!(first, second);
    done.into_inner().unwrap()
}

#[tokio::test]
async fn later_messages_wait_for_an_earlier_one_that_is_repeated_but_not_for_long() {
    assert_eq!(order_after_failures(3, REPEAT).await, ["first", "second"]);
    // This one is repeated for longer than others wait for it.
    let stubborn = Repeat {
        attempts: 80,
        ..REPEAT
    };
    assert_eq!(
        order_after_failures(79, stubborn).await,
        ["second", "first"]
    );
    // One that is given up holds nobody up.
    let begun = Instant::now();
    assert_eq!(order_after_failures(9, REPEAT).await, ["second"]);
    assert!(begun.elapsed() < PACING.held_for, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_cannot_help_is_not_repeated() {
    let pacer = Pacer::new(PACING);
    let never_twice = Repeat {
        even_if_maybe_done: false,
        ..REPEAT
    };
    for (repeat, error) in [(REPEAT, refused()), (never_twice, broken(true))] {
        let attempts = AtomicU32::new(0);
        let result: Result<(), _> = pacer
            .run(METHOD, "C1", repeat, || async {
                attempts.fetch_add(1, Ordering::SeqCst);
                Err(error.clone())
            })
            .await;
        assert_eq!(result, Err(error));
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn callers_that_give_up_do_not_block_their_channel() {
    let pacer = Arc::new(Pacer::new(PACING));
    let stuck: Vec<_> = (0..TOGETHER_PER_CHANNEL + 3)
        .map(|_| {
            let pacer = pacer.clone();
            tokio::spawn(async move {
                let never = std::future::pending::<Result<(), ApiError>>;
                pacer.run(METHOD, "C1", REPEAT, never).await
            })
        })
        .collect();
    sleep(Duration::from_millis(20)).await;
    assert_eq!(pacer.waiting(), 3, "not as many at once as allowed");
    for call in &stuck {
        call.abort();
    }
    send(&pacer, METHOD, "C1").await;
    assert_eq!(pacer.waiting(), 0);
}

#[tokio::test]
async fn lanes_of_quiet_channels_are_forgotten_but_not_those_of_limited_ones() {
    let pacer = Pacer::default();
    lock(&pacer.lane("C1").state).pace.limited(
        Instant::now(),
        Duration::from_secs(60),
        Pacing::default(),
    );
    for number in 0..LANES_KEPT * 2 {
        send(&pacer, METHOD, &format!("D{number}")).await;
    }
    let lanes = lock(&pacer.lanes);
    assert!(lanes.len() <= LANES_KEPT, "{}", lanes.len());
    assert!(lanes.contains_key("C1"));
}

#[test]
fn waits_double_up_to_the_longest_and_are_spread() {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut whole = Vec::new();
    for _ in 0..6 {
        whole.push(backoff.wait(u32::MAX).as_millis());
        assert_eq!(backoff.wait(0) * 2, backoff.wait(u32::MAX));
        backoff.after_failure();
    }
    assert_eq!(whole, [100, 200, 400, 800, 1000, 1000]);
    backoff.reset();
    assert_eq!(backoff.after_success(), Duration::ZERO);
    assert!(backoff.after_success() > Duration::ZERO);
}
