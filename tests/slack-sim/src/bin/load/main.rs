//! `load`: a load driver. Starts a Slack workspace in this process and any bot beside it, plays people through whole
//! requests (slash command, form, submission, Approve by somebody else, direct message to the requester), and prints how
//! long they waited and what the bot used. `docs/performance.md` of the project has its figures.
//!
//!     cargo run --release -p slack-sim --bin load -- --people 1,8,32 -- target/release/symbot run --flows flows …
//!
//! Everything is bounded, in count (`--requests`) and in time (`--patience`, `--time-limit`), and stays on loopback. Exit code
//! 1: a request was lost, something was posted that nobody asked for, a rule of Slack's was broken, or the bot ended.

mod bot;
mod figures;
mod play;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use slack_sim::{PersonSetup, Setup, SlackSim};
use tokio::time::Instant;

use bot::Bot;
use figures::{Figures, Phase};
use play::{Entry, Stage, Story};

/// Plays people through whole requests against a bot and prints how long they waited.
#[derive(Parser)]
#[command(name = "load", version)]
struct Options {
    /// People at a time; several numbers are measured one after the other, on the same bot
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,8,32", value_parser = clap::value_parser!(u16).range(1..=1000))]
    people: Vec<u16>,
    /// Requests to measure for each number of people
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: u32,
    /// Requests before each measurement, not measured [default: two for each person, at least 20]
    #[arg(long, value_name = "N")]
    warm_up: Option<u32>,
    /// The flow, as typed after the command
    #[arg(long, value_name = "NAME", default_value = "approval")]
    flow: String,
    /// What is typed, without the flow
    #[arg(long, value_name = "TEXT", default_value = "/sym req")]
    command: String,
    /// Text for a field; `{}` becomes the number of the request. Repeatable; in place of the default
    #[arg(long, value_name = "LABEL=TEXT", default_value = "Why do you need access?=load {}", value_parser = pair)]
    fill: Vec<(String, String)>,
    /// An option for a field to choose from. Repeatable
    #[arg(long, value_name = "LABEL=OPTION", value_parser = pair)]
    pick: Vec<(String, String)>,
    /// Where the command is typed
    #[arg(long = "from", value_name = "CHANNEL", default_value = "general")]
    from: String,
    /// Where the request appears
    #[arg(long, value_name = "CHANNEL", default_value = "sym-requests")]
    channel: String,
    /// The button that decides
    #[arg(long, value_name = "TEXT", default_value = "Approve")]
    press: String,
    /// What the requester's direct message says
    #[arg(long, value_name = "TEXT", default_value = "approved")]
    told: String,
    /// Longest wait for one step
    #[arg(long, value_name = "SECS", default_value_t = 20)]
    patience: u64,
    /// Longest run of everything
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    time_limit: u64,
    /// Address that answers 200 when the bot is ready, such as http://127.0.0.1:7374/readyz
    #[arg(long, value_name = "URL")]
    ready_url: Option<String>,
    /// File for what the bot prints [default: a temporary one, kept when something went wrong]
    #[arg(long, value_name = "FILE")]
    bot_log: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The bot and its arguments; it finds SLACK_API_URL, SLACK_BOT_TOKEN and SLACK_APP_TOKEN in its environment
    #[arg(
        value_name = "BOT COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    bot: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((label, value)) if !label.is_empty() => Ok((label.to_owned(), value.to_owned())),
        _ => Err("LABEL=VALUE is expected".to_owned()),
    }
}

