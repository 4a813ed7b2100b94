//! Open forms whose content depends on code: options of prefetch reducers, changes by `on_change` functions.
//!
//! What a form has become is kept in memory while it is open. A form that the bot does not know any more (it was restarted, or
//! the form was open for very long) is refused when it is used, with what was typed still in it; nothing is guessed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Engine;
use super::calls::Asking;
use super::changes::{apply, looks_different, originals, typed};
use crate::domain::audit::plain_value;
use crate::domain::field::FieldValue;
use crate::domain::person::Person;
use crate::flows::catalog::{Flow, PromptField, on_change_function};
use crate::policy::types::{
    Arguments, FailureKind, FormAnswer, FormFieldInput, FormInput, HandlerFailure, OptionInput,
};
use crate::slack::api::{ViewId, ViewTarget};
use crate::slack::form;
use crate::slack::inbound::{Press, Suggest, ViewInfo};
use crate::slack::live::FormState;
use crate::slack::question::{self, Question};
use crate::slack::view::FormMetadata;
use crate::slack::{modal, text};

/// Forms that are kept; the longest unused ones make room. One with a thousand options takes about 100 KB.
const FORMS_MAX: usize = 500;

/// Time for an `on_change` function: somebody waits with the form before them.
const ON_CHANGE_DEADLINE: Duration = Duration::from_secs(3);

/// How long a submitted form waits for a change that is under way; Slack waits three seconds for the answer.
const SUBMIT_WAITS: Duration = Duration::from_millis(2000);

/// Characters of an option's label as handlers see it.
const OPTION_LABEL_CHARS: usize = 55;

/// A form that is open.
pub(super) struct OpenForm {
    pub flow: Arc<Flow>,
    pub metadata: FormMetadata,
    person_name: String,
    state: Mutex<FormState>,
    /// Held while a change is under way: the newest hash of the view.
    turn: tokio::sync::Mutex<Option<String>>,
    used: Mutex<u64>,
}

impl OpenForm {
    pub(super) fn state(&self) -> FormState {
        lock(&self.state).clone()
    }
}

/// All open forms whose content depends on code, by the id of the run that they would make.
#[derive(Default)]
pub(super) struct Forms {
    open: Mutex<HashMap<Uuid, Arc<OpenForm>>>,
    uses: Mutex<u64>,
}

impl Forms {
    fn find(&self, id: Uuid) -> Option<Arc<OpenForm>> {
        let found = lock(&self.open).get(&id).cloned();
        if let Some(form) = &found {
            *lock(&form.used) = self.next();
        }
        found
    }

