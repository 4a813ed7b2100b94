//! Settings of `symbot run`, from flags and environment. The only module that reads the environment.
//!
//! Secrets are wrapped the moment they are read; every problem names the setting and says what to do.

mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::flows::{Assignment, LoadOptions};
use crate::secret::Secret;
use crate::secrets::{Secrets, VARIABLE_PREFIX};
use crate::slack::text::may_be_id;
use crate::web::WebConfig;

pub use values::ValueArgs;

/// Flags of `symbot run`. Each also has an environment variable, which an empty value leaves unset; the flag wins.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Terraform root module with flows, or a folder of such; repeatable [env: SYMBOT_FLOWS, with ":" between; default: flows]
    #[arg(long = "flows", value_name = "DIR")]
    pub flows: Vec<PathBuf>,
    #[command(flatten)]
    pub values: ValueArgs,
    /// Take over changes of the flows' files when they are saved; SIGHUP does so in any case
    #[arg(long)]
    pub watch: bool,
    /// Directory of the store and the audit journal [env: SYMBOT_DATA; default: data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Admins: comma-separated e-mails or Slack user ids [env: SYMBOT_ADMINS; default: the workspace's owners]
    #[arg(long, value_name = "LIST")]
    pub admins: Option<String>,
    /// Address of the web app, /healthz and /readyz; "off" turns it off [env: SYMBOT_WEB_ADDR; default: 127.0.0.1:7374]
    #[arg(long, value_name = "ADDR")]
    pub web: Option<String>,
    /// Address under which people reach the web app [env: SYMBOT_WEB_URL; default: http:// and the address]
    #[arg(long = "web-url", value_name = "URL")]
    pub web_url: Option<String>,
    /// Deadline of one handler in seconds [env: SYMBOT_HANDLER_TIMEOUT; default: 10]
    #[arg(long = "handler-timeout", value_name = "SECS")]
    pub handler_timeout: Option<String>,
    /// Number of policy workers [env: SYMBOT_WORKERS; default: number of cores, at least 2]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Form of the log: text or json [env: SYMBOT_LOG_FORMAT; default: text on a terminal, else json]
    #[arg(long = "log-format", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl RunArgs {
    /// The form of the log.
    ///
    /// # Errors
    /// A word that is no form.
    pub fn log_format(&self) -> Result<Option<LogFormat>, ConfigError> {
        let word = self
            .log_format
            .clone()
            .or_else(|| environment("SYMBOT_LOG_FORMAT"));
        match word.as_deref() {
            None => Ok(None),
            Some("text") => Ok(Some(LogFormat::Text)),
            Some("json") => Ok(Some(LogFormat::Json)),
            Some(other) => Err(ConfigError::new(
                format!("--log-format (SYMBOT_LOG_FORMAT) is \"{other}\""),
                "use text or json",
            )),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where Slack is and how to talk to it.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// Base such as `http://127.0.0.1:4999/api`; `None` is Slack itself.
    pub api_url: Option<String>,
    pub app_token: Secret,
    pub bot_token: Secret,
}

/// Everything `run` needs, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub slack: SlackSettings,
    pub flows: FlowSettings,
    pub data: PathBuf,
    pub admins: Vec<String>,
    /// `None`: off.
    pub web: Option<WebSettings>,
    pub handler_timeout: Duration,
    pub workers: usize,
    /// Hosts that `requests` in implementations may reach, as written.
    pub http_allow: Vec<String>,
    /// Where values of `sym_secret` come from.
    pub secrets: Secrets,
    /// The program that policy workers are started from; `None` is this program itself. Only where the bot runs inside
    /// another program, as in tests, is it given.
    pub worker_program: Option<PathBuf>,
}

/// What the flows are read from.
#[derive(Debug, Clone, Default)]
pub struct FlowSettings {
    pub dirs: Vec<PathBuf>,
    /// `--var` and `--var-file`.
    pub assignments: Vec<Assignment>,
    /// `TF_VAR_*` without the prefix.
    pub env_vars: Vec<(String, String)>,
    /// Whether the files are watched for changes.
    pub watch: bool,
}

/// Where the web app listens and what its address is for people.
#[derive(Debug, Clone)]
pub struct WebSettings {
    pub addr: String,
    /// `None`: made from the address once it is bound.
    pub url: Option<String>,
}

/// A setting that is missing or wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    pub message: String,
    pub hint: String,
}

impl ConfigError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Fewest policy workers: one runaway handler must not stop the others.
const WORKERS_MIN: usize = 2;

/// Most policy workers: each takes about 50 MB.
const WORKERS_MAX: u64 = 64;

/// Deadline of a handler call: half a minute's patience of a person at most, ten minutes for look-ups that are really slow.
const HANDLER_TIMEOUT_DEFAULT_SECONDS: u64 = 10;
const HANDLER_TIMEOUT_MAX_SECONDS: u64 = 600;

