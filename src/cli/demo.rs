//! `symbot demo`: a simulated Slack workspace and the bot in one process, for trying things out in a browser.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use slack_sim::{Setup, SlackSim};

use super::{EXIT_WRONG, complain, with_runtime, wrong_setting};
use crate::bot::{Bot, hangups, told_to_end};
use crate::clock::SystemClock;
use crate::config::{self, LogFormat, RunArgs, Settings, SlackSettings};
use crate::secret::Secret;
use crate::slack::view::ids;
use crate::telemetry;

/// What the demo logs when `SYMBOT_LOG` is not set: only what somebody trying it out should know.
const DEMO_LOG: &str = "warn,symbot=info,slack_sim=warn";

/// Flags of `symbot demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Flows to use; repeatable
    #[arg(long = "flows", value_name = "DIR", default_value = "flows")]
    flows: Vec<PathBuf>,
    /// Port of the simulated workspace's page [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the web app [default: a free one]
    #[arg(long = "web-port", value_name = "PORT")]
    web_port: Option<u16>,
    /// Keep the data in this directory [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Do not open the browser
    #[arg(long = "no-open")]
    no_open: bool,
}

pub(super) fn run(args: DemoArgs) -> ExitCode {
    let filter = config::log_filter().unwrap_or_else(|| DEMO_LOG.to_owned());
    if let Err(error) = telemetry::start(Some(LogFormat::Text), Some(&filter)) {
        return complain(
            super::EXIT_USAGE,
            &error.to_string(),
            "use a level (error, warn, info, debug, trace) or target=level",
        );
    }
    with_runtime(demo(args))
}

async fn demo(args: DemoArgs) -> ExitCode {
    let told_to_end = match told_to_end() {
        Ok(told_to_end) => told_to_end,
        Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
    };
    if !goes_on_without_terminal() {
        match hangups() {
            Ok(hung_up) => {
                let told_to_end = told_to_end.clone();
                tokio::spawn(async move {
                    hung_up.notified().await;
                    told_to_end.cancel();
                });
            }
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        }
    }
    let setup = Setup::company()
        .port(args.port.unwrap_or_default())
        .app_name("Symbot")
        .shortcut(
            ids::SHORTCUT,
            "Request access",
            "Ask for access to something",
        );
    let slack = match SlackSim::start(setup).await {
        Ok(slack) => slack,
        Err(error) => {
            return complain(
                EXIT_WRONG,
                &format!("the simulated workspace cannot start: {error}"),
                "choose another --port",
            );
        }
    };
    // Held to the end: dropping it removes the directory.
    let mut temporary = None;
    let data = match args.data {
        Some(data) => data,
        None => match tempfile::Builder::new().prefix("symbot-demo-").tempdir() {
            // A directory in it, so that the bot makes it with the mode that it wants.
            Ok(directory) => temporary.insert(directory).path().join("data"),
            Err(error) => {
                return complain(
                    EXIT_WRONG,
                    &format!("no temporary directory can be made: {error}"),
                    "give one with --data DIR",
                );
            }
        },
    };
    let run_args = RunArgs {
        flows: args.flows,
        watch: true,
        data: Some(data),
        web: Some(format!("127.0.0.1:{}", args.web_port.unwrap_or_default())),
        ..RunArgs::default()
    };
    let settings = Settings::with_slack(
        run_args,
        SlackSettings {
            api_url: Some(slack.api_url()),
            app_token: Secret::new(slack.app_token()),
            bot_token: Secret::new(slack.bot_token()),
        },
        |name| match name {
            "SYMBOT_HTTP_ALLOW" | "SYMBOT_HANDLER_TIMEOUT" => config::environment(name),
            // Administrators and addresses of a real workspace have no business in this one.
            _ => None,
        },
    );
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return wrong_setting(&error),
    };
    let started = tokio::select! {
        started = Bot::start(settings, Arc::new(SystemClock)) => started,
        () = told_to_end.cancelled() => return ExitCode::SUCCESS,
    };
    let bot = match started {
        Ok(bot) => bot,
        Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
    };
    if let Some(url) = bot.web_url() {
        slack.set_links(&[("Web app", &url)]);
    }
    announce(&slack.page_url(), bot.web_url().as_deref());
    if !args.no_open {
        open_browser(&slack.page_url());
    }
    let code = bot.run_until(told_to_end).await;
    drop(temporary);
    code
}

/// Whether whoever started this wants it to outlive the terminal (`nohup`): catching SIGHUP would undo that.
fn goes_on_without_terminal() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// What Linux says of a process, with the ignored signals as bits, SIGHUP the lowest.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .is_some_and(|bits| bits & 1 == 1)
}

fn announce(page: &str, web: Option<&str>) {
    println!("Slack simulator: {page}");
    if let Some(web) = web {
        println!("Web app: {web}");
    }
    println!();
    println!(
        "You are Alice in #general: type /sym, pick \"Approval\", fill in the form and submit."
    );
    println!("Then look into #sym-requests, switch to Bob (top left) and press Approve.");
    println!("Ctrl-C ends the demo.");
}

/// Opens the page where there is a browser; where there is none, the address has been printed.
fn open_browser(url: &str) {
    if !config::has_display() {
        return;
    }
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let opened = std::process::Command::new(program)
        .arg(url)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if let Err(error) = opened {
        tracing::debug!(%error, "the browser could not be opened");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_seen() {
        assert!(ignores_hangup("Name:\tsymbot\nSigIgn:\t0000000000001001\n"));
        for not in ["SigIgn:\t0000000000001000\n", "SigIgn:\tx\n", ""] {
            assert!(!ignores_hangup(not), "{not}");
        }
    }
}
