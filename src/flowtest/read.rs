//! From the YAML of a `tests.yaml` to a [`Suite`]. Everything that is not understood is a problem with its place: a case that
//! checks less than its author believes is worse than none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reader::Reader;
use super::suite::{At, Case, Expectations, Fake, FakeAnswer, Request, Step, Suite};
use super::tree::{self, Key, Kind, Node};
use crate::domain::hook::EventName;
use crate::domain::person::{Person, Role, person_id};
use crate::engine::user_input;
use crate::flows::diagnostic::Diagnostic;
use crate::flows::similar;
use crate::policy::host::HOST_CALLS;

/// The workspace that people of cases belong to.
pub(super) const TEAM: &str = "T0TEST";

/// Events that can happen to a request after it was made.
pub(super) const EVENTS: [&str; 7] = [
    "approve",
    "deny",
    "request_forward",
    "request_expire",
    "escalate",
    "deescalate",
    "prompt",
];

/// What `ApprovalTemplate` can fire.
pub(super) const FIRED: [&str; 6] = [
    "prompt",
    "request",
    "approve",
    "deny",
    "escalate",
    "deescalate",
];

/// Reads a file; `None` when nothing can be run.
pub(super) fn read(file: &str, source: &str, problems: &mut Vec<Diagnostic>) -> Option<Suite> {
    let mut reader = Reader {
        file,
        problems,
        people: BTreeMap::new(),
    };
    let root = match tree::read(source) {
        Ok(root) => root,
        Err(error) => {
            reader.wrong(error.place, error.message, None);
            return None;
        }
    };
    let before = reader.problems.len();
    let suite = reader.suite(&root);
    (reader.problems.len() == before).then_some(suite)
}

