//! Acting on elements: buttons and menus in messages, inputs and buttons in views, external menus.

use serde_json::{Map, Value, json};

use super::{Pending, PersonError, payload};
use crate::blocks::{self, Placed};
use crate::shapes;
use crate::socket::{Delivered, Envelope};
use crate::validate;
use crate::workspace::Workspace;
use crate::world::{Message, StateValues, View};

/// Where an element is.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    Message { channel: &'a str, ts: &'a str },
    View { view_id: &'a str },
}

/// How an input was changed: decides whether a dispatching text input tells the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Chose from a menu, ticked a box, left a field.
    Change,
    Enter,
    Character,
}

impl Workspace {
    /// Acts on an element of a message. `selected` is the state of a menu, in the shape of `state.values`; `state` what was
    /// entered in the message's inputs; `seen` the blocks on the person's screen, where those may not be the ones of now.
    pub fn press(
        &self,
        user: &str,
        (channel, ts): (&str, &str),
        (block_id, action_id): (&str, &str),
        selected: Option<&Value>,
        state: Option<&StateValues>,
        seen: Option<&[Value]>,
    ) -> Result<Pending, PersonError> {
        let message = self.message_before(user, channel, ts)?;
        let blocks = seen.or(message.blocks.as_deref()).unwrap_or_default();
        let placed = blocks::find(blocks, block_id, action_id).ok_or_else(|| {
            PersonError::new("This message has changed and no longer has what you clicked.")
        })?;
        let entered = selected
            .filter(|_| blocks::state_key(placed.kind()).is_some())
            .map(|selected| with_type(placed, selected));
        self.with(|w| {
            for (block, actions) in state.into_iter().flatten() {
                for (action, value) in actions.as_object().into_iter().flatten() {
                    w.enter_in_message(user, channel, ts, block, action, value.clone());
                }
            }
            if let Some(entered) = entered.clone() {
                w.enter_in_message(user, channel, ts, block_id, action_id, entered);
            }
        });
        if selected.is_some() && !placed.dispatches() {
            return Ok(Pending::nothing_to_send());
        }
        let mut now = self.with(|w| w.message_state(user, channel, ts));
        if let Some(entered) = entered {
            blocks::put_state(&mut now, block_id, action_id, entered);
        }
        let action = self.action(placed, selected, &now);
        let payload = self.message_action_payload(user, &message, action);
        Ok(self.interact(user, "block_actions", payload))
    }

    /// A message that this person can see.
    pub(crate) fn message_before(
        &self,
        user: &str,
        channel: &str,
        ts: &str,
    ) -> Result<Message, PersonError> {
        let message = self.with(|w| {
            let visible = w.channel(channel).is_some_and(|c| w.can_see(user, c));
            visible
                .then(|| w.message_for(user, channel, ts).cloned())
                .flatten()
        });
        message.ok_or_else(|| PersonError::new("This message is gone."))
    }

    /// Enters something into an input of a message, without telling the app.
    pub fn enter_in_message(
        &self,
        user: &str,
        (channel, ts): (&str, &str),
        (block_id, action_id): (&str, &str),
        value: &Value,
    ) -> Result<(), PersonError> {
        self.with(|w| {
            let message = w
                .message_for(user, channel, ts)
                .ok_or_else(|| PersonError::new("This message is gone."))?;
            let blocks = message.blocks.clone().unwrap_or_default();
            let placed = blocks::find(&blocks, block_id, action_id)
                .ok_or_else(|| PersonError::new("This message has no such field."))?;
            w.enter_in_message(
                user,
                channel,
                ts,
                block_id,
                action_id,
                with_type(placed, value),
            );
            Ok(())
        })
    }

    /// A view that is open before this person, or their App Home.
    pub(super) fn view_before(&self, user: &str, view_id: &str) -> Result<View, PersonError> {
        self.with(|w| {
            let view = w.view(view_id).filter(|v| v.user == user);
            view.cloned()
                .ok_or_else(|| PersonError::new("This dialog is no longer open."))
        })
    }

    /// Changes an element of a view, in the shape of `state.values`; tells the app if the element is one that does.
    pub fn input(
        &self,
        user: &str,
        view_id: &str,
        (block_id, action_id): (&str, &str),
        value: &Value,
        via: Via,
    ) -> Result<Pending, PersonError> {
        let view = self.view_before(user, view_id)?;
        let placed = blocks::find(&view.blocks, block_id, action_id).ok_or_else(|| {
            PersonError::new("This dialog has changed and no longer has this field.")
        })?;
        let state = with_type(placed, value);
        let before = view
            .state
            .get(block_id)
            .and_then(|b| b.get(action_id))
            .cloned();
        if blocks::state_key(placed.kind()).is_some() {
            self.with(|w| w.enter_in_view(view_id, block_id, action_id, state.clone()));
        }
        self.ring(user);
        let changed =
            before.as_ref() != Some(&state) || via == Via::Enter || placed.kind() == "overflow";
        if !(placed.dispatches() && changed && triggers(placed, via)) {
            return Ok(Pending::nothing_to_send());
        }
        let view = self.view_before(user, view_id)?;
        let action = self.action(placed, Some(value), &view.state);
        let payload = self.view_action_payload(user, &view, action);
        Ok(self.interact(user, "block_actions", payload))
    }

