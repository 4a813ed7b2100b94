//! Events on their way through the hooks of `impl.py`: begun, asked about, carried out, replaced or nullified.

use serde_json::Value;

use super::super::audit::Step;
use super::super::effect::{Effect, Reply, RequesterNews};
use super::super::event::Routing;
use super::super::hook::{
    EventName, Fire, Firing, Held, HookAnswer, HookCall, Otherwise, Pressed, When, Work, hook_name,
    in_words, may_fire,
};
use super::super::person::PersonRef;
use super::super::run::{ChannelType, RunError, Status};
use super::{Change, problem_code};

impl Change {
    /// Begins an event: with its `on_…` hook where the flow has one, else with the default action.
    pub(super) fn fire(&mut self, firing: Firing) {
        if self.has_hook(When::On, firing.event()) {
            self.call(When::On, firing);
        } else {
            self.act(firing);
        }
    }

    pub(super) fn has_hook(&self, when: When, event: EventName) -> bool {
        let name = hook_name(when, event);
        self.run.flow.hooks.contains(&name)
    }

    fn call(&mut self, when: When, firing: Firing) {
        self.run.hooks.calls_made += 1;
        let number = self.run.hooks.calls_made;
        self.run.hooks.calls.push(HookCall {
            number,
            when,
            firing,
        });
        self.ask(Effect::CallHook { number });
    }

    /// The default action of an event that nothing stands in the way of, then its `after_…` hook.
    pub(super) fn act(&mut self, firing: Firing) {
        match &firing.work {
            // `after_request` is called when the request was sent.
            Work::Request => return self.ask(Effect::Route),
            Work::Decide {
                verdict,
                message,
                reason,
            } => self.decide(&firing, *verdict, message.clone(), reason.clone()),
            Work::Forward { from, timed_out } => self.forward(*from, *timed_out),
            Work::Expire { notification } => self.expire(*notification),
        }
        self.after(firing);
    }

    /// Calls the `after_…` hook of an event that has happened.
    fn after(&mut self, firing: Firing) {
        if self.has_hook(When::After, firing.event()) {
            self.call(
                When::After,
                Firing {
                    pressed: None,
                    otherwise: Otherwise::Nothing,
                    ..firing
                },
            );
        }
    }

    /// The request event of a new run.
    pub(super) fn request_firing(&self) -> Firing {
        Firing {
            work: Work::Request,
            by: self.run.requester.clone(),
            via: self.run.source.kind,
            at: self.now,
            fields: serde_json::Map::new(),
            chain: vec![EventName::Request],
            pressed: None,
            otherwise: Otherwise::Nothing,
        }
    }

    /// An event of a timer, or of a delivery that failed.
    pub(super) fn internal_firing(&self, work: Work, otherwise: Otherwise) -> Firing {
        let mut firing = Firing {
            work,
            via: ChannelType::Internal,
            otherwise,
            ..self.request_firing()
        };
        firing.chain = vec![firing.event()];
        firing
    }

    /// The request was sent, as far as it can be: `after_request`, once.
    pub(super) fn request_sent(&mut self) {
        if !self.run.hooks.request_sent && !self.run.hooks.announcing {
            self.run.hooks.request_sent = true;
            // It is still the event with which the run began.
            let firing = Firing {
                at: self.run.created_at,
                ..self.request_firing()
            };
            self.after(firing);
        }
    }

    /// Returns false when nobody waits for this answer (any more).
    pub(super) fn hook_answered(
        &mut self,
        number: u64,
        answer: HookAnswer,
        routing: Option<Routing>,
    ) -> bool {
        let calls = &mut self.run.hooks.calls;
        let Some(place) = calls.iter().position(|call| call.number == number) else {
            return false;
        };
        let call = calls.remove(place);
        match call.when {
            When::On => self.on_answered(call, answer, routing),
            When::After => self.after_answered(call, answer),
        }
        self.settle();
        true
    }

