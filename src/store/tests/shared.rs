//! What every implementation promises.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::fixtures::{START, audit, effect, open, run, run_id, transition};
use crate::domain::run::Status;
use crate::store::{
    BLOB_LIMIT_BYTES, Commit, MemoryStore, RUN_LIMIT_BYTES, RunQuery, Store, StoreError, Timer,
    TimerChange, VALUE_LIMIT_BYTES,
};

/// Runs each test once on sled and once in memory.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sled {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let dir = tempfile::tempdir().unwrap();
                    super::$name(&super::open(&dir.path().join("data")).unwrap()).await;
                }
            )*
        }
        mod memory {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&super::MemoryStore::new()).await;
                }
            )*
        }
    };
}

on_both!(
    a_commit_is_read_back_whole,
    a_key_seen_before_is_refused_and_changes_nothing,
    a_key_twice_in_one_commit_is_refused,
    a_key_counts_for_its_lifetime_and_not_much_longer,
    a_revision_that_does_not_follow_is_refused_and_changes_nothing,
    pending_effects_keep_the_order_in_which_they_were_made,
    timers_come_earliest_first_and_are_replaced_and_cancelled,
    runs_are_listed_newest_first_in_pages,
    open_runs_leave_the_list_when_they_are_decided,
    values_are_replaced_and_removed,
    values_are_found_by_the_beginning_of_their_names,
    large_runs_and_texts_come_back_whole,
    what_is_too_large_is_refused_with_its_name,
    many_at_once_are_decided_once_each,
    a_closed_store_answers_with_an_error,
);

async fn a_commit_is_read_back_whole(store: &dyn Store) {
    let commit = transition(1, 1, Status::Requested);
    store.commit(commit.clone()).await.unwrap();
    assert_eq!(store.run(run_id(1)).await.unwrap(), commit.run);
    assert_eq!(store.pending_effects().await.unwrap(), commit.outbox_add);
    assert_eq!(store.timers().await.unwrap().len(), 1);
    assert_eq!(
        store.value("person/1".into()).await.unwrap(),
        Some(json!({"n": 1, "r": 1}))
    );
    assert!(store.seen("envelope-1-1".into()).await.unwrap());
    assert!(!store.seen("envelope-1-2".into()).await.unwrap());
    assert_eq!(store.run(run_id(2)).await.unwrap(), None);
}

async fn a_key_seen_before_is_refused_and_changes_nothing(store: &dyn Store) {
    store
        .commit(transition(1, 1, Status::Requested))
        .await
        .unwrap();
    let mut again = transition(1, 2, Status::Approved);
    again.dedup = vec!["new".into(), "envelope-1-1".into()];
    let error = store.commit(again.clone()).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Duplicate(key) if key == "envelope-1-1"),
        "{error}"
    );
    assert_eq!(store.run(run_id(1)).await.unwrap().unwrap().revision, 1);
    assert!(
        !store.seen("new".into()).await.unwrap(),
        "a refused commit must leave no key"
    );
    again.dedup = vec!["new".into()];
    store.commit(again).await.unwrap();
}

async fn a_key_twice_in_one_commit_is_refused(store: &dyn Store) {
    let commit = Commit {
        dedup: vec!["a".into(), "a".into()],
        now: Some(START),
        ..Commit::default()
    };
    assert!(matches!(
        store.commit(commit).await,
        Err(StoreError::Duplicate(_))
    ));
}

async fn a_key_counts_for_its_lifetime_and_not_much_longer(store: &dyn Store) {
    let at = |seconds| Commit {
        dedup: vec!["click".into()],
        now: Some(START.plus_seconds(seconds)),
        ..Commit::default()
    };
    store.commit(at(0)).await.unwrap();
    for seconds in [0, 60, 3_600, 7_200] {
        assert!(
            matches!(
                store.commit(at(seconds)).await,
                Err(StoreError::Duplicate(_))
            ),
            "forgotten after {seconds} s"
        );
    }
    store.commit(at(7_201)).await.unwrap();
    assert!(matches!(
        store.commit(at(7_202)).await,
        Err(StoreError::Duplicate(_))
    ));
}

