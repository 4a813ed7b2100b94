//! Runs cases: loads the flows, reads the files, calls the handlers in workers, and compares.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::chain::Fired;
use super::compare::Compared;
use super::find::{FILE_NAME, Found, find, flow_of, problem};
use super::host::CaseHost;
use super::read;
use super::report::{CaseReport, FileReport, Report};
use super::request;
use super::suite::{Case, Expectations, Step, Suite};
use super::tree::Place;
use crate::domain::event::Routing;
use crate::domain::hook::EventName;
use crate::domain::permission::{Permissions, Refusal, Verdict, may_decide, may_view};
use crate::domain::person::Person;
use crate::domain::time::Timestamp;
use crate::engine::{prefetched, reducers, routing};
use crate::flows::catalog::Flow;
use crate::flows::{LoadOptions, Loaded};
use crate::inspected::{Checked, Checker};
use crate::policy::PREFETCH;
use crate::policy::pool::Pool;
use crate::policy::types::{EventInput, HandlerAnswer, HandlerCall, HandlerFailure, HookOutcome};
use crate::slack::live::FormState;

/// As for `symbot run` without `--handler-timeout`.
const DEADLINE: Duration = Duration::from_secs(10);
/// The hook of a request; the reducers are called with it.
const ON_REQUEST: &str = "on_request";

/// Loads the flows of `options` and runs every case that is found beside them.
pub async fn run(options: &LoadOptions, pool: &Pool, now: Timestamp) -> Report {
    let Checked { loaded, inspected } = Checker::new(pool.clone()).check(options).await;
    let mut report = Report {
        sources: loaded.sources.clone(),
        ..Report::default()
    };
    let broken = inspected.has_errors();
    report.problems = inspected.diagnostics;
    if broken {
        return report;
    }
    let found = find(&options.dirs, &loaded);
    if found.is_empty() {
        report.problems.push(problem(
            "",
            Place { line: 1, column: 1 },
            format!("there is no {FILE_NAME} beside a flow"),
            Some("docs/testing-flows.md says what goes into one".to_owned()),
        ));
    }
    for one in found {
        run_file(&one, &loaded, pool, now, &mut report).await;
    }
    report
}

async fn run_file(
    found: &Found,
    loaded: &Loaded,
    pool: &Pool,
    now: Timestamp,
    report: &mut Report,
) {
    let source: Arc<str> = match std::fs::read_to_string(&found.path) {
        Ok(source) => source.into(),
        Err(error) => {
            report.problems.push(problem(
                &found.shown,
                Place { line: 1, column: 1 },
                format!("this file cannot be read: {error}"),
                None,
            ));
            return;
        }
    };
    report.sources.insert(found.shown.clone(), source.clone());
    let before = report.problems.len();
    let Some(suite) = read::read(&found.shown, &source, &mut report.problems) else {
        return;
    };
    let mut flows = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        match flow_of(case, found, loaded) {
            Ok(flow) => flows.push(flow),
            Err(wrong) => report.problems.push(wrong),
        }
    }
    if report.problems.len() > before {
        return;
    }
    let mut cases = Vec::with_capacity(suite.cases.len());
    for (case, flow) in suite.cases.iter().zip(flows) {
        let mut one = OneCase::new(&found.shown, &suite, case, &flow, pool);
        one.run(now).await;
        let passed = one.compared.differences.is_empty();
        if passed {
            report.passed += 1;
        } else {
            report.failed += 1;
        }
        cases.push(CaseReport {
            name: case.name.value.clone(),
            line: case.name.place.line,
            passed,
            printed: if passed { String::new() } else { one.printed },
            differences: one.compared.differences,
        });
    }
    report.files.push(FileReport {
        file: found.shown.clone(),
        cases,
    });
}

pub(super) struct OneCase<'a> {
    suite: &'a Suite,
    case: &'a Case,
    pub(super) flow: &'a Flow,
    pool: &'a Pool,
    host: Arc<CaseHost>,
    compared: Compared<'a>,
    printed: String,
}

impl<'a> OneCase<'a> {
    fn new(
        file: &'a str,
        suite: &'a Suite,
        case: &'a Case,
        flow: &'a Flow,
        pool: &'a Pool,
    ) -> Self {
        Self {
            suite,
            case,
            flow,
            pool,
            host: Arc::new(CaseHost::new(&suite.people, &case.fakes)),
            compared: Compared {
                file,
                people: &suite.people,
                differences: Vec::new(),
                prefix: String::new(),
            },
            printed: String::new(),
        }
    }

