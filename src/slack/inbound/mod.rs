//! What people did in Slack, decoded from envelopes: pure, and tolerant of what Slack adds or leaves out.
//!
//! Unknown fields are ignored and optional ones may be missing, `null` or of another type. A payload that lacks what its
//! kind cannot do without becomes [`Inbound::Unintelligible`], with all that is needed to tell the person. Called by the
//! engine's envelope handler. Roles and existence of people are the directory's business.

mod payload;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::socket::Envelope;
use payload::Reader;

/// The person who did it, as the payload says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    pub id: String,
    /// Handle; not for display.
    pub name: Option<String>,
    /// The person's own workspace (or organisation), where the payload names it.
    pub team_id: Option<String>,
    /// The workspace in which it happened.
    pub context_team_id: Option<String>,
    pub enterprise_id: Option<String>,
}

impl Actor {
    /// True when the payload shows that the person belongs to another company (Slack Connect). People of another
    /// workspace of the same organisation are not external. `false` proves nothing: the directory knows more.
    #[must_use]
    pub fn is_external(&self, home_team: &str, home_enterprise: Option<&str>) -> bool {
        let Some(team) = self.team_id.as_deref() else {
            return false;
        };
        let same_organisation = home_enterprise
            .is_some_and(|home| team == home || self.enterprise_id.as_deref() == Some(home));
        team != home_team && !same_organisation
    }
}

/// Where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRef {
    pub id: String,
    /// As the payload says: `directmessage` and `privategroup` stand for DMs and private channels.
    pub name: Option<String>,
}

/// `/sym …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub command: String,
    pub text: String,
    pub user: Actor,
    pub channel: Option<ChannelRef>,
    pub trigger_id: Option<String>,
    pub response_url: Option<String>,
}

/// A global shortcut, or one on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortcut {
    pub callback_id: String,
    pub user: Actor,
    pub trigger_id: Option<String>,
    /// Only for a shortcut on a message.
    pub channel: Option<ChannelRef>,
    pub response_url: Option<String>,
}

/// The view something happened in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ViewInfo {
    pub id: String,
    pub hash: Option<String>,
    pub callback_id: String,
    pub private_metadata: String,
    /// `modal` or `home`.
    pub kind: String,
    /// `state.values`: block id → action id → element. `{}` when there is none.
    pub state_values: Value,
    pub blocks: Value,
}

/// The message a button belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct PressedMessage {
    pub ts: String,
    pub thread_ts: Option<String>,
    /// Ephemerals cannot be updated with `chat.update`.
    pub ephemeral: bool,
    pub metadata: Option<Value>,
    pub blocks: Value,
}

/// A button pressed, an option chosen, a text entered.
#[derive(Debug, Clone, PartialEq)]
pub struct Press {
    pub action_id: String,
    pub block_id: String,
    /// Type of the element: `button`, `static_select`, …
    pub element: String,
    /// The button's value, the text, the chosen option's value, the chosen user, … `None` when nothing is chosen.
    pub value: Option<String>,
    /// All of them for elements that allow several.
    pub values: Vec<String>,
    pub user: Actor,
    pub channel: Option<ChannelRef>,
    pub message: Option<PressedMessage>,
    pub view: Option<ViewInfo>,
    /// The view's or the message's `state.values`.
    pub state_values: Value,
    pub response_url: Option<String>,
    pub trigger_id: Option<String>,
    /// When it was pressed: a second press of the same button has another one.
    pub action_ts: Option<String>,
}

/// A form sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Submit {
    pub view: ViewInfo,
    pub user: Actor,
    pub trigger_id: Option<String>,
}

/// A form closed without sending it.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    pub view: ViewInfo,
    pub user: Actor,
    /// The whole stack of views was closed.
    pub cleared: bool,
}

/// A menu asks for its options.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggest {
    pub action_id: String,
    pub block_id: String,
    /// What the person has typed so far.
    pub typed: String,
    pub user: Actor,
    pub view: Option<ViewInfo>,
}

/// Somebody opened the App Home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeOpened {
    pub user: Actor,
    /// `home` or `messages`.
    pub tab: String,
}

/// Something that cannot be acted on although somebody waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unintelligible {
    /// Type of the payload, for the log.
    pub what: String,
    pub why: String,
    pub user: Option<String>,
    pub channel: Option<String>,
    pub response_url: Option<String>,
    /// True for a form, which must be answered in the acknowledgement so that it stays open.
    pub is_submission: bool,
    /// An input of that form, where an error can be shown.
    pub first_input: Option<String>,
}

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    Command(Command),
    Shortcut(Shortcut),
    Press(Box<Press>),
    Submit(Submit),
    Closed(Closed),
    Suggest(Suggest),
    HomeOpened(HomeOpened),
    /// Something about a person is not as it was: a role, a name, whether they are active.
    PersonChanged {
        slack_id: String,
    },
    /// Understood, and of no interest; nobody waits.
    Other {
        what: String,
    },
    Unintelligible(Unintelligible),
}

