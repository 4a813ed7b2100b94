//! `symbot backup` and `symbot restore`: what comes back is what there was, and people can go on with it.

use std::path::Path;

use slack_sim::{Setup, SlackSim};

use super::harness::{Data, Flows, ORDINARY, Start, ask};

type Tested = Result<(), Box<dyn std::error::Error>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_can_be_decided_after_restoring_from_a_backup_a_journal_or_both() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let place = tempfile::tempdir()?;
    let file = place.path().join("backup");
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let mut channel = slack.channel("#sym-requests");
    ask(&slack.person("alice"), "plain", "before the backup").await?;
    let early = channel.next_request().await?;
    bot.terminate().await.expect_code(0);
    let made = Start::command("backup", &[("--data", &data.path()), ("--to", &file)])
        .end()
        .await;
    made.expect_code(0);
    assert!(made.out.contains("audit record 1,"), "{}", made.out);
    Start::command("backup", &[("--data", &data.path()), ("--to", &file)])
        .end()
        .await
        .expect_code(1)
        .expect_words("exists; give the backup a new name");

    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    ask(&slack.person("alice"), "plain", "after the backup").await?;
    let late = channel.next_request().await?;
    slack.person("bob").presses(&early, "Approve").await?;
    early.expects_text("Approved").await?;
    bot.kill().await;
    std::fs::remove_dir_all(data.path().join("store"))?;

    let (alone, both) = (place.path().join("alone"), place.path().join("both"));
    let restored = Start::command(
        "restore",
        &[("--data", &alone), ("--journal", &data.path())],
    );
    restored.end().await.expect_code(0);
    restored
        .end()
        .await
        .expect_code(1)
        .expect_words("is not empty");
    let from = [
        ("--data", &*both),
        ("--journal", &data.path()),
        ("--from", &file),
    ];
    Start::command("restore", &from).end().await.expect_code(0);
    let exported = async |dir: &std::path::Path| {
        let ended = Start::new(&["audit", "export"])
            .argument("--data", &dir.display().to_string())
            .end()
            .await;
        ended.expect_code(0);
        ended.out
    };
    let lines = exported(&data.path()).await;
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(exported(&alone).await, lines);
    assert_eq!(exported(&both).await, lines);

    // Both know both requests; one of them goes on.
    let bot = Start::run(&slack, flows.path(), &both).spawn();
    bot.ready().await;
    slack.person("bob").presses(&late, "Deny").await?;
    late.expects_text("Denied").await?;
    bot.terminate().await.expect_code(0);
    let empty = place.path().join("empty");
    let nothing: [&[(&str, &Path)]; 2] = [&[], &[("--data", &empty)]];
    for arguments in nothing {
        Start::command("restore", arguments)
            .end()
            .await
            .expect_code(2)
            .expect_words("--from <FILE>");
    }
    Start::command(
        "restore",
        &[
            ("--data", &empty),
            ("--from", &place.path().join("nowhere")),
        ],
    )
    .end()
    .await
    .expect_code(1)
    .expect_words("nowhere");
    let left = std::fs::read_dir(place.path())?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<String> = left.filter(|name| name.starts_with("empty")).collect();
    assert_eq!(
        left,
        Vec::<String>::new(),
        "a restore that failed left something behind"
    );
    slack.expect_no_violations()?;
    Ok(())
}
