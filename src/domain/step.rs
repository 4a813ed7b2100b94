//! The life of a request as a function: `(run, event, now) → transition`.
//!
//! [`submit`] makes a run, [`step`] answers every event in every state; late and repeated events are answered
//! no-ops. Nothing is done here: what is to be done stands in [`Transition::effects`], and the engine commits it together
//! with the new state before doing any of it.
//!
//! ```text
//! submit ─→ Requested ──Routed──→ notification 0 ──timer or failure──→ notification 1 … ──last timer──→ Expired
//!               │                      └────────────── Attempted, permitted ──────────────→ Approved / Denied
//!               └──RoutingFailed──→ Errored
//! ```
//!
//! Events go through the flow's hooks where it has them (`hooks`); what they do then is in `notifying` and `deciding`.

mod deciding;
mod hooks;
mod notifying;

use uuid::Uuid;

pub use hooks::IGNORED_CODE;

use super::audit::{self, AuditRecord, Step};
use super::effect::{Effect, EffectId, Problem, Reply, StoredEffect, TimerChange};
use super::event::{Event, Submission};
use super::hook::{EventName, Fire, Firing, HookState, When, Work};
use super::person::PersonRef;
use super::run::{Delivery, HistoryEntry, Run, RunError, Status};
use super::time::Timestamp;

/// History lines kept with a run; refused clicks could otherwise grow it without end. The audit journal has them all.
pub const HISTORY_LINES_MAX: usize = 100;

/// Refused clicks that one run keeps in its history.
const REFUSALS_IN_HISTORY_MAX: usize = 40;

/// What an event changes and asks for.
#[derive(Debug, Clone)]
pub struct Transition {
    pub run: Run,
    pub effects: Vec<StoredEffect>,
    pub timers: Vec<TimerChange>,
    pub audit: Vec<AuditRecord>,
    /// For [`Event::Attempted`]: why it did not decide; `None` when it did.
    pub reply: Option<Reply>,
    /// Presses with a ticket that were answered by this.
    pub told: Vec<Told>,
}

/// What came of a press whose hooks were asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub ticket: Uuid,
    /// Why it did not decide; `None` when it did.
    pub reply: Option<Reply>,
}

/// Makes the run of a submitted form; the reducers are called next.
#[must_use]
pub fn submit(submission: Submission, now: Timestamp) -> Transition {
    let mut change = submitted(submission, now);
    let firing = change.request_firing();
    change.fire(firing);
    change.done(None)
}

/// Makes the run of a request whose form was not shown: `on_prompt` fired this event instead, after the events of `chain`.
#[must_use]
pub fn submit_fired(
    submission: Submission,
    chain: Vec<EventName>,
    fire: Fire,
    now: Timestamp,
) -> Transition {
    let mut change = submitted(submission, now);
    let firing = Firing {
        chain,
        ..change.request_firing()
    };
    change.replace(firing, fire);
    change.done(None)
}

fn submitted(submission: Submission, now: Timestamp) -> Change {
    let run = Run {
        id: submission.id,
        revision: 0,
        flow: submission.flow,
        status: Status::Requested,
        workspace: submission.workspace,
        requester: submission.requester,
        source: submission.source,
        created_at: now,
        fields: submission.fields,
        target: submission.target,
        duration_seconds: submission.duration_seconds,
        access_questions: submission.access_questions,
        permissions: None,
        notifications: Vec::new(),
        current: None,
        decision: None,
        closed_at: None,
        error: None,
        history: Vec::new(),
        effects_made: 0,
        context: submission.context,
        parent: submission.parent,
        hooks: HookState::default(),
        own_time: None,
    };
    let mut change = Change::new(run, now);
    let requester = change.run.requester.clone();
    let channel = change.run.source.kind;
    change.note(
        "request",
        Some(requester.clone()),
        format!("{} asked for {}.", requester.name, change.run.flow.label),
    );
    change.record(Step::ok("request", channel, Some(&requester)));
    change
}

/// Answers an event. `None` when nothing changes and nobody waits for an answer (a repeated or late event).
#[must_use]
pub fn step(run: &Run, event: Event, now: Timestamp) -> Option<Transition> {
    let mut change = Change::new(run.clone(), now);
    match event {
        Event::Routed(routing) => {
            if !awaits_routing(run) {
                return None;
            }
            change.routed(routing);
            Some(change.done(None))
        }
        Event::RoutingFailed { error } => {
            if !awaits_routing(run) {
                return None;
            }
            change.routing_failed(error);
            Some(change.done(None))
        }
        Event::Delivered {
            notification,
            destination,
            outcome,
        } => change
            .delivered(notification, destination, outcome)
            .then(|| change.done(None)),
        Event::TimerFired { notification } => {
            if !awaits_timer(run, notification) {
                return None;
            }
            change.timer_fired(notification);
            Some(change.done(None))
        }
        Event::Attempted(attempt) => {
            let reply = change.attempted(&attempt);
            Some(change.done(reply))
        }
        Event::GivenUp { what, reason } => {
            change.given_up(&what, &reason).then(|| change.done(None))
        }
        Event::Pressed(press) => {
            change.pressed(press);
            Some(change.done(None))
        }
        Event::Identified { number, who } => {
            change.identified(number, who).then(|| change.done(None))
        }
        Event::HookAnswered {
            number,
            answer,
            routing,
        } => change
            .hook_answered(number, answer, routing)
            .then(|| change.done(None)),
    }
}

