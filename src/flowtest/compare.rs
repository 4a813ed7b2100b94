//! Holds what came out against what was expected.

use std::collections::BTreeMap;

use serde_json::Value;

use super::report::Difference;
use super::suite::{
    At, AudienceExpected, MessageExpected, NotificationExpected, Outcome, OutcomeExpected,
    PermissionsExpected,
};
use super::tree::{Key, Place};
use crate::domain::permission::{Audience, Level, Permissions};
use crate::domain::person::Person;
use crate::domain::routing::{Destination, Notification};
use crate::policy::types::HookOutcome;

/// Differences of one case.
pub(super) struct Compared<'a> {
    pub file: &'a str,
    pub people: &'a BTreeMap<String, Person>,
    pub differences: Vec<Difference>,
    /// What is before the names of what is looked at, such as `then[0].`.
    pub prefix: String,
}

impl Compared<'_> {
    pub(super) fn differ(
        &mut self,
        place: Place,
        what: impl AsRef<str>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) {
        self.differences.push(Difference {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            what: format!("{}{}", self.prefix, what.as_ref()),
            expected: expected.into(),
            got: got.into(),
        });
    }

    pub(super) fn permissions(&mut self, expected: &PermissionsExpected, got: &Permissions) {
        for (what, expected, got) in [
            (
                "permissions.webapp_view",
                &expected.webapp_view,
                &got.webapp_view,
            ),
            (
                "permissions.approve_deny",
                &expected.approve_deny,
                &got.approve_deny,
            ),
        ] {
            if let Some(expected) = expected {
                let (wanted, came) = (expected_audience(&expected.value), self.audience(got));
                if wanted != came {
                    self.differ(expected.place, what, wanted, came);
                }
            }
        }
        if let Some(expected) = &expected.allow_self_approval
            && expected.value != got.allow_self_approval
        {
            self.differ(
                expected.place,
                "permissions.allow_self_approval",
                expected.value.to_string(),
                got.allow_self_approval.to_string(),
            );
        }
    }

    fn audience(&self, audience: &Audience) -> String {
        match audience {
            Audience::Level(level) => level_word(*level).to_owned(),
            Audience::People(ids) => {
                let mut names: Vec<String> = ids
                    .iter()
                    .map(|id| {
                        let known = self.people.iter().find(|(_, person)| person.id == *id);
                        known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
                    })
                    .collect();
                names.sort();
                names.dedup();
                names.join(", ")
            }
        }
    }

    pub(super) fn names(&mut self, what: &str, expected: &At<Vec<String>>, got: Vec<String>) {
        let mut wanted = expected.value.clone();
        wanted.sort();
        wanted.dedup();
        if wanted != got {
            self.differ(expected.place, what, shown(&wanted), shown(&got));
        }
    }

    pub(super) fn notifications(
        &mut self,
        expected: &At<Vec<At<NotificationExpected>>>,
        got: &[Notification],
    ) {
        if expected.value.len() != got.len() {
            let list = got
                .iter()
                .map(|one| self.notification(one))
                .collect::<Vec<_>>();
            self.differ(
                expected.place,
                "notifications",
                format!("{} of them", expected.value.len()),
                match list.as_slice() {
                    [] => "none".to_owned(),
                    _ => format!("{}: {}", list.len(), list.join("; ")),
                },
            );
        }
        for (index, (expected, got)) in expected.value.iter().zip(got).enumerate() {
            let what = format!("notifications[{index}]");
            let fits = expected.value.to.value.len() == got.destinations.len()
                && expected
                    .value
                    .to
                    .value
                    .iter()
                    .zip(&got.destinations)
                    .all(|(names, destination)| self.is_destination(&names.value, destination));
            if !fits {
                let wanted: Vec<String> = expected
                    .value
                    .to
                    .value
                    .iter()
                    .map(|names| group(&names.value))
                    .collect();
                let came: Vec<String> = got
                    .destinations
                    .iter()
                    .map(|one| self.destination(one))
                    .collect();
                self.differ(
                    expected.value.to.place,
                    format!("{what}.to"),
                    shown(&wanted),
                    shown(&came),
                );
            }
            let timeout = &expected.value.timeout;
            if timeout.value != got.timeout_seconds {
                self.differ(
                    timeout.place,
                    format!("{what}.timeout"),
                    seconds(timeout.value),
                    seconds(got.timeout_seconds),
                );
            }
        }
    }

    fn notification(&self, notification: &Notification) -> String {
        let to: Vec<String> = notification
            .destinations
            .iter()
            .map(|one| self.destination(one))
            .collect();
        match notification.timeout_seconds {
            Some(_) => format!(
                "{} ({})",
                to.join(", "),
                seconds(notification.timeout_seconds)
            ),
            None => to.join(", "),
        }
    }

    fn slack_name(&self, slack_id: &str) -> String {
        let known = self
            .people
            .iter()
            .find(|(_, person)| person.slack_id.as_deref() == Some(slack_id));
        known.map_or_else(|| slack_id.to_owned(), |(name, _)| name.clone())
    }

    /// A destination in the words of the file.
    fn destination(&self, destination: &Destination) -> String {
        match destination {
            Destination::ChannelId { id } => id.clone(),
            Destination::ChannelName { name } => format!("#{}", name.trim_start_matches('#')),
            Destination::SlackUser { slack_id } => self.slack_name(slack_id),
            Destination::SlackGroup { slack_ids } => {
                let names: Vec<String> = slack_ids.iter().map(|id| self.slack_name(id)).collect();
                group(&names)
            }
            Destination::User { id, email, .. } => {
                let known = self
                    .people
                    .iter()
                    .find(|(_, person)| person.id.to_string() == *id);
                match (known, email) {
                    (Some((name, _)), _) => name.clone(),
                    (None, Some(email)) => email.clone(),
                    (None, None) => id.clone(),
                }
            }
            Destination::Nowhere { .. } => NOWHERE.to_owned(),
        }
    }

    fn is_destination(&self, names: &[String], destination: &Destination) -> bool {
        let slack_id = |name: &String| match self.people.get(name) {
            Some(person) => person.slack_id.clone().unwrap_or_default(),
            None => name.clone(),
        };
        if let Destination::SlackGroup { slack_ids } = destination {
            return names.len() > 1 && names.iter().map(slack_id).eq(slack_ids.iter().cloned())
                || names.len() == 1 && slack_ids.len() == 1 && slack_id(&names[0]) == slack_ids[0];
        }
        let [name] = names else {
            return false;
        };
        match destination {
            Destination::ChannelId { id } => id == name,
            Destination::ChannelName { name: channel } => {
                name.strip_prefix('#') == Some(channel.trim_start_matches('#'))
            }
            Destination::SlackUser { slack_id: id } => slack_id(name) == *id,
            Destination::User { id, email, .. } => match self.people.get(name) {
                Some(person) => person.id.to_string() == *id,
                None => id == name || email.as_ref() == Some(name),
            },
            Destination::SlackGroup { .. } => false,
            Destination::Nowhere { .. } => name == NOWHERE,
        }
    }

    pub(super) fn outcome(
        &mut self,
        hook: &Key,
        expected: &OutcomeExpected,
        got: Option<&HookOutcome>,
    ) {
        let fits = match (&expected.outcome, got) {
            (Outcome::Absent, None) | (Outcome::Proceed, Some(HookOutcome::Proceed)) => true,
            (Outcome::Ignore(wanted), Some(HookOutcome::Ignore { message })) => {
                wanted.is_none() || wanted == message
            }
            (
                Outcome::Fire(event, fields),
                Some(HookOutcome::Fire {
                    event: fired,
                    fields: came,
                    ..
                }),
            ) => {
                event == fired
                    && fields
                        .iter()
                        .all(|(key, value)| came.get(key) == Some(value))
            }
            _ => false,
        };
        if !fits {
            self.differ(
                expected.place,
                format!("hooks.{}", hook.text),
                expected_outcome(&expected.outcome),
                got.map_or_else(|| "there is no such hook".to_owned(), outcome),
            );
        }
    }

    pub(super) fn prints(&mut self, expected: &At<String>, printed: &str) {
        if !printed.contains(&expected.value) {
            self.differ(
                expected.place,
                "prints",
                &expected.value,
                or_nothing(printed),
            );
        }
    }

    pub(super) fn messages(
        &mut self,
        expected: &At<Vec<At<MessageExpected>>>,
        got: &[(Option<Destination>, String)],
    ) {
        let to = |this: &Self, destination: &Option<Destination>| match destination {
            Some(destination) => this.destination(destination),
            None => THREAD.to_owned(),
        };
        if expected.value.len() != got.len() {
            let list: Vec<String> = got
                .iter()
                .map(|(destination, text)| format!("{}: {text:?}", to(self, destination)))
                .collect();
            self.differ(
                expected.place,
                "messages",
                format!("{} of them", expected.value.len()),
                or_nothing(&list.join("; ")),
            );
        }
        for (index, (expected, (destination, text))) in expected.value.iter().zip(got).enumerate() {
            if let Some(wanted) = &expected.value.to {
                let fits = match destination {
                    Some(destination) => self.is_destination(&wanted.value, destination),
                    None => wanted.value == [THREAD],
                };
                if !fits {
                    let came = to(self, destination);
                    self.differ(
                        wanted.place,
                        format!("messages[{index}].to"),
                        group(&wanted.value),
                        came,
                    );
                }
            }
            if let Some(wanted) = &expected.value.text
                && !text.contains(&wanted.value)
            {
                self.differ(
                    wanted.place,
                    format!("messages[{index}].text"),
                    &wanted.value,
                    text.as_str(),
                );
            }
        }
    }
}

