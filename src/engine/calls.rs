//! Calls of handlers: what they are called with, and the one way to the workers.
//!
//! Events are made from a run and the firing that is under way; people and channels in them are looked up when the call is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::host::{EngineHost, Scope};
use super::outbox::Held;
use super::{BookError, Engine};
use crate::domain::audit::plain_value;
use crate::domain::field::{FieldValue, SubmittedField, UserValue};
use crate::domain::hook::{Firing, Work};
use crate::domain::person::{Person, PersonRef, Role, person_id};
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{ChannelType, ChosenTarget, Details, Run, RunError};
use crate::domain::step::problem_code;
use crate::flows::catalog::{Environment, Flow, Implementation, Service, Strategy};
use crate::policy::types::{
    Arguments, ChannelInput, EnvironmentInput, EventInput, FailureKind, FlowInput, HandlerAnswer,
    HandlerCall, HandlerFailure, IntegrationInput, RunInput, StrategyInput, UserInput,
};
use crate::slack::text;

/// Characters of a failure's message that are kept with the run; the log has all of it.
const MESSAGE_CHARS_MAX: usize = 2000;

/// Characters of a traceback's end that the error logger is told.
const TRACEBACK_CHARS_MAX: usize = 900;

/// What a person or the log needs to know about who is asking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub flow: &'a Flow,
    pub code: &'a Implementation,
    pub run: Option<&'a Run>,
    pub deadline: std::time::Duration,
}

impl Engine {
    /// Calls handlers in a worker: the only place that does. What happened is kept with the run.
    pub(super) async fn call_handlers(
        self: &Arc<Self>,
        asking: Asking<'_>,
        handlers: Vec<String>,
        input: EventInput,
    ) -> Result<HandlerAnswer, HandlerFailure> {
        let scope = Scope::of(&asking, &input);
        let run = scope.run;
        let call = HandlerCall {
            source: asking.code.source.clone(),
            file: asking
                .code
                .file
                .clone()
                .unwrap_or_else(|| "impl.py".to_owned()),
            handlers,
            input,
            deadline: asking.deadline,
        };
        let host = Arc::new(EngineHost::new(self.clone(), scope));
        let (answer, record) = self.outside.pool.call_recorded(call, host.clone()).await;
        let asked = !matches!(&answer, Err(failure) if failure.kind == FailureKind::Unavailable);
        if asked && !run.is_nil() {
            self.keep_record(run, record);
        }
        let answer = answer.map_err(|failure| host.judge(failure))?;
        if !answer.printed.is_empty() {
            let run = asking.run.map(|run| run.id.to_string());
            tracing::info!(
                run,
                flow = asking.flow.name,
                printed = answer.printed,
                "the handlers printed"
            );
        }
        Ok(answer)
    }

    /// The flow that a run started with.
    ///
    /// # Errors
    /// [`Held`] when the store fails, else why there is none.
    pub(super) async fn flow_of(
        &self,
        run: &Run,
    ) -> Result<Result<Arc<Flow>, HandlerFailure>, Held> {
        match self.book.pinned(&run.flow.version).await {
            Ok(flow) => Ok(Ok(flow)),
            Err(BookError::Store(error)) => Err(Held::Store(error)),
            Err(error @ BookError::Unreadable { .. }) => Ok(Err(HandlerFailure::new(
                FailureKind::WrongResult,
                error.to_string(),
            ))),
        }
    }

    /// Logs a failure of handlers under a code made from the run (or the form) and `salt`.
    pub(super) fn handler_failed(
        &self,
        run: uuid::Uuid,
        salt: u64,
        flow: &str,
        failure: &HandlerFailure,
    ) -> RunError {
        let code = problem_code(area(failure.kind), run.as_u128(), salt);
        tracing::error!(
            code,
            %run,
            flow,
            file = failure.file.as_deref().unwrap_or(""),
            line = failure.line,
            exception = failure.exception_name(),
            traceback = failure.traceback.as_deref().unwrap_or(""),
            printed = failure.printed,
            "{failure}"
        );
        RunError {
            code,
            message: text::cut(&failure.to_string(), MESSAGE_CHARS_MAX),
            details: details_of(failure),
        }
    }

