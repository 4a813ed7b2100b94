//! What a person does in Slack: typing, commands, shortcuts, clicks, forms. The one implementation behind both the browser
//! page and the tests' driver. Checks what Slack's own client checks, sends the app its envelope, and applies the answer.
//!
//! A function that tells the app something returns once the envelope is on its way, with a [`Pending`] for the answer:
//! the page lets it run, tests await it. When the app does not answer, the person gets Slack's error as a toast.

mod commands;
mod elements;
mod payload;
mod submit;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub use elements::{Place, Via};
pub use submit::Submitted;

use crate::log::ViolationKind;
use crate::shapes;
use crate::socket::{Delivered, Envelope, event_id};
use crate::workspace::Workspace;
use crate::world::Person;

/// What Slack tells the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PersonError(pub String);

impl PersonError {
    fn new(text: impl Into<String>) -> PersonError {
        PersonError(text.into())
    }
}

/// The app's answer on its way.
#[derive(Debug)]
pub struct Pending(JoinHandle<Result<(), PersonError>>);

impl Pending {
    /// Waits for the ack; the error is what the person sees when there is none.
    pub async fn answered(self) -> Result<(), PersonError> {
        match self.0.await {
            Ok(result) => result,
            Err(_) => Err(PersonError::new("the delivery was broken off")),
        }
    }

    fn nothing_to_send() -> Pending {
        Pending(tokio::spawn(async { Ok(()) }))
    }
}

/// Slack's words in a form whose submission failed.
const TROUBLE: &str = "We had some trouble connecting. Try again?";

impl Workspace {
    /// Sends an interaction that expects a bare ack; without one the person sees a toast.
    fn interact(&self, user: &str, about: &'static str, payload: Value) -> Pending {
        let (workspace, user) = (self.clone(), user.to_owned());
        Pending(tokio::spawn(async move {
            let kind = Envelope::Interactive {
                accepts_response_payload: false,
            };
            let error = match workspace.deliver(kind, about, &payload, 0).await {
                Delivered::Acked(_) => return Ok(()),
                Delivered::TimedOut => "operation_timeout",
                Delivered::Unreachable => "dispatch_failed",
            };
            let app = workspace.with(|w| w.app.name.clone());
            Err(workspace.tell(&user, format!("{app} did not respond (error \"{error}\")")))
        }))
    }

    /// Shows a person one of Slack's own messages.
    fn tell(&self, user: &str, text: String) -> PersonError {
        self.with(|w| w.add_toast(user, text.clone()));
        self.ring(user);
        PersonError(text)
    }

    /// Sends a bot event, if the app subscribed to it. The task ends when the app has it, or never will.
    fn emit(&self, event_name: &str, event: Value) -> Option<JoinHandle<()>> {
        let payload = self.with(|w| {
            if !w.app.events.iter().any(|e| e == event_name) {
                return None;
            }
            Some(json!({
                "token": w.app.verification_token, "team_id": w.team.id, "context_team_id": w.team.id,
                "context_enterprise_id": null, "api_app_id": w.app.id, "event": event, "type": "event_callback",
                "event_id": event_id(), "event_time": self.clock().unix_seconds(),
                "authorizations": [{"enterprise_id": null, "team_id": w.team.id, "user_id": w.app.bot_user,
                    "is_bot": true, "is_enterprise_install": false}],
                "is_ext_shared_channel": false,
            }))
        });
        payload.map(|payload| self.deliver_event(event_name, payload))
    }

    /// Changes a person's account and tells the app about it.
    pub(crate) fn change_person(
        &self,
        id: &str,
        change: impl FnOnce(&mut Person),
    ) -> Option<JoinHandle<()>> {
        let event = self.change(|w, clock| {
            change(w.person_mut(id)?);
            let with_email = w.app.scopes.iter().any(|scope| scope == "users:read.email");
            let user = shapes::user(w, w.person(id)?, with_email);
            Some(json!({
                "type": "user_change", "user": user, "cache_ts": clock.unix_seconds(), "event_ts": clock.ts(),
            }))
        });
        self.ring(id);
        event.and_then(|event| self.emit("user_change", event))
    }

    fn malformed_ack(&self, about: &str, detail: impl Into<String>) {
        self.violation(ViolationKind::MalformedAck, about, detail);
    }
}
