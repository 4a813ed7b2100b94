//! Submitting and closing modals: Slack's own checks first, then the app's answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{PersonError, TROUBLE};
use crate::blocks::{self, Placed};
use crate::socket::{Delivered, Envelope};
use crate::validate;
use crate::workspace::Workspace;
use crate::world::{View, ViewSpec};

/// What submitting did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// Slack's client refused before sending: block id → text.
    Incomplete(BTreeMap<String, String>),
    /// The app refused: block id → text.
    Errors(BTreeMap<String, String>),
    /// The view closed; the one below, if any, is visible again.
    Closed,
    /// All views closed.
    Cleared,
    /// The view shows something else now.
    Updated,
    /// Another view is on top of it.
    Pushed,
}

impl Workspace {
    /// Presses a modal's submit button and applies the app's answer.
    pub async fn submit(&self, user: &str, view_id: &str) -> Result<Submitted, PersonError> {
        let view = self.view_before(user, view_id)?;
        if view.kind != "modal" || !view.submit.is_object() {
            return Err(PersonError::new("This dialog has nothing to submit."));
        }
        if view.loading {
            return Err(PersonError::new("This dialog is being submitted."));
        }
        let errors = incomplete(&view);
        let send = errors.is_empty();
        self.with(|w| {
            if let Some(view) = w.view_mut(view_id) {
                view.loading = send;
                view.errors = errors.clone();
            }
        });
        self.ring(user);
        if !send {
            return Ok(Submitted::Incomplete(errors));
        }
        let payload = self.submission_payload(user, &view);
        let kind = Envelope::Interactive {
            accepts_response_payload: true,
        };
        let delivered = self.deliver(kind, "view_submission", &payload, 0).await;
        let result = match delivered {
            Delivered::Acked(answer) => self.apply(user, &view, &answer),
            Delivered::TimedOut | Delivered::Unreachable => Err(PersonError::new(TROUBLE)),
        };
        self.with(|w| {
            if let Some(view) = w.view_mut(view_id) {
                view.loading = false;
            }
        });
        self.ring(user);
        result
    }

    fn apply(&self, user: &str, view: &View, answer: &Value) -> Result<Submitted, PersonError> {
        if answer.is_null() {
            self.with(|w| w.close_view(user, &view.id));
            return Ok(Submitted::Closed);
        }
        let refuse = |detail: String| {
            self.malformed_ack("view_submission", detail);
            Err(PersonError::new(TROUBLE))
        };
        let new_view = || {
            let spec = answer.get("view").cloned().unwrap_or(Value::Null);
            let problems = validate::view(&spec, "modal");
            if problems.is_empty() {
                Ok(ViewSpec(spec))
            } else {
                Err(problems.join("; "))
            }
        };
        match answer["response_action"].as_str() {
            Some("clear") => {
                self.with(|w| w.close_all(user));
                Ok(Submitted::Cleared)
            }
            Some("errors") => self.apply_errors(view, answer),
            Some("update") => match new_view() {
                Ok(spec) => {
                    self.change(|w, clock| w.update_view(&view.id, &spec, clock));
                    Ok(Submitted::Updated)
                }
                Err(problem) => refuse(problem),
            },
            Some("push") => match new_view() {
                Ok(spec) => match self.change(|w, clock| w.push_modal(user, &spec, clock)) {
                    Some(_) => Ok(Submitted::Pushed),
                    None => refuse("push onto a stack of three views".to_owned()),
                },
                Err(problem) => refuse(problem),
            },
            other => refuse(format!("response_action `{}`", other.unwrap_or("(none)"))),
        }
    }

    fn apply_errors(&self, view: &View, answer: &Value) -> Result<Submitted, PersonError> {
        let trouble = |detail: String| {
            self.malformed_ack("view_submission", detail);
            Err(PersonError::new(TROUBLE))
        };
        let Some(given) = answer["errors"].as_object().filter(|e| !e.is_empty()) else {
            return trouble("response_action `errors` without errors".to_owned());
        };
        let mut errors = BTreeMap::new();
        for (block_id, text) in given {
            let Some(text) = text.as_str().filter(|t| !t.is_empty()) else {
                return trouble(format!("the error of block `{block_id}` is not a text"));
            };
            match view
                .blocks
                .iter()
                .find(|b| b["block_id"] == block_id.as_str())
            {
                None => {
                    return trouble(format!(
                        "an error for block `{block_id}`, which the view does not have"
                    ));
                }
                Some(block) if block["type"] != "input" => {
                    return trouble(format!(
                        "an error for block `{block_id}`, which is not an input"
                    ));
                }
                Some(_) => errors.insert(block_id.clone(), text.to_owned()),
            };
        }
        self.with(|w| {
            if let Some(view) = w.view_mut(&view.id) {
                view.errors = errors.clone();
            }
        });
        Ok(Submitted::Errors(errors))
    }

