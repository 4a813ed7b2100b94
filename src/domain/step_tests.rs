//! Steps of a request one by one. What holds in whatever order is in `step_model`, hooks are in `step_hook_tests`.

use uuid::Uuid;

use super::effect::{AnswerTo, Attempt, Effect, Press, Reply, RequesterNews, Timer, TimerChange};
use super::event::{DeliveryOutcome, Event, Routing, Submission};
use super::permission::{Audience, Level, Permissions, Refusal, Verdict};
use super::person::{Person, Role};
use super::routing::{Destination, Notification};
use super::run::{ChannelType, MessageRef, PinnedFlow, Run, RunError, SourceChannel, Status};
use super::step::{Transition, step, submit};
use super::time::Timestamp;

const REQUESTER: usize = 0;

pub(super) fn person(number: usize, role: Role) -> Person {
    Person {
        id: Uuid::from_u128(1000 + number as u128),
        slack_id: Some(format!("U{number}")),
        email: None,
        name: format!("person {number}"),
        first_name: None,
        last_name: None,
        role,
        active: true,
    }
}

pub(super) fn submission() -> Submission {
    Submission {
        id: Uuid::from_u128(7),
        workspace: "T1".to_owned(),
        flow: PinnedFlow {
            name: "approval".to_owned(),
            label: "Approval".to_owned(),
            environment: None,
            environment_name: None,
            version: "v".to_owned(),
            allow_guest_interaction: false,
            include_decision_message: false,
            grants_access: false,
            error_logger: Some("#errors".to_owned()),
            hooks: Vec::new(),
        },
        requester: person(REQUESTER, Role::Member).to_ref(),
        source: SourceChannel {
            kind: ChannelType::Slack,
            id: Some("C1".to_owned()),
            identifier: Some("#general".to_owned()),
        },
        fields: Vec::new(),
        target: None,
        duration_seconds: None,
        access_questions: Default::default(),
        context: None,
        parent: None,
    }
}

pub(super) fn notification(destinations: usize, timeout_seconds: Option<i64>) -> Notification {
    let destinations = (0..destinations)
        .map(|number| Destination::ChannelId {
            id: format!("C{number}"),
        })
        .collect();
    Notification {
        destinations,
        timeout_seconds,
        legacy: None,
    }
}

pub(super) fn permissions(approve_deny: Audience, allow_self_approval: bool) -> Permissions {
    Permissions {
        webapp_view: Audience::Level(Level::Admin),
        approve_deny,
        allow_self_approval,
    }
}

pub(super) fn message(number: u8) -> MessageRef {
    MessageRef {
        channel: "C0".to_owned(),
        ts: format!("{number}.0"),
    }
}

pub(super) fn attempt(
    actor: Person,
    verdict: Verdict,
    clicked: Option<(MessageRef, usize)>,
) -> Attempt {
    let answer = AnswerTo {
        slack_id: "U".to_owned(),
        channel: None,
        response_url: None,
    };
    Attempt {
        verdict,
        actor,
        message: None,
        via: ChannelType::Slack,
        clicked,
        answer: Some(answer),
        ticket: None,
    }
}

fn next(run: &Run, event: Event) -> Transition {
    step(run, event, Timestamp(2)).expect("the event changes the run")
}

/// The same without who it is.
pub(super) fn press_of(attempt: Attempt) -> Press {
    Press {
        verdict: attempt.verdict,
        external: false,
        message: attempt.message,
        clicked: attempt.clicked,
        answer: attempt.answer.expect("a press in Slack is answered"),
    }
}

pub(super) fn routed(notifications: Vec<Notification>) -> Event {
    Event::Routed(Routing {
        permissions: permissions(Audience::Level(Level::Member), false),
        notifications,
        expires_after: None,
        fields: None,
    })
}

/// A run that has been routed, with the answer's transition.
pub(super) fn open_run(notifications: Vec<Notification>) -> Run {
    let born = submit(submission(), Timestamp(0));
    step(&born.run, routed(notifications), Timestamp(1))
        .expect("routing changes the run")
        .run
}

pub(super) fn sent(notification: usize, destination: usize, number: u8) -> Event {
    Event::Delivered {
        notification,
        destination,
        outcome: DeliveryOutcome::Sent(message(number)),
    }
}

pub(super) fn failed(notification: usize, destination: usize) -> Event {
    Event::Delivered {
        notification,
        destination,
        outcome: DeliveryOutcome::Failed {
            reason: "channel_not_found".to_owned(),
            hint: Some("look for it".to_owned()),
        },
    }
}

pub(super) fn news(transition: &Transition) -> Vec<RequesterNews> {
    transition
        .effects
        .iter()
        .filter_map(|stored| match &stored.effect {
            Effect::TellRequester { about } => Some(*about),
            _ => None,
        })
        .collect()
}

