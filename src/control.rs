//! The control socket: how commands of the administrator on this machine reach a running bot, whose store is locked.
//!
//! ```text
//!  symbot explain, backup …  ──{"command":…,"arguments":…}\n──→  DATA/control.sock  ─→ Commands ─→ the running bot
//!                            ←─{"ok":…} or {"error":…}\n─────  and, where announced, a body in pieces
//! ```
//!
//! One request per connection. The socket has mode 0600 and belongs to whoever runs the bot; connections of other users but
//! root are closed unread, also where a file system does not look at the modes of sockets. A body is sent in pieces, each after
//! its length (4 bytes, little-endian): 0 ends it and is followed by a line of JSON with what there is to say of the whole,
//! [`FAILED`] is followed by a line with the reason. A body that ends without either is not whole, and the client says so.
//!
//! The bot opens it with [`Control::open`] once the store is its own, and closes it before the store is let go; what the
//! commands do is in [`crate::commands`]. The command line asks with [`ask`].

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[cfg(test)]
mod tests;

/// Name of the socket in the data directory.
pub const SOCKET_NAME: &str = "control.sock";
/// Largest request line.
const REQUEST_MAX_BYTES: u64 = 64 << 10;
/// Largest piece of a body that a client takes.
const PIECE_MAX_BYTES: usize = 4 << 20;
/// The length that announces a failure instead of a piece.
const FAILED: u32 = u32::MAX;
/// Time in which a request has to come after its connection.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// Time in which a command has to begin its answer, for clients.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// Time in which commands under way may end when the bot stops.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Time in which a client has to take a piece of a body: what the bot keeps for it meanwhile grows.
const PIECE_PATIENCE: Duration = Duration::from_secs(60);
/// Commands at a time; further ones wait.
const CONNECTIONS_MAX: usize = 8;
/// Longest path that the operating systems take for a socket is 104 to 108 bytes; room for the name of a temporary directory.
const PLAIN_PATH_MAX_BYTES: usize = 80;

/// Why a command cannot be carried out, for the person who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    pub message: String,
    /// What to do; may be empty.
    #[serde(default)]
    pub hint: String,
}

