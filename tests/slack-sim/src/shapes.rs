//! People, conversations, messages and views as Slack writes them in JSON. One place, so that an answer of the Web API and
//! a payload on the socket never disagree. Pure.

use serde_json::{Map, Value, json};

use crate::world::{Channel, Kind, Message, Person, View, World};

pub fn user(world: &World, p: &Person, with_email: bool) -> Value {
    let mut profile = json!({
        "title": p.title, "phone": "", "skype": "", "real_name": p.real_name, "real_name_normalized": p.real_name,
        "display_name": p.display_name, "display_name_normalized": p.display_name, "fields": null,
        "status_text": "", "status_emoji": "", "status_expiration": 0, "avatar_hash": "g0",
        "image_24": "", "image_48": "", "image_72": "", "team": world.team.id,
        "first_name": p.real_name.split(' ').next().unwrap_or_default(),
        "last_name": p.real_name.split_once(' ').map_or("", |(_, last)| last),
    });
    if with_email && let Some(email) = &p.email {
        profile["email"] = json!(email);
    }
    if p.is_bot && p.id == world.app.bot_user {
        profile["api_app_id"] = json!(world.app.id);
        profile["bot_id"] = json!(world.app.bot_id);
        profile["always_active"] = json!(true);
    }
    let mut out = json!({
        "id": p.id, "team_id": if p.is_stranger { "T0OTHER00" } else { world.team.id.as_str() },
        "name": p.name, "deleted": p.deleted,
    });
    if !p.deleted {
        let more = json!({
            "color": "9f69e7", "real_name": p.real_name, "tz": p.tz, "tz_label": p.tz, "tz_offset": p.tz_offset,
        });
        merge(&mut out, more);
    }
    out["profile"] = profile;
    if p.deleted {
        out["is_bot"] = json!(p.is_bot);
    } else {
        let more = json!({
            "is_admin": p.is_admin, "is_owner": p.is_owner, "is_primary_owner": p.is_owner,
            "is_restricted": p.is_restricted, "is_ultra_restricted": p.is_ultra_restricted, "is_bot": p.is_bot,
        });
        merge(&mut out, more);
    }
    out["is_app_user"] = json!(false);
    out["updated"] = json!(1_700_000_000);
    if p.is_stranger {
        out["is_stranger"] = json!(true);
    }
    if !p.is_bot && !p.deleted {
        out["is_email_confirmed"] = json!(true);
        out["who_can_share_contact_card"] = json!("EVERYONE");
    }
    out
}

pub fn channel(world: &World, c: &Channel) -> Value {
    let bot = &world.app.bot_user;
    if c.kind == Kind::Im {
        let other = c
            .members
            .iter()
            .find(|m| *m != bot)
            .cloned()
            .unwrap_or_else(|| bot.clone());
        return json!({
            "id": c.id, "created": c.created, "is_archived": false, "is_im": true, "is_org_shared": false,
            "context_team_id": world.team.id, "updated": c.created * 1000, "user": other, "is_user_deleted":
            world.person(&other).is_some_and(|p| p.deleted), "priority": 0,
        });
    }
    json!({
        "id": c.id, "name": c.name, "is_channel": matches!(c.kind, Kind::Public | Kind::Private),
        "is_group": false, "is_im": false, "is_mpim": c.kind == Kind::Mpim,
        "is_private": c.kind != Kind::Public, "created": c.created, "is_archived": c.archived,
        "is_general": c.name == "general", "unlinked": 0, "name_normalized": c.name, "is_shared": false,
        "is_org_shared": false, "is_pending_ext_shared": false, "pending_shared": [], "context_team_id": world.team.id,
        "updated": c.created * 1000, "parent_conversation": null, "creator": c.creator, "is_ext_shared": false,
        "shared_team_ids": [world.team.id], "pending_connected_team_ids": [], "is_member": c.members.contains(bot),
        "topic": {"value": c.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0}, "previous_names": [],
        "num_members": c.members.iter().filter(|m| *m != bot).count(),
    })
}

/// A message as `chat.postMessage` answers it and as `block_actions` carries it.
pub fn message(world: &World, m: &Message) -> Value {
    let mut out = Map::new();
    out.insert("user".into(), json!(m.user));
    out.insert("type".into(), json!("message"));
    out.insert("ts".into(), json!(m.ts));
    if m.by_app {
        out.insert("bot_id".into(), json!(world.app.bot_id));
        out.insert("app_id".into(), json!(world.app.id));
    }
    out.insert("text".into(), json!(m.text));
    out.insert("team".into(), json!(world.team.id));
    if m.by_app {
        out.insert("bot_profile".into(), bot_profile(world));
    }
    if let Some(edited) = &m.edited_ts {
        out.insert(
            "edited".into(),
            json!({"user": world.app.bot_id, "ts": edited}),
        );
    }
    if let Some(thread) = &m.thread_ts {
        out.insert("thread_ts".into(), json!(thread));
    } else if !m.replies.is_empty() {
        out.insert("thread_ts".into(), json!(m.ts));
        out.insert("reply_count".into(), json!(m.replies.len()));
        out.insert("latest_reply".into(), json!(m.replies.last()));
    }
    if let Some(blocks) = &m.blocks {
        out.insert("blocks".into(), Value::Array(blocks.clone()));
    }
    if let Some(attachments) = &m.attachments {
        out.insert("attachments".into(), attachments.clone());
    }
    if let Some(metadata) = &m.metadata {
        out.insert("metadata".into(), metadata.clone());
    }
    Value::Object(out)
}

pub fn bot_profile(world: &World) -> Value {
    json!({
        "id": world.app.bot_id, "app_id": world.app.id, "user_id": world.app.bot_user, "name": world.app.name,
        "icons": {"image_36": "", "image_48": "", "image_72": ""}, "deleted": false, "updated": 1_700_000_000,
        "team_id": world.team.id,
    })
}

pub fn view(world: &World, v: &View) -> Value {
    let mut out = json!({
        "id": v.id, "team_id": world.team.id, "type": v.kind, "blocks": v.blocks,
        "private_metadata": v.private_metadata, "callback_id": v.callback_id, "state": {"values": v.state},
        "hash": v.hash, "title": v.title, "clear_on_close": v.clear_on_close, "notify_on_close": v.notify_on_close,
        "close": v.close, "submit": v.submit, "previous_view_id": v.previous_view_id,
        "root_view_id": v.root_view_id, "app_id": world.app.id, "external_id": v.external_id,
        "app_installed_team_id": world.team.id, "bot_id": world.app.bot_id,
    });
    if v.kind == "home" {
        // Home tabs have a title in Slack's payloads although apps cannot set one.
        out["title"] = json!({"type": "plain_text", "text": "View Title", "emoji": true});
        out["previous_view_id"] = Value::Null;
    }
    out
}

pub fn merge(into: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (into.as_object_mut(), more) {
        object.extend(more);
    }
}