pub(super) fn notified(transition: &Transition) -> Vec<(usize, usize)> {
    transition
        .effects
        .iter()
        .filter_map(|stored| match &stored.effect {
            Effect::Notify {
                notification,
                destination,
                ..
            } => Some((*notification, *destination)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_delivery_failure_uses_the_next_notification_at_once() {
    let run = open_run(vec![notification(1, None), notification(1, None)]);
    let next = step(&run, failed(0, 0), Timestamp(2)).expect("a change");
    assert_eq!(notified(&next), vec![(1, 0)]);
    assert_eq!(next.run.current, Some(1));
}

#[test]
fn one_failed_destination_of_two_is_no_failure_of_the_notification() {
    let run = open_run(vec![notification(2, None), notification(1, None)]);
    let next = step(&run, failed(0, 0), Timestamp(2)).expect("a change");
    let next = step(&next.run, sent(0, 1, 1), Timestamp(3)).expect("a change");
    assert_eq!(next.run.current, Some(0));
    assert_eq!(notified(&next), vec![]);
}

#[test]
fn time_forwards_to_the_end_of_the_list_and_then_expires() {
    let mut run = open_run(vec![
        notification(1, Some(15)),
        notification(1, Some(15)),
        notification(1, Some(15)),
    ]);
    for index in 0..3 {
        let delivered = step(&run, sent(index, 0, index as u8), Timestamp(1000)).expect("a change");
        let due = delivered.timers.iter().find_map(|change| match change {
            TimerChange::Set(timer) => Some(timer.due),
            TimerChange::Cancel { .. } => None,
        });
        assert_eq!(
            due,
            Some(Timestamp(16_000)),
            "the timer starts at the delivery"
        );
        let fired = step(
            &delivered.run,
            Event::TimerFired {
                notification: index,
            },
            Timestamp(16_000),
        )
        .expect("a change");
        if index < 2 {
            assert_eq!(notified(&fired), vec![(index + 1, 0)]);
        } else {
            assert_eq!(fired.run.status, Status::Expired);
            assert_eq!(news(&fired), vec![RequesterNews::Expired]);
        }
        run = fired.run;
    }
}

#[test]
fn an_undeliverable_last_notification_leaves_the_request_open_and_tells_the_requester() {
    let run = open_run(vec![notification(1, Some(15))]);
    let next = step(&run, failed(0, 0), Timestamp(2)).expect("a change");
    assert_eq!(next.run.status, Status::Requested);
    assert_eq!(next.run.current, None);
    assert_eq!(news(&next), vec![RequesterNews::Undeliverable]);
    assert!(
        next.effects
            .iter()
            .any(|stored| matches!(stored.effect, Effect::ReportError { .. }))
    );
    // The web app can still decide it.
    let decided = step(
        &next.run,
        Event::Attempted(attempt(person(1, Role::Member), Verdict::Approve, None)),
        Timestamp(3),
    );
    assert_eq!(decided.expect("a change").run.status, Status::Approved);
}

/// A run that has been routed to these notifications, with a time of its own.
fn timed_run(notifications: Vec<Notification>) -> Transition {
    let born = submit(submission(), Timestamp(0));
    let routing = Routing {
        permissions: permissions(Audience::Level(Level::Member), false),
        notifications,
        expires_after: Some(60),
        fields: None,
    };
    step(&born.run, Event::Routed(routing), Timestamp(1)).expect("a change")
}

fn own_time_over(run: &Run) -> Option<Transition> {
    let notification = run.own_timer();
    step(run, Event::TimerFired { notification }, Timestamp(70_000))
}

#[test]
fn a_request_that_is_nowhere_expires_after_its_own_time() {
    let nobody = timed_run(vec![]);
    assert_eq!(news(&nobody), vec![RequesterNews::NobodyNotified]);
    let asked = timed_run(vec![notification(1, Some(15)), notification(1, None)]);
    assert!(asked.timers.is_empty());
    let run = step(&asked.run, failed(0, 0), Timestamp(2))
        .expect("a change")
        .run;
    assert!(own_time_over(&run).is_none(), "it is with a notification");
    let unreached = step(&run, failed(1, 0), Timestamp(3)).expect("a change");
    assert_eq!(news(&unreached), vec![RequesterNews::Undeliverable]);
    for (nowhere, begun, timer) in [(nobody, 1, 0), (unreached, 3, 2)] {
        let set = TimerChange::Set(Timer {
            due: Timestamp(begun + 60_000),
            run: nowhere.run.id,
            notification: timer,
        });
        assert_eq!(nowhere.timers, vec![set]);
        let over = own_time_over(&nowhere.run).expect("a change");
        assert_eq!(over.run.status, Status::Expired);
        assert_eq!(news(&over), vec![RequesterNews::Expired]);
        let last = &over.run.history.last().expect("a line").text;
        assert_eq!(last, "Expired: nobody acted within 60 seconds.");
        assert!(own_time_over(&over.run).is_none());

        let press = attempt(person(1, Role::Member), Verdict::Approve, None);
        let decided = step(&nowhere.run, Event::Attempted(press), Timestamp(4)).expect("a change");
        assert_eq!(decided.run.status, Status::Approved);
        let cancel = TimerChange::Cancel {
            run: nowhere.run.id,
            notification: timer,
        };
        assert_eq!(decided.timers, vec![cancel]);
        assert!(own_time_over(&decided.run).is_none());
    }
}

#[test]
fn a_request_without_a_time_of_its_own_that_is_nowhere_stays_open() {
    let run = open_run(vec![]);
    assert!(own_time_over(&run).is_none());
}

#[test]
fn a_notification_without_destinations_hands_over_to_the_next() {
    let run = open_run(vec![notification(0, None), notification(1, None)]);
    assert_eq!(run.current, Some(1));
}

#[test]
fn the_second_decision_is_answered_and_changes_nothing() {
    let run = open_run(vec![notification(1, None)]);
    let run = step(&run, sent(0, 0, 1), Timestamp(2))
        .expect("a change")
        .run;
    let by = |actor| Event::Attempted(attempt(actor, Verdict::Deny, Some((message(1), 0))));
    let first = step(&run, by(person(1, Role::Member)), Timestamp(3)).expect("a change");
    assert_eq!(first.reply, None);
    let second = step(&first.run, by(person(2, Role::Admin)), Timestamp(4)).expect("an answer");
    assert_eq!(second.reply, Some(Reply::AlreadyDecided));
    assert_eq!(second.run.decision, first.run.decision);
    assert!(
        second
            .effects
            .iter()
            .any(|stored| matches!(stored.effect, Effect::Answer { .. }))
    );
}

#[test]
fn a_click_on_a_forwarded_message_is_refused_although_the_person_may_decide() {
    let run = open_run(vec![notification(1, Some(1)), notification(1, None)]);
    let run = step(&run, sent(0, 0, 1), Timestamp(2))
        .expect("a change")
        .run;
    let run = step(&run, Event::TimerFired { notification: 0 }, Timestamp(1002))
        .expect("a change")
        .run;
    let late = attempt(
        person(1, Role::Admin),
        Verdict::Approve,
        Some((message(1), 0)),
    );
    let answered = step(&run, Event::Attempted(late), Timestamp(1003)).expect("an answer");
    assert_eq!(answered.reply, Some(Reply::Forwarded { notification: 0 }));
    assert_eq!(answered.run.status, Status::Requested);
}

#[test]
fn nobody_decides_before_the_permissions_are_known() {
    let born = submit(submission(), Timestamp(0));
    let early = Event::Attempted(attempt(person(1, Role::Admin), Verdict::Approve, None));
    assert_eq!(
        step(&born.run, early, Timestamp(1))
            .expect("an answer")
            .reply,
        Some(Reply::NotReady)
    );
}

#[test]
fn a_click_that_overtakes_the_record_of_its_delivery_works_and_the_message_is_updated_once() {
    let run = open_run(vec![notification(1, None)]);
    let click = attempt(
        person(1, Role::Member),
        Verdict::Approve,
        Some((message(1), 0)),
    );
    let decided = step(&run, Event::Attempted(click), Timestamp(2)).expect("a change");
    assert_eq!(decided.run.status, Status::Approved);
    let recorded = step(&decided.run, sent(0, 0, 1), Timestamp(3))
        .expect("a change")
        .run;
    let known: Vec<_> = recorded.notifications[0].messages().collect();
    assert_eq!(known, vec![&message(1)]);
}

#[test]
fn a_failed_reducer_closes_the_run_and_tells_requester_and_error_logger() {
    let born = submit(submission(), Timestamp(0));
    let error = RunError {
        code: "IMPL-1".to_owned(),
        message: "impl.py:3: KeyError".to_owned(),
        ..RunError::default()
    };
    let next = step(&born.run, Event::RoutingFailed { error }, Timestamp(1)).expect("a change");
    assert_eq!(next.run.status, Status::Errored);
    assert_eq!(news(&next), vec![RequesterNews::Failed]);
    let codes: Vec<_> = next
        .effects
        .iter()
        .filter_map(|stored| match &stored.effect {
            Effect::ReportError { problem, .. } => Some(problem.code.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(codes, vec!["IMPL-1"]);
}

#[test]
fn the_permission_table_holds() {
    use super::permission::may_decide;
    let member = person(1, Role::Member);
    let admin = person(2, Role::Admin);
    let guest = person(3, Role::Guest);
    let requester = person(REQUESTER, Role::Member);
    let own = requester.id;
    let levels = [
        (Audience::Level(Level::Admin), Err(Refusal::NotPermitted)),
        (Audience::Level(Level::Member), Ok(())),
        (Audience::Level(Level::AllUsers), Ok(())),
        (Audience::People(vec![member.id]), Ok(())),
        (Audience::People(vec![guest.id]), Err(Refusal::NotPermitted)),
    ];
    for verdict in [Verdict::Approve, Verdict::Deny] {
        for (audience, expected) in &levels {
            let rule = permissions(audience.clone(), false);
            assert_eq!(
                may_decide(&rule, false, own, &member, verdict),
                *expected,
                "member, {audience:?}"
            );
            assert_eq!(
                may_decide(&rule, false, own, &admin, verdict),
                Ok(()),
                "admins always, {audience:?}"
            );
            assert_eq!(
                may_decide(&rule, false, own, &guest, verdict),
                Err(Refusal::Guest),
                "guest, {audience:?}"
            );
        }
    }
    // Guests need both the flow's consent and to be included.
    let all = permissions(Audience::Level(Level::AllUsers), false);
    let members = permissions(Audience::Level(Level::Member), false);
    assert_eq!(
        may_decide(&all, true, own, &guest, Verdict::Approve),
        Ok(())
    );
    assert_eq!(
        may_decide(&members, true, own, &guest, Verdict::Approve),
        Err(Refusal::NotPermitted)
    );
    // Self-approval is its own flag, for admins too, and works even where the audience leaves the requester out.
    let admins = |own_approval| permissions(Audience::Level(Level::Admin), own_approval);
    assert_eq!(
        may_decide(&members, false, own, &requester, Verdict::Approve),
        Err(Refusal::OwnRequest)
    );
    assert_eq!(
        may_decide(&admins(true), false, own, &requester, Verdict::Approve),
        Ok(())
    );
    assert_eq!(
        may_decide(&admins(true), false, own, &requester, Verdict::Deny),
        Err(Refusal::OwnDenial)
    );
    assert_eq!(
        may_decide(&members, false, own, &requester, Verdict::Deny),
        Ok(())
    );
    assert_eq!(
        may_decide(&members, false, admin.id, &admin, Verdict::Approve),
        Err(Refusal::OwnRequest)
    );
    assert_eq!(
        may_decide(&members, false, admin.id, &admin, Verdict::Deny),
        Ok(())
    );
    let gone = Person {
        active: false,
        ..admin.clone()
    };
    assert_eq!(
        may_decide(&all, true, own, &gone, Verdict::Approve),
        Err(Refusal::Inactive)
    );
}

#[test]
fn a_press_counts_from_when_it_came_however_long_it_takes_to_find_out_whose_it_is() {
    let run = open_run(vec![notification(1, Some(15)), notification(1, None)]);
    let run = next(&run, sent(0, 0, 1)).run;
    let pressed = press_of(attempt(person(1, Role::Member), Verdict::Approve, None));
    let waits = next(&run, Event::Pressed(pressed.clone()));
    let asked: Vec<_> = waits.effects.iter().map(|stored| &stored.effect).collect();
    assert_eq!(asked, [&Effect::Identify]);
    let number = waits.effects[0].id.number;
    let late = next(&waits.run, Event::TimerFired { notification: 0 }).run;
    assert_eq!((late.status, late.current), (Status::Requested, Some(0)));
    let who = |who| Event::Identified { number, who };
    let decided = next(&late, who(Ok(person(1, Role::Member)))).run;
    assert_eq!(decided.status, Status::Approved);
    // Not found out, or not permitted: the time that ran out meanwhile counts.
    for answer in [Err("SYS-1".to_owned()), Ok(person(1, Role::Guest))] {
        let forwarded = next(&late, who(answer));
        assert_eq!(notified(&forwarded), vec![(1, 0)]);
        let answers = forwarded.effects.iter();
        let answers = answers.filter(|stored| matches!(stored.effect, Effect::Answer { .. }));
        assert_eq!(answers.count(), 1);
    }
    // People of another company are guests, whatever the directory says.
    let external = Press {
        external: true,
        ..pressed
    };
    let run = next(&run, Event::Pressed(external)).run;
    let answered = next(&run, who(Ok(person(1, Role::Admin))));
    assert_eq!(answered.run.status, Status::Requested);
    // Closed meanwhile: whoever pressed hears by whom.
    let closed = next(
        &waits.run,
        Event::Attempted(attempt(person(2, Role::Member), Verdict::Deny, None)),
    )
    .run;
    let told = next(&closed, who(Ok(person(1, Role::Member))));
    assert_eq!(told.run.status, Status::Denied);
    assert!(told.effects.iter().any(|stored| matches!(
        stored.effect,
        Effect::Answer {
            reply: Reply::AlreadyDecided,
            ..
        }
    )));
}
