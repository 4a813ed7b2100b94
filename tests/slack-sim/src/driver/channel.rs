//! Conversations and messages as tests look at them.

use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::{DriverError, SlackSim};
use crate::blocks;
use crate::render;
use crate::world::{Message, World};

/// A conversation, read from where the story has come to.
#[derive(Clone)]
pub struct ChannelView {
    slack: SlackSim,
    id: String,
    /// A reader of its own, for those who wait beside others; `None` shares the story's.
    from: Option<String>,
}

impl ChannelView {
    pub(super) fn new(slack: SlackSim, id: String, from: Option<String>) -> ChannelView {
        ChannelView { slack, id, from }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// A reader that begins with what is posted from now on and does not disturb others: for many people at a time.
    pub fn from_now(&self) -> ChannelView {
        let last = self.slack.workspace().with(|w| {
            w.channel(&self.id)
                .and_then(|c| c.messages.keys().next_back().cloned())
                .unwrap_or_default()
        });
        ChannelView {
            from: Some(last),
            ..self.clone()
        }
    }

    /// All messages as text, oldest first.
    pub fn texts(&self) -> Vec<String> {
        self.slack.workspace().with(|w| {
            w.channel(&self.id)
                .map(|c| c.messages.values().map(|m| render::message(w, m)).collect())
                .unwrap_or_default()
        })
    }

    pub fn message_count(&self) -> usize {
        self.slack
            .workspace()
            .with(|w| w.channel(&self.id).map_or(0, |c| c.messages.len()))
    }

    /// The newest message.
    pub fn last_message(&self) -> Option<SeenMessage> {
        self.slack.workspace().with(|w| {
            let message = w.channel(&self.id)?.messages.values().next_back()?;
            Some(SeenMessage::new(self.slack.clone(), message))
        })
    }

    /// The next message that has buttons.
    pub async fn next_request(&mut self) -> Result<SeenMessage, DriverError> {
        self.next_where("a message with buttons", |_, m| {
            m.blocks.as_deref().is_some_and(has_buttons)
        })
        .await
    }

    /// The next message.
    pub async fn next_message(&mut self) -> Result<SeenMessage, DriverError> {
        self.next_where("a message", |_, _| true).await
    }

    /// The next message that says `text`, in any letter case.
    pub async fn expects_text(&mut self, text: &str) -> Result<SeenMessage, DriverError> {
        self.next_where(&format!("a message saying \"{text}\""), |w, m| {
            says(w, m, text)
        })
        .await
    }

    /// The next message that fits; what comes before it is passed over.
    pub async fn next_where(
        &mut self,
        what: &str,
        fits: impl Fn(&World, &Message) -> bool,
    ) -> Result<SeenMessage, DriverError> {
        let mut after = self
            .from
            .clone()
            .unwrap_or_else(|| self.slack.seen_until(&self.id));
        let name = self.slack.workspace().with(|w| {
            let named = w
                .channel(&self.id)
                .map(|c| c.name.clone())
                .filter(|n| !n.is_empty());
            named.map_or_else(|| "the direct message".to_owned(), |n| format!("#{n}"))
        });
        let what = format!("{what} in {name}");
        let id = self.id.clone();
        let slack = self.slack.clone();
        let found = slack
            .wait_for(std::slice::from_ref(&id), &what, |w| {
                let newer = (Bound::Excluded(after.clone()), Bound::Unbounded);
                for message in w.channel(&id)?.messages.range(newer).map(|(_, m)| m) {
                    if fits(w, message) {
                        return Some(SeenMessage::new(slack.clone(), message));
                    }
                    after.clone_from(&message.ts);
                }
                None
            })
            .await?;
        match &mut self.from {
            Some(from) => from.clone_from(&found.ts),
            None => self.slack.mark_seen(&self.id, &found.ts),
        }
        Ok(found)
    }
}

fn has_buttons(all: &[Value]) -> bool {
    blocks::elements(all).iter().any(|p| p.kind() == "button")
}

/// Whether what people read, or the text of the notification, has `text` in it, in any letter case.
pub(super) fn says(w: &World, message: &Message, text: &str) -> bool {
    let text = text.to_lowercase();
    render::message(w, message).to_lowercase().contains(&text)
        || render::mrkdwn(w, &message.text)
            .to_lowercase()
            .contains(&text)
}

/// A message that a test has seen; what it shows is read anew each time.
#[derive(Clone)]
pub struct SeenMessage {
    pub(super) slack: SlackSim,
    pub channel: String,
    pub ts: String,
    /// Whose ephemeral it is.
    pub(super) viewer: Option<String>,
    pub posted_at: Instant,
    /// As it was when the test first saw it: what stays on a screen that has not been redrawn.
    pub(super) as_seen: Arc<Message>,
}

impl std::fmt::Debug for SeenMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "message {} in {}: {}",
            self.ts,
            self.channel,
            self.text()
        )
    }
}