async fn a_revision_that_does_not_follow_is_refused_and_changes_nothing(store: &dyn Store) {
    let skipping = transition(1, 2, Status::Requested);
    assert!(matches!(
        store.commit(skipping).await,
        Err(StoreError::Conflict {
            stored: 0,
            expected: 1,
            ..
        })
    ));
    store
        .commit(transition(1, 1, Status::Requested))
        .await
        .unwrap();
    let mut repeated = transition(1, 1, Status::Denied);
    repeated.dedup = vec!["other".into()];
    assert!(matches!(
        store.commit(repeated).await,
        Err(StoreError::Conflict {
            stored: 1,
            expected: 0,
            ..
        })
    ));
    assert!(!store.seen("other".into()).await.unwrap());
    let stored = store.run(run_id(1)).await.unwrap().unwrap();
    assert_eq!(stored.status, Status::Requested);
    assert_eq!(store.pending_effects().await.unwrap().len(), 1);
}

async fn pending_effects_keep_the_order_in_which_they_were_made(store: &dyn Store) {
    let add = |effects: Vec<_>, done: Vec<_>| Commit {
        outbox_add: effects,
        outbox_done: done,
        ..Commit::default()
    };
    // The ids do not sort like the order of making.
    let (a, b, c, d) = (
        effect(9, 1, "a"),
        effect(2, 7, "b"),
        effect(5, 1, "c"),
        effect(1, 1, "d"),
    );
    store
        .commit(add(vec![a.clone(), b.clone()], vec![]))
        .await
        .unwrap();
    store.commit(add(vec![c.clone()], vec![])).await.unwrap();
    store
        .commit(add(vec![d.clone()], vec![b.id]))
        .await
        .unwrap();
    // Done twice, and never made: both are fine.
    store
        .commit(add(vec![], vec![b.id, effect(7, 7, "").id]))
        .await
        .unwrap();
    // Made again while pending: keeps its place.
    let again = effect(9, 1, "a, newer");
    store
        .commit(add(vec![again.clone()], vec![]))
        .await
        .unwrap();
    assert_eq!(store.pending_effects().await.unwrap(), vec![again, c, d]);
}

async fn timers_come_earliest_first_and_are_replaced_and_cancelled(store: &dyn Store) {
    let timer = |run, notification, seconds| Timer {
        due: START.plus_seconds(seconds),
        run: run_id(run),
        notification,
    };
    let change = |timers| Commit {
        timers,
        ..Commit::default()
    };
    let set = |timer: &Timer| TimerChange::Set(*timer);
    let (late, early, middle) = (timer(1, 0, 900), timer(2, 0, 15), timer(1, 1, 60));
    store
        .commit(change(vec![set(&late), set(&early), set(&middle)]))
        .await
        .unwrap();
    assert_eq!(store.timers().await.unwrap(), vec![early, middle, late]);
    let sooner = timer(1, 0, 1);
    store
        .commit(change(vec![
            set(&sooner),
            TimerChange::Cancel {
                run: run_id(2),
                notification: 0,
            },
            TimerChange::Cancel {
                run: run_id(3),
                notification: 0,
            },
        ]))
        .await
        .unwrap();
    assert_eq!(store.timers().await.unwrap(), vec![sooner, middle]);
}

async fn ids(store: &dyn Store, query: RunQuery) -> Vec<u64> {
    let runs = store.runs(query).await.unwrap();
    runs.iter()
        .map(|run| run.id.as_u128() as u64 & 0xffff)
        .collect()
}

async fn runs_are_listed_newest_first_in_pages(store: &dyn Store) {
    for number in [3, 1, 5, 2, 4] {
        store
            .commit(transition(number, 1, Status::Requested))
            .await
            .unwrap();
    }
    let page = |limit, before| RunQuery {
        open_only: false,
        before,
        limit,
    };
    assert_eq!(ids(store, page(10, None)).await, [5, 4, 3, 2, 1]);
    assert_eq!(ids(store, page(2, None)).await, [5, 4]);
    let before = Some((START.plus_seconds(4), run_id(4)));
    assert_eq!(ids(store, page(2, before)).await, [3, 2]);
    assert_eq!(
        ids(
            store,
            RunQuery {
                open_only: true,
                ..page(2, before)
            }
        )
        .await,
        [3, 2]
    );
    let end = Some((START.plus_seconds(1), run_id(1)));
    assert_eq!(ids(store, page(2, end)).await, [0_u64; 0]);
    assert_eq!(ids(store, page(0, None)).await, [0_u64; 0]);
}

