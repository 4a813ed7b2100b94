//! The command line: arguments → one function per subcommand. Only here is anything printed.
//!
//! Exit codes: 0 fine, 1 the thing asked about is wrong, 2 wrong usage.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod audit;
mod backup;
mod check;
mod demo;
pub mod explain;
mod test;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bot::{Bot, hangups, start_pool, told_to_end};
use crate::clock::SystemClock;
use crate::config::{self, ConfigError, FlowSettings, RunArgs, Settings, ValueArgs};
use crate::control::CommandError;
use crate::domain::run::RunId;
use crate::inspected::Checker;
use crate::policy::python_cmd::{self, PythonCommand};
use crate::store::sled::RestoreFrom;
use crate::telemetry;

/// The thing asked about is wrong.
const EXIT_WRONG: u8 = 1;

/// Workers that look at code for `symbot check`: each takes 0.2 s of CPU to get warm.
const CHECK_WORKERS_MAX: usize = 4;

/// Wrong usage, as clap uses it.
const EXIT_USAGE: u8 = 2;

/// A self-hosted Slack bot for access requests that runs existing Sym configurations.
#[derive(Debug, Parser)]
#[command(name = "symbot", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bot
    Run(Box<RunArgs>),
    /// Run the bot on a Slack workspace simulated in this process and open it in the browser
    Demo(demo::DemoArgs),
    /// Load flows and their code and report every problem with its place
    Check(CheckArgs),
    /// Run the cases in tests.yaml beside each flow
    Test(CheckArgs),
    /// Run a Python file as implementations are run, with sym.sdk and without files or network
    Python(PythonArgs),
    /// Read and verify the audit journal
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a copy of everything that a bot has stored to one file, also while it runs
    Backup(BackupArgs),
    /// Make a new data directory from a backup, from the journals, or from both
    Restore(RestoreArgs),
    /// Tell the story of a request: who, what, which handler said what, where it went, who decided
    Explain(ExplainArgs),
    /// Run the recorded handler calls of a request again and compare what comes out
    Replay(ReplayArgs),
}

#[derive(Debug, clap::Args)]
struct ExplainArgs {
    /// Id of the request
    #[arg(value_name = "RUN", value_parser = run_id)]
    run: RunId,
    /// Directory of the store and the audit journal; the bot may be running on it
    #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
    data: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    /// Id of the request
    #[arg(value_name = "RUN", value_parser = run_id)]
    run: RunId,
    /// Directory of the store and the audit journal; the bot may be running on it
    #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Terraform root module, or a folder of such
    #[arg(value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    values: ValueArgs,
}

impl CheckArgs {
    /// What to read: `flows` where no directory is named.
    fn settings(&self) -> Result<FlowSettings, ConfigError> {
        let dirs = if self.dirs.is_empty() {
            vec![PathBuf::from("flows")]
        } else {
            self.dirs.clone()
        };
        FlowSettings::new(dirs, &self.values)
    }
}

#[derive(Debug, clap::Args)]
struct PythonArgs {
    /// The script
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it finds in sys.argv after its name
    #[arg(
        value_name = "ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
    /// Longest run in seconds
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Directory of pure Python that can be imported; repeatable
    #[arg(long = "path", value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// Run the tests in FILE, or in all test_*.py and *_test.py of a directory, and say how each ended
    #[arg(long)]
    test: bool,
}

#[derive(Debug, clap::Args)]
struct BackupArgs {
    /// Directory of the store and the audit journal
    #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
    data: PathBuf,
    /// File to make; it must not exist
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
struct RestoreArgs {
    /// Directory to make; it must not exist, or be empty
    #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
    data: PathBuf,
    /// A backup
    #[arg(long, value_name = "FILE", required_unless_present = "journal")]
    from: Option<PathBuf>,
    /// The old data directory: its folders audit and changes have what has happened since the backup, or everything
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Restore what is before the first damaged line of the journals instead of giving up
    #[arg(long)]
    up_to_damage: bool,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check that no record was changed, removed or put in
    Verify {
        /// Directory of the store and the audit journal
        #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Print records, one JSON object per line
    Export {
        /// Directory of the store and the audit journal
        #[arg(long, value_name = "DIR", env = "SYMBOT_DATA", default_value = "data")]
        data: PathBuf,
        /// Only records from this moment on (ISO 8601)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only records of this run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
    },
}

fn run_id(text: &str) -> Result<RunId, &'static str> {
    RunId::parse_str(text.trim()).map_err(|_| {
        "this is not the id of a request; one looks like 0b8e7a1e-52c2-4c3e-9f0e-0a6d4d7f1a11, and stands on the request's page, in the log, and in the audit journal"
    })
}

/// Parses the arguments of the process and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run(args) => run(*args),
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check(args),
        Command::Test(args) => test(args),
        Command::Python(args) => python(args),
        Command::Audit(command) => audit(&command),
        Command::Backup(args) => {
            with_runtime(async move { backup::backup(&args.data, &args.to).await })
        }
        Command::Restore(args) => {
            let from = RestoreFrom {
                backup: args.from,
                journal: args.journal,
                up_to_damage: args.up_to_damage,
            };
            backup::restore(&from, &args.data)
        }
        Command::Explain(args) => with_runtime(async move {
            print_or_complain(explain::explain(&args.data, args.run, args.json).await)
        }),
        Command::Replay(args) => replay(args),
    }
}

