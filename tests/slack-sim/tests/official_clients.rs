//! Slack's own clients, which have never met this workspace, play a whole story in it. Skipped with a message where Python or
//! Node, PyPI or npm cannot be had; `OFFICIAL_CLIENTS=require` makes that a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::Result;
use slack_sim::{Outcome, Setup, SlackSim};
use tokio::process::{Child, Command};

const SLACK_BOLT: [&str; 2] = ["slack_bolt==1.30.0", "slack_sdk==3.47.0"];
const BOLT_JS: &str = "@slack/bolt@5.1.0";
/// Installing takes seconds; a registry that does not answer must not hang the tests.
const INSTALL_SECONDS: u64 = 120;

/// Runs a command to its end; `Err` says why it failed.
async fn run(command: &mut Command) -> std::result::Result<(), String> {
    let shown = format!("{:?}", command.as_std());
    let output = command.kill_on_drop(true).output();
    match tokio::time::timeout(Duration::from_secs(INSTALL_SECONDS), output).await {
        Err(_) => Err(format!("{shown} took longer than {INSTALL_SECONDS} s")),
        Ok(Err(error)) => Err(format!("{shown}: {error}")),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{shown}: {}",
                text.lines().last().unwrap_or_default()
            ))
        }
    }
}

fn skipped(what: &str, why: &str) {
    eprintln!("{what} skipped: {why}");
    assert!(
        std::env::var("OFFICIAL_CLIENTS").is_err(),
        "{what} is required but {why}"
    );
}

fn cache(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name)
}

async fn python() -> std::result::Result<PathBuf, String> {
    let folder = cache("slack_bolt-1.30.0");
    let python = folder.join("bin/python");
    if run(Command::new(&python).args(["-c", "import slack_bolt"]))
        .await
        .is_ok()
    {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(SLACK_BOLT))
    .await?;
    Ok(python)
}

async fn node() -> std::result::Result<PathBuf, String> {
    let folder = cache("bolt-js-5.1.0");
    if folder
        .join("node_modules/@slack/bolt/package.json")
        .is_file()
    {
        return run(Command::new("node").arg("--version"))
            .await
            .map(|()| folder);
    }
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let install = [
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
    ];
    run(Command::new("npm").args(install).arg(&folder).arg(BOLT_JS)).await?;
    Ok(folder)
}

fn start(command: &mut Command, slack: &SlackSim) -> Child {
    command
        .args([slack.api_url(), slack.bot_token(), slack.app_token()])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn workspace() -> SlackSim {
    SlackSim::start(Setup::company().deadline(Duration::from_secs(20)))
        .await
        .unwrap()
}

async fn story(slack: &SlackSim) -> Result<()> {
    slack.connected(1).await?;
    let (alice, bob) = (slack.person("alice"), slack.person("bob"));

    alice.in_channel("secret-plans").types("/sym help").await?;
    alice.expects_ephemeral("type /sym to ask").await?;

    let form = alice
        .in_channel("#general")
        .types("/sym")
        .await?
        .modal()
        .await?;
    let errors = form
        .fill("Why", "no")
        .pick("Target", "Production")
        .submit_refused()
        .await?;
    assert_eq!(errors["Why"], "Please say more.");
    assert_eq!(
        form.fill("Why", "to deploy").submit().await?,
        Outcome::Closed
    );

    let request = slack.channel("#sym-requests").next_request().await?;
    assert!(
        request
            .text()
            .contains("@alice asks for Production: to deploy"),
        "{request:?}"
    );
    assert_eq!(request.buttons(), ["Approve", "Deny"]);
    bob.presses(&request, "Approve").await?;
    request
        .expects_text("approved by @bob")
        .await?
        .expects_no_buttons()
        .await?;
    request.expects_reply("noted in the thread").await?;
    alice
        .dm_with_bot()
        .expects_text("your request was approved")
        .await?;
    bob.expects_ephemeral("you approved").await?;

    let form = alice.in_dm_with("bob").types("/sym").await?.modal().await?;
    form.expects_field("Why").await?;
    form.close()?;
    alice
        .dm_with_bot()
        .expects_text("you closed the form")
        .await?;

    alice.uses_shortcut("sym_request").await?;
    let mut group = slack.group_dm(&["alice", "bob"]).await?;
    group
        .expects_text("8 people, 7 channels, channel_not_found")
        .await?;
    alice.opens_home()?.expects_text("hello @alice").await?;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn slack_bolt_for_python_plays_the_story() -> Result<()> {
    let python = match python().await {
        Ok(python) => python,
        Err(why) => {
            skipped("slack_bolt for Python", &why);
            return Ok(());
        }
    };
    let slack = workspace().await;
    let mut app = start(Command::new(python).arg(client("bolt_app.py")), &slack);
    story(&slack).await?;
    app.kill().await?;
    Ok(())
}

#[tokio::test]
async fn slack_bolt_for_node_plays_the_story() -> Result<()> {
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => {
            skipped("@slack/bolt for Node", &why);
            return Ok(());
        }
    };
    let slack = workspace().await;
    let mut app = start(
        Command::new("node")
            .arg(client("bolt_app.js"))
            .current_dir(&folder),
        &slack,
    );
    story(&slack).await?;
    app.kill().await?;
    Ok(())
}
