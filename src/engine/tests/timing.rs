//! Timers against what clocks and machines do: they are set forwards and backwards, and stand still for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{engine_at, submission};
use crate::clock::{Clock, ManualClock, Steady};
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{Delivery, MessageRef, RoutedNotification, RunId, Status};
use crate::domain::step;
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::store::{Commit, MemoryStore, Options, SledStore, Store, Timer, TimerChange};

/// A request that waits for somebody: sent to one channel, and expired after so many seconds from now.
async fn waiting(store: &dyn Store, number: u128, now: Timestamp, seconds: u64) -> RunId {
    let id = RunId::from_u128(number);
    let given = submission(id);
    let mut run = step::submit(given, now).run;
    let channel = Destination::ChannelName {
        name: "#requests".to_owned(),
    };
    let timeout = i64::try_from(seconds).unwrap();
    let mut sent = RoutedNotification::new(Notification::new(vec![channel], Some(timeout)));
    sent.deliveries = vec![Delivery::Sent {
        message: MessageRef {
            channel: "C1".to_owned(),
            ts: format!("{number}.1"),
        },
    }];
    run.notifications = vec![sent];
    run.current = Some(0);
    run.permissions = Some(crate::domain::permission::Permissions::admins_only());
    let timer = Timer {
        due: now.plus_seconds(seconds),
        run: id,
        notification: 0,
    };
    let commit = Commit {
        run: Some(run),
        timers: vec![TimerChange::Set(timer)],
        now: Some(now),
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    id
}

/// An engine in motion over what the store has.
async fn going_on(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Running {
    let engine = engine_at(store, clock);
    engine.recover().await.unwrap();
    let timers = tokio::spawn(engine.clone().run_timers());
    Running { engine, timers }
}

struct Running {
    engine: Arc<Engine>,
    timers: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn status(&self, id: RunId) -> Status {
        self.engine.run(id).await.unwrap().unwrap().status
    }

    async fn until_expired(&self, id: RunId) {
        until(async || self.status(id).await == Status::Expired).await;
    }

    /// Ends it as a kill does.
    async fn dies(self) {
        self.timers.abort();
        let _ = self.timers.await;
    }
}

/// Waits for what happens in the background.
async fn until(so: impl AsyncFn() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(tokio::time::Instant::now() < end, "it does not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_makes_nothing_expire_early_or_late() {
    for set_by in [-86_400, -3_600, 3_600, 86_400 * 365] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = ManualClock::default();
        let start = clock.now();
        let first = waiting(&*store, 1, start, 10).await;
        let second = waiting(&*store, 2, start, 15).await;
        let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
        clock.advance(Duration::from_secs(5));
        clock.set_by(set_by);
        clock.advance(Duration::from_secs(5));
        // The first one shows that the timers have been looked at since.
        bot.until_expired(first).await;
        assert_eq!(bot.status(second).await, Status::Requested, "{set_by}");
        clock.advance(Duration::from_secs(5));
        bot.until_expired(second).await;
        assert_eq!(store.timers().await.unwrap(), vec![]);
        bot.dies().await;
    }
}

#[tokio::test]
async fn a_restart_after_the_clock_was_set_goes_on_where_the_time_stood() {
    for set_by in [-3_600, 3_600] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = ManualClock::default();
        let start = clock.now();
        let mut ids = Vec::new();
        for number in 0..200 {
            let seconds = if number < 100 { 60 } else { 90 };
            ids.push(waiting(&*store, number, start, seconds).await);
        }
        let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
        clock.set_by(set_by);
        let moved = Timestamp(start.0 + (90 + set_by) * 1_000);
        until(async || store.timers().await.unwrap()[100].due == moved).await;
        until(async || bot.engine.tasks.is_empty()).await;
        bot.dies().await;

        clock.advance(Duration::from_secs(30));
        let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
        clock.advance(Duration::from_secs(30));
        for id in &ids[..100] {
            bot.until_expired(*id).await;
        }
        for id in &ids[100..] {
            assert_eq!(bot.status(*id).await, Status::Requested, "{set_by}");
        }
        clock.advance(Duration::from_secs(30));
        for id in &ids[100..] {
            bot.until_expired(*id).await;
        }
        bot.dies().await;
    }
}

#[tokio::test]
async fn a_request_that_is_decided_while_the_clock_is_set_gets_no_timer_back() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = ManualClock::default();
    let id = waiting(&*store, 1, clock.now(), 60).await;
    let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
    let slot = bot.engine.runs.slot(id);
    let busy = slot.lock().await;
    clock.set_by(3_600);
    // Found displaced, and waiting for the run.
    until(async || !bot.engine.tasks.is_empty()).await;
    let cancel = TimerChange::Cancel {
        run: id,
        notification: 0,
    };
    let commit = Commit {
        timers: vec![cancel.clone()],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    bot.engine.timers.apply(&[cancel]);
    drop(busy);
    until(async || bot.engine.tasks.is_empty()).await;
    assert_eq!(store.timers().await.unwrap(), vec![]);
    bot.dies().await;
}

#[tokio::test]
async fn a_timer_that_comes_too_late_removes_itself_but_not_one_that_was_set_anew() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = ManualClock::default();
    let id = waiting(&*store, 1, clock.now(), 60).await;
    let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
    let late = Timer {
        due: clock.now(),
        run: id,
        // Nobody waits for this one.
        notification: 7,
    };
    let anew = Timer {
        due: clock.now().plus_seconds(90),
        ..late
    };
    let commit = Commit {
        timers: vec![TimerChange::Set(anew)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    bot.engine.timers.apply(&[TimerChange::Set(anew)]);
    bot.engine.fire(late).await;
    assert_eq!(store.timers().await.unwrap().len(), 2);
    let cancel = TimerChange::Cancel {
        run: id,
        notification: 7,
    };
    bot.engine.timers.apply(&[cancel]);
    bot.engine.fire(late).await;
    assert_eq!(store.timers().await.unwrap().len(), 1);
    bot.dies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_long_stop_what_is_overdue_fires_once_and_in_order() {
    const OVERDUE: u128 = 700;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let clock = ManualClock::default();
    let start = clock.now();
    // In another order than that of their ids, and of their making.
    let due = |number: u128| 1 + u64::try_from(number * 263 % OVERDUE).unwrap();
    let store = SledStore::open(&data, Options::default()).unwrap();
    for number in 0..OVERDUE {
        waiting(&store, number, start, due(number)).await;
    }
    let far = waiting(&store, OVERDUE, start, 86_400 * 30).await;
    store.close().await.unwrap();
    drop(store);

    clock.advance(Duration::from_secs(86_400 * 7));
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&data, Options::default()).unwrap());
    let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
    until(async || store.timers().await.unwrap().len() == 1).await;
    assert_eq!(bot.status(far).await, Status::Requested);
    bot.dies().await;

    // Another start finds nothing more to do.
    let bot = going_on(store.clone(), Arc::new(clock.clone())).await;
    clock.advance(Duration::from_secs(60));
    let lines = store.audit_lines(0, 10_000).await.unwrap();
    let mut expired: Vec<u128> = Vec::new();
    for (_, line) in lines {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["event"]["type"] == "request_expire" {
            let srn = line["run"]["srn"].as_str().unwrap();
            let id: RunId = srn.rsplit(':').next().unwrap().parse().unwrap();
            expired.push(id.as_u128());
        }
    }
    let mut expected: Vec<u128> = (0..OVERDUE).collect();
    expected.sort_unstable_by_key(|number| due(*number));
    assert_eq!(expired.len(), expected.len(), "each fires once");
    assert_eq!(expired, expected, "in the order in which they were due");
    bot.dies().await;
}

/// Counts how often the time is asked for.
struct Counting {
    clock: ManualClock,
    readings: AtomicU64,
}

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn steady(&self) -> Steady {
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.clock.steady()
    }

    fn sleep_until(&self, when: Steady) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.sleep_until(when)
    }
}

