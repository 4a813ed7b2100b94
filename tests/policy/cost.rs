//! What a call costs, and that the pool recovers.

use std::time::{Duration, Instant};

use crate::support::{PERMISSIONS, POOL, RUNTIME, call, config, permissions_after, request};
use symbot::policy::pool::Pool;
use symbot::policy::types::FailureKind;

#[test]
#[allow(clippy::disallowed_methods)] // measures
fn a_warm_call_takes_about_a_millisecond() {
    const ROUNDS: usize = 300;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        call(include_str!("guide/urgency.py"), PERMISSIONS)
            .and("get_request_notifications")
            .run_in(&POOL)
            .unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "p50 {:?}, p99 {:?}",
        times[ROUNDS / 2],
        times[ROUNDS * 99 / 100]
    );
    // The other tests keep both processors busy meanwhile; an idle machine needs well under a millisecond.
    assert!(
        times[ROUNDS / 2] < Duration::from_millis(20),
        "{:?}",
        times[ROUNDS / 2]
    );
}

#[test]
#[allow(clippy::disallowed_methods)] // measures
fn a_killed_worker_is_replaced_at_once() {
    RUNTIME.block_on(async {
        let pool = Pool::start(config(1));
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        while pool.idle_process_ids().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let failure = call(&permissions_after("while True:\n    pass"), PERMISSIONS)
            .within(200)
            .start_in(&pool)
            .await
            .expect_err("endless");
        assert_eq!(failure.kind, FailureKind::Timeout);
        let start = Instant::now();
        call(&permissions_after("pass"), PERMISSIONS)
            .start_in(&pool)
            .await
            .unwrap();
        println!("next call after {:?}", start.elapsed());
        pool.shutdown().await;
    });
}

#[test]
#[allow(clippy::disallowed_methods)] // measures
fn another_flow_gets_an_extra_worker_while_slow_calls_hold_all() {
    RUNTIME.block_on(async {
        let pool = Pool::start(config(2));
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        let endless = permissions_after("while True:\n    pass");
        let held = [(); 2].map(|()| {
            let (pool, call) = (pool.clone(), call(&endless, PERMISSIONS).within(4_000));
            tokio::spawn(async move { call.start_in(&pool).await })
        });
        while !pool.idle_process_ids().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut other = request();
        other.flow.name = "other".to_owned();
        let began = Instant::now();
        for _ in 0..3 {
            call(&permissions_after("pass"), PERMISSIONS)
                .with(other.clone())
                .start_in(&pool)
                .await
                .unwrap();
        }
        let waited = began.elapsed();
        println!("another flow waits {waited:?}");
        assert!(waited < Duration::from_secs(2), "it waited {waited:?}");
        for held in held {
            let failure = held.await.unwrap().expect_err("endless");
            assert_eq!(failure.kind, FailureKind::Timeout);
        }
        // The extra one takes the place of one that was killed.
        while pool.idle_process_ids().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(pool.idle_process_ids().len(), 2);
        pool.shutdown().await;
    });
}

#[test]
fn a_caller_that_gives_up_costs_the_worker_and_nothing_else() {
    RUNTIME.block_on(async {
        let mut config = config(1);
        config.spares = 0;
        let pool = Pool::start(config);
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        let endless =
            call(&permissions_after("while True:\n    pass"), PERMISSIONS).start_in(&pool);
        assert!(
            tokio::time::timeout(Duration::from_millis(200), endless)
                .await
                .is_err()
        );
        call(&permissions_after("pass"), PERMISSIONS)
            .start_in(&pool)
            .await
            .unwrap();
        pool.shutdown().await;
    });
}

#[test]
fn a_program_that_is_not_there_makes_calls_unavailable_with_the_reason() {
    RUNTIME.block_on(async {
        let mut config = config(1);
        config.program = "/nonexistent/symbot".into();
        config.queue_limit = Duration::from_millis(300);
        let pool = Pool::start(config);
        let failure = call(&permissions_after("pass"), PERMISSIONS)
            .start_in(&pool)
            .await
            .expect_err("no worker");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.contains("/nonexistent/symbot"), "{failure}");
        assert!(!pool.ready());
        pool.shutdown().await;
    });
}

