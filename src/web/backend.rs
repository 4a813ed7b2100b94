//! What the web app needs from the engine. The pages know only this.

use uuid::Uuid;

use crate::domain::permission::{Refusal, Verdict};
use crate::domain::person::Person;
use crate::domain::run::{Run, RunId};
use crate::domain::time::Timestamp;

/// One request with what the viewer may do to it now.
#[derive(Debug, Clone)]
pub struct RequestPage {
    pub run: Run,
    /// `Ok` when the button is to be shown.
    pub may_approve: Result<(), Refusal>,
    pub may_deny: Result<(), Refusal>,
}

/// Why a sign-in link was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRefusal {
    /// Unknown, or used before (the two cannot be told apart once it is gone).
    UsedOrUnknown,
    /// Older than its five minutes.
    Expired,
    /// The person's account is deactivated.
    Inactive,
}

/// What came of a decision made on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionOutcome {
    /// It is decided; the run is closed now.
    Done,
    /// Not done; the sentence says why (not permitted, already decided by whom, expired, …).
    Refused(String),
}

/// A filter of the list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// True: only open ones (the default of the page).
    pub open_only: bool,
    pub before: Option<(Timestamp, RunId)>,
    /// The most that are shown.
    pub limit: usize,
}

/// A page of the list.
#[derive(Debug, Clone, Default)]
pub struct ListPage {
    /// Newest first.
    pub runs: Vec<Run>,
    /// Where to go on; `None` when there is nothing more. There may be more although `runs` is short: so many requests were
    /// looked through that the viewer may not see that the rest is left to the next page.
    pub next: Option<(Timestamp, RunId)>,
}

/// Whether the bot can work, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// The reason, for example "no Socket Mode connection yet".
    NotReady(String),
}

/// A failure that the page shows with its code.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct BackendError {
    pub code: String,
    pub message: String,
}

/// What the methods of [`Backend`] return.
pub type Answer<'a, T> =
    std::pin::Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

/// Implemented by the engine.
pub trait Backend: Send + Sync {
    /// Whose link this is, without redeeming it, so that the sign-in page can name the person. `Ok(None)`: cannot be
    /// told. A backend that does not implement it has a page without the name.
    fn peek_link(&self, token: String) -> Answer<'_, Result<Option<Person>, LinkRefusal>> {
        drop(token);
        Box::pin(async { Ok(Ok(None)) })
    }
    /// Redeems a one-time sign-in link (single use, five minutes).
    fn redeem_link(&self, token: String) -> Answer<'_, Result<Person, LinkRefusal>>;
    /// The person with this id with the role of this moment; `None` when unknown or deactivated.
    fn person(&self, id: Uuid) -> Answer<'_, Option<Person>>;
    /// Requests that the viewer may see, newest first.
    fn requests(&self, viewer: Person, query: ListQuery) -> Answer<'_, ListPage>;
    /// One request; `None` when it does not exist or the viewer may not see it.
    fn request(&self, viewer: Person, id: RunId) -> Answer<'_, Option<RequestPage>>;
    /// Approve or deny. `key` is unique per rendered form, so that a repeated submission is recognised.
    fn decide(
        &self,
        viewer: Person,
        id: RunId,
        verdict: Verdict,
        message: Option<String>,
        key: String,
    ) -> Answer<'_, DecisionOutcome>;
    /// For `/readyz`.
    fn readiness(&self) -> Readiness;
    /// For `/metrics`: text in Prometheus's format.
    fn metrics(&self) -> Answer<'_, String> {
        Box::pin(async { Ok(String::new()) })
    }
    /// Current time (the one clock of the process).
    fn now(&self) -> Timestamp;
}
