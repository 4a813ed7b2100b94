//! Starts the program and looks at it from outside: its log, its exit code, its probes, its processes, its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use slack_sim::{Form, Person, SlackSim};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest wait for anything that a bot does; far above what it takes, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How the program is started.
#[derive(Clone)]
pub struct Start {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// Text of one of the program's streams as far as it has come.
#[derive(Clone)]
struct Stream {
    text: Arc<Mutex<String>>,
    grown: watch::Receiver<usize>,
}

/// A running (or ended) program. Killed when dropped.
pub struct Program {
    child: Child,
    out: Stream,
    err: Stream,
    pub started: Instant,
}

/// A program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Start {
    /// `symbot` with these arguments and an empty environment.
    pub fn new(arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: BTreeMap::new(),
        }
    }

    /// `symbot NAME` with flags that take paths.
    pub fn command(name: &str, arguments: &[(&str, &Path)]) -> Self {
        arguments
            .iter()
            .fold(Self::new(&[name]), |start, (flag, path)| {
                start.argument(flag, &path.display().to_string())
            })
    }

    /// `symbot run` for this workspace, with one worker and a web app on a free port.
    pub fn run(slack: &SlackSim, flows: &Path, data: &Path) -> Self {
        Self::new(&["run", "--web", "127.0.0.1:0", "--workers", "1"])
            .argument("--flows", &flows.display().to_string())
            .argument("--data", &data.display().to_string())
            .env("SLACK_API_URL", &slack.api_url())
            .env("SLACK_BOT_TOKEN", &slack.bot_token())
            .env("SLACK_APP_TOKEN", &slack.app_token())
    }

    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Starts it in the repository's root.
    pub fn spawn(&self) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_symbot"))
            .args(&self.arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("symbot starts");
        let out = Stream::of(child.stdout.take().expect("piped"));
        let err = Stream::of(child.stderr.take().expect("piped"));
        Program {
            child,
            out,
            err,
            started: Instant::now(),
        }
    }

    /// Runs it to its end.
    pub async fn end(&self) -> Ended {
        self.spawn().ended().await
    }
}

impl Stream {
    fn of(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (grow, grown) = watch::channel(0);
        let kept = text.clone();
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            while let Ok(size @ 1..) = pipe.read_buf(&mut bytes).await {
                *kept.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
                grow.send_modify(|length| *length += size);
            }
        });
        Self { text, grown }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits until `find` finds something; `None` when the stream ends or patience does before that.
    async fn wait<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut grown = self.grown.clone();
        let waiting = async {
            loop {
                grown.mark_unchanged();
                if let Some(found) = find(&self.text()) {
                    return Some(found);
                }
                if grown.changed().await.is_err() {
                    return find(&self.text());
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.ok().flatten()
    }

    async fn whole(&self) -> String {
        let mut grown = self.grown.clone();
        let _ =
            tokio::time::timeout(PATIENCE, async { while grown.changed().await.is_ok() {} }).await;
        self.text()
    }
}

impl Program {
    pub fn id(&self) -> u32 {
        self.child.id().expect("the program runs")
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.err.text()
    }

    /// What was printed so far.
    pub fn printed(&self) -> String {
        self.out.text()
    }

    /// Waits until the log says `words`, and returns that line.
    pub async fn says(&self, words: &str) -> String {
        let line = |text: &str| whole_line(text, words);
        match self.err.wait(line).await {
            Some(line) => line,
            None => panic!("the log does not say {words:?}:\n{}", self.log()),
        }
    }

    /// Waits until `words` are printed, and returns that line.
    pub async fn prints(&self, words: &str) -> String {
        let line = |text: &str| whole_line(text, words);
        match self.out.wait(line).await {
            Some(line) => line,
            None => panic!(
                "{words:?} is not printed:\n{}\n{}",
                self.printed(),
                self.log()
            ),
        }
    }

    /// Waits until the bot says that it is ready; returns how long it says that it took.
    pub async fn ready(&self) -> Duration {
        let line = self.says("\"message\":\"ready\"").await;
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        Duration::from_millis(line["milliseconds"].as_u64().expect("a duration"))
    }

    /// Waits until the web app listens; returns its address.
    pub async fn web(&self) -> String {
        let line = self.says("the web app listens").await;
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        line["address"].as_str().expect("an address").to_owned()
    }

    /// SIGKILL, and waits.
    pub async fn kill(mut self) -> Ended {
        self.child.start_kill().expect("the program can be killed");
        self.ended().await
    }

    pub fn send(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal)
            .expect("the program gets the signal");
    }

    /// SIGTERM, and waits.
    pub async fn terminate(self) -> Ended {
        self.send(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> Ended {
        let waited = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(status) = waited else {
            panic!("the program does not end:\n{}", self.log());
        };
        Ended {
            status: status.expect("the program can be waited for"),
            out: self.out.whole().await,
            err: self.err.whole().await,
        }
    }

    /// Process ids of its children.
    pub fn children(&self) -> Vec<u32> {
        let parent = self.id();
        processes()
            .into_iter()
            .filter(|(_, of)| *of == parent)
            .map(|(id, _)| id)
            .collect()
    }
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails with everything the program said, unless it ended with this code.
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            Some(code),
            "{}\n{}\n{}",
            self.status,
            self.out,
            self.err
        );
        self
    }

    /// Fails with everything the program said, unless its log has these words.
    pub fn expect_words(&self, words: &str) -> &Self {
        assert!(
            self.err.contains(words),
            "the log does not say {words:?}:\n{}",
            self.err
        );
        self
    }
}