const WEB_ADDR_DEFAULT: &str = "127.0.0.1:7374";

/// Settings of later versions: said, not ignored silently.
const NOT_YET: [&str; 2] = ["SYMBOT_SMTP_URL", "SYMBOT_MAIL_FROM"];

impl Settings {
    /// Checks flags and reads the environment.
    ///
    /// # Errors
    /// Names the setting that is missing or wrong and what to do.
    pub fn read(args: RunArgs) -> Result<Self, ConfigError> {
        let slack = SlackSettings {
            api_url: api_url(environment("SLACK_API_URL"))?,
            app_token: token(
                "SLACK_APP_TOKEN",
                "xapp-",
                "an app-level token with the scope connections:write",
            )?,
            bot_token: token(
                "SLACK_BOT_TOKEN",
                "xoxb-",
                "the Bot User OAuth Token of the installed app",
            )?,
        };
        Self::with_slack(args, slack, environment)
    }

    /// As [`Settings::read`], with Slack's address and tokens given, and with what is to be seen of the environment: for
    /// the demo. Secrets and variables of flows are read from the process's.
    ///
    /// # Errors
    /// Names the setting that is wrong and what to do.
    pub fn with_slack(
        args: RunArgs,
        slack: SlackSettings,
        environment: fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let handler_timeout = number(
            "--handler-timeout (SYMBOT_HANDLER_TIMEOUT)",
            args.handler_timeout
                .or_else(|| environment("SYMBOT_HANDLER_TIMEOUT")),
            1..=HANDLER_TIMEOUT_MAX_SECONDS,
        )?
        .unwrap_or(HANDLER_TIMEOUT_DEFAULT_SECONDS);
        let workers = number(
            "--workers (SYMBOT_WORKERS)",
            args.workers.or_else(|| environment("SYMBOT_WORKERS")),
            1..=WORKERS_MAX,
        )?
        .and_then(|workers| usize::try_from(workers).ok())
        .unwrap_or(cores().max(WORKERS_MIN));
        let web_addr = args
            .web
            .or_else(|| environment("SYMBOT_WEB_ADDR"))
            .unwrap_or_else(|| WEB_ADDR_DEFAULT.to_owned());
        let web_url_given = args.web_url.or_else(|| environment("SYMBOT_WEB_URL"));
        let flow_dirs = if args.flows.is_empty() {
            let list = environment("SYMBOT_FLOWS").unwrap_or_else(|| "flows".to_owned());
            list.split(':')
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from)
                .collect()
        } else {
            args.flows
        };
        for ignored in NOT_YET {
            if environment(ignored).is_some() {
                tracing::warn!(
                    setting = ignored,
                    "this setting has no effect in this version"
                );
            }
        }
        let web = match web_addr.as_str() {
            "off" => None,
            addr => {
                if !is_address(addr) {
                    return Err(ConfigError::new(
                        format!("--web (SYMBOT_WEB_ADDR) is \"{addr}\", which is no address"),
                        "give an IP address and a port such as 127.0.0.1:7374, or \"off\"",
                    ));
                }
                let url = web_url_given.map(|url| web_url(&url)).transpose()?;
                Some(WebSettings {
                    addr: addr.to_owned(),
                    url,
                })
            }
        };
        Ok(Self {
            slack,
            flows: FlowSettings {
                watch: args.watch,
                ..FlowSettings::new(flow_dirs, &args.values)?
            },
            data: args
                .data
                .or_else(|| environment("SYMBOT_DATA").map(PathBuf::from))
                .unwrap_or_else(|| PathBuf::from("data")),
            admins: admins(args.admins.or_else(|| environment("SYMBOT_ADMINS")))?,
            web,
            handler_timeout: Duration::from_secs(handler_timeout),
            workers,
            http_allow: listed(environment("SYMBOT_HTTP_ALLOW")),
            secrets: secrets()?,
            worker_program: None,
        })
    }
}

impl FlowSettings {
    /// From flags; `TF_VAR_*` is read from the environment.
    ///
    /// # Errors
    /// A `--var` without `=`.
    pub fn new(dirs: Vec<PathBuf>, values: &ValueArgs) -> Result<Self, ConfigError> {
        Ok(Self {
            dirs,
            assignments: values.assignments()?,
            env_vars: terraform_variables(),
            watch: false,
        })
    }
}

impl FlowSettings {
    /// As the loader takes them.
    #[must_use]
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            dirs: self.dirs.clone(),
            assignments: self.assignments.clone(),
            env_vars: self.env_vars.clone(),
        }
    }
}

/// What stands between commas.
fn listed(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect()
}