async fn open_runs_leave_the_list_when_they_are_decided(store: &dyn Store) {
    for number in 1..=4 {
        store
            .commit(transition(number, 1, Status::Requested))
            .await
            .unwrap();
    }
    store
        .commit(transition(2, 2, Status::Approved))
        .await
        .unwrap();
    store
        .commit(transition(4, 2, Status::Requested))
        .await
        .unwrap();
    store
        .commit(transition(3, 2, Status::Errored))
        .await
        .unwrap();
    let open_only = RunQuery {
        open_only: true,
        before: None,
        limit: 10,
    };
    assert_eq!(ids(store, open_only).await, [4, 1]);
    let all = RunQuery {
        open_only: false,
        before: None,
        limit: 10,
    };
    assert_eq!(ids(store, all).await, [4, 3, 2, 1]);
}

async fn values_are_replaced_and_removed(store: &dyn Store) {
    let set = |values| Commit {
        values,
        ..Commit::default()
    };
    let name = || "session/α".to_owned();
    store
        .commit(set(vec![(name(), Some(json!(1)))]))
        .await
        .unwrap();
    store
        .commit(set(vec![(name(), Some(json!({"to": "two"})))]))
        .await
        .unwrap();
    assert_eq!(
        store.value(name()).await.unwrap(),
        Some(json!({"to": "two"}))
    );
    store
        .commit(set(vec![(name(), None), ("never".into(), None)]))
        .await
        .unwrap();
    assert_eq!(store.value(name()).await.unwrap(), None);
    // The last one of a commit wins.
    store
        .commit(set(vec![
            (name(), Some(json!(3))),
            (name(), None),
            (name(), Some(json!(4))),
        ]))
        .await
        .unwrap();
    assert_eq!(store.value(name()).await.unwrap(), Some(json!(4)));
}

