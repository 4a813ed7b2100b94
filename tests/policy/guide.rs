//! The snippets of the user's guide, exactly as written there.

use serde_json::json;
use symbot::domain::permission::{Audience, Level, Permissions};
use symbot::domain::routing::{Destination, Notification};

use crate::support::{NOTIFICATIONS, PERMISSIONS, call, person, request, with_field};

const PERMISSIONS_PY: &str = include_str!("guide/permissions.py");
const NOTIFICATIONS_PY: &str = include_str!("guide/notifications.py");
const URGENCY_PY: &str = include_str!("guide/urgency.py");
const SOURCE_CHANNEL_PY: &str = include_str!("guide/source_channel.py");
const NOTIFY_USER_PY: &str = include_str!("guide/notify_user.py");

fn channel(name: &str) -> Destination {
    Destination::ChannelName {
        name: name.to_owned(),
    }
}

fn one(destination: Destination) -> Notification {
    Notification {
        destinations: vec![destination],
        timeout_seconds: None,
        legacy: None,
    }
}

fn levels(approve_deny: Level, allow_self_approval: bool) -> Permissions {
    Permissions {
        webapp_view: Audience::Level(Level::Admin),
        approve_deny: Audience::Level(approve_deny),
        allow_self_approval,
    }
}

#[test]
fn the_minimal_permissions_let_members_decide() {
    let answer = call(PERMISSIONS_PY, PERMISSIONS)
        .and(NOTIFICATIONS)
        .run()
        .unwrap();
    assert_eq!(answer.permissions, Some(levels(Level::Member, false)));
    assert_eq!(answer.notifications, None, "the reducer is absent");
}

#[test]
fn the_minimal_notifications_run_although_slack_is_not_imported() {
    let answer = call(NOTIFICATIONS_PY, NOTIFICATIONS).run().unwrap();
    assert_eq!(
        answer.notifications,
        Some(vec![one(channel("#sym-requests"))])
    );
}

#[test]
fn urgency_chooses_the_channel_and_self_approval() {
    for (urgency, name, allow_self) in [
        ("Normal", "#sym-requests", false),
        ("Emergency", "#sym-emergencies", true),
    ] {
        let answer = call(URGENCY_PY, PERMISSIONS)
            .and(NOTIFICATIONS)
            .with(with_field("urgency", json!(urgency)))
            .run()
            .unwrap();
        assert_eq!(
            answer.permissions,
            Some(levels(Level::Admin, allow_self)),
            "{urgency}"
        );
        assert_eq!(
            answer.notifications,
            Some(vec![one(channel(name))]),
            "{urgency}"
        );
    }
}

#[test]
fn the_source_channel_comes_first_where_there_is_one() {
    let answer = call(SOURCE_CHANNEL_PY, NOTIFICATIONS).run().unwrap();
    assert_eq!(
        answer.notifications,
        Some(vec![one(channel("#general")), one(channel("#sym-access"))])
    );

    let mut private = request();
    private.run.source_channel.identifier = Some("G0123ABC".to_owned());
    let answer = call(SOURCE_CHANNEL_PY, NOTIFICATIONS)
        .with(private)
        .run()
        .unwrap();
    let id = Destination::ChannelId {
        id: "G0123ABC".to_owned(),
    };
    assert_eq!(
        answer.notifications,
        Some(vec![one(id), one(channel("#sym-access"))])
    );

    let mut shortcut = request();
    shortcut.run.source_channel.identifier = None;
    let answer = call(SOURCE_CHANNEL_PY, NOTIFICATIONS)
        .with(shortcut)
        .run()
        .unwrap();
    assert_eq!(
        answer.notifications,
        Some(vec![one(channel("#sym-access"))])
    );
}

#[test]
fn three_notifications_with_the_requester_and_users_by_mail_and_id() {
    let answer = call(NOTIFY_USER_PY, NOTIFICATIONS)
        .with(with_field("notify_requester", json!(true)))
        .run()
        .unwrap();
    let alice = person("alice");
    let alice = Destination::User {
        id: alice.id,
        slack_id: alice.slack_id,
        email: alice.email,
    };
    let timed = |destinations| Notification {
        destinations,
        timeout_seconds: Some(15),
        legacy: None,
    };
    assert_eq!(
        answer.notifications,
        Some(vec![
            timed(vec![channel("#general"), alice]),
            timed(vec![channel("#test-paginate-10")]),
            timed(vec![
                // The guide's text shows a masked address, which nobody has.
                Destination::User {
                    id: person("unknown").id,
                    slack_id: None,
                    email: Some("[email\u{a0}protected]".to_owned()),
                },
                Destination::User {
                    id: "test_id".to_owned(),
                    slack_id: None,
                    email: None,
                },
            ]),
        ])
    );
}

#[test]
fn nobody_to_notify_is_an_error_of_the_handler() {
    let mut shortcut = with_field("notify_requester", json!(false));
    shortcut.run.source_channel.identifier = None;
    let failure = call(NOTIFY_USER_PY, NOTIFICATIONS)
        .with(shortcut)
        .run()
        .expect_err("there is no destination");
    assert_eq!(failure.exception.as_deref(), Some("ValidationError"));
    assert!(failure.message.contains("at least 1 items"), "{failure}");
    assert_eq!(failure.handler.as_deref(), Some(NOTIFICATIONS));
}
