//! Notifications: sent one after the other until somebody decides, forwarded when they cannot be delivered or their time is
//! over, expired after the last.

use super::super::audit::Step;
use super::super::effect::{Effect, RequesterNews, Timer, TimerChange};
use super::super::event::{DeliveryOutcome, Routing};
use super::super::hook::{EventName, Held, Otherwise, When, Work};
use super::super::routing::{Destination, Legacy};
use super::super::run::{
    ChannelType, Delivery, Details, MessageRef, OwnTime, RoutedNotification, RunError, Status,
};
use super::{Change, problem_code};

impl Change {
    /// The reducers have answered.
    pub(super) fn routed(&mut self, routing: Routing) {
        if let Some(fields) = routing.fields {
            self.run.fields = fields;
        }
        self.run.permissions = Some(routing.permissions);
        self.run.own_time = routing.expires_after.map(|seconds| OwnTime {
            seconds,
            runs: false,
        });
        self.run.notifications = routing
            .notifications
            .into_iter()
            .map(|notification| RoutedNotification::new(notification.without_repeats()))
            .collect();
        match self.run.hooks.awaiting.take() {
            Some(decision) => self.fire(*decision),
            None => self.ask_people(),
        }
    }

    /// Uses the first notification, where there is one.
    pub(super) fn ask_people(&mut self) {
        if self.run.notifications.is_empty() {
            self.note(
                "request",
                None,
                "The flow notifies nobody; the request is in the web app.".to_owned(),
            );
            self.ask(Effect::TellRequester {
                about: RequesterNews::NobodyNotified,
            });
            self.begin_own_time();
            self.request_sent();
        } else {
            self.start_notification(0);
        }
    }

    pub(super) fn routing_failed(&mut self, error: RunError) {
        self.run.hooks.awaiting = None;
        self.run.status = Status::Errored;
        self.run.closed_at = Some(self.now);
        self.note(
            "error",
            None,
            format!("The request could not be routed (code {}).", error.code),
        );
        self.run.error = Some(error.clone());
        self.record(Step::failed(
            "request",
            ChannelType::Internal,
            None,
            &error.message,
        ));
        let requester = self.run.requester.clone();
        self.report_as(error, "request", false, Some(requester));
        self.ask(Effect::TellRequester {
            about: RequesterNews::Failed,
        });
    }

    /// A problem of a delivery, for administrators.
    fn report(&mut self, step: &str, message: String, hint: Option<String>, warning: bool) {
        let code = problem_code("DELIVERY", self.run.id.as_u128(), self.run.revision);
        let error = RunError {
            code,
            message,
            details: Details {
                hint,
                ..Details::default()
            },
        };
        self.report_as(error, step, warning, None);
    }

