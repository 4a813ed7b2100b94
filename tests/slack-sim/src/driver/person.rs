//! A person in the story: where they type, what they press, what only they see.

use serde_json::json;
use tokio::time::Instant;

use super::channel::{ChannelView, SeenMessage, button_ids, says};
use super::form::{self, Form};
use super::{DriverError, SlackSim};
use crate::blocks;
use crate::interact::Pending;
use crate::render;

#[derive(Clone)]
pub struct Person {
    slack: SlackSim,
    id: String,
}

impl Person {
    pub(super) fn new(slack: SlackSim, id: String) -> Person {
        Person { slack, id }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> String {
        self.slack.workspace().with(|w| {
            w.person(&self.id)
                .map(|p| p.name.clone())
                .unwrap_or_default()
        })
    }

    fn refused(&self, what: &str, error: &dyn std::fmt::Display) -> DriverError {
        let keys = [self.id.clone()];
        self.slack.failure(
            &format!(
                "{} to be able to {what}, but Slack says: {error}",
                self.name()
            ),
            &keys,
        )
    }

    /// Where to type.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn in_channel(&self, name: &str) -> Place {
        let channel = self.slack.channel(name);
        Place {
            person: self.clone(),
            channel: channel.id().to_owned(),
        }
    }

    /// The direct message with the app: to read and to type in.
    pub fn dm_with_bot(&self) -> ChannelView {
        let bot = self.slack.workspace().with(|w| w.app.bot_user.clone());
        ChannelView::new(self.slack.clone(), self.dm(&bot), None)
    }

    /// Types in the direct message with the app.
    pub fn in_dm_with_bot(&self) -> Place {
        Place {
            person: self.clone(),
            channel: self.dm_with_bot().id().to_owned(),
        }
    }

    /// The direct message with another person, which the app is not in.
    pub fn in_dm_with(&self, other: &str) -> Place {
        let other = self.slack.person(other).id;
        Place {
            person: self.clone(),
            channel: self.dm(&other),
        }
    }

    /// A group direct message with other people, which the app is not in.
    ///
    /// # Panics
    /// When one of them does not exist.
    pub fn in_group_with(&self, others: &[&str]) -> Place {
        let ids: Vec<String> = others.iter().map(|o| self.slack.person(o).id).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        match self.slack.workspace().open_group(&self.id, &ids) {
            Ok(channel) => Place {
                person: self.clone(),
                channel,
            },
            Err(error) => panic!("{} cannot open a group message: {error}", self.name()),
        }
    }

    fn dm(&self, other: &str) -> String {
        self.slack
            .workspace()
            .change(|w, clock| w.open_im(&self.id, other, clock).0)
    }

    /// Uses a global shortcut, by its name or callback id.
    pub async fn uses_shortcut(&self, name: &str) -> Result<Typed, DriverError> {
        let callback = self.slack.workspace().with(|w| {
            let found = w
                .app
                .shortcuts
                .iter()
                .find(|s| s.name == name || s.callback_id == name);
            found.map_or_else(|| name.to_owned(), |s| s.callback_id.clone())
        });
        let at = self.slack.workspace().clock().instant();
        let pending = self
            .slack
            .workspace()
            .shortcut(&self.id, &callback)
            .map_err(|e| self.refused("use the shortcut", &e))?;
        self.answered("use the shortcut", pending).await?;
        Ok(Typed {
            person: self.clone(),
            at,
        })
    }

    async fn answered(&self, what: &str, pending: Pending) -> Result<(), DriverError> {
        pending.answered().await.map_err(|e| self.refused(what, &e))
    }

    /// Presses a button of a message, by its text, and waits for the app's ack.
    pub async fn presses(&self, message: &SeenMessage, button: &str) -> Result<Typed, DriverError> {
        let at = self.slack.workspace().clock().instant();
        let pending = self.starts_pressing(message, button)?;
        self.answered(&format!("press \"{button}\""), pending)
            .await?;
        Ok(Typed {
            person: self.clone(),
            at,
        })
    }

    /// Presses a button without waiting for the ack: for two people at the same moment, and for what goes wrong.
    pub fn starts_pressing(
        &self,
        message: &SeenMessage,
        button: &str,
    ) -> Result<Pending, DriverError> {
        let what = format!("press \"{button}\"");
        let Some((block, action)) = message.find_button(&self.id, button) else {
            let keys = [self.id.clone(), message.channel.clone()];
            return Err(self.slack.failure(
                &format!("a button \"{button}\" in message {}", message.ts),
                &keys,
            ));
        };
        let place = (message.channel.as_str(), message.ts.as_str());
        self.slack
            .workspace()
            .press(&self.id, place, (&block, &action), None, None, None)
            .map_err(|e| self.refused(&what, &e))
    }