#[tokio::test]
async fn open_timers_are_not_looked_at_until_they_are_due() {
    let mut readings = Vec::new();
    for others in [0_u128, 100_000] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = ManualClock::default();
        let start = clock.now();
        for first in (0..others).step_by(10_000) {
            let timers = (first..(first + 10_000).min(others)).map(|number| {
                TimerChange::Set(Timer {
                    due: start.plus_seconds(86_400 + u64::try_from(number).unwrap()),
                    run: RunId::from_u128(1_000 + number),
                    notification: 0,
                })
            });
            let commit = Commit {
                timers: timers.collect(),
                ..Commit::default()
            };
            store.commit(commit).await.unwrap();
        }
        let mut soon = Vec::new();
        for number in 0..20 {
            soon.push(waiting(&*store, number, start, u64::try_from(number).unwrap() + 1).await);
        }
        let counting = Arc::new(Counting {
            clock: clock.clone(),
            readings: AtomicU64::new(0),
        });
        let bot = going_on(store.clone(), counting.clone()).await;
        for id in soon {
            clock.advance(Duration::from_secs(1));
            bot.until_expired(id).await;
        }
        assert_eq!(
            u128::from(store.counts().timers),
            others,
            "none of the others fired"
        );
        bot.dies().await;
        readings.push(counting.readings.load(Ordering::Relaxed));
    }
    // Each wake-up reads the time a few times, however many timers there are.
    assert!(
        readings.iter().all(|count| *count < 1_000),
        "{readings:?} readings of the clock for 20 timers"
    );
}
