//! Carries out [`Effect::Route`](crate::domain::effect::Effect::Route): asks the reducers of a request, and turns the answer
//! into an event. `on_request` is asked in the same round trip, see [`super::hooks`].

use std::sync::Arc;

use super::Engine;
use super::calls::Asking;
use super::outbox::Held;
use crate::domain::effect::EffectId;
use crate::domain::event::{Event, Routing};
use crate::domain::field::SubmittedField;
use crate::domain::hook::{EventName, Firing, Otherwise, Work};
use crate::domain::permission::{Audience, Level, Permissions};
use crate::domain::routing::{Legacy, Notification};
use crate::domain::run::Run;
use crate::flows::catalog::Flow;
use crate::policy::types::{FailureKind, HandlerAnswer, HandlerFailure};
use crate::store::contract::StoreError;

/// The reducers of a request, in the order in which they are called.
const REDUCERS: [&str; 2] = ["get_permissions", "get_request_notifications"];
/// The one that they replaced.
const FORMER_REDUCER: &str = "get_approvers";
/// The one that says when a request expires, called where the flow has it.
const TIMEOUT_REDUCER: &str = "get_timeout";

impl Engine {
    pub(super) async fn route(self: &Arc<Self>, id: EffectId) -> Result<(), Held> {
        let Some(run) = self.run(id.run).await? else {
            self.done.add(id);
            return Ok(());
        };
        let event = match self.ask_reducers(&run).await? {
            Ok(routing) => Event::Routed(routing),
            // No worker could be had, or no answer of Slack: that says nothing about the request.
            Err(failure) if failure.kind == FailureKind::Unavailable => {
                return Err(Held::Later(failure.to_string()));
            }
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                return Err(Held::Unreachable(failure.to_string()));
            }
            Err(failure) => self.routing_failed(&run, &failure),
        };
        match self.conclude(id, event).await {
            Err(Held::Store(error @ StoreError::TooLarge { .. })) => {
                let failure = too_much(&error);
                self.conclude(id, self.routing_failed(&run, &failure)).await
            }
            concluded => concluded,
        }
    }

    fn routing_failed(&self, run: &Run, failure: &HandlerFailure) -> Event {
        Event::RoutingFailed {
            error: self.handler_failed(run.id, run.revision, &run.flow.name, failure),
        }
    }

    async fn ask_reducers(
        self: &Arc<Self>,
        run: &Run,
    ) -> Result<Result<Routing, HandlerFailure>, Held> {
        let flow = match self.flow_of(run).await? {
            Ok(flow) => flow,
            Err(failure) => return Ok(Err(failure)),
        };
        let firing = Firing {
            work: Work::Request,
            by: run.requester.clone(),
            via: run.source.kind,
            at: run.created_at,
            fields: serde_json::Map::new(),
            chain: vec![EventName::Request],
            pressed: None,
            otherwise: Otherwise::Nothing,
        };
        let (input, named) = self.event_input(run, &flow, &firing).await;
        let asking = Asking {
            flow: &flow,
            code: &flow.implementation,
            run: Some(run),
            deadline: self.outside.handler_timeout,
        };
        let answer = match self.call_handlers(asking, reducers(&flow), input).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(routing(answer, named))
    }
}

/// The reducers to call. `get_approvers` counts only where `get_permissions` is absent (open question 15).
pub(crate) fn reducers(flow: &Flow) -> Vec<String> {
    let former = !flow.has_handler(REDUCERS[0]) && flow.has_handler(FORMER_REDUCER);
    let mut names = if former {
        vec![FORMER_REDUCER.to_owned()]
    } else {
        REDUCERS.map(str::to_owned).to_vec()
    };
    if flow.has_handler(TIMEOUT_REDUCER) {
        names.push(TIMEOUT_REDUCER.to_owned());
    }
    names
}

/// Notifications that would wait for ever end with the expiry of the request after the seconds that `get_timeout` named.
fn expiring(
    mut notifications: Vec<Notification>,
    seconds: Option<i64>,
    permissions: &Permissions,
) -> Vec<Notification> {
    if seconds.is_none() {
        return notifications;
    }
    let waiting = notifications
        .iter_mut()
        .filter(|notification| notification.timeout_seconds.is_none());
    for notification in waiting {
        notification.timeout_seconds = seconds;
        let legacy = notification.legacy.get_or_insert(Legacy {
            allow_self: permissions.allow_self_approval,
            continue_on_failure: true,
            continue_on_timeout: false,
        });
        legacy.continue_on_timeout = false;
    }
    notifications
}

/// What the reducers said.
///
/// # Errors
/// When there is no rule for who may decide.
pub(crate) fn routing(
    answer: HandlerAnswer,
    fields: Option<Vec<SubmittedField>>,
) -> Result<Routing, HandlerFailure> {
    let seconds = answer.timeout_seconds;
    if let Some(permissions) = answer.permissions {
        let notifications = answer.notifications.unwrap_or_default();
        return Ok(Routing {
            notifications: expiring(notifications, seconds, &permissions),
            permissions,
            expires_after: seconds,
            fields,
        });
    }
    if let Some(notifications) = answer.approvers {
        // As published for the change to the new reducers; self-approval follows the destination in use.
        let allow_self_approval = notifications
            .first()
            .and_then(|first| first.legacy)
            .is_some_and(|legacy| legacy.allow_self);
        let permissions = Permissions {
            webapp_view: Audience::Level(Level::Admin),
            approve_deny: Audience::Level(Level::Member),
            allow_self_approval,
        };
        return Ok(Routing {
            notifications: expiring(notifications, seconds, &permissions),
            permissions,
            expires_after: seconds,
            fields,
        });
    }
    Err(HandlerFailure {
        handler: Some(REDUCERS[0].to_owned()),
        ..HandlerFailure::new(
            FailureKind::WrongResult,
            "the flow has no get_permissions".to_owned(),
        )
    })
}

/// For answers that the store does not take.
pub(super) fn too_much(error: &StoreError) -> HandlerFailure {
    HandlerFailure::new(
        FailureKind::WrongResult,
        format!("the handlers returned too much: {error}"),
    )
}
