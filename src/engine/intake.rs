//! What people do in Slack: commands, the shortcut, forms, buttons. Decoded envelopes in, acknowledgements out.
//!
//! Whatever must survive is committed before the acknowledgement is returned; opening a form is not, since its trigger
//! lives three seconds and the person can type again. Everything is answered, also what is refused or not understood.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::outside::Started;
use super::signin::LINK_LIFETIME_SECONDS;
use super::{Along, Applied, Engine};
use crate::domain::effect::{AnswerTo, Attempt};
use crate::domain::event::{Event, Submission};
use crate::domain::person::{Person, Role};
use crate::domain::run::{ChannelType, MessageRef, PinnedFlow, SourceChannel};
use crate::domain::step::problem_code;
use crate::flows::catalog::Flow;
use crate::slack::inbound::{self, Inbound, Press, Submit};
use crate::slack::socket::{Envelope, EnvelopeHandler};
use crate::slack::view::{ButtonValue, FlowChoice, FormMetadata, FormView, ids};
use crate::slack::{answer, form, home, modal};

/// The engine as the socket sees it.
pub struct Intake(pub Arc<Engine>);

impl EnvelopeHandler for Intake {
    fn handle(&self, envelope: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        Box::pin(async move {
            let engine = &self.0;
            match inbound::decode(&envelope.kind, &envelope.payload) {
                Inbound::Command(command) => engine.command(command).await,
                Inbound::Shortcut(shortcut) => engine.shortcut(shortcut).await,
                Inbound::Press(press) => engine.press(&envelope.envelope_id, *press).await,
                Inbound::Submit(submit) => Some(engine.submitted(&envelope.envelope_id, *submit).await).flatten(),
                Inbound::HomeOpened { user } => engine.home_opened(user).await,
                Inbound::Nothing => None,
                Inbound::Unintelligible(odd) => engine.not_understood(&envelope, odd).await,
            }
        })
    }
}
