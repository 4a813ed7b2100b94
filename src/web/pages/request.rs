//! The page of one request.
//!
//! Who may see the request sees where it went, too: those are colleagues and channels of the same workspace, and whoever
//! waits for an answer wants to know whom to ask. Only the details of an error and the fields that the form did not show
//! are for administrators.

use maud::{Markup, html};

use super::layout::{SignedIn, page};
use super::list::{status, when};
use super::words;
use crate::domain::field::FieldValue;
use crate::domain::permission::Verdict;
use crate::domain::person::Role;
use crate::domain::routing::{Destination, Notification};
use crate::domain::run::{DECISION_MESSAGE_CHARS_MAX, Delivery, RoutedNotification, Run, Status};
use crate::domain::step::IGNORED_CODE;
use crate::domain::time::Timestamp;
use crate::web::backend::RequestPage;
use crate::web::session::Notice;

/// What the page shows besides the request itself.
pub struct Extras<'a> {
    /// Unique for this rendering of the form.
    pub form_key: &'a str,
    pub notice: Option<&'a Notice>,
    pub now: Timestamp,
}

pub fn render(request: &RequestPage, extras: &Extras<'_>, viewer: SignedIn<'_>) -> Markup {
    let run = &request.run;
    let for_admins = viewer.person.role == Role::Admin;
    let content = html! {
        nav.back aria-label="Back" { a href="/requests" { "← Requests" } }
        (notice(extras.notice))
        div.heading {
            h1 { bdi { (run.flow.label) } }
            (status(run.status))
        }
        p.lead {
            bdi { (run.requester.name) } " asked on " (when(run.created_at, extras.now))
        }
        (error(run, for_admins))
        // What is asked stands before the buttons: nobody should have to scroll back in order to know what they approve.
        (asked(run, for_admins))
        (decision(request, extras, viewer))
        (routing(run, extras.now))
        (history(run, extras.now))
        (rules(run))
    };
    let title = format!("{} by {}", run.flow.label, run.requester.name);
    page(&title, Some(viewer), &content)
}

fn notice(notice: Option<&Notice>) -> Markup {
    html! {
        @match notice {
            None => {},
            Some(Notice::Done(text)) => div.notice.done role="status" { p { (text) } },
            Some(Notice::Refused { text, .. }) => div.notice.refused role="alert" {
                p { strong { "Not done. " } (text) }
            },
        }
    }
}

fn error(run: &Run, for_admins: bool) -> Markup {
    html! {
        @if let Some(error) = &run.error {
            div.notice.refused {
                @if error.code == IGNORED_CODE {
                    p { "The flow did not accept this request: " (error.message) }
                } @else {
                    p {
                        "The flow's code failed for this request. Code: " code { (error.code) } "."
                    }
                }
                @if error.code == IGNORED_CODE {
                } @else if for_admins {
                    pre tabindex="0" { (error.message) }
                } @else {
                    p.hint { "An administrator finds the details under this code." }
                }
            }
        }
    }
}

fn decision(request: &RequestPage, extras: &Extras<'_>, viewer: SignedIn<'_>) -> Markup {
    let run = &request.run;
    html! {
        section.card aria-labelledby="decision" {
            h2 #decision { "Decision" }
            @if let Some(decision) = &run.decision {
                p {
                    strong { (capitalised(words::past(decision.verdict))) }
                    " by " bdi { (decision.by.name) } " " (words::via(decision.via))
                    " on " (when(decision.at, extras.now)) "."
                }
                @if let Some(reason) = &decision.reason {
                    p { "Reason: " (reason) }
                }
                @if let Some(message) = &decision.message {
                    h3 { "Decision Message" }
                    blockquote.value dir="auto" { (message) }
                }
                @if run.flow.grants_access && decision.verdict == Verdict::Approve {
                    p.hint { "Access is to be granted by hand." }
                }
            } @else if run.status.is_open() {
                (form(request, extras, viewer))
            } @else {
                (closed_without_decision(run, extras.now))
            }
        }
    }
}

