//! What people do in Slack: commands, the shortcut, forms, buttons. Decoded envelopes in, acknowledgements out.
//!
//! Whatever must survive is committed before the acknowledgement is returned; opening a form is not, since its trigger
//! lives three seconds and the person can type again. Everything is answered, also what is refused or not understood.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::book::in_environment;
use super::live::NotReadable;
use super::outside::Started;
use super::signin::LINK_LIFETIME_SECONDS;
use super::{Applied, Engine};
use crate::domain::effect::AnswerTo;
use crate::domain::event::Submission;
use crate::domain::person::{Person, Role};
use crate::domain::run::{ChannelType, RunId, SourceChannel};
use crate::domain::step::problem_code;
use crate::flows::catalog::Flow;
use crate::slack::inbound::{self, Actor, ChannelRef, Inbound, Press, Submit};
use crate::slack::live::FormState;
use crate::slack::socket::{Envelope, EnvelopeHandler};
use crate::slack::view::{FormMetadata, ids};
use crate::slack::{answer, form, home, modal};
use crate::store::contract::StoreError;
use crate::web::WebConfig;

/// The engine as the socket sees it.
pub struct Intake(pub Arc<Engine>);

impl EnvelopeHandler for Intake {
    fn handle(&self, envelope: Arc<Envelope>) -> BoxFuture<'_, Option<Value>> {
        Box::pin(async move {
            let engine = &self.0;
            match inbound::decode(&envelope) {
                Inbound::Command(command) => engine.command(command).await,
                Inbound::Shortcut(shortcut) => engine.shortcut(shortcut),
                Inbound::Press(press) => {
                    engine.press(&envelope.envelope_id, *press).await;
                    None
                }
                Inbound::Submit(submit) => engine.submitted(&envelope.envelope_id, submit).await,
                Inbound::HomeOpened(opened) => engine.home_opened(opened.user.id),
                Inbound::PersonChanged { slack_id } => {
                    engine.outside.directory.forget(&slack_id);
                    None
                }
                // Nothing of ours cares about a form that was closed.
                Inbound::Suggest(suggest) => Some(engine.suggest(&suggest)),
                Inbound::Closed(_) | Inbound::Other { .. } => None,
                Inbound::Unintelligible(odd) => engine.not_understood(&envelope, odd),
            }
        })
    }
}

/// Minutes that a sign-in link can be used, for people.
const LINK_LIFETIME_MINUTES: u64 = LINK_LIFETIME_SECONDS / 60;

/// What is said when Slack does not tell who somebody is.
pub(super) const WHO_ARE_YOU: &str = "I could not look you up in Slack. Nothing was changed.";

pub(super) const NOBODY: &str = "Slack knows nobody with this id";

/// What is said when a form cannot be read any more, and when it is being changed.
const FORGOTTEN: &str = "This form was open for too long, or the bot was restarted meanwhile. Nothing was sent. Please close this window and type /sym again.";
const CHANGING: &str = "The form is still being updated. Please look at it again, then submit it.";

/// What is said when it is certain that a submitted form did not reach the disk, and when it is not.
const NOT_SAVED: &str = "Your request was not saved.";
const PERHAPS_SAVED: &str = "It is not certain whether your request was saved. Look for it in a minute before you send it again.";

impl Engine {
    /// `/sym …`. Answers that are only text come back with the acknowledgement; forms open on a task of their own.
    async fn command(self: &Arc<Self>, command: inbound::Command) -> Option<Value> {
        let mut words = command.text.split_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_lowercase();
        let asks = matches!(verb.as_str(), "" | "req" | "request");
        // Side by side: with both before it, the form has to open within three seconds.
        let (person, source) = tokio::join!(self.who(&command.user), async {
            self.source(command.channel.as_ref().filter(|_| asks)).await
        });
        let person = match person {
            Ok(person) => person,
            Err(words) => return Some(private(&words)),
        };
        match verb.as_str() {
            "" | "req" | "request" => {
                if person.role == Role::Guest || !person.active {
                    return Some(private(&answer::guest_may_not_start()));
                }
                let started = Started {
                    trigger_id: command.trigger_id.unwrap_or_default(),
                    user: command.user,
                    channel: command.channel.map(|channel| channel.id),
                    response_url: command.response_url,
                };
                let flow = words.next().map(str::to_owned);
                // A label may have several words.
                let environment = words.collect::<Vec<_>>().join(" ");
                let environment = Some(environment).filter(|typed| !typed.is_empty());
                let engine = self.clone();
                self.tasks.spawn(async move {
                    engine
                        .open(started, person, source, flow, environment)
                        .await
                });
                None
            }
            "login" => Some(private(&self.login(&person).await)),
            "whoami" => Some(private(&answer::whoami(
                &person,
                &self.outside.directory.home().team_id,
            ))),
            "support" => Some(private(&answer::support(&self.outside.contacts))),
            "help" => Some(private(&answer::help())),
            _ => Some(private(&answer::unknown_command(&command.text))),
        }
    }