    fn on_answered(&mut self, call: HookCall, answer: HookAnswer, routing: Option<Routing>) {
        let hook = call.name();
        let firing = call.firing;
        let answer = match answer {
            HookAnswer::Fire(fire) => match may_fire(&firing.chain, fire.event) {
                Ok(()) => return self.replace(firing, fire),
                Err(why) => HookAnswer::Failed(self.may_not_fire(&hook, fire.event, &why)),
            },
            other => other,
        };
        // Fired again by `after_request`, a request has nothing left to do, and nothing that it may undo: people were asked.
        let asked_before = self.run.permissions.is_some();
        match (answer, &firing.work) {
            (HookAnswer::Fire(_), _) => {}
            (HookAnswer::Proceed, Work::Request) if asked_before => {}
            (HookAnswer::Proceed, Work::Request) => match routing {
                Some(routing) => self.routed(routing),
                None => self.ask(Effect::Route),
            },
            (HookAnswer::Proceed, Work::Forward { .. } | Work::Expire { .. })
                if self.is_deciding() =>
            {
                // A press that came in before wins, however slow its hook is.
                self.run.hooks.held = Some(Box::new(Held {
                    firing,
                    asked: true,
                }));
            }
            (HookAnswer::Proceed, _) => self.act(firing),
            (HookAnswer::Ignore { message }, Work::Request) if !asked_before => {
                self.request_ignored(message);
            }
            (HookAnswer::Ignore { message }, _) => {
                let words = message
                    .clone()
                    .unwrap_or_else(|| format!("{hook} ignored the event"));
                if firing.pressed.is_none() {
                    let error = RunError {
                        code: self.hook_code(),
                        message: format!("ignored: {words}"),
                        ..RunError::default()
                    };
                    self.report_as(error, &hook, true, firing.actor().cloned());
                }
                self.nullify(firing, Reply::Ignored { message }, &words);
            }
            (HookAnswer::Failed(error), Work::Request) if !asked_before => {
                self.routing_failed(error);
            }
            (HookAnswer::Failed(error), _) => {
                self.report_as(error.clone(), &hook, false, firing.actor().cloned());
                let words = format!("{hook} failed (code {})", error.code);
                self.nullify(firing, Reply::HookFailed { code: error.code }, &words);
            }
        }
    }

    fn after_answered(&mut self, call: HookCall, answer: HookAnswer) {
        let hook = call.name();
        let firing = call.firing;
        let error = match answer {
            HookAnswer::Proceed | HookAnswer::Ignore { .. } => return,
            HookAnswer::Failed(error) => error,
            HookAnswer::Fire(fire) => {
                let allowed = if self.run.status.is_open() {
                    may_fire(&firing.chain, fire.event)
                } else {
                    Err(format!(
                        "the request is {} already",
                        self.run.status.as_str()
                    ))
                };
                match allowed {
                    Ok(()) => return self.replace(firing, fire),
                    Err(why) => self.may_not_fire(&hook, fire.event, &why),
                }
            }
        };
        self.note(
            "error",
            None,
            format!("{hook} failed (code {}).", error.code),
        );
        self.report_as(error, &hook, false, firing.actor().cloned());
    }

