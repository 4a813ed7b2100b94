//! Forms on their way to a person: the picker, the form of a flow, and the code that is asked before it can be shown.
//!
//! ```text
//! /sym flow ─→ "Loading…" (the trigger lives three seconds) ─→ on_prompt, prefetch reducers ─→ the form ─→ after_prompt
//! ```
//!
//! A flow without such code has its form at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::task::JoinError;
use uuid::Uuid;

use super::Engine;
use super::calls::{Asking, flow_input, wrong_result};
use super::changes::written;
use super::hooks::fired;
use super::live::OpenForm;
use super::outside::Started;
use crate::domain::audit;
use crate::domain::hook::{EventName, Fire, may_fire};
use crate::domain::person::Person;
use crate::domain::run::{ChannelType, RunError, SourceChannel};
use crate::flows::catalog::Flow;
use crate::policy::PREFETCH;
use crate::policy::types::{
    ChannelInput, EventInput, FailureKind, HandlerAnswer, HandlerFailure, HookOutcome, RunInput,
};
use crate::slack::answer::{self, ErrorReport};
use crate::slack::api::{ApiError, ViewId, ViewTarget};
use crate::slack::live::{FieldState, FormState, StateOption};
use crate::slack::pacing::{Repeat, repeating};
use crate::slack::view::{FormMetadata, FormView};
use crate::slack::{modal, text};

/// The hook that is asked before a form is shown.
pub(super) const ON_PROMPT: &str = "on_prompt";

/// How long a picked flow may prepare its form before "Loading…" is shown instead; Slack waits three seconds for the answer.
const PICKER_WAITS: Duration = Duration::from_millis(2000);

/// How long Slack has for an answer that shows "Loading…" before that page is replaced.
const LOADING_SHOWN: Duration = Duration::from_millis(500);

/// How long a report about a form is tried.
const REPORT_PATIENCE: Duration = Duration::from_secs(60);

/// What is shown to a person, and whether it is the form.
pub(super) struct Prepared {
    pub view: Value,
    pub is_form: bool,
}

/// A view that is before a person.
pub(super) enum Opened {
    Known {
        id: String,
        hash: Option<String>,
    },
    /// Slack's answer was lost, and with it the view's id; there is the one that it was given.
    Unheard {
        ours: String,
    },
}

impl Opened {
    pub(super) fn target(&self) -> ViewTarget<'_> {
        match self {
            Self::Known { id, hash } => ViewTarget {
                view: ViewId::Slack(id),
                hash: hash.as_deref(),
            },
            Self::Unheard { ours } => ViewTarget {
                view: ViewId::Ours(ours),
                hash: None,
            },
        }
    }

    /// Whether an update failed because the person had closed the view. One that nobody has heard of may never have been there.
    pub(super) fn was_closed(&self, error: &ApiError) -> bool {
        matches!(self, Self::Known { .. }) && error.code() == Some("not_found")
    }
}

/// Whether Slack refuses to open a view because it was opened before.
fn was_opened(error: &ApiError) -> bool {
    matches!(
        error.code(),
        Some("exchanged_trigger_id" | "trigger_exchanged" | "duplicate_external_id")
    )
}

/// How a person is greeted.
pub(super) fn name_for(person: &Person) -> &str {
    person.first_name.as_deref().unwrap_or(&person.name)
}

/// Whether code is to be asked before the form can be shown.
fn needs_preparing(flow: &Flow) -> bool {
    flow.has_handler(ON_PROMPT) || flow.prompt_fields.iter().any(|field| field.prefetch)
}

impl Engine {
    /// The form of a flow as it is now.
    pub(super) fn draw(
        &self,
        flow: &Flow,
        person_name: &str,
        metadata: &FormMetadata,
        state: &FormState,
    ) -> Value {
        let catalog = self.book.catalog();
        let environment = catalog.environment_shown(flow);
        modal::form(&FormView {
            flow,
            person_name,
            environment: environment
                .as_deref()
                .filter(|_| catalog.several_environments),
            metadata: metadata.clone(),
            state,
        })
    }

    /// What a new form of the flow carries.
    fn metadata_for(flow: &Flow, source: SourceChannel, run: Uuid) -> FormMetadata {
        FormMetadata {
            source,
            flow: flow.name.clone(),
            environment: flow
                .environment
                .as_ref()
                .map(|environment| environment.name.clone()),
            version: flow.version.clone(),
            run: Some(run),
            parent: None,
        }
    }