    /// The event that a firing is, and the run's fields with the names of people filled in where there are any.
    pub(super) async fn event_input(
        &self,
        run: &Run,
        flow: &Flow,
        firing: &Firing,
    ) -> (EventInput, Option<Vec<SubmittedField>>) {
        let requester = self.user_input(&self.recorded(&run.requester, Role::Member).await);
        let user = self.acting(run, &firing.by, &requester).await;
        let (mut fields, named) = self.fields_for_handlers(run, flow).await;
        if let Work::Decide {
            message: Some(message),
            ..
        } = &firing.work
        {
            fields.insert("decision_message".to_owned(), json!(message));
        }
        for (name, value) in &firing.fields {
            fields.insert(name.clone(), value.clone());
        }
        let mut actors = vec![
            ("prompt".to_owned(), requester.clone()),
            ("request".to_owned(), requester.clone()),
        ];
        match (&firing.work, &run.decision) {
            (Work::Decide { verdict, .. }, _) => {
                actors.push((verdict.verb().to_owned(), user.clone()));
            }
            (_, Some(decision)) => {
                let decider = self.acting(run, &decision.by, &requester).await;
                actors.push((decision.verdict.verb().to_owned(), decider));
            }
            _ => {}
        }
        let mut contexts = Map::new();
        if let Some(context) = &run.context {
            contexts.insert("request".to_owned(), Value::Object(context.clone()));
        }
        let input = EventInput {
            name: firing.event().as_str().to_owned(),
            event_channel: self.channel_input(run, firing).await,
            timestamp: firing.at.to_iso(),
            user,
            fields,
            run: RunInput {
                id: run.id.to_string(),
                source_channel: source_input(run),
                actors,
                contexts,
            },
            flow: flow_input(flow),
            arguments: forward_context(run, firing),
            outputs: Map::new(),
        };
        (input, named)
    }

    /// Where an event came from: for a press in Slack the channel of the message.
    async fn channel_input(&self, run: &Run, firing: &Firing) -> ChannelInput {
        let pressed = firing
            .pressed
            .as_ref()
            .and_then(|pressed| pressed.message.as_ref());
        let identifier = match (firing.via, &firing.work, pressed) {
            (ChannelType::Slack, Work::Request, _) => run.source.identifier.clone(),
            (ChannelType::Slack, _, Some(message)) => {
                match self
                    .outside
                    .directory
                    .source_channel(&message.channel)
                    .await
                {
                    Ok(channel) => channel.identifier,
                    Err(error) => {
                        tracing::warn!(%error, run = %run.id, "the channel of a press could not be looked up");
                        Some(message.channel.clone())
                    }
                }
            }
            _ => None,
        };
        ChannelInput {
            channel_type: firing.via.as_str().to_owned(),
            identifier,
        }
    }

    /// Somebody who acted on the run, as handlers see them.
    async fn acting(&self, run: &Run, by: &PersonRef, requester: &UserInput) -> UserInput {
        if by.is_automation() {
            return UserInput {
                user_type: Some("bot".to_owned()),
                ..self.user_input(&as_recorded(by, Role::Member))
            };
        }
        if by.id == run.requester.id {
            return requester.clone();
        }
        self.user_input(&self.recorded(by, Role::Guest).await)
    }

    /// A person with the role of this moment; what was recorded, with the role `otherwise`, when Slack does not answer.
    pub(super) async fn recorded(&self, recorded: &PersonRef, otherwise: Role) -> Person {
        if let Some(slack_id) = &recorded.slack_id {
            match self.outside.directory.person_by_slack_id(slack_id).await {
                Ok(Some(person)) => return person,
                Ok(None) => {
                    tracing::warn!(user = slack_id, "Slack does not know somebody any more");
                }
                Err(error) => {
                    tracing::warn!(%error, user = slack_id, "somebody could not be looked up");
                }
            }
        }
        as_recorded(recorded, otherwise)
    }

