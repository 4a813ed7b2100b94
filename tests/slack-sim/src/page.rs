//! The browser page's side of the server: its files and its JSON API. Translates between the page and [`crate::interact`];
//! decides nothing itself.

use axum::Router;
use axum::extract::ws::{Message as Frame, WebSocket};
use axum::extract::{Json, Path, Query, State, WebSocketUpgrade};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::interact::{PersonError, Place, Submitted, Via};
use crate::lock;
use crate::workspace::Workspace;
use crate::world::{Channel, Kind, Message, World};

include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// A browser shows the newest messages of a conversation; a load test writes many thousands.
const MESSAGES_SHOWN: usize = 200;

pub(crate) fn routes() -> Router<Workspace> {
    Router::new()
        .route("/", get(|| async { file("index.html") }))
        .route("/page/{name}", get(named_file))
        .route("/page/people", get(people))
        .route("/page/state", get(state))
        .route("/page/names", get(names))
        .route("/page/events", get(events))
        .route("/page/action", post(action))
}

async fn named_file(Path(name): Path<String>) -> Response {
    file(&name)
}

fn file(name: &str) -> Response {
    let Some((_, content)) = PAGE_FILES.iter().find(|(n, _)| *n == name) else {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        *content,
    )
        .into_response()
}

#[derive(Deserialize)]
struct User {
    user: String,
}

async fn people(State(workspace): State<Workspace>) -> Json<Value> {
    Json(workspace.with(|w| {
        let people: Vec<Value> = w.people().iter().filter(|p| !p.is_bot && !p.deleted).map(|p| json!({
            "id": p.id, "name": p.name, "real_name": p.real_name, "title": p.title, "is_admin": p.is_admin,
            "is_guest": p.is_restricted,
        })).collect();
        let commands: Vec<Value> = w.app.commands.iter().map(|c| json!({
            "command": c.command, "description": c.description, "usage_hint": c.usage_hint,
        })).collect();
        let shortcuts: Vec<Value> = w.app.shortcuts.iter().map(|s| json!({
            "callback_id": s.callback_id, "name": s.name, "description": s.description,
        })).collect();
        json!({
            "team": w.team.name, "app": {"name": w.app.name, "bot_user_id": w.app.bot_user},
            "commands": commands, "shortcuts": shortcuts, "people": people,
        })
    }))
}

async fn names(State(workspace): State<Workspace>) -> Json<Value> {
    Json(workspace.with(|w| {
        let users: Map<String, Value> = w
            .people()
            .iter()
            .map(|p| (p.id.clone(), json!(p.shown_name())))
            .collect();
        let channels: Map<String, Value> = w
            .channels()
            .iter()
            .filter(|c| !c.name.is_empty())
            .map(|c| (c.id.clone(), json!(c.name)))
            .collect();
        json!({"users": users, "channels": channels})
    }))
}

async fn state(State(workspace): State<Workspace>, Query(User { user }): Query<User>) -> Response {
    let links: Vec<Value> = lock(&workspace.0.links)
        .iter()
        .map(|l| json!({"label": l.label, "url": l.url}))
        .collect();
    let state = workspace.with(|w| {
        let person = w.person(&user)?;
        let channels: Vec<Value> =
            w.channels().iter().filter(|c| w.can_see(&user, c)).map(|c| channel(w, c, &user)).collect();
        let view = w.open_view(&user).map(|v| json!({
            "id": v.id, "hash": v.hash, "type": v.kind, "title": v.title, "submit": v.submit, "close": v.close,
            "blocks": v.blocks, "state": {"values": v.state}, "errors": v.errors, "loading": v.loading,
            "stack_depth": w.stack(&user).len(),
        }));
        let home = w
            .home(&user)
            .map(|v| json!({"id": v.id, "hash": v.hash, "blocks": v.blocks, "state": {"values": v.state}}));
        let toasts: Vec<Value> = w.toasts(&user).iter().map(|t| json!({"id": t.id, "text": t.text})).collect();
        Some(json!({
            "user": {"id": person.id, "name": person.name, "real_name": person.real_name, "title": person.title,
                "is_admin": person.is_admin, "is_guest": person.is_restricted},
            "channels": channels, "view": view, "home": home, "toasts": toasts, "links": links,
        }))
    });
    match state {
        Some(state) => Json(state).into_response(),
        None => (StatusCode::NOT_FOUND, "no such person").into_response(),
    }
}