impl CommandError {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// What a command answers.
#[derive(Debug)]
pub enum Answer {
    Value(Value),
    /// A value, and a body that comes through the channel. It is whole only when [`Piece::End`] came.
    Body(Value, mpsc::Receiver<Piece>),
}

/// A part of a body.
#[derive(Debug)]
pub enum Piece {
    Bytes(Vec<u8>),
    Failed(CommandError),
    /// The body is whole; what there is to say of it.
    End(Value),
}

type Answering = Pin<Box<dyn Future<Output = Result<Answer, CommandError>> + Send>>;
type Handler = Box<dyn Fn(Value) -> Answering + Send + Sync>;

/// The commands that a bot knows.
#[derive(Default)]
pub struct Commands(BTreeMap<&'static str, Handler>);

impl Commands {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command; `handler` gets the arguments of the request.
    #[must_use]
    pub fn on<F, Fut>(mut self, name: &'static str, handler: F) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, CommandError>> + Send + 'static,
    {
        self.0.insert(
            name,
            Box::new(move |arguments| Box::pin(handler(arguments))),
        );
        self
    }

    async fn carry_out(&self, line: &[u8]) -> Result<Answer, CommandError> {
        #[derive(Deserialize)]
        struct Request {
            command: String,
            #[serde(default)]
            arguments: Value,
        }
        let request: Request = serde_json::from_slice(line).map_err(|error| {
            CommandError::new(format!("the request cannot be read: {error}"), VERSIONS)
        })?;
        let Some(handler) = self.0.get(request.command.as_str()) else {
            return Err(CommandError::new(
                format!("the running bot knows no command \"{}\"", request.command),
                VERSIONS,
            ));
        };
        handler(request.arguments).await
    }
}

/// What to do when bot and program do not understand each other.
pub const VERSIONS: &str =
    "the bot may be an older or newer version than this program: use the same for both";

/// An open control socket.
pub struct Control {
    path: PathBuf,
    /// Takes no more commands.
    stop: CancellationToken,
    /// Breaks off those under way.
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Control {
    /// Opens the socket of a data directory that this process has for itself, in place of one that a killed process left.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(data: &Path, commands: Commands) -> io::Result<Self> {
        let path = data.join(SOCKET_NAME);
        // Made where nobody else looks in, and moved to its place when its mode is right.
        let nursery = tempfile::Builder::new()
            .prefix(".control-")
            .tempdir_in(data)?;
        let born = nursery.path().join("s");
        let listener =
            Reachable::new(nursery.path(), "s")?.with(|path| UnixListener::bind(path))?;
        std::fs::set_permissions(&born, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&born, &path)?;
        drop(nursery);
        let control = Self {
            path,
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        control.tasks.spawn(accept(
            listener,
            Arc::new(commands),
            control.stop.clone(),
            control.end.clone(),
            control.tasks.clone(),
        ));
        Ok(control)
    }

    /// Takes no more commands, lets those under way end, and removes the socket.
    pub async fn close(self) {
        self.stop.cancel();
        // First, so that nobody meets a socket that does not answer.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the control socket could not be removed");
        }
        self.tasks.close();
        if tokio::time::timeout(CLOSE_PATIENCE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("a command over the control socket is broken off");
            self.end.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.cancel();
        self.end.cancel();
    }
}

/// Pause after connections could not be accepted, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept(
    listener: UnixListener,
    commands: Arc<Commands>,
    stop: CancellationToken,
    end: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if ours(&stream) => {
                let (commands, end) = (Arc::clone(&commands), end.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        served = serve(stream, &commands) => {
                            if let Err(error) = served {
                                tracing::debug!(%error, "a client of the control socket went away");
                            }
                        }
                        () = end.cancelled() => {}
                    }
                    drop(place);
                });
            }
            Ok(_) => tracing::warn!("another user's connection to the control socket was refused"),
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the other side is run by the same user, or by root.
fn ours(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw())
}

async fn serve(stream: UnixStream, commands: &Commands) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut request = BufReader::new(read.take(REQUEST_MAX_BYTES));
    let mut line = Vec::new();
    tokio::time::timeout(REQUEST_PATIENCE, request.read_until(b'\n', &mut line)).await??;
    let answer = if line.ends_with(b"\n") {
        commands.carry_out(&line).await
    } else {
        Err(CommandError::new(
            format!("the request does not end, or is larger than {REQUEST_MAX_BYTES} bytes"),
            "",
        ))
    };
    let (head, body) = match answer {
        Ok(Answer::Value(value)) => (json!({ "ok": value }), None),
        Ok(Answer::Body(value, pieces)) => (json!({ "ok": value, "body": true }), Some(pieces)),
        Err(error) => (json!({ "error": error }), None),
    };
    write.write_all(format!("{head}\n").as_bytes()).await?;
    if let Some(mut pieces) = body {
        send_body(&mut write, &mut pieces).await?;
    }
    write.shutdown().await
}

async fn send_body(
    write: &mut (impl AsyncWriteExt + Unpin),
    pieces: &mut mpsc::Receiver<Piece>,
) -> io::Result<()> {
    loop {
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => {
                for part in bytes.chunks(PIECE_MAX_BYTES) {
                    let length = u32::try_from(part.len()).map_err(io::Error::other)?;
                    let sending = async {
                        write.write_all(&length.to_le_bytes()).await?;
                        write.write_all(part).await
                    };
                    tokio::time::timeout(PIECE_PATIENCE, sending).await??;
                }
            }
            Some(Piece::End(said)) => {
                write.write_all(&0_u32.to_le_bytes()).await?;
                return write.write_all(format!("{said}\n").as_bytes()).await;
            }
            Some(Piece::Failed(error)) => {
                write.write_all(&FAILED.to_le_bytes()).await?;
                return write
                    .write_all(format!("{}\n", json!(error)).as_bytes())
                    .await;
            }
            // Whoever made it ended without a word; so does the connection, and the client takes nothing for whole.
            None => return Ok(()),
        }
    }
}

