//! Carries out [`Effect::Route`](crate::domain::effect::Effect::Route): asks `get_permissions` and
//! `get_request_notifications` in one call to a worker, and turns the answer into an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::host::{EngineHost, Scope};
use super::outbox::Held;
use super::{BookError, Engine};
use crate::domain::audit::plain_value;
use crate::domain::effect::EffectId;
use crate::domain::event::Event;
use crate::domain::field::{FieldValue, SubmittedField, UserValue};
use crate::domain::person::{Person, Role, person_id};
use crate::domain::run::{ChannelType, Run, RunError};
use crate::domain::step::problem_code;
use crate::flows::catalog::{Environment, Flow};
use crate::policy::types::{
    ChannelInput, EnvironmentInput, EventInput, FailureKind, FlowInput, HandlerCall,
    HandlerFailure, IntegrationInput, RunInput,
};
use crate::slack::text;
use crate::store::contract::StoreError;

/// The reducers of a request, in the order in which they are called.
const REDUCERS: [&str; 2] = ["get_permissions", "get_request_notifications"];

/// Characters of a failure's message that are kept with the run; the log has all of it.
const MESSAGE_CHARS_MAX: usize = 2000;

impl Engine {
    pub(super) async fn route(self: &Arc<Self>, id: EffectId) -> Result<(), Held> {
        let Some(run) = self.run(id.run).await? else {
            self.done.add(id);
            return Ok(());
        };
        let event = match self.ask_reducers(&run).await? {
            Ok(event) => event,
            // No worker could be had: that says nothing about the request.
            Err(failure) if failure.kind == FailureKind::Unavailable => {
                return Err(Held::Later(failure.to_string()));
            }
            Err(failure) => self.routing_failed(&run, &failure),
        };
        match self.conclude(id, event).await {
            Err(Held::Store(error @ StoreError::TooLarge { .. })) => {
                let failure = HandlerFailure {
                    kind: FailureKind::WrongResult,
                    ..plain_failure(format!("the handlers returned too much: {error}"))
                };
                self.conclude(id, self.routing_failed(&run, &failure)).await
            }
            concluded => concluded,
        }
    }

    /// Logs a failure of the reducers under a new code and makes it an event.
    fn routing_failed(&self, run: &Run, failure: &HandlerFailure) -> Event {
        let code = problem_code(area(failure.kind), run.id.as_u128(), run.revision);
        tracing::error!(
            code,
            run = %run.id,
            flow = run.flow.name,
            file = failure.file.as_deref().unwrap_or(""),
            line = failure.line.unwrap_or(0),
            exception = failure.exception.as_deref().unwrap_or(""),
            traceback = failure.traceback.as_deref().unwrap_or(""),
            printed = failure.printed,
            "{failure}"
        );
        Event::RoutingFailed {
            error: RunError {
                code,
                message: text::cut(&failure.to_string(), MESSAGE_CHARS_MAX),
            },
        }
    }

    async fn ask_reducers(
        self: &Arc<Self>,
        run: &Run,
    ) -> Result<Result<Event, HandlerFailure>, Held> {
        let flow = match self.book.pinned(&run.flow.version).await {
            Ok(flow) => flow,
            Err(BookError::Store(error)) => return Err(Held::Store(error)),
            Err(error @ BookError::Unreadable { .. }) => {
                return Ok(Err(HandlerFailure {
                    kind: FailureKind::WrongResult,
                    ..plain_failure(error.to_string())
                }));
            }
        };
        let requester = self.requester(run).await;
        let (fields, named) = self.fields_for_handlers(run).await;
        let input = EventInput {
            name: "request".to_owned(),
            event_channel: channel_input(run),
            timestamp: run.created_at.to_iso(),
            user: self.user_input(&requester),
            fields,
            run: RunInput {
                id: run.id.to_string(),
                source_channel: channel_input(run),
                actors: vec![
                    ("prompt".to_owned(), self.user_input(&requester)),
                    ("request".to_owned(), self.user_input(&requester)),
                ],
            },
            flow: flow_input(&flow),
        };
        let call = HandlerCall {
            source: flow.implementation.source.clone(),
            file: flow
                .implementation
                .file
                .clone()
                .unwrap_or_else(|| "impl.py".to_owned()),
            handlers: REDUCERS.map(str::to_owned).to_vec(),
            input,
            deadline: self.outside.handler_timeout,
        };
        let host = Arc::new(EngineHost::new(
            self.clone(),
            Scope::of(run, &flow, "request"),
        ));
        let answer = match self.call_handlers(run.id, call, host).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        if !answer.printed.is_empty() {
            tracing::info!(run = %run.id, flow = run.flow.name, printed = answer.printed, "the handlers printed");
        }
        let Some(permissions) = answer.permissions else {
            return Ok(Err(HandlerFailure {
                kind: FailureKind::WrongResult,
                handler: Some("get_permissions".to_owned()),
                ..plain_failure("the flow has no get_permissions".to_owned())
            }));
        };
        Ok(Ok(Event::Routed {
            permissions,
            notifications: answer.notifications.unwrap_or_default(),
            fields: named,
        }))
    }

