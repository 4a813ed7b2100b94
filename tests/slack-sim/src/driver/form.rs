//! A dialog before a person: fields by their labels, filled and submitted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::person::{Person, Typed};
use super::{DriverError, SlackSim};
use crate::blocks::{self, Placed};
use crate::interact::{Place, Submitted, Via};
use crate::render;
use crate::world::{View, World};

/// What a successful submission did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Closed,
    Cleared,
    Updated,
    Pushed,
}

/// A dialog.
#[derive(Clone)]
pub struct Form {
    slack: SlackSim,
    user: String,
    view: String,
    pub opened_at: Instant,
}

/// Entries that are made one after the other when the form is submitted or [`Filling::apply`] is called.
#[must_use = "nothing is entered before `submit` or `apply`"]
pub struct Filling {
    form: Form,
    steps: Vec<Step>,
}

enum Step {
    Fill { label: String, text: String },
    Pick { label: String, option: String },
    Unpick { label: String, option: String },
    Clear { label: String },
}

/// The interactive element with this label: an input's label, a section's text, a button's text, a placeholder, or an id.
pub(super) fn field<'a>(all: &'a [Value], label: &str) -> Option<Placed<'a>> {
    let placed = blocks::elements(all);
    let by = |fits: &dyn Fn(&Placed<'_>) -> bool| placed.iter().find(|p| fits(p)).copied();
    by(&|p| p.in_input_block() && render::plain(&p.block["label"]) == label)
        .or_else(|| by(&|p| render::plain(&p.element["text"]) == label))
        .or_else(|| {
            by(
                &|p| {
                    p.block["type"] == "section" && render::plain(&p.block["text"]).contains(label)
                },
            )
        })
        .or_else(|| by(&|p| render::plain(&p.element["placeholder"]) == label))
        .or_else(|| by(&|p| p.action_id() == label || p.block_id() == label))
}

/// The state of a text-like element that holds `text`.
pub(super) fn filled(kind: &str, text: &str) -> Value {
    match kind {
        "rich_text_input" => json!({"rich_text_value": blocks::rich_text(text)}),
        "datepicker" => json!({"selected_date": text}),
        "timepicker" => json!({"selected_time": text}),
        "datetimepicker" => json!({"selected_date_time": text.parse::<i64>().ok()}),
        _ => json!({"value": text}),
    }
}

impl Form {
    pub(super) fn new(slack: SlackSim, user: String, view: String, opened_at: Instant) -> Form {
        Form {
            slack,
            user,
            view,
            opened_at,
        }
    }

    pub fn view_id(&self) -> &str {
        &self.view
    }

    fn look<R>(&self, look: impl FnOnce(&World, &View) -> R) -> Option<R> {
        self.slack
            .workspace()
            .with(|w| w.view(&self.view).map(|v| look(w, v)))
    }

