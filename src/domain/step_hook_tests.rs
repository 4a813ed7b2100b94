//! Hooks of a request, one by one.

use serde_json::{Map, json};

use super::effect::{Effect, Reply, RequesterNews, TimerChange};
use super::event::{Event, Routing};
use super::hook::{EventName, Fire, HookAnswer, When};
use super::permission::{Audience, Level, Verdict};
use super::person::Role;
use super::run::{ChannelType, Run, RunError, Status};
use super::step::{IGNORED_CODE, Transition, step, submit};
use super::step_tests::{
    attempt, failed, message, news, notification, notified, permissions, person, routed, sent,
    submission,
};
use super::time::Timestamp;

fn born(hooks: &[&str]) -> Transition {
    let mut asked = submission();
    asked.flow.hooks = hooks.iter().map(|&hook| hook.to_owned()).collect();
    submit(asked, Timestamp(0))
}

/// A run of a flow with these hooks, routed to one place without time limit, and delivered.
fn delivered(hooks: &[&str], seconds: Option<i64>) -> Run {
    let run = born(hooks).run;
    let all = vec![notification(1, seconds), notification(1, seconds)];
    let run = next(&run, routed(all)).run;
    next(&run, sent(0, 0, 1)).run
}

fn next(run: &Run, event: Event) -> Transition {
    step(run, event, Timestamp(1000)).expect("a change")
}

fn press(who: usize, role: Role, verdict: Verdict) -> Event {
    Event::Attempted(attempt(person(who, role), verdict, Some((message(1), 0))))
}

/// The one call that is under way.
fn the_call(run: &Run) -> (u64, String) {
    assert_eq!(run.hooks.calls.len(), 1, "{:?}", run.hooks.calls);
    let call = &run.hooks.calls[0];
    (call.number, call.name())
}

fn answer(run: &Run, hook: &str, answer: HookAnswer) -> Transition {
    let call = run
        .hooks
        .calls
        .iter()
        .find(|call| call.name() == hook)
        .expect("the hook is being called");
    next(
        run,
        Event::HookAnswered {
            number: call.number,
            answer,
            routing: None,
        },
    )
}

fn fire(event: EventName) -> HookAnswer {
    fire_with(event, Map::new())
}

fn fire_with(event: EventName, fields: Map<String, serde_json::Value>) -> HookAnswer {
    HookAnswer::Fire(Fire {
        event,
        target: None,
        duration_seconds: None,
        fields,
    })
}

fn failure() -> HookAnswer {
    HookAnswer::Failed(RunError {
        code: "IMPL-1".to_owned(),
        message: "impl.py:3: KeyError".to_owned(),
        ..RunError::default()
    })
}

fn no() -> HookAnswer {
    HookAnswer::Ignore {
        message: Some("not on Fridays".to_owned()),
    }
}

fn replies(transition: &Transition) -> Vec<Reply> {
    transition
        .effects
        .iter()
        .filter_map(|stored| match &stored.effect {
            Effect::Answer { reply, .. } => Some(reply.clone()),
            _ => None,
        })
        .collect()
}

