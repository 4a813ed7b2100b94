//! Values for tests.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use crate::domain::audit::AuditRecord;
use crate::domain::effect::{Effect, EffectId, StoredEffect};
use crate::domain::person::PersonRef;
use crate::domain::run::{
    ChannelType, HistoryEntry, MessageRef, PinnedFlow, Run, RunId, SourceChannel, Status,
};
use crate::domain::time::Timestamp;
use crate::store::{Commit, Options, SledStore, StoreError, Timer, TimerChange};

pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn run_id(number: u64) -> RunId {
    Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + u128::from(number))
}

fn person(name: &str) -> PersonRef {
    PersonRef {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
        slack_id: Some("U0123456789".into()),
        email: Some(format!("{name}@example.com")),
        name: name.into(),
    }
}

/// A run of realistic size whose JSON grows with `padding`.
pub(crate) fn run(number: u64, revision: u64, status: Status, padding: usize) -> Run {
    Run {
        id: run_id(number),
        revision,
        workspace: String::new(),
        flow: PinnedFlow {
            name: "approval".into(),
            label: "Approval".into(),
            environment: Some("main".into()),
            environment_name: None,
            version: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            allow_guest_interaction: false,
            include_decision_message: true,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        status,
        requester: person("alice"),
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C024BE91L".into()),
            identifier: Some("#general".into()),
        },
        created_at: START.plus_seconds(number),
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        permissions: None,
        notifications: Vec::new(),
        current: None,
        decision: None,
        closed_at: None,
        error: None,
        history: vec![HistoryEntry {
            at: START,
            event: "request".into(),
            actor: Some(person("alice")),
            text: "x".repeat(padding),
        }],
        effects_made: 0,
        access_questions: Default::default(),
        context: None,
        parent: None,
        hooks: crate::domain::hook::HookState::default(),
        own_time: None,
    }
}

pub(crate) fn effect(run: u64, number: u64, text: &str) -> StoredEffect {
    StoredEffect {
        id: EffectId {
            run: run_id(run),
            number,
        },
        effect: Effect::UpdateMessage {
            message: MessageRef {
                channel: "C024BE91L".into(),
                ts: text.into(),
            },
        },
    }
}

pub(crate) fn audit(run: u64, event: &str) -> AuditRecord {
    let id = run_id(run);
    let body = json!({
        "meta": {"schema_version": 4},
        "state": {"status": "processing", "errors": []},
        "run": {"srn": format!("acme:run:approval:1:{id}"), "flow": "acme:flow:approval:1"},
        "event": {"type": event, "timestamp": START.plus_seconds(run).to_iso(), "channel": "slack"},
        "fields": {"reason": "because – „täglich“"},
        "type": "event",
    });
    AuditRecord {
        id: Uuid::new_v5(&id, event.as_bytes()),
        run: Some(id),
        body: body.as_object().unwrap().clone(),
    }
}

/// A commit as the engine makes them: a key, the run, an effect, a timer, an audit record.
pub(crate) fn transition(number: u64, revision: u64, status: Status) -> Commit {
    Commit {
        dedup: vec![format!("envelope-{number}-{revision}")],
        run: Some(run(number, revision, status, 1_500)),
        outbox_add: vec![effect(number, revision, "told")],
        outbox_done: if revision > 1 {
            vec![effect(number, revision - 1, "").id]
        } else {
            Vec::new()
        },
        timers: vec![if status.is_open() {
            TimerChange::Set(Timer {
                due: START.plus_seconds(number + 900 * revision),
                run: run_id(number),
                notification: 0,
            })
        } else {
            TimerChange::Cancel {
                run: run_id(number),
                notification: 0,
            }
        }],
        audit: vec![audit(number, &format!("step-{revision}"))],
        values: vec![(
            format!("person/{}", number % 10),
            Some(json!({"n": number, "r": revision})),
        )],
        now: Some(START.plus_seconds(number)),
    }
}

/// Small, so that tests can have many of them.
pub(crate) fn options() -> Options {
    Options {
        cache_bytes: 8 << 20,
        // Low, so that crashes and power cuts meet a store that is just being opened anew.
        reopen_after_bytes: 4 << 20,
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(dir, options())
}
