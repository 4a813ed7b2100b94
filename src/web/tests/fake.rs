//! A backend in memory with the rules of `domain::permission`, and builders of requests for it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::field::{FieldValue, SubmittedField};
use crate::domain::permission::{
    Audience, Level, Permissions, Refusal, Verdict, may_decide, may_view,
};
use crate::domain::person::{Person, Role, person_id};
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{
    ChannelType, Decision, Delivery, HistoryEntry, MessageRef, PinnedFlow, RoutedNotification, Run,
    RunId, SourceChannel, Status,
};
use crate::domain::time::Timestamp;
use crate::web::backend::{
    Answer, Backend, BackendError, DecisionOutcome, LinkRefusal, ListPage, ListQuery, Readiness,
    RequestPage,
};

/// 2026-03-02 09:05 UTC.
pub const START: Timestamp = Timestamp(1_772_442_300_000);

/// A person of the workspace `T1`; the Slack id is made from the name.
pub fn person(name: &str, role: Role) -> Person {
    let slack_id = format!("U{}", name.to_uppercase());
    Person {
        id: person_id("T1", &slack_id),
        email: Some(format!("{name}@example.com")),
        slack_id: Some(slack_id),
        name: name.to_owned(),
        first_name: None,
        last_name: None,
        role,
        active: true,
    }
}

pub fn text_field(name: &str, label: &str, value: &str) -> SubmittedField {
    SubmittedField {
        value_labels: Vec::new(),
        name: name.into(),
        label: label.into(),
        visible: true,
        value: FieldValue::String(value.into()),
    }
}

/// An open request that went to #sym-requests and that members may decide.
pub fn request_by(requester: &Person, number: u128) -> Run {
    Run {
        id: Uuid::from_u128(0x1111_2222_3333_4444_0000_0000_0000_0000 + number),
        revision: 1,
        workspace: "T1".to_owned(),
        flow: PinnedFlow {
            name: "approval".into(),
            label: "Approval".into(),
            environment: None,
            environment_name: None,
            version: "v1".into(),
            allow_guest_interaction: false,
            include_decision_message: false,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        status: Status::Requested,
        requester: requester.to_ref(),
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C1".into()),
            identifier: Some("#general".into()),
        },
        created_at: START,
        fields: vec![text_field(
            "reason",
            "Why do you need access?",
            "to repair the shop",
        )],
        target: None,
        duration_seconds: None,
        permissions: Some(Permissions {
            webapp_view: Audience::Level(Level::Admin),
            approve_deny: Audience::Level(Level::Member),
            allow_self_approval: false,
        }),
        notifications: vec![RoutedNotification {
            notification: Notification {
                destinations: vec![Destination::ChannelName {
                    name: "#sym-requests".into(),
                }],
                timeout_seconds: None,
                legacy: None,
            },
            deliveries: vec![Delivery::Sent {
                message: MessageRef {
                    channel: "C2".into(),
                    ts: "1.2".into(),
                },
            }],
            timed_out_at: None,
            adopted: Vec::new(),
            timer_used: false,
            restarted: false,
        }],
        current: Some(0),
        decision: None,
        closed_at: None,
        error: None,
        history: vec![HistoryEntry {
            at: START,
            event: "request".into(),
            actor: Some(requester.to_ref()),
            text: format!("{} made the request.", requester.name),
        }],
        effects_made: 0,
        access_questions: Default::default(),
        context: None,
        parent: None,
        hooks: crate::domain::hook::HookState::default(),
        own_time: None,
    }
}

#[derive(Default)]
pub struct State {
    pub people: HashMap<Uuid, Person>,
    pub runs: Vec<Run>,
    /// Sign-in links: token → person and time of making.
    pub links: HashMap<String, (Uuid, Timestamp)>,
    /// Every call of `decide` that reached the backend.
    pub attempts: Vec<(Uuid, Verdict, Option<String>, String)>,
    seen_keys: HashSet<String>,
    /// The next calls fail with this.
    pub failure: Option<BackendError>,
    /// What a hook of the flow answers to a decision.
    pub hook_refuses: Option<String>,
    pub not_ready: Option<String>,
    pub panics: bool,
    /// Decisions wait until this is notified.
    pub hold: Option<Arc<Notify>>,
    /// Decisions that have begun.
    pub begun: usize,
    /// Hands out deactivated people as well, as an engine with a mistake might.
    pub careless: bool,
}

impl State {
    fn person(&self, id: Uuid) -> Option<Person> {
        let person = self.people.get(&id);
        person
            .filter(|person| person.active || self.careless)
            .cloned()
    }
}

pub struct Fake {
    pub state: Mutex<State>,
    clock: AtomicI64,
}

