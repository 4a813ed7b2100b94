//! A Slack workspace in a process, for tests and demonstrations: Web API, Socket Mode over real WebSockets, people who act,
//! faults on demand, and a browser page. It knows nothing of the app that connects to it. See `README.md` of this crate.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use slack_sim::{Setup, SlackSim};
//! let slack = SlackSim::start(Setup::company()).await?;
//! // … connect an app to slack.api_url() with slack.bot_token() and slack.app_token() …
//! let alice = slack.person("alice");
//! let form = alice.in_channel("#general").types("/sym req approval").await?.modal().await?;
//! form.fill("Why do you need access?", "deploy").pick("Urgency", "Emergency").submit().await?;
//! let request = slack.channel("#sym-requests").next_request().await?;
//! slack.person("bob").presses(&request, "Approve").await?;
//! alice.dm_with_bot().expects_text("approved").await?;
//! slack.expect_no_violations()?;
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod blocks;
pub mod clock;
mod control;
pub mod driver;
pub mod faults;
mod ids;
pub mod interact;
pub mod log;
mod net;
mod page;
pub mod render;
mod server;
pub mod setup;
mod shapes;
mod signals;
mod socket;
pub mod validate;
mod web_api;
mod workspace;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use driver::{DriverError, Form, Outcome, Person, SeenMessage, SlackSim};
pub use faults::{Fault, Faults, SocketFault};
pub use log::{Call, Violation, ViolationKind};
pub use setup::{ChannelSetup, PersonSetup, Setup};
pub use workspace::{Link, Workspace};

/// A panic elsewhere must not hide behind a poisoned lock: the data is plain and stays usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