    /// Opens the form of a flow; a failure is answered.
    pub(super) async fn open_form(
        self: &Arc<Self>,
        started: &Started,
        person: &Person,
        source: SourceChannel,
        flow: &Arc<Flow>,
    ) {
        let metadata = Self::metadata_for(flow, source, Uuid::new_v4());
        if !needs_preparing(flow) {
            let prepared = self.prepare(flow, person, &metadata).await;
            if self.open_view(started, &prepared.view).await.is_some() {
                self.prompted(flow, person, &metadata);
            }
            return;
        }
        let Some(shown) = self.open_view(started, &modal::loading(flow.title())).await else {
            return;
        };
        let prepared = self.prepare(flow, person, &metadata).await;
        self.show(&shown, &prepared, flow, person, &metadata).await;
    }

    /// The answer to a picked flow: its form, or "Loading…" where its code is slow. The request has the picker's id: what the
    /// flows filter was asked belongs to it.
    pub(super) async fn form_in(
        self: &Arc<Self>,
        view_id: &str,
        person: &Person,
        picker: FormMetadata,
        flow: &Arc<Flow>,
    ) -> Value {
        let run = picker.run.unwrap_or_else(Uuid::new_v4);
        let metadata = FormMetadata {
            parent: Some(audit::selection_of(run)),
            ..Self::metadata_for(flow, picker.source, run)
        };
        let mut preparing = {
            let (engine, flow, person, metadata) =
                (self.clone(), flow.clone(), person.clone(), metadata.clone());
            tokio::spawn(async move { engine.prepare(&flow, &person, &metadata).await })
        };
        match tokio::time::timeout(PICKER_WAITS, &mut preparing).await {
            Ok(prepared) => {
                let prepared = self.prepared(flow, prepared);
                if prepared.is_form {
                    self.prompted(flow, person, &metadata);
                }
                prepared.view
            }
            Err(_) => {
                let (engine, view_id) = (self.clone(), view_id.to_owned());
                let (asked, person) = (flow.clone(), person.clone());
                self.tasks.spawn(async move {
                    let prepared = engine.prepared(&asked, preparing.await);
                    tokio::time::sleep(LOADING_SHOWN).await;
                    let shown = Opened::Known {
                        id: view_id,
                        hash: None,
                    };
                    engine
                        .show(&shown, &prepared, &asked, &person, &metadata)
                        .await;
                });
                modal::loading(flow.title())
            }
        }
    }

    /// What came of preparing a form, also where that panicked.
    fn prepared(&self, flow: &Flow, joined: Result<Prepared, JoinError>) -> Prepared {
        joined.unwrap_or_else(|panic| Prepared {
            view: modal::message(
                flow.title(),
                &self.trouble("The form could not be opened.", &panic),
            ),
            is_form: false,
        })
    }

    /// Replaces "Loading…".
    async fn show(
        self: &Arc<Self>,
        opened: &Opened,
        prepared: &Prepared,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
    ) {
        let api = &self.outside.api;
        let shown = repeating(Repeat::TRIGGER, || {
            api.views_update(opened.target(), &prepared.view)
        })
        .await;
        match shown {
            Ok(_) if prepared.is_form => self.prompted(flow, person, metadata),
            Ok(_) => {}
            Err(error) if opened.was_closed(&error) => {}
            Err(error) => {
                let words = self.trouble("The form could not be shown.", &error);
                let to = crate::domain::effect::AnswerTo {
                    slack_id: person.slack_id.clone().unwrap_or_default(),
                    channel: None,
                    response_url: None,
                };
                self.outside.answer_now(&to, &words).await;
            }
        }
    }

    /// Opens a view; `None` when it was answered otherwise.
    pub(super) async fn open_view(&self, started: &Started, view: &Value) -> Option<Opened> {
        let api = &self.outside.api;
        let ours = Uuid::new_v4().simple().to_string();
        let mut view = view.clone();
        view["external_id"] = ours.as_str().into();
        let mut attempts = 0_u32;
        let opened = repeating(Repeat::TRIGGER, || {
            attempts += 1;
            api.views_open(&started.trigger_id, &view)
        })
        .await;
        match opened {
            Ok(shown) => Some(Opened::Known {
                id: shown.id,
                hash: shown.hash,
            }),
            Err(error) if was_opened(&error) => {
                // By the first attempt, whose answer was lost; or before, if this is a repeated delivery.
                (attempts > 1).then_some(Opened::Unheard { ours })
            }
            Err(error) => {
                let words = self.trouble("The form could not be opened.", &error);
                self.outside.answer_now(&started.answer_to(), &words).await;
                None
            }
        }
    }