/// Requests before each measurement when nothing is said: connections, caches and workers are warm after them.
const WARM_UP_LEAST: u32 = 20;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let limit = Duration::from_secs(options.time_limit);
    let mut err = std::io::stderr();
    let log = options.bot_log.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("load-{}-bot.log", std::process::id()))
    });
    // Dropping `measure` kills the bot.
    let result = match tokio::time::timeout(limit, measure(&options, &log)).await {
        Ok(result) => result,
        Err(_) => Err(format!("not through within {} s", limit.as_secs())),
    };
    let written = match result {
        Ok(figures) => {
            let mut out = std::io::stdout().lock();
            let written = if options.json {
                writeln!(out, "{}", figures.json())
            } else {
                write!(out, "{figures}")
            };
            if options.bot_log.is_none() {
                let _ = std::fs::remove_file(&log);
            }
            written
        }
        Err(error) => {
            let _ = writeln!(
                err,
                "load: {error}\nwhat the bot printed: {}",
                log.display()
            );
            return ExitCode::FAILURE;
        }
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(err, "load: the figures cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The company, with a requester and an approver for each of the people at a time.
fn company(options: &Options, most: u16) -> Setup {
    let mut setup = Setup::company().deadline(Duration::from_secs(options.patience));
    let channels =
        [&options.from, &options.channel].map(|name| name.trim_start_matches('#').to_owned());
    for number in 0..most {
        for name in [play::requester(number), play::approver(number)] {
            setup = setup.person(PersonSetup::member(&name));
            for channel in &mut setup.channels {
                if let Some(members) = &mut channel.members
                    && channels.contains(&channel.name)
                {
                    members.push(name.clone());
                }
            }
        }
    }
    setup
}

async fn measure(options: &Options, log: &std::path::Path) -> Result<Figures, String> {
    let most = options.people.iter().copied().max().unwrap_or(1);
    let slack = SlackSim::start(company(options, most))
        .await
        .map_err(|error| format!("the workspace cannot be served: {error}"))?;
    let patience = Duration::from_secs(options.patience);
    let bot = Bot::start(&options.bot, &slack, log)?;
    let started = Instant::now();
    let hello = async {
        slack
            .connected(1)
            .await
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(started.elapsed())
    };
    let hello = tokio::select! {
        hello = hello => hello?,
        ended = bot.ended() => return Err(ended),
    };
    let ready = match &options.ready_url {
        Some(url) => Some(bot::answers(url, started, patience).await?),
        None => None,
    };
    let story = Story {
        typed: format!("{} {}", options.command, options.flow),
        from: options.from.clone(),
        entries: options
            .fill
            .iter()
            .cloned()
            .map(|(label, text)| Entry::Fill(label, text))
            .chain(
                options
                    .pick
                    .iter()
                    .cloned()
                    .map(|(label, option)| Entry::Pick(label, option)),
            )
            .collect(),
        press: options.press.clone(),
        told: options.told.clone(),
    };
    let stage = Arc::new(Stage::new(
        slack.clone(),
        &options.channel,
        story,
        most,
        patience,
    ));
    let watching = tokio::spawn(bot::watch(bot.id(), bot.peak()));
    let mut phases = Vec::new();
    let mut number = 0;
    for people in &options.people {
        let warm_up = options
            .warm_up
            .unwrap_or((u32::from(*people) * 2).max(WARM_UP_LEAST));
        let warmed = tokio::select! {
            warmed = stage.play(*people, number, warm_up) => warmed,
            ended = bot.ended() => Err(ended),
        };
        warmed?;
        number += warm_up;
        let (used, calls) = (bot.used(), slack.workspace().counters());
        let started = Instant::now();
        let played = tokio::select! {
            played = stage.play(*people, number, options.requests) => played,
            ended = bot.ended() => Err(ended),
        };
        let took = started.elapsed();
        let waits = played?;
        number += options.requests;
        phases.push(Phase {
            people: *people,
            requests: options.requests,
            took,
            waits,
            used: bot.used().since(&used),
            calls: figures::per_request(&calls, &slack.workspace().counters(), options.requests),
            load: bot::machine_load(),
        });
    }
    stage.finish()?;
    slack
        .expect_no_violations()
        .map_err(|error| error.to_string())?;
    let whole = bot.used();
    bot.peak().look(bot.id(), true);
    let peak = bot.peak().read();
    watching.abort();
    bot.stop().await?;
    // Also what it does while it ends is held to the rules.
    slack
        .expect_no_violations()
        .map_err(|error| error.to_string())?;
    Ok(Figures {
        hello,
        ready,
        phases,
        whole,
        peak,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_as_documented_whatever_is_picked() {
        let filled = |arguments: &[&str]| {
            let all = ["load"].iter().chain(arguments).chain(&["bot"]);
            let options = Options::try_parse_from(all).map_err(|error| error.to_string());
            options.map(|options| options.fill)
        };
        let why = ("Why do you need access?".to_owned(), "load {}".to_owned());
        assert_eq!(filled(&[]), Ok(vec![why.clone()]));
        assert_eq!(filled(&["--pick", "Urgency=High"]), Ok(vec![why]));
        let other = ("Reason".to_owned(), "x=y".to_owned());
        assert_eq!(filled(&["--fill", "Reason=x=y"]), Ok(vec![other]));
    }
}
