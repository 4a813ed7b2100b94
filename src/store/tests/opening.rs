//! Opening beside processes that are just being started.

use std::fs::File;
use std::time::Duration;

use super::fixtures::{START, open, transition};
use crate::domain::run::Status;
use crate::store::Store;

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
