//! `slack-sim`: serves a workspace until interrupted, for trying an app by hand or with another program's tests.

#![forbid(unsafe_code)]

use std::io::Write as _;

use clap::Parser;
use slack_sim::{PersonSetup, Setup, SlackSim};

/// A Slack workspace on localhost.
#[derive(Parser)]
#[command(name = "slack-sim", version)]
struct Options {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 4999)]
    port: u16,
    /// Token that the app uses for the Web API.
    #[arg(long)]
    bot_token: Option<String>,
    /// Token that the app uses to connect.
    #[arg(long)]
    app_token: Option<String>,
    /// The app's display name.
    #[arg(long)]
    app_name: Option<String>,
    /// A further slash command, such as `/hello`. Repeatable.
    #[arg(long = "command")]
    commands: Vec<String>,
    /// The callback id of the global shortcut.
    #[arg(long)]
    shortcut: Option<String>,
    /// A further bot event to send, such as `message.im`. Repeatable.
    #[arg(long = "event")]
    events: Vec<String>,
    /// A further member, by handle. Repeatable.
    #[arg(long = "person")]
    people: Vec<String>,
    /// Enforce Slack's rate limits.
    #[arg(long)]
    rate_limits: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("info"))
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    let mut setup = Setup::company().port(options.port);
    if let Some(name) = &options.app_name {
        setup = setup.app_name(name);
    }
    let bot_token = options
        .bot_token
        .unwrap_or_else(|| setup.app.bot_token.clone());
    let app_token = options
        .app_token
        .unwrap_or_else(|| setup.app.app_token.clone());
    setup = setup.tokens(&bot_token, &app_token);
    for command in &options.commands {
        setup = setup.command(command, "", "");
    }
    if let Some(callback_id) = &options.shortcut {
        setup = setup.shortcut(callback_id, "Shortcut", "");
    }
    for event in &options.events {
        setup = setup.event(event);
    }
    for person in &options.people {
        setup = setup.person(PersonSetup::member(person));
    }
    if options.rate_limits {
        setup = setup.with_rate_limits();
    }
    let slack = SlackSim::start(setup).await?;
    let mut out = std::io::stdout();
    writeln!(out, "page:            {}", slack.page_url())?;
    writeln!(out, "SLACK_API_URL={}", slack.api_url())?;
    writeln!(out, "SLACK_BOT_TOKEN={bot_token}")?;
    writeln!(out, "SLACK_APP_TOKEN={app_token}")?;
    out.flush()?;
    told_to_end().await?;
    for violation in slack.violations() {
        writeln!(out, "violation: {violation}")?;
    }
    Ok(())
}

/// Ctrl-C, or what a test runner or a closed terminal sends: what the app broke is printed after all of them.
#[cfg(unix)]
async fn told_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn told_to_end() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
