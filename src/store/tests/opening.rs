//! Opening beside processes that are just being started.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use super::fixtures::{START, open, options, transition};
use crate::domain::run::Status;
use crate::store::{Options, RunQuery, SledStore, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_opened_anew_under_readers_writers_and_a_backup_without_anybody_noticing() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let options = Options {
        reopen_after_bytes: 100_000,
        ..options()
    };
    let store = Arc::new(SledStore::open(&data, options).unwrap());
    let snapshots = || {
        let entries = std::fs::read_dir(data.join("store")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("snap."))
            .collect::<Vec<_>>()
    };
    let first = snapshots();
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in (0..60).map(|number| number * 4 + writer) {
                    for revision in 1..=2 {
                        let commit = transition(number, revision, Status::Requested);
                        store.commit(commit).await.unwrap();
                    }
                    let page = RunQuery {
                        limit: 20,
                        ..RunQuery::default()
                    };
                    assert!(!store.runs(page).await.unwrap().is_empty());
                    let seen = store.seen(format!("envelope-{number}-2")).await;
                    assert!(seen.unwrap());
                }
            })
        })
        .collect();
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let file = root.path().join(format!("backup-{round}"));
        store.backup(&file).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_ne!(snapshots(), first, "it was never opened anew");
    let all = RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    };
    let runs = store.runs(all.clone()).await.unwrap();
    assert_eq!(runs.len(), 240);
    store.close().await.unwrap();
    drop(store);
    let store = open(&data).unwrap();
    assert_eq!(store.runs(all).await.unwrap(), runs);
    assert_eq!(store.position().1, 480);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_a_starting_process_still_holds_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let commit = transition(0, 1, Status::Requested);
    store.commit(commit).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    // As the copy of the file in a process that has not become another program yet.
    let copy = File::open(root.path().join("store/db")).unwrap();
    copy.lock().unwrap();
    let start = tokio::time::Instant::now();
    let held = Duration::from_millis(300);
    let holder = std::thread::spawn(move || {
        std::thread::sleep(held);
        drop(copy);
    });
    let store = tokio::task::block_in_place(|| open(root.path())).unwrap();
    assert!(start.elapsed() >= held, "the lock was not there");
    holder.join().unwrap();
    let run = store
        .run(super::fixtures::run_id(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(run.created_at, START);
    store.close().await.unwrap();
}