fn closed_without_decision(run: &Run, now: Timestamp) -> Markup {
    html! {
        p {
            @match run.status {
                Status::Expired => "Nobody decided in time; the request has expired",
                Status::Errored => "This request cannot be decided. Its requester may make a new one",
                Status::Requested | Status::Approved | Status::Denied => "This request is closed",
            }
            @if let Some(at) = run.closed_at {
                " on " (when(at, now))
            }
            "."
        }
    }
}

fn form(request: &RequestPage, extras: &Extras<'_>, viewer: SignedIn<'_>) -> Markup {
    let choices = [
        (Verdict::Approve, request.may_approve),
        (Verdict::Deny, request.may_deny),
    ];
    let draft = match extras.notice {
        Some(Notice::Refused { draft, .. }) => draft.as_str(),
        _ => "",
    };
    let mut reasons: Vec<String> = choices
        .iter()
        .filter_map(|(verdict, may)| Some(words::refusal(may.err()?, *verdict)))
        .collect();
    reasons.dedup();
    html! {
        @if choices.iter().any(|(_, may)| may.is_ok()) {
            form method="post" action={ "/requests/" (request.run.id) "/decide" } {
                input type="hidden" name="csrf" value=(viewer.csrf);
                input type="hidden" name="key" value=(extras.form_key);
                label for="message" { "Decision Message" }
                textarea #message name="message" rows="3" maxlength=(DECISION_MESSAGE_CHARS_MAX)
                    aria-describedby="message-hint" { (draft) }
                p.hint #message-hint { "Optional. The requester is told." }
                div.buttons {
                    @for (verdict, may) in choices {
                        @if may.is_ok() {
                            button class=(verdict.verb()) type="submit" name="verdict" value=(verdict.verb()) {
                                (capitalised(verdict.verb()))
                            }
                        }
                    }
                }
            }
        }
        @for reason in reasons {
            p.reason { (reason) }
        }
    }
}

fn asked(run: &Run, for_admins: bool) -> Markup {
    let (visible, hidden): (Vec<_>, Vec<_>) =
        run.shown().into_iter().partition(|line| line.visible);
    html! {
        section.card aria-labelledby="request" {
            h2 #request { "Request" }
            dl {
                (entry("Requester", std::slice::from_ref(&run.requester.name)))
                @for line in visible {
                    (entry(line.label, &words::shown(line.what)))
                }
                @if for_admins {
                    @for line in hidden {
                        (entry(&format!("{} (not in the form)", line.label), &words::shown(line.what)))
                    }
                }
            }
        }
    }
}

fn rules(run: &Run) -> Markup {
    html! {
        section.card aria-labelledby="rules" {
            h2 #rules { "Origin and rules" }
            dl {
                (entry("Made in", &[words::source(&run.source)]))
                @if let Some(environment) = &run.flow.environment {
                    (entry("Environment", std::slice::from_ref(environment)))
                }
                @if let Some(permissions) = &run.permissions {
                    (entry("Who may decide", &[words::audience(&permissions.approve_deny)]))
                    (entry("Who may see it here", &[words::audience_and_requester(&permissions.webapp_view)]))
                    (entry(
                        "Self-approval",
                        &[if permissions.allow_self_approval { "Allowed" } else { "Not allowed" }.to_owned()],
                    ))
                }
                (entry("Id", &[run.id.to_string()]))
            }
        }
    }
}

fn entry(label: &str, values: &[String]) -> Markup {
    html! {
        div {
            dt dir="auto" { (label) }
            @match values {
                [] => dd.none { "none" },
                [value] => dd.value dir="auto" { (value) },
                values => dd {
                    ul { @for value in values { li.value dir="auto" { (value) } } }
                },
            }
        }
    }
}

