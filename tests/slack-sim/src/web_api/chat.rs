//! `chat.*`: posting, changing and deleting messages, and where the app may.

use serde_json::{Value, json};

use super::{ApiError, ApiResult, Args};
use crate::log::ViolationKind;
use crate::shapes;
use crate::validate;
use crate::workspace::Workspace;
use crate::world::messages::Draft;
use crate::world::{Kind, Message, World};

/// Slack cuts longer texts of new messages, and refuses them in `chat.update` above 4,000 bytes.
const TEXT_CUT_AT_CHARS: usize = 40_000;
const UPDATE_TEXT_MAX_BYTES: usize = 4_000;

/// What a message says, validated.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) text: String,
    pub(super) blocks: Option<Vec<Value>>,
    pub(super) attachments: Option<Value>,
}

/// Reads and validates `text`, `blocks` and `attachments`.
pub(super) fn content(args: &Args) -> Result<Content, ApiError> {
    let text = args
        .text("text")
        .or_else(|| args.text("markdown_text"))
        .unwrap_or_default();
    let blocks = match args.structure("blocks")? {
        None => None,
        Some(Value::Array(blocks)) => Some(blocks),
        Some(_) => {
            let message = "[ERROR] must be an array [json-pointer:/blocks]".to_owned();
            return Err(ApiError::violation(
                "invalid_blocks_format",
                ViolationKind::InvalidPayload,
                vec![message],
            ));
        }
    };
    let attachments = args
        .structure("attachments")?
        .filter(|a| a.as_array().is_none_or(|a| !a.is_empty()));
    if let Some(blocks) = &blocks {
        let messages = validate::message_blocks(blocks);
        if !messages.is_empty() {
            return Err(ApiError::violation(
                "invalid_blocks",
                ViolationKind::InvalidPayload,
                messages,
            ));
        }
    }
    if let Some(attachments) = &attachments {
        let messages = validate::attachments(attachments);
        if !messages.is_empty() {
            let kind = ViolationKind::InvalidPayload;
            return Err(ApiError::violation("invalid_attachments", kind, messages));
        }
    }
    let blocks = blocks.filter(|b| !b.is_empty());
    if text.is_empty() && blocks.is_none() && attachments.is_none() {
        return Err(ApiError::violation(
            "no_text",
            ViolationKind::InvalidArgument,
            Vec::new(),
        ));
    }
    let text = if text.chars().count() > TEXT_CUT_AT_CHARS {
        text.chars().take(TEXT_CUT_AT_CHARS).collect()
    } else {
        text
    };
    Ok(Content {
        text,
        blocks,
        attachments,
    })
}

fn metadata(args: &Args) -> Result<Option<Value>, ApiError> {
    let Some(metadata) = args.structure("metadata")? else {
        return Ok(None);
    };
    let sound = metadata["event_type"].is_string() && metadata["event_payload"].is_object();
    if !sound {
        let message =
            "[ERROR] metadata needs event_type and event_payload [json-pointer:/metadata]"
                .to_owned();
        return Err(ApiError::violation(
            "invalid_metadata_format",
            ViolationKind::InvalidPayload,
            vec![message],
        ));
    }
    Ok(Some(metadata))
}

impl Workspace {
    /// Where a message with this `channel` argument goes: an id, a name, or a person, whose direct message is opened.
    fn destination(&self, target: &str) -> Result<String, ApiError> {
        let not_found = || ApiError::new("channel_not_found");
        self.change(|w, clock| {
            if let Some(person) = w.person(target) {
                if person.id == w.app.bot_user || person.is_bot {
                    return Err(ApiError::new("cannot_dm_bot"));
                }
                if person.deleted {
                    return Err(not_found());
                }
                let (bot, user) = (w.app.bot_user.clone(), target.to_owned());
                return Ok(w.open_im(&bot, &user, clock).0);
            }
            let channel = match w.channel(target) {
                Some(channel) => channel,
                None => w
                    .channel_named(target)
                    .filter(|c| c.kind != Kind::Mpim)
                    .ok_or_else(not_found)?,
            };
            Ok(channel.id.clone())
        })
    }