    fn shortcut(self: &Arc<Self>, shortcut: inbound::Shortcut) -> Option<Value> {
        let started = Started {
            trigger_id: shortcut.trigger_id.unwrap_or_default(),
            user: shortcut.user,
            channel: None,
            response_url: None,
        };
        let engine = self.clone();
        self.tasks
            .spawn(async move { engine.open_without_channel(started).await });
        None
    }

    /// The shortcut and the button of the App Home: no channel, so every answer is a direct message.
    async fn open_without_channel(self: Arc<Self>, started: Started) {
        let person = match self.who(&started.user).await {
            Ok(person) => person,
            Err(words) => return self.outside.answer_now(&started.answer_to(), &words).await,
        };
        if person.role == Role::Guest || !person.active {
            return self
                .outside
                .answer_now(&started.answer_to(), &answer::guest_may_not_start())
                .await;
        }
        let source = SourceChannel {
            kind: ChannelType::Slack,
            id: None,
            identifier: None,
        };
        self.open(started, person, source, None, None).await;
    }

    /// Opens the picker, or the form of the flow that was named.
    async fn open(
        self: Arc<Self>,
        started: Started,
        person: Person,
        source: SourceChannel,
        named: Option<String>,
        environment: Option<String>,
    ) {
        let mut note = None;
        let mut found = None;
        if let Some(name) = &named {
            let of_name = self.book.startable(name);
            let mut matches = match &environment {
                Some(typed) => named_environment(&of_name, typed),
                None => of_name.clone(),
            };
            match (matches.len(), &environment) {
                (1, _) => found = matches.pop(),
                (_, _) if of_name.is_empty() => note = Some(answer::unknown_flow(name)),
                (0, Some(typed)) => {
                    note = Some(answer::unknown_environment(name, typed, &to_type(&of_name)));
                }
                (_, _) => note = Some(answer::several_environments(name, &to_type(&matches))),
            }
        }
        if let Some(flow) = found {
            return self.open_form(&started, &person, source, &flow).await;
        }
        let metadata = FormMetadata {
            source,
            flow: String::new(),
            environment: None,
            version: String::new(),
            run: Some(Uuid::new_v4()),
            parent: None,
        };
        self.open_picker(&started, &person, &metadata, note.as_deref())
            .await;
    }

    /// The channel of a command as handlers will see it: `#name` for public channels, the id for all others, and the id
    /// when Slack does not tell.
    async fn source(&self, channel: Option<&ChannelRef>) -> SourceChannel {
        let id = channel.map(|channel| channel.id.clone());
        let source = SourceChannel {
            kind: ChannelType::Slack,
            identifier: id.clone(),
            id,
        };
        let Some(channel) = channel else {
            return source;
        };
        match self.outside.directory.source_channel(&channel.id).await {
            Ok(source) => source,
            Err(error) => {
                tracing::warn!(%error, channel = channel.id, "a channel could not be looked up");
                source
            }
        }
    }

    /// The person behind a payload; people of other organisations are guests. The role may be some minutes old.
    ///
    /// # Errors
    /// The words for the person, when Slack does not say who it is.
    pub(super) async fn who(&self, user: &Actor) -> Result<Person, String> {
        let found = self.outside.directory.person_by_slack_id(&user.id).await;
        let home = self.outside.directory.home();
        match found {
            Ok(Some(person)) if user.is_external(&home.team_id, home.enterprise_id.as_deref()) => {
                Ok(Person {
                    role: Role::Guest,
                    ..person
                })
            }
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(self.trouble(WHO_ARE_YOU, &NOBODY)),
            Err(error) => Err(self.trouble(WHO_ARE_YOU, &error)),
        }
    }

    async fn login(&self, person: &Person) -> String {
        let Some(web) = &self.outside.web else {
            return answer::login_off();
        };
        if !person.active {
            return answer::guest_may_not_start();
        }
        match self.make_link_token(person).await {
            Ok(token) => answer::login(&web.login_link(&token), LINK_LIFETIME_MINUTES),
            Err(error) => self.trouble("No link was made.", &error),
        }
    }

