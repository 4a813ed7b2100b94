//! Rough throughput, by hand: `cargo test --release --lib store::tests::bench -- --ignored --nocapture`.

use std::io::Write;
use std::sync::Arc;

use super::fixtures::{open, transition};
use crate::domain::run::Status;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, does not check"]
async fn durable_commits_per_second() {
    let dir = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
    let mut file = std::fs::File::create(dir.path().join("floor")).unwrap();
    let start = tokio::time::Instant::now();
    for _ in 0..2_000 {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    let floor = 2_000.0 / start.elapsed().as_secs_f64();
    println!("floor {floor:.0}/s");
    let store = Arc::new(open(&dir.path().join("data")).unwrap());
    let mut first = 0;
    for clients in [1_u64, 64] {
        let each = if clients == 1 { 2_000 } else { 200 };
        let start = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for number in 0..each / 4 {
                        let run = first + client * 1_000 + number;
                        for revision in 1..=4 {
                            let status = if revision < 4 {
                                Status::Requested
                            } else {
                                Status::Approved
                            };
                            store
                                .commit(transition(run, revision, status))
                                .await
                                .unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let rate = (clients * each) as f64 / start.elapsed().as_secs_f64();
        println!(
            "{clients} clients: {rate:.0}/s, {:.2} of the floor",
            rate / floor
        );
        first += 1_000_000;
    }
}
