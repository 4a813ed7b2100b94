//! Whether Slack could be asked during a handler call. A call that failed because Slack did not answer says nothing about the code.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::Outside;
use crate::policy::types::{FailureKind, HandlerFailure};
use crate::slack::api::ApiError;

/// A look-up that has been under way for this long when its handler is stopped was Slack's slowness: one takes a fraction of a second.
const HANGING: Duration = Duration::from_secs(5);

/// Host calls that ask Slack for one thing. Long lists may take long for other reasons.
const SINGLE: [&str; 6] = [
    "users.by_email",
    "users.by_slack_id",
    "slack.get_user_info",
    "slack.is_user_in_group",
    "slack.send_message",
    "slack.send_thread_message",
];

/// What has been seen of Slack during one handler call.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Why something could not be had for now.
    why: Option<String>,
    /// What Slack is being asked, and since when.
    asking: Option<(String, Instant)>,
    /// Something was sent that a repetition would send again.
    sent: bool,
    /// Something was not tried to the end because the bot is about to end.
    cut_short: bool,
}

impl Reach {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host call begins. It may be given up half-way.
    pub(super) fn begins(&self, name: &str) {
        if SINGLE.contains(&name) {
            self.lock().asking = Some((name.to_owned(), Instant::now()));
        }
    }

    /// A host call has ended.
    pub(super) fn ended(&self, sent: bool) {
        let mut seen = self.lock();
        seen.asking = None;
        seen.sent |= sent;
    }

    /// Slack was asked and did not give an answer.
    pub(super) fn failed(&self, outside: &Outside, error: &ApiError) {
        if error.permanent() {
            return;
        }
        if let ApiError::RateLimited { retry_after, .. } = error {
            outside.keep_quiet(*retry_after);
        }
        self.lock().why = Some(error.to_string());
    }

    /// A call was not repeated, because the bot is about to end.
    pub(super) fn cut_short(&self) {
        let mut seen = self.lock();
        seen.cut_short = true;
        seen.why = Some("symbot is about to end".to_owned());
    }

    /// What a failure of the handlers is taken for. Where something was sent already it stays a failure: asked again, the code would
    /// send it again and again. When the bot ends it is asked again all the same, once, as after a crash.
    pub(super) fn judge(&self, failure: HandlerFailure) -> HandlerFailure {
        self.judge_at(failure, Instant::now())
    }

    fn judge_at(&self, failure: HandlerFailure, now: Instant) -> HandlerFailure {
        let seen = self.lock();
        if (seen.sent && !seen.cut_short)
            || !matches!(failure.kind, FailureKind::Exception | FailureKind::Timeout)
        {
            return failure;
        }
        let hangs = seen.asking.as_ref();
        let hangs = hangs.filter(|(_, since)| now.saturating_duration_since(*since) >= HANGING);
        let hangs = hangs.map(|(name, _)| format!("{name} had no answer"));
        match seen.why.clone().or(hangs) {
            Some(why) => HandlerFailure {
                kind: FailureKind::Unreachable,
                message: format!("{} (Slack did not answer: {why})", failure.message),
                ..failure
            },
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_is_stopped_while_slack_hangs_is_not_to_blame() {
        let judged = |reach: &Reach, kind, after| {
            let failure = HandlerFailure::new(kind, "stopped".to_owned());
            reach.judge_at(failure, Instant::now() + after).kind
        };
        let (timeout, died) = (FailureKind::Timeout, FailureKind::Died);
        let reach = Reach::default();
        reach.begins("users.by_email");
        assert_eq!(judged(&reach, timeout, Duration::ZERO), timeout);
        assert_eq!(judged(&reach, timeout, HANGING), FailureKind::Unreachable);
        assert_eq!(judged(&reach, died, HANGING), died);
        // A look-up that came back does not hang, and a list may take long.
        reach.ended(false);
        assert_eq!(judged(&reach, timeout, HANGING), timeout);
        reach.begins("slack.list_users");
        assert_eq!(judged(&reach, timeout, HANGING), timeout);
        // Ended by the bot's own end, it goes on at the next start, whatever it had sent.
        reach.ended(true);
        reach.cut_short();
        let ended = judged(&reach, FailureKind::Exception, Duration::ZERO);
        assert_eq!(ended, FailureKind::Unreachable);
    }
}