impl Reader<'_> {
    fn suite(&mut self, root: &Node) -> Suite {
        let mut entries = self.entries(root, "the file");
        if let Some(people) = entries.take("people") {
            self.declare(people);
        }
        let cases = match entries.take("cases") {
            Some(cases) => {
                let items = self.list(cases, "cases");
                if items.is_empty() {
                    self.wrong(cases.place, "there are no cases", None);
                }
                items.iter().map(|case| self.case(case)).collect()
            }
            None => {
                self.wrong(
                    entries.place,
                    "there are no cases",
                    Some("add 'cases:'".to_owned()),
                );
                Vec::new()
            }
        };
        self.end(&entries);
        self.check_names(&cases);
        Suite {
            people: self.people.clone(),
            cases,
        }
    }

    fn check_names(&mut self, cases: &[Case]) {
        for (index, case) in cases.iter().enumerate() {
            if cases[..index]
                .iter()
                .any(|other| other.name.value == case.name.value)
            {
                self.wrong(
                    case.name.place,
                    format!("there is another case called {:?}", case.name.value),
                    None,
                );
            }
        }
    }

    fn declare(&mut self, node: &Node) {
        let entries = self.entries(node, "people");
        for (key, value) in entries.left {
            let name = &key.text;
            let what = format!("people.{name}");
            let mut person = Person {
                id: uuid::Uuid::nil(),
                slack_id: Some(format!("U0{}", capitals(name))),
                email: Some(format!("{name}@example.com")),
                name: name.clone(),
                first_name: None,
                last_name: None,
                role: Role::Member,
                active: true,
            };
            if value.kind != Kind::Null {
                let mut given = self.entries(value, &what);
                if let Some(role) = given.take("role") {
                    person.role = match self.one_of(role, "role", &["admin", "member", "guest"]) {
                        "admin" => Role::Admin,
                        "guest" => Role::Guest,
                        _ => Role::Member,
                    };
                }
                if let Some(email) = given.take("email") {
                    person.email = (email.kind != Kind::Null).then(|| self.text(email, "email"));
                }
                if let Some(slack_id) = given.take("slack_id") {
                    person.slack_id =
                        (slack_id.kind != Kind::Null).then(|| self.text(slack_id, "slack_id"));
                }
                if let Some(name) = given.take("name") {
                    person.name = self.text(name, "name");
                }
                if let Some(name) = given.take("first_name") {
                    person.first_name = Some(self.text(name, "first_name"));
                }
                if let Some(name) = given.take("last_name") {
                    person.last_name = Some(self.text(name, "last_name"));
                }
                if let Some(active) = given.take("active") {
                    person.active = self.bool_at(active, "active").value;
                }
                self.end(&given);
            }
            person.id = person_id(TEAM, person.slack_id.as_deref().unwrap_or(name));
            let taken = self
                .people
                .iter()
                .find(|(_, other)| {
                    other.id == person.id || (other.email.is_some() && other.email == person.email)
                })
                .map(|(other, _)| other.clone());
            if let Some(other) = taken {
                self.wrong(
                    key.place,
                    format!("'{name}' has the Slack id or the e-mail address of '{other}'"),
                    None,
                );
            }
            self.people.insert(name.clone(), person);
        }
    }

    fn case(&mut self, node: &Node) -> Case {
        let mut entries = self.entries(node, "a case");
        let name = match entries.take("name") {
            Some(name) => self.text_at(name, "name"),
            None => {
                self.wrong(
                    entries.place,
                    "the case has no name",
                    Some("add 'name:'".to_owned()),
                );
                At {
                    place: entries.place,
                    value: String::new(),
                }
            }
        };
        let flow = entries.take("flow").map(|flow| self.text_at(flow, "flow"));
        let request = match entries.take("request") {
            Some(request) => self.request(request),
            None => {
                self.wrong(
                    entries.place,
                    "the case has no request",
                    Some("add 'request:' with a user".to_owned()),
                );
                Request {
                    place: entries.place,
                    user: String::new(),
                    fields: Vec::new(),
                    source_channel: None,
                    source: "slack",
                }
            }
        };
        let mut fakes = Vec::new();
        if let Some(host) = entries.take("host") {
            for fake in self.list(host, "host") {
                fakes.push(self.fake(fake));
            }
        }
        let expect = match entries.take("expect") {
            Some(expect) => self.expectations(expect, true),
            None => Expectations::default(),
        };
        let mut then = Vec::new();
        if let Some(steps) = entries.take("then") {
            for step in self.list(steps, "then") {
                then.push(self.step(step));
            }
        }
        if expect.is_empty() && then.is_empty() {
            self.wrong(
                entries.place,
                "the case expects nothing",
                Some("add 'expect:' or 'then:'".to_owned()),
            );
        }
        self.end(&entries);
        Case {
            name,
            flow,
            request,
            fakes,
            expect,
            then,
        }
    }

    fn request(&mut self, node: &Node) -> Request {
        let mut entries = self.entries(node, "request");
        let user = match entries.take("user") {
            Some(user) => self.person(user, "user"),
            None => {
                self.wrong(
                    entries.place,
                    "the request has no user",
                    Some("add 'user:' with a name from 'people:'".to_owned()),
                );
                String::new()
            }
        };
        let fields_node = entries.take("fields");
        let fields = fields_node
            .map(|fields| self.free(fields, "fields"))
            .unwrap_or_default();
        let source = match entries.take("source") {
            Some(source) => self.one_of(source, "source", &["slack", "sym"]),
            None => "slack",
        };
        let source_channel = entries
            .take("source_channel")
            .filter(|channel| channel.kind != Kind::Null)
            .map(|channel| self.text(channel, "source_channel"));
        self.end(&entries);
        Request {
            place: fields_node.map_or(node.place, |fields| fields.place),
            user,
            fields,
            source_channel,
            source,
        }
    }

    /// A mapping whose keys are the author's.
    pub(super) fn free(&mut self, node: &Node, what: &str) -> Vec<(Key, Node)> {
        match &node.kind {
            Kind::Null => Vec::new(),
            _ => self.entries(node, what).left.into_iter().cloned().collect(),
        }
    }

    fn fake(&mut self, node: &Node) -> Fake {
        let mut entries = self.entries(node, "a host call");
        let call = match entries.take("call") {
            Some(call) => {
                let name = self.text(call, "call");
                if !name.is_empty() && !HOST_CALLS.iter().any(|known| known.name == name) {
                    let names = HOST_CALLS.iter().map(|known| known.name);
                    let hint = match similar(&name, names.clone()) {
                        Some(other) => format!("did you mean '{other}'?"),
                        None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
                    };
                    self.wrong(
                        call.place,
                        format!("'{name}' is not a host call"),
                        Some(hint),
                    );
                }
                name
            }
            None => {
                self.wrong(
                    entries.place,
                    "the host call has no name",
                    Some("add 'call:'".to_owned()),
                );
                String::new()
            }
        };
        let with = entries
            .take("with")
            .map(|with| self.free(with, "with"))
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key.text, self.answer(&value)))
            .collect();
        let returns = entries.take("returns");
        let raises = entries.take("raises");
        let answer = match (returns, raises) {
            (Some(value), None) => FakeAnswer::Returns(self.answer(value)),
            (None, Some(error)) => {
                let mut given = self.entries(error, "raises");
                let mut text = |name: &'static str, otherwise: &str| match given.take(name) {
                    Some(value) => self.text(value, name),
                    None => otherwise.to_owned(),
                };
                let class = HOST_CALLS
                    .iter()
                    .find(|known| known.name == call)
                    .map_or("SymException", |known| known.exception);
                let answer = FakeAnswer::Raises {
                    class: text("class", class),
                    code: text("code", "FAKED"),
                    message: text("message", "this answer is given by the test"),
                };
                self.end(&given);
                answer
            }
            _ => {
                self.wrong(
                    entries.place,
                    "a host call either returns or raises something",
                    Some("add 'returns:' or 'raises:'".to_owned()),
                );
                FakeAnswer::Returns(Value::Null)
            }
        };
        self.end(&entries);
        Fake { call, with, answer }
    }

    /// JSON in which `{person: NAME}` is that person as host calls return it.
    fn answer(&mut self, node: &Node) -> Value {
        match &node.kind {
            Kind::Map(entries) => {
                if let [(key, name)] = entries.as_slice()
                    && key.text == "person"
                {
                    let name = self.person(name, "person");
                    return self
                        .people
                        .get(&name)
                        .and_then(|person| serde_json::to_value(user_input(person)).ok())
                        .unwrap_or_default();
                }
                entries
                    .iter()
                    .map(|(key, value)| (key.text.clone(), self.answer(value)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
            Kind::List(items) => items.iter().map(|item| self.answer(item)).collect(),
            _ => node.to_json(),
        }
    }

    fn step(&mut self, node: &Node) -> Step {
        let mut entries = self.entries(node, "a step of 'then'");
        let event = match entries.take("event") {
            Some(event) => At {
                place: event.place,
                value: self.one_of(event, "event", &EVENTS).to_owned(),
            },
            None => {
                self.wrong(
                    entries.place,
                    "the step has no event",
                    Some(format!("add 'event:'; there are: {}", EVENTS.join(", "))),
                );
                At {
                    place: entries.place,
                    value: String::new(),
                }
            }
        };
        let by = entries.take("by").map(|by| self.person(by, "by"));
        let decision = matches!(event.value.as_str(), "approve" | "deny");
        if decision && by.is_none() {
            self.wrong(
                entries.place,
                format!("who presses {}?", event.value),
                Some("add 'by:'".to_owned()),
            );
        }
        let channel = match entries.take("channel") {
            Some(channel) => self.one_of(channel, "channel", &["slack", "sym", "sdk", "internal"]),
            None => "slack",
        };
        let message = entries
            .take("message")
            .map(|message| self.text(message, "message"));
        let fields = entries
            .take("fields")
            .map(|fields| self.free(fields, "fields"))
            .unwrap_or_default();
        let outputs = entries
            .take("outputs")
            .map(|outputs| self.free(outputs, "outputs"))
            .unwrap_or_default();
        for (step, _) in &outputs {
            if EventName::parse(&step.text).is_none() {
                self.wrong(step.place, format!("'{}' is not a step", step.text), None);
            }
        }
        let allowed = entries
            .take("allowed")
            .map(|allowed| self.bool_at(allowed, "allowed"));
        if let Some(allowed) = &allowed
            && !decision
        {
            self.wrong(
                allowed.place,
                format!(
                    "'{}' is not a decision: nobody is asked whether it is allowed",
                    event.value
                ),
                None,
            );
        }
        let expect = match entries.take("expect") {
            Some(expect) => self.expectations(expect, false),
            None => Expectations::default(),
        };
        if expect.is_empty() && allowed.is_none() {
            self.wrong(
                entries.place,
                "the step expects nothing",
                Some("add 'allowed:' or 'expect:'".to_owned()),
            );
        }
        self.end(&entries);
        Step {
            event,
            by,
            channel,
            message,
            fields,
            outputs,
            allowed,
            expect,
        }
    }
}

/// A name as part of a Slack id.
fn capitals(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}
