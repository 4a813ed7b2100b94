//! What handlers ask the host during a case: answered from the people of the file and the fakes of the case; what nobody
//! answers is remembered, because a handler may catch the exception and go on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

use super::suite::{Fake, FakeAnswer};
use crate::domain::person::Person;
use crate::domain::routing::Destination;
use crate::engine::{placeholder, stranger, user_input};
use crate::policy::types::{Host, HostError};

/// The host of one case.
pub(super) struct CaseHost {
    people: BTreeMap<String, Person>,
    fakes: Vec<Fake>,
    seen: Mutex<Seen>,
}

/// What handlers did.
#[derive(Debug, Default)]
struct Seen {
    /// Messages that handlers sent, in order; `None` is the thread of the request.
    messages: Vec<(Option<Destination>, String)>,
    /// Calls that nobody answered, once each.
    unanswered: Vec<String>,
}

impl CaseHost {
    pub(super) fn new(people: &BTreeMap<String, Person>, fakes: &[Fake]) -> Self {
        Self {
            people: people.clone(),
            fakes: fakes.to_vec(),
            seen: Mutex::new(Seen::default()),
        }
    }

    /// The messages since the last look.
    pub(super) fn take_messages(&self) -> Vec<(Option<Destination>, String)> {
        std::mem::take(&mut self.seen().messages)
    }

    /// The calls since the last look that nobody answered.
    pub(super) fn take_unanswered(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().unanswered)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, name: &str, arguments: &Value) -> Result<Value, HostError> {
        let message = |to: Option<Destination>| {
            let text = arguments["message"].as_str().unwrap_or_default().to_owned();
            self.seen().messages.push((to, text));
        };
        match name {
            "slack.send_message" => {
                message(serde_json::from_value(arguments["destination"].clone()).ok());
            }
            "slack.send_thread_message" => message(None),
            _ => {}
        }
        let fake = self.fakes.iter().find(|fake| {
            fake.call == name
                && fake
                    .with
                    .iter()
                    .all(|(key, value)| arguments.get(key) == Some(value))
        });
        if let Some(fake) = fake {
            return match &fake.answer {
                FakeAnswer::Returns(value) => Ok(value.clone()),
                FakeAnswer::Raises {
                    class,
                    code,
                    message,
                } => Err(HostError {
                    class: class.clone(),
                    name: code.clone(),
                    message: message.clone(),
                }),
            };
        }
        let text = |key: &str| arguments[key].as_str().unwrap_or_default();
        let who = |fits: &dyn Fn(&Person) -> bool| {
            let found = self.people.values().find(|person| fits(person));
            found.map(|person| json!(user_input(person)))
        };
        match name {
            "slack.send_message" | "slack.send_thread_message" => Ok(Value::Null),
            "users.by_email" => {
                let email = text("email");
                let same = |person: &Person| {
                    let own = person.email.as_deref().unwrap_or_default();
                    own.eq_ignore_ascii_case(email)
                };
                Ok(who(&same).unwrap_or_else(|| match arguments["create"] {
                    Value::Bool(true) => json!(stranger(email)),
                    _ => Value::Null,
                }))
            }
            "users.by_id" => {
                let id = text("id");
                let uuid = Uuid::parse_str(id).ok();
                let same = |person: &Person| {
                    Some(person.id) == uuid || person.slack_id.as_deref() == Some(id)
                };
                Ok(who(&same).unwrap_or_else(|| json!(placeholder(id))))
            }
            "users.by_slack_id" => {
                let id = text("slack_id");
                let same = |person: &Person| person.slack_id.as_deref() == Some(id);
                Ok(who(&same).unwrap_or(Value::Null))
            }
            "users.by_mention" => {
                let name = text("text").trim_start_matches('@');
                let same = |person: &Person| person.name == name;
                Ok(who(&same).unwrap_or(Value::Null))
            }
            _ => {
                let call = format!("{name}({arguments})");
                let mut seen = self.seen();
                if !seen.unanswered.contains(&call) {
                    seen.unanswered.push(call);
                }
                Err(HostError {
                    name: "NOT_FAKED".to_owned(),
                    message: format!("no answer to {name} is given under 'host:'"),
                    ..crate::policy::host::unavailable(name)
                })
            }
        }
    }
}

impl Host for CaseHost {
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        Box::pin(async move { self.answer(name, arguments) })
    }
}
