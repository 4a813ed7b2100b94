//! The tests' driver: people, channels and forms by the names that people see, in sentences that read like a story. Waits
//! wake on change, have one overall deadline, and fail with what was awaited and what is to be seen instead.
//!
//! Acts only through [`crate::interact`], as the browser page does. Used by tests and by load drivers.

mod channel;
mod form;
mod person;
mod wait;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

pub use channel::{ChannelView, SeenMessage};
pub use form::{Filling, Form, Outcome};
pub use person::{Home, Person, Place, Typed};
pub use wait::DriverError;

use crate::faults::Faults;
use crate::lock;
use crate::log::{Call, Violation};
use crate::setup::Setup;
use crate::signals;
use crate::workspace::{Link, Workspace};

struct Running {
    workspace: Workspace,
    server: JoinHandle<()>,
    deadline: Duration,
    /// What tests have already looked at: channel or person → timestamp. A story moves forward, so an expectation never
    /// matches a message that an earlier one matched.
    seen: Mutex<HashMap<String, String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A running workspace. Cheap to clone; the server ends with the last clone.
#[derive(Clone)]
pub struct SlackSim(Arc<Running>);

impl SlackSim {
    /// Builds the workspace and serves it on loopback.
    pub async fn start(setup: Setup) -> std::io::Result<SlackSim> {
        let (deadline, port) = (setup.deadline, setup.port);
        let workspace = Workspace::new(setup);
        let (_, server) = crate::server::serve(workspace.clone(), port).await?;
        Ok(SlackSim(Arc::new(Running {
            workspace,
            server,
            deadline,
            seen: Mutex::default(),
        })))
    }

    pub fn workspace(&self) -> &Workspace {
        &self.0.workspace
    }

    /// Base of the Web API, without a slash at the end.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.0.workspace.base_url())
    }

    /// The browser page.
    pub fn page_url(&self) -> String {
        format!("{}/", self.0.workspace.base_url())
    }

    pub fn bot_token(&self) -> String {
        self.0.workspace.with(|w| w.app.bot_token.clone())
    }

    pub fn app_token(&self) -> String {
        self.0.workspace.with(|w| w.app.app_token.clone())
    }

    /// Links shown on the page.
    pub fn set_links(&self, links: &[(&str, &str)]) {
        let links = links
            .iter()
            .map(|(l, u)| Link {
                label: (*l).to_owned(),
                url: (*u).to_owned(),
            })
            .collect();
        self.0.workspace.set_links(links);
    }

    /// A person by handle, display name, real name or id.
    ///
    /// # Panics
    /// When there is nobody of that name: the story is wrong, and waiting would not help.
    pub fn person(&self, name: &str) -> Person {
        let id = self
            .0
            .workspace
            .with(|w| w.person_named(name).map(|p| p.id.clone()));
        match id {
            Some(id) => Person::new(self.clone(), id),
            None => panic!("there is nobody called `{name}` in this workspace"),
        }
    }