fn channel(w: &World, c: &Channel, user: &str) -> Value {
    let kind = match c.kind {
        Kind::Public => "public",
        Kind::Private => "private",
        Kind::Im => "im",
        Kind::Mpim => "mpim",
    };
    let others = || {
        let names: Vec<&str> = c
            .members
            .iter()
            .filter(|m| *m != user)
            .filter_map(|m| w.person(m))
            .map(|p| p.shown_name())
            .collect();
        if names.is_empty() {
            "you".to_owned()
        } else {
            names.join(", ")
        }
    };
    let (name, title) = match c.kind {
        Kind::Im | Kind::Mpim => (others(), String::new()),
        Kind::Public | Kind::Private => (c.name.clone(), c.topic.clone()),
    };
    let read = c.read.get(user).map_or("", String::as_str);
    let member = c.members.contains(user);
    let unread = if member {
        c.messages
            .values()
            .rev()
            .take_while(|m| m.ts.as_str() > read)
            .take(1_000)
            .filter(|m| m.user != user)
            .count()
    } else {
        0
    };
    let mut shown: Vec<&Message> = c
        .messages
        .values()
        .rev()
        .filter(|m| m.thread_ts.is_none())
        .take(MESSAGES_SHOWN)
        .collect();
    shown.reverse();
    let mine = w
        .ephemerals(user)
        .iter()
        .rev()
        .filter(|m| m.channel == c.id && m.thread_ts.is_none())
        .take(MESSAGES_SHOWN);
    shown.extend(mine);
    shown.sort_by(|a, b| a.ts.cmp(&b.ts));
    let messages: Vec<Value> = shown.into_iter().map(|m| message(w, c, m, user)).collect();
    let with = (c.kind == Kind::Im)
        .then(|| c.members.iter().find(|m| *m != user))
        .flatten();
    json!({
        "id": c.id, "name": name, "kind": kind, "with": with, "title": title, "member": member, "archived": c.archived,
        "unread": unread, "messages": messages,
    })
}

fn message(w: &World, c: &Channel, m: &Message, user: &str) -> Value {
    let mut replies: Vec<&Message> = m
        .replies
        .iter()
        .filter_map(|ts| c.messages.get(ts))
        .collect();
    replies.extend(
        w.ephemerals(user)
            .iter()
            .filter(|e| e.channel == c.id && e.thread_ts.as_ref() == Some(&m.ts)),
    );
    replies.sort_by(|a, b| a.ts.cmp(&b.ts));
    let replies: Vec<Value> = replies
        .into_iter()
        .map(|r| message(w, c, r, user))
        .collect();
    json!({
        "ts": m.ts, "version": m.edits, "user": m.user, "user_name": crate::render::user_name(w, &m.user), "is_bot": m.by_app,
        "text": m.text, "blocks": m.blocks, "ephemeral": m.ephemeral_for.is_some(), "edited": m.edited_ts.is_some(),
        "thread_ts": m.thread_ts, "replies": replies,
    })
}

/// One word whenever something changed; several changes at once make one. Over a WebSocket, because browsers allow six
/// connections of every other kind to one address, and each open tab needs one for as long as it is open.
async fn events(State(workspace): State<Workspace>, upgrade: WebSocketUpgrade) -> Response {
    let changes = workspace.0.signals.listen_to_all();
    upgrade.on_upgrade(|socket| announce(socket, changes))
}

/// The first word tells the page to look, wherever it comes from.
async fn announce(mut socket: WebSocket, mut changes: watch::Receiver<u64>) {
    while socket.send(Frame::text("changed")).await.is_ok() {
        let over = tokio::select! {
            changed = changes.changed() => changed.is_err(),
            () = gone(&mut socket) => true,
        };
        if over {
            return;
        }
    }
}