    /// The requester with the role of this moment; what was recorded, when Slack does not answer.
    async fn requester(&self, run: &Run) -> Person {
        if let Some(slack_id) = &run.requester.slack_id {
            match self.outside.directory.person_by_slack_id(slack_id).await {
                Ok(Some(person)) => return person,
                Ok(None) => {
                    tracing::warn!(run = %run.id, "Slack does not know the requester any more")
                }
                Err(error) => {
                    tracing::warn!(%error, run = %run.id, "the requester could not be looked up")
                }
            }
        }
        let recorded = &run.requester;
        Person {
            id: recorded.id,
            slack_id: recorded.slack_id.clone(),
            email: recorded.email.clone(),
            name: recorded.name.clone(),
            first_name: None,
            last_name: None,
            role: Role::Member,
            active: true,
        }
    }

    /// The fields as handlers see them, and, where people were picked, the fields again with their names.
    async fn fields_for_handlers(
        &self,
        run: &Run,
    ) -> (Map<String, Value>, Option<Vec<SubmittedField>>) {
        let mut plain = Map::new();
        let mut fields = run.fields.clone();
        let mut named = false;
        for field in &mut fields {
            let value = match &mut field.value {
                FieldValue::SlackUser(user) => {
                    named = true;
                    self.picked(user).await
                }
                FieldValue::SlackUserList(users) => {
                    named = true;
                    let mut picked = Vec::with_capacity(users.len());
                    for user in users {
                        picked.push(self.picked(user).await);
                    }
                    Value::Array(picked)
                }
                other => plain_value(other),
            };
            plain.insert(field.name.clone(), value);
        }
        if let Some(target) = &run.target {
            plain.insert("target_id".to_owned(), json!(target.id));
            plain.insert("target".to_owned(), json!({ "$target": { "id": target.id, "name": target.name, "label": target.label } }));
        }
        if let Some(seconds) = run.duration_seconds {
            plain.insert("duration".to_owned(), json!(seconds));
        }
        (plain, named.then_some(fields))
    }

    /// A picked person as handlers see them; the name is put into the field. When Slack does not answer, the id has to do.
    async fn picked(&self, user: &mut UserValue) -> Value {
        let directory = &self.outside.directory;
        let known = match directory.person_by_slack_id(&user.slack_id).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, user = user.slack_id, "a picked person could not be looked up");
                None
            }
        };
        let person = known.unwrap_or_else(|| Person {
            id: person_id(&directory.home().team_id, &user.slack_id),
            slack_id: Some(user.slack_id.clone()),
            email: None,
            name: user.slack_id.clone(),
            first_name: None,
            last_name: None,
            role: Role::Guest,
            active: true,
        });
        user.name = Some(person.name.clone());
        json!({ "$user": self.user_input(&person) })
    }
}

/// First part of the code that people see.
fn area(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Timeout => "TIMEOUT",
        FailureKind::Died | FailureKind::Unavailable => "WORKER",
        FailureKind::Syntax | FailureKind::Exception | FailureKind::WrongResult => "IMPL",
    }
}

fn plain_failure(message: String) -> HandlerFailure {
    HandlerFailure {
        kind: FailureKind::Unavailable,
        handler: None,
        exception: None,
        message,
        file: None,
        line: None,
        traceback: None,
        printed: String::new(),
    }
}

fn channel_input(run: &Run) -> ChannelInput {
    ChannelInput {
        channel_type: run.source.kind.as_str().to_owned(),
        identifier: match run.source.kind {
            ChannelType::Slack => run.source.identifier.clone(),
            _ => None,
        },
    }
}

fn flow_input(flow: &Flow) -> FlowInput {
    FlowInput {
        name: flow.name.clone(),
        label: flow.label.clone(),
        version: flow.version.clone(),
        vars: flow.vars.clone(),
        fields: flow
            .prompt_fields
            .iter()
            .filter_map(|field| serde_json::to_value(field).ok())
            .collect(),
        environment: flow
            .environment
            .as_ref()
            .map(|environment| EnvironmentInput {
                name: environment.name.clone(),
                label: environment.label.clone(),
                integrations: integrations_input(environment),
            }),
    }
}

/// The integrations of an environment as handlers see them: secrets by their names, without their values.
fn integrations_input(environment: &Environment) -> BTreeMap<String, IntegrationInput> {
    environment
        .services
        .iter()
        .map(|(key, service)| {
            let mut settings: Map<String, Value> = service
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            for (name, secret) in &service.secrets {
                settings.insert(name.clone(), json!({ "$secret": secret }));
            }
            if let Some(list) = &service.secret_list {
                let list = list.iter().map(|secret| json!({ "$secret": secret }));
                settings.insert("secrets".to_owned(), list.collect());
            }
            let input = IntegrationInput {
                kind: service.kind.clone(),
                name: service.name.clone(),
                external_id: service.external_id.clone(),
                settings,
            };
            (key.clone(), input)
        })
        .collect()
}