    /// A channel by name (with or without `#`) or id.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn channel(&self, name: &str) -> ChannelView {
        match self.channel_id(name) {
            Some(id) => ChannelView::new(self.clone(), id, None),
            None => panic!("there is no channel called `{name}` in this workspace"),
        }
    }

    /// The group direct message of the app and these people, once it exists.
    pub async fn group_dm(&self, people: &[&str]) -> Result<ChannelView, DriverError> {
        let mut members: std::collections::BTreeSet<String> = people
            .iter()
            .map(|p| self.person(p).id().to_owned())
            .collect();
        members.insert(self.0.workspace.with(|w| w.app.bot_user.clone()));
        let keys: Vec<String> = members.iter().cloned().collect();
        let what = format!(
            "a group direct message of the app with {}",
            people.join(", ")
        );
        let id = self.wait_for(&keys, &what, |w| {
            let found = w
                .channels()
                .iter()
                .find(|c| c.kind == crate::world::Kind::Mpim && c.members == members);
            found.map(|c| c.id.clone())
        });
        Ok(ChannelView::new(self.clone(), id.await?, None))
    }

    fn channel_id(&self, name: &str) -> Option<String> {
        self.0.workspace.with(|w| {
            w.channel(name)
                .or_else(|| w.channel_named(name))
                .map(|c| c.id.clone())
        })
    }

    /// Waits until that many connections have said hello and take envelopes.
    pub async fn connected(&self, connections: usize) -> Result<(), DriverError> {
        let what = format!("{connections} socket connection(s)");
        self.wait_on(&[signals::SOCKETS], &what, &[], || {
            (self.0.workspace.connections() >= connections).then_some(())
        })
        .await
    }

    /// Waits until fewer than that many connections are left.
    pub async fn disconnected_below(&self, connections: usize) -> Result<(), DriverError> {
        let what = format!("fewer than {connections} socket connection(s)");
        self.wait_on(&[signals::SOCKETS], &what, &[], || {
            (self.0.workspace.connections() < connections).then_some(())
        })
        .await
    }

    pub fn faults(&self) -> &Faults {
        self.0.workspace.faults()
    }

    /// All calls of a method, oldest first.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.0.workspace.calls(method)
    }

    /// Waits until a method has been called at least that often.
    pub async fn expects_calls(
        &self,
        method: &str,
        times: usize,
    ) -> Result<Vec<Call>, DriverError> {
        let what = format!("{times} call(s) of {method}");
        self.wait_on(&[signals::LOG], &what, &[], || {
            let calls = self.calls(method);
            (calls.len() >= times).then_some(calls)
        })
        .await
    }

    pub fn counter(&self, what: &str) -> u64 {
        self.0.workspace.counter(what)
    }

    pub fn violations(&self) -> Vec<Violation> {
        self.0.workspace.violations()
    }

    /// Takes out the violations that the story provoked on purpose and returns them.
    pub fn forgive(&self, which: impl Fn(&Violation) -> bool) -> Vec<Violation> {
        self.0.workspace.forgive(which)
    }

    /// The last line of most stories.
    pub fn expect_no_violations(&self) -> Result<(), DriverError> {
        let violations = self.violations();
        if violations.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Err(DriverError::new(
            "no violation of Slack's rules",
            &list.join("\n"),
        ))
    }

    /// Moves the workspace's time: trigger ids, response URLs and tickets age.
    pub fn advance(&self, by: Duration) {
        self.0.workspace.advance(by);
    }

    /// The workspace changes: a channel is archived.
    ///
    /// # Panics
    /// As all of these, when there is no such channel or person.
    pub fn archives(&self, channel: &str) {
        self.change_channel(channel, |c, _| c.archived = true);
    }

    /// Somebody invites the app.
    pub fn invites_app(&self, channel: &str) {
        self.change_channel(channel, |c, bot| {
            c.members.insert(bot.to_owned());
        });
    }

    /// Somebody removes the app.
    pub fn removes_app(&self, channel: &str) {
        self.change_channel(channel, |c, bot| {
            c.members.remove(bot);
        });
    }

    fn change_channel(&self, channel: &str, change: impl FnOnce(&mut crate::world::Channel, &str)) {
        let id = self.channel(channel).id().to_owned();
        self.0.workspace.with(|w| {
            let bot = w.app.bot_user.clone();
            if let Some(channel) = w.channel_mut(&id) {
                change(channel, &bot);
            }
        });
        self.0.workspace.ring(&id);
    }

    /// A person's account is deactivated.
    pub fn deactivates(&self, person: &str) {
        let id = self.person(person).id().to_owned();
        self.0.workspace.change_person(&id, |p| p.deleted = true);
    }

    /// A person's account is changed, for example by an administrator; returns when the app knows, or never will.
    pub async fn changes(&self, person: &str, change: impl FnOnce(&mut crate::world::Person)) {
        let id = self.person(person).id().to_owned();
        if let Some(told) = self.0.workspace.change_person(&id, change) {
            // A task that panics has printed why.
            let _ = told.await;
        }
    }

    fn seen_until(&self, key: &str) -> String {
        lock(&self.0.seen).get(key).cloned().unwrap_or_default()
    }

    fn mark_seen(&self, key: &str, ts: &str) {
        lock(&self.0.seen).insert(key.to_owned(), ts.to_owned());
    }
}