/// The destination of `slack.channel(None)`.
const NOWHERE: &str = "(nowhere)";
/// Where `slack.send_thread_message` sends to.
const THREAD: &str = "(thread)";

fn expected_audience(audience: &AudienceExpected) -> String {
    match audience {
        AudienceExpected::Level(level) => level_word(*level).to_owned(),
        AudienceExpected::People(names) => {
            let mut names = names.clone();
            names.sort();
            names.dedup();
            names.join(", ")
        }
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Admin => "admin",
        Level::Member => "member",
        Level::AllUsers => "all_users",
    }
}

fn expected_outcome(expected: &Outcome) -> String {
    match expected {
        Outcome::Absent => "there is no such hook".to_owned(),
        Outcome::Proceed => "proceed".to_owned(),
        Outcome::Ignore(None) => "ignore".to_owned(),
        Outcome::Ignore(Some(message)) => format!("ignore: {message}"),
        Outcome::Fire(event, fields) => {
            fired(event, fields.iter().map(|(key, value)| (key, value)))
        }
    }
}

fn outcome(outcome: &HookOutcome) -> String {
    match outcome {
        HookOutcome::Proceed => "proceed".to_owned(),
        HookOutcome::Ignore { message: None } => "ignore".to_owned(),
        HookOutcome::Ignore {
            message: Some(message),
        } => format!("ignore: {message}"),
        HookOutcome::Fire { event, fields, .. } => fired(event, fields.iter()),
    }
}

fn fired<'a>(event: &str, fields: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    let fields: Vec<String> = fields
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    if fields.is_empty() {
        event.to_owned()
    } else {
        format!("{event} {{{}}}", fields.join(", "))
    }
}

fn group(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        _ => format!("[{}]", names.join(", ")),
    }
}

fn shown(names: &[String]) -> String {
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}

fn seconds(timeout: Option<i64>) -> String {
    timeout.map_or_else(|| "no timeout".to_owned(), |seconds| format!("{seconds} s"))
}

fn or_nothing(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text.to_owned()
    }
}