/// Whether an answer of the reducers alone is expected: while `on_request` is asked, they are asked with it.
fn awaits_routing(run: &Run) -> bool {
    let with_hook = run
        .hooks
        .calls
        .iter()
        .any(|call| call.when == When::On && call.firing.work == Work::Request);
    run.status.is_open() && run.permissions.is_none() && !with_hook
}

/// Whether the time of this notification, or the request's own, runs.
fn awaits_timer(run: &Run, notification: usize) -> bool {
    if notification == run.own_timer() {
        return run.own_time_runs();
    }
    run.status.is_open()
        && run.current == Some(notification)
        && run.notifications.get(notification).is_some_and(|routed| {
            !routed.timer_used
                && routed.notification.timeout_seconds.is_some()
                && routed
                    .deliveries
                    .iter()
                    .any(|delivery| matches!(delivery, Delivery::Sent { .. }))
        })
}

/// A transition in the making.
struct Change {
    run: Run,
    now: Timestamp,
    effects: Vec<StoredEffect>,
    timers: Vec<TimerChange>,
    audit: Vec<AuditRecord>,
    told: Vec<Told>,
}

impl Change {
    fn new(run: Run, now: Timestamp) -> Self {
        Self {
            run,
            now,
            effects: Vec::new(),
            timers: Vec::new(),
            audit: Vec::new(),
            told: Vec::new(),
        }
    }

    fn done(mut self, reply: Option<Reply>) -> Transition {
        self.run.revision += 1;
        Transition {
            run: self.run,
            effects: self.effects,
            timers: self.timers,
            audit: self.audit,
            reply,
            told: self.told,
        }
    }

    fn ask(&mut self, effect: Effect) {
        self.run.effects_made += 1;
        let id = EffectId {
            run: self.run.id,
            number: self.run.effects_made,
        };
        self.effects.push(StoredEffect { id, effect });
    }

    /// Adds a line; when there are too many, the oldest of those that decide nothing make room.
    fn note(&mut self, event: &str, actor: Option<PersonRef>, text: String) {
        let history = &mut self.run.history;
        if history.len() >= HISTORY_LINES_MAX {
            let dispensable = |entry: &HistoryEntry| {
                matches!(
                    entry.event.as_str(),
                    "refused" | "ignored" | "notification" | "request_forward"
                )
            };
            let oldest = history.iter().position(dispensable).unwrap_or(1);
            history.remove(oldest);
        }
        history.push(HistoryEntry {
            at: self.now,
            event: event.to_owned(),
            actor,
            text,
        });
    }

    fn record(&mut self, step: Step<'_>) {
        let record = audit::record(&self.run, step, self.now, self.audit.len());
        self.audit.push(record);
    }

    /// Somebody could not be told, and never will be: administrators are, where they have a channel for that. Returns false
    /// where they do not; the log has it already.
    fn given_up(&mut self, what: &str, reason: &str) -> bool {
        if self.run.flow.error_logger.is_none() {
            return false;
        }
        let error = RunError {
            code: problem_code("TELL", self.run.id.as_u128(), self.run.revision),
            message: format!("{what}: {reason}"),
            ..RunError::default()
        };
        self.report_as(error, "messages", true, None);
        true
    }

    /// For administrators: the log, and the error logger where the environment has one.
    fn report_as(&mut self, error: RunError, step: &str, warning: bool, actor: Option<PersonRef>) {
        let RunError {
            code,
            message,
            details,
        } = error;
        self.ask(Effect::ReportError {
            channel: self.run.flow.error_logger.clone(),
            problem: Problem {
                code,
                step: step.to_owned(),
                message,
                warning,
                actor,
                details,
            },
        });
    }
}

/// A short code that people can read out: the area and six hexadecimal digits made from what it belongs to.
#[must_use]
pub fn problem_code(area: &str, run: u128, revision: u64) -> String {
    let mixed = run ^ (u128::from(revision).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folded = (mixed >> 64) ^ (mixed & u128::from(u64::MAX));
    let digits = (folded ^ (folded >> 24) ^ (folded >> 48)) & 0x00ff_ffff;
    format!("{area}-{digits:06X}")
}
