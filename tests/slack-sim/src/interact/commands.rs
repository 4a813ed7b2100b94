//! Typing: messages, slash commands, the shortcut; opening direct messages and App Home; reading.

use serde_json::json;

use super::{Pending, PersonError};
use crate::shapes;
use crate::socket::{Delivered, Envelope};
use crate::workspace::Workspace;
use crate::world::Kind;
use crate::world::messages::Draft;

impl Workspace {
    /// Whether a person may type there.
    fn may_type(&self, user: &str, channel: &str) -> Result<(), PersonError> {
        self.with(|w| {
            let person = w
                .person(user)
                .ok_or_else(|| PersonError::new("There is no such person."))?;
            if person.deleted {
                return Err(PersonError::new("Your account has been deactivated."));
            }
            let channel = w
                .channel(channel)
                .filter(|c| w.can_see(user, c))
                .ok_or_else(|| PersonError::new("There is no such conversation."))?;
            if channel.archived {
                return Err(PersonError::new(format!(
                    "#{} has been archived.",
                    channel.name
                )));
            }
            if !channel.members.contains(user) {
                return Err(PersonError::new(format!(
                    "You are not in #{}. Join it first.",
                    channel.name
                )));
            }
            Ok(())
        })
    }

    /// Posts as a person; returns the timestamp.
    pub fn say(&self, user: &str, channel: &str, text: &str) -> Result<String, PersonError> {
        self.say_in_thread(user, channel, text, None)
    }

    pub fn say_in_thread(
        &self,
        user: &str,
        channel: &str,
        text: &str,
        thread_ts: Option<&str>,
    ) -> Result<String, PersonError> {
        if text.trim().is_empty() {
            return Err(PersonError::new("There is nothing to send."));
        }
        self.may_type(user, channel)?;
        let escaped = escaped(text);
        let (message, kind, with_bot, team) = self.change(|w, clock| {
            let draft = Draft {
                user: user.to_owned(),
                text: escaped,
                thread_ts: thread_ts.map(str::to_owned),
                ..Draft::default()
            };
            let message = w.post(channel, draft, clock);
            let found = w.channel(channel);
            let kind = found.map_or(Kind::Public, |c| c.kind);
            let with_bot = found.is_some_and(|c| w.bot_is_in(c));
            (message, kind, with_bot, w.team.id.clone())
        });
        let message = message.ok_or_else(|| PersonError::new("There is no such conversation."))?;
        self.ring(channel);
        if with_bot {
            let (name, channel_type) = match kind {
                Kind::Public => ("message.channels", "channel"),
                Kind::Private => ("message.groups", "group"),
                Kind::Im => ("message.im", "im"),
                Kind::Mpim => ("message.mpim", "mpim"),
            };
            let mut event = self.with(|w| shapes::message(w, &message));
            let more = json!({
                "client_msg_id": uuid::Uuid::new_v4().to_string(), "team": team, "channel": channel,
                "event_ts": message.ts, "channel_type": channel_type,
            });
            shapes::merge(&mut event, more);
            self.emit(name, event);
        }
        Ok(message.ts)
    }

    /// Types a slash command, such as `/sym req approval`.
    pub fn command(&self, user: &str, channel: &str, text: &str) -> Result<Pending, PersonError> {
        let text = text.trim();
        let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        self.may_type(user, channel)?;
        let (known, single_channel) = self.with(|w| {
            let known = w.app.commands.iter().any(|c| c.command == command);
            (known, w.person(user).is_some_and(|p| p.is_ultra_restricted))
        });
        if !known {
            return Err(PersonError::new(format!(
                "{command} is not a valid command."
            )));
        }
        if single_channel {
            return Err(PersonError::new(format!(
                "Guests of a single channel cannot use {command}."
            )));
        }
        let payload = self.slash_payload(user, channel, command, &escaped(rest.trim()));
        let (workspace, user) = (self.clone(), user.to_owned());
        let (channel, command) = (channel.to_owned(), command.to_owned());
        Ok(Pending(tokio::spawn(async move {
            let error = match workspace
                .deliver(Envelope::SlashCommands, "slash_commands", &payload, 0)
                .await
            {
                Delivered::Acked(answer) if answer.is_null() => return Ok(()),
                Delivered::Acked(answer) => {
                    let Err(problem) = workspace.answer_command(&channel, &user, &answer) else {
                        return Ok(());
                    };
                    workspace.malformed_ack("slash_commands", problem);
                    "invalid_command_response"
                }
                Delivered::TimedOut => "operation_timeout",
                Delivered::Unreachable => "dispatch_failed",
            };
            Err(workspace.tell(
                &user,
                format!("{command} failed with the error \"{error}\""),
            ))
        })))
    }

    /// Uses a global shortcut.
    pub fn shortcut(&self, user: &str, callback_id: &str) -> Result<Pending, PersonError> {
        if !self.with(|w| w.app.shortcuts.iter().any(|s| s.callback_id == callback_id)) {
            return Err(PersonError::new("There is no such shortcut."));
        }
        let payload = self.shortcut_payload(user, callback_id);
        Ok(self.interact(user, "shortcut", payload))
    }

    /// Looks at the app's home tab.
    pub fn open_home(&self, user: &str) -> Result<(), PersonError> {
        let event = self.change(|w, clock| {
            let bot = w.app.bot_user.clone();
            let (channel, _) = w.open_im(&bot, user, clock);
            let mut event = json!({
                "type": "app_home_opened", "user": user, "channel": channel, "tab": "home", "event_ts": clock.ts(),
            });
            if let Some(view) = w.home(user) {
                event["view"] = shapes::view(w, view);
            }
            event
        });
        self.emit("app_home_opened", event);
        Ok(())
    }

    /// Opens a direct message with a person or the app; returns its id.
    pub fn open_dm(&self, user: &str, with: &str) -> Result<String, PersonError> {
        self.open_group(user, &[with])
    }

    /// Opens a direct message with one or several people; returns its id.
    pub fn open_group(&self, user: &str, with: &[&str]) -> Result<String, PersonError> {
        let id = self.change(|w, clock| {
            if with.iter().any(|other| w.person(other).is_none()) {
                return Err(PersonError::new("There is no such person."));
            }
            if let [one] = with {
                return Ok(w.open_im(user, one, clock).0);
            }
            let mut members: std::collections::BTreeSet<String> =
                with.iter().map(|&m| m.to_owned()).collect();
            members.insert(user.to_owned());
            Ok(w.open_mpim(members, clock).0)
        })?;
        self.ring(user);
        Ok(id)
    }

    /// Marks a conversation as read.
    pub fn read(&self, user: &str, channel: &str) {
        let moved = self.with(|w| {
            let Some(channel) = w.channel_mut(channel) else {
                return false;
            };
            let Some(last) = channel.messages.keys().next_back().cloned() else {
                return false;
            };
            channel
                .read
                .insert(user.to_owned(), last.clone())
                .is_none_or(|before| before != last)
        });
        if moved {
            self.ring(user);
        }
    }

    pub fn dismiss_toast(&self, user: &str, id: &str) {
        self.with(|w| w.dismiss_toast(user, id));
        self.ring(user);
    }

    /// A person enters a public channel.
    pub fn join(&self, user: &str, channel: &str) {
        self.with(|w| {
            if let Some(channel) = w.channel_mut(channel) {
                channel.members.insert(user.to_owned());
            }
        });
        self.ring(channel);
    }
}

/// What people type reaches apps with Slack's three entities.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
