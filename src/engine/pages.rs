//! What the web app asks: the engine's side of [`Backend`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Along, Applied, Engine};
use crate::domain::Timestamp;
use crate::domain::effect::{Attempt, Reply};
use crate::domain::event::Event;
use crate::domain::permission::{Refusal, Verdict, may_decide, may_view};
use crate::domain::person::{Person, PersonRef};
use crate::domain::run::{ChannelType, Run, RunId};
use crate::store::contract::{RunQuery, StoreError};
use crate::web::backend::{
    Answer, Backend, BackendError, DecisionOutcome, LinkRefusal, ListPage, ListQuery, Readiness,
    RequestPage,
};

/// Runs read from the store at a time while looking for those that the viewer may see.
const SCAN_PAGE: usize = 200;

/// Runs looked at for one page of the list: keeps a viewer who may see almost nothing from reading the whole store.
const SCAN_MAX: usize = 5000;

/// How much longer than a handler may take a page waits for the hooks of a press: for a worker, and for further hooks.
const HOOKS_MARGIN: Duration = Duration::from_secs(5);

/// The engine as the web app sees it.
pub struct Pages(pub Arc<Engine>);

impl Pages {
    /// The person of a sign-in link with the role of this moment.
    async fn signing_in(
        &self,
        person: &PersonRef,
    ) -> Result<Result<Person, LinkRefusal>, BackendError> {
        let slack_id = person.slack_id.as_deref().unwrap_or_default();
        match self.0.outside.directory.person_by_slack_id(slack_id).await {
            Ok(Some(person)) if person.active => Ok(Ok(person)),
            Ok(_) => Ok(Err(LinkRefusal::Inactive)),
            Err(error) => {
                tracing::error!(%error, "a person who signs in could not be looked up");
                Err(BackendError {
                    code: "SLACK".to_owned(),
                    message: "Slack did not answer. Type /sym login again in a moment.".to_owned(),
                })
            }
        }
    }

    /// The viewer with the role of this moment: what the session was rendered with may be minutes old.
    async fn deciding(&self, viewer: Person) -> Result<Person, BackendError> {
        let Some(slack_id) = &viewer.slack_id else {
            return Ok(viewer);
        };
        match self.0.outside.directory.person_for_decision(slack_id).await {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Ok(Person {
                active: false,
                ..viewer
            }),
            Err(error) => {
                tracing::error!(%error, "somebody who decides could not be looked up");
                Err(BackendError {
                    code: "SLACK".to_owned(),
                    message: "Slack did not answer, so nothing was decided. Please try again."
                        .to_owned(),
                })
            }
        }
    }

    /// Waits for the hooks of a press.
    async fn checked(
        &self,
        id: RunId,
        answered: oneshot::Receiver<Option<Reply>>,
    ) -> Result<DecisionOutcome, BackendError> {
        let patience = self.0.outside.handler_timeout + HOOKS_MARGIN;
        let Some(run) = self.0.run(id).await.map_err(|error| failed(&error))? else {
            return Ok(DecisionOutcome::Refused(
                "There is no such request.".to_owned(),
            ));
        };
        let reply = match tokio::time::timeout(patience, answered).await {
            Ok(Ok(None)) => return Ok(DecisionOutcome::Done),
            Ok(Ok(Some(reply))) => reply,
            // Too slow for a page; the press is on the disk and goes on.
            Ok(Err(_)) | Err(_) => Reply::Checking,
        };
        let run = self
            .0
            .run(id)
            .await
            .map_err(|error| failed(&error))?
            .unwrap_or(run);
        Ok(DecisionOutcome::Refused(page_words(&run, &reply)))
    }

    fn may_view(run: &Run, viewer: &Person) -> bool {
        may_view(run.permissions.as_ref(), run.requester.id, viewer)
    }

    fn verdict(run: &Run, viewer: &Person, verdict: Verdict) -> Result<(), Refusal> {
        match &run.permissions {
            Some(permissions) if run.status.is_open() => may_decide(
                permissions,
                run.flow.allow_guest_interaction,
                run.requester.id,
                viewer,
                verdict,
            ),
            // Nothing to decide (any more): no buttons for anybody.
            _ => Err(Refusal::NotPermitted),
        }
    }
}

