//! The engine's way to the outside: Slack's calls with patience, people and channels, the policy workers, addresses of pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::outbox::{Held, reason};
use crate::domain::effect::AnswerTo;
use crate::domain::routing::Destination;
use crate::domain::run::{MessageRef, RunId};
use crate::policy::pool::Pool;
use crate::slack::api::{ApiError, Post, SlackApi};
use crate::slack::directory::Directory;
use crate::slack::message;
use crate::slack::pacing::Pacing;
use crate::slack::view::Message;
use crate::web::backend::Readiness;

/// Locks kept for messages before those that nobody holds are let go.
const LANES_MAX: usize = 1024;

/// What the engine reaches the world through.
pub struct Outside {
    pub api: SlackApi,
    pub directory: Directory,
    pub pacing: Pacing,
    pub pool: Arc<Pool>,
    pub handler_timeout: Duration,
    /// Base of links to the web app, without trailing slash; `None` when it is off.
    pub web_url: Option<String>,
    /// Number of sockets that said hello.
    pub connected: watch::Receiver<usize>,
    lanes: Mutex<HashMap<MessageRef, Weak<tokio::sync::Mutex<()>>>>,
}