    async fn expects<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&World, &View) -> Option<T>,
    ) -> Result<T, DriverError> {
        let keys = [self.user.clone()];
        self.slack
            .wait_for(&keys, what, |w| w.view(&self.view).and_then(|v| find(w, v)))
            .await
    }

    pub fn is_open(&self) -> bool {
        self.look(|_, _| ()).is_some()
    }

    pub fn title(&self) -> String {
        self.look(|_, v| render::plain(&v.title))
            .unwrap_or_default()
    }

    /// All it shows.
    pub fn text(&self) -> String {
        self.look(render::view).unwrap_or_default()
    }

    /// The view as it is now.
    pub fn current(&self) -> Option<View> {
        self.look(|_, v| v.clone())
    }

    /// Labels of its input blocks, in order.
    pub fn labels(&self) -> Vec<String> {
        self.look(|_, v| {
            v.blocks
                .iter()
                .filter(|b| b["type"] == "input")
                .map(|b| render::plain(&b["label"]))
                .collect()
        })
        .unwrap_or_default()
    }

    /// Errors at fields: label → text.
    pub fn errors(&self) -> BTreeMap<String, String> {
        self.look(|_, v| {
            v.errors
                .iter()
                .map(|(block, text)| (label_of(v, block), text.clone()))
                .collect()
        })
        .unwrap_or_default()
    }

    /// Texts of a menu's options; waits for the field.
    pub async fn options(&self, label: &str) -> Result<Vec<String>, DriverError> {
        self.expects(&format!("a field \"{label}\""), |_, v| {
            let placed = field(&v.blocks, label)?;
            Some(
                blocks::options(placed.element)
                    .into_iter()
                    .map(|o| render::plain(&o["text"]))
                    .collect(),
            )
        })
        .await
    }

    /// What a field holds, in the shape of `state.values`; waits for the field.
    pub async fn value(&self, label: &str) -> Result<Value, DriverError> {
        self.expects(&format!("a field \"{label}\""), |_, v| {
            let placed = field(&v.blocks, label)?;
            v.state
                .get(placed.block_id())?
                .get(placed.action_id())
                .cloned()
        })
        .await
    }

    /// Waits until it says `text`, in any letter case.
    pub async fn expects_text(&self, text: &str) -> Result<(), DriverError> {
        let lower = text.to_lowercase();
        let what = format!("the dialog to say \"{text}\"");
        self.expects(&what, |w, v| {
            render::view(w, v)
                .to_lowercase()
                .contains(&lower)
                .then_some(())
        })
        .await
    }

    /// Waits until it has a field of this label.
    pub async fn expects_field(&self, label: &str) -> Result<(), DriverError> {
        self.expects(&format!("a field \"{label}\""), |_, v| {
            field(&v.blocks, label).map(|_| ())
        })
        .await
    }

    /// Waits until a field shows this error.
    pub async fn expects_error(&self, label: &str, text: &str) -> Result<(), DriverError> {
        let what = format!("an error \"{text}\" at \"{label}\"");
        self.expects(&what, |_, v| {
            v.errors
                .iter()
                .any(|(block, error)| label_of(v, block) == label && error.contains(text))
                .then_some(())
        })
        .await
    }

    /// Waits until it is closed.
    pub async fn expects_closed(&self) -> Result<(), DriverError> {
        let keys = [self.user.clone()];
        self.slack
            .wait_for(&keys, "the dialog to close", |w| {
                w.view(&self.view).is_none().then_some(())
            })
            .await
    }

    pub fn fill(&self, label: &str, text: &str) -> Filling {
        self.begin().fill(label, text)
    }

    pub fn pick(&self, label: &str, option: &str) -> Filling {
        self.begin().pick(label, option)
    }

    pub fn clear(&self, label: &str) -> Filling {
        self.begin().clear(label)
    }

    fn begin(&self) -> Filling {
        Filling {
            form: self.clone(),
            steps: Vec::new(),
        }
    }

    /// Submits; field errors, the app's or Slack's own, are a failure.
    pub async fn submit(&self) -> Result<Outcome, DriverError> {
        match self.press_submit().await? {
            Submitted::Closed => Ok(Outcome::Closed),
            Submitted::Cleared => Ok(Outcome::Cleared),
            Submitted::Updated => Ok(Outcome::Updated),
            Submitted::Pushed => Ok(Outcome::Pushed),
            Submitted::Incomplete(errors) => Err(self.refused("Slack refuses it", &errors)),
            Submitted::Errors(errors) => Err(self.refused("the app refuses it", &errors)),
        }
    }

    /// Submits what the app refuses: label → text. Acceptance is a failure, and so is a refusal by Slack's client.
    pub async fn submit_refused(&self) -> Result<BTreeMap<String, String>, DriverError> {
        match self.press_submit().await? {
            Submitted::Errors(_) => Ok(self.errors()),
            Submitted::Incomplete(errors) => {
                Err(self.refused("Slack refuses it before the app sees it", &errors))
            }
            other => Err(self.slack.failure(
                &format!("the submission to be refused, not {other:?}"),
                &self.keys(),
            )),
        }
    }

    /// Submits what Slack's client does not send: label → text.
    pub async fn submit_incomplete(&self) -> Result<BTreeMap<String, String>, DriverError> {
        match self.press_submit().await? {
            Submitted::Incomplete(_) => Ok(self.errors()),
            other => Err(self.slack.failure(
                &format!("Slack to hold the form back, not {other:?}"),
                &self.keys(),
            )),
        }
    }

    async fn press_submit(&self) -> Result<Submitted, DriverError> {
        let ready = |_: &World, v: &View| (v.submit.is_object() && !v.loading).then_some(());
        self.expects("a dialog with a submit button", ready).await?;
        self.slack
            .workspace()
            .submit(&self.user, &self.view)
            .await
            .map_err(|e| {
                self.slack.failure(
                    &format!("the submission to succeed, but Slack says: {e}"),
                    &self.keys(),
                )
            })
    }

    fn refused(&self, why: &str, errors: &BTreeMap<String, String>) -> DriverError {
        let list: Vec<String> = errors
            .iter()
            .map(|(block, text)| {
                format!(
                    "{}: {text}",
                    self.look(|_, v| label_of(v, block)).unwrap_or_default()
                )
            })
            .collect();
        self.slack.failure(
            &format!(
                "the submission to be accepted, but {why}: {}",
                list.join("; ")
            ),
            &self.keys(),
        )
    }

    fn keys(&self) -> [String; 1] {
        [self.user.clone()]
    }

    /// Presses a button inside the dialog, by its text, and waits for the ack.
    pub async fn press(&self, button: &str) -> Result<Typed, DriverError> {
        let at = self.slack.workspace().clock().instant();
        let (block, action) = self.place(button).await?;
        let pending = self
            .slack
            .workspace()
            .view_button(&self.user, &self.view, (&block, &action))
            .map_err(|e| {
                self.slack.failure(
                    &format!("to press \"{button}\", but Slack says: {e}"),
                    &self.keys(),
                )
            })?;
        pending.answered().await.map_err(|e| {
            self.slack.failure(
                &format!("an ack of \"{button}\", but Slack says: {e}"),
                &self.keys(),
            )
        })?;
        Ok(Typed::new(
            Person::new(self.slack.clone(), self.user.clone()),
            at,
        ))
    }

    async fn place(&self, label: &str) -> Result<(String, String), DriverError> {
        self.expects(&format!("a field or button \"{label}\""), |_, v| {
            field(&v.blocks, label).map(|p| (p.block_id().to_owned(), p.action_id().to_owned()))
        })
        .await
    }

    /// Types into an external menu: what it offers.
    pub async fn suggestions(&self, label: &str, query: &str) -> Result<Vec<String>, DriverError> {
        Ok(self
            .suggested(label, query)
            .await?
            .iter()
            .map(|o| render::plain(&o["text"]))
            .collect())
    }

    async fn suggested(&self, label: &str, query: &str) -> Result<Vec<Value>, DriverError> {
        let (block, action) = self.place(label).await?;
        let place = Place::View {
            view_id: &self.view,
        };
        let answer = self
            .slack
            .workspace()
            .suggest(&self.user, place, (&block, &action), query)
            .await
            .map_err(|e| {
                self.slack.failure(
                    &format!("options for \"{query}\" at \"{label}\": {e}"),
                    &self.keys(),
                )
            })?;
        Ok(blocks::options(&answer).into_iter().cloned().collect())
    }

    /// Closes it as its Cancel button does.
    pub fn close(&self) -> Result<(), DriverError> {
        self.close_as(false)
    }

    /// Closes it and everything below.
    pub fn close_all(&self) -> Result<(), DriverError> {
        self.close_as(true)
    }

    fn close_as(&self, clear: bool) -> Result<(), DriverError> {
        self.slack
            .workspace()
            .close(&self.user, &self.view, clear)
            .map_err(|e| {
                self.slack.failure(
                    &format!("the dialog to close, but Slack says: {e}"),
                    &self.keys(),
                )
            })
    }

    async fn carry_out(&self, step: &Step) -> Result<(), DriverError> {
        let label = match step {
            Step::Fill { label, .. }
            | Step::Pick { label, .. }
            | Step::Unpick { label, .. }
            | Step::Clear { label } => label,
        };
        let (block, action) = self.place(label).await?;
        let (element, state) = self
            .look(|_, v| {
                let placed = blocks::find(&v.blocks, &block, &action)?;
                let state = v
                    .state
                    .get(&block)
                    .and_then(|b| b.get(&action))
                    .cloned()
                    .unwrap_or(Value::Null);
                Some((placed.element.clone(), state))
            })
            .flatten()
            .ok_or_else(|| {
                self.slack
                    .failure(&format!("the field \"{label}\" to stay"), &self.keys())
            })?;
        let kind = element["type"].as_str().unwrap_or_default().to_owned();
        let (value, via) = match step {
            Step::Fill { text, .. } => (filled(&kind, text), Via::Enter),
            Step::Clear { .. } => {
                let bare = json!({"type": kind});
                (
                    blocks::initial_state(&bare, None).unwrap_or(Value::Null),
                    Via::Enter,
                )
            }
            Step::Pick { option, .. } => (
                self.picked(label, &element, &state, option).await?,
                Via::Change,
            ),
            Step::Unpick { option, .. } => (self.unpicked(&kind, &state, option), Via::Change),
        };
        let ids = (block.as_str(), action.as_str());
        let failed = |e: crate::interact::PersonError| {
            self.slack.failure(
                &format!("to fill in \"{label}\", but Slack says: {e}"),
                &self.keys(),
            )
        };
        let pending = self
            .slack
            .workspace()
            .input(&self.user, &self.view, ids, &value, via)
            .map_err(failed)?;
        pending.answered().await.map_err(failed)
    }

    /// The state with `option` chosen, added to what was chosen where several can be.
    async fn picked(
        &self,
        label: &str,
        element: &Value,
        state: &Value,
        option: &str,
    ) -> Result<Value, DriverError> {
        let kind = element["type"].as_str().unwrap_or_default();
        let Some(key) =
            blocks::state_key(kind).or((kind == "overflow").then_some("selected_option"))
        else {
            return Err(self.slack.failure(
                &format!("\"{label}\" to be something to choose from"),
                &self.keys(),
            ));
        };
        let chosen = if kind.contains("users_select") {
            self.slack
                .workspace()
                .with(|w| w.person_named(option).map(|p| json!(p.id)))
        } else if kind.contains("conversations_select") || kind.contains("channels_select") {
            self.slack.channel_id(option).map(Value::String)
        } else if kind.ends_with("external_select") {
            let offered = self.suggested(label, option).await?;
            offered
                .into_iter()
                .find(|o| render::plain(&o["text"]) == option)
        } else {
            let all = blocks::options(element).into_iter();
            all.clone()
                .find(|o| render::plain(&o["text"]) == option)
                .or_else(|| all.clone().find(|o| o["value"] == option))
                .cloned()
                .map(blocks::completed_text)
        };
        let Some(chosen) = chosen else {
            return Err(self.slack.failure(
                &format!("an option \"{option}\" at \"{label}\""),
                &self.keys(),
            ));
        };
        if !(kind.starts_with("multi_") || kind == "checkboxes") {
            return Ok(json!({key: chosen}));
        }
        let mut all = state[key].as_array().cloned().unwrap_or_default();
        if !all.contains(&chosen) {
            all.push(chosen);
        }
        Ok(json!({key: all}))
    }

    fn unpicked(&self, kind: &str, state: &Value, option: &str) -> Value {
        let Some(key) = blocks::state_key(kind) else {
            return Value::Null;
        };
        let id = self
            .slack
            .workspace()
            .with(|w| w.person_named(option).map(|p| json!(p.id)));
        let id = id.or_else(|| self.slack.channel_id(option).map(Value::String));
        let stays = |v: &&Value| render::plain(&v["text"]) != option && Some(*v) != id.as_ref();
        match &state[key] {
            Value::Array(all) => json!({key: all.iter().filter(stays).collect::<Vec<_>>()}),
            _ => json!({key: null}),
        }
    }
}

