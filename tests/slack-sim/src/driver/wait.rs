//! Waiting for the world to become as expected, and saying what it looks like when it does not.

use std::fmt;

use futures_util::future;

use super::SlackSim;
use crate::lock;
use crate::render;
use crate::world::World;

/// How much of a conversation and of the log a failure shows.
const MESSAGES_SHOWN: usize = 8;
const CALLS_SHOWN: usize = 12;

/// An expectation that was not met. Prints what was awaited and what was to be seen.
pub struct DriverError {
    awaited: String,
    seen: String,
}

impl DriverError {
    pub(crate) fn new(awaited: &str, seen: &str) -> DriverError {
        DriverError {
            awaited: awaited.to_owned(),
            seen: seen.to_owned(),
        }
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}\n{}", self.awaited, self.seen)
    }
}

/// As `Display`: tests that end with `?` print this.
impl fmt::Debug for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for DriverError {}

impl SlackSim {
    /// Waits until `check` finds something in the world. `keys` are the channels and people whose changes matter.
    pub(super) async fn wait_for<T>(
        &self,
        keys: &[String],
        what: &str,
        mut check: impl FnMut(&World) -> Option<T>,
    ) -> Result<T, DriverError> {
        let listened: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.wait_on(&listened, what, keys, || {
            self.workspace().with(|w| check(w))
        })
        .await
    }

    pub(super) async fn wait_on<T>(
        &self,
        signals: &[&str],
        what: &str,
        shown: &[String],
        mut check: impl FnMut() -> Option<T>,
    ) -> Result<T, DriverError> {
        let mut changes: Vec<_> = signals
            .iter()
            .map(|key| self.workspace().0.signals.listen(key))
            .collect();
        let deadline = tokio::time::Instant::now() + self.0.deadline;
        loop {
            for change in &mut changes {
                change.mark_unchanged();
            }
            if let Some(found) = check() {
                return Ok(found);
            }
            let any = future::select_all(changes.iter_mut().map(|c| Box::pin(c.changed())));
            if tokio::time::timeout_at(deadline, any).await.is_err() {
                // A last look: the change may have come with the deadline.
                return check().ok_or_else(|| {
                    self.failure(&format!("{what} within {:?}", self.0.deadline), shown)
                });
            }
        }
    }

    /// An unmet expectation with a picture of these people and channels.
    pub(super) fn failure(&self, awaited: &str, keys: &[String]) -> DriverError {
        let mut out = String::new();
        self.workspace().with(|w| {
            for key in keys {
                if let Some(person) = w.person(key) {
                    out.push_str(&format!("--- what {} sees ---\n", person.name));
                    dump_person(w, key, &mut out);
                } else if let Some(channel) = w.channel(key) {
                    let name = if channel.name.is_empty() {
                        "direct message"
                    } else {
                        &channel.name
                    };
                    out.push_str(&format!("--- last messages in {name} ({key}) ---\n"));
                    let messages: Vec<_> = channel
                        .messages
                        .values()
                        .rev()
                        .take(MESSAGES_SHOWN)
                        .collect();
                    for message in messages.into_iter().rev() {
                        let who = render::user_name(w, &message.user);
                        out.push_str(&format!(
                            "{who}: {}\n",
                            render::message(w, message).replace('\n', "\n    ")
                        ));
                    }
                }
            }
        });
        let log = lock(&self.workspace().0.log);
        out.push_str("--- last calls ---\n");
        for call in log
            .calls
            .iter()
            .skip(log.calls.len().saturating_sub(CALLS_SHOWN))
        {
            let result = call.error.as_deref().unwrap_or("ok");
            let args: String = call.args.to_string().chars().take(160).collect();
            out.push_str(&format!("{} → {result} {args}\n", call.method));
        }
        for violation in log.violations.iter().take(CALLS_SHOWN) {
            out.push_str(&format!("violation: {violation}\n"));
        }
        out.push_str(&format!("connections: {}", self.workspace().connections()));
        DriverError::new(awaited, &out)
    }
}

fn dump_person(w: &World, id: &str, out: &mut String) {
    match w.open_view(id) {
        Some(view) => out.push_str(&format!("{}\n", render::view(w, view))),
        None => out.push_str("(no dialog open)\n"),
    }
    for message in w.ephemerals(id).iter().rev().take(MESSAGES_SHOWN) {
        out.push_str(&format!("only for them: {}\n", render::message(w, message)));
    }
    for toast in w.toasts(id) {
        out.push_str(&format!("Slack says: {}\n", toast.text));
    }
}