    /// Closes the visible modal (`clear`: all of them) as its Cancel or × does.
    pub fn close(&self, user: &str, view_id: &str, clear: bool) -> Result<(), PersonError> {
        let view = self.view_before(user, view_id)?;
        let clear = clear || view.clear_on_close;
        let closed = self.with(|w| {
            if clear {
                w.close_all(user)
            } else {
                w.close_view(user, view_id).into_iter().collect()
            }
        });
        self.ring(user);
        for view in closed.iter().filter(|v| v.notify_on_close) {
            let payload = self.closed_payload(user, view, clear);
            // Closing is not repeated and has no error to show: whether the ack comes is judged by the socket.
            drop(self.interact_silently("view_closed", payload));
        }
        Ok(())
    }

    fn interact_silently(
        &self,
        about: &'static str,
        payload: Value,
    ) -> tokio::task::JoinHandle<()> {
        let workspace = self.clone();
        tokio::spawn(async move {
            let kind = Envelope::Interactive {
                accepts_response_payload: false,
            };
            let _ = workspace.deliver(kind, about, &payload, 0).await;
        })
    }
}

/// Slack's client checks before sending: block id → what it shows.
fn incomplete(view: &View) -> BTreeMap<String, String> {
    let mut errors = BTreeMap::new();
    for placed in blocks::elements(&view.blocks)
        .into_iter()
        .filter(Placed::in_input_block)
    {
        let state = &view.state[placed.block_id()][placed.action_id()];
        if let Some(error) = field_error(placed, state) {
            errors.insert(placed.block_id().to_owned(), error);
        }
    }
    errors
}

fn field_error(placed: Placed<'_>, state: &Value) -> Option<String> {
    if blocks::is_empty(state) {
        return (placed.block["optional"] != true)
            .then(|| "Please complete this required field.".to_owned());
    }
    let element = placed.element;
    let text = state["value"].as_str().unwrap_or_default();
    match placed.kind() {
        "plain_text_input" => {
            let n = text.chars().count() as u64;
            if let Some(least) = element["min_length"].as_u64().filter(|&least| n < least) {
                return Some(format!("Please enter at least {least} characters."));
            }
            let most = element["max_length"].as_u64().unwrap_or(3_000);
            (n > most).then(|| format!("Please enter at most {most} characters."))
        }
        "number_input" => number_error(element, text),
        "email_text_input" => {
            let sound = text.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty()
                    && host.contains('.')
                    && !host.starts_with('.')
                    && !host.ends_with('.')
            });
            (!sound || text.contains(char::is_whitespace))
                .then(|| "Please enter a valid email address.".to_owned())
        }
        "url_text_input" => url::Url::parse(text)
            .is_err()
            .then(|| "Please enter a valid URL.".to_owned()),
        kind if kind.starts_with("multi_") => {
            let most = element["max_selected_items"].as_u64()?;
            let chosen = state[blocks::state_key(kind)?].as_array()?.len() as u64;
            (chosen > most).then(|| format!("Please select at most {most} items."))
        }
        _ => None,
    }
}

fn number_error(element: &Value, text: &str) -> Option<String> {
    let Ok(number) = text.trim().parse::<f64>() else {
        return Some("Please enter a valid number.".to_owned());
    };
    if element["is_decimal_allowed"] != true && text.contains(['.', ',', 'e', 'E']) {
        return Some("Please enter a whole number.".to_owned());
    }
    let bound = |key: &str| element[key].as_str().and_then(|s| s.parse::<f64>().ok());
    if bound("min_value").is_some_and(|least| number < least) {
        return Some(format!(
            "Please enter a number of at least {}.",
            element["min_value"].as_str()?
        ));
    }
    if bound("max_value").is_some_and(|most| number > most) {
        return Some(format!(
            "Please enter a number of at most {}.",
            element["max_value"].as_str()?
        ));
    }
    None
}
