//! Carries out [`Effect::CallHook`](crate::domain::effect::Effect::CallHook): asks a hook, and turns what it wants, or its
//! failure, into an event. `on_request` is asked together with the reducers.
//!
//! A call whose answer was not recorded before a crash is made again: hooks run at least once, what they decide happens once.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Engine;
use super::calls::{Asking, wrong_result};
use super::outbox::Held;
use super::routing::{reducers, routing, too_much};
use crate::domain::effect::EffectId;
use crate::domain::event::{Event, Routing};
use crate::domain::hook::{EventName, Fire, HookAnswer, HookCall, When, Work};
use crate::domain::run::{ChosenTarget, Run};
use crate::flows::catalog::Flow;
use crate::policy::types::{FailureKind, HandlerFailure, HookOutcome};
use crate::store::contract::StoreError;

/// What a call came to.
type Answered = Result<(HookAnswer, Option<Routing>), HandlerFailure>;

impl Engine {
    pub(super) async fn call_hook(self: &Arc<Self>, id: EffectId, number: u64) -> Result<(), Held> {
        let run = self.run(id.run).await?;
        let Some((run, call)) = run.and_then(|run| {
            let call = run.hooks.call(number)?.clone();
            Some((run, call))
        }) else {
            // Answered before, or the run was closed meanwhile.
            self.done.add(id);
            return Ok(());
        };
        let (answer, routing) = match self.ask_hook(&run, &call).await? {
            Ok(answered) => answered,
            // No worker could be had, or no answer of Slack: that says nothing about the event.
            Err(failure) if failure.kind == FailureKind::Unavailable => {
                return Err(Held::Later(failure.to_string()));
            }
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                return Err(Held::Unreachable(failure.to_string()));
            }
            Err(failure) => (self.hook_failed(&run, &call, &failure), None),
        };
        let event = Event::HookAnswered {
            number,
            answer,
            routing,
        };
        match self.conclude(id, event).await {
            Err(Held::Store(error @ StoreError::TooLarge { .. })) => {
                let event = Event::HookAnswered {
                    number,
                    answer: self.hook_failed(&run, &call, &too_much(&error)),
                    routing: None,
                };
                self.conclude(id, event).await
            }
            concluded => concluded,
        }
    }

    fn hook_failed(&self, run: &Run, call: &HookCall, failure: &HandlerFailure) -> HookAnswer {
        // Several hooks of a run may fail at one revision: their codes are to differ.
        let salt = run.revision.wrapping_add(call.number << 32);
        HookAnswer::Failed(self.handler_failed(run.id, salt, &run.flow.name, failure))
    }

    async fn ask_hook(self: &Arc<Self>, run: &Run, call: &HookCall) -> Result<Answered, Held> {
        let flow = match self.flow_of(run).await? {
            Ok(flow) => flow,
            Err(failure) => return Ok(Err(failure)),
        };
        let name = call.name();
        let (input, named) = self.event_input(run, &flow, &call.firing).await;
        let asking = Asking {
            flow: &flow,
            code: &flow.implementation,
            run: Some(run),
            deadline: self.outside.handler_timeout,
        };
        let is_request = call.when == When::On && call.firing.work == Work::Request;
        let mut handlers = vec![name.clone()];
        if is_request {
            handlers.extend(reducers(&flow));
        }
        let mut answer = match self.call_handlers(asking, handlers, input).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        // A hook that is not there lets its event proceed.
        let outcome = answer.hooks.remove(&name).unwrap_or(HookOutcome::Proceed);
        Ok(match outcome {
            HookOutcome::Proceed if is_request => {
                routing(answer, named).map(|routing| (HookAnswer::Proceed, Some(routing)))
            }
            HookOutcome::Proceed => Ok((HookAnswer::Proceed, None)),
            HookOutcome::Ignore { message } => Ok((HookAnswer::Ignore { message }, None)),
            HookOutcome::Fire {
                event,
                target,
                duration_seconds,
                fields,
            } => fired(
                &flow,
                &name,
                &event,
                target.as_deref(),
                duration_seconds,
                fields,
            )
            .map(|fire| (HookAnswer::Fire(fire), None)),
        })
    }
}

/// What a hook fired, with the event and the target that it named.
pub(super) fn fired(
    flow: &Flow,
    hook: &str,
    event: &str,
    target: Option<&str>,
    duration_seconds: Option<u64>,
    fields: Map<String, Value>,
) -> Result<Fire, HandlerFailure> {
    let wrong = |message| wrong_result(flow, hook, message);
    let Some(name) = EventName::parse(event) else {
        return Err(wrong(format!("returned the unknown event {event:?}")));
    };
    let target = match target {
        None => None,
        Some(srn) => Some(target_of(flow, srn).ok_or_else(|| {
            wrong(format!(
                "returned ApprovalTemplate.{event}(target_srn={srn:?}), which is no target of the flow"
            ))
        })?),
    };
    Ok(Fire {
        event: name,
        target,
        duration_seconds,
        fields,
    })
}

/// The flow's target that an SRN (or its slug) names.
fn target_of(flow: &Flow, srn: &str) -> Option<ChosenTarget> {
    let strategy = flow.strategy.as_ref()?;
    let parts: Vec<String> = srn.split(':').map(str::to_lowercase).collect();
    // `org:access_target:type:slug:version[:id]`; the id says more than the slug.
    let by_id = strategy
        .targets
        .iter()
        .find(|target| parts.last() == Some(&target.id.to_lowercase()));
    let slug = parts.get(3).or(parts.first())?;
    let found = by_id.or_else(|| {
        strategy
            .targets
            .iter()
            .find(|target| target.name.to_lowercase() == *slug)
    })?;
    Some(found.chosen())
}
