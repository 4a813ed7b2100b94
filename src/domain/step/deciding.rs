//! Decisions: who pressed, whether that counts, and what it changes.

use super::super::audit::Step;
use super::super::effect::{
    Attempt, Effect, Press, Reply, RequesterNews, TimerChange, WaitingPress,
};
use super::super::hook::{EventName, Firing, Otherwise, Pressed, Work};
use super::super::permission::{Refusal, Verdict, may_decide};
use super::super::person::Person;
use super::super::run::{ChannelType, Decision, MessageRef, RoutedNotification, Status};
use super::{Change, REFUSALS_IN_HISTORY_MAX, Told};

/// Presses of one run that are checked by hooks at a time; more are asked to try again.
const CHECKS_MAX: usize = 20;

impl Change {
    /// `None` when it decided.
    pub(super) fn attempted(&mut self, attempt: &Attempt) -> Option<Reply> {
        let pressed = Pressed {
            verdict: attempt.verdict,
            by: attempt.actor.to_ref(),
            via: attempt.via,
            message: attempt.clicked.as_ref().map(|(message, _)| message.clone()),
            answer: attempt.answer.clone(),
            ticket: attempt.ticket,
        };
        let reply = self.verdict_on(attempt, &pressed);
        if let Some((message, notification)) = &attempt.clicked {
            self.adopt(message, *notification);
        }
        if let Some(reply) = reply {
            let reason = self.reason(&reply);
            self.refuse(&pressed, reply.clone(), &reason);
            return Some(reply);
        }
        self.fire(Firing {
            work: Work::Decide {
                verdict: attempt.verdict,
                message: attempt.message.clone(),
                reason: None,
            },
            by: pressed.by.clone(),
            via: attempt.via,
            at: self.now,
            fields: serde_json::Map::new(),
            chain: vec![EventName::from(attempt.verdict)],
            pressed: Some(pressed),
            otherwise: Otherwise::Nothing,
        });
        self.run.status.is_open().then_some(Reply::Checking)
    }

    /// A press of somebody who has to be looked up first.
    pub(super) fn pressed(&mut self, press: Press) {
        if let Some((message, notification)) = &press.clicked {
            self.adopt(message, *notification);
        }
        if self.run.hooks.waiting.len() >= CHECKS_MAX {
            return self.ask(Effect::Answer {
                to: press.answer,
                reply: Reply::TooMany,
            });
        }
        self.ask(Effect::Identify);
        let number = self.run.effects_made;
        self.run.hooks.waiting.push(WaitingPress { number, press });
    }

    /// Who pressed is known now, or cannot be found out. Returns false when no such press waits (any more).
    pub(super) fn identified(&mut self, number: u64, who: Result<Person, String>) -> bool {
        let waiting = &mut self.run.hooks.waiting;
        let Some(place) = waiting.iter().position(|press| press.number == number) else {
            return false;
        };
        let press = waiting.remove(place).press;
        match who {
            Ok(person) => {
                self.attempted(&press.of(person));
            }
            Err(code) => {
                let reply = Reply::Unidentified { code };
                let reason = self.reason(&reply);
                self.record(Step::refused(
                    press.verdict.verb(),
                    ChannelType::Slack,
                    None,
                    &reason,
                ));
                self.ask(Effect::Answer {
                    to: press.answer,
                    reply,
                });
            }
        }
        self.settle();
        true
    }

    /// A press comes to nothing: on record, and answered.
    pub(super) fn refuse(&mut self, pressed: &Pressed, reply: Reply, reason: &str) {
        // Events that a hook nullified have failed; the others never began.
        let nullified = matches!(reply, Reply::Ignored { .. } | Reply::HookFailed { .. });
        let step = if nullified {
            Step::failed
        } else {
            Step::refused
        };
        self.record(step(
            pressed.verdict.verb(),
            pressed.via,
            Some(&pressed.by),
            reason,
        ));
        let refusals = self
            .run
            .history
            .iter()
            .filter(|entry| matches!(entry.event.as_str(), "refused" | "ignored"))
            .count();
        if refusals < REFUSALS_IN_HISTORY_MAX {
            let text = format!(
                "{} could not {}: {reason}.",
                pressed.by.name,
                pressed.verdict.verb()
            );
            let event = if nullified { "ignored" } else { "refused" };
            self.note(event, Some(pressed.by.clone()), text);
        }
        if let Some(message) = &pressed.message
            && matches!(
                reply,
                Reply::AlreadyDecided | Reply::Expired | Reply::Forwarded { .. } | Reply::Errored
            )
        {
            self.ask(Effect::UpdateMessage {
                message: message.clone(),
            });
        }
        self.answer(pressed, reply);
    }

