//! What must hold for a request whatever happens to it, in whatever order, with and without hooks.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::Map;

use super::effect::{Effect, Press, RequesterNews, TimerChange};
use super::event::{Event, Routing};
use super::hook::{EventName, Fire, HookAnswer, HookCall, Otherwise, When};
use super::permission::{Audience, Level, Verdict, may_decide};
use super::person::Role;
use super::run::{Delivery, Run, RunError, Status};
use super::step::{step, submit};
use super::step_tests::{
    attempt, failed, message, news, notification, notified, permissions, person, press_of, sent,
    submission,
};
use super::time::Timestamp;

/// Presses of the run that are being checked, and those of people who are being looked up.
fn presses(run: &Run) -> usize {
    let is_checked = |call: &&HookCall| call.when == When::On && call.firing.pressed.is_some();
    run.hooks.calls.iter().filter(is_checked).count() + run.hooks.waiting.len()
}

fn any_hooks() -> impl Strategy<Value = Vec<String>> {
    let events = [
        EventName::Request,
        EventName::RequestForward,
        EventName::RequestExpire,
        EventName::Approve,
        EventName::Deny,
    ];
    let all: Vec<String> = events
        .iter()
        .flat_map(|event| {
            [
                format!("on_{}", event.as_str()),
                format!("after_{}", event.as_str()),
            ]
        })
        .collect();
    prop::sample::subsequence(all, 0..=10)
}

fn any_routing() -> impl Strategy<Value = Routing> {
    let audience = prop_oneof![
        Just(Audience::Level(Level::Admin)),
        Just(Audience::Level(Level::Member)),
        Just(Audience::Level(Level::AllUsers)),
        Just(Audience::People(vec![person(1, Role::Member).id])),
    ];
    let notifications = prop::collection::vec(
        (0_usize..3, prop::option::of(-1_i64..20))
            .prop_map(|(count, timeout)| notification(count, timeout)),
        0..4,
    );
    let expires_after = prop::option::of(-1_i64..20);
    (audience, any::<bool>(), notifications, expires_after).prop_map(
        |(audience, own, notifications, expires_after)| Routing {
            permissions: permissions(audience, own),
            notifications,
            expires_after,
            fields: None,
        },
    )
}