/// The first line with `words` in it that has come to its end.
fn whole_line(text: &str, words: &str) -> Option<String> {
    text.split_inclusive('\n')
        .find(|line| line.contains(words) && line.ends_with('\n'))
        .map(|line| line.trim_end().to_owned())
}

/// Process id → id of its parent, of everything that runs. Zombies do not, once all of their threads have ended.
pub fn processes() -> BTreeMap<u32, u32> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // After the name, which may contain anything: state, parent.
        let mut rest = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let (state, parent) = (rest.next(), rest.next().and_then(|word| word.parse().ok()));
        if let (Some(state), Some(parent)) = (state, parent)
            && (state != "Z" || threads(&entry.path()) > 1)
        {
            found.insert(id, parent);
        }
    }
    found
}

/// How many threads there are of the process with this folder in `/proc`.
fn threads(process: &Path) -> usize {
    std::fs::read_dir(process.join("task")).map_or(0, Iterator::count)
}

/// Waits until none of these processes runs any more.
pub async fn expect_gone(ids: &[u32], within: Duration) {
    let deadline = Instant::now() + within;
    loop {
        let running = processes();
        let left: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|id| running.contains_key(id))
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "processes {left:?} of {ids:?} still run after {within:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Status and body of a page.
pub async fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    Ok((status, body.to_owned()))
}

/// A directory with flows, each in a folder of its own.
pub struct Flows(tempfile::TempDir);

/// The label of the one field of flows made here.
pub const FIELD: &str = "Why?";

/// Ends of `impl.py`s that send to one channel and let every member decide.
pub const ORDINARY: &str = r##"
@reducer
def get_permissions(event):
    return RequestPermission(webapp_view=PermissionLevel.MEMBER, approve_deny=PermissionLevel.MEMBER, allow_self_approval=False)


@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel("#sym-requests")])]
"##;

const IMPORTS: &str = "from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import PermissionLevel, RequestPermission
";

impl Flows {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a flow with one text field; `code` follows the imports.
    pub fn with(self, name: &str, code: &str) -> Self {
        let terraform = format!(
            r#"resource "sym_flow" "this" {{
  name           = "{name}"
  label          = "{name}"
  implementation = file("${{path.module}}/impl.py")
  params {{
    prompt_field {{
      name     = "reason"
      label    = "{FIELD}"
      type     = "string"
      required = true
    }}
  }}
}}
"#
        );
        self.with_terraform(name, &terraform, code)
    }

    /// Adds a root module; `code` follows the imports.
    pub fn with_terraform(self, name: &str, terraform: &str, code: &str) -> Self {
        self.with_files(name, terraform, &format!("{IMPORTS}{code}"))
    }

    /// Adds a root module of these two files.
    pub fn with_files(self, name: &str, terraform: &str, code: &str) -> Self {
        let dir = self.path().join(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("main.tf"), terraform).expect("main.tf");
        std::fs::write(dir.join("impl.py"), code).expect("impl.py");
        self
    }
}

/// An empty place for data.
pub struct Data(tempfile::TempDir);

impl Data {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// All lines of the audit journal.
    pub fn audit(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path().join("audit"))
            .expect("a journal")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
            .iter()
            .flat_map(|file| {
                let text = std::fs::read_to_string(file).expect("a journal");
                text.lines()
                    .map(|line| serde_json::from_str(line).expect("a line of JSON"))
                    .collect::<Vec<Value>>()
            })
            .collect()
    }

    /// `symbot audit verify` has nothing to complain about.
    pub async fn expect_whole_journal(&self) {
        let verified = Start::new(&["audit", "verify"])
            .argument("--data", &self.path().display().to_string())
            .end()
            .await;
        verified.expect_code(0);
    }
}

/// The form of a flow, opened from #general.
pub async fn open_form(person: &Person, flow: &str) -> Result<Form, slack_sim::DriverError> {
    let place = person.in_channel("#general");
    let typed = place.types(&format!("/sym req {flow}")).await?;
    typed.modal().await
}

/// Opens the form of a flow made by [`Flows::with`] and submits it.
pub async fn ask(
    person: &Person,
    flow: &str,
    reason: &str,
) -> Result<Form, slack_sim::DriverError> {
    let form = open_form(person, flow).await?;
    form.fill(FIELD, reason).submit().await?;
    Ok(form)
}