    /// Presses a button that the message had when the test first saw it: a click that comes too late.
    pub async fn presses_as_seen(
        &self,
        message: &SeenMessage,
        button: &str,
    ) -> Result<Typed, DriverError> {
        let at = self.slack.workspace().clock().instant();
        let what = format!("press \"{button}\" as first seen");
        let (block, action) = button_ids(&message.as_seen, button)
            .ok_or_else(|| self.refused(&what, &"the message never had this button"))?;
        let place = (message.channel.as_str(), message.ts.as_str());
        let seen = message.as_seen.blocks.as_deref();
        let pending = self
            .slack
            .workspace()
            .press(&self.id, place, (&block, &action), None, None, seen)
            .map_err(|e| self.refused(&what, &e))?;
        self.answered(&what, pending).await?;
        Ok(Typed {
            person: self.clone(),
            at,
        })
    }

    /// Fills an input of a message, by its label. The app learns of it with the next click.
    pub async fn enters(
        &self,
        message: &SeenMessage,
        label: &str,
        text: &str,
    ) -> Result<(), DriverError> {
        let keys = [message.channel.clone(), self.id.clone()];
        let what = format!("a field \"{label}\" in message {}", message.ts);
        let (block, action, state) = self
            .slack
            .wait_for(&keys, &what, |w| {
                let message = w.message_for(&self.id, &message.channel, &message.ts)?;
                let blocks = message.blocks.as_deref()?;
                let placed = form::field(blocks, label)?;
                let state = form::filled(placed.kind(), text);
                Some((
                    placed.block_id().to_owned(),
                    placed.action_id().to_owned(),
                    state,
                ))
            })
            .await?;
        let place = (message.channel.as_str(), message.ts.as_str());
        self.slack
            .workspace()
            .enter_in_message(&self.id, place, (&block, &action), &state)
            .map_err(|e| self.refused("fill in the message", &e))
    }

    /// Chooses an option of a menu in a message, by its text.
    pub async fn chooses(&self, message: &SeenMessage, option: &str) -> Result<Typed, DriverError> {
        let at = self.slack.workspace().clock().instant();
        let found = self.slack.workspace().with(|w| {
            let message = w.message_for(&self.id, &message.channel, &message.ts)?;
            blocks::elements(message.blocks.as_deref()?)
                .into_iter()
                .find_map(|placed| {
                    let option = blocks::options(placed.element)
                        .into_iter()
                        .find(|o| render::plain(&o["text"]) == option)?;
                    let state = json!({"selected_option": option});
                    Some((
                        placed.block_id().to_owned(),
                        placed.action_id().to_owned(),
                        state,
                    ))
                })
        });
        let (block, action, state) = found.ok_or_else(|| {
            self.slack.failure(
                &format!("an option \"{option}\" in message {}", message.ts),
                std::slice::from_ref(&message.channel),
            )
        })?;
        let place = (message.channel.as_str(), message.ts.as_str());
        let pending = self
            .slack
            .workspace()
            .press(&self.id, place, (&block, &action), Some(&state), None, None)
            .map_err(|e| self.refused("choose", &e))?;
        self.answered(&format!("choose \"{option}\""), pending)
            .await?;
        Ok(Typed {
            person: self.clone(),
            at,
        })
    }

    /// The dialog before this person, as soon as there is one.
    pub async fn modal(&self) -> Result<Form, DriverError> {
        self.modal_since(None).await
    }

    async fn modal_since(&self, since: Option<Instant>) -> Result<Form, DriverError> {
        let what = format!("a dialog to open before {}", self.name());
        let keys = [self.id.clone()];
        let (view_id, opened_at) = self
            .slack
            .wait_for(&keys, &what, |w| {
                let view = w.open_view(&self.id)?;
                since
                    .is_none_or(|since| view.opened_at >= since)
                    .then(|| (view.id.clone(), view.opened_at))
            })
            .await?;
        Ok(Form::new(
            self.slack.clone(),
            self.id.clone(),
            view_id,
            opened_at,
        ))
    }

    pub fn has_modal(&self) -> bool {
        self.slack
            .workspace()
            .with(|w| w.open_view(&self.id).is_some())
    }

    /// Waits until no dialog is open.
    pub async fn expects_no_modal(&self) -> Result<(), DriverError> {
        let keys = [self.id.clone()];
        let what = format!("no dialog before {}", self.name());
        self.slack
            .wait_for(&keys, &what, |w| {
                w.open_view(&self.id).is_none().then_some(())
            })
            .await
    }

    /// Texts of the messages that only this person sees, oldest first.
    pub fn ephemerals(&self) -> Vec<String> {
        self.slack.workspace().with(|w| {
            w.ephemerals(&self.id)
                .iter()
                .map(|m| render::message(w, m))
                .collect()
        })
    }