#[test]
fn shutdown_ends_every_worker() {
    RUNTIME.block_on(async {
        let pool = Pool::start(config(2));
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        let ids = pool.idle_process_ids();
        assert!(!ids.is_empty());
        pool.shutdown().await;
        for id in ids {
            assert!(
                !std::path::Path::new(&format!("/proc/{id}")).exists(),
                "{id} lives"
            );
        }
        let failure = call(&permissions_after("pass"), PERMISSIONS)
            .start_in(&pool)
            .await
            .expect_err("shut down");
        assert_eq!(failure.kind, FailureKind::Unavailable);
    });
}

#[test]
fn a_worker_ends_when_its_parent_does_even_while_a_handler_sleeps() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::{Command, Stdio};
    // The parent is a shell that is killed; this test keeps both ends of the pipe, so the worker sees no end of input.
    let mut shell = Command::new("sh")
        .args(["-c", "exec 3<&0; \"$0\" worker <&3 & echo $! >&2; wait"])
        .arg(env!("CARGO_BIN_EXE_symbot"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(shell.stderr.take().unwrap())
        .read_line(&mut pid)
        .unwrap();
    let process = format!("/proc/{}", pid.trim());
    let mut output = shell.stdout.take().unwrap();
    output.read_exact(&mut [0; 4]).unwrap();
    let request = serde_json::json!({
        "t": "call", "file": "impl.py", "handlers": [], "seed": "x", "input": {}, "now_ns": 0, "hurry": false, "deadline_ms": 10_000,
        "source": "import time\ntime.sleep(60)\n",
    })
    .to_string();
    let mut input = shell.stdin.take().unwrap();
    let length = u32::try_from(request.len()).unwrap().to_le_bytes();
    input.write_all(&length).unwrap();
    input.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(std::path::Path::new(&process).exists(), "it is asleep");
    shell.kill().unwrap();
    shell.wait().unwrap();
    let gone = || {
        std::fs::read_to_string(format!("{process}/stat"))
            .map_or(true, |stat| stat.contains(") Z "))
    };
    for _ in 0..100 {
        if gone() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the worker {pid} outlived its parent");
}

/// The nice value of every thread of a process, from `/proc/PID/task/*/stat`.
#[cfg(target_os = "linux")]
fn nice_values(process: u32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nice_of = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        // After the name in parentheses, which may hold anything, it is the 17th field.
        let fields = stat.rsplit_once(')').unwrap().1;
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    threads.map(|thread| nice_of(thread.unwrap())).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_takes_long_lets_others_go_first_and_is_replaced_after_the_call() {
    RUNTIME.block_on(async {
        let mut config = config(1);
        config.spares = 0;
        let pool = Pool::start(config);
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        let worker = pool.idle_process_ids()[0];
        let own = nice_values(std::process::id())[0];
        assert!(nice_values(worker).iter().all(|&nice| nice == own));
        // It lives until the deadline; how long the others' work keeps this test from looking does not matter.
        let endless = call(&permissions_after("while True:\n    pass"), PERMISSIONS)
            .within(5_000)
            .start_in(&pool);
        let look = async {
            for _ in 0..400 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let values = nice_values(worker);
                if values.len() > 1 && values.iter().all(|&nice| nice == 19) {
                    return;
                }
            }
            panic!("the worker has kept its precedence");
        };
        tokio::select! {
            _ = endless => panic!("the call has ended before the worker was looked at"),
            () = look => {}
        }
        assert_eq!(nice_values(std::process::id())[0], own);

        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        while pool.idle_process_ids().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let before = pool.idle_process_ids();
        call(
            &permissions_after("import time\ntime.sleep(0.6)"),
            PERMISSIONS,
        )
        .start_in(&pool)
        .await
        .unwrap();
        while pool.idle_process_ids().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_ne!(pool.idle_process_ids(), before);
        pool.shutdown().await;
    });
}
