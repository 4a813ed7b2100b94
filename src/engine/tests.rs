//! What the loop promises without anybody outside: no Slack, no workers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod timing;

use std::sync::Arc;
use std::time::Duration;

use super::{Applied, Book, Engine, Outside, OutsideParts, Pages};
use crate::clock::{ManualClock, SharedClock, SystemClock};
use crate::domain::event::Submission;
use crate::domain::person::{Person, PersonRef, Role};
use crate::domain::run::{ChannelType, PinnedFlow, RunId, SourceChannel};
use crate::flows::catalog::Catalog;
use crate::policy::pool::{Pool, PoolConfig};
use crate::secret::Secret;
use crate::slack::api::{Identity, SlackApi};
use crate::slack::directory::{Admins, Directory};
use crate::store::{MemoryStore, Store};
use crate::web::backend::{Backend as _, LinkRefusal};

fn engine(store: Arc<dyn Store>) -> Arc<Engine> {
    engine_at(store, Arc::new(SystemClock))
}

fn engine_at(store: Arc<dyn Store>, clock: SharedClock) -> Arc<Engine> {
    let token = Secret::new("xoxb-nobody".to_owned());
    // Nothing listens there.
    let api = SlackApi::new(Some("http://127.0.0.1:9/api"), &token, &token).unwrap();
    let identity = Identity {
        team_id: "T1".to_owned(),
        team: "Acme".to_owned(),
        user_id: "U0".to_owned(),
        bot_id: None,
        enterprise_id: None,
    };
    let catalog = Catalog {
        filter: None,
        log_destinations: Vec::new(),
        version: "1".to_owned(),
        flows: Vec::new(),
        sym_resources: std::collections::BTreeMap::new(),
        several_environments: false,
    };
    let outside = Outside::new(OutsideParts {
        api: api.clone(),
        directory: Arc::new(Directory::new(api, &identity, Admins::new(&[]))),
        pool: Pool::start(PoolConfig::of("/nonexistent/symbot".into(), 1)),
        http: crate::policy::http::HttpGate::new(&[]).unwrap(),
        secrets: crate::secrets::Secrets::default(),
        handler_timeout: Duration::from_secs(1),
        web: None,
        contacts: Vec::new(),
    });
    let book = Book::new(catalog, store.clone());
    Arc::new(Engine::new(store, clock, book, outside))
}

fn submission(id: RunId) -> Submission {
    let person = PersonRef {
        id,
        slack_id: None,
        email: None,
        name: "Alice".to_owned(),
    };
    Submission {
        id,
        workspace: "T1".to_owned(),
        flow: PinnedFlow {
            name: "approval".to_owned(),
            label: "Approval".to_owned(),
            environment: None,
            environment_name: None,
            version: "1".to_owned(),
            allow_guest_interaction: false,
            include_decision_message: false,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        requester: person,
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: None,
            identifier: None,
        },
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        access_questions: Default::default(),
        context: None,
        parent: None,
    }
}

#[tokio::test]
async fn a_form_that_made_a_request_before_the_restart_makes_no_second_one() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let id = RunId::from_u128(7);
    let first = engine(store.clone());
    let made = first
        .submit(submission(id), vec!["form/1".to_owned()])
        .await;
    assert!(matches!(made, Ok(Applied::Changed { .. })), "{made:?}");
    // Another process: it has nothing of the run in memory, and the form comes under other keys.
    let second = engine(store.clone());
    let again = second
        .submit(submission(id), vec!["form/2".to_owned()])
        .await;
    assert!(matches!(again, Ok(Applied::Duplicate)), "{again:?}");
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!(run.revision, 1);
}

#[tokio::test]
async fn sign_in_links_that_have_expired_do_not_stay() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = ManualClock::default();
    let engine = engine_at(store.clone(), Arc::new(clock.clone()));
    let alice = Person {
        id: RunId::from_u128(1),
        slack_id: None,
        email: None,
        name: "Alice".to_owned(),
        first_name: None,
        last_name: None,
        role: Role::Member,
        active: true,
    };
    let links = async || store.values("login/".to_owned(), 10).await.unwrap().len();
    let first = engine.make_link_token(&alice).await.unwrap();
    clock.advance(Duration::from_secs(200));
    let second = engine.make_link_token(&alice).await.unwrap();
    assert_eq!(links().await, 2, "both can be used");

    // Seen when it is too old, a link goes.
    clock.advance(Duration::from_secs(101));
    let pages = Pages(engine.clone());
    let refused = pages.redeem_link(first).await.unwrap();
    assert_eq!(refused, Err(LinkRefusal::Expired));
    assert_eq!(links().await, 1);

    // So does one that nobody looks at, when another is made.
    clock.advance(Duration::from_secs(200));
    engine.make_link_token(&alice).await.unwrap();
    assert_eq!(links().await, 1);
    let gone = pages.redeem_link(second).await.unwrap();
    assert_eq!(gone, Err(LinkRefusal::UsedOrUnknown));
}
