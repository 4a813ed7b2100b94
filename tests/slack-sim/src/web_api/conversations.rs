//! `conversations.*` and `users.conversations`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::users::page;
use super::{ApiError, ApiResult, Args};
use crate::shapes;
use crate::workspace::Workspace;
use crate::world::{Channel, Kind, World};

/// Slack: a group direct message holds up to eight people besides the app.
const MAX_GROUP: usize = 8;
const DEFAULT_PAGE: usize = 100;

fn scope_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "channels:read",
        Kind::Private => "groups:read",
        Kind::Im => "im:read",
        Kind::Mpim => "mpim:read",
    }
}

impl Workspace {
    fn kinds(&self, args: &Args) -> Result<Vec<Kind>, ApiError> {
        let mut types = args.list("types");
        if types.is_empty() {
            types.push("public_channel".to_owned());
        }
        let mut kinds = Vec::new();
        for name in types {
            let kind = match name.as_str() {
                "public_channel" => Kind::Public,
                "private_channel" => Kind::Private,
                "im" => Kind::Im,
                "mpim" => Kind::Mpim,
                _ => return Err(ApiError::new("invalid_types")),
            };
            self.need_scope(scope_of(kind))?;
            kinds.push(kind);
        }
        Ok(kinds)
    }

    fn list(&self, args: &Args, included: impl Fn(&World, &Channel) -> bool) -> ApiResult {
        let kinds = self.kinds(args)?;
        let without_archived = args.flag("exclude_archived").unwrap_or(false);
        self.with(|w| {
            let all: Vec<&Channel> = w
                .channels()
                .iter()
                .filter(|c| kinds.contains(&c.kind) && !(without_archived && c.archived))
                .filter(|c| included(w, c))
                .collect();
            let (start, end, next) = page(&all, args, DEFAULT_PAGE)?;
            let channels: Vec<Value> = all[start..end]
                .iter()
                .map(|c| shapes::channel(w, c))
                .collect();
            Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
        })
    }

    /// Public channels all, others only where the app is a member.
    pub(super) fn conversations_list(&self, args: &Args) -> ApiResult {
        self.list(args, |w, c| c.kind == Kind::Public || w.bot_is_in(c))
    }

    /// Conversations a person is in, of those the app can see.
    pub(super) fn users_conversations(&self, args: &Args) -> ApiResult {
        let user = args
            .text("user")
            .unwrap_or_else(|| self.with(|w| w.app.bot_user.clone()));
        if self.with(|w| w.person(&user).is_none()) {
            return Err(ApiError::new("user_not_found"));
        }
        self.list(args, |w, c| {
            c.members.contains(&user) && (c.kind == Kind::Public || w.bot_is_in(c))
        })
    }

    pub(super) fn conversations_info(&self, args: &Args) -> ApiResult {
        let id = args.required("channel")?;
        let kind = self.visible_kind(&id)?;
        self.need_scope(scope_of(kind))?;
        self.with(|w| {
            let channel = w
                .channel(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            Ok(json!({"channel": shapes::channel(w, channel)}))
        })
    }

    pub(super) fn conversations_members(&self, args: &Args) -> ApiResult {
        let id = args.required("channel")?;
        let kind = self.visible_kind(&id)?;
        self.need_scope(scope_of(kind))?;
        self.with(|w| {
            let channel = w
                .channel(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            let members: Vec<&String> = channel.members.iter().collect();
            let (start, end, next) = page(&members, args, DEFAULT_PAGE)?;
            Ok(json!({"members": members[start..end], "response_metadata": {"next_cursor": next}}))
        })
    }

    /// The kind of a conversation the app can see; others do not exist for it.
    fn visible_kind(&self, id: &str) -> Result<Kind, ApiError> {
        self.with(|w| match w.channel(id) {
            Some(c) if c.kind == Kind::Public || w.bot_is_in(c) => Ok(c.kind),
            _ => Err(ApiError::new("channel_not_found")),
        })
    }

    pub(super) fn conversations_open(&self, args: &Args) -> ApiResult {
        let full = args.flag("return_im").unwrap_or(false);
        if let Some(id) = args.text("channel") {
            let kind = self.visible_kind(&id)?;
            if !matches!(kind, Kind::Im | Kind::Mpim) {
                return Err(ApiError::new("channel_not_found"));
            }
            return self.opened(&id, false, full);
        }
        let users = args.list("users");
        if users.is_empty() {
            return Err(ApiError::violation(
                "users_list_not_supplied",
                crate::log::ViolationKind::InvalidArgument,
                Vec::new(),
            ));
        }
        let (bot, known) = self.with(|w| {
            for user in &users {
                match w.person(user) {
                    None => return Err(ApiError::new("user_not_found")),
                    Some(p) if p.deleted => return Err(ApiError::new("user_disabled")),
                    Some(p) if p.is_bot && p.id != w.app.bot_user => {
                        return Err(ApiError::new("cannot_dm_bot"));
                    }
                    Some(_) => {}
                }
            }
            Ok((
                w.app.bot_user.clone(),
                users.iter().cloned().collect::<BTreeSet<String>>(),
            ))
        })?;
        let others: Vec<&String> = known.iter().filter(|u| **u != bot).collect();
        match others.as_slice() {
            [] => Err(ApiError::new("cannot_dm_bot")),
            [one] => {
                self.need_scope("im:write")?;
                let (id, new) = self.change(|w, clock| w.open_im(&bot, one, clock));
                self.opened(&id, !new, full)
            }
            many if many.len() > MAX_GROUP => Err(ApiError::new("too_many_users")),
            many => {
                self.need_scope("mpim:write")?;
                let mut members: BTreeSet<String> = many.iter().map(|u| (*u).clone()).collect();
                members.insert(bot);
                for member in &members {
                    self.ring(member);
                }
                let (id, new) = self.change(|w, clock| w.open_mpim(members, clock));
                self.opened(&id, !new, full)
            }
        }
    }

    fn opened(&self, id: &str, already_open: bool, full: bool) -> ApiResult {
        self.with(|w| {
            let channel = w
                .channel(id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            let shape = if full {
                shapes::channel(w, channel)
            } else {
                json!({"id": id})
            };
            let mut out = json!({"channel": shape});
            if already_open {
                out["no_op"] = json!(true);
                out["already_open"] = json!(true);
            }
            Ok(out)
        })
    }

    pub(super) fn conversations_join(&self, args: &Args) -> ApiResult {
        let id = args.required("channel")?;
        let kind = self.visible_kind(&id)?;
        if kind != Kind::Public {
            return Err(ApiError::new("method_not_supported_for_channel_type"));
        }
        let out = self.with(|w| {
            let bot = w.app.bot_user.clone();
            let channel = w
                .channel_mut(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            if channel.archived {
                return Err(ApiError::new("is_archived"));
            }
            let was_in = !channel.members.insert(bot);
            let channel = w
                .channel(&id)
                .ok_or_else(|| ApiError::new("channel_not_found"))?;
            let mut out = json!({"channel": shapes::channel(w, channel)});
            if was_in {
                out["warning"] = json!("already_in_channel");
                out["response_metadata"] = json!({"warnings": ["already_in_channel"]});
            }
            Ok(out)
        });
        self.ring(&id);
        out
    }
}