    /// The next message only for this person that says `text`.
    pub async fn expects_ephemeral(&self, text: &str) -> Result<SeenMessage, DriverError> {
        let cursor = format!("ephemerals of {}", self.id);
        let after = self.slack.seen_until(&cursor);
        let what = format!("a message only for {} saying \"{text}\"", self.name());
        let keys = [self.id.clone()];
        let found = self
            .slack
            .wait_for(&keys, &what, |w| {
                let message = w
                    .ephemerals(&self.id)
                    .iter()
                    .find(|m| m.ts > after && says(w, m, text))?;
                Some(SeenMessage::new(self.slack.clone(), message))
            })
            .await?;
        self.slack.mark_seen(&cursor, &found.ts);
        Ok(found)
    }

    /// Slack's own errors before this person.
    pub fn toasts(&self) -> Vec<String> {
        self.slack
            .workspace()
            .with(|w| w.toasts(&self.id).iter().map(|t| t.text.clone()).collect())
    }

    pub async fn expects_toast(&self, text: &str) -> Result<(), DriverError> {
        let what = format!("Slack to tell {} \"{text}\"", self.name());
        let keys = [self.id.clone()];
        let fits = |w: &crate::world::World| {
            w.toasts(&self.id)
                .iter()
                .any(|t| t.text.contains(text))
                .then_some(())
        };
        self.slack.wait_for(&keys, &what, fits).await
    }

    /// Looks at the app's home tab.
    pub fn opens_home(&self) -> Result<Home, DriverError> {
        self.slack
            .workspace()
            .open_home(&self.id)
            .map_err(|e| self.refused("open App Home", &e))?;
        Ok(Home {
            person: self.clone(),
        })
    }

    pub fn joins(&self, channel: &str) {
        let id = self.slack.channel(channel).id().to_owned();
        self.slack.workspace().join(&self.id, &id);
    }
}

/// A conversation in which a person types.
#[derive(Clone)]
pub struct Place {
    person: Person,
    channel: String,
}

impl Place {
    pub fn channel_id(&self) -> &str {
        &self.channel
    }

    /// Types a message, or a slash command (and waits for its ack).
    pub async fn types(&self, text: &str) -> Result<Typed, DriverError> {
        let at = self.person.slack.workspace().clock().instant();
        if let Some(pending) = self.starts_typing(text)? {
            self.person
                .answered(&format!("type \"{text}\""), pending)
                .await?;
        }
        Ok(Typed {
            person: self.person.clone(),
            at,
        })
    }

    /// Types without waiting for the ack; `None` for what is not a command.
    pub fn starts_typing(&self, text: &str) -> Result<Option<Pending>, DriverError> {
        let workspace = self.person.slack.workspace();
        let refused = |e| self.person.refused(&format!("type \"{text}\""), &e);
        if text.starts_with('/') {
            return workspace
                .command(&self.person.id, &self.channel, text)
                .map(Some)
                .map_err(refused);
        }
        workspace
            .say(&self.person.id, &self.channel, text)
            .map(|_| None)
            .map_err(refused)
    }
}

/// Something a person did that the app may answer with a dialog.
pub struct Typed {
    person: Person,
    /// When it was done.
    pub at: Instant,
}

impl Typed {
    pub(super) fn new(person: Person, at: Instant) -> Typed {
        Typed { person, at }
    }

    /// The dialog that opens in answer.
    pub async fn modal(&self) -> Result<Form, DriverError> {
        self.person.modal_since(Some(self.at)).await
    }
}

/// The app's home tab before a person.
pub struct Home {
    person: Person,
}

impl Home {
    pub fn text(&self) -> String {
        let id = &self.person.id;
        self.person.slack.workspace().with(|w| {
            w.home(id)
                .map(|v| render::blocks(w, &v.blocks))
                .unwrap_or_default()
        })
    }

    pub async fn expects_text(&self, text: &str) -> Result<(), DriverError> {
        let lower = text.to_lowercase();
        let id = &self.person.id;
        let what = format!("App Home of {} to say \"{text}\"", self.person.name());
        self.person
            .slack
            .wait_for(std::slice::from_ref(id), &what, |w| {
                let home = w.home(id)?;
                render::blocks(w, &home.blocks)
                    .to_lowercase()
                    .contains(&lower)
                    .then_some(())
            })
            .await
    }

    pub async fn presses(&self, button: &str) -> Result<Typed, DriverError> {
        let workspace = self.person.slack.workspace();
        let at = workspace.clock().instant();
        let view = workspace.with(|w| w.home(&self.person.id).map(|v| v.id.clone()));
        let view = view.ok_or_else(|| {
            self.person
                .refused("press on App Home", &"nothing was published")
        })?;
        Form::new(self.person.slack.clone(), self.person.id.clone(), view, at)
            .press(button)
            .await?;
        Ok(Typed {
            person: self.person.clone(),
            at,
        })
    }
}