fn failed(error: &StoreError) -> BackendError {
    tracing::error!(%error, "a page could not be made");
    BackendError {
        code: "STORE".to_owned(),
        message: "The request store did not answer. Please try again.".to_owned(),
    }
}

impl Backend for Pages {
    fn peek_link(&self, token: String) -> Answer<'_, Result<Option<Person>, LinkRefusal>> {
        Box::pin(async move {
            match self
                .0
                .peek_token(&token)
                .await
                .map_err(|error| failed(&error))?
            {
                Ok(person) => Ok(self.signing_in(&person).await?.map(Some)),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }

    fn redeem_link(&self, token: String) -> Answer<'_, Result<Person, LinkRefusal>> {
        Box::pin(async move {
            // First who it is, so that a link is not used up, and no sign-in put on record, for somebody who cannot come in.
            let person = match self
                .0
                .peek_token(&token)
                .await
                .map_err(|error| failed(&error))?
            {
                Ok(person) => person,
                Err(refusal) => {
                    if refusal == LinkRefusal::Expired {
                        self.0.drop_link(&token).await;
                    }
                    return Ok(Err(refusal));
                }
            };
            let person = match self.signing_in(&person).await? {
                Ok(person) => person,
                Err(refusal) => return Ok(Err(refusal)),
            };
            match self
                .0
                .redeem_token(&token)
                .await
                .map_err(|error| failed(&error))?
            {
                Ok(_) => Ok(Ok(person)),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }

    fn person(&self, id: Uuid) -> Answer<'_, Option<Person>> {
        Box::pin(async move {
            match self.0.outside.directory.person_by_id(id).await {
                Ok(person) => Ok(person.filter(|person| person.active)),
                Err(error) => {
                    tracing::error!(%error, "a signed-in person could not be looked up");
                    Err(BackendError {
                        code: "SLACK".to_owned(),
                        message: "Slack did not answer. Please try again.".to_owned(),
                    })
                }
            }
        })
    }

    fn requests(&self, viewer: Person, query: ListQuery) -> Answer<'_, ListPage> {
        Box::pin(async move {
            let place = |run: &Run| (run.created_at, run.id);
            let mut found = Vec::new();
            let mut before = query.before;
            let mut looked_at = 0;
            let mut more = true;
            // One more than is shown tells whether there is a next page.
            while more && found.len() <= query.limit && looked_at < SCAN_MAX {
                let page = RunQuery {
                    open_only: query.open_only,
                    before,
                    limit: SCAN_PAGE,
                };
                let runs = self
                    .0
                    .store
                    .runs(page)
                    .await
                    .map_err(|error| failed(&error))?;
                more = runs.len() == SCAN_PAGE;
                looked_at += runs.len();
                before = runs.last().map(place).or(before);
                found.extend(runs.into_iter().filter(|run| Self::may_view(run, &viewer)));
            }
            let next = if found.len() > query.limit {
                found.truncate(query.limit);
                found.last().map(place)
            } else {
                before.filter(|_| more)
            };
            Ok(ListPage { runs: found, next })
        })
    }

    fn request(&self, viewer: Person, id: RunId) -> Answer<'_, Option<RequestPage>> {
        Box::pin(async move {
            let run = self.0.run(id).await.map_err(|error| failed(&error))?;
            Ok(run
                .filter(|run| Self::may_view(run, &viewer))
                .map(|run| RequestPage {
                    may_approve: Self::verdict(&run, &viewer, Verdict::Approve),
                    may_deny: Self::verdict(&run, &viewer, Verdict::Deny),
                    run: run.as_ref().clone(),
                }))
        })
    }

    fn decide(
        &self,
        viewer: Person,
        id: RunId,
        verdict: Verdict,
        message: Option<String>,
        key: String,
    ) -> Answer<'_, DecisionOutcome> {
        Box::pin(async move {
            let gone = || DecisionOutcome::Refused("There is no such request.".to_owned());
            match self.0.run(id).await.map_err(|error| failed(&error))? {
                Some(run) if Self::may_view(&run, &viewer) => {}
                Some(_) => {
                    tracing::warn!(run = %id, person = %viewer.id, "somebody tried to decide a request that is not shown to them");
                    return Ok(gone());
                }
                None => return Ok(gone()),
            }
            let viewer = self.deciding(viewer).await?;
            let (ticket, answered) = self.0.ticket();
            let (viewer_id, attempt) = (
                viewer.id,
                Attempt {
                    verdict,
                    actor: viewer,
                    message,
                    via: ChannelType::Sym,
                    clicked: None,
                    answer: None,
                    ticket: Some(ticket),
                },
            );
            let along = Along {
                dedup: vec![format!("page/{key}")],
                done: None,
            };
            let applied = self
                .0
                .apply(id, Event::Attempted(attempt), along)
                .await
                .map_err(|error| failed(&error))?;
            Ok(match applied {
                Applied::Unknown => gone(),
                Applied::Changed { reply: None, .. } => DecisionOutcome::Done,
                Applied::Changed {
                    reply: Some(Reply::Checking),
                    ..
                } => self.checked(id, answered).await?,
                Applied::Changed {
                    run,
                    reply: Some(reply),
                } => DecisionOutcome::Refused(page_words(&run, &reply)),
                // The same form again: say how things stand, which need not be what this form asked for.
                Applied::Duplicate | Applied::Unchanged => {
                    match self.0.run(id).await.map_err(|error| failed(&error))? {
                        Some(run) => stands(&run, viewer_id, verdict),
                        None => gone(),
                    }
                }
            })
        })
    }