    /// Asks `on_prompt` and the prefetch reducers, where there are any, in one round trip; what is to be shown then.
    async fn prepare(
        self: &Arc<Self>,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
    ) -> Prepared {
        if !needs_preparing(flow) {
            return self.form_of(flow, person, metadata, FormState::default());
        }
        let fields: Vec<&str> = flow
            .prompt_fields
            .iter()
            .filter(|field| field.prefetch)
            .map(|field| field.name.as_str())
            .collect();
        let mut handlers = vec![ON_PROMPT.to_owned()];
        handlers.extend(fields.iter().map(|field| format!("{PREFETCH}{field}")));
        let asking = Asking {
            flow,
            code: &flow.implementation,
            run: None,
            deadline: self.outside.handler_timeout,
        };
        let mut input = self.prompt_input(flow, person, metadata);
        let mut chain = vec![EventName::Prompt];
        let prepared = loop {
            let called = self.call_handlers(asking, handlers.clone(), input.clone());
            let mut answer = match called.await {
                Ok(answer) => answer,
                Err(failure) => break Err(failure),
            };
            match answer.hooks.remove(ON_PROMPT) {
                None | Some(HookOutcome::Proceed) => {
                    break prefetched(flow, &answer)
                        .map(|state| self.form_of(flow, person, metadata, state));
                }
                Some(HookOutcome::Ignore { message }) => {
                    let message = message
                        .as_deref()
                        .unwrap_or("This flow cannot be requested now.");
                    break Ok(Prepared {
                        view: modal::message(
                            flow.title(),
                            &format!("🛑 {}", text::cut(message, 2000)),
                        ),
                        is_form: false,
                    });
                }
                Some(HookOutcome::Fire {
                    event,
                    target,
                    duration_seconds,
                    fields,
                }) => {
                    let fire = fired(
                        flow,
                        ON_PROMPT,
                        &event,
                        target.as_deref(),
                        duration_seconds,
                        fields,
                    )
                    .and_then(|fire| may_follow(flow, &chain, fire));
                    match fire {
                        Ok(fire) if fire.event == EventName::Prompt => {
                            // The hook is asked about its own event, once.
                            chain.push(EventName::Prompt);
                            input.event_channel = ChannelInput {
                                channel_type: ChannelType::Sdk.as_str().to_owned(),
                                identifier: None,
                            };
                            input.fields.extend(fire.fields);
                        }
                        Ok(fire) => {
                            break self.without_form(flow, person, metadata, chain, fire).await;
                        }
                        Err(failure) => break Err(failure),
                    }
                }
            }
        };
        match prepared {
            Ok(prepared) => prepared,
            Err(failure) => self.not_prepared(flow, person, metadata, &failure).await,
        }
    }

    /// The form as it is shown at first.
    fn form_of(
        &self,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
        state: FormState,
    ) -> Prepared {
        let view = self.draw(flow, name_for(person), metadata, &state);
        self.keep_open(flow, person, metadata, state);
        Prepared {
            view,
            is_form: true,
        }
    }

    async fn not_prepared(
        self: &Arc<Self>,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
        failure: &HandlerFailure,
    ) -> Prepared {
        let error = self.report_form(flow, metadata, person, failure).await;
        let words = match failure.kind {
            FailureKind::Unreachable => {
                "Slack did not answer while the form was being prepared, and nothing was requested. Please try again in a moment."
            }
            _ => {
                "The form could not be prepared, and nothing was requested. Please try again; if it fails again, tell \
                 whoever looks after this flow."
            }
        };
        Prepared {
            view: modal::error(flow.title(), words, &error.code),
            is_form: false,
        }
    }

    /// The form is before the person: `after_prompt`.
    fn prompted(self: &Arc<Self>, flow: &Arc<Flow>, person: &Person, metadata: &FormMetadata) {
        const HOOK: &str = "after_prompt";
        if !flow.has_handler(HOOK) {
            return;
        }
        let (engine, flow, person, metadata) =
            (self.clone(), flow.clone(), person.clone(), metadata.clone());
        self.tasks.spawn(async move {
            let asking = Asking {
                flow: &flow,
                code: &flow.implementation,
                run: None,
                deadline: engine.outside.handler_timeout,
            };
            let input = engine.prompt_input(&flow, &person, &metadata);
            let failure = match engine.call_handlers(asking, vec![HOOK.to_owned()], input).await {
                Ok(answer) => match answer.hooks.get(HOOK) {
                    Some(HookOutcome::Fire { event, .. }) => wrong_result(
                        &flow,
                        HOOK,
                        format!("returned ApprovalTemplate.{event}(…), but the form is before the person now"),
                    ),
                    _ => return,
                },
                Err(failure) => failure,
            };
            engine.report_form(&flow, &metadata, &person, &failure).await;
        });
    }

    /// Logs what went wrong with a form and posts it to the error logger; the code is for the person.
    pub(super) async fn form_failed(
        self: &Arc<Self>,
        form: &OpenForm,
        person: &Person,
        failure: &HandlerFailure,
    ) -> String {
        self.report_form(&form.flow, &form.metadata, person, failure)
            .await
            .code
    }

