//! Messages: the request with its buttons in every state, and what the requester is told. Domain values in, blocks out, purely.
//!
//! Private answers to clicks and commands are in [`super::answer`]. Called by the engine when it carries out effects.

use slack_morphism::prelude::*;

use super::fold::{self, Row, Shown};
use super::kit::{context, json, plain, section};
use super::limits;
use super::text;
use super::view::{ButtonValue, Message, RequestMessage, ids};
use crate::domain::effect::RequesterNews;
use crate::domain::permission::Verdict;
use crate::domain::run::DECISION_MESSAGE_CHARS_MAX;
use crate::domain::run::{Run, Status};
use crate::domain::shown::What;

/// Text that the submitted values may use together: what a message may hold without the other blocks, each of which is
/// bounded below.
const VALUES_CHARS: usize = limits::MESSAGE_BLOCK_TEXT_CHARS - 4_800;
/// Blocks besides the values: head, state, reason, decision message, note on shortening, input, buttons, context.
const OTHER_BLOCKS: usize = 11;
/// Of the flow's and the environment's label.
const LABEL_CHARS: usize = 150;
/// Of the reason that a hook gave.
const REASON_CHARS: usize = 500;
/// Of the code of a failure.
const CODE_CHARS: usize = 100;
/// Fall-back text: what a phone shows in a notification, far below [`limits::MESSAGE_TEXT_BYTES`].
const TEXT_BYTES: usize = 1_000;

/// The request in its newest state, for the message of one of its notifications.
#[must_use]
pub fn request(message: &RequestMessage<'_>) -> Message {
    let run = message.run;
    let mut blocks = vec![section(&head(message))];
    blocks.push(section(&state(message)));
    for words in reason(run).into_iter().chain(decision_message(run)) {
        blocks.push(section(&words));
    }
    let folded = fold::fold(
        &rows(run),
        VALUES_CHARS,
        limits::MESSAGE_BLOCKS - OTHER_BLOCKS,
    );
    // The state stands below the values while it is a question, and above them once it is an answer.
    let at = if run.status.is_open() {
        1
    } else {
        blocks.len()
    };
    blocks.splice(at..at, folded.blocks);
    if folded.shortened {
        blocks.push(context(match message.link {
            Some(_) => "Some values are shortened here. The whole request is in the web app.",
            None => "Some values are shortened here.",
        }));
    }
    if is_open_here(run, message.notification) {
        if run.flow.include_decision_message {
            blocks.push(decision_input());
        }
        blocks.push(buttons(run, message.notification));
    }
    blocks.push(context(&details(run, message.link)));
    Message {
        text: fall_back(message),
        blocks: json(&blocks),
    }
}

/// Whether the message of this notification has buttons: the run is open and this is the notification in use.
#[must_use]
pub fn is_open_here(run: &Run, notification: usize) -> bool {
    run.status.is_open() && run.current == Some(notification)
}

/// Whether the message of this notification is still to be posted: it is open here, or says that the request was decided
/// before anybody was asked.
#[must_use]
pub fn is_wanted(run: &Run, notification: usize) -> bool {
    is_open_here(run, notification) || (run.hooks.announcing && run.current == Some(notification))
}

/// What the requester is told by direct message.
#[must_use]
pub fn requester_news(
    run: &Run,
    news: RequesterNews,
    show_environment: bool,
    link: Option<&str>,
) -> Message {
    let flow = &flow_label(run);
    let place = place(run, show_environment);
    let mut lines = vec![match news {
        RequesterNews::Approved => {
            format!("✅ Your request *{flow}*{place} was approved{}.", by(run))
        }
        RequesterNews::Denied => format!("❌ Your request *{flow}*{place} was denied{}.", by(run)),
        RequesterNews::Expired => format!(
            "⌛ Your request *{flow}*{place} has expired: nobody acted on it in time. \
             If you still need it, send it again with `/sym req {}`.",
            to_type(run, show_environment)
        ),
        RequesterNews::Undeliverable => format!(
            "⚠️ Your request *{flow}*{place} is open, but nobody could be told about it in Slack. {}",
            if link.is_some() {
                "It can be decided in the web app: please ask somebody who may decide to look there."
            } else {
                "Please tell whoever looks after this flow."
            }
        ),
        RequesterNews::NobodyNotified => format!(
            "📭 Your request *{flow}*{place} is open. Its flow tells nobody about requests. {}",
            if link.is_some() {
                "It can be decided in the web app: please ask somebody who may decide to look there."
            } else {
                "Please tell whoever looks after this flow: without its web app, nobody can decide."
            }
        ),
        RequesterNews::Failed => format!(
            "⚠️ Your request *{flow}*{place} could not be submitted{}, and nobody was asked. \
             You can try again; if it fails again, please tell whoever looks after this flow.",
            code(run)
        ),
        RequesterNews::Ignored => format!(
            "🛑 Your request *{flow}*{place} was not submitted, and nobody was asked. {}",
            run.error
                .as_ref()
                .map(|error| text::cut(&error.message, DECISION_MESSAGE_CHARS_MAX))
                .unwrap_or_default()
        ),
    }];
    if matches!(news, RequesterNews::Approved) && run.flow.grants_access {
        lines.push(by_hand(run));
    }
    if matches!(news, RequesterNews::Approved | RequesterNews::Denied) {
        lines.extend(reason(run));
        lines.extend(decision_message(run));
    }
    let summary = lines.join("\n");
    Message {
        text: text::cut_bytes(&summary, TEXT_BYTES),
        blocks: json(&vec![section(&summary), context(&details(run, link))]),
    }
}