    fn metrics(&self) -> Answer<'_, String> {
        Box::pin(async move {
            self.0.metrics().await.map_err(|error| BackendError {
                code: "STORE".to_owned(),
                message: error.to_string(),
            })
        })
    }

    fn readiness(&self) -> Readiness {
        self.0.readiness()
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// What a repeated form is answered: done only if this person made this decision.
fn stands(run: &Run, viewer: Uuid, verdict: Verdict) -> DecisionOutcome {
    match &run.decision {
        Some(decision) if decision.by.id == viewer && decision.verdict == verdict => DecisionOutcome::Done,
        Some(_) => DecisionOutcome::Refused(page_words(run, &Reply::AlreadyDecided)),
        None => DecisionOutcome::Refused(
            "This form was sent before, and nothing was decided by it. Load the page again to see how the request stands."
                .to_owned(),
        ),
    }
}

/// A reply in the words of a page, without Slack's markup.
fn page_words(run: &Run, reply: &Reply) -> String {
    match reply {
        Reply::Refused {
            refusal: Refusal::OwnRequest,
        } => "You may not approve your own request. Somebody else has to.".to_owned(),
        Reply::Refused {
            refusal: Refusal::OwnDenial,
        } => "You may approve, but not deny, your own request.".to_owned(),
        Reply::Refused {
            refusal: Refusal::NotPermitted,
        } => "You may not decide this request.".to_owned(),
        Reply::Refused {
            refusal: Refusal::Guest,
        } => "Guests may not decide requests of this flow.".to_owned(),
        Reply::Refused {
            refusal: Refusal::Inactive,
        } => "Your account is deactivated.".to_owned(),
        Reply::AlreadyDecided => match &run.decision {
            Some(decision) => format!(
                "The request was already {} by {}.",
                run.status.as_str(),
                decision.by.name
            ),
            None => format!("The request was already {}.", run.status.as_str()),
        },
        Reply::Expired => "The request has expired.".to_owned(),
        Reply::Forwarded { .. } => "The request has been forwarded.".to_owned(),
        Reply::Errored => "The request could not be routed, so nobody can decide it.".to_owned(),
        Reply::NotReady => "The request is still being prepared. Try again in a moment.".to_owned(),
        Reply::TooMany => {
            "Many people are deciding this request at the same time. Try again in a moment."
                .to_owned()
        }
        Reply::Checking => {
            "Your decision is being checked by the flow's code. Load the page again in a moment."
                .to_owned()
        }
        Reply::Ignored {
            message: Some(message),
        } => format!("{message} The request stays open."),
        Reply::Ignored { message: None } => {
            "The flow's code did not accept this. The request stays open.".to_owned()
        }
        Reply::HookFailed { code } => format!(
            "The flow's code failed, so nothing was decided (code {code}). The request stays open."
        ),
        Reply::Unidentified { code } => {
            format!("You could not be looked up in Slack, so nothing was decided (code {code}).")
        }
        Reply::Replaced => format!(
            "The flow's code decided otherwise: the request is {} now.",
            run.status.as_str()
        ),
    }
}