    async fn report_form(
        self: &Arc<Self>,
        flow: &Arc<Flow>,
        metadata: &FormMetadata,
        person: &Person,
        failure: &HandlerFailure,
    ) -> RunError {
        let form = metadata.run.unwrap_or_default();
        let salt = u64::try_from(self.clock.now().0).unwrap_or_default();
        let error = self.handler_failed(form, salt, &flow.name, failure);
        let Some(channel) = flow.error_logger().map(str::to_owned) else {
            return error;
        };
        let (engine, flow, person) = (self.clone(), flow.clone(), person.to_ref());
        let (told, step) = (error.clone(), failure.handler.clone());
        self.tasks.spawn(async move {
            let report = ErrorReport {
                code: &told.code,
                message: &told.message,
                flow: Some(flow.title()),
                step: step.as_deref(),
                person: Some(&person),
                hint: told.details.hint.as_deref(),
                place: told.details.place.as_deref(),
                exception: told.details.exception.as_deref(),
                ..ErrorReport::default()
            };
            let words = answer::error_report(&report);
            if let Err(held) = engine
                .outside
                .post_to_error_logger(&channel, &words, REPORT_PATIENCE)
                .await
            {
                tracing::error!(%held, code = told.code, "the error logger could not be told");
            }
        });
        error
    }

    /// The event of a form that is being opened or filled in.
    pub(super) fn prompt_input(
        &self,
        flow: &Flow,
        person: &Person,
        metadata: &FormMetadata,
    ) -> EventInput {
        let user = self.user_input(person);
        let channel = ChannelInput {
            channel_type: metadata.source.kind.as_str().to_owned(),
            identifier: match metadata.source.kind {
                ChannelType::Slack => metadata.source.identifier.clone(),
                _ => None,
            },
        };
        EventInput {
            name: "prompt".to_owned(),
            event_channel: channel.clone(),
            timestamp: self.clock.now().to_iso(),
            user: user.clone(),
            fields: Map::new(),
            run: RunInput {
                id: metadata.run.unwrap_or_default().to_string(),
                source_channel: channel,
                actors: vec![("prompt".to_owned(), user)],
                contexts: Map::new(),
            },
            flow: flow_input(flow),
            arguments: None,
            outputs: Map::new(),
        }
    }
}

/// The event that `on_prompt` fired after those of `chain`.
///
/// # Errors
/// When it may not follow.
fn may_follow(flow: &Flow, chain: &[EventName], fire: Fire) -> Result<Fire, HandlerFailure> {
    match may_fire(chain, fire.event) {
        Ok(()) => Ok(fire),
        Err(why) => Err(wrong_result(
            flow,
            ON_PROMPT,
            format!(
                "returned ApprovalTemplate.{}(…), but {why}",
                fire.event.as_str()
            ),
        )),
    }
}

/// The form with the options that the reducers supplied.
///
/// # Errors
/// A reducer is missing.
pub(crate) fn prefetched(flow: &Flow, answer: &HandlerAnswer) -> Result<FormState, HandlerFailure> {
    let mut state = FormState::default();
    for field in flow.prompt_fields.iter().filter(|field| field.prefetch) {
        let Some(options) = answer.options.get(&field.name) else {
            let missing = format!(
                "there is no prefetch reducer for the field {:?}: define a function decorated with @prefetch({:?})",
                field.name, field.name
            );
            return Err(wrong_result(
                flow,
                &format!("{PREFETCH}{}", field.name),
                missing,
            ));
        };
        let options = options
            .iter()
            .filter_map(|option| {
                Some(StateOption {
                    value: written(field.field_type, &option.value)?,
                    label: option.label.clone(),
                })
            })
            .collect();
        let known = FieldState {
            options: Some(options),
            ..FieldState::default()
        };
        state.fields.insert(field.name.clone(), known);
    }
    Ok(state)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flows::{LoadOptions, load};

    #[test]
    fn a_form_without_the_options_of_a_field_is_a_failure_of_its_reducer() {
        let dir = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/flows/ok/all_field_types"
        );
        let loaded = load(&LoadOptions {
            dirs: vec![dir.into()],
            ..LoadOptions::default()
        });
        let flows = loaded.flows.iter().map(|details| &details.flow);
        let (flow, field) = flows
            .flat_map(|flow| flow.prompt_fields.iter().map(move |field| (flow, field)))
            .find(|(_, field)| field.prefetch)
            .unwrap();
        let failure = prefetched(flow, &HandlerAnswer::default()).unwrap_err();
        assert!(
            failure.to_string().contains("no prefetch reducer"),
            "{failure}"
        );
        assert_eq!(failure.handler, Some(format!("{PREFETCH}{}", field.name)));
        let mut answer = HandlerAnswer::default();
        for field in flow.prompt_fields.iter().filter(|field| field.prefetch) {
            answer.options.insert(field.name.clone(), Vec::new());
        }
        assert!(prefetched(flow, &answer).is_ok());
    }
}