fn routing(run: &Run, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="routing" {
            h2 #routing { "Where it went" }
            @if run.permissions.is_none() && run.status.is_open() {
                p { "The flow is working out where this request goes." }
            } @else if run.status == Status::Errored && run.notifications.is_empty() {
                p { "Nowhere: the flow failed before that was known." }
            } @else if run.notifications.is_empty() {
                p { "The flow sends no notifications; requests are decided here." }
            } @else {
                @if run.current.is_none() && run.status.is_open() {
                    p.reason { "Nobody could be told. The request is still open and can be decided here." }
                }
                ol.routing {
                    @for (index, routed) in run.notifications.iter().enumerate() {
                        li { (notification(run, routed, run.status.is_open() && run.current == Some(index), now)) }
                    }
                }
            }
        }
    }
}

fn notification(run: &Run, routed: &RoutedNotification, in_use: bool, now: Timestamp) -> Markup {
    html! {
        ul.destinations {
            @for (index, destination) in routed.notification.destinations.iter().enumerate() {
                li {
                    bdi.value { (place(run, destination)) }
                    " – "
                    @match routed.deliveries.get(index) {
                        None => span.later { "not used" },
                        Some(Delivery::Pending) => "being sent",
                        Some(Delivery::Sent { .. }) => "delivered",
                        Some(Delivery::Failed { reason, hint }) => span.failed {
                            "could not be delivered: " bdi { (reason) }
                            @if let Some(hint) = hint { " (" bdi { (hint) } ")" }
                        },
                    }
                }
            }
            @if routed.notification.destinations.is_empty() {
                li { "No destinations" }
            }
        }
        p.hint {
            (time_limit(&routed.notification))
            @if let Some(at) = routed.timed_out_at {
                " Nobody decided in time: " (when(at, now)) "."
            } @else if in_use {
                " " strong { "Waiting for a decision." }
            }
        }
    }
}

/// The destination with the name of the person or channel, where the request itself tells it, instead of Slack's id.
fn place(run: &Run, destination: &Destination) -> String {
    let described = destination.describe();
    match destination {
        Destination::SlackUser { slack_id }
        | Destination::User {
            slack_id: Some(slack_id),
            ..
        } => match person_named_in(run, slack_id) {
            Some(name) => format!("{name} ({described})"),
            None => capitalised(&described),
        },
        Destination::ChannelId { id } if run.source.id.as_ref() == Some(id) => {
            match &run.source.identifier {
                Some(name) if name != id => format!("Channel {name}"),
                _ => capitalised(&described),
            }
        }
        _ => capitalised(&described),
    }
}

fn person_named_in<'a>(run: &'a Run, slack_id: &str) -> Option<&'a str> {
    let people = std::iter::once(&run.requester)
        .chain(run.history.iter().filter_map(|entry| entry.actor.as_ref()))
        .filter_map(|person| Some((person.slack_id.as_deref()?, person.name.as_str())));
    let chosen = run
        .fields
        .iter()
        .flat_map(|field| match &field.value {
            FieldValue::SlackUser(user) => std::slice::from_ref(user),
            FieldValue::SlackUserList(users) => users,
            _ => &[],
        })
        .filter_map(|user| Some((user.slack_id.as_str(), user.name.as_deref()?)));
    people
        .chain(chosen)
        .find(|(id, _)| *id == slack_id)
        .map(|(_, name)| name)
}

fn time_limit(notification: &Notification) -> String {
    match notification.timeout_seconds {
        None => "No time limit.".to_owned(),
        Some(seconds) => {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            format!("Time limit: {}.", words::duration(seconds))
        }
    }
}

fn history(run: &Run, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="history" {
            h2 #history { "History" }
            @if run.history.is_empty() {
                p { "Nothing has happened yet." }
            } @else {
                ol.history {
                    @for entry in &run.history {
                        li {
                            p.value dir="auto" { (entry.text) }
                            p.hint {
                                code { (entry.event) }
                                @if let Some(actor) = &entry.actor {
                                    " · " bdi { (actor.name) }
                                }
                                " · " (when(entry.at, now))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