impl Filling {
    /// Types into a text, number, date or time field; telling the app on Enter where the field does that.
    pub fn fill(mut self, label: &str, text: &str) -> Filling {
        self.steps.push(Step::Fill {
            label: label.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Chooses an option, a person or a channel by name; adds it where several can be chosen.
    pub fn pick(mut self, label: &str, option: &str) -> Filling {
        self.steps.push(Step::Pick {
            label: label.to_owned(),
            option: option.to_owned(),
        });
        self
    }

    pub fn unpick(mut self, label: &str, option: &str) -> Filling {
        self.steps.push(Step::Unpick {
            label: label.to_owned(),
            option: option.to_owned(),
        });
        self
    }

    pub fn clear(mut self, label: &str) -> Filling {
        self.steps.push(Step::Clear {
            label: label.to_owned(),
        });
        self
    }

    /// Makes the entries and does not submit.
    pub async fn apply(self) -> Result<Form, DriverError> {
        for step in &self.steps {
            self.form.carry_out(step).await?;
        }
        Ok(self.form)
    }

    pub async fn submit(self) -> Result<Outcome, DriverError> {
        self.apply().await?.submit().await
    }

    pub async fn submit_refused(self) -> Result<BTreeMap<String, String>, DriverError> {
        self.apply().await?.submit_refused().await
    }

    pub async fn submit_incomplete(self) -> Result<BTreeMap<String, String>, DriverError> {
        self.apply().await?.submit_incomplete().await
    }
}

fn label_of(view: &View, block_id: &str) -> String {
    view.blocks
        .iter()
        .find(|b| b["block_id"] == block_id)
        .map_or_else(|| block_id.to_owned(), |b| render::plain(&b["label"]))
}