    /// A submitted modal: the picker or a form.
    async fn submitted(self: &Arc<Self>, envelope_id: &str, submit: Submit) -> Option<Value> {
        let Some(metadata) = FormMetadata::decode(&submit.view.private_metadata) else {
            return Some(update(&modal::message(
                "Request",
                &answer::not_understood("FORM-METADATA"),
            )));
        };
        let person = match self.who(&submit.user).await {
            Ok(person) if person.role != Role::Guest && person.active => person,
            Ok(_) => {
                return Some(update(&modal::message(
                    "Request",
                    &answer::guest_may_not_start(),
                )));
            }
            Err(words) => return Some(keep_form(&submit.view.state_values, &words)),
        };
        match submit.view.callback_id.as_str() {
            ids::PICKER => Some(self.picked_flow(&submit, metadata, &person).await),
            ids::FORM => self.request(envelope_id, &submit, metadata, &person).await,
            other => {
                tracing::warn!(
                    callback_id = other,
                    "a form of another program or version was submitted"
                );
                Some(update(&modal::message(
                    "Request",
                    &answer::not_understood("FORM-UNKNOWN"),
                )))
            }
        }
    }

    async fn picked_flow(
        self: &Arc<Self>,
        submit: &Submit,
        metadata: FormMetadata,
        person: &Person,
    ) -> Value {
        let choices = self.choices();
        let choice = match form::read_picker(&choices, &submit.view.state_values) {
            Ok(choice) => choice,
            Err(errors) => return errors.to_response("Request"),
        };
        let catalog = self.book.catalog();
        let flow = catalog
            .flows
            .iter()
            .filter(|flow| flow.allows_source("slack"))
            .zip(&choices)
            .find(|(_, one)| *one == choice);
        match flow {
            Some((flow, _)) => update(&self.form_in(&submit.view.id, person, metadata, flow).await),
            None => update(&modal::message(
                "Request",
                &answer::unknown_flow(&choice.name),
            )),
        }
    }

    /// A submitted form: the request is on the disk before Slack is answered.
    async fn request(
        self: &Arc<Self>,
        envelope_id: &str,
        submit: &Submit,
        metadata: FormMetadata,
        person: &Person,
    ) -> Option<Value> {
        let form_of = self
            .book
            .of_form(&metadata.flow, metadata.environment.as_deref());
        let flow = match form_of {
            Some(flow) if flow.version == metadata.version => flow,
            Some(flow) => return Some(update(&modal::flow_changed(flow.title()))),
            None => {
                return Some(update(&modal::flow_changed("Request")));
            }
        };
        let state = match self.state_of(&flow, &metadata).await {
            Ok(state) => state,
            Err(NotReadable::Forgotten) => {
                return Some(keep_form(&submit.view.state_values, FORGOTTEN));
            }
            Err(NotReadable::Changing) => {
                return Some(keep_form(&submit.view.state_values, CHANGING));
            }
        };
        let read = match form::read(&flow, &state, &submit.view.state_values) {
            Ok(read) => read,
            Err(errors) => return Some(errors.to_response(flow.title())),
        };
        let pinned = match self.pin(&flow).await {
            Ok(pinned) => pinned,
            Err(error) => {
                return Some(keep_form(
                    &submit.view.state_values,
                    &self.trouble(NOT_SAVED, &error),
                ));
            }
        };
        let submission = Submission {
            id: metadata.run.unwrap_or_else(Uuid::new_v4),
            flow: pinned,
            workspace: self.outside.directory.home().team_id.clone(),
            requester: person.to_ref(),
            source: metadata.source,
            fields: read.fields,
            target: read.target,
            duration_seconds: read.duration_seconds,
            access_questions: read.access_questions,
            context: None,
            parent: metadata.parent,
        };
        let dedup = vec![
            format!("envelope/{envelope_id}"),
            format!("form/{}", submit.view.id),
        ];
        let form_id = submission.id;
        match self.submit(submission, dedup).await {
            Ok(Applied::Duplicate) => self.sent_before(form_id, &flow, &state, submit).await,
            Ok(_) => {
                self.forms.forget(form_id);
                None
            }
            Err(error) => {
                let done = if certain(&error) {
                    NOT_SAVED
                } else {
                    PERHAPS_SAVED
                };
                Some(keep_form(
                    &submit.view.state_values,
                    &self.trouble(done, &error),
                ))
            }
        }
    }

    /// A form that was sent before: nothing is to be said if it says the same. After an acknowledgement that was lost it may have been
    /// changed since, and then the person must not believe that the changes count.
    async fn sent_before(
        &self,
        id: RunId,
        flow: &Flow,
        state: &FormState,
        submit: &Submit,
    ) -> Option<Value> {
        let read = form::read(flow, state, &submit.view.state_values).ok()?;
        let run = match self.run(id).await {
            Ok(run) => run?,
            Err(error) => {
                let words = self.trouble(PERHAPS_SAVED, &error);
                return Some(keep_form(&submit.view.state_values, &words));
            }
        };
        if form::made(&read, &run) {
            self.forms.forget(id);
            return None;
        }
        tracing::warn!(run = %id, "a form was sent again with other values; the first ones stand");
        let words = answer::sent_before(&run, self.outside.link_to(id).as_deref());
        Some(update(&modal::message(flow.title(), &words)))
    }

