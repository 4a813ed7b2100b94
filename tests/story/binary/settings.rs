//! Wrong settings: what is said, what to do about it, and the exit code. 2 is wrong usage, 1 is anything that only the start
//! could find out.

use std::time::Duration;

use slack_sim::{Setup, SlackSim};
use tokio::time::Instant;

use super::harness::{Data, Ended, Flows, ORDINARY, Start};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// The program's last words as lines.
fn lines(ended: &Ended) -> Vec<&str> {
    ended
        .err
        .lines()
        .filter(|line| !line.starts_with('{'))
        .collect()
}

async fn company() -> std::io::Result<(SlackSim, Flows, Data)> {
    let slack = SlackSim::start(Setup::company()).await?;
    Ok((slack, Flows::new().with("plain", ORDINARY), Data::new()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_and_malformed_tokens_are_wrong_usage_with_a_hint() -> Tested {
    let (slack, flows, data) = company().await?;
    let start = Start::run(&slack, flows.path(), &data.path());
    let (bot, app) = (slack.bot_token(), slack.app_token());
    for (name, wrong, says, hint) in [
        (
            "SLACK_BOT_TOKEN",
            None,
            "SLACK_BOT_TOKEN is not set",
            "xoxb-",
        ),
        (
            "SLACK_APP_TOKEN",
            None,
            "SLACK_APP_TOKEN is not set",
            "xapp-",
        ),
        (
            "SLACK_BOT_TOKEN",
            Some(""),
            "SLACK_BOT_TOKEN is not set",
            "xoxb-",
        ),
        (
            "SLACK_BOT_TOKEN",
            Some("hello"),
            "SLACK_BOT_TOKEN does not look like",
            "xoxb-",
        ),
        (
            "SLACK_BOT_TOKEN",
            Some("xoxb-"),
            "SLACK_BOT_TOKEN does not look like",
            "xoxb-",
        ),
        (
            "SLACK_BOT_TOKEN",
            Some("xoxb-MARKER MARKER"),
            "SLACK_BOT_TOKEN does not look like",
            "one word",
        ),
        (
            "SLACK_BOT_TOKEN",
            Some(app.as_str()),
            "SLACK_BOT_TOKEN does not look like",
            "swapped",
        ),
        (
            "SLACK_APP_TOKEN",
            Some(bot.as_str()),
            "SLACK_APP_TOKEN does not look like",
            "swapped",
        ),
    ] {
        let start = match wrong {
            Some(wrong) => start.clone().env(name, wrong),
            None => start.clone().without_env(name),
        };
        let ended = start.end().await;
        ended.expect_code(2);
        let said = lines(&ended);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(
            said[0].starts_with("symbot: ") && said[0].contains(says),
            "{said:#?}"
        );
        assert!(
            said[1].starts_with("hint: ") && said[1].contains(hint),
            "{said:#?}"
        );
        if let Some(wrong) = wrong.filter(|wrong| wrong.len() > 5) {
            assert!(
                !ended.err.contains(wrong),
                "the token is shown: {}",
                ended.err
            );
        }
    }
    assert!(
        !data.path().exists(),
        "a wrong setting must not make a data directory"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_slack_refuses_end_the_start_at_once_with_the_token_named() -> Tested {
    let (slack, flows, data) = company().await?;
    let start = Start::run(&slack, flows.path(), &data.path());
    for (name, token) in [
        ("SLACK_BOT_TOKEN", "xoxb-MARKER-unknown"),
        ("SLACK_APP_TOKEN", "xapp-MARKER-unknown"),
    ] {
        let began = Instant::now();
        let ended = start.clone().env(name, token).end().await;
        ended
            .expect_code(1)
            .expect_words("invalid_auth")
            .expect_words(name);
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "after {:?}",
            began.elapsed()
        );
        assert!(
            !ended.err.contains("MARKER"),
            "the token is shown: {}",
            ended.err
        );
    }
    let asked = slack.calls("auth.test").len() + slack.calls("apps.connections.open").len();
    assert!(
        asked <= 6,
        "Slack was asked {asked} times with tokens that it refuses"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_can_come_from_files_and_an_unreadable_one_is_named() -> Tested {
    let (slack, flows, data) = company().await?;
    let dir = tempfile::tempdir()?;
    let (bot_file, app_file) = (dir.path().join("bot"), dir.path().join("app"));
    std::fs::write(&bot_file, format!("{}\n", slack.bot_token()))?;
    std::fs::write(&app_file, format!("  {}  \n", slack.app_token()))?;
    let start = Start::run(&slack, flows.path(), &data.path())
        .without_env("SLACK_BOT_TOKEN")
        .without_env("SLACK_APP_TOKEN")
        .env("SLACK_BOT_TOKEN_FILE", &bot_file.display().to_string())
        .env("SLACK_APP_TOKEN_FILE", &app_file.display().to_string());
    let bot = start.spawn();
    bot.ready().await;
    bot.terminate().await.expect_code(0);

    let missing = dir.path().join("nowhere").display().to_string();
    let ended = start.env("SLACK_BOT_TOKEN_FILE", &missing).end().await;
    ended
        .expect_code(2)
        .expect_words("SLACK_BOT_TOKEN_FILE")
        .expect_words(&missing)
        .expect_words("hint: ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_wrong_settings_are_named_with_what_to_do() -> Tested {
    let (slack, flows, data) = company().await?;
    let start = Start::run(&slack, flows.path(), &data.path());
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let taken = listener.local_addr()?.to_string();
    let web = |address: &str| {
        Start::new(&["run", "--workers", "1", "--web", address])
            .argument("--flows", &flows.path().display().to_string())
            .argument("--data", &data.path().display().to_string())
            .env("SLACK_API_URL", &slack.api_url())
            .env("SLACK_BOT_TOKEN", &slack.bot_token())
            .env("SLACK_APP_TOKEN", &slack.app_token())
    };
    for (start, code, says, advice) in [
        (
            web("nonsense"),
            2,
            "--web (SYMBOT_WEB_ADDR) is \"nonsense\"",
            "127.0.0.1:7374",
        ),
        (
            web("7374"),
            2,
            "--web (SYMBOT_WEB_ADDR) is \"7374\"",
            "127.0.0.1:7374",
        ),
        (
            web("localhost:xyz"),
            2,
            "--web (SYMBOT_WEB_ADDR) is \"localhost:xyz\"",
            "127.0.0.1:7374",
        ),
        (web(&taken), 1, &taken, "another program"),
        (web("192.0.2.1:7374"), 1, "192.0.2.1:7374", "--web"),
        (
            start.clone().argument("--web-url", "ftp://x"),
            2,
            "--web-url (SYMBOT_WEB_URL) is \"ftp://x\"",
            "https://",
        ),
        (
            start.clone().argument("--web-url", "https://x.test/symbot"),
            2,
            "--web-url (SYMBOT_WEB_URL)",
            "it has a path",
        ),
        (
            start
                .clone()
                .argument("--web-url", "https://me:hidden@x.test"),
            2,
            "--web-url (SYMBOT_WEB_URL)",
            "user name or password",
        ),
        (
            start
                .clone()
                .argument("--admins", "carol@acme.example, @bob"),
            2,
            "--admins (SYMBOT_ADMINS): \"@bob\"",
            "hint: ",
        ),
        (
            start.clone().env("SYMBOT_ADMINS", "garbage"),
            2,
            "--admins (SYMBOT_ADMINS): \"garbage\"",
            "hint: ",
        ),
        (
            start.clone().argument("--handler-timeout", "0"),
            2,
            "--handler-timeout (SYMBOT_HANDLER_TIMEOUT) is \"0\"",
            "1 to 600",
        ),
        (
            start.clone().argument("--var", "novalue"),
            2,
            "--var \"novalue\" has no name and value",
            "name=value",
        ),
        (
            start.clone().argument("--colour", "blue"),
            2,
            "--colour",
            "--help",
        ),
        (
            start.clone().env("SYMBOT_LOG", "no,=such[filter"),
            2,
            "SYMBOT_LOG",
            "hint: ",
        ),
        (
            start.clone().env("SLACK_API_URL", "slack"),
            2,
            "SLACK_API_URL is \"slack\"",
            "http://",
        ),
        (Start::new(&["frobnicate"]), 2, "frobnicate", "--help"),
    ] {
        let ended = start.end().await;
        ended
            .expect_code(code)
            .expect_words(says)
            .expect_words(advice);
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
    }
    assert!(
        !data.path().exists(),
        "a start that was refused made a data directory"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_whom_slack_does_not_know_are_named_in_the_log() -> Tested {
    let (slack, flows, data) = company().await?;
    let bot = Start::run(&slack, flows.path(), &data.path())
        .argument(
            "--admins",
            "CAROL@acme.example,nobody@nowhere.test,U0BOB0000,U0NOPE000",
        )
        .spawn();
    bot.ready().await;
    for unknown in ["nobody@nowhere.test", "U0NOPE000"] {
        bot.says(unknown).await;
    }
    let ended = bot.terminate().await;
    ended.expect_code(0);
    let warned = |name: &str| {
        let mut lines = ended.err.lines();
        lines.any(|line| line.contains("may be wrong") && line.contains(name))
    };
    for (name, is_warned) in [
        ("nobody@nowhere.test", true),
        ("U0NOPE000", true),
        ("CAROL", false),
        ("U0BOB0000", false),
    ] {
        assert_eq!(warned(name), is_warned, "{name}: {}", ended.err);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_into_is_not_called_empty() -> Tested {
    let place = tempfile::tempdir()?;
    let data = place.path().join("data");
    std::os::unix::fs::symlink(&data, &data)?;
    let named = |start: Start| start.argument("--data", &data.display().to_string());
    let run = "00000000-0000-4000-8000-000000000000";
    let to = place.path().join("backup").display().to_string();
    for start in [
        Start::new(&["backup", "--to", &to]),
        Start::new(&["audit", "verify"]),
        Start::new(&["audit", "export"]),
        Start::new(&["explain", run]),
    ] {
        let ended = named(start).end().await;
        ended.expect_code(1).expect_words("symbolic links");
        assert!(!ended.err.contains(" holds no "), "{}", ended.err);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_that_is_no_directory_is_named() -> Tested {
    let (slack, flows, data) = company().await?;
    std::fs::write(data.path(), "a file")?;
    let ended = Start::run(&slack, flows.path(), &data.path()).end().await;
    ended
        .expect_code(1)
        .expect_words(&data.path().display().to_string())
        .expect_words("hint: --data");
    Ok(())
}