fn reported(transition: &Transition) -> Vec<String> {
    transition
        .effects
        .iter()
        .filter_map(|stored| match &stored.effect {
            Effect::ReportError { problem, .. } => Some(problem.code.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn on_approve_is_asked_before_an_approval_takes_effect_and_after_approve_afterwards() {
    let run = delivered(&["on_approve", "after_approve"], None);
    let pressed = next(&run, press(1, Role::Member, Verdict::Approve));
    assert_eq!(pressed.reply, Some(Reply::Checking));
    assert_eq!(pressed.run.status, Status::Requested);
    let (number, hook) = the_call(&pressed.run);
    assert_eq!(hook, "on_approve");
    let decided = next(
        &pressed.run,
        Event::HookAnswered {
            number,
            answer: HookAnswer::Proceed,
            routing: None,
        },
    );
    assert_eq!(decided.run.status, Status::Approved);
    let by = decided.run.decision.as_ref().map(|decision| decision.by.id);
    assert_eq!(by, Some(person(1, Role::Member).id));
    assert_eq!(replies(&decided), vec![], "the decision is the answer");
    assert_eq!(the_call(&decided.run).1, "after_approve");
    // Whatever comes of it, the approval stays.
    for outcome in [failure(), no(), fire(EventName::Deny)] {
        let end = answer(&decided.run, "after_approve", outcome);
        assert_eq!(end.run.status, Status::Approved);
        assert_eq!(end.run.hooks.calls.len(), 0);
    }
}

#[test]
fn a_hook_that_ignores_or_fails_decides_nothing_and_the_person_hears_of_it() {
    let run = delivered(&["on_approve"], None);
    let pressed = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let ignored = answer(&pressed, "on_approve", no());
    assert_eq!(ignored.run.status, Status::Requested);
    assert_eq!(
        replies(&ignored),
        vec![Reply::Ignored {
            message: Some("not on Fridays".to_owned())
        }]
    );
    let errors = &ignored.audit[0].body["state"]["errors"];
    assert_eq!(errors, &json!(["not on Fridays"]));
    let failed = answer(&pressed, "on_approve", failure());
    assert_eq!(failed.run.status, Status::Requested);
    assert_eq!(
        replies(&failed),
        vec![Reply::HookFailed {
            code: "IMPL-1".to_owned()
        }]
    );
    assert_eq!(reported(&failed), vec!["IMPL-1"]);
    // The answer is taken once.
    let again = Event::HookAnswered {
        number: 1,
        answer: HookAnswer::Proceed,
        routing: None,
    };
    assert!(step(&failed.run, again, Timestamp(5)).is_none());
    // And the request can still be decided.
    let second = next(&failed.run, press(2, Role::Member, Verdict::Approve)).run;
    let decided = answer(&second, "on_approve", HookAnswer::Proceed).run;
    assert_eq!(decided.status, Status::Approved);
}

#[test]
fn the_permission_is_checked_before_the_hook() {
    let run = delivered(&["on_approve"], None);
    let refused = next(&run, press(0, Role::Member, Verdict::Approve));
    assert!(matches!(refused.reply, Some(Reply::Refused { .. })));
    assert!(refused.run.hooks.calls.is_empty());
}

#[test]
fn of_two_presses_that_are_being_checked_the_first_that_passes_decides_and_the_other_is_told() {
    let run = delivered(&["on_approve", "on_deny"], None);
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let run = next(&run, press(2, Role::Member, Verdict::Deny)).run;
    let decided = answer(&run, "on_deny", HookAnswer::Proceed);
    assert_eq!(decided.run.status, Status::Denied);
    assert_eq!(replies(&decided), vec![Reply::AlreadyDecided]);
    assert!(decided.run.hooks.calls.is_empty());
}

#[test]
fn a_second_press_of_the_same_button_is_answered_and_asks_no_hook() {
    let run = delivered(&["on_approve"], None);
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let again = next(&run, press(1, Role::Member, Verdict::Approve));
    assert_eq!(replies(&again), vec![Reply::Checking]);
    assert_eq!(again.run.hooks.calls.len(), 1);
}

#[test]
fn of_very_many_presses_at_a_time_the_last_are_told_that_many_are_deciding() {
    let mut run = delivered(&["on_approve"], None);
    for who in 2..22 {
        let pressed = next(&run, press(who, Role::Member, Verdict::Approve));
        assert_eq!(replies(&pressed), [], "press {who}");
        run = pressed.run;
    }
    let one_more = next(&run, press(22, Role::Member, Verdict::Approve));
    assert_eq!(replies(&one_more), [Reply::TooMany]);
    let line = &one_more.run.history.last().unwrap().text;
    assert!(line.contains("many others were deciding"), "{line}");
}

#[test]
fn a_hook_that_denies_instead_is_no_deed_of_whoever_pressed() {
    let run = delivered(&["on_approve"], None);
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let fields = json!({"reason": "the freeze is on"});
    let fields = fields.as_object().cloned().unwrap_or_default();
    let denied = answer(&run, "on_approve", fire_with(EventName::Deny, fields));
    let decision = denied.run.decision.clone().expect("a decision");
    assert_eq!(denied.run.status, Status::Denied);
    assert!(decision.by.is_automation());
    assert_eq!(decision.via, ChannelType::Sdk);
    assert_eq!(decision.reason.as_deref(), Some("the freeze is on"));
    assert_eq!(replies(&denied), vec![Reply::Replaced]);
    assert_eq!(denied.audit[0].body["event"]["channel"], "sdk");
    assert_eq!(denied.audit[0].body["fields"]["reason"], "the freeze is on");
}

#[test]
fn a_hook_may_fire_its_own_event_once() {
    let run = delivered(&["on_approve"], None);
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let once = answer(&run, "on_approve", fire(EventName::Approve)).run;
    let call = &once.hooks.calls[0];
    assert_eq!(call.firing.via, ChannelType::Sdk);
    assert_eq!(call.firing.by.id, person(1, Role::Member).id);
    let passed = answer(&once, "on_approve", HookAnswer::Proceed).run;
    assert_eq!(passed.status, Status::Approved);
    let twice = answer(&once, "on_approve", fire(EventName::Approve));
    assert_eq!(twice.run.status, Status::Requested);
    assert!(matches!(replies(&twice)[..], [Reply::HookFailed { .. }]));
}

#[test]
fn events_that_go_backward_fail() {
    let run = delivered(&["on_approve"], None);
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let back = answer(&run, "on_approve", fire(EventName::Request));
    assert_eq!(back.run.status, Status::Requested);
    assert!(matches!(replies(&back)[..], [Reply::HookFailed { .. }]));
    assert_eq!(reported(&back).len(), 1);
}

fn request_answered(run: &Run, answer: HookAnswer) -> Transition {
    let (number, hook) = the_call(run);
    assert_eq!(hook, "on_request");
    next(
        run,
        Event::HookAnswered {
            number,
            answer,
            routing: None,
        },
    )
}

#[test]
fn on_request_comes_with_the_answer_of_the_reducers() {
    let run = born(&["on_request"]).run;
    let (number, _) = the_call(&run);
    let routing = Routing {
        permissions: permissions(Audience::Level(Level::Member), false),
        notifications: vec![notification(1, None)],
        expires_after: None,
        fields: None,
    };
    let routed = next(
        &run,
        Event::HookAnswered {
            number,
            answer: HookAnswer::Proceed,
            routing: Some(routing),
        },
    );
    assert_eq!(notified(&routed), vec![(0, 0)]);
    assert!(routed.run.permissions.is_some());
}

#[test]
fn on_request_may_say_no_and_the_requester_hears_why() {
    let ignored = request_answered(&born(&["on_request"]).run, no());
    assert_eq!(ignored.run.status, Status::Errored);
    assert_eq!(news(&ignored), vec![RequesterNews::Ignored]);
    let error = ignored.run.error.clone().expect("an error");
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        (IGNORED_CODE, "not on Fridays")
    );
    assert_eq!(reported(&ignored), Vec::<String>::new());
    let failed = request_answered(&born(&["on_request"]).run, failure());
    assert_eq!(failed.run.status, Status::Errored);
    assert_eq!(news(&failed), vec![RequesterNews::Failed]);
    assert_eq!(reported(&failed), vec!["IMPL-1"]);
}

#[test]
fn on_request_fires_a_request_once_and_then_the_run_ends() {
    let run = request_answered(&born(&["on_request"]).run, fire(EventName::Request)).run;
    assert_eq!(run.hooks.calls[0].firing.via, ChannelType::Sdk);
    let ended = request_answered(&run, fire(EventName::Request));
    assert_eq!(ended.run.status, Status::Errored);
    assert_eq!(news(&ended), vec![RequesterNews::Failed]);
}

#[test]
fn a_request_that_after_request_fires_again_undoes_nothing() {
    let run = born(&["on_request", "after_request"]).run;
    let run = answer(&run, "on_request", HookAnswer::Proceed).run;
    let run = next(&run, routed(vec![notification(1, Some(15))])).run;
    let run = next(&run, sent(0, 0, 1)).run;
    let again = answer(&run, "after_request", fire(EventName::Request)).run;
    let number = the_call(&again).0;
    for outcome in [HookAnswer::Proceed, no(), failure()] {
        let answered = next(
            &again,
            Event::HookAnswered {
                number,
                answer: outcome,
                routing: Some(Routing {
                    permissions: again.permissions.clone().expect("permissions"),
                    notifications: vec![],
                    expires_after: None,
                    fields: None,
                }),
            },
        );
        assert_eq!(answered.run.status, Status::Requested);
        assert_eq!(answered.run.notifications, run.notifications);
        assert_eq!(answered.run.current, Some(0));
        assert!(news(&answered).is_empty() && answered.timers.is_empty());
    }
}

/// Approved by `on_request`, routed, and what `on_approve` is asked about.
fn approved_on_request(hooks: &[&str]) -> Transition {
    let asked = request_answered(&born(hooks).run, fire(EventName::Approve));
    assert_eq!(
        asked.run.status,
        Status::Requested,
        "permissions come first"
    );
    assert!(
        asked
            .effects
            .iter()
            .any(|stored| stored.effect == Effect::Route)
    );
    next(
        &asked.run,
        routed(vec![notification(1, Some(15)), notification(1, None)]),
    )
}

#[test]
fn an_automatic_approval_is_announced_at_the_first_place_that_can_be_reached() {
    let decided = approved_on_request(&["on_request"]);
    assert_eq!(decided.run.status, Status::Approved);
    assert_eq!(news(&decided), vec![RequesterNews::Approved]);
    assert_eq!(notified(&decided), vec![(0, 0)]);
    let next_one = next(&decided.run, failed(0, 0));
    assert_eq!(notified(&next_one), vec![(1, 0)]);
    assert_eq!(next_one.run.status, Status::Approved);
    let posted = next(&next_one.run, sent(1, 0, 1));
    assert!(posted.timers.is_empty() && posted.effects.is_empty());
}

#[test]
fn an_automatic_approval_that_on_approve_stops_goes_to_people() {
    let asked = approved_on_request(&["on_request", "on_approve"]);
    assert_eq!(asked.run.status, Status::Requested);
    assert_eq!(asked.run.hooks.calls[0].firing.via, ChannelType::Sdk);
    for outcome in [no(), failure(), fire(EventName::Request)] {
        let people = answer(&asked.run, "on_approve", outcome);
        assert_eq!(people.run.status, Status::Requested);
        assert_eq!(notified(&people), vec![(0, 0)], "nothing is lost");
        assert_eq!(reported(&people).len(), 1);
    }
}

#[test]
fn time_that_runs_out_waits_for_presses_that_came_before() {
    let run = delivered(&["on_approve"], Some(15));
    let run = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let fired = next(&run, Event::TimerFired { notification: 0 });
    assert_eq!(notified(&fired), vec![]);
    let decided = answer(&fired.run, "on_approve", HookAnswer::Proceed);
    assert_eq!(decided.run.status, Status::Approved);
    let forwarded = answer(&fired.run, "on_approve", no());
    assert_eq!(notified(&forwarded), vec![(1, 0)]);
    assert_eq!(forwarded.run.current, Some(1));
}

#[test]
fn on_request_forward_may_keep_the_request_where_it_is_and_its_time_starts_anew_once() {
    let run = delivered(&["on_request_forward", "after_request_forward"], Some(15));
    let fired = next(&run, Event::TimerFired { notification: 0 }).run;
    assert_eq!(the_call(&fired).1, "on_request_forward");
    assert_eq!(fired.current, Some(0));
    let forwarded = answer(&fired, "on_request_forward", HookAnswer::Proceed);
    assert_eq!(notified(&forwarded), vec![(1, 0)]);
    assert_eq!(the_call(&forwarded.run).1, "after_request_forward");
    let kept = answer(&fired, "on_request_forward", no());
    assert_eq!(kept.run.current, Some(0));
    assert!(matches!(kept.timers[..], [TimerChange::Set(_)]));
    let again = next(&kept.run, Event::TimerFired { notification: 0 }).run;
    let kept = answer(&again, "on_request_forward", failure());
    assert!(kept.timers.is_empty(), "once");
    assert_eq!(kept.run.status, Status::Requested);
    assert_eq!(reported(&kept), vec!["IMPL-1"]);
    let denied = answer(&fired, "on_request_forward", fire(EventName::Deny)).run;
    assert_eq!(denied.status, Status::Denied);
}

#[test]
fn a_failing_forward_of_what_reached_nobody_is_told_to_the_requester() {
    let run = born(&["on_request_forward"]).run;
    let run = next(
        &run,
        routed(vec![notification(1, None), notification(1, None)]),
    )
    .run;
    let run = next(&run, failed(0, 0)).run;
    let stuck = answer(&run, "on_request_forward", failure());
    assert_eq!(news(&stuck), vec![RequesterNews::Undeliverable]);
    assert_eq!(stuck.run.current, None);
    assert_eq!(stuck.run.status, Status::Requested);
}

/// What administrators are told, and of whose doing.
fn problems(transition: &Transition) -> Vec<(&str, Option<&str>)> {
    let effects = transition.effects.iter();
    effects
        .filter_map(|stored| match &stored.effect {
            Effect::ReportError { problem, .. } => Some((
                problem.message.as_str(),
                problem.actor.as_ref().map(|actor| actor.name.as_str()),
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn the_error_logger_is_not_told_of_a_forward_that_the_hook_may_prevent() {
    let undelivered = |hooks: &[&str]| {
        let all = vec![notification(1, None), notification(1, None)];
        let run = next(&born(hooks).run, routed(all)).run;
        next(&run, failed(0, 0))
    };
    let without = undelivered(&[]);
    let [(said, None)] = problems(&without)[..] else {
        panic!("{:?}", problems(&without));
    };
    assert!(said.ends_with("; the next one is used"), "{said}");
    let asked = undelivered(&["on_request_forward"]);
    let [(said, None)] = problems(&asked)[..] else {
        panic!("{:?}", problems(&asked));
    };
    let ending = "; on_request_forward is asked about the next one";
    assert!(said.ends_with(ending), "{said}");
    let kept = answer(&asked.run, "on_request_forward", no());
    let [(ignored, None), (said, None)] = problems(&kept)[..] else {
        panic!("{:?}", problems(&kept));
    };
    assert_eq!(ignored, "ignored: not on Fridays");
    let beginning = "notification 1 could not be delivered, and on_request_forward did not let";
    assert!(said.starts_with(beginning), "{said}");
    let line = &kept.run.history.last().unwrap().text;
    assert!(
        line.starts_with("Notification 1 could not") && line.ends_with("is in the web app."),
        "{line}"
    );
    let forwarded = answer(&asked.run, "on_request_forward", HookAnswer::Proceed);
    assert_eq!(problems(&forwarded), []);
}

#[test]
fn the_error_logger_is_told_who_acted_when_a_hook_failed() {
    let run = delivered(&["on_approve", "on_request_expire"], Some(15));
    let pressed = next(&run, press(1, Role::Member, Verdict::Approve)).run;
    let failed = answer(&pressed, "on_approve", failure());
    assert_eq!(
        problems(&failed),
        [("impl.py:3: KeyError", Some("person 1"))]
    );
    // Nobody acts when a time is over.
    let one = vec![notification(1, Some(15))];
    let run = next(&born(&["on_request_expire"]).run, routed(one)).run;
    let run = next(&run, sent(0, 0, 1)).run;
    let fired = next(&run, Event::TimerFired { notification: 0 }).run;
    let failed = answer(&fired, "on_request_expire", failure());
    assert_eq!(problems(&failed), [("impl.py:3: KeyError", None)]);
}

#[test]
fn what_is_given_up_is_told_where_there_is_an_error_logger() {
    let given_up = || Event::GivenUp {
        what: "the requester could not be told".to_owned(),
        reason: "user_disabled".to_owned(),
    };
    let mut run = delivered(&[], None);
    let told = next(&run, given_up());
    let said = "the requester could not be told: user_disabled";
    assert_eq!(problems(&told), [(said, None)]);
    assert_eq!(told.run.status, run.status);
    run.flow.error_logger = None;
    assert!(step(&run, given_up(), Timestamp(1)).is_none());
}

#[test]
fn on_request_expire_may_keep_the_request_open() {
    let run = born(&["on_request_expire", "after_request_expire"]).run;
    let run = next(&run, routed(vec![notification(1, Some(15))])).run;
    let run = next(&run, sent(0, 0, 1)).run;
    let fired = next(&run, Event::TimerFired { notification: 0 }).run;
    assert_eq!(fired.status, Status::Requested);
    let expired = answer(&fired, "on_request_expire", HookAnswer::Proceed);
    assert_eq!(expired.run.status, Status::Expired);
    assert_eq!(the_call(&expired.run).1, "after_request_expire");
    let kept = answer(&fired, "on_request_expire", no());
    assert_eq!(kept.run.status, Status::Requested);
    assert!(kept.timers.is_empty());
    let decided = next(&kept.run, press(1, Role::Member, Verdict::Approve)).run;
    assert_eq!(decided.status, Status::Approved);
    // Somebody who presses while the hook is asked is in time.
    let decided = next(&fired, press(1, Role::Member, Verdict::Deny)).run;
    assert_eq!(decided.status, Status::Denied);
    assert!(decided.hooks.calls.is_empty());
}

#[test]
fn after_request_is_called_once_when_the_request_was_sent_and_may_decide() {
    let run = born(&["after_request"]).run;
    let run = next(&run, routed(vec![notification(2, None)])).run;
    assert!(run.hooks.calls.is_empty());
    let first = next(&run, sent(0, 0, 1)).run;
    assert_eq!(the_call(&first).1, "after_request");
    let both = next(&first, sent(0, 1, 2)).run;
    assert_eq!(both.hooks.calls.len(), 1);
    let approved = answer(&both, "after_request", fire(EventName::Approve)).run;
    assert_eq!(approved.status, Status::Approved);
    // A request that is in the web app alone was sent, too.
    let silent = next(&born(&["after_request"]).run, routed(vec![])).run;
    assert_eq!(silent.hooks.calls[0].when, When::After);
}
