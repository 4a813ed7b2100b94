//! Presses of Approve and Deny. Each is on the disk before Slack is told that it arrived, also when Slack has to be asked who it
//! was: the press then waits in its run ([`effect::WaitingPress`]), time that runs out waits for it, and the look-up is an effect.

use std::sync::Arc;

use serde_json::Value;

use super::intake::{NOBODY, WHO_ARE_YOU, certain, log_trouble};
use super::outbox::Held;
use super::{Along, Applied, Engine};
use crate::domain::effect::{self, AnswerTo, EffectId};
use crate::domain::event::{Event, clean_message};
use crate::domain::run::MessageRef;
use crate::slack::answer;
use crate::slack::inbound::Press;
use crate::slack::view::{ButtonValue, ids};

impl Engine {
    /// A press of Approve or Deny.
    pub(super) async fn decide(self: &Arc<Self>, envelope_id: &str, press: Press) {
        let to = AnswerTo {
            slack_id: press.user.id.clone(),
            channel: press.channel.as_ref().map(|channel| channel.id.clone()),
            response_url: press.response_url.clone(),
        };
        let Some(button) = press.value.as_deref().and_then(ButtonValue::decode) else {
            return self.answer_later(to, answer::not_understood("BUTTON"));
        };
        let clicked = match (&press.channel, &press.message) {
            (Some(channel), Some(message)) => Some((
                MessageRef {
                    channel: channel.id.clone(),
                    ts: message.ts.clone(),
                },
                button.notification,
            )),
            _ => None,
        };
        let place = clicked.as_ref().map_or_else(String::new, |(message, _)| {
            format!("{}/{}", message.channel, message.ts)
        });
        let along = Along {
            dedup: vec![
                format!("envelope/{envelope_id}"),
                format!(
                    "press/{place}/{}/{}/{}",
                    press.action_id,
                    press.user.id,
                    press.action_ts.as_deref().unwrap_or(envelope_id)
                ),
            ],
            done: None,
        };
        let home = self.outside.directory.home();
        let pressed = effect::Press {
            verdict: button.verdict,
            external: press
                .user
                .is_external(&home.team_id, home.enterprise_id.as_deref()),
            message: decision_message(&press.state_values),
            clicked,
            answer: to.clone(),
        };
        // Whoever Slack has to be asked about is looked up when the press is on the disk.
        let event = match self.outside.directory.person_at_hand(&press.user.id) {
            Some(person) => Event::Attempted(pressed.of(person)),
            None => Event::Pressed(pressed),
        };
        match self.apply(button.run, event, along).await {
            Ok(Applied::Changed { .. } | Applied::Duplicate | Applied::Unchanged) => {}
            Ok(Applied::Unknown) => self.answer_later(to, answer::unknown_request()),
            Err(error) => {
                let done = if certain(&error) {
                    "Your press was not recorded, so nothing was decided."
                } else {
                    "It is not certain whether your press was recorded. The message will show it in a minute."
                };
                let words = self.trouble(done, &error);
                self.answer_later(to, words);
            }
        }
    }

    /// Looks up the person behind a press that is on the disk.
    pub(super) async fn identify(self: &Arc<Self>, id: EffectId) -> Result<(), Held> {
        let run = self.run(id.run).await?;
        let waiting = run.iter().flat_map(|run| &run.hooks.waiting);
        let Some(press) = waiting.into_iter().find(|press| press.number == id.number) else {
            self.done.add(id);
            return Ok(());
        };
        let slack_id = &press.press.answer.slack_id;
        let who = match self.outside.directory.person_for_decision(slack_id).await {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(log_trouble(WHO_ARE_YOU, &NOBODY)),
            Err(error) if error.fatal() => return Err(Held::Slack(error)),
            Err(error) => Err(log_trouble(WHO_ARE_YOU, &error)),
        };
        let number = id.number;
        self.conclude(id, Event::Identified { number, who }).await
    }
}

/// The text of the optional input above the buttons; blank counts as none.
fn decision_message(state_values: &Value) -> Option<String> {
    let blocks = state_values.as_object()?;
    let input = blocks
        .values()
        .find_map(|block| block.get(ids::DECISION_MESSAGE))?;
    clean_message(input.get("value")?.as_str()?)
}