fn run(args: RunArgs) -> ExitCode {
    let format = match args.log_format() {
        Ok(format) => format,
        Err(error) => return wrong_setting(&error),
    };
    if let Err(error) = telemetry::start(format, config::log_filter().as_deref()) {
        return complain(
            EXIT_USAGE,
            &error.to_string(),
            "use a level (error, warn, info, debug, trace) or target=level",
        );
    }
    let settings = match Settings::read(args) {
        Ok(settings) => settings,
        Err(error) => return wrong_setting(&error),
    };
    with_runtime(async move {
        let told_to_end = match told_to_end() {
            Ok(told_to_end) => told_to_end,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        let told_to_reload = match hangups() {
            Ok(told_to_reload) => told_to_reload,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        // Waiting for Slack can take long, and nothing has been taken on yet that would have to be finished.
        let started = tokio::select! {
            started = Bot::start(settings, std::sync::Arc::new(SystemClock)) => started,
            () = told_to_end.cancelled() => return ExitCode::SUCCESS,
        };
        let mut bot = match started {
            Ok(bot) => bot,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        bot.reload_when(told_to_reload);
        bot.run_until(told_to_end).await
    })
}

fn check(args: CheckArgs) -> ExitCode {
    let settings = match args.settings() {
        Ok(settings) => settings,
        Err(error) => return wrong_setting(&error),
    };
    with_runtime(async move {
        let pool = match start_pool(
            None,
            config::cores().min(CHECK_WORKERS_MAX),
            std::sync::Arc::new(SystemClock),
        ) {
            Ok(pool) => pool,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        let checked = Checker::new(pool.clone())
            .check(&settings.load_options())
            .await;
        pool.shutdown().await;
        written(check::write(
            &checked.loaded,
            &checked.inspected,
            args.json,
            &mut std::io::stdout().lock(),
        ))
    })
}

fn test(args: CheckArgs) -> ExitCode {
    let settings = match args.settings() {
        Ok(settings) => settings,
        Err(error) => return wrong_setting(&error),
    };
    with_runtime(async move {
        let pool = match start_pool(None, 1, std::sync::Arc::new(SystemClock)) {
            Ok(pool) => pool,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        let report =
            crate::flowtest::run(&settings.load_options(), &pool, crate::clock::now()).await;
        pool.shutdown().await;
        written(test::write(
            &report,
            args.json,
            &mut std::io::stdout().lock(),
        ))
    })
}

fn python(args: PythonArgs) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            return complain(
                EXIT_WRONG,
                &format!("the path of this program cannot be found: {error}"),
                "start symbot by its full path",
            );
        }
    };
    let command = PythonCommand {
        file: args.file,
        arguments: args.arguments,
        paths: args.paths,
        tests: args.test,
        timeout: std::time::Duration::from_secs(args.timeout),
        program,
    };
    with_runtime(async move {
        match python_cmd::run(&command).await {
            Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(EXIT_WRONG)),
            Err(message) => complain(EXIT_WRONG, &message, ""),
        }
    })
}

fn replay(args: ReplayArgs) -> ExitCode {
    with_runtime(async move {
        let pool = match start_pool(None, 1, std::sync::Arc::new(SystemClock)) {
            Ok(pool) => pool,
            Err(error) => return complain(EXIT_WRONG, &error.to_string(), error.hint()),
        };
        let replayed = explain::replay(&args.data, args.run, &pool).await;
        pool.shutdown().await;
        match replayed {
            Ok((report, true)) => print_or_complain(Ok(report)),
            Ok((report, false)) => {
                print_or_complain(Ok(report));
                ExitCode::from(EXIT_WRONG)
            }
            Err(complaint) => print_or_complain(Err(complaint)),
        }
    })
}

fn print_or_complain(told: Result<String, CommandError>) -> ExitCode {
    match told {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            let written_out = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            written(written_out.map(|()| ExitCode::SUCCESS))
        }
        Err(complaint) => complain(EXIT_WRONG, &complaint.message, &complaint.hint),
    }
}

fn audit(command: &AuditCommand) -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let code = match command {
        AuditCommand::Verify { data } => audit::verify(data, &mut out, &mut err),
        AuditCommand::Export { data, since, run } => {
            audit::export(data, since.as_deref(), run.as_deref(), &mut out, &mut err)
        }
    };
    drop((out, err));
    written(code.map(ExitCode::from))
}

/// The exit code of what was printed; a closed pipe (`| head`) is no complaint.
fn written(result: std::io::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complain(
            EXIT_WRONG,
            &format!("the answer cannot be printed: {error}"),
            "",
        ),
    }
}

/// Runs `future` on a runtime of its own.
fn with_runtime(future: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => complain(
            EXIT_WRONG,
            &format!("the asynchronous runtime cannot start: {error}"),
            "check the limits on threads and open files",
        ),
    }
}

fn wrong_setting(error: &ConfigError) -> ExitCode {
    complain(EXIT_USAGE, &error.message, &error.hint)
}

/// One line that says what is wrong and one that says what to do.
fn complain(code: u8, message: &str, hint: &str) -> ExitCode {
    eprintln!("symbot: {message}");
    if !hint.is_empty() {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code)
}