    /// Presses a button of a view.
    pub fn view_button(
        &self,
        user: &str,
        view_id: &str,
        (block_id, action_id): (&str, &str),
    ) -> Result<Pending, PersonError> {
        let view = self.view_before(user, view_id)?;
        let placed = blocks::find(&view.blocks, block_id, action_id).ok_or_else(|| {
            PersonError::new("This dialog has changed and no longer has this button.")
        })?;
        let action = self.action(placed, None, &view.state);
        let payload = self.view_action_payload(user, &view, action);
        Ok(self.interact(user, "block_actions", payload))
    }

    /// One entry of `actions`.
    fn action(&self, placed: Placed<'_>, selected: Option<&Value>, state: &StateValues) -> Value {
        let element = placed.element;
        let mut out = Map::new();
        out.insert("type".into(), json!(placed.kind()));
        out.insert("action_id".into(), json!(placed.action_id()));
        out.insert("block_id".into(), json!(placed.block_id()));
        let own = state
            .get(placed.block_id())
            .and_then(|b| b.get(placed.action_id()));
        match placed.kind() {
            "button" | "workflow_button" => {
                for key in ["text", "value", "style", "url", "confirm"] {
                    if let Some(value) = element.get(key) {
                        out.insert(key.into(), value.clone());
                    }
                }
            }
            "overflow" => {
                let option = selected.map(|s| s.get("selected_option").unwrap_or(s));
                out.insert(
                    "selected_option".into(),
                    option.cloned().unwrap_or(Value::Null),
                );
            }
            _ => {
                for (key, value) in own.and_then(Value::as_object).into_iter().flatten() {
                    if key != "type" {
                        out.insert(key.clone(), value.clone());
                    }
                }
                for key in [
                    "placeholder",
                    "initial_option",
                    "initial_options",
                    "initial_user",
                    "initial_date",
                ] {
                    if let Some(value) = element.get(key) {
                        out.insert(key.into(), value.clone());
                    }
                }
            }
        }
        out.insert("action_ts".into(), json!(self.clock().ts()));
        Value::Object(out)
    }

    /// Types into an external menu and returns what the app offers: `{"options": […]}` or `{"option_groups": […]}`.
    pub async fn suggest(
        &self,
        user: &str,
        place: Place<'_>,
        (block_id, action_id): (&str, &str),
        query: &str,
    ) -> Result<Value, PersonError> {
        let gone = || PersonError::new("This menu is gone.");
        let payload = self.with(|w| {
            let mut out = payload::base(w, "block_suggestion", user);
            out["block_id"] = json!(block_id);
            out["action_id"] = json!(action_id);
            out["value"] = json!(query);
            let blocks = match place {
                Place::Message { channel, ts } => {
                    let message = w.message_for(user, channel, ts).ok_or_else(gone)?;
                    out["container"] = json!({"type": "message", "message_ts": ts, "channel_id": channel,
                        "is_ephemeral": message.ephemeral_for.is_some()});
                    out["channel"] = json!({"id": channel, "name": w.payload_channel_name(channel)});
                    out["message"] = shapes::message(w, message);
                    message.blocks.clone().unwrap_or_default()
                }
                Place::View { view_id } => {
                    let view = w.view(view_id).filter(|v| v.user == user).ok_or_else(gone)?;
                    out["container"] = json!({"type": "view", "view_id": view_id});
                    out["view"] = shapes::view(w, view);
                    view.blocks.clone()
                }
            };
            let placed = blocks::find(&blocks, block_id, action_id).ok_or_else(gone)?;
            if !placed.kind().ends_with("external_select") {
                return Err(PersonError::new("This menu has fixed options."));
            }
            Ok(out)
        })?;
        let kind = Envelope::Interactive {
            accepts_response_payload: true,
        };
        match self.deliver(kind, "block_suggestion", &payload, 0).await {
            Delivered::Acked(answer) => {
                let problems = validate::suggestions(&answer);
                if problems.is_empty() {
                    return Ok(answer);
                }
                self.malformed_ack("block_suggestion", problems.join("; "));
                Err(PersonError::new("The options could not be loaded."))
            }
            Delivered::TimedOut | Delivered::Unreachable => Err(PersonError::new(
                "The options could not be loaded: the app did not respond.",
            )),
        }
    }
}

/// The state with the element's type in front, whatever the caller said.
fn with_type(placed: Placed<'_>, value: &Value) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), json!(placed.kind()));
    if let Some(key) = blocks::state_key(placed.kind()) {
        let given = value.get(key).cloned().unwrap_or(Value::Null);
        // An emptied text field is null again, not an empty text.
        out.insert(key.into(), if given == "" { Value::Null } else { given });
    }
    Value::Object(out)
}

/// Text inputs tell the app on Enter unless they ask for every character; everything else tells it on every change.
fn triggers(placed: Placed<'_>, via: Via) -> bool {
    if !placed.kind().ends_with("_input") {
        return true;
    }
    let on = placed.element["dispatch_action_config"]["trigger_actions_on"].as_array();
    let wanted = |name: &str| {
        on.map_or(name == "on_enter_pressed", |all| {
            all.iter().any(|t| t == name)
        })
    };
    match via {
        Via::Enter => wanted("on_enter_pressed"),
        Via::Character | Via::Change => wanted("on_character_entered"),
    }
}