async fn values_are_found_by_the_beginning_of_their_names(store: &dyn Store) {
    let names = ["call/a/1", "call/a/2", "call/a/10", "call/b/1", "call", "d"];
    let values = names
        .iter()
        .map(|name| ((*name).to_owned(), Some(json!(name))))
        .collect();
    let commit = Commit {
        values,
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    let gone = Commit {
        values: vec![("call/a/2".into(), None)],
        ..Commit::default()
    };
    store.commit(gone).await.unwrap();
    let found = async |prefix: &str, limit| -> Vec<String> {
        let found = store.values(prefix.into(), limit).await.unwrap();
        assert!(found.iter().all(|(name, value)| value == name));
        found.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(found("call/a/", 10).await, ["call/a/1", "call/a/10"]);
    assert_eq!(found("call/", 2).await, ["call/a/1", "call/a/10"]);
    assert_eq!(found("call", 10).await.len(), 4);
    assert!(found("e", 10).await.is_empty());
}

async fn large_runs_and_texts_come_back_whole(store: &dyn Store) {
    for (revision, size) in [(1, 200_000), (2, 500_000), (3, 10), (4, 100_000)] {
        let large = Commit {
            run: Some(run(1, revision, Status::Requested, size)),
            ..Commit::default()
        };
        store.commit(large.clone()).await.unwrap();
        assert_eq!(store.run(run_id(1)).await.unwrap(), large.run);
    }
    let text = "def get_permissions(event):\n".repeat(20_000);
    store.put_blob("abc".into(), text.clone()).await.unwrap();
    store
        .put_blob("abc".into(), "ignored: the hash is known".into())
        .await
        .unwrap();
    assert_eq!(store.blob("abc".into()).await.unwrap(), Some(text));
    assert_eq!(store.blob("abd".into()).await.unwrap(), None);
}

async fn what_is_too_large_is_refused_with_its_name(store: &dyn Store) {
    let large = Commit {
        run: Some(run(1, 1, Status::Requested, RUN_LIMIT_BYTES)),
        ..Commit::default()
    };
    assert!(matches!(
        store.commit(large).await,
        Err(StoreError::TooLarge { .. })
    ));
    let value = Commit {
        dedup: vec!["with-value".into()],
        values: vec![(
            "people/all".into(),
            Some(json!("x".repeat(VALUE_LIMIT_BYTES))),
        )],
        ..Commit::default()
    };
    let error = store.commit(value).await.unwrap_err();
    assert!(error.to_string().contains("people/all"), "{error}");
    assert!(!store.seen("with-value".into()).await.unwrap());
    let blob = store
        .put_blob("b".into(), "x".repeat(BLOB_LIMIT_BYTES + 1))
        .await;
    assert!(matches!(blob, Err(StoreError::TooLarge { .. })));
    assert_eq!(store.run(run_id(1)).await.unwrap(), None);
}

/// 64 people press at once: whoever is first wins, the others learn it; in one group as well as across groups.
async fn many_at_once_are_decided_once_each(store: &dyn Store) {
    for number in 0..8 {
        store
            .commit(transition(number, 1, Status::Requested))
            .await
            .unwrap();
    }
    let attempts = (0..64_u64).map(|attempt| {
        let mut commit = transition(attempt % 8, 2, Status::Approved);
        commit.dedup = vec![format!("click-{attempt}")];
        commit.audit = vec![audit(attempt % 8, &format!("approve-{attempt}"))];
        store.commit(commit)
    });
    let results = futures_join(attempts.collect()).await;
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 8);
    for result in results {
        assert!(
            matches!(
                result,
                Ok(())
                    | Err(StoreError::Conflict {
                        stored: 2,
                        expected: 1,
                        ..
                    })
            ),
            "{result:?}"
        );
    }
    let open_only = RunQuery {
        open_only: true,
        before: None,
        limit: 100,
    };
    assert!(store.runs(open_only).await.unwrap().is_empty());
    // One effect of each decision; those of the first transitions are done.
    assert_eq!(store.pending_effects().await.unwrap().len(), 8);
}

/// Polls all of them until each is done.
async fn futures_join<T>(
    futures: Vec<std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>>,
) -> Vec<T> {
    let mut slots: Vec<_> = futures
        .into_iter()
        .map(|future| (Some(future), None))
        .collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, result) in &mut slots {
            if let Some(running) = future {
                match running.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => {
                        *result = Some(value);
                        *future = None;
                    }
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    slots.into_iter().filter_map(|(_, result)| result).collect()
}

async fn a_closed_store_answers_with_an_error(store: &dyn Store) {
    store
        .commit(transition(1, 1, Status::Requested))
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(
        store
            .commit(transition(2, 1, Status::Requested))
            .await
            .is_err()
    );
    assert!(store.run(run_id(1)).await.is_err());
    assert!(store.timers().await.is_err());
    assert!(store.pending_effects().await.is_err());
    assert!(store.blob("x".into()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_keep_the_same_audit_lines() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let on_disk = open(&data).unwrap();
    let memory = MemoryStore::new();
    for number in 0..20 {
        for revision in 1..=3 {
            let commit = transition(number, revision, Status::Requested);
            on_disk.commit(commit.clone()).await.unwrap();
            memory.commit(commit).await.unwrap();
        }
    }
    on_disk.close().await.unwrap();
    let lines: Vec<String> = crate::store::journal::export(&data.join("audit"), None, None)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(lines, memory.audit_lines());
    assert_eq!(lines.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_go_back_while_the_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir.path().join("data")).unwrap());
    let answered = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let writing = {
        let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
        tokio::spawn(async move {
            for number in 1..=400_u64 {
                let commit = Commit {
                    values: vec![("n".into(), Some(json!(number)))],
                    ..Commit::default()
                };
                answered.store(number, std::sync::atomic::Ordering::SeqCst);
                store.commit(commit).await.unwrap();
            }
        })
    };
    let mut seen = HashSet::new();
    let mut last = 0;
    while !writing.is_finished() {
        let value = store.value("n".into()).await.unwrap();
        let started = answered.load(std::sync::atomic::Ordering::SeqCst);
        let value = value.and_then(|value| value.as_u64()).unwrap_or(0);
        assert!(value <= started, "saw {value} before it was written");
        assert!(value >= last, "went back from {last} to {value}");
        last = value;
        seen.insert(value);
    }
    writing.await.unwrap();
    assert!(seen.len() > 1, "the test did not look while writing");
}