    /// A pressed button.
    async fn press(self: &Arc<Self>, envelope_id: &str, press: Press) {
        match press.action_id.as_str() {
            ids::APPROVE | ids::DENY => self.decide(envelope_id, press).await,
            ids::HOME_REQUEST => {
                let started = Started {
                    trigger_id: press.trigger_id.unwrap_or_default(),
                    user: press.user,
                    channel: None,
                    response_url: None,
                };
                let engine = self.clone();
                self.tasks
                    .spawn(async move { engine.open_without_channel(started).await });
            }
            // Nobody waits for an answer to an input that was filled in; the form may follow.
            _ if press.element != "button" => self.field_changed(press),
            other => {
                tracing::warn!(
                    action_id = other,
                    "a button of another program or version was pressed"
                );
                let to = AnswerTo {
                    slack_id: press.user.id,
                    channel: press.channel.map(|channel| channel.id),
                    response_url: press.response_url,
                };
                self.answer_later(to, answer::not_understood("BUTTON-UNKNOWN"));
            }
        }
    }

    /// Answers on a task of its own, for answers that belong to no run.
    pub(super) fn answer_later(self: &Arc<Self>, to: AnswerTo, words: String) {
        let engine = self.clone();
        self.tasks
            .spawn(async move { engine.outside.answer_now(&to, &words).await });
    }

    fn home_opened(self: &Arc<Self>, user: String) -> Option<Value> {
        let engine = self.clone();
        self.tasks.spawn(async move {
            let view = home::home(
                engine
                    .outside
                    .web
                    .as_ref()
                    .map(WebConfig::home_link)
                    .as_deref(),
            );
            if let Err(error) = engine.outside.api.views_publish(&user, &view).await {
                tracing::warn!(%error, "the App Home could not be shown");
            }
        });
        None
    }

    fn not_understood(
        self: &Arc<Self>,
        envelope: &Envelope,
        odd: inbound::Unintelligible,
    ) -> Option<Value> {
        let code = problem_code("SLACK", code_seed(&envelope.envelope_id), 0);
        tracing::error!(
            code,
            kind = envelope.kind,
            why = odd.why,
            "a payload from Slack could not be understood"
        );
        let words = answer::not_understood(&code);
        if let Some(slack_id) = odd.user {
            self.answer_later(
                AnswerTo {
                    slack_id,
                    channel: odd.channel,
                    response_url: odd.response_url,
                },
                words.clone(),
            );
        }
        match odd.first_input {
            Some(input) if odd.is_submission => {
                Some(json!({ "response_action": "errors", "errors": { input: words } }))
            }
            _ => odd
                .is_submission
                .then(|| update(&modal::message("Request", &words))),
        }
    }

    /// Logs an error under a new code and returns the words for the person.
    pub(super) fn trouble(&self, done: &str, error: &dyn std::fmt::Display) -> String {
        answer::went_wrong(done, &log_trouble(done, error))
    }
}

/// Logs an error under a new code, which is returned.
pub(super) fn log_trouble(done: &str, error: &dyn std::fmt::Display) -> String {
    let code = problem_code("SYS", Uuid::new_v4().as_u128(), 0);
    tracing::error!(code, %error, "{done}");
    code
}

/// The flows in the environment that somebody typed; words after its name do not count.
fn named_environment(flows: &[Arc<Flow>], typed: &str) -> Vec<Arc<Flow>> {
    let found = in_environment(flows, typed);
    match typed.split_once(' ') {
        Some((first, _)) if found.is_empty() => in_environment(flows, first),
        _ => found,
    }
}

/// What to type after `/sym req` for each of these flows.
fn to_type(flows: &[Arc<Flow>]) -> Vec<String> {
    let typed = |flow: &Arc<Flow>| {
        let environment = flow.environment.as_ref()?;
        Some(format!("{} {}", flow.name, environment.name))
    };
    flows.iter().filter_map(typed).collect()
}

/// Keeps the form open with what was typed, and says at its first field what went wrong.
fn keep_form(state_values: &Value, words: &str) -> Value {
    match state_values
        .as_object()
        .and_then(|blocks| blocks.keys().next())
    {
        Some(block) => json!({ "response_action": "errors", "errors": { block: words } }),
        None => update(&modal::message("Request", words)),
    }
}

/// Whether an error of the store says that nothing was written.
pub(super) fn certain(error: &StoreError) -> bool {
    !matches!(error, StoreError::Failed(_) | StoreError::Damaged(_))
}

/// A message that only the person who typed sees.
fn private(words: &str) -> Value {
    json!({ "response_type": "ephemeral", "text": words })
}

fn update(view: &Value) -> Value {
    json!({ "response_action": "update", "view": view })
}

fn code_seed(text: &str) -> u128 {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_u128()
}