/// The page says nothing; reading what it says is how its end is noticed.
async fn gone(socket: &mut WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

/// What the page's person does.
#[derive(Deserialize)]
struct Act {
    user: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum What {
    Say {
        channel: String,
        text: String,
        thread_ts: Option<String>,
    },
    Command {
        channel: String,
        text: String,
    },
    Shortcut {
        callback_id: String,
    },
    Press {
        channel: String,
        ts: String,
        block_id: String,
        action_id: String,
        value: Option<Value>,
        selected: Option<Value>,
        state: Option<Value>,
        /// Of the message as it was drawn.
        version: Option<u32>,
    },
    Input {
        view_id: String,
        block_id: String,
        action_id: String,
        value: Value,
        via: Option<String>,
    },
    ViewButton {
        view_id: String,
        block_id: String,
        action_id: String,
    },
    Suggest {
        view_id: Option<String>,
        channel: Option<String>,
        ts: Option<String>,
        block_id: String,
        action_id: String,
        query: String,
    },
    Submit {
        view_id: String,
    },
    Close {
        view_id: String,
        #[serde(default)]
        clear: bool,
    },
    OpenHome,
    OpenDm {
        with: String,
    },
    Join {
        channel: String,
    },
    Read {
        channel: String,
    },
    DismissToast {
        id: String,
    },
}

async fn action(
    State(workspace): State<Workspace>,
    body: Result<Json<Act>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let Act { user, what } = match body {
        Ok(Json(act)) => act,
        Err(error) => {
            let text = format!("the page sent something this program does not understand: {error}");
            return (
                StatusCode::BAD_REQUEST,
                Json(json!({"ok": false, "error": text})),
            )
                .into_response();
        }
    };
    if workspace.with(|w| w.person(&user).is_none_or(|p| p.is_bot)) {
        return Json(json!({"ok": false, "error": "There is no such person."})).into_response();
    }
    match carry_out(&workspace, &user, what).await {
        Ok(mut answer) => {
            answer["ok"] = json!(true);
            Json(answer).into_response()
        }
        Err(error) => Json(json!({"ok": false, "error": error.0})).into_response(),
    }
}

async fn carry_out(workspace: &Workspace, user: &str, what: What) -> Result<Value, PersonError> {
    let done = json!({});
    // Where the app's answer is awaited elsewhere (toasts), the page is free again as soon as the envelope is sent.
    match what {
        What::Say {
            channel,
            text,
            thread_ts,
        } => {
            let ts = workspace.say_in_thread(user, &channel, &text, thread_ts.as_deref())?;
            return Ok(json!({"ts": ts}));
        }
        What::Command { channel, text } => drop(workspace.command(user, &channel, &text)?),
        What::Shortcut { callback_id } => drop(workspace.shortcut(user, &callback_id)?),
        What::Press {
            channel,
            ts,
            block_id,
            action_id,
            value,
            selected,
            state,
            version,
        } => {
            // Menus come as their state; some callers name it `value`.
            let selected = selected
                .filter(Value::is_object)
                .or_else(|| value.filter(Value::is_object));
            let state = state.map(|s| s["values"].as_object().cloned().unwrap_or_default());
            // A click reaches the app whatever the message has become while it was on its way.
            let message = workspace.message_before(user, &channel, &ts)?;
            drop(workspace.press(
                user,
                (&channel, &ts),
                (&block_id, &action_id),
                selected.as_ref(),
                state.as_ref(),
                version.and_then(|version| message.blocks_at(version)),
            )?);
        }
        What::Input {
            view_id,
            block_id,
            action_id,
            value,
            via,
        } => {
            let via = match via.as_deref() {
                Some("enter") => Via::Enter,
                Some("character") => Via::Character,
                _ => Via::Change,
            };
            drop(workspace.input(user, &view_id, (&block_id, &action_id), &value, via)?);
        }
        What::ViewButton {
            view_id,
            block_id,
            action_id,
        } => {
            drop(workspace.view_button(user, &view_id, (&block_id, &action_id))?);
        }
        What::Suggest {
            view_id,
            channel,
            ts,
            block_id,
            action_id,
            query,
        } => {
            let place = match (&view_id, &channel, &ts) {
                (Some(view_id), _, _) => Place::View { view_id },
                (None, Some(channel), Some(ts)) => Place::Message { channel, ts },
                _ => {
                    return Err(PersonError(
                        "suggest needs view_id, or channel and ts".to_owned(),
                    ));
                }
            };
            return workspace
                .suggest(user, place, (&block_id, &action_id), &query)
                .await;
        }
        What::Submit { view_id } => {
            let result = match workspace.submit(user, &view_id).await? {
                Submitted::Incomplete(_) => "incomplete",
                Submitted::Errors(_) => "errors",
                Submitted::Closed => "closed",
                Submitted::Cleared => "cleared",
                Submitted::Updated => "updated",
                Submitted::Pushed => "pushed",
            };
            return Ok(json!({"result": result}));
        }
        What::Close { view_id, clear } => workspace.close(user, &view_id, clear)?,
        What::OpenHome => workspace.open_home(user)?,
        What::OpenDm { with } => return Ok(json!({"channel": workspace.open_dm(user, &with)?})),
        What::Join { channel } => workspace.join(user, &channel),
        What::Read { channel } => workspace.read(user, &channel),
        What::DismissToast { id } => workspace.dismiss_toast(user, &id),
    }
    Ok(done)
}