impl SeenMessage {
    pub(super) fn new(slack: SlackSim, message: &Message) -> SeenMessage {
        SeenMessage {
            slack,
            channel: message.channel.clone(),
            ts: message.ts.clone(),
            viewer: message.ephemeral_for.clone(),
            posted_at: message.posted_at,
            as_seen: Arc::new(message.clone()),
        }
    }

    fn look<R>(&self, look: impl FnOnce(&World, &Message) -> R) -> Option<R> {
        self.slack.workspace().with(|w| {
            let message = match &self.viewer {
                Some(viewer) => w.message_for(viewer, &self.channel, &self.ts),
                None => w.message(&self.channel, &self.ts),
            };
            message.map(|m| look(w, m))
        })
    }

    /// What people read now; empty once it is deleted.
    pub fn text(&self) -> String {
        self.look(render::message).unwrap_or_default()
    }

    /// The message as it is now.
    pub fn current(&self) -> Option<Message> {
        self.look(|_, m| m.clone())
    }

    pub fn is_deleted(&self) -> bool {
        self.look(|_, _| ()).is_none()
    }

    /// Texts of its buttons now.
    pub fn buttons(&self) -> Vec<String> {
        self.look(|_, m| {
            blocks::elements(m.blocks.as_deref().unwrap_or_default())
                .iter()
                .filter(|p| p.kind() == "button")
                .map(|p| render::plain(&p.element["text"]))
                .collect()
        })
        .unwrap_or_default()
    }

    /// Texts of the replies in its thread.
    pub fn replies(&self) -> Vec<String> {
        self.look(|w, m| {
            m.replies
                .iter()
                .filter_map(|ts| w.message(&m.channel, ts))
                .map(|r| render::message(w, r))
                .collect()
        })
        .unwrap_or_default()
    }

    /// When it was last changed.
    pub fn edited_at(&self) -> Option<Instant> {
        self.look(|_, m| m.edited_at).flatten()
    }

    async fn expects(
        &self,
        what: &str,
        fits: impl Fn(&World, &Message) -> bool,
    ) -> Result<SeenMessage, DriverError> {
        let mut keys = vec![self.channel.clone()];
        keys.extend(self.viewer.clone());
        self.slack
            .wait_for(&keys, what, |w| {
                let message = match &self.viewer {
                    Some(viewer) => w.message_for(viewer, &self.channel, &self.ts),
                    None => w.message(&self.channel, &self.ts),
                }?;
                fits(w, message).then_some(())
            })
            .await?;
        Ok(self.clone())
    }

    /// Waits until it says `text`, in any letter case.
    pub async fn expects_text(&self, text: &str) -> Result<SeenMessage, DriverError> {
        self.expects(&format!("message {} to say \"{text}\"", self.ts), |w, m| {
            says(w, m, text)
        })
        .await
    }

    pub async fn expects_no_buttons(&self) -> Result<SeenMessage, DriverError> {
        let what = format!("message {} to lose its buttons", self.ts);
        self.expects(&what, |_, m| !m.blocks.as_deref().is_some_and(has_buttons))
            .await
    }

    pub async fn expects_reply(&self, text: &str) -> Result<SeenMessage, DriverError> {
        let what = format!("a reply saying \"{text}\" to message {}", self.ts);
        self.expects(&what, |w, m| {
            m.replies
                .iter()
                .filter_map(|ts| w.message(&m.channel, ts))
                .any(|r| says(w, r, text))
        })
        .await
    }

    pub async fn expects_deletion(&self) -> Result<(), DriverError> {
        let what = format!("message {} to be deleted", self.ts);
        let keys = [self.channel.clone()];
        self.slack
            .wait_for(&keys, &what, |w| {
                w.message(&self.channel, &self.ts).is_none().then_some(())
            })
            .await
    }

    pub(super) fn find_button(&self, user: &str, label: &str) -> Option<(String, String)> {
        self.slack.workspace().with(|w| {
            let message = w.message_for(user, &self.channel, &self.ts)?;
            button_ids(message, label)
        })
    }
}

/// Block id and action id of the button with this text.
pub(super) fn button_ids(message: &Message, label: &str) -> Option<(String, String)> {
    let placed = blocks::elements(message.blocks.as_deref()?)
        .into_iter()
        .find(|p| render::plain(&p.element["text"]) == label || p.action_id() == label)?;
    Some((placed.block_id().to_owned(), placed.action_id().to_owned()))
}