    /// The fields as handlers see them, and, where people were picked, the fields again with their names.
    async fn fields_for_handlers(
        &self,
        run: &Run,
        flow: &Flow,
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
        plain.extend(access_fields(
            run.target.as_ref(),
            run.duration_seconds,
            &run.fields,
            flow,
        ));
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

/// What administrators are told of a failure beside its message.
fn details_of(failure: &HandlerFailure) -> Details {
    let place = failure.file.as_ref().map(|file| match failure.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    // The end says where it happened and what; the log and the record of the call have all of it.
    let exception = failure.traceback.as_deref().map(|traceback| {
        let letters = traceback.trim_end().chars().rev();
        let end: String = letters.take(TRACEBACK_CHARS_MAX).collect();
        end.chars().rev().collect()
    });
    let hint = match failure.kind {
        FailureKind::Syntax => "symbot check shows the place in the file",
        FailureKind::Exception => {
            "symbot explain with the request's id shows what the handler was given and what it asked; symbot test repeats such a request"
        }
        FailureKind::WrongResult => "docs/handlers.md says what each handler returns",
        FailureKind::Timeout => {
            "its time includes look-ups and requests: let it ask less, or give handlers more with --handler-timeout"
        }
        FailureKind::Died => {
            "its worker was stopped for what it used, usually memory: let the handler keep less at once"
        }
        FailureKind::Unavailable => "check that symbot may start processes and has memory",
        FailureKind::Unreachable => "Slack did not answer; this says nothing about the code",
    };
    Details {
        place,
        exception,
        hint: Some(hint.to_owned()),
    }
}

fn as_recorded(recorded: &PersonRef, role: Role) -> Person {
    Person {
        id: recorded.id,
        slack_id: recorded.slack_id.clone(),
        email: recorded.email.clone(),
        name: recorded.name.clone(),
        first_name: None,
        last_name: None,
        role,
        active: true,
    }
}

/// What requests for access have as handlers see it besides the fields that people fill in.
pub(crate) fn access_fields(
    target: Option<&ChosenTarget>,
    seconds: Option<u64>,
    submitted: &[SubmittedField],
    flow: &Flow,
) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(target) = target {
        let settings = target.settings_for(submitted, seconds);
        fields.insert("target_id".to_owned(), json!(target.id));
        fields.insert("target".to_owned(), target_input(target, settings, flow));
    }
    if let Some(seconds) = seconds {
        fields.insert("duration".to_owned(), json!(seconds));
    }
    fields
}

/// The chosen target with what the flow says about it.
fn target_input(target: &ChosenTarget, settings: BTreeMap<String, String>, flow: &Flow) -> Value {
    let declared = flow.strategy.as_ref().and_then(|strategy| {
        strategy
            .targets
            .iter()
            .find(|declared| declared.id == target.id)
    });
    // Requests stored before settings were kept have those of their flow.
    let mut all = declared.map_or_else(BTreeMap::new, |declared| declared.settings.clone());
    all.extend(settings);
    json!({ "$target": {
        "id": target.id,
        "name": target.name,
        "label": target.label,
        "type": declared.map(|declared| &declared.target_type),
        "settings": all,
    } })
}

/// `RequestForwardContext`: one destination for each notification, that in Slack where it has several.
fn forward_context(run: &Run, firing: &Firing) -> Option<Arguments> {
    let Work::Forward { from, .. } = firing.work else {
        return None;
    };
    let notifications = run.notifications.iter().map(|routed| &routed.notification);
    Some(forward_arguments(notifications, from))
}

/// What the hooks of a forwarded request are called with, `from` being the notification in use.
pub(crate) fn forward_arguments<'a>(
    notifications: impl Iterator<Item = &'a Notification>,
    from: usize,
) -> Arguments {
    let destinations: Vec<Destination> = notifications
        .map(|notification| {
            let all = &notification.destinations;
            let in_slack = all
                .iter()
                .find(|one| !matches!(one, Destination::User { .. }));
            in_slack
                .or(all.first())
                .cloned()
                .unwrap_or_else(|| Destination::Nowhere {
                    reason: "the notification has no destination".to_owned(),
                })
        })
        .collect();
    let next = Some(from + 1).filter(|next| *next < destinations.len());
    Arguments::Forward {
        destinations,
        current: from,
        next,
    }
}

/// First part of the code that people see.
pub(super) fn area(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Timeout => "TIMEOUT",
        FailureKind::Died | FailureKind::Unavailable => "WORKER",
        FailureKind::Unreachable => "SLACK",
        FailureKind::Syntax | FailureKind::Exception | FailureKind::WrongResult => "IMPL",
    }
}

/// For a handler of the flow's implementation that returned what cannot be used.
pub(super) fn wrong_result(flow: &Flow, handler: &str, message: String) -> HandlerFailure {
    HandlerFailure {
        handler: Some(handler.to_owned()),
        file: flow.implementation.file.clone(),
        ..HandlerFailure::new(FailureKind::WrongResult, message)
    }
    .placed(&flow.implementation.source)
}

fn source_input(run: &Run) -> ChannelInput {
    ChannelInput {
        channel_type: run.source.kind.as_str().to_owned(),
        identifier: match run.source.kind {
            ChannelType::Slack => run.source.identifier.clone(),
            _ => None,
        },
    }
}

/// A person as handlers and host calls see them, without identities in other services.
pub(crate) fn user_input(person: &Person) -> UserInput {
    UserInput {
        id: person.id.to_string(),
        email: person.email.clone(),
        username: person.email.clone().unwrap_or_else(|| person.name.clone()),
        name: person.name.clone(),
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        role: person.role.as_str().to_owned(),
        slack_id: person.slack_id.clone(),
        known: true,
        user_type: None,
        identities: Vec::new(),
    }
}

/// A flow as handlers see it.
pub(crate) fn flow_input(flow: &Flow) -> FlowInput {
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
        strategy: flow.strategy.as_ref().map(strategy_input),
    }
}

/// The strategy of a flow as handlers see it.
fn strategy_input(strategy: &Strategy) -> StrategyInput {
    StrategyInput {
        id: strategy.id.clone(),
        kind: strategy.strategy_type.clone(),
        name: strategy.name.clone(),
        label: strategy.label.clone(),
        integration: strategy.integration.as_ref().map(integration_input),
        targets: strategy
            .targets
            .iter()
            .map(|target| {
                json!({
                    "id": target.id,
                    "name": target.name,
                    "label": target.title(),
                    "type": target.target_type,
                    "settings": target.settings,
                })
            })
            .collect(),
        settings: strategy.settings.clone(),
    }
}

/// The integrations of an environment as handlers see them: secrets by their names, without their values.
fn integrations_input(environment: &Environment) -> BTreeMap<String, IntegrationInput> {
    environment
        .services
        .iter()
        .map(|(key, service)| (key.clone(), integration_input(service)))
        .collect()
}

fn integration_input(service: &Service) -> IntegrationInput {
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
    IntegrationInput {
        kind: service.kind.clone(),
        name: service.name.clone(),
        external_id: service.external_id.clone(),
        settings,
    }
}
