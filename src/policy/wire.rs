//! Frames between the bot and a worker: four bytes of length (little endian), then that many bytes of JSON.
//!
//! The worker is not trusted: its frames have a size limit, and anything that is not a [`FromWorker`] ends it. Used by
//! [`super::pool`] (tokio) and [`super::worker`] (blocking).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::types::{HandlerFailure, HostError, Inspection};

/// Largest frame in either direction: a source of [`SOURCE_MAX_BYTES`] with escapes, or a large answer of Slack.
pub const FRAME_MAX_BYTES: usize = 4 << 20;
/// Largest implementation file. Compiling needs stack in proportion to nesting, see [`super::worker`].
pub const SOURCE_MAX_BYTES: usize = 256 << 10;
/// Largest result of one call, all handlers together, as JSON.
pub const RESULT_MAX_BYTES: usize = 256 << 10;

/// What the bot sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToWorker {
    Call(CallRequest),
    Inspect {
        file: String,
        source: String,
    },
    Script(ScriptRequest),
    /// The answer of a host call, and what time it is.
    Answer {
        value: Value,
        now_ns: u64,
    },
    /// The exception that a host call raises, and what time it is.
    Raise {
        error: HostError,
        now_ns: u64,
    },
}

/// A handler call.
#[derive(Debug, Serialize, Deserialize)]
pub struct CallRequest {
    pub file: String,
    pub source: std::sync::Arc<str>,
    pub handlers: Vec<String>,
    /// An [`super::types::EventInput`].
    pub input: Value,
    /// Randomness of the call.
    pub seed: String,
    /// The time at its start, in nanoseconds since 1970.
    pub now_ns: u64,
    /// Whether `time.sleep` only moves the clock, as in a replay.
    pub hurry: bool,
    /// Time for each handler, in milliseconds. The bot keeps it; the worker says where it is shortly before.
    pub deadline_ms: u64,
}

/// A [`ToWorker::Call`] as the bot writes it, without a copy of what is in it.
#[derive(Debug, Serialize)]
pub struct CallFrame<'a> {
    /// `call`.
    pub t: &'static str,
    pub file: &'a str,
    pub source: &'a str,
    pub handlers: &'a [String],
    pub input: &'a super::types::EventInput,
    pub seed: &'a str,
    pub now_ns: u64,
    pub hurry: bool,
    pub deadline_ms: u64,
}

/// `symbot python`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScriptRequest {
    pub file: String,
    pub source: String,
    pub arguments: Vec<String>,
    /// Further modules: name, file, source, whether it is a package.
    pub modules: Vec<ModuleSource>,
    /// Whether to run the tests in the file rather than the file as a script.
    #[serde(default)]
    pub tests: bool,
}

/// A pure Python module handed to a script.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleSource {
    pub name: String,
    pub file: String,
    pub source: String,
    pub package: bool,
}

/// What a worker sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromWorker {
    /// Warm, jailed, waiting for work. `weakened` names the parts of the jail that this system does not have.
    Ready { weakened: Vec<String> },
    /// A host call.
    Host { name: String, arguments: Value },
    /// This handler begins. Said only when the call has gone on for a while: the handler's time begins anew.
    Begins { name: String },
    /// The call will be late. Not an answer.
    Where(Place),
    /// Handlers are done.
    Called(CallReply),
    /// An inspection is done.
    Inspected(Inspection),
    /// Output of a script, as it comes.
    Output { text: String, error: bool },
    /// A script has ended.
    Ended { code: i32 },
    /// The state is as after the start: more work is welcome.
    Idle,
    /// The worker wants to be replaced, for this reason.
    Retire { reason: String },
}

/// Results by handler, in order, or the failure of the whole call.
#[derive(Debug, Serialize, Deserialize)]
pub struct CallReply {
    #[serde(default)]
    pub results: Vec<(String, Value)>,
    #[serde(default)]
    pub failure: Option<ReplyFailure>,
    #[serde(default)]
    pub printed: String,
    #[serde(default)]
    pub own: OwnTime,
}

/// Where a call is that takes long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `None` while the file itself is run.
    pub handler: Option<String>,
    /// Line of the file; `None` where native code runs.
    pub line: Option<u32>,
    /// What was printed so far, as far as that is known.
    pub printed: String,
}

/// How long the code of the file itself took in a call, in nanoseconds; the rest of a call is the bot's and the worker's.
/// What the host takes to answer counts as time of the handlers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTime {
    /// Running the file from top to bottom.
    pub module_ns: u64,
    /// The handlers that were asked for, all together.
    pub handlers_ns: u64,
}

/// A [`HandlerFailure`] without the printed text.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplyFailure {
    pub kind: super::types::FailureKind,
    pub handler: Option<String>,
    pub exception: Option<String>,
    pub message: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub traceback: Option<String>,
}

impl ReplyFailure {
    /// The failure as the engine sees it.
    #[must_use]
    pub fn with_printed(self, printed: String) -> HandlerFailure {
        HandlerFailure {
            kind: self.kind,
            handler: self.handler,
            exception: self.exception,
            message: self.message,
            file: self.file,
            line: self.line,
            traceback: self.traceback,
            printed,
        }
    }
}

/// A frame of this message.
///
/// # Errors
/// When it is larger than [`FRAME_MAX_BYTES`].
pub fn frame<T: Serialize>(message: &T) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(|error| error.to_string())?;
    let size = bytes.len() - 4;
    if size > FRAME_MAX_BYTES {
        return Err(format!(
            "a message of {size} bytes is larger than {FRAME_MAX_BYTES}"
        ));
    }
    let length = u32::try_from(size).map_err(|error| error.to_string())?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// The size of the frame that starts with these four bytes.
///
/// # Errors
/// When it is larger than [`FRAME_MAX_BYTES`].
pub fn size_of_frame(header: [u8; 4]) -> Result<usize, String> {
    let size = u32::from_le_bytes(header) as usize;
    if size > FRAME_MAX_BYTES {
        return Err(format!("a message of {size} bytes was announced"));
    }
    Ok(size)
}

/// The next message of a worker.
///
/// # Errors
/// When there is none any more, and when it is not one.
pub async fn read<R: AsyncRead + Unpin>(input: &mut R) -> Result<FromWorker, String> {
    let mut header = [0; 4];
    input
        .read_exact(&mut header)
        .await
        .map_err(|_| "the worker ended".to_owned())?;
    let mut body = vec![0; size_of_frame(header)?];
    input
        .read_exact(&mut body)
        .await
        .map_err(|_| "the worker ended within a message".to_owned())?;
    serde_json::from_slice(&body).map_err(|error| format!("the worker spoke nonsense: {error}"))
}

/// The next message of the bot; `None` at the end of input.
///
/// # Errors
/// When it is not one.
pub fn read_blocking<R: std::io::Read>(input: &mut R) -> Result<Option<ToWorker>, String> {
    let mut header = [0; 4];
    if let Err(error) = input.read_exact(&mut header) {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error.to_string()),
        };
    }
    let mut body = vec![0; size_of_frame(header)?];
    input
        .read_exact(&mut body)
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| format!("not understood: {error}"))
}