    fn insert(&self, id: Uuid, form: OpenForm) -> Arc<OpenForm> {
        *lock(&form.used) = self.next();
        let form = Arc::new(form);
        let mut open = lock(&self.open);
        if open.len() >= FORMS_MAX {
            let oldest = open.iter().min_by_key(|(_, form)| *lock(&form.used));
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                open.remove(&oldest);
            }
        }
        open.insert(id, form.clone());
        form
    }

    fn next(&self) -> u64 {
        let mut uses = lock(&self.uses);
        *uses += 1;
        *uses
    }

    /// Forgets a form that was submitted.
    pub(super) fn forget(&self, id: Uuid) {
        lock(&self.open).remove(&id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the form of a flow is more than the flow says.
pub(super) fn depends_on_code(flow: &Flow) -> bool {
    flow.prompt_fields
        .iter()
        .any(|field| field.prefetch || field.on_change.is_some())
}

/// Why a submitted form cannot be read now.
pub(super) enum NotReadable {
    /// It is not known any more.
    Forgotten,
    /// A change is under way.
    Changing,
}

impl Engine {
    /// Keeps a form that was opened.
    pub(super) fn keep_open(
        &self,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
        state: FormState,
    ) {
        if let Some(id) = metadata.run
            && depends_on_code(flow)
        {
            self.forms.insert(
                id,
                OpenForm {
                    flow: flow.clone(),
                    metadata: metadata.clone(),
                    person_name: super::prompts::name_for(person).to_owned(),
                    state: Mutex::new(state),
                    turn: tokio::sync::Mutex::default(),
                    used: Mutex::default(),
                },
            );
        }
    }

    /// What a form that was submitted has become.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) async fn state_of(
        &self,
        flow: &Flow,
        metadata: &FormMetadata,
    ) -> Result<FormState, NotReadable> {
        if !depends_on_code(flow) {
            return Ok(FormState::default());
        }
        let form = metadata
            .run
            .and_then(|id| self.forms.find(id))
            .ok_or(NotReadable::Forgotten)?;
        match tokio::time::timeout(SUBMIT_WAITS, form.turn.lock()).await {
            Ok(_) => Ok(form.state()),
            Err(_) => Err(NotReadable::Changing),
        }
    }

    /// A menu asks for its options.
    pub(super) fn suggest(&self, suggest: &Suggest) -> Value {
        let known = suggest
            .view
            .as_ref()
            .and_then(|view| FormMetadata::decode(&view.private_metadata))
            .and_then(|metadata| self.forms.find(metadata.run?));
        let Some(form) = known else {
            return modal::too_old_to_suggest();
        };
        let state = form.state();
        let questions = question::questions_of(&form.flow, &state);
        let choices = questions
            .iter()
            .find(|question| question.id == suggest.action_id)
            .and_then(|question| question.choices.as_deref())
            .unwrap_or_default();
        modal::suggestions(choices, &suggest.typed)
    }

    /// An input of a form was filled in: where it has an `on_change` function, the form follows.
    pub(super) fn field_changed(self: &Arc<Self>, press: Press) {
        let Some(view) = press.view.clone() else {
            return;
        };
        let Some(id) =
            FormMetadata::decode(&view.private_metadata).and_then(|metadata| metadata.run)
        else {
            return;
        };
        let Some(form) = self.forms.find(id) else {
            tracing::info!(form = %id, "a form that is not known any more was changed; it is refused when it is submitted");
            return;
        };
        let engine = self.clone();
        self.tasks.spawn(async move {
            let mut turn = form.turn.lock().await;
            engine.change(&form, &press, &view, &mut turn).await;
        });
    }

    async fn change(
        self: &Arc<Self>,
        form: &OpenForm,
        press: &Press,
        view: &ViewInfo,
        hash: &mut Option<String>,
    ) {
        let before = form.state();
        let questions = question::questions_of(&form.flow, &before);
        let changed = questions
            .iter()
            .find(|question| question.id == press.action_id)
            .and_then(|question| {
                form.flow
                    .prompt_fields
                    .iter()
                    .find(|field| field.name == question.name)
            });
        let Some(field) = changed.filter(|field| field.on_change.is_some()) else {
            return;
        };
        let person = match self.who(&press.user).await {
            Ok(person) => person,
            Err(words) => {
                tracing::warn!(words, "the form of somebody unknown was changed");
                return;
            }
        };
        let given = self.form_input(form, &before, &questions, view).await;
        let after = match self
            .ask_on_change(form, field, &person, given.clone())
            .await
        {
            Ok(answer) => apply(&before, &questions, &given, answer),
            Err(failure) => Err(failure),
        };
        let after = match after {
            Ok(after) => after,
            Err(failure) => {
                let code = self.form_failed(form, &person, &failure).await;
                let why = match failure.kind {
                    FailureKind::Unreachable => ", because Slack did not answer",
                    _ => "",
                };
                FormState {
                    note: Some(format!(
                        "⚠️ The form could not be updated after the last change{why} (code {code}). You can go on, or close it and try again."
                    )),
                    ..before.clone()
                }
            }
        };
        *lock(&form.state) = after.clone();
        if !looks_different(&before, &after) {
            return;
        }
        let drawn = self.draw(&form.flow, &form.person_name, &form.metadata, &after);
        let known = hash.clone().or_else(|| view.hash.clone());
        let api = &self.outside.api;
        let mut updated = api
            .views_update(
                ViewTarget {
                    view: ViewId::Slack(&view.id),
                    hash: known.as_deref(),
                },
                &drawn,
            )
            .await;
        if updated
            .as_ref()
            .is_err_and(|error| error.code() == Some("hash_conflict"))
        {
            // An answer of ours was lost: what we know is newer than what is shown all the same, as changes take turns.
            updated = api
                .views_update(
                    ViewTarget {
                        view: ViewId::Slack(&view.id),
                        hash: None,
                    },
                    &drawn,
                )
                .await;
        }
        match updated {
            Ok(shown) => *hash = shown.hash,
            // Closed or submitted meanwhile.
            Err(error) if error.code() == Some("not_found") => {}
            Err(error) => {
                tracing::error!(%error, flow = form.flow.name, "a form could not be updated after a change");
                *lock(&form.state) = before;
            }
        }
    }

    async fn ask_on_change(
        self: &Arc<Self>,
        form: &OpenForm,
        field: &PromptField,
        person: &Person,
        given: FormInput,
    ) -> Result<FormAnswer, HandlerFailure> {
        let Some(code) = &field.on_change else {
            return Err(HandlerFailure::new(
                FailureKind::Unavailable,
                "the field has no on_change".to_owned(),
            ));
        };
        let handler = on_change_function(&field.name);
        let asking = Asking {
            flow: &form.flow,
            code,
            run: None,
            deadline: ON_CHANGE_DEADLINE.min(self.outside.handler_timeout),
        };
        let mut input = self.prompt_input(&form.flow, person, &form.metadata);
        input.arguments = Some(Arguments::Form { form: given });
        let answer = self
            .call_handlers(asking, vec![handler.clone()], input)
            .await?;
        answer.form.ok_or_else(|| HandlerFailure {
            handler: Some(handler),
            file: code.file.clone(),
            ..HandlerFailure::new(
                FailureKind::WrongResult,
                "the function is not defined".to_owned(),
            )
        })
    }

    /// The form as `on_change` functions see it.
    async fn form_input(
        &self,
        form: &OpenForm,
        state: &FormState,
        questions: &[Question<'_>],
        view: &ViewInfo,
    ) -> FormInput {
        let original = question::questions_of(&form.flow, &originals(&form.flow, state));
        let mut fields = Vec::with_capacity(questions.len());
        for question in questions {
            let value = match form::entered(question, &view.state_values) {
                Some(value) => self.form_value(value).await,
                None => Value::Null,
            };
            let field_type = question.topic.field_type();
            let options = |question: &Question<'_>| -> Vec<OptionInput> {
                let choices = question.choices.as_deref().unwrap_or_default();
                choices
                    .iter()
                    .map(|choice| OptionInput {
                        value: typed(field_type, &choice.value),
                        label: text::cut(&choice.text, OPTION_LABEL_CHARS),
                    })
                    .collect()
            };
            fields.push(FormFieldInput {
                name: question.name.to_owned(),
                field_type: field_type.as_str().to_owned(),
                value,
                label: Some(question.label.clone()),
                required: question.required,
                visible: question.visible,
                current_allowed_values: options(question),
                original_allowed_values: original
                    .iter()
                    .find(|one| one.name == question.name)
                    .map(options)
                    .unwrap_or_default(),
            });
        }
        FormInput {
            fields,
            additional_header_text: state
                .header
                .clone()
                .or_else(|| form.flow.params.additional_header_text.clone()),
        }
    }

    async fn form_value(&self, value: FieldValue) -> Value {
        match value {
            FieldValue::SlackUser(user) => self.selection(&user.slack_id).await,
            FieldValue::SlackUserList(users) => {
                let mut all = Vec::with_capacity(users.len());
                for user in users {
                    all.push(self.selection(&user.slack_id).await);
                }
                Value::Array(all)
            }
            other => plain_value(&other),
        }
    }

    /// `SlackUserSelection`; without a name where Slack does not say.
    async fn selection(&self, slack_id: &str) -> Value {
        let known = self.outside.directory.person_by_slack_id(slack_id).await;
        let username = match known {
            Ok(person) => person.and_then(|person| person.email),
            Err(error) => {
                tracing::warn!(%error, user = slack_id, "a picked person could not be looked up");
                None
            }
        };
        json!({ "$slack_user": { "user_id": slack_id, "username": username } })
    }
}