/// E-mail addresses and Slack user ids; anything else would name nobody, and say nothing about it.
fn admins(text: Option<String>) -> Result<Vec<String>, ConfigError> {
    let admins = listed(text);
    match admins.iter().find(|entry| !may_name_a_person(entry)) {
        None => Ok(admins),
        Some(entry) => Err(ConfigError::new(
            format!(
                "--admins (SYMBOT_ADMINS): \"{entry}\" is neither an e-mail address nor a Slack user id"
            ),
            "write alice@example.com or U012ABCDEF (in Slack: profile, three dots, Copy member ID), with commas between",
        )),
    }
}

fn may_name_a_person(entry: &str) -> bool {
    let is_email = entry
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !entry.contains(|letter: char| letter.is_whitespace() || "<>".contains(letter));
    is_email || entry.len() > 1 && may_be_id(entry, &['U', 'W'])
}

/// Cores of this machine.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

#[allow(clippy::disallowed_methods)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `TF_VAR_name=value` of the environment, sorted by name.
fn terraform_variables() -> Vec<(String, String)> {
    variables_with("TF_VAR_")
}

/// Variables whose names begin with `prefix`, without it, sorted by name.
#[allow(clippy::disallowed_methods)]
fn variables_with(prefix: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(prefix)?.to_owned();
            Some((name, value.to_str()?.to_owned()))
        })
        .collect();
    found.sort();
    found
}

/// `SYMBOT_SECRETS_DIR` and `SYMBOT_SECRET_…`.
fn secrets() -> Result<Secrets, ConfigError> {
    let dir = environment("SYMBOT_SECRETS_DIR").map(PathBuf::from);
    if let Some(dir) = &dir
        && !dir.is_dir()
    {
        return Err(ConfigError::new(
            format!("SYMBOT_SECRETS_DIR: {} is no directory", dir.display()),
            "give a directory of files with secrets, or leave it unset",
        ));
    }
    let variables = variables_with(VARIABLE_PREFIX)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, Secret::new(value)));
    Ok(Secrets::new(dir, variables))
}

/// `SYMBOT_LOG`, for the tracing filter.
#[must_use]
pub fn log_filter() -> Option<String> {
    environment("SYMBOT_LOG")
}

/// Whether a graphical session is there in which a browser could open.
#[must_use]
pub fn has_display() -> bool {
    cfg!(target_os = "macos")
        || environment("DISPLAY").is_some()
        || environment("WAYLAND_DISPLAY").is_some()
}

fn number(
    name: &str,
    text: Option<String>,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<u64>() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => Err(ConfigError::new(
            format!("{name} is \"{text}\""),
            format!(
                "give a whole number from {} to {}",
                range.start(),
                range.end()
            ),
        )),
    }
}

fn token(name: &str, prefix: &str, what: &str) -> Result<Secret, ConfigError> {
    let file_name = format!("{name}_FILE");
    let value = match (environment(name), environment(&file_name)) {
        (Some(value), _) => value,
        (None, Some(path)) => read_secret_file(&file_name, Path::new(&path))?,
        (None, None) => {
            return Err(ConfigError::new(
                format!("{name} is not set"),
                format!(
                    "set {name} (or {file_name}) to {what}, which starts with {prefix}; see the README, \"Connect it to your Slack\""
                ),
            ));
        }
    };
    let value = value.trim().to_owned();
    if !value.starts_with(prefix)
        || value.len() == prefix.len()
        || value.contains(char::is_whitespace)
    {
        return Err(ConfigError::new(
            format!("{name} does not look like {what}"),
            format!("it must start with {prefix} and be one word; were the two tokens swapped?"),
        ));
    }
    Ok(Secret::new(value))
}

fn read_secret_file(name: &str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(
            format!("{name}: cannot read {}: {error}", path.display()),
            "give the path of a file that holds the token and that the bot may read",
        )
    })
}

fn api_url(value: Option<String>) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let trimmed = value.trim().trim_end_matches('/').to_owned();
    match url::Url::parse(&trimmed) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => {
            Ok(Some(trimmed))
        }
        _ => Err(ConfigError::new(
            format!("SLACK_API_URL is \"{value}\", which is no http or https address"),
            "give a base such as http://127.0.0.1:4999/api, or leave it unset for Slack itself",
        )),
    }
}

/// Where the web app can listen: an IP address or `localhost`, with a port.
fn is_address(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok()
        || text
            .strip_prefix("localhost:")
            .is_some_and(|port| port.parse::<u16>().is_ok())
}

fn web_url(value: &str) -> Result<String, ConfigError> {
    let trimmed = value.trim().trim_end_matches('/').to_owned();
    match url::Url::parse(&trimmed) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => {
            WebConfig::new(url).map(|_| trimmed).map_err(|error| {
                ConfigError::new(format!("--web-url (SYMBOT_WEB_URL): {error}"), "")
            })
        }
        _ => Err(ConfigError::new(
            format!("--web-url (SYMBOT_WEB_URL) is \"{value}\", which is no http or https address"),
            "give the address under which people reach the web app, such as https://symbot.example.com",
        )),
    }
}