/// Decodes an envelope.
#[must_use]
pub fn decode(envelope: &Envelope) -> Inbound {
    let reader = Reader::new(&envelope.payload);
    let kind = match envelope.kind.as_str() {
        "slash_commands" => "slash_commands",
        "events_api" => "events_api",
        // By the payload's own type, so that a new kind of envelope around a known payload still works.
        _ => reader.text("/type").unwrap_or(envelope.kind.as_str()),
    };
    let decoded = match kind {
        "slash_commands" => command(reader),
        "shortcut" | "message_action" => shortcut(reader),
        "block_actions" => press(reader),
        "view_submission" => submit(reader),
        "view_closed" => closed(reader),
        "block_suggestion" => suggest(reader),
        "events_api" | "event_callback" => event(reader),
        _ => Err("a payload of an unknown type".to_owned()),
    };
    decoded.unwrap_or_else(|why| Inbound::Unintelligible(reader.unintelligible(kind, why)))
}

fn command(payload: Reader<'_>) -> Result<Inbound, String> {
    Ok(Inbound::Command(Command {
        command: payload.required("/command")?,
        text: payload.text("/text").map(as_typed).unwrap_or_default(),
        user: payload.actor()?,
        channel: payload.channel(),
        trigger_id: payload.owned("/trigger_id"),
        response_url: payload.owned("/response_url"),
    }))
}

/// What somebody typed after a command, which Slack sends with its three entities; what is entered in forms comes without them.
fn as_typed(sent: &str) -> String {
    let angles = sent.replace("&lt;", "<").replace("&gt;", ">");
    angles.replace("&amp;", "&")
}

fn shortcut(payload: Reader<'_>) -> Result<Inbound, String> {
    Ok(Inbound::Shortcut(Shortcut {
        callback_id: payload.required("/callback_id")?,
        user: payload.actor()?,
        trigger_id: payload.owned("/trigger_id"),
        channel: payload.channel(),
        response_url: payload.owned("/response_url"),
    }))
}

fn press(payload: Reader<'_>) -> Result<Inbound, String> {
    // Slack sends one action per payload, in a list.
    let action = payload
        .at("/actions/0")
        .ok_or("a click without an action")?;
    let values = action.values();
    let view = payload.view();
    let state_values = match &view {
        Some(view) => view.state_values.clone(),
        None => payload.object("/state/values"),
    };
    Ok(Inbound::Press(Box::new(Press {
        action_id: action.required("/action_id")?,
        block_id: action.owned("/block_id").unwrap_or_default(),
        element: action.owned("/type").unwrap_or_default(),
        value: values.first().cloned(),
        values,
        user: payload.actor()?,
        channel: payload.channel(),
        message: payload.message(),
        view,
        state_values,
        response_url: payload.owned("/response_url"),
        trigger_id: payload.owned("/trigger_id"),
        action_ts: action.owned("/action_ts"),
    })))
}

fn submit(payload: Reader<'_>) -> Result<Inbound, String> {
    Ok(Inbound::Submit(Submit {
        view: payload.view().ok_or("a form without a view id")?,
        user: payload.actor()?,
        trigger_id: payload.owned("/trigger_id"),
    }))
}

fn closed(payload: Reader<'_>) -> Result<Inbound, String> {
    let (Some(view), Ok(user)) = (payload.view(), payload.actor()) else {
        // Nobody waits for an answer to this.
        return Ok(Inbound::Other {
            what: "view_closed without a view or a person".to_owned(),
        });
    };
    Ok(Inbound::Closed(Closed {
        view,
        user,
        cleared: payload.flag("/is_cleared"),
    }))
}

fn suggest(payload: Reader<'_>) -> Result<Inbound, String> {
    Ok(Inbound::Suggest(Suggest {
        action_id: payload.required("/action_id")?,
        block_id: payload.owned("/block_id").unwrap_or_default(),
        typed: payload.owned("/value").unwrap_or_default(),
        user: payload.actor()?,
        view: payload.view(),
    }))
}

fn event(payload: Reader<'_>) -> Result<Inbound, String> {
    let kind = payload.text("/event/type").unwrap_or("without a type");
    if kind == "app_home_opened"
        && let Some(user) = payload.owned("/event/user")
    {
        let actor = Actor {
            id: user,
            context_team_id: payload.owned("/team_id"),
            enterprise_id: payload.owned("/enterprise_id"),
            ..Actor::default()
        };
        return Ok(Inbound::HomeOpened(HomeOpened {
            user: actor,
            tab: payload
                .owned("/event/tab")
                .unwrap_or_else(|| "home".to_owned()),
        }));
    }
    if kind == "user_change"
        && let Some(slack_id) = payload.owned("/event/user/id")
    {
        return Ok(Inbound::PersonChanged { slack_id });
    }
    Ok(Inbound::Other {
        what: format!("event {kind}"),
    })
}