    async fn run(&mut self, now: Timestamp) {
        let case = self.case;
        let requester = self.suite.people.get(&case.request.user);
        let Some(requester) = requester else {
            return;
        };
        let prompt = request::prompt(self.flow, &case.request, requester, now);
        let Some(open) = self.opened(&prompt).await else {
            return;
        };
        let people = &self.suite.people;
        let submission = match request::submit(self.flow, &open, &case.request, people) {
            Ok(submission) => submission,
            Err(refused) => {
                for one in refused {
                    let hint = one
                        .hint
                        .map(|hint| format!(" ({hint})"))
                        .unwrap_or_default();
                    self.compared.differ(
                        one.place,
                        "request",
                        "a form that can be submitted",
                        format!("{}{hint}", one.message),
                    );
                }
                return;
            }
        };
        let event = request::event(&prompt, self.flow, &submission, people);
        let routing = self.request(&event, requester).await;
        for (index, step) in case.then.iter().enumerate() {
            self.compared.prefix = format!("then[{index}].");
            self.step(step, &event, requester, routing.as_ref()).await;
        }
    }

    /// The form as its prefetch reducers make it.
    async fn opened(&mut self, prompt: &EventInput) -> Option<FormState> {
        let fields = self.flow.prompt_fields.iter();
        let handlers: Vec<String> = fields
            .filter(|field| field.prefetch)
            .map(|field| format!("{PREFETCH}{}", field.name))
            .collect();
        if handlers.is_empty() {
            return Some(FormState::default());
        }
        let (expect, place) = (&self.case.expect, self.case.name.place);
        let answer = self.call(handlers, prompt, expect, place).await?;
        prefetched(self.flow, &answer)
            .inspect_err(|failure| self.failed(failure, expect, place))
            .ok()
    }

    /// Calls what is called for a new request; what the reducers said, where it came to them.
    async fn request(&mut self, event: &EventInput, requester: &Person) -> Option<Routing> {
        let case = self.case;
        let (expect, place) = (&case.expect, case.name.place);
        let mut handlers = vec![ON_REQUEST.to_owned()];
        handlers.extend(reducers(self.flow));
        let mut answer = self.call(handlers, event, expect, place).await?;
        let proceeds = matches!(
            answer.hooks.get(ON_REQUEST),
            None | Some(HookOutcome::Proceed)
        );
        if let Some(HookOutcome::Fire { .. }) = answer.hooks.get(ON_REQUEST) {
            // Whatever follows, the reducers say who may see the request and who hears of it.
            let more = self.call(reducers(self.flow), event, expect, place).await?;
            answer = HandlerAnswer {
                hooks: answer.hooks,
                printed: answer.printed + &more.printed,
                ..more
            };
        }
        let routing = match answer.hooks.get(ON_REQUEST) {
            Some(HookOutcome::Ignore { .. }) => None,
            _ => match routing(answer.clone(), None) {
                Ok(routing) => Some(routing),
                Err(failure) => {
                    self.failed(&failure, expect, place);
                    return None;
                }
            },
        };
        if proceeds {
            let after = vec!["after_request".to_owned()];
            if let Some(more) = self.call(after, event, expect, place).await {
                answer.hooks.extend(more.hooks);
                answer.printed.push_str(&more.printed);
            }
        }
        let from = Fired {
            hook: if proceeds {
                "after_request"
            } else {
                ON_REQUEST
            }
            .to_owned(),
            chain: vec![EventName::Request],
            event,
        };
        if !self.follow(from, &mut answer, expect, place).await {
            return None;
        }
        self.common(expect, &answer);
        let permissions = routing.as_ref().map(|routing| routing.permissions.clone());
        let reason = || "nothing: on_request did not let the request proceed";
        if let Some(expected) = &expect.permissions {
            match &permissions {
                Some(got) => self.compared.permissions(expected, got),
                None => self
                    .compared
                    .differ(place, "permissions", "permissions", reason()),
            }
        }
        if let Some(expected) = &expect.notifications {
            match &routing {
                Some(got) => self.compared.notifications(expected, &got.notifications),
                None => {
                    self.compared
                        .differ(expected.place, "notifications", "notifications", reason())
                }
            }
        }
        for (what, expected, verdict) in [
            ("may_approve", &expect.may_approve, Verdict::Approve),
            ("may_deny", &expect.may_deny, Verdict::Deny),
        ] {
            let Some(expected) = expected else { continue };
            match &permissions {
                Some(permissions) => {
                    let names = self.those_who(|person| {
                        self.decision(permissions, requester.id, person, verdict)
                            .is_ok()
                    });
                    self.compared.names(what, expected, names);
                }
                None => self
                    .compared
                    .differ(expected.place, what, "somebody", reason()),
            }
        }
        if let Some(expected) = &expect.may_view {
            let names =
                self.those_who(|person| may_view(permissions.as_ref(), requester.id, person));
            self.compared.names("may_view", expected, names);
        }
        routing
    }

