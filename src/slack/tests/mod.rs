//! Tests of everything that turns domain values into blocks and back. What people see is in `snapshots/`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod check;
mod folding;
mod forms;
mod limits;
mod manifest;
mod messages;
mod modals;
mod reading;
mod render;
mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::field::{FieldType, FieldValue, SubmittedField, UserValue};
use crate::domain::permission::Verdict;
use crate::domain::person::PersonRef;
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{
    ChannelType, ChosenTarget, Decision, Delivery, MessageRef, PinnedFlow, RoutedNotification, Run,
    SourceChannel, Status,
};
use crate::domain::time::Timestamp;
use crate::flows::catalog::{
    Environment, Flow, Implementation, Params, PromptField, Strategy, Target,
};
use crate::slack::view::FormMetadata;

/// 2025-01-02 03:04:05 UTC.
const NOW: Timestamp = Timestamp(1_735_787_045_000);

fn field(name: &str, field_type: FieldType) -> PromptField {
    PromptField {
        name: name.to_owned(),
        field_type,
        label: None,
        required: true,
        visible: true,
        default: None,
        allowed_values: None,
        prefetch: false,
        on_change: None,
    }
}

fn labelled(name: &str, field_type: FieldType, label: &str) -> PromptField {
    PromptField {
        label: Some(label.to_owned()),
        ..field(name, field_type)
    }
}

fn choice(name: &str, field_type: FieldType, values: &[&str]) -> PromptField {
    PromptField {
        allowed_values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        ..field(name, field_type)
    }
}

fn flow(prompt_fields: Vec<PromptField>) -> Flow {
    Flow {
        address: "sym_flow.this".to_owned(),
        name: "approval".to_owned(),
        label: Some("Approval".to_owned()),
        environment: Some(Environment {
            name: "main".to_owned(),
            label: Some("Main".to_owned()),
            integrations: BTreeMap::new(),
            error_logger: None,
            services: BTreeMap::new(),
        }),
        vars: BTreeMap::new(),
        params: Params::default(),
        prompt_fields,
        implementation: Implementation {
            source: Arc::from(""),
            file: None,
        },
        strategy: None,
        version: "v1".to_owned(),
        handlers: Vec::new(),
    }
}

fn target(name: &str, label: &str) -> Target {
    Target {
        field_bindings: Vec::new(),
        id: format!("id-of-{name}"),
        target_type: "okta_group".to_owned(),
        name: name.to_owned(),
        label: Some(label.to_owned()),
        settings: BTreeMap::new(),
    }
}

fn access_flow(prompt_fields: Vec<PromptField>) -> Flow {
    Flow {
        strategy: Some(Strategy {
            id: String::new(),
            integration: None,
            settings: BTreeMap::new(),
            strategy_type: "okta".to_owned(),
            name: "okta".to_owned(),
            label: None,
            targets: vec![
                target("prod_db", "Production database"),
                target("staging_db", "Staging database"),
            ],
        }),
        ..flow(prompt_fields)
    }
}

fn metadata() -> FormMetadata {
    FormMetadata {
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C01".to_owned()),
            identifier: Some("#general".to_owned()),
        },
        flow: "approval".to_owned(),
        environment: Some("main".to_owned()),
        version: "v1".to_owned(),
        run: Some(Uuid::from_u128(7)),
        parent: None,
    }
}

fn person(name: &str, slack_id: &str) -> PersonRef {
    PersonRef {
        id: Uuid::from_u128(name.bytes().map(u128::from).sum()),
        slack_id: Some(slack_id.to_owned()),
        email: Some(format!("{}@example.com", name.to_lowercase())),
        name: name.to_owned(),
    }
}

fn submitted(label: &str, value: FieldValue) -> SubmittedField {
    SubmittedField {
        value_labels: Vec::new(),
        name: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        visible: true,
        value,
    }
}

fn string(words: &str) -> FieldValue {
    FieldValue::String(words.to_owned())
}

fn user(slack_id: &str) -> UserValue {
    UserValue {
        slack_id: slack_id.to_owned(),
        name: None,
    }
}

fn routed(channel: &str, timeout_seconds: Option<i64>) -> RoutedNotification {
    RoutedNotification {
        notification: Notification {
            destinations: vec![Destination::ChannelId {
                id: channel.to_owned(),
            }],
            timeout_seconds,
            legacy: None,
        },
        deliveries: vec![Delivery::Sent {
            message: MessageRef {
                channel: channel.to_owned(),
                ts: "1.1".to_owned(),
            },
        }],
        timed_out_at: None,
        adopted: Vec::new(),
        timer_used: false,
        restarted: false,
    }
}

/// Alice's open request, told to one channel.
fn run() -> Run {
    Run {
        id: Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef),
        revision: 3,
        workspace: "T1".to_owned(),
        flow: PinnedFlow {
            name: "approval".to_owned(),
            label: "Approval".to_owned(),
            environment: Some("Main".to_owned()),
            environment_name: None,
            version: "v1".to_owned(),
            allow_guest_interaction: false,
            include_decision_message: false,
            grants_access: false,
            error_logger: None,
            hooks: Vec::new(),
        },
        status: Status::Requested,
        requester: person("Alice", "UALICE"),
        source: metadata().source,
        created_at: NOW,
        fields: vec![submitted(
            "Why do you need access?",
            string("Deploy of the billing service hangs"),
        )],
        target: None,
        duration_seconds: None,
        permissions: None,
        notifications: vec![routed("C02", None)],
        current: Some(0),
        decision: None,
        closed_at: None,
        error: None,
        history: Vec::new(),
        effects_made: 0,
        access_questions: Default::default(),
        context: None,
        parent: None,
        hooks: crate::domain::hook::HookState::default(),
        own_time: None,
    }
}

/// The same, decided by Bob a minute later.
fn decided(verdict: Verdict, message: Option<&str>) -> Run {
    let at = NOW.plus_seconds(60);
    Run {
        status: match verdict {
            Verdict::Approve => Status::Approved,
            Verdict::Deny => Status::Denied,
        },
        decision: Some(Decision {
            verdict,
            by: person("Bob", "UBOB"),
            at,
            message: message.map(str::to_owned),
            via: ChannelType::Slack,
            reason: None,
        }),
        closed_at: Some(at),
        ..run()
    }
}

/// A run of an access flow.
fn with_access(run: Run) -> Run {
    Run {
        flow: PinnedFlow {
            grants_access: true,
            ..run.flow
        },
        target: Some(ChosenTarget {
            id: "id-of-prod_db".to_owned(),
            name: "prod_db".to_owned(),
            label: "Production database".to_owned(),
            target_type: "okta_group".to_owned(),
            settings: BTreeMap::new(),
            field_bindings: Vec::new(),
        }),
        duration_seconds: Some(5400),
        ..run
    }
}

/// Three notifications of 15 seconds; the first has timed out and the second is in use.
fn forwarded() -> Run {
    let mut notifications = vec![
        routed("C02", Some(15)),
        routed("C03", Some(15)),
        routed("C04", Some(15)),
    ];
    notifications[0].timed_out_at = Some(NOW.plus_seconds(15));
    Run {
        notifications,
        current: Some(1),
        ..run()
    }
}
