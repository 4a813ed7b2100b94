//! Where a call is that takes long: which handler, which line of the file, what was printed so far. For the message about a
//! handler that is stopped at its deadline, which otherwise could name nothing.
//!
//! Two threads meet here. The one with the interpreter notes which handler begins, and where the code waits for the host or
//! sleeps. The main thread of the worker looks every half a second ([`look`]); shortly before a deadline it tells the
//! bot what was noted, and asks the interpreter to look for itself at its next instruction. The interpreter only looks:
//! nothing is raised, no Python runs, and code cannot notice. Where native code runs (a pattern, a sum) there is no next
//! instruction, and the handler alone is known.

use std::cell::RefCell;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustpython_vm::VirtualMachine;
use rustpython_vm::builtins::{PyListRef, PyStr};
use rustpython_vm::signal::UserSignalSender;
use tokio::time::Instant;

use super::wire::{FromWorker, Place};
use super::worker::say;

/// Handlers that begin sooner after the start of their call are not announced: nothing of their time is gone. A usual call ends
/// long before.
const ANNOUNCED_AFTER: Duration = Duration::from_millis(50);
/// The bot is told where a handler is when this part of its time is left, at most [`LEFT_MAX`].
const LEFT_PART: u32 = 5;
const LEFT_MAX: Duration = Duration::from_secs(1);
/// As the SDK cuts what is printed.
const PRINTED_MAX_CHARACTERS: usize = 16_384;
/// Frames to look through for one of the file; Python's limit of recursion.
const FRAMES_MAX: usize = 1_000;

/// The call that runs.
struct Running {
    number: u64,
    began: Instant,
    /// When the time of the handler began that is running.
    since: Instant,
    limit: Duration,
    handler: Option<String>,
    /// Where the code waits; `None` while it runs.
    pause: Option<Place>,
    told: bool,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);
static INTERPRETER: OnceLock<UserSignalSender> = OnceLock::new();

thread_local! {
    static CALL: RefCell<Call> = const { RefCell::new(Call { number: 0, file: String::new(), printed: None }) };
}

/// What only the interpreter's thread may touch.
struct Call {
    number: u64,
    file: String,
    printed: Option<PyListRef>,
}

fn running<R>(body: impl FnOnce(&mut Option<Running>) -> R) -> R {
    body(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Sets the way to the interpreter.
pub(super) fn connect(interpreter: UserSignalSender) {
    let _ = INTERPRETER.set(interpreter);
}

/// A call begins.
pub(super) fn begin(file: &str, limit: Duration) {
    let number = CALL.with_borrow_mut(|call| {
        call.number += 1;
        file.clone_into(&mut call.file);
        call.number
    });
    let now = Instant::now();
    running(|slot| {
        *slot = Some(Running {
            number,
            began: now,
            since: now,
            limit,
            handler: None,
            pause: None,
            told: false,
        });
    });
}

/// The call has ended: nothing is told of it any more. To be called before its answer is sent.
pub(super) fn end() {
    running(|slot| *slot = None);
    CALL.with_borrow_mut(|call| call.printed = None);
}

/// What is printed goes into this list.
pub(super) fn prints_to(parts: PyListRef) {
    // Only while a call runs, which puts it away again.
    if running(|slot| slot.is_some()) {
        CALL.with_borrow_mut(|call| call.printed = Some(parts));
    }
}

/// A handler begins. The bot is told when the call has gone on for a while.
pub(super) fn handler(name: &str) {
    let announce = running(|slot| {
        let running = slot.as_mut()?;
        running.handler = Some(name.to_owned());
        running.pause = None;
        let now = Instant::now();
        if now - running.began < ANNOUNCED_AFTER {
            return None;
        }
        running.since = now;
        running.told = false;
        Some(())
    });
    if announce.is_some() {
        let _ = say(&FromWorker::Begins {
            name: name.to_owned(),
        });
    }
}

/// The code waits for the host, or sleeps.
pub(super) fn pauses(vm: &VirtualMachine) {
    let (line, printed) = seen(vm);
    running(|slot| {
        if let Some(running) = slot {
            running.pause = Some(Place {
                handler: None,
                line,
                printed,
            });
        }
    });
}

/// It goes on.
pub(super) fn goes_on() {
    running(|slot| {
        if let Some(running) = slot {
            running.pause = None;
        }
    });
}

/// Tells the bot where the call is if it will soon be late. The time until it is worth looking again; called by the main thread.
pub(super) fn look() -> Option<Duration> {
    running(|slot| {
        let running = slot.as_mut().filter(|running| !running.told)?;
        let left = (running.limit / LEFT_PART).min(LEFT_MAX);
        let due = running.since + running.limit.saturating_sub(left);
        let now = Instant::now();
        if now < due {
            return Some(due - now);
        }
        running.told = true;
        // Under the lock: what is said of a call is said before its answer.
        let _ = say(&FromWorker::Where(Place {
            handler: running.handler.clone(),
            ..running.pause.clone().unwrap_or_default()
        }));
        let (number, since) = (running.number, running.since);
        if let Some(interpreter) = INTERPRETER.get() {
            let _ = interpreter.send(Box::new(move |vm| {
                tell(number, since, vm);
                Ok(())
            }));
        }
        None
    })
}

/// The interpreter says where it is, if it still runs what it was asked about.
fn tell(number: u64, since: Instant, vm: &VirtualMachine) {
    let handler = running(|slot| {
        let running = slot.as_ref()?;
        (running.number == number && running.since == since).then(|| running.handler.clone())
    });
    if let Some(handler) = handler {
        let (line, printed) = seen(vm);
        let _ = say(&FromWorker::Where(Place {
            handler,
            line,
            printed,
        }));
    }
}

/// The line of the file that is running, and what was printed.
fn seen(vm: &VirtualMachine) -> (Option<u32>, String) {
    CALL.with_borrow(|call| (line_of(&call.file, vm), printed(call)))
}

fn line_of(file: &str, vm: &VirtualMachine) -> Option<u32> {
    let mut frame = vm.current_frame();
    for _ in 0..FRAMES_MAX {
        let at = frame?;
        let code = at.f_code();
        if code.source_path().as_str() == file {
            // Some instructions, such as those at the end of an `except`, stand in no line: then the function's has to do.
            let line = u32::try_from(at.lineno()).ok().filter(|line| *line > 0);
            let first = || u32::try_from(code.first_line_number?.get()).ok();
            return line.or_else(first);
        }
        frame = at.f_back(vm);
    }
    None
}

fn printed(call: &Call) -> String {
    let Some(parts) = &call.printed else {
        return String::new();
    };
    let mut text = String::new();
    for part in parts.borrow_vec().iter() {
        if let Some(part) = part.downcast_ref::<PyStr>() {
            text.push_str(&part.to_string_lossy());
        }
        // A character has at most four bytes; code can put anything into the list.
        if text.len() > PRINTED_MAX_CHARACTERS * 4 {
            break;
        }
    }
    if let Some((end, _)) = text.char_indices().nth(PRINTED_MAX_CHARACTERS) {
        text.truncate(end);
    }
    text
}
