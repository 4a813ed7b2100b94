//! Messages: posting, changing, deleting; ephemerals; what people typed into a message's inputs.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Message, StateValues, World};
use crate::blocks;
use crate::clock::Clock;

/// Ephemerals vanish in Slack too, with the next reload; here the older half goes when a person has this many.
const EPHEMERALS_KEPT: usize = 1_000;

/// Versions of a message that somebody may still have before their eyes.
const EARLIER_KEPT: usize = 4;

/// A message about to be posted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Draft {
    pub(crate) user: String,
    pub(crate) by_app: bool,
    pub(crate) text: String,
    pub(crate) blocks: Option<Vec<Value>>,
    pub(crate) attachments: Option<Value>,
    pub(crate) metadata: Option<Value>,
    pub(crate) thread_ts: Option<String>,
}

impl World {
    /// Posts and returns the message. The channel must exist.
    pub(crate) fn post(&mut self, channel: &str, draft: Draft, clock: &Clock) -> Option<Message> {
        let message = new_message(channel, draft, None, clock);
        let channel = self.channel_mut(channel)?;
        if let Some(parent) = message
            .thread_ts
            .as_ref()
            .and_then(|ts| channel.messages.get_mut(ts))
        {
            parent.replies.push(message.ts.clone());
        }
        channel
            .read
            .insert(message.user.clone(), message.ts.clone());
        channel.messages.insert(message.ts.clone(), message.clone());
        Some(message)
    }

    pub(crate) fn post_ephemeral(
        &mut self,
        channel: &str,
        to: &str,
        draft: Draft,
        clock: &Clock,
    ) -> Message {
        let message = new_message(channel, draft, Some(to.to_owned()), clock);
        let all = self.ephemerals.entry(to.to_owned()).or_default();
        if all.len() == EPHEMERALS_KEPT {
            all.drain(..EPHEMERALS_KEPT / 2);
        }
        all.push(message.clone());
        message
    }

    /// A message of the channel that everybody sees.
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.channel(channel)?.messages.get(ts)
    }

    /// A message as this person sees it: their ephemerals included.
    pub fn message_for(&self, user: &str, channel: &str, ts: &str) -> Option<&Message> {
        self.message(channel, ts).or_else(|| {
            self.ephemerals(user)
                .iter()
                .find(|m| m.channel == channel && m.ts == ts)
        })
    }

    pub fn ephemerals(&self, user: &str) -> &[Message] {
        self.ephemerals.get(user).map_or(&[], Vec::as_slice)
    }

    /// Changes a message; `blocks` and `text` replace what was there.
    pub(crate) fn edit(
        &mut self,
        channel: &str,
        ts: &str,
        text: String,
        blocks: Option<Vec<Value>>,
        clock: &Clock,
    ) -> Option<Message> {
        let message = self.channel_mut(channel)?.messages.get_mut(ts)?;
        change(message, text, blocks, clock);
        Some(message.clone())
    }

    pub(crate) fn edit_ephemeral(
        &mut self,
        user: &str,
        ts: &str,
        text: String,
        blocks: Option<Vec<Value>>,
        clock: &Clock,
    ) -> bool {
        let found = self
            .ephemerals
            .get_mut(user)
            .and_then(|all| all.iter_mut().find(|m| m.ts == ts));
        match found {
            Some(message) => {
                change(message, text, blocks, clock);
                true
            }
            None => false,
        }
    }

    pub(crate) fn delete(&mut self, channel: &str, ts: &str) -> bool {
        let Some(channel) = self.channel_mut(channel) else {
            return false;
        };
        let Some(gone) = channel.messages.remove(ts) else {
            return false;
        };
        if let Some(parent) = gone
            .thread_ts
            .and_then(|parent| channel.messages.get_mut(&parent))
        {
            parent.replies.retain(|r| r != ts);
        }
        true
    }

    pub(crate) fn delete_ephemeral(&mut self, user: &str, ts: &str) -> bool {
        let Some(all) = self.ephemerals.get_mut(user) else {
            return false;
        };
        let before = all.len();
        all.retain(|m| m.ts != ts);
        all.len() < before
    }

    /// State of a message's inputs as this person left them, initial values where untouched.
    pub fn message_state(&self, user: &str, channel: &str, ts: &str) -> StateValues {
        let Some(blocks) = self
            .message_for(user, channel, ts)
            .and_then(|m| m.blocks.as_deref())
        else {
            return StateValues::new();
        };
        let key = (user.to_owned(), channel.to_owned(), ts.to_owned());
        blocks::state_of(blocks, self.message_state.get(&key), Some(channel))
    }

    pub(crate) fn enter_in_message(
        &mut self,
        user: &str,
        channel: &str,
        ts: &str,
        block_id: &str,
        action_id: &str,
        state: Value,
    ) {
        let key = (user.to_owned(), channel.to_owned(), ts.to_owned());
        blocks::put_state(
            self.message_state.entry(key).or_default(),
            block_id,
            action_id,
            state,
        );
    }
}

fn new_message(
    channel: &str,
    draft: Draft,
    ephemeral_for: Option<String>,
    clock: &Clock,
) -> Message {
    Message {
        ts: clock.next_ts(),
        channel: channel.to_owned(),
        user: draft.user,
        by_app: draft.by_app,
        text: draft.text,
        blocks: draft.blocks.map(blocks::completed),
        attachments: draft.attachments,
        metadata: draft.metadata,
        thread_ts: draft.thread_ts,
        replies: Vec::new(),
        ephemeral_for,
        edited_ts: None,
        posted_at: clock.instant(),
        edited_at: None,
        edits: 0,
        earlier: VecDeque::new(),
    }
}

fn change(message: &mut Message, text: String, blocks: Option<Vec<Value>>, clock: &Clock) {
    message.text = text;
    let before = std::mem::replace(&mut message.blocks, blocks.map(blocks::completed));
    if message.earlier.len() == EARLIER_KEPT {
        message.earlier.pop_front();
    }
    message.earlier.push_back(before);
    message.edited_ts = Some(clock.ts());
    message.edited_at = Some(clock.instant());
    message.edits += 1;
}