/// A message of one paragraph. `words` is `mrkdwn` of ours.
#[must_use]
pub fn plain_message(words: &str) -> Message {
    Message {
        text: text::cut_bytes(words, limits::MESSAGE_TEXT_BYTES),
        blocks: json(&vec![section(words)]),
    }
}

fn flow_label(run: &Run) -> String {
    text::escaped_within(
        &text::one_line(text::or_else(&run.flow.label, &run.flow.name)),
        LABEL_CHARS,
    )
}

fn head(message: &RequestMessage<'_>) -> String {
    let run = message.run;
    format!(
        "{} requests *{}*{}",
        text::mention(&run.requester),
        flow_label(run),
        place(run, message.show_environment)
    )
}

/// ` in *Production*`, where the environment is to be named.
fn place(run: &Run, show_environment: bool) -> String {
    let environment = run.flow.environment.as_deref();
    let named = environment.filter(|_| show_environment);
    named.map_or_else(String::new, |environment| {
        let shown = text::escaped_within(&text::one_line(environment), LABEL_CHARS);
        format!(" in *{shown}*")
    })
}

/// What to type after `/sym req` for the request's flow.
pub(super) fn to_type(run: &Run, show_environment: bool) -> String {
    let environment = run.flow.environment_name.as_deref();
    let words = match environment.filter(|_| show_environment) {
        Some(environment) => format!("{} {environment}", run.flow.name),
        None => run.flow.name.clone(),
    };
    text::escaped_within(&words, LABEL_CHARS)
}

fn rows(run: &Run) -> Vec<Row<'_>> {
    let lines = run.shown().into_iter().filter(|line| line.visible);
    lines
        .map(|line| Row {
            label: line.label,
            value: match line.what {
                What::Field(field) => Shown::Field(field),
                What::Target(called) => Shown::Words(called.to_owned()),
                What::Duration(seconds) => Shown::Words(text::duration_words(seconds)),
            },
        })
        .collect()
}

/// The line that says how things stand, as this message has it.
fn state(message: &RequestMessage<'_>) -> String {
    let run = message.run;
    match run.status {
        Status::Requested if is_open_here(run, message.notification) => {
            "⏳ Waiting for a decision.".to_owned()
        }
        Status::Requested => not_here(message),
        Status::Approved if run.flow.grants_access => {
            format!("✅ *Approved*{}{}\n{}", by(run), when(run), by_hand(run))
        }
        Status::Approved => format!("✅ *Approved*{}{}", by(run), when(run)),
        Status::Denied => format!("❌ *Denied*{}{}", by(run), when(run)),
        Status::Expired => format!("⌛ *Expired*: nobody acted in time{}", when(run)),
        Status::Errored => format!(
            "⚠️ *Something went wrong*{}, so nobody can decide this request.",
            code(run)
        ),
    }
}

/// What the message of a notification that is not in use says, without naming where the request went.
fn not_here(message: &RequestMessage<'_>) -> String {
    let run = message.run;
    let after = waited(run, message.notification)
        .map(|time| format!(" after {time} as nobody acted"))
        .unwrap_or_default();
    if is_past(run, message.notification) {
        format!("➡️ *Forwarded*{after}. It can no longer be decided in this message.")
    } else if message.link.is_some() {
        format!("⌛ *Closed here*{after}. The request is still open in the web app.")
    } else {
        format!("⌛ *Closed here*{after}. It can no longer be decided in this message.")
    }
}

/// Whether a later notification is in use.
pub(super) fn is_past(run: &Run, notification: usize) -> bool {
    run.current.is_some_and(|current| current > notification)
}