    /// Tells whoever pressed how it went, where the message does not.
    fn answer(&mut self, pressed: &Pressed, reply: Reply) {
        if let Some(ticket) = pressed.ticket {
            self.told.push(Told {
                ticket,
                reply: Some(reply.clone()),
            });
        }
        if let Some(to) = pressed.answer.clone() {
            self.ask(Effect::Answer { to, reply });
        }
    }

    /// `None` when the attempt may decide.
    fn verdict_on(&self, attempt: &Attempt, pressed: &Pressed) -> Option<Reply> {
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
        let refusal = may_decide(
            permissions,
            run.flow.allow_guest_interaction,
            run.requester.id,
            &attempt.actor,
            attempt.verdict,
        )
        .err();
        if let Some(refusal) = refusal {
            return Some(Reply::Refused { refusal });
        }
        if self.is_being_checked(pressed) {
            return Some(Reply::Checking);
        }
        (self.checks() >= CHECKS_MAX).then_some(Reply::TooMany)
    }

    pub(super) fn decide(
        &mut self,
        firing: &Firing,
        verdict: Verdict,
        message: Option<String>,
        reason: Option<String>,
    ) {
        let (status, news, word) = match verdict {
            Verdict::Approve => (Status::Approved, RequesterNews::Approved, "approved"),
            Verdict::Deny => (Status::Denied, RequesterNews::Denied, "denied"),
        };
        let actor = firing.by.clone();
        let step = Step::ok(verdict.verb(), firing.via, Some(&actor))
            .with_message(message.as_deref())
            .with_fields(&firing.fields);
        self.record(step);
        let why = reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        self.note(
            verdict.verb(),
            Some(actor.clone()),
            format!("{} {word} the request{why}.", actor.name),
        );
        let own_time = self.run.own_time_runs().then(|| self.run.own_timer());
        self.run.status = status;
        self.run.closed_at = Some(self.now);
        self.run.decision = Some(Decision {
            verdict,
            by: actor,
            at: self.now,
            message,
            via: firing.via,
            reason,
        });
        if let Some(notification) = self.run.current.or(own_time) {
            self.timers.push(TimerChange::Cancel {
                run: self.run.id,
                notification,
            });
        }
        match &firing.pressed {
            Some(pressed) if pressed.verdict == verdict => {
                if let Some(ticket) = pressed.ticket {
                    self.told.push(Told {
                        ticket,
                        reply: None,
                    });
                }
            }
            Some(pressed) => self.answer(&pressed.clone(), Reply::Replaced),
            None => {}
        }
        self.give_up_calls(&Reply::AlreadyDecided);
        self.update_messages();
        self.ask(Effect::TellRequester { about: news });
        if firing.via == ChannelType::Sdk {
            self.announce();
        }
    }

    /// Decided before anybody was asked: those who would have been are told (open question 22).
    fn announce(&mut self) {
        let nobody_was_asked = self
            .run
            .notifications
            .iter()
            .all(|routed| routed.deliveries.is_empty());
        if nobody_was_asked && self.run.current.is_none() && !self.run.notifications.is_empty() {
            self.run.hooks.announcing = true;
            self.start_notification(0);
        }
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

    pub(super) fn reason(&self, reply: &Reply) -> String {
        match reply {
            Reply::Refused {
                refusal: Refusal::OwnRequest,
            } => "requesters may not approve their own request".to_owned(),
            Reply::Refused {
                refusal: Refusal::NotPermitted | Refusal::OwnDenial,
            } => "not permitted".to_owned(),
            Reply::Refused {
                refusal: Refusal::Guest,
            } => "guests may not act on this flow".to_owned(),
            Reply::Refused {
                refusal: Refusal::Inactive,
            } => "the account is deactivated".to_owned(),
            Reply::AlreadyDecided | Reply::Replaced => {
                format!("the request was already {}", self.run.status.as_str())
            }
            Reply::Expired => "the request had expired".to_owned(),
            Reply::Forwarded { .. } => "the request had been forwarded".to_owned(),
            Reply::Errored => "the request could not be routed".to_owned(),
            Reply::NotReady => "the request was still being prepared".to_owned(),
            Reply::TooMany => "many others were deciding at the same time".to_owned(),
            Reply::Checking => "the same press is being checked by the flow's code".to_owned(),
            Reply::Ignored { message } => message
                .clone()
                .unwrap_or_else(|| "the flow's code ignored it".to_owned()),
            Reply::HookFailed { code } => format!("the flow's code failed (code {code})"),
            Reply::Unidentified { code } => {
                format!("whoever pressed could not be looked up (code {code})")
            }
        }
    }
}