    /// Which conversation a message with these arguments is for, without opening it; what is nowhere is its own place.
    pub(super) fn place(&self, args: &Args) -> String {
        let target = args.text("channel").unwrap_or_default();
        self.with(|w| {
            let found = w.channel(&target).or_else(|| w.channel_named(&target));
            let id = found.map(|channel| channel.id.clone());
            id.or_else(|| w.im_of(&w.app.bot_user, &target).map(str::to_owned))
                .unwrap_or(target)
        })
    }

    /// Whether the app may post there.
    fn may_post(&self, id: &str) -> Result<(), ApiError> {
        let public_scope = self.has_scope("chat:write.public");
        self.with(|w| {
            let channel = w
                .channel(id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            let member = w.bot_is_in(channel);
            if !member && channel.kind != Kind::Public {
                return Err(ApiError::new("channel_not_found"));
            }
            if channel.archived {
                return Err(ApiError::new("is_archived"));
            }
            if !member && !public_scope {
                return Err(ApiError::new("not_in_channel"));
            }
            Ok(())
        })
    }

    pub(super) fn chat_post_message(&self, args: &Args) -> ApiResult {
        let target = args.text("channel").ok_or_else(|| {
            ApiError::violation(
                "channel_not_found",
                ViolationKind::InvalidArgument,
                Vec::new(),
            )
        })?;
        let content = content(args)?;
        let metadata = metadata(args)?;
        let id = self.destination(&target)?;
        self.may_post(&id)?;
        let thread_ts = self.thread(&id, args)?;
        self.post_as_app(&id, content, metadata, thread_ts)
    }

    fn post_as_app(
        &self,
        id: &str,
        content: Content,
        metadata: Option<Value>,
        thread_ts: Option<String>,
    ) -> ApiResult {
        let answer = self.change(|w, clock| {
            let draft = Draft {
                user: w.app.bot_user.clone(),
                by_app: true,
                text: content.text,
                blocks: content.blocks,
                attachments: content.attachments,
                metadata,
                thread_ts,
            };
            let message = w
                .post(id, draft, clock)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            Ok(json!({"channel": id, "ts": message.ts, "message": shapes::message(w, &message)}))
        })?;
        self.ring(id);
        Ok(answer)
    }

    fn thread(&self, channel: &str, args: &Args) -> Result<Option<String>, ApiError> {
        let Some(ts) = args.text("thread_ts") else {
            return Ok(None);
        };
        self.with(|w| match w.message(channel, &ts) {
            // A reply to a reply lands in the thread of its parent.
            Some(parent) => Ok(Some(parent.thread_ts.clone().unwrap_or(ts))),
            None => Err(ApiError::new("thread_not_found")),
        })
    }

    pub(super) fn chat_post_ephemeral(&self, args: &Args) -> ApiResult {
        let target = args.text("channel").ok_or_else(|| {
            ApiError::violation(
                "channel_not_found",
                ViolationKind::InvalidArgument,
                Vec::new(),
            )
        })?;
        let user = args.required("user")?;
        let content = content(args)?;
        let id = self.destination(&target)?;
        self.with(|w| {
            let channel = w
                .channel(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            if !w.bot_is_in(channel) {
                let code = if channel.kind == Kind::Public {
                    "not_in_channel"
                } else {
                    "channel_not_found"
                };
                return Err(ApiError::new(code));
            }
            if channel.archived {
                return Err(ApiError::new("is_archived"));
            }
            if w.person(&user).is_none() {
                return Err(ApiError::new("user_not_found"));
            }
            if !channel.members.contains(&user) {
                return Err(ApiError::new("user_not_in_channel"));
            }
            Ok(())
        })?;
        let thread_ts = self.thread(&id, args)?;
        let ts = self.change(|w, clock| {
            let draft = Draft {
                user: w.app.bot_user.clone(),
                by_app: true,
                text: content.text,
                blocks: content.blocks,
                attachments: content.attachments,
                metadata: None,
                thread_ts,
            };
            w.post_ephemeral(&id, &user, draft, clock).ts
        });
        self.ring(&user);
        Ok(json!({"message_ts": ts}))
    }

    /// The app's own message, which it may change.
    fn own_message(&self, args: &Args, refusal: &str) -> Result<(String, Message), ApiError> {
        let target = args.required("channel")?;
        let ts = args.required("ts")?;
        self.with(|w| {
            let channel = w
                .channel(&target)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            if channel.kind != Kind::Public && !w.bot_is_in(channel) {
                return Err(ApiError::new("channel_not_found"));
            }
            let message = channel
                .messages
                .get(&ts)
                .ok_or_else(|| ApiError::new("message_not_found"))?;
            if !message.by_app {
                return Err(ApiError::new(refusal));
            }
            if channel.archived {
                return Err(ApiError::new("is_archived"));
            }
            Ok((target.clone(), message.clone()))
        })
    }

    pub(super) fn chat_update(&self, args: &Args) -> ApiResult {
        let (id, before) = self.own_message(args, "cant_update_message")?;
        let has_blocks = args.structure("blocks")?.is_some();
        let content = content(args)?;
        if content.text.len() > UPDATE_TEXT_MAX_BYTES {
            return Err(ApiError::violation(
                "msg_too_long",
                ViolationKind::InvalidPayload,
                Vec::new(),
            ));
        }
        let metadata = metadata(args)?;
        if !has_blocks && before.blocks.is_some() && !content.text.is_empty() {
            let detail = format!(
                "message {} in {id} had blocks and gets text only: the blocks vanish",
                before.ts
            );
            self.violation(ViolationKind::BlocksLost, "chat.update", detail);
        }
        let keeps_text = content.text.is_empty() && !args.has("text");
        let answer = self.change(|w, clock| {
            let text = if keeps_text { before.text.clone() } else { content.text };
            let message = w
                .edit(&id, &before.ts, text, content.blocks, clock)
                .ok_or_else(|| ApiError::new("message_not_found"))?;
            if let Some(stored) = w.channel_mut(&id).and_then(|c| c.messages.get_mut(&before.ts)) {
                if content.attachments.is_some() {
                    stored.attachments = content.attachments;
                }
                if metadata.is_some() {
                    stored.metadata = metadata;
                }
            }
            Ok(json!({
                "channel": id, "ts": before.ts, "text": message.text, "message": shapes::message(w, &message),
            }))
        })?;
        self.ring(&id);
        Ok(answer)
    }

    pub(super) fn chat_delete(&self, args: &Args) -> ApiResult {
        let (id, message) = self.own_message(args, "cant_delete_message")?;
        self.with(|w| w.delete(&id, &message.ts));
        self.ring(&id);
        Ok(json!({"channel": id, "ts": message.ts}))
    }

    pub(super) fn chat_get_permalink(&self, args: &Args) -> ApiResult {
        let id = args.required("channel")?;
        let ts = args.required("message_ts")?;
        self.with(|w| {
            let channel = w
                .channel(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            if channel.kind != Kind::Public && !w.bot_is_in(channel) {
                return Err(ApiError::new("channel_not_found"));
            }
            let message = channel
                .messages
                .get(&ts)
                .ok_or_else(|| ApiError::new("message_not_found"))?;
            Ok(json!({"channel": id, "permalink": permalink(w, message)}))
        })
    }
}

fn permalink(w: &World, message: &Message) -> String {
    let number = message.ts.replace('.', "");
    let base = format!(
        "https://{}.slack.com/archives/{}/p{number}",
        w.team.domain, message.channel
    );
    match &message.thread_ts {
        Some(thread) => format!("{base}?thread_ts={thread}&cid={}", message.channel),
        None => base,
    }
}