/// How long a notification was waited for, in words, if its time ran out.
pub(super) fn waited(run: &Run, notification: usize) -> Option<String> {
    let routed = run.notifications.get(notification)?;
    routed.timed_out_at?;
    let seconds = u64::try_from(routed.notification.timeout_seconds?).ok()?;
    (seconds > 0).then(|| text::duration_words(seconds))
}

fn by(run: &Run) -> String {
    match &run.decision {
        Some(decision) if decision.by.is_automation() => " automatically".to_owned(),
        Some(decision) => format!(" by {}", text::mention(&decision.by)),
        None => String::new(),
    }
}

fn when(run: &Run) -> String {
    let at = run
        .decision
        .as_ref()
        .map(|decision| decision.at)
        .or(run.closed_at);
    at.map(|at| format!(" · {}", text::moment(at)))
        .unwrap_or_default()
}

/// Until granting exists, a person has to do what an approved access flow promises.
fn by_hand(run: &Run) -> String {
    let target = run.target.as_ref().map_or_else(String::new, |target| {
        format!(
            " to *{}*",
            text::escaped_within(
                &text::one_line(text::or_else(&target.label, &target.name)),
                LABEL_CHARS
            )
        )
    });
    let duration = run
        .duration_seconds
        .map(|seconds| format!(" for {}", text::duration_words(seconds)))
        .unwrap_or_default();
    format!("Access{target}{duration} is to be granted by hand.")
}

/// Why a hook decided.
fn reason(run: &Run) -> Option<String> {
    let reason = run.decision.as_ref()?.reason.as_deref()?.trim();
    (!reason.is_empty()).then(|| {
        format!(
            "Reason: {}",
            text::linked_within(&text::one_line(reason), REASON_CHARS)
        )
    })
}

fn decision_message(run: &Run) -> Option<String> {
    let message = run.decision.as_ref()?.message.as_deref()?.trim();
    (!message.is_empty()).then(|| {
        format!(
            "Decision Message: {}",
            text::linked_within(&text::one_line(message), DECISION_MESSAGE_CHARS_MAX)
        )
    })
}

fn code(run: &Run) -> String {
    match &run.error {
        Some(error) => format!(" (code {})", text::escaped_within(&error.code, CODE_CHARS)),
        None => String::new(),
    }
}

fn decision_input() -> SlackBlock {
    SlackInputBlock::new(
        "Decision Message".into(),
        SlackBlockPlainTextInputElement::new()
            .with_action_id(ids::DECISION_MESSAGE.into())
            .with_placeholder("Shown with the decision".into())
            .with_max_length(DECISION_MESSAGE_CHARS_MAX as u64)
            .into(),
    )
    .with_block_id(ids::DECISION_MESSAGE.into())
    .with_optional(true)
    .into()
}

fn buttons(run: &Run, notification: usize) -> SlackBlock {
    let button = |words: &str, id: &str, verdict, style| -> SlackActionBlockElement {
        SlackBlockButtonElement::new(plain(words, limits::BUTTON_TEXT_CHARS))
            .with_action_id(id.into())
            .with_value(
                ButtonValue {
                    run: run.id,
                    verdict,
                    notification,
                }
                .encode(),
            )
            .with_style(style)
            .into()
    };
    SlackActionsBlock::new(vec![
        button(
            "Approve",
            ids::APPROVE,
            Verdict::Approve,
            SlackBlockButtonStyle::Primary,
        ),
        button(
            "Deny",
            ids::DENY,
            Verdict::Deny,
            SlackBlockButtonStyle::Danger,
        ),
    ])
    .with_block_id("symbot_decide".into())
    .into()
}

/// When it was requested, and where to read on.
fn details(run: &Run, link: Option<&str>) -> String {
    let mut parts = vec![format!("Requested {}", text::moment(run.created_at))];
    if let Some(link) = link {
        parts.push(text::link(link, "Open in the web app"));
    }
    parts.join(" · ")
}

fn fall_back(message: &RequestMessage<'_>) -> String {
    let run = message.run;
    let head = head(message);
    let words = match run.status {
        Status::Requested if is_open_here(run, message.notification) => {
            let first = run
                .fields
                .iter()
                .find(|field| field.visible)
                .map(|field| format!(": {}", text::field_within(field, 200).replace('\n', " ")))
                .unwrap_or_default();
            format!("{head}{first}")
        }
        Status::Requested if is_past(run, message.notification) => format!("{head} – forwarded"),
        Status::Requested => format!("{head} – closed here"),
        Status::Approved => format!("{head} – approved{}", by(run)),
        Status::Denied => format!("{head} – denied{}", by(run)),
        Status::Expired => format!("{head} – expired"),
        Status::Errored => format!("{head} – something went wrong{}", code(run)),
    };
    text::cut_bytes(&words.replace('*', ""), TEXT_BYTES)
}