fn any_answer() -> impl Strategy<Value = HookAnswer> {
    let event = prop_oneof![
        1 => Just(EventName::Prompt),
        1 => Just(EventName::Request),
        3 => Just(EventName::Approve),
        3 => Just(EventName::Deny),
        1 => Just(EventName::Escalate),
    ];
    prop_oneof![
        4 => Just(HookAnswer::Proceed),
        1 => Just(HookAnswer::Ignore { message: Some("no".to_owned()) }),
        1 => Just(HookAnswer::Failed(RunError { code: "H".to_owned(), message: "m".to_owned(), ..RunError::default() })),
        2 => event.prop_map(|event| HookAnswer::Fire(Fire {
            event,
            target: None,
            duration_seconds: None,
            fields: Map::new(),
        })),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let role = prop_oneof![Just(Role::Admin), Just(Role::Member), Just(Role::Guest)];
    let verdict = prop_oneof![Just(Verdict::Approve), Just(Verdict::Deny)];
    let clicked = prop::option::of(
        (0_u8..6, 0_usize..4).prop_map(|(number, index)| (message(number), index)),
    );
    let (role_too, verdict_too, clicked_too) = (role.clone(), verdict.clone(), clicked.clone());
    prop_oneof![
        2 => any_routing().prop_map(Event::Routed),
        1 => Just(Event::RoutingFailed { error: RunError { code: "E".to_owned(), message: "m".to_owned(), ..RunError::default() } }),
        4 => (0_usize..4, 0_usize..3, 0_u8..6).prop_map(|(index, place, number)| sent(index, place, number)),
        2 => (0_usize..4, 0_usize..3).prop_map(|(index, place)| failed(index, place)),
        3 => (0_usize..4).prop_map(|notification| Event::TimerFired { notification }),
        5 => (0_usize..4, role, verdict, clicked)
            .prop_map(|(who, role, verdict, clicked)| Event::Attempted(attempt(person(who, role), verdict, clicked))),
        3 => (verdict_too, clicked_too, any::<bool>()).prop_map(|(verdict, clicked, external)| Event::Pressed(Press {
            external,
            ..press_of(attempt(person(9, Role::Member), verdict, clicked))
        })),
        5 => (1_u64..30, 0_usize..4, role_too, prop::bool::weighted(0.8)).prop_map(|(number, who, role, known)| Event::Identified {
            number,
            who: if known { Ok(person(who, role)) } else { Err("SYS-1".to_owned()) },
        }),
        6 => (1_u64..12, any_answer(), prop::option::weighted(0.7, any_routing()))
            .prop_map(|(number, answer, routing)| Event::HookAnswered { number, answer, routing }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_keeps_the_promises(
        hooks in any_hooks(),
        events in prop::collection::vec(any_event(), 0..60),
    ) {
        let mut now = Timestamp(0);
        let mut asked = submission();
        asked.flow.hooks = hooks;
        let born = submit(asked, now);
        // Who may decide how, as it was when they pressed.
        let mut permitted: HashSet<(uuid::Uuid, Verdict)> = HashSet::new();
        let mut run = born.run;
        let mut effect_ids: HashSet<_> = born.effects.iter().map(|stored| stored.id).collect();
        let mut timers: BTreeMap<usize, Timestamp> = BTreeMap::new();
        let mut ends_told = 0;
        let mut openings_told = 0;
        let mut routing_asked = born.effects.iter().any(|stored| stored.effect == Effect::Route);
        for event in events {
            now = Timestamp(now.0 + 700);
            let attempted = match &event {
                Event::Attempted(attempt) => Some(attempt.clone()),
                _ => None,
            };
            let pressed = matches!(event, Event::Pressed(_));
            // Somebody who was looked up decides with the role of that moment.
            let identified = match &event {
                Event::Identified { number, who: Ok(person) } => run
                    .hooks
                    .waiting
                    .iter()
                    .find(|waiting| waiting.number == *number)
                    .map(|waiting| waiting.press.clone().of(person.clone())),
                _ => None,
            };
            let time_waits = !run.hooks.waiting.is_empty() && matches!(event, Event::TimerFired { .. });
            if let (Some(attempt), Some(rule)) = (attempted.as_ref().or(identified.as_ref()), &run.permissions)
                && run.status.is_open()
                && may_decide(rule, false, run.requester.id, &attempt.actor, attempt.verdict).is_ok()
            {
                permitted.insert((attempt.actor.id, attempt.verdict));
            }
            let Some(transition) = step(&run, event.clone(), now) else {
                prop_assert!(attempted.is_none() && !pressed, "an attempt is always answered");
                continue;
            };
            let next = transition.run.clone();
            prop_assert_eq!(next.revision, run.revision + 1);
            for stored in &transition.effects {
                prop_assert!(effect_ids.insert(stored.id), "an effect id was used twice");
            }
            for change in &transition.timers {
                match change {
                    TimerChange::Set(timer) => { timers.insert(timer.notification, timer.due); }
                    TimerChange::Cancel { notification, .. } => { timers.remove(notification); }
                }
            }
            if time_waits {
                prop_assert_eq!((next.status, next.current), (run.status, run.current), "time did not wait for a press");
            }
            // A closed run never reopens and never changes its decision.
            if !run.status.is_open() {
                prop_assert_eq!(next.status, run.status);
                prop_assert_eq!(&next.decision, &run.decision);
                prop_assert_eq!(next.closed_at, run.closed_at);
                prop_assert!(
                    notified(&transition).is_empty() || run.hooks.announcing,
                    "a closed run notifies nobody, but for an automatic decision"
                );
                prop_assert!(run.hooks.calls.iter().all(|call| call.when == When::After));
            }
            prop_assert_eq!(next.decision.is_some(), matches!(next.status, Status::Approved | Status::Denied));
            prop_assert_eq!(next.closed_at.is_some(), !next.status.is_open());
            // Every end is told to the requester, once.
            let openings = [RequesterNews::Undeliverable, RequesterNews::NobodyNotified];
            let news = news(&transition);
            ends_told += news.iter().filter(|about| !openings.contains(about)).count();
            prop_assert_eq!(ends_told, usize::from(!next.status.is_open()));
            // An open request that is with no notification (any more) is no secret: its requester is told so, once.
            openings_told += news.iter().filter(|about| openings.contains(about)).count();
            let people_may_be_asked = |call: &HookCall| call.firing.otherwise == Otherwise::AskPeople;
            let nowhere = next.status.is_open()
                && next.permissions.is_some()
                && next.current.is_none()
                && !next.hooks.calls.iter().any(people_may_be_asked);
            prop_assert!(openings_told <= 1 && (openings_told == 1 || !nowhere), "{} times", openings_told);
            // Nobody decides who might not when pressing, and nothing but a hook decides by itself.
            let decided = run.decision.is_none() && next.decision.is_some();
            if let Some(decision) = next.decision.as_ref().filter(|_| decided) {
                if decision.by.is_automation() {
                    prop_assert!(
                        matches!(&event, Event::HookAnswered { .. } | Event::Routed(_)),
                        "a decision came from nowhere"
                    );
                    prop_assert!(!next.flow.hooks.is_empty());
                } else {
                    prop_assert!(
                        permitted.contains(&(decision.by.id, decision.verdict)),
                        "{:?} was not permitted", decision
                    );
                }
            }
            // Every press gets exactly one answer: the decision itself or a private one, at once or when its hooks have answered.
            let answers = transition.effects.iter().filter(|stored| matches!(stored.effect, Effect::Answer { .. })).count();
            let waiting = presses(&run) + usize::from(attempted.is_some() || pressed);
            let silent = waiting.checked_sub(presses(&next) + answers);
            prop_assert!(
                silent == Some(0) || (silent == Some(1) && decided),
                "{} waited, {} wait, {} were answered", waiting, presses(&next), answers
            );
            if attempted.is_some() {
                prop_assert_eq!(transition.reply.is_none(), decided);
            }
            // What was asked of the outside is known to the run: a call without an effect would never be made.
            for call in &next.hooks.calls {
                let known = run.hooks.call(call.number).is_some();
                let number = call.number;
                let asked = transition.effects.iter().any(|stored| stored.effect == Effect::CallHook { number });
                prop_assert!(known || asked);
            }
            // A request whose reducers were not asked yet waits for somebody.
            if next.status.is_open() && next.permissions.is_none() && next.hooks.calls.is_empty() {
                let asked = transition.effects.iter().any(|stored| stored.effect == Effect::Route);
                prop_assert!(asked || routing_asked, "nobody would route the request");
            }
            routing_asked |= transition.effects.iter().any(|stored| stored.effect == Effect::Route);
            // The same event again changes nothing, except that attempts are answered again.
            match step(&next, event, now) {
                None => {}
                Some(again) => {
                    prop_assert!(attempted.is_some() || pressed, "a repeated event changed the run");
                    prop_assert_eq!(again.run.status, next.status);
                    prop_assert_eq!(&again.run.decision, &next.decision);
                }
            }
            run = next;
            // An open run whose current notification was delivered and has a timeout has a live timer, and one that is nowhere and
            // was not at the end of its own time; no other has.
            let expected = run.current.filter(|index| {
                let routed = &run.notifications[*index];
                run.status.is_open()
                    && !routed.timer_used
                    && routed.notification.timeout_seconds.is_some()
                    && routed.deliveries.iter().any(|delivery| matches!(delivery, Delivery::Sent { .. }))
            });
            let own = run.own_time_runs().then(|| run.own_timer());
            prop_assert!(own.is_none() || nowhere);
            prop_assert_eq!(timers.keys().copied().collect::<Vec<_>>(), expected.into_iter().chain(own).collect::<Vec<_>>());
        }
    }
}
