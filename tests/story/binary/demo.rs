//! `symbot demo` from start to Ctrl-C.

use std::time::Duration;

use rustix::process::Signal;

use super::harness::{Program, Start, expect_gone, get};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// The two addresses that the demo prints.
async fn addresses(demo: &Program) -> (String, String) {
    let mut found = Vec::new();
    for label in ["Slack simulator: http://", "Web app: http://"] {
        let line = demo.prints(label).await;
        let (_, address) = line.split_once("http://").expect("an address");
        found.push(address.trim_end_matches('/').to_owned());
    }
    demo.prints("Ctrl-C ends the demo").await;
    (found.remove(0), found.remove(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_two_addresses_and_ctrl_c_leaves_nothing_behind() -> Tested {
    let temporary = tempfile::tempdir()?;
    let demo = Start::new(&["demo", "--no-open"])
        .env("TMPDIR", &temporary.path().display().to_string())
        .spawn();
    let (page, web) = addresses(&demo).await;
    let (status, body) = get(&page, "/").await?;
    assert!(status == 200 && body.contains("<html"), "{status} {body}");
    assert_eq!(get(&web, "/healthz").await?, (200, "ok\n".to_owned()));
    let kept: Vec<_> = std::fs::read_dir(temporary.path())?.flatten().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    while get(&web, "/readyz").await?.0 != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let workers = demo.children();
    assert!(workers.len() >= 2, "{workers:?}");
    demo.send(Signal::INT);
    demo.ended().await.expect_code(0);
    expect_gone(&workers, Duration::from_secs(1)).await;
    let left: Vec<_> = std::fs::read_dir(temporary.path())?.flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_whose_terminal_is_closed_leaves_nothing_behind() -> Tested {
    let temporary = tempfile::tempdir()?;
    let demo = Start::new(&["demo", "--no-open"])
        .env("TMPDIR", &temporary.path().display().to_string())
        .spawn();
    addresses(&demo).await;
    demo.send(Signal::HUP);
    if hangups_are_ignored()? {
        // Under nohup, of which this process is a child then, the demo is to outlive the terminal.
        println!("SIGHUP is ignored here: SIGTERM has to do");
        demo.send(Signal::TERM);
    }
    demo.ended().await.expect_code(0);
    assert!(std::fs::read_dir(temporary.path())?.next().is_none());
    Ok(())
}

/// Whether this process, and so each that it starts, was told to ignore SIGHUP.
fn hangups_are_ignored() -> Result<bool, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap_or("0").trim(), 16)?;
    Ok(ignored & 1 == 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_the_demo_is_kept_where_it_was_asked_for() -> Tested {
    let kept = tempfile::tempdir()?;
    let data = kept.path().join("demo");
    let demo = Start::new(&["demo", "--no-open", "--data", &data.display().to_string()]).spawn();
    addresses(&demo).await;
    demo.send(Signal::TERM);
    demo.ended().await.expect_code(0);
    assert!(data.join("store").is_dir() && data.join("audit").is_dir());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_with_wrong_flows_or_a_taken_port_says_so() -> Tested {
    let ended = Start::new(&["demo", "--no-open", "--flows", "/no/such/place"])
        .end()
        .await;
    ended
        .expect_code(1)
        .expect_words("/no/such/place")
        .expect_words("hint: ");
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let ended = Start::new(&["demo", "--no-open", "--port", &port])
        .end()
        .await;
    ended
        .expect_code(1)
        .expect_words("hint: choose another --port");
    let ended = Start::new(&["demo", "--no-open", "--web-port", &port])
        .end()
        .await;
    ended
        .expect_code(1)
        .expect_words("another program")
        .expect_words("symbot demo: another --web-port");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_names_one_default_for_each_port() {
    let ended = Start::new(&["demo", "--help"]).end().await;
    ended.expect_code(0);
    assert_eq!(ended.out.matches("[default: a free one]").count(), 2);
    assert!(!ended.out.contains("[default: 0]"), "{}", ended.out);
}