/// Why a running bot did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No bot runs on this data directory, or none that can be reached: the store may be opened.
    #[error("no bot runs on this data directory")]
    NotRunning,
    /// The bot's own words.
    #[error("{0}")]
    Refused(CommandError),
    #[error("the running bot cannot be asked: {0}")]
    Failed(String),
}

/// The answer of a running bot.
#[derive(Debug)]
pub struct Reply {
    pub value: Value,
    pub body: Option<Body>,
}

/// A body on its way.
#[derive(Debug)]
pub struct Body(BufReader<UnixStream>);

/// Asks the bot that runs on a data directory.
///
/// # Errors
/// When none runs, or it does not do it.
pub async fn ask(data: &Path, command: &str, arguments: Value) -> Result<Reply, AskError> {
    let failed = |error: io::Error| AskError::Failed(error.to_string());
    let reachable = match Reachable::new(data, SOCKET_NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AskError::NotRunning),
        reachable => reachable.map_err(failed)?,
    };
    let mut stream = match UnixStream::connect(&reachable.path).await {
        Ok(stream) => BufReader::new(stream),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(AskError::NotRunning);
        }
        Err(error) => return Err(failed(error)),
    };
    let request = json!({ "command": command, "arguments": arguments });
    stream
        .write_all(format!("{request}\n").as_bytes())
        .await
        .map_err(failed)?;
    let mut line = Vec::new();
    match tokio::time::timeout(ANSWER_PATIENCE, stream.read_until(b'\n', &mut line)).await {
        Ok(read) => read.map_err(failed)?,
        Err(_) => {
            return Err(AskError::Failed(format!(
                "no answer within {} s",
                ANSWER_PATIENCE.as_secs()
            )));
        }
    };
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        ok: Value,
        error: Option<CommandError>,
        #[serde(default)]
        body: bool,
    }
    if line.is_empty() {
        return Err(AskError::Failed("it ended without an answer".to_owned()));
    }
    let head: Head = serde_json::from_slice(&line)
        .map_err(|error| AskError::Failed(format!("its answer cannot be read: {error}")))?;
    match head.error {
        Some(error) => Err(AskError::Refused(error)),
        None => Ok(Reply {
            value: head.ok,
            body: head.body.then_some(Body(stream)),
        }),
    }
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Bytes(Vec<u8>),
    /// It is whole; what the bot says of it.
    End(Value),
}

impl Body {
    /// The next part; after the end there is none.
    ///
    /// # Errors
    /// When the bot failed half-way or is gone: what came so far is not to be used.
    pub async fn next(&mut self) -> Result<Part, AskError> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).await.map_err(half_way)?;
        match u32::from_le_bytes(length) {
            0 => Ok(Part::End(self.line().await?)),
            FAILED => Err(AskError::Refused(self.line().await?)),
            length => {
                let length = length as usize;
                if length > PIECE_MAX_BYTES {
                    return Err(AskError::Failed(format!(
                        "a piece of {length} bytes was announced"
                    )));
                }
                let mut bytes = vec![0; length];
                self.0.read_exact(&mut bytes).await.map_err(half_way)?;
                Ok(Part::Bytes(bytes))
            }
        }
    }

    async fn line<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, AskError> {
        let mut line = Vec::new();
        self.0
            .read_until(b'\n', &mut line)
            .await
            .map_err(half_way)?;
        serde_json::from_slice(&line).map_err(half_way)
    }
}

fn half_way(error: impl std::fmt::Display) -> AskError {
    AskError::Failed(format!("the answer ended half-way: {error}"))
}

/// A path to a socket that is short enough for the operating system. On Linux a long one goes through the descriptor of its
/// directory; elsewhere it stays as it is, and the operating system complains.
struct Reachable {
    path: PathBuf,
    _dir: Option<File>,
}

impl Reachable {
    fn new(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(name);
        if path.as_os_str().as_bytes().len() <= PLAIN_PATH_MAX_BYTES || !cfg!(target_os = "linux") {
            return Ok(Self { path, _dir: None });
        }
        let dir = File::open(dir)?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd())),
            _dir: Some(dir),
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        use_it(&self.path)
    }
}
