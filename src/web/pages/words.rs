//! Values in the words of the pages: times, durations, field values, refusals, places. Text only, no markup.

use crate::domain::field::FieldValue;
use crate::domain::permission::{Audience, Level, Refusal, Verdict};
use crate::domain::run::{ChannelType, SourceChannel};
use crate::domain::shown::What;
use crate::domain::time::Timestamp;

/// `2026-03-02 09:05 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `5 minutes ago`; what is less than a minute ago, or ahead because a clock was set back, is `just now`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.unix_seconds().saturating_sub(at.unix_seconds()) / 60;
    match minutes {
        ..=0 => "just now".to_owned(),
        1..60 => format!("{} ago", count(minutes, "minute")),
        60..1440 => format!("{} ago", count(minutes / 60, "hour")),
        _ => format!("{} ago", count(minutes / 1440, "day")),
    }
}

/// `1 hour 30 minutes`.
pub fn duration(seconds: u64) -> String {
    let parts: Vec<String> = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, unit)| count(number, unit))
    .collect();
    if parts.is_empty() {
        "0 seconds".to_owned()
    } else {
        parts.join(" ")
    }
}

/// `1 day`, `2 days`.
pub fn count<N: std::fmt::Display + PartialEq + From<u8>>(number: N, unit: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// A line of what was asked for; one item per element of a list.
pub fn shown(what: What<'_>) -> Vec<String> {
    match what {
        What::Field(field) if field.value_labels.is_empty() => values(&field.value),
        What::Field(field) => field.value_labels.clone(),
        What::Target(called) => vec![called.to_owned()],
        What::Duration(seconds) => vec![duration(seconds)],
    }
}

/// A submitted value; one item per element of a list.
pub fn values(value: &FieldValue) -> Vec<String> {
    match value {
        FieldValue::String(text) => vec![text.clone()],
        FieldValue::Int(number) => vec![number.to_string()],
        FieldValue::Bool(true) => vec!["Yes".to_owned()],
        FieldValue::Bool(false) => vec!["No".to_owned()],
        FieldValue::Duration(seconds) => vec![duration(*seconds)],
        FieldValue::SlackUser(user) => vec![user_name(user)],
        FieldValue::SlackUserList(users) => users.iter().map(user_name).collect(),
        FieldValue::StrList(texts) => texts.clone(),
        FieldValue::IntList(numbers) => numbers.iter().map(ToString::to_string).collect(),
    }
}

fn user_name(user: &crate::domain::field::UserValue) -> String {
    user.name.clone().unwrap_or_else(|| user.slack_id.clone())
}

/// Where a request was made.
pub fn source(source: &SourceChannel) -> String {
    match (source.kind, &source.identifier) {
        (ChannelType::Slack, Some(identifier)) => format!("Slack, {identifier}"),
        (ChannelType::Slack, None) => "Slack".to_owned(),
        (ChannelType::Sym, _) => "Web app".to_owned(),
        (ChannelType::Sdk, _) => "Code of a flow".to_owned(),
        (ChannelType::Internal, _) => "Symbot itself".to_owned(),
    }
}

/// Through what something was done: `by Bob in Slack`.
pub fn via(channel: ChannelType) -> &'static str {
    match channel {
        ChannelType::Slack => "in Slack",
        ChannelType::Sym => "in the web app",
        ChannelType::Sdk => "through the flow's code",
        ChannelType::Internal => "automatically",
    }
}

/// Who is in an audience. Ids of people are not shown: a page is not the place to look them up one by one.
pub fn audience(audience: &Audience) -> String {
    match audience {
        Audience::Level(Level::Admin) => "Admins".to_owned(),
        Audience::Level(Level::Member) => "Members and admins".to_owned(),
        Audience::Level(Level::AllUsers) => "Everyone".to_owned(),
        Audience::People(people) if people.is_empty() => "Admins".to_owned(),
        Audience::People(people) if people.len() == 1 => "1 chosen person, and admins".to_owned(),
        Audience::People(people) => format!("{} chosen people, and admins", people.len()),
    }
}

/// As [`audience`], for a right that the requester has in any case.
pub fn audience_and_requester(who: &Audience) -> String {
    match who {
        Audience::Level(Level::AllUsers) => audience(who),
        _ => format!(
            "{}, and the requester",
            audience(who).replace(", and admins", ", admins")
        ),
    }
}

/// `label: value`, without a colon after a question.
pub fn labelled(label: &str, value: &str) -> String {
    let label = label.trim_end().trim_end_matches(':');
    let colon = if label.ends_with(['?', '!', '.']) {
        ""
    } else {
        ":"
    };
    format!("{label}{colon} {value}")
}

/// Why there is no button.
pub fn refusal(refusal: Refusal, verdict: Verdict) -> String {
    match refusal {
        Refusal::OwnRequest => {
            "This is your own request, and this flow does not let people approve their own."
                .to_owned()
        }
        Refusal::OwnDenial => "You may approve, but not deny, your own request.".to_owned(),
        Refusal::NotPermitted => {
            format!(
                "You are not among those who may {} this request.",
                verdict.verb()
            )
        }
        Refusal::Guest => {
            "You are a guest in this workspace, and this flow does not let guests decide."
                .to_owned()
        }
        Refusal::Inactive => "Your account is deactivated.".to_owned(),
    }
}

/// `approved`, `denied`.
pub fn past(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    }
}

/// At most `limit` characters, on one line, with an ellipsis where something is left out.
pub fn shortened(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let kept: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::field::UserValue;

    #[test]
    fn times_are_told_in_utc_and_in_words() {
        let now = Timestamp(1_772_442_300_000);
        assert_eq!(moment(now), "2026-03-02 09:05 UTC");
        let before = |seconds: i64| ago(Timestamp(now.0 - seconds * 1000), now);
        assert_eq!(before(-3600), "just now");
        assert_eq!(before(59), "just now");
        assert_eq!(before(60), "1 minute ago");
        assert_eq!(before(3599), "59 minutes ago");
        assert_eq!(before(7200), "2 hours ago");
        assert_eq!(before(3 * 86_400), "3 days ago");
        assert_eq!(duration(5400), "1 hour 30 minutes");
        assert_eq!(duration(0), "0 seconds");
        assert_eq!(duration(90_061), "1 day 1 hour 1 minute 1 second");
    }

    #[test]
    fn values_are_told_as_people_entered_them() {
        let user = |name: Option<&str>| UserValue {
            slack_id: "U1".into(),
            name: name.map(Into::into),
        };
        assert_eq!(values(&FieldValue::Bool(true)), ["Yes"]);
        assert_eq!(
            values(&FieldValue::SlackUserList(vec![
                user(Some("Bob")),
                user(None)
            ])),
            ["Bob", "U1"]
        );
        assert_eq!(values(&FieldValue::IntList(vec![1, -2])), ["1", "-2"]);
        assert_eq!(
            values(&FieldValue::StrList(Vec::new())),
            Vec::<String>::new()
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("a\n b", 10), "a b");
        assert_eq!(shortened("ééééé", 5), "ééééé");
        assert_eq!(shortened("éééééé", 5), "éééé…");
    }
}
