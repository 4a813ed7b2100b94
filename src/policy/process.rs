//! One worker process as the bot sees it: start, frames, death.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::pool::PoolConfig;
use super::wire::{self, FromWorker, ToWorker};

/// Last words of a worker that are kept for the log (a panic message, an abort of the allocator).
const LAST_WORDS_MAX_BYTES: usize = 2_000;
/// A killed process is reaped within milliseconds; longer means that the kernel is busy with it.
const REAP_TIMEOUT: Duration = Duration::from_secs(2);

/// The lowest precedence. It cannot be raised again without privileges, so the worker is replaced after the call.
const NICE: i32 = 19;

/// A running worker.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_words: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts a worker and waits until it is warm. Returns the parts of the jail that this system lacks.
    pub(super) async fn start(config: &PoolConfig) -> Result<(Self, Vec<String>), String> {
        let mut command = Command::new(&config.program);
        command
            .args(&config.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own: its precedence is that of all its threads.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", config.program.display()))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("a worker has no pipes".to_owned());
        };
        let last_words = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(keep_last_words(errors, Arc::clone(&last_words)));
        let mut process = Self {
            child,
            input,
            output: BufReader::new(output),
            last_words,
        };
        match process.receive().await {
            Ok(FromWorker::Ready { weakened }) => Ok((process, weakened)),
            Ok(_) => Err("a worker did not say that it is ready".to_owned()),
            Err(error) => Err(format!("{error}; {}", process.end().await)),
        }
    }

    pub(super) async fn send(&mut self, message: &ToWorker) -> Result<(), String> {
        self.send_frame(&wire::frame(message)?).await
    }

    /// Sends what [`wire::frame`] has made.
    pub(super) async fn send_frame(&mut self, frame: &[u8]) -> Result<(), String> {
        self.input
            .write_all(frame)
            .await
            .map_err(|error| error.to_string())
    }

    pub(super) async fn receive(&mut self) -> Result<FromWorker, String> {
        wire::read(&mut self.output).await
    }

    /// Whether the process is gone without having been told to.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills the process if it still runs, waits for it, and says how it ended.
    pub(super) async fn end(mut self) -> String {
        let status = match self.child.try_wait() {
            Ok(Some(status)) => Some(status),
            _ => {
                // A process that is ending by itself has closed its pipes a moment before it can be waited for.
                let own = tokio::time::timeout(Duration::from_millis(50), self.child.wait()).await;
                match own {
                    Ok(status) => status.ok(),
                    Err(_) => {
                        self.kill().await;
                        None
                    }
                }
            }
        };
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let words = String::from_utf8_lossy(&words);
        match (status, words.trim()) {
            (None, _) => "it was stopped".to_owned(),
            (Some(status), "") => ending(status),
            (Some(status), words) => format!("{} ({words})", ending(status)),
        }
    }

    /// SIGKILL, and wait.
    pub(super) async fn kill(&mut self) {
        let _ = self.child.start_kill();
        let _ = tokio::time::timeout(REAP_TIMEOUT, self.child.wait()).await;
    }

    /// The process id, for tests and metrics.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Gives a process group the lowest precedence; whether that worked.
#[cfg(unix)]
pub(super) fn lower(group: u32) -> bool {
    use rustix::process::{Pid, setpriority_pgrp};
    let group = i32::try_from(group).ok().and_then(Pid::from_raw);
    // None would be the bot's own group.
    group.is_some_and(|group| setpriority_pgrp(Some(group), NICE).is_ok())
}

#[cfg(not(unix))]
pub(super) fn lower(_: u32) -> bool {
    false
}

fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            let name = match signal {
                4 => "SIGILL",
                6 => "SIGABRT",
                7 => "SIGBUS",
                9 => "SIGKILL",
                11 => "SIGSEGV",
                24 => "SIGXCPU",
                _ => "a signal",
            };
            return format!("it ended by {name} ({signal})");
        }
    }
    format!("it ended with {status}")
}

async fn keep_last_words(mut errors: tokio::process::ChildStderr, last_words: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 512];
    while let Ok(size @ 1..) = errors.read(&mut chunk).await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let left = LAST_WORDS_MAX_BYTES.saturating_sub(words.len());
        words.extend_from_slice(&chunk[..size.min(left)]);
    }
}