    /// The event that a hook returned takes the place of (or, after it, follows) the one that the hook wraps.
    pub(super) fn replace(&mut self, firing: Firing, fire: Fire) {
        if let Some(target) = fire.target {
            self.run.target = Some(target);
        }
        if let Some(seconds) = fire.duration_seconds {
            self.run.duration_seconds = Some(seconds);
        }
        let mut chain = firing.chain.clone();
        chain.push(fire.event);
        let Some(verdict) = fire.event.verdict() else {
            // Only a request passes `may_fire` besides decisions.
            return self.fire(Firing {
                via: ChannelType::Sdk,
                at: self.now,
                fields: fire.fields,
                chain,
                ..firing
            });
        };
        let text = |key: &str| match fire.fields.get(key).map(in_words) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            None | Some(Value::Null | Value::String(_)) => None,
            Some(other) => Some(other.to_string()),
        };
        let mut message = text("decision_message");
        // Fired again, a press stays the deed of whoever pressed.
        let mut by = PersonRef::automation();
        if let Work::Decide {
            verdict: pressed,
            message: typed,
            ..
        } = &firing.work
            && *pressed == verdict
        {
            by = firing.by.clone();
            message = message.or_else(|| typed.clone());
        }
        let otherwise = match firing.work {
            // Answers that come after the request was sent change nothing about who is asked.
            Work::Request if self.run.permissions.is_none() => Otherwise::AskPeople,
            _ => firing.otherwise,
        };
        let decision = Firing {
            work: Work::Decide {
                verdict,
                message,
                reason: text("reason"),
            },
            by,
            via: ChannelType::Sdk,
            at: self.now,
            fields: fire.fields,
            chain,
            pressed: firing.pressed,
            otherwise,
        };
        if self.run.permissions.is_none() {
            // Permissions say who may see it, notifications who is to know.
            self.run.hooks.awaiting = Some(Box::new(decision));
            self.ask(Effect::Route);
        } else {
            self.fire(decision);
        }
    }

    /// `on_request` said no: nobody is asked, and the requester hears why.
    fn request_ignored(&mut self, message: Option<String>) {
        let message = message.unwrap_or_else(|| "The flow did not accept the request.".to_owned());
        self.run.status = Status::Errored;
        self.run.closed_at = Some(self.now);
        self.note(
            "ignored",
            None,
            format!("The flow did not accept the request: {message}"),
        );
        self.record(Step::failed("request", ChannelType::Sdk, None, &message));
        self.run.error = Some(RunError {
            code: IGNORED_CODE.to_owned(),
            message,
            ..RunError::default()
        });
        self.ask(Effect::TellRequester {
            about: RequesterNews::Ignored,
        });
    }

    /// An event comes to nothing: on record, told to whoever pressed, and what it stood in the way of happens.
    fn nullify(&mut self, firing: Firing, reply: Reply, words: &str) {
        let event = firing.event().as_str();
        match firing.pressed {
            Some(pressed) => self.refuse(&pressed, reply, words),
            None => {
                let by = firing.actor().cloned();
                self.record(
                    Step::failed(event, firing.via, by.as_ref(), words).with_fields(&firing.fields),
                );
                self.note("ignored", by, format!("{event} did not happen: {words}."));
            }
        }
        if !self.run.status.is_open() {
            return;
        }
        match firing.otherwise {
            Otherwise::Nothing => {}
            Otherwise::AskPeople => self.ask_people(),
            Otherwise::Stay {
                notification,
                timed_out,
            } => self.stay(notification, timed_out),
            Otherwise::KeepOpen => self.note(
                "notification",
                None,
                "The request stays open without a time limit.".to_owned(),
            ),
        }
    }

    /// Whether there is a decision that is being checked, or a press of somebody who is being looked up.
    pub(super) fn is_deciding(&self) -> bool {
        let hooks = &self.run.hooks;
        let is_checked = |call: &HookCall| {
            call.when == When::On && matches!(call.firing.work, Work::Decide { .. })
        };
        !hooks.waiting.is_empty() || hooks.calls.iter().any(is_checked)
    }

    /// Whether the same press is being checked already.
    pub(super) fn is_being_checked(&self, pressed: &Pressed) -> bool {
        self.run.hooks.calls.iter().any(|call| {
            call.when == When::On
                && call.firing.pressed.as_ref().is_some_and(|other| {
                    other.by.id == pressed.by.id && other.verdict == pressed.verdict
                })
        })
    }

    /// Decisions that are being checked.
    pub(super) fn checks(&self) -> usize {
        self.run
            .hooks
            .calls
            .iter()
            .filter(|call| call.when == When::On && call.firing.pressed.is_some())
            .count()
    }

    /// What waited for decisions happens when none is under way any more.
    pub(super) fn settle(&mut self) {
        if self.is_deciding() {
            return;
        }
        let Some(held) = self.run.hooks.held.take() else {
            return;
        };
        if !self.run.status.is_open() {
            return;
        }
        if held.asked {
            self.act(held.firing);
        } else {
            self.fire(held.firing);
        }
    }

    /// The run is closed: what was being checked comes to nothing, and everybody who waits is told. What happens after
    /// events goes on.
    pub(super) fn give_up_calls(&mut self, reply: &Reply) {
        self.run.hooks.held = None;
        let calls = std::mem::take(&mut self.run.hooks.calls);
        for call in calls {
            if call.when == When::After {
                self.run.hooks.calls.push(call);
            } else if let Some(pressed) = call.firing.pressed {
                let words = self.reason(reply);
                self.refuse(&pressed, reply.clone(), &words);
            }
        }
    }

    fn may_not_fire(&self, hook: &str, event: EventName, why: &str) -> RunError {
        RunError {
            code: self.hook_code(),
            message: format!(
                "{hook} returned ApprovalTemplate.{}(…), but {why}",
                event.as_str()
            ),
            ..RunError::default()
        }
    }

    fn hook_code(&self) -> String {
        problem_code("HOOK", self.run.id.as_u128(), self.run.revision)
    }
}

/// Code of a request that `on_request` did not accept: nothing is broken.
pub const IGNORED_CODE: &str = "IGNORED";