    fn those_who(&self, holds: impl Fn(&Person) -> bool) -> Vec<String> {
        let people = self.suite.people.iter();
        people
            .filter(|(_, person)| holds(person))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The table that decides about presses in the bot.
    fn decision(
        &self,
        permissions: &Permissions,
        requester: Uuid,
        person: &Person,
        verdict: Verdict,
    ) -> Result<(), String> {
        let guests = self.flow.params.allow_guest_interaction;
        may_decide(permissions, guests, requester, person, verdict).map_err(|refusal| {
            match refusal {
                Refusal::OwnRequest => "no: it is the own request",
                Refusal::OwnDenial => "no: the own request may only be approved",
                Refusal::NotPermitted => "no: not permitted",
                Refusal::Guest => "no: a guest",
                Refusal::Inactive => "no: the account is deactivated",
            }
            .to_owned()
        })
    }

    async fn step(
        &mut self,
        step: &Step,
        request: &EventInput,
        requester: &Person,
        routing: Option<&Routing>,
    ) {
        let by = match &step.by {
            Some(name) => self.suite.people.get(name),
            None => Some(requester),
        };
        let Some(by) = by else { return };
        let verdict = match step.event.value.as_str() {
            "approve" => Some(Verdict::Approve),
            "deny" => Some(Verdict::Deny),
            _ => None,
        };
        // What a hook fires is not a press: nobody is asked.
        if let Some(verdict) = verdict.filter(|_| step.channel != "sdk") {
            let decided = match routing {
                Some(routing) => self.decision(&routing.permissions, requester.id, by, verdict),
                None => Err("no: the request has no permissions".to_owned()),
            };
            let expected = step.allowed.as_ref().is_none_or(|allowed| allowed.value);
            if expected != decided.is_ok() {
                let place = step
                    .allowed
                    .as_ref()
                    .map_or(step.event.place, |allowed| allowed.place);
                self.compared.differ(
                    place,
                    "allowed",
                    expected.to_string(),
                    decided.clone().err().unwrap_or_else(|| "yes".to_owned()),
                );
            }
            if decided.is_err() {
                return;
            }
        }
        let event = request::later(
            request,
            routing.map_or(&[], |routing| &routing.notifications),
            step,
            by,
        );
        let name = &step.event.value;
        let [on, after] = ["on", "after"].map(|when| format!("{when}_{name}"));
        let Some(mut answer) = self
            .call(vec![on.clone()], &event, &step.expect, step.event.place)
            .await
        else {
            return;
        };
        let proceeds = answer
            .hooks
            .values()
            .all(|outcome| *outcome == HookOutcome::Proceed);
        if proceeds {
            let Some(more) = self
                .call(vec![after.clone()], &event, &step.expect, step.event.place)
                .await
            else {
                return;
            };
            answer.hooks.extend(more.hooks);
            answer.printed.push_str(&more.printed);
        }
        let from = Fired {
            hook: if proceeds { after } else { on },
            chain: EventName::parse(name).into_iter().collect(),
            event: &event,
        };
        if self
            .follow(from, &mut answer, &step.expect, step.event.place)
            .await
        {
            self.common(&step.expect, &answer);
        }
    }

    /// What can be expected of any call.
    fn common(&mut self, expect: &Expectations, answer: &HandlerAnswer) {
        if let Some(error) = &expect.error {
            self.compared
                .differ(error.place, "error", "the handlers to fail", "they did not");
        }
        for (hook, outcome) in &expect.hooks {
            self.compared
                .outcome(hook, outcome, answer.hooks.get(&hook.text));
        }
        if let Some(prints) = &expect.prints {
            self.compared.prints(prints, &answer.printed);
        }
        let messages = self.host.take_messages();
        if let Some(expected) = &expect.messages {
            self.compared.messages(expected, &messages);
        }
    }

    /// Calls handlers; `None` when they failed, which is written down unless it was expected.
    pub(super) async fn call(
        &mut self,
        handlers: Vec<String>,
        event: &EventInput,
        expect: &Expectations,
        place: Place,
    ) -> Option<HandlerAnswer> {
        let code = &self.flow.implementation;
        let call = HandlerCall {
            source: code.source.clone(),
            file: code.file.clone().unwrap_or_else(|| "impl.py".to_owned()),
            handlers,
            input: event.clone(),
            deadline: DEADLINE,
        };
        let host: Arc<CaseHost> = Arc::clone(&self.host);
        let result = self.pool.call(call, host).await;
        for call in self.host.take_unanswered() {
            self.compared.differ(
                place,
                "host",
                "every host call to be answered",
                format!("no answer to {call}; add one under 'host:'"),
            );
        }
        match result {
            Ok(answer) => {
                self.printed.push_str(&answer.printed);
                Some(answer)
            }
            Err(failure) => {
                self.printed.push_str(&failure.printed);
                self.failed(&failure, expect, place);
                None
            }
        }
    }

    pub(super) fn failed(&mut self, failure: &HandlerFailure, expect: &Expectations, place: Place) {
        let said = failure.to_string();
        let Some(expected) = &expect.error else {
            self.compared
                .differ(place, "error", "handlers that do not fail", said);
            return;
        };
        let handler = failure.handler.clone().unwrap_or_default();
        if let Some(wanted) = &expected.value.handler
            && *wanted != handler
        {
            self.compared
                .differ(expected.place, "error.handler", wanted, handler);
        }
        if let Some(wanted) = &expected.value.says
            && !said.contains(wanted)
        {
            self.compared
                .differ(expected.place, "error.says", wanted, said);
        }
    }
}