impl Fake {
    pub fn new(people: impl IntoIterator<Item = Person>) -> Self {
        Self {
            state: Mutex::new(State {
                people: people
                    .into_iter()
                    .map(|person| (person.id, person))
                    .collect(),
                ..State::default()
            }),
            clock: AtomicI64::new(START.0),
        }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn seconds_pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn link(&self, token: &str) -> Result<Person, LinkRefusal> {
        let now = self.now();
        self.with(|state| {
            let (id, made_at) = *state.links.get(token).ok_or(LinkRefusal::UsedOrUnknown)?;
            if now >= made_at.plus_seconds(300) {
                return Err(LinkRefusal::Expired);
            }
            state.person(id).ok_or(LinkRefusal::Inactive)
        })
    }

    fn fail(&self) -> Result<(), BackendError> {
        self.with(|state| state.failure.clone().map_or(Ok(()), Err))
    }
}

impl Backend for Fake {
    fn peek_link(&self, token: String) -> Answer<'_, Result<Option<Person>, LinkRefusal>> {
        Box::pin(async move { Ok(self.link(&token).map(Some)) })
    }

    fn redeem_link(&self, token: String) -> Answer<'_, Result<Person, LinkRefusal>> {
        Box::pin(async move {
            self.fail()?;
            let answer = self.link(&token);
            self.with(|state| state.links.remove(&token));
            Ok(answer)
        })
    }

    fn person(&self, id: Uuid) -> Answer<'_, Option<Person>> {
        Box::pin(async move {
            self.fail()?;
            Ok(self.with(|state| state.person(id)))
        })
    }

    fn requests(&self, viewer: Person, query: ListQuery) -> Answer<'_, ListPage> {
        Box::pin(async move {
            let mut runs: Vec<Run> = self.with(|state| {
                state
                    .runs
                    .iter()
                    .filter(|run| may_view(run.permissions.as_ref(), run.requester.id, &viewer))
                    .filter(|run| !query.open_only || run.status.is_open())
                    .filter(|run| {
                        query
                            .before
                            .is_none_or(|before| (run.created_at, run.id) < before)
                    })
                    .cloned()
                    .collect()
            });
            runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
            let more = runs.len() > query.limit;
            runs.truncate(query.limit);
            let next = runs
                .last()
                .filter(|_| more)
                .map(|run| (run.created_at, run.id));
            Ok(ListPage { runs, next })
        })
    }

    fn request(&self, viewer: Person, id: RunId) -> Answer<'_, Option<RequestPage>> {
        Box::pin(async move {
            if self.with(|state| state.panics) {
                // Outside of the lock, which would be poisoned.
                panic!("the fake was told to panic");
            }
            let run = self.with(|state| state.runs.iter().find(|run| run.id == id).cloned());
            Ok(run
                .filter(|run| may_view(run.permissions.as_ref(), run.requester.id, &viewer))
                .map(|run| {
                    let may = |verdict| match &run.permissions {
                        Some(permissions) => may_decide(
                            permissions,
                            run.flow.allow_guest_interaction,
                            run.requester.id,
                            &viewer,
                            verdict,
                        ),
                        None => Err(Refusal::NotPermitted),
                    };
                    RequestPage {
                        may_approve: may(Verdict::Approve),
                        may_deny: may(Verdict::Deny),
                        run,
                    }
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
            self.fail()?;
            let hold = self.with(|state| {
                state.begun += 1;
                state.hold.clone()
            });
            if let Some(hold) = hold {
                hold.notified().await;
            }
            let page = self.request(viewer.clone(), id).await?;
            let now = self.now();
            Ok(self.with(|state| {
                state
                    .attempts
                    .push((viewer.id, verdict, message.clone(), key.clone()));
                if !state.seen_keys.insert(key) {
                    return DecisionOutcome::Done;
                }
                if let Some(text) = &state.hook_refuses {
                    return DecisionOutcome::Refused(text.clone());
                }
                let may = page.map(|page| match verdict {
                    Verdict::Approve => page.may_approve,
                    Verdict::Deny => page.may_deny,
                });
                if may != Some(Ok(())) {
                    return DecisionOutcome::Refused("You may not do this.".into());
                }
                let Some(run) = state.runs.iter_mut().find(|run| run.id == id) else {
                    return DecisionOutcome::Refused("There is no such request.".into());
                };
                if let Some(decision) = &run.decision {
                    return DecisionOutcome::Refused(format!(
                        "Already decided by {}.",
                        decision.by.name
                    ));
                }
                run.status = match verdict {
                    Verdict::Approve => Status::Approved,
                    Verdict::Deny => Status::Denied,
                };
                run.closed_at = Some(now);
                run.decision = Some(Decision {
                    verdict,
                    by: viewer.to_ref(),
                    at: now,
                    message,
                    via: ChannelType::Sym,
                    reason: None,
                });
                run.history.push(HistoryEntry {
                    at: now,
                    event: verdict.verb().into(),
                    actor: Some(viewer.to_ref()),
                    text: format!("{} decided.", viewer.name),
                });
                DecisionOutcome::Done
            }))
        })
    }

    fn readiness(&self) -> Readiness {
        self.with(|state| state.not_ready.clone())
            .map_or(Readiness::Ready, Readiness::NotReady)
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::SeqCst))
    }
}
