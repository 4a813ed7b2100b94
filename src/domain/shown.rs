//! What people are shown of a submitted form: its fields with target and duration among them, where the form had them.

use serde::{Deserialize, Serialize};

use super::field::SubmittedField;
use super::run::Run;

/// How the form asked for what an access flow has besides its fields; what it did not ask is shown with words of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessQuestions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<AccessQuestion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<AccessQuestion>,
}

impl AccessQuestions {
    /// Whether nothing is known, as for requests without access.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One question for target or duration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessQuestion {
    pub label: String,
    /// False for one that the form did not show.
    pub visible: bool,
    /// How many submitted values come before it, the other one of these two included.
    pub position: usize,
}

/// One line of what was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub label: &'a str,
    pub visible: bool,
    pub what: What<'a>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    Field(&'a SubmittedField),
    /// What the target is called.
    Target(&'a str),
    /// Seconds.
    Duration(u64),
}

impl Run {
    /// What was asked for, in the order of the form, hidden values included.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown<'_>> {
        let mut lines: Vec<Shown<'_>> = self.fields.iter().map(of_field).collect();
        let asked = &self.access_questions;
        let target = self.target.as_ref().map(|target| {
            let called = What::Target(called(&target.label, &target.name));
            placed(asked.target.as_ref(), "Target", 0, called)
        });
        let duration = self.duration_seconds.map(|seconds| {
            let last = usize::MAX;
            placed(
                asked.duration.as_ref(),
                "Duration",
                last,
                What::Duration(seconds),
            )
        });
        let mut access: Vec<(usize, Shown<'_>)> = target.into_iter().chain(duration).collect();
        access.sort_by_key(|(position, _)| *position);
        for (position, line) in access {
            lines.insert(position.min(lines.len()), line);
        }
        lines
    }
}

/// By its label, if it has one.
fn called<'a>(label: &'a str, name: &'a str) -> &'a str {
    if label.trim().is_empty() { name } else { label }
}

fn of_field(field: &SubmittedField) -> Shown<'_> {
    Shown {
        label: called(&field.label, &field.name),
        visible: field.visible,
        what: What::Field(field),
    }
}

fn placed<'a>(
    asked: Option<&'a AccessQuestion>,
    label: &'a str,
    position: usize,
    what: What<'a>,
) -> (usize, Shown<'a>) {
    let line = Shown {
        label: asked.map_or(label, |asked| &asked.label),
        visible: asked.is_none_or(|asked| asked.visible),
        what,
    };
    (asked.map_or(position, |asked| asked.position), line)
}