    /// Uses the notification: sends it to all of its destinations.
    pub(super) fn start_notification(&mut self, index: usize) {
        self.run.current = Some(index);
        let (destinations, legacy) = match self.run.notifications.get_mut(index) {
            Some(routed) => {
                let destinations = routed.notification.destinations.clone();
                routed.deliveries = vec![Delivery::Pending; destinations.len()];
                (destinations, routed.notification.legacy)
            }
            None => return,
        };
        if let (Some(legacy), Some(permissions)) = (legacy, &mut self.run.permissions) {
            permissions.allow_self_approval = legacy.allow_self;
        }
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
    pub(super) fn delivered(
        &mut self,
        index: usize,
        destination: usize,
        outcome: DeliveryOutcome,
    ) -> bool {
        let open = self.run.status.is_open();
        let announcing = self.run.hooks.announcing;
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
                let used = routed.timer_used;
                let text = format!("Sent to {}.", describe(routed, destination));
                self.note("notification", None, text);
                if open && current {
                    if sent == 1
                        && !used
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
                } else if !announcing {
                    // It went out while the request moved on: show the newest state.
                    self.ask(Effect::UpdateMessage { message });
                }
                self.request_sent();
            }
            DeliveryOutcome::Failed { reason, hint } => {
                if *delivery != Delivery::Pending {
                    return false;
                }
                *delivery = Delivery::Failed {
                    reason: reason.clone(),
                    hint: hint.clone(),
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
                if (open || announcing) && current && everything_failed {
                    self.undeliverable(index);
                } else {
                    self.report(
                        "delivery",
                        format!("could not be sent to {place}: {reason}"),
                        hint,
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
        let hints = self.hints(index);
        let next = self.next_after(index, |legacy| legacy.continue_on_failure);
        if next && self.run.hooks.announcing {
            return self.start_notification(index + 1);
        }
        if next {
            let then = if self.has_hook(When::On, EventName::RequestForward) {
                "on_request_forward is asked about the next one"
            } else {
                "the next one is used"
            };
            self.report(
                "delivery",
                format!(
                    "notification {} could not be delivered ({reasons}); {then}",
                    index + 1
                ),
                hints,
                true,
            );
            let firing = self.internal_firing(
                Work::Forward {
                    from: index,
                    timed_out: false,
                },
                Otherwise::Stay {
                    notification: index,
                    timed_out: false,
                },
            );
            return self.fire(firing);
        }
        self.nowhere("No notification could be delivered", &reasons, hints);
    }

    /// Whether there is a notification after this one, and its rule lets it be used.
    fn next_after(&self, index: usize, goes_on: impl Fn(Legacy) -> bool) -> bool {
        let legacy = self
            .run
            .notifications
            .get(index)
            .and_then(|routed| routed.notification.legacy);
        index + 1 < self.run.notifications.len() && legacy.is_none_or(goes_on)
    }

    /// Open question 5: the request stays open for the web app, and those concerned are told. `what` begins a sentence.
    fn nowhere(&mut self, what: &str, reasons: &str, hints: Option<String>) {
        self.run.current = None;
        self.note(
            "notification",
            None,
            format!("{what}; the request is in the web app."),
        );
        self.record(Step::failed(
            "request_forward",
            ChannelType::Internal,
            None,
            &uncapitalised(what),
        ));
        let open = self.run.status.is_open();
        self.report(
            "delivery",
            format!(
                "{} ({reasons}){}",
                uncapitalised(what),
                if open {
                    "; the request is open in the web app"
                } else {
                    ""
                }
            ),
            hints,
            false,
        );
        if open {
            self.ask(Effect::TellRequester {
                about: RequesterNews::Undeliverable,
            });
            self.begin_own_time();
            self.request_sent();
        }
    }

    /// The request is with no notification: its own time begins, where it has one.
    fn begin_own_time(&mut self) {
        if let Some(own) = &mut self.run.own_time {
            own.runs = true;
            let seconds = own.seconds;
            self.timers.push(TimerChange::Set(Timer {
                due: self.now.plus_seconds(u64::try_from(seconds).unwrap_or(0)),
                run: self.run.id,
                notification: self.run.own_timer(),
            }));
            self.note(
                "notification",
                None,
                format!("It expires when nobody acts within {seconds} seconds."),
            );
        }
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
                Delivery::Failed { reason, .. } => {
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

    /// What can be done about the failures, each thing once.
    fn hints(&self, index: usize) -> Option<String> {
        let mut hints: Vec<&str> = Vec::new();
        for delivery in &self.run.notifications.get(index)?.deliveries {
            if let Delivery::Failed {
                hint: Some(hint), ..
            } = delivery
                && !hints.contains(&hint.as_str())
            {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("; "))
    }

    /// The timer of a notification, or of the request. Decisions that are being checked were made before: it waits for them.
    pub(super) fn timer_fired(&mut self, index: usize) {
        match (
            self.run.notifications.get_mut(index),
            &mut self.run.own_time,
        ) {
            (Some(routed), _) => routed.timer_used = true,
            (None, Some(own)) => own.runs = false,
            (None, None) => {}
        }
        self.timers.push(TimerChange::Cancel {
            run: self.run.id,
            notification: index,
        });
        let firing = if self.next_after(index, |legacy| legacy.continue_on_timeout) {
            self.internal_firing(
                Work::Forward {
                    from: index,
                    timed_out: true,
                },
                Otherwise::Stay {
                    notification: index,
                    timed_out: true,
                },
            )
        } else {
            self.internal_firing(
                Work::Expire {
                    notification: index,
                },
                Otherwise::KeepOpen,
            )
        };
        if self.is_deciding() {
            self.run.hooks.held = Some(Box::new(Held {
                firing,
                asked: false,
            }));
        } else {
            self.fire(firing);
        }
    }

    /// Time that a notification, or the request, was given, for sentences.
    fn seconds(&self, index: usize) -> i64 {
        match self.run.notifications.get(index) {
            Some(routed) => routed.notification.timeout_seconds,
            None => self.run.own_time.map(|own| own.seconds),
        }
        .unwrap_or(0)
    }

    pub(super) fn forward(&mut self, from: usize, timed_out: bool) {
        let why = if timed_out {
            format!("nobody acted within {} seconds", self.seconds(from))
        } else {
            "it could not be delivered".to_owned()
        };
        let now = self.now;
        let mut messages = Vec::new();
        let mut timed = false;
        if let Some(routed) = self.run.notifications.get_mut(from) {
            if timed_out {
                routed.timed_out_at = Some(now);
            }
            messages = routed.messages().cloned().collect();
            timed = !routed.timer_used && routed.notification.timeout_seconds.is_some();
            routed.timer_used = true;
        }
        if timed && !messages.is_empty() {
            // A message that counted as failed turned up while the hook was asked.
            self.timers.push(TimerChange::Cancel {
                run: self.run.id,
                notification: from,
            });
        }
        self.note(
            "request_forward",
            None,
            format!("Forwarded to the next notification, because {why}."),
        );
        self.record(Step::ok("request_forward", ChannelType::Internal, None));
        self.start_notification(from + 1);
        // Earlier ones say already that they were forwarded.
        for message in messages {
            self.ask(Effect::UpdateMessage { message });
        }
    }

    pub(super) fn expire(&mut self, index: usize) {
        let now = self.now;
        let seconds = self.seconds(index);
        if let Some(routed) = self.run.notifications.get_mut(index) {
            routed.timed_out_at = Some(now);
        }
        self.run.status = Status::Expired;
        self.run.closed_at = Some(now);
        self.note(
            "request_expire",
            None,
            format!("Expired: nobody acted within {seconds} seconds."),
        );
        self.record(Step::ok("request_expire", ChannelType::Internal, None));
        self.give_up_calls(&super::Reply::Expired);
        self.ask(Effect::TellRequester {
            about: RequesterNews::Expired,
        });
        self.update_messages();
    }

    /// A hook wanted the request to stay with this notification, or failed: its time starts anew once (open question 26).
    pub(super) fn stay(&mut self, index: usize, timed_out: bool) {
        if self.run.current != Some(index) {
            return;
        }
        let Some(routed) = self.run.notifications.get_mut(index) else {
            return;
        };
        if !timed_out && routed.messages().next().is_none() {
            let reasons = self.failures(index);
            let hints = self.hints(index);
            let what = format!(
                "Notification {} could not be delivered, and on_request_forward did not let the next one be used",
                index + 1
            );
            return self.nowhere(&what, &reasons, hints);
        }
        if timed_out && !routed.restarted {
            routed.restarted = true;
            routed.timer_used = false;
            let seconds = routed.notification.timeout_seconds.unwrap_or(0);
            self.timers.push(TimerChange::Set(Timer {
                due: self.now.plus_seconds(u64::try_from(seconds).unwrap_or(0)),
                run: self.run.id,
                notification: index,
            }));
        }
        self.note(
            "notification",
            None,
            "The request stays where it is.".to_owned(),
        );
    }

    /// Brings every message that the run is known to have up to date.
    pub(super) fn update_messages(&mut self) {
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
}

/// A beginning of a sentence, for its middle.
fn uncapitalised(words: &str) -> String {
    let mut words = words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

fn describe(routed: &RoutedNotification, destination: usize) -> String {
    routed
        .notification
        .destinations
        .get(destination)
        .map_or_else(String::new, Destination::describe)
}
