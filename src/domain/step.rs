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

use super::audit::{self, AuditRecord, Step};
use super::effect::{
    Attempt, Effect, EffectId, Problem, Reply, RequesterNews, StoredEffect, Timer, TimerChange,
};
use super::event::{DeliveryOutcome, Event, Submission};
use super::permission::{Permissions, Verdict, may_decide};
use super::person::PersonRef;
use super::routing::Notification;
use super::run::{
    ChannelType, Decision, Delivery, HistoryEntry, MessageRef, RoutedNotification, Run, RunError,
    Status,
};
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
}

/// Makes the run of a submitted form; the reducers are called next.
#[must_use]
pub fn submit(submission: Submission, now: Timestamp) -> Transition {
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
        permissions: None,
        notifications: Vec::new(),
        current: None,
        decision: None,
        closed_at: None,
        error: None,
        history: Vec::new(),
        effects_made: 0,
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
    change.ask(Effect::Route);
    change.done(None)
}

/// Answers an event. `None` when nothing changes and nobody waits for an answer (a repeated or late event).
#[must_use]
pub fn step(run: &Run, event: Event, now: Timestamp) -> Option<Transition> {
    let mut change = Change::new(run.clone(), now);
    match event {
        Event::Routed {
            permissions,
            notifications,
            fields,
        } => {
            if !run.status.is_open() || run.permissions.is_some() {
                return None;
            }
            change.routed(permissions, notifications);
            if let Some(fields) = fields {
                change.run.fields = fields;
            }
            Some(change.done(None))
        }
        Event::RoutingFailed { error } => {
            if !run.status.is_open() || run.permissions.is_some() {
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
            if !run.status.is_open() || run.current != Some(notification) {
                return None;
            }
            change.timed_out(notification);
            Some(change.done(None))
        }
        Event::Attempted(attempt) => {
            let reply = change.attempted(&attempt);
            Some(change.done(reply))
        }
    }
}

/// A transition in the making.
struct Change {
    run: Run,
    now: Timestamp,
    effects: Vec<StoredEffect>,
    timers: Vec<TimerChange>,
    audit: Vec<AuditRecord>,
}

impl Change {
    fn new(run: Run, now: Timestamp) -> Self {
        Self {
            run,
            now,
            effects: Vec::new(),
            timers: Vec::new(),
            audit: Vec::new(),
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
                    "refused" | "notification" | "request_forward"
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

    /// Brings every message that the run is known to have up to date.
    fn update_messages(&mut self) {
        let messages: Vec<MessageRef> = self
            .run
            .notifications
            .iter()
            .flat_map(RoutedNotification::messages)
            .cloned()
            .collect();
        for message in messages {
            self.ask(Effect::UpdateMessage { message });
        }
    }

    /// For administrators: the log, and the error logger where the environment has one.
    fn report(&mut self, step: &str, message: String, warning: bool) {
        let code = match &self.run.error {
            Some(error) => error.code.clone(),
            None => problem_code("DELIVERY", self.run.id.as_u128(), self.run.revision),
        };
        self.ask(Effect::ReportError {
            channel: self.run.flow.error_logger.clone(),
            problem: Problem {
                code,
                step: step.to_owned(),
                message,
                warning,
            },
        });
    }

    fn routed(&mut self, permissions: Permissions, notifications: Vec<Notification>) {
        self.run.permissions = Some(permissions);
        self.run.notifications = notifications
            .into_iter()
            .map(|notification| RoutedNotification {
                notification,
                deliveries: Vec::new(),
                timed_out_at: None,
                adopted: Vec::new(),
            })
            .collect();
        if self.run.notifications.is_empty() {
            self.note(
                "request",
                None,
                "The flow notifies nobody; the request is in the web app.".to_owned(),
            );
        } else {
            self.start_notification(0);
        }
    }

    fn routing_failed(&mut self, error: RunError) {
        self.run.status = Status::Errored;
        self.run.closed_at = Some(self.now);
        self.note(
            "error",
            None,
            format!("The request could not be routed (code {}).", error.code),
        );
        let message = error.message.clone();
        self.run.error = Some(error);
        self.record(Step::failed(
            "request",
            ChannelType::Internal,
            None,
            &message,
        ));
        self.report("request", message, false);
        self.ask(Effect::TellRequester {
            about: RequesterNews::Failed,
        });
    }

    /// Uses the notification: sends it to all of its destinations.
    fn start_notification(&mut self, index: usize) {
        self.run.current = Some(index);
        let destinations = match self.run.notifications.get_mut(index) {
            Some(routed) => {
                let destinations = routed.notification.destinations.clone();
                routed.deliveries = vec![Delivery::Pending; destinations.len()];
                destinations
            }
            None => return,
        };
        if destinations.is_empty() {
            self.undeliverable(index);
            return;
        }
        for (destination, to) in destinations.into_iter().enumerate() {
            self.ask(Effect::Notify {
                notification: index,
                destination,
                to,
            });
        }
    }

    /// Returns false when the event says nothing new.
    fn delivered(&mut self, index: usize, destination: usize, outcome: DeliveryOutcome) -> bool {
        let open = self.run.status.is_open();
        let current = self.run.current == Some(index);
        let now = self.now;
        let Some(routed) = self.run.notifications.get_mut(index) else {
            return false;
        };
        let Some(delivery) = routed.deliveries.get_mut(destination) else {
            return false;
        };
        match outcome {
            DeliveryOutcome::Sent(message) => {
                match delivery {
                    Delivery::Sent { message: known } if *known == message => return false,
                    Delivery::Sent { .. } => {
                        // Sent twice around a crash: both copies are ours from now on.
                        if routed.adopted.contains(&message) {
                            return false;
                        }
                        routed.adopted.push(message.clone());
                        self.ask(Effect::UpdateMessage { message });
                        return true;
                    }
                    Delivery::Pending | Delivery::Failed { .. } => {}
                }
                *delivery = Delivery::Sent {
                    message: message.clone(),
                };
                // A click may have come in before the delivery was recorded, and adopted the message.
                routed.adopted.retain(|adopted| *adopted != message);
                let sent = routed
                    .deliveries
                    .iter()
                    .filter(|delivery| matches!(delivery, Delivery::Sent { .. }))
                    .count();
                let timeout = routed.notification.timeout_seconds;
                let text = format!("Sent to {}.", describe(routed, destination));
                self.note("notification", None, text);
                if open && current {
                    if sent == 1
                        && let Some(seconds) = timeout
                    {
                        let due = now.plus_seconds(u64::try_from(seconds).unwrap_or(0));
                        let run = self.run.id;
                        self.timers.push(TimerChange::Set(Timer {
                            due,
                            run,
                            notification: index,
                        }));
                    }
                } else {
                    // It went out while the request moved on: show the newest state.
                    self.ask(Effect::UpdateMessage { message });
                }
            }
            DeliveryOutcome::Failed(reason) => {
                if *delivery != Delivery::Pending {
                    return false;
                }
                *delivery = Delivery::Failed {
                    reason: reason.clone(),
                };
                let everything_failed = routed
                    .deliveries
                    .iter()
                    .all(|delivery| matches!(delivery, Delivery::Failed { .. }));
                let place = describe(routed, destination);
                self.note(
                    "notification",
                    None,
                    format!("Could not be sent to {place}: {reason}."),
                );
                if open && current && everything_failed {
                    self.undeliverable(index);
                } else {
                    self.report(
                        "delivery",
                        format!("could not be sent to {place}: {reason}"),
                        true,
                    );
                }
            }
        }
        true
    }

    /// Not one destination of the current notification could be reached.
    fn undeliverable(&mut self, index: usize) {
        let reasons = self.failures(index);
        if index + 1 < self.run.notifications.len() {
            self.report(
                "delivery",
                format!(
                    "notification {} could not be delivered ({reasons}); the next one is used",
                    index + 1
                ),
                true,
            );
            self.forward(index, "it could not be delivered");
            return;
        }
        // Open question 5: the request stays open for the web app, and those concerned are told.
        self.run.current = None;
        self.note(
            "notification",
            None,
            "No notification could be delivered; the request is in the web app.".to_owned(),
        );
        self.record(Step::failed(
            "request_forward",
            ChannelType::Internal,
            None,
            "no notification could be delivered",
        ));
        self.report(
            "delivery",
            format!(
                "no notification could be delivered ({reasons}); the request is open in the web app"
            ),
            false,
        );
        self.ask(Effect::TellRequester {
            about: RequesterNews::Undeliverable,
        });
    }

    fn failures(&self, index: usize) -> String {
        let Some(routed) = self.run.notifications.get(index) else {
            return String::new();
        };
        let reasons: Vec<String> = routed
            .deliveries
            .iter()
            .enumerate()
            .filter_map(|(destination, delivery)| match delivery {
                Delivery::Failed { reason } => {
                    Some(format!("{}: {reason}", describe(routed, destination)))
                }
                _ => None,
            })
            .collect();
        if reasons.is_empty() {
            "it has no destination".to_owned()
        } else {
            reasons.join("; ")
        }
    }

    fn forward(&mut self, from: usize, why: &str) {
        self.note(
            "request_forward",
            None,
            format!("Forwarded to the next notification, because {why}."),
        );
        self.record(Step::ok("request_forward", ChannelType::Internal, None));
        self.start_notification(from + 1);
    }

    fn timed_out(&mut self, index: usize) {
        let now = self.now;
        let seconds = match self.run.notifications.get_mut(index) {
            Some(routed) => {
                routed.timed_out_at = Some(now);
                routed.notification.timeout_seconds.unwrap_or(0)
            }
            None => return,
        };
        self.timers.push(TimerChange::Cancel {
            run: self.run.id,
            notification: index,
        });
        if index + 1 < self.run.notifications.len() {
            self.forward(index, &format!("nobody acted within {seconds} seconds"));
        } else {
            self.run.status = Status::Expired;
            self.run.closed_at = Some(now);
            self.note(
                "request_expire",
                None,
                format!("Expired: nobody acted within {seconds} seconds."),
            );
            self.record(Step::ok("request_expire", ChannelType::Internal, None));
            self.ask(Effect::TellRequester {
                about: RequesterNews::Expired,
            });
            return self.update_messages();
        }
        // Earlier ones say already that they were forwarded.
        let messages: Vec<MessageRef> = self
            .run
            .notifications
            .get(index)
            .map(|routed| routed.messages().cloned().collect())
            .unwrap_or_default();
        for message in messages {
            self.ask(Effect::UpdateMessage { message });
        }
    }

    fn attempted(&mut self, attempt: &Attempt) -> Option<Reply> {
        let reply = self.verdict_on(attempt);
        let actor = attempt.actor.to_ref();
        if let Some((message, notification)) = &attempt.clicked {
            self.adopt(message, *notification);
        }
        let Some(reply) = reply else {
            self.decide(attempt, actor);
            return None;
        };
        let reason = self.reason(reply);
        self.record(Step::refused(
            attempt.verdict.verb(),
            attempt.via,
            Some(&actor),
            &reason,
        ));
        let refusals = self
            .run
            .history
            .iter()
            .filter(|entry| entry.event == "refused")
            .count();
        if refusals < REFUSALS_IN_HISTORY_MAX {
            let text = format!(
                "{} could not {}: {reason}.",
                actor.name,
                attempt.verdict.verb()
            );
            self.note("refused", Some(actor), text);
        }
        if let Some((message, _)) = &attempt.clicked
            && !matches!(reply, Reply::Refused { .. } | Reply::NotReady)
        {
            self.ask(Effect::UpdateMessage {
                message: message.clone(),
            });
        }
        if let Some(to) = attempt.answer.clone() {
            self.ask(Effect::Answer { to, reply });
        }
        Some(reply)
    }

    /// `None` when the attempt may decide.
    fn verdict_on(&self, attempt: &Attempt) -> Option<Reply> {
        let run = &self.run;
        match run.status {
            Status::Requested => {}
            Status::Approved | Status::Denied => return Some(Reply::AlreadyDecided),
            Status::Expired => return Some(Reply::Expired),
            Status::Errored => return Some(Reply::Errored),
        }
        let Some(permissions) = &run.permissions else {
            return Some(Reply::NotReady);
        };
        if let Some((_, notification)) = &attempt.clicked
            && run.current != Some(*notification)
        {
            return Some(Reply::Forwarded {
                notification: *notification,
            });
        }
        may_decide(
            permissions,
            run.flow.allow_guest_interaction,
            run.requester.id,
            &attempt.actor,
            attempt.verdict,
        )
        .err()
        .map(|refusal| Reply::Refused { refusal })
    }

    fn decide(&mut self, attempt: &Attempt, actor: PersonRef) {
        let (status, news, word) = match attempt.verdict {
            Verdict::Approve => (Status::Approved, RequesterNews::Approved, "approved"),
            Verdict::Deny => (Status::Denied, RequesterNews::Denied, "denied"),
        };
        let step = Step::ok(attempt.verdict.verb(), attempt.via, Some(&actor))
            .with_message(attempt.message.as_deref());
        self.record(step);
        self.note(
            attempt.verdict.verb(),
            Some(actor.clone()),
            format!("{} {word} the request.", actor.name),
        );
        self.run.status = status;
        self.run.closed_at = Some(self.now);
        self.run.decision = Some(Decision {
            verdict: attempt.verdict,
            by: actor,
            at: self.now,
            message: attempt.message.clone(),
            via: attempt.via,
        });
        if let Some(notification) = self.run.current {
            self.timers.push(TimerChange::Cancel {
                run: self.run.id,
                notification,
            });
        }
        self.update_messages();
        self.ask(Effect::TellRequester { about: news });
    }

    /// Takes a clicked copy that the run does not know (sent twice around a crash, or clicked before the delivery was
    /// recorded) as its own, so that it is kept up to date.
    fn adopt(&mut self, message: &MessageRef, notification: usize) {
        let known = self
            .run
            .notifications
            .iter()
            .flat_map(RoutedNotification::messages)
            .any(|known| known == message);
        if !known && let Some(routed) = self.run.notifications.get_mut(notification) {
            routed.adopted.push(message.clone());
        }
    }

    fn reason(&self, reply: Reply) -> String {
        use super::permission::Refusal;
        match reply {
            Reply::Refused {
                refusal: Refusal::OwnRequest,
            } => "requesters may not approve their own request".to_owned(),
            Reply::Refused {
                refusal: Refusal::NotPermitted,
            } => "not permitted".to_owned(),
            Reply::Refused {
                refusal: Refusal::Guest,
            } => "guests may not act on this flow".to_owned(),
            Reply::Refused {
                refusal: Refusal::Inactive,
            } => "the account is deactivated".to_owned(),
            Reply::AlreadyDecided => {
                format!("the request was already {}", self.run.status.as_str())
            }
            Reply::Expired => "the request had expired".to_owned(),
            Reply::Forwarded { .. } => "the request had been forwarded".to_owned(),
            Reply::Errored => "the request could not be routed".to_owned(),
            Reply::NotReady => "the request was still being routed".to_owned(),
        }
    }
}

fn describe(routed: &RoutedNotification, destination: usize) -> String {
    routed
        .notification
        .destinations
        .get(destination)
        .map_or_else(String::new, super::routing::Destination::describe)
}

/// A short code that people can read out: the area and six hexadecimal digits made from what it belongs to.
#[must_use]
pub fn problem_code(area: &str, run: u128, revision: u64) -> String {
    let mixed = run ^ (u128::from(revision).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folded = (mixed >> 64) ^ (mixed & u128::from(u64::MAX));
    let digits = (folded ^ (folded >> 24) ^ (folded >> 48)) & 0x00ff_ffff;
    format!("{area}-{digits:06X}")
}
