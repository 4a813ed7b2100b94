//! The state of the workspace: people, conversations, messages, views, trigger ids and response URLs, with the look-ups
//! and changes that keep it consistent. Knows nothing of HTTP, sockets, envelopes or validation; those parts lock it,
//! change it and ring [`crate::signals::Signals`].

mod build;
mod conversations;
pub(crate) mod messages;
mod tokens;
pub(crate) mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::{Map, Value};
use tokio::time::Instant;

pub(crate) use tokens::TriggerRefusal;
pub(crate) use views::ViewSpec;

/// Values of the inputs of one view or message: block id → action id → state as in `state.values`.
pub type StateValues = Map<String, Value>;

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub real_name: String,
    pub display_name: String,
    pub title: String,
    pub email: Option<String>,
    pub is_admin: bool,
    pub is_owner: bool,
    pub is_restricted: bool,
    pub is_ultra_restricted: bool,
    pub is_bot: bool,
    pub deleted: bool,
    pub is_stranger: bool,
    pub tz: String,
    pub tz_offset: i64,
}

impl Person {
    /// What others see: the display name, or the real name where there is none.
    pub fn shown_name(&self) -> &str {
        if self.display_name.is_empty() {
            &self.real_name
        } else {
            &self.display_name
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Public,
    Private,
    Im,
    Mpim,
}

#[derive(Debug)]
pub struct Channel {
    pub id: String,
    /// Without `#`; empty for direct messages.
    pub name: String,
    pub kind: Kind,
    pub archived: bool,
    pub topic: String,
    pub created: u64,
    pub creator: String,
    pub members: BTreeSet<String>,
    /// By timestamp, thread replies included.
    pub messages: BTreeMap<String, Message>,
    /// Timestamp up to which a person has read.
    pub read: HashMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub ts: String,
    pub channel: String,
    pub user: String,
    /// Written by the app.
    pub by_app: bool,
    pub text: String,
    pub blocks: Option<Vec<Value>>,
    pub attachments: Option<Value>,
    pub metadata: Option<Value>,
    pub thread_ts: Option<String>,
    /// Timestamps of replies, if this is the start of a thread.
    pub replies: Vec<String>,
    /// Only this person sees it.
    pub ephemeral_for: Option<String>,
    pub edited_ts: Option<String>,
    /// For measuring.
    pub posted_at: Instant,
    pub edited_at: Option<Instant>,
    /// How often it was changed.
    pub edits: u32,
    /// The blocks that it had before its last few changes, the oldest first.
    pub(crate) earlier: VecDeque<Option<Vec<Value>>>,
}

impl Message {
    /// The blocks that it had after `edits` changes, unless that is too long ago.
    pub(crate) fn blocks_at(&self, edits: u32) -> Option<&[Value]> {
        let ago = self.edits.checked_sub(edits)? as usize;
        let blocks = match self.earlier.len().checked_sub(ago)? {
            at if ago > 0 => self.earlier.get(at)?,
            _ => &self.blocks,
        };
        Some(blocks.as_deref().unwrap_or_default())
    }
}

#[derive(Debug, Clone)]
pub struct View {
    pub id: String,
    pub user: String,
    pub kind: String,
    pub callback_id: String,
    pub title: Value,
    pub submit: Value,
    pub close: Value,
    pub blocks: Vec<Value>,
    pub private_metadata: String,
    pub clear_on_close: bool,
    pub notify_on_close: bool,
    pub external_id: String,
    pub hash: String,
    pub root_view_id: String,
    pub previous_view_id: Option<String>,
    pub state: StateValues,
    /// Block id → text, from the app's answer or from Slack's own checks.
    pub errors: BTreeMap<String, String>,
    /// A submission waits for its answer.
    pub loading: bool,
    /// Where the person was when it opened: `default_to_current_conversation` means this.
    pub from_channel: Option<String>,
    pub opened_at: Instant,
    pub updated_at: Instant,
    pub updates: u32,
}

#[derive(Debug, Clone)]
pub struct UserGroup {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub members: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Toast {
    pub id: String,
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Team {
    pub id: String,
    pub name: String,
    pub domain: String,
}

#[derive(Debug, Clone)]
pub struct App {
    pub id: String,
    pub name: String,
    pub bot_id: String,
    pub bot_user: String,
    pub bot_token: String,
    pub app_token: String,
    pub verification_token: String,
    pub commands: Vec<crate::setup::CommandSetup>,
    pub shortcuts: Vec<crate::setup::ShortcutSetup>,
    pub events: Vec<String>,
    pub scopes: Vec<String>,
    pub home_tab: bool,
}

/// What a response URL leads back to.
#[derive(Debug, Clone)]
pub(crate) struct ResponseUrl {
    pub(crate) channel: String,
    pub(crate) user: String,
    /// The message it may replace or delete.
    pub(crate) message_ts: Option<String>,
    pub(crate) made: Instant,
    pub(crate) uses: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) user: String,
    pub(crate) channel: Option<String>,
    pub(crate) made: Instant,
    pub(crate) used: bool,
}

pub struct World {
    pub team: Team,
    pub app: App,
    people: Vec<Person>,
    people_by_id: HashMap<String, usize>,
    channels: Vec<Channel>,
    channels_by_id: HashMap<String, usize>,
    channels_by_name: HashMap<String, usize>,
    /// Two people → their direct message.
    ims: HashMap<(String, String), String>,
    mpims: HashMap<BTreeSet<String>, String>,
    pub user_groups: Vec<UserGroup>,
    views: HashMap<String, View>,
    /// Person → open views, the visible one last.
    stacks: HashMap<String, Vec<String>>,
    homes: HashMap<String, String>,
    /// (person, channel, ts) → what they entered into the message's inputs.
    message_state: HashMap<(String, String, String), StateValues>,
    /// Person → channel → ephemeral messages only they see. Apart from `messages`, because nobody else finds them.
    ephemerals: HashMap<String, Vec<Message>>,
    toasts: HashMap<String, Vec<Toast>>,
    triggers: HashMap<String, Trigger>,
    trigger_order: VecDeque<String>,
    response_urls: HashMap<String, ResponseUrl>,
    response_url_order: VecDeque<String>,
}
