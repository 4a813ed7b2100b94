//! Payloads of interactions, key by key as Slack sends them. Pure but for fresh trigger ids and response URLs.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::shapes;
use crate::workspace::Workspace;
use crate::world::{Message, View, World};

/// What every interactive payload starts with. Slash commands have a form of their own.
pub(super) fn base(w: &World, kind: &str, user: &str) -> Value {
    let name = w.person(user).map(|p| p.name.clone()).unwrap_or_default();
    json!({
        "type": kind, "user": {"id": user, "username": name, "name": name, "team_id": w.team.id},
        "api_app_id": w.app.id, "token": w.app.verification_token,
        "team": {"id": w.team.id, "domain": w.team.domain}, "enterprise": null, "is_enterprise_install": false,
    })
}

impl Workspace {
    pub(super) fn slash_payload(
        &self,
        user: &str,
        channel: &str,
        command: &str,
        text: &str,
    ) -> Value {
        self.change(|w, clock| {
            let trigger = w.new_trigger(user, Some(channel), clock);
            let url = w.new_response_url(channel, user, None, clock);
            let name = w.person(user).map(|p| p.name.clone()).unwrap_or_default();
            // Slash commands were forms before they were JSON: every value is a string.
            json!({
                "token": w.app.verification_token, "team_id": w.team.id, "team_domain": w.team.domain,
                "channel_id": channel, "channel_name": w.payload_channel_name(channel), "user_id": user,
                "user_name": name, "command": command, "text": text, "api_app_id": w.app.id,
                "is_enterprise_install": "false", "response_url": self.response_url(&url), "trigger_id": trigger,
            })
        })
    }

    pub(super) fn shortcut_payload(&self, user: &str, callback_id: &str) -> Value {
        self.change(|w, clock| {
            let trigger = w.new_trigger(user, None, clock);
            let mut out = base(w, "shortcut", user);
            out["action_ts"] = json!(clock.ts());
            out["callback_id"] = json!(callback_id);
            out["trigger_id"] = json!(trigger);
            out
        })
    }

    /// A click in a message.
    pub(super) fn message_action_payload(
        &self,
        user: &str,
        message: &Message,
        action: Value,
    ) -> Value {
        self.change(|w, clock| {
            let (channel, ts) = (&message.channel, &message.ts);
            let state = w.message_state(user, channel, ts);
            let url = w.new_response_url(channel, user, Some(ts), clock);
            let mut out = base(w, "block_actions", user);
            let mut container = json!({
                "type": "message", "message_ts": ts, "channel_id": channel,
                "is_ephemeral": message.ephemeral_for.is_some(),
            });
            if let Some(thread) = &message.thread_ts {
                container["thread_ts"] = json!(thread);
            }
            out["container"] = container;
            out["trigger_id"] = json!(w.new_trigger(user, Some(channel), clock));
            out["channel"] = json!({"id": channel, "name": w.payload_channel_name(channel)});
            // Slack does not send back what an ephemeral message said.
            if message.ephemeral_for.is_none() {
                out["message"] = shapes::message(w, message);
            }
            out["state"] = json!({"values": state});
            out["response_url"] = json!(self.response_url(&url));
            out["actions"] = json!([action]);
            out
        })
    }

    /// A click or a dispatched change in a modal or on App Home.
    pub(super) fn view_action_payload(&self, user: &str, view: &View, action: Value) -> Value {
        self.change(|w, clock| {
            let mut out = base(w, "block_actions", user);
            out["container"] = json!({"type": "view", "view_id": view.id});
            out["trigger_id"] = json!(w.new_trigger(user, view.from_channel.as_deref(), clock));
            out["view"] = shapes::view(w, view);
            out["actions"] = json!([action]);
            out
        })
    }

    pub(super) fn submission_payload(&self, user: &str, view: &View) -> Value {
        self.change(|w, clock| {
            let mut out = base(w, "view_submission", user);
            out["trigger_id"] = json!(w.new_trigger(user, view.from_channel.as_deref(), clock));
            out["view"] = shapes::view(w, view);
            out["response_urls"] = self.response_urls(w, user, view, clock);
            out
        })
    }

    /// One for each chosen conversation of a menu with `response_url_enabled`.
    fn response_urls(&self, w: &mut World, user: &str, view: &View, clock: &Clock) -> Value {
        let mut out = Vec::new();
        for placed in crate::blocks::elements(&view.blocks) {
            if placed.element["response_url_enabled"] != true {
                continue;
            }
            let state = &view.state[placed.block_id()][placed.action_id()];
            let chosen = state["selected_conversation"]
                .as_str()
                .or_else(|| state["selected_channel"].as_str());
            if let Some(channel) = chosen {
                let url = w.new_response_url(channel, user, None, clock);
                out.push(json!({
                    "block_id": placed.block_id(), "action_id": placed.action_id(), "channel_id": channel,
                    "response_url": self.response_url(&url),
                }));
            }
        }
        Value::Array(out)
    }

    pub(super) fn closed_payload(&self, user: &str, view: &View, is_cleared: bool) -> Value {
        self.with(|w| {
            let mut out = base(w, "view_closed", user);
            out["view"] = shapes::view(w, view);
            out["is_cleared"] = json!(is_cleared);
            out
        })
    }
}
