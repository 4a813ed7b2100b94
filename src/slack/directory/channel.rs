//! Channels as the directory keeps them, and the names that flows see for them.

use serde_json::Value;

use crate::domain::run::{ChannelType, SourceChannel};

/// The kinds of conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    Public,
    Private,
    /// Direct message with one person.
    Im,
    /// Direct message with several.
    Mpim,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: String,
    /// Without `#`; direct messages have none.
    pub name: Option<String>,
    pub kind: ChannelKind,
    pub archived: bool,
    /// Whether the app is in it.
    pub member: bool,
}

impl Channel {
    pub(super) fn read(channel: &Value) -> Option<Self> {
        let flag = |key: &str| channel[key].as_bool() == Some(true);
        let id = channel["id"].as_str().filter(|id| !id.is_empty())?;
        let kind = if flag("is_im") {
            ChannelKind::Im
        } else if flag("is_mpim") {
            ChannelKind::Mpim
        } else if flag("is_private") || flag("is_group") {
            ChannelKind::Private
        } else {
            ChannelKind::Public
        };
        Some(Self {
            id: id.to_owned(),
            name: channel["name"]
                .as_str()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            kind,
            archived: flag("is_archived"),
            member: flag("is_member"),
        })
    }

    /// What stands for a conversation that Slack does not show to the app.
    pub(super) fn hidden(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: None,
            kind: ChannelKind::Private,
            archived: false,
            member: false,
        }
    }

    /// A direct message can be told by its id.
    pub(super) fn from_id(id: &str) -> Option<Self> {
        id.starts_with('D').then(|| Self {
            kind: ChannelKind::Im,
            ..Self::hidden(id)
        })
    }

    /// `#name` for public channels, the id for all others: names of private channels are nobody else's business.
    #[must_use]
    pub fn identifier(&self) -> String {
        match (&self.name, self.kind) {
            (Some(name), ChannelKind::Public) => format!("#{name}"),
            _ => self.id.clone(),
        }
    }

    /// The channel as the source of a request.
    #[must_use]
    pub fn as_source(&self) -> SourceChannel {
        SourceChannel {
            kind: ChannelType::Slack,
            id: Some(self.id.clone()),
            identifier: Some(self.identifier()),
        }
    }
}
