//! Private answers: to commands, refused or late clicks, failures; and the post to the error logger. Text in Slack's `mrkdwn`.
//!
//! Short, plain, and always with what to do next: some of them are read at three in the morning. No blocks here;
//! [`super::message::plain_message`] makes a message of any of them.

use super::message;
use super::text;
use crate::domain::permission::{Refusal, Verdict};
use crate::domain::person::{Person, PersonRef};
use crate::domain::run::{Run, RunId};
use crate::flows::diagnostic::Diagnostic;

const LABEL_CHARS: usize = 150;
/// What people typed is repeated up to here.
const TYPED_CHARS: usize = 80;
/// Longest text of an exception or hint in the error logger.
const DETAIL_CHARS: usize = 1_000;
/// Longest problem of the flows in the error logger: several of them share a post.
const PROBLEM_CHARS: usize = 400;

/// Answer to `/sym help` and to unknown words.
#[must_use]
pub fn help() -> String {
    "*What you can type*\n\
     • `/sym` or `/sym req` – choose a flow and make a request\n\
     • `/sym req &lt;flow&gt;` – go straight to that flow's form\n\
     • `/sym req &lt;flow&gt; &lt;environment&gt;` – the same, where a flow is in several environments\n\
     • `/sym login` – a link that signs you in to the web app\n\
     • `/sym whoami` – who you are here, and your role\n\
     • `/sym support` – where to get help\n\
     • `/sym help` – this list"
        .to_owned()
}

/// Answer to a first word that is no command: the list, and what was not understood.
#[must_use]
pub fn unknown_command(typed: &str) -> String {
    format!("I do not know `/sym {}`.\n{}", in_code(typed), help())
}

/// Commands that a note names.
const COMMANDS_MAX: usize = 5;

/// Note above the flow picker.
#[must_use]
pub fn unknown_flow(typed: &str) -> String {
    format!(
        "There is no flow called “{}”. Please choose one.",
        text::escaped_within(&text::one_line(typed), TYPED_CHARS)
    )
}

/// Note above the flow picker: the flow exists, but not in that environment.
#[must_use]
pub fn unknown_environment(flow: &str, environment: &str, to_type: &[String]) -> String {
    format!(
        "There is no flow “{}” in an environment called “{}”. Please choose one{}.",
        text::escaped_within(&text::one_line(flow), TYPED_CHARS),
        text::escaped_within(&text::one_line(environment), TYPED_CHARS),
        or_type(to_type)
    )
}

/// What can be typed after `/sym req`, as the end of a sentence.
fn or_type(to_type: &[String]) -> String {
    if to_type.is_empty() {
        return String::new();
    }
    let commands: Vec<String> = to_type
        .iter()
        .take(COMMANDS_MAX)
        .map(|words| format!("`/sym req {}`", in_code(words)))
        .collect();
    format!(", or type {}", commands.join(" or "))
}

/// Guests may never start a request.
#[must_use]
pub fn guest_may_not_start() -> String {
    "Guests cannot make requests. Please ask a member of this workspace to make it for you."
        .to_owned()
}

/// Note in the picker: the flow exists in more than one environment.
#[must_use]
pub fn several_environments(flow: &str, to_type: &[String]) -> String {
    format!(
        "*{}* exists in several environments. Please choose one{}.",
        text::escaped_within(&text::one_line(flow), TYPED_CHARS),
        or_type(to_type)
    )
}

/// Answer to `/sym whoami`.
#[must_use]
pub fn whoami(person: &Person, team_id: &str) -> String {
    let mut lines = vec![format!(
        "You are *{}*, {} *{}*.",
        text::escaped_within(&text::one_line(&person.name), LABEL_CHARS),
        if person.role.as_str() == "admin" {
            "an"
        } else {
            "a"
        },
        person.role.as_str()
    )];
    if let Some(email) = &person.email {
        lines.push(format!(
            "• E-mail: {}",
            text::escaped_within(email, LABEL_CHARS)
        ));
    }
    if let Some(slack_id) = &person.slack_id {
        lines.push(format!("• Slack id: `{}`", in_code(slack_id)));
    }
    lines.push(format!("• Workspace: `{}`", in_code(team_id)));
    lines.push(format!("• Id in flows: `{}`", person.id));
    lines.join("\n")
}

/// Answer to `/sym support`. `contacts`: who looks after Symbot here (Slack ids or e-mail addresses).
#[must_use]
pub fn support(contacts: &[String]) -> String {
    // More would be a list to read, not people to ask.
    const MOST_CONTACTS: usize = 5;
    let contacts: Vec<String> = contacts
        .iter()
        .take(MOST_CONTACTS)
        .map(|contact| text::mention_id(contact))
        .collect();
    let who = if contacts.is_empty() {
        "the people who look after Symbot here (usually the owners of this workspace)".to_owned()
    } else {
        contacts.join(", ")
    };
    format!("Something is not as it should be? Please ask {who}. If you saw a code, pass it on.")
}

/// Answer to `/sym login`: the link works once.
#[must_use]
pub fn login(url: &str, valid_minutes: u64) -> String {
    format!(
        "{} – it works once, within {valid_minutes} minutes, and only for you. Please do not pass it on.",
        text::link(url, "Sign in to the web app")
    )
}

/// Answer to `/sym login` when the web app is off.
#[must_use]
pub fn login_off() -> String {
    "The web app is turned off here. Requests can be made and decided in Slack.".to_owned()
}

/// Why a click or command was refused; the request stays as it is.
#[must_use]
pub fn refusal(refusal: Refusal, run: &Run) -> String {
    let flow = flow_label(run);
    match refusal {
        Refusal::OwnRequest => format!(
            "You cannot approve your own *{flow}* request. Somebody else who may decide has to do it."
        ),
        Refusal::OwnDenial => format!(
            "You may approve, but not deny, your own *{flow}* request. It stays open for those who may."
        ),
        Refusal::NotPermitted => format!(
            "You are not allowed to decide this *{flow}* request. It stays open for those who are."
        ),
        Refusal::Guest => format!(
            "Guests cannot decide *{flow}* requests. It stays open for members of this workspace."
        ),
        Refusal::Inactive => {
            "Your account is deactivated, so you cannot decide requests.".to_owned()
        }
    }
}

/// A form was sent again with other values than those from which the request was made.
#[must_use]
pub fn sent_before(run: &Run, link: Option<&str>) -> String {
    let look = link.map_or_else(String::new, |link| format!(" <{link}|Look at it>."));
    format!(
        "⚠️ This form had arrived already, and your request *{}* was made from what it said then. *What you changed since was not \
         taken.*{look}\n\nIf you need something else, close this window and send another request. If the first one asks for too \
         much, ask somebody who may decide to deny it.",
        flow_label(run)
    )
}

/// "This request was already approved by @Bob."
#[must_use]
pub fn already_decided(run: &Run) -> String {
    let (what, by, at) = match &run.decision {
        Some(decision) => (
            verdict_done(decision.verdict),
            if decision.by.is_automation() {
                " automatically".to_owned()
            } else {
                format!(" by {}", text::mention(&decision.by))
            },
            format!(" ({})", text::moment(decision.at)),
        ),
        None => ("closed", String::new(), String::new()),
    };
    format!(
        "This *{}* request was already {what}{by}{at}. Nothing was changed.",
        flow_label(run)
    )
}

/// A click after the end of the last notification.
#[must_use]
pub fn expired(run: &Run, show_environment: bool) -> String {
    format!(
        "This *{}* request has expired: nobody acted in time. {} can send it again with `/sym req {}`.",
        flow_label(run),
        text::mention(&run.requester),
        message::to_type(run, show_environment)
    )
}

/// A click on the message of a notification that is no longer in use.
#[must_use]
pub fn forwarded(run: &Run, notification: usize) -> String {
    let after = message::waited(run, notification)
        .map(|time| format!(" after {time}, as nobody acted"))
        .unwrap_or_default();
    let what = if message::is_past(run, notification) {
        "was forwarded"
    } else {
        "was closed in this message"
    };
    format!(
        "This *{}* request {what}{after}. It can no longer be decided here; nothing was changed.",
        flow_label(run)
    )
}

/// A second press while the first is being checked.
#[must_use]
pub fn checking(run: &Run) -> String {
    format!(
        "Your decision on this *{}* request is being checked by the flow's code already. You will hear how it went.",
        flow_label(run)
    )
}

/// A hook refused the press. `message` is `mrkdwn` of the flow's author.
#[must_use]
pub fn ignored(run: &Run, message: Option<&str>) -> String {
    let message = message.map_or_else(
        || {
            format!(
                "Your decision on this *{}* request was not accepted.",
                flow_label(run)
            )
        },
        |message| text::cut(message, DETAIL_CHARS),
    );
    format!("🛑 {message}\nNothing was decided: the request stays open.")
}

/// A hook failed: nothing was decided.
#[must_use]
pub fn hook_failed(run: &Run, code: &str) -> String {
    format!(
        "⚠️ The code of the flow *{}* failed, so your decision did not take effect (code {}). The request stays open. \
         Please try again; if it happens again, pass on the code to whoever looks after this flow.",
        flow_label(run),
        text::escaped_within(code, TYPED_CHARS)
    )
}

/// A hook decided otherwise than the press.
#[must_use]
pub fn replaced(run: &Run) -> String {
    format!(
        "The code of the flow *{}* decided otherwise: the request is {} now.",
        flow_label(run),
        run.status.as_str()
    )
}

/// A click on a request whose routing failed.
#[must_use]
pub fn failed(run: &Run) -> String {
    let code = run
        .error
        .as_ref()
        .map(|error| format!(" (code {})", text::escaped_within(&error.code, TYPED_CHARS)))
        .unwrap_or_default();
    format!(
        "This *{}* request failed and cannot be decided{code}. It has to be sent again.",
        flow_label(run)
    )
}

/// A click on a message whose request is not in the store.
#[must_use]
pub fn unknown_request() -> String {
    "I do not know this request (any more), so nothing was changed. It has to be sent again with `/sym`.".to_owned()
}

/// A payload that could not be understood.
#[must_use]
pub fn not_understood(code: &str) -> String {
    format!(
        "I could not make sense of that, so nothing was changed (code {}). Please try again.",
        text::escaped_within(code, TYPED_CHARS)
    )
}

/// Something failed on our side. `done` says what did not happen: "Nothing was sent".
#[must_use]
pub fn went_wrong(done: &str, code: &str) -> String {
    format!(
        "Something went wrong. {} Please try again; if it happens again, pass on the code to whoever looks after \
         Symbot here (code {}).",
        text::escaped_within(done, DETAIL_CHARS),
        text::escaped_within(code, TYPED_CHARS)
    )
}

/// What the error logger is told.
#[derive(Debug, Clone, Default)]
pub struct ErrorReport<'a> {
    /// Short code, the same that people saw.
    pub code: &'a str,
    /// True where the request goes on.
    pub warning: bool,
    /// What happened, in one sentence.
    pub message: &'a str,
    pub hint: Option<&'a str>,
    /// Label of the flow.
    pub flow: Option<&'a str>,
    pub run: Option<RunId>,
    /// Handler or step, such as `get_permissions`.
    pub step: Option<&'a str>,
    /// Who acted.
    pub person: Option<&'a PersonRef>,
    /// Whose request it is, where nobody acted.
    pub requester: Option<&'a PersonRef>,
    /// `impl.py:12`.
    pub place: Option<&'a str>,
    /// Exception class and text, or the traceback.
    pub exception: Option<&'a str>,
    /// The request in the web app.
    pub link: Option<&'a str>,
}

/// The post to the error logger.
#[must_use]
pub fn error_report(report: &ErrorReport<'_>) -> String {
    let mut lines = vec![format!(
        "{} (code {})",
        text::escaped_within(&text::one_line(report.message), DETAIL_CHARS),
        text::escaped_within(report.code, TYPED_CHARS)
    )];
    lines[0].insert_str(0, if report.warning { "⚠️ " } else { "🛑 " });
    let mut say = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("*{label}:* {value}"));
        }
    };
    let words = |words: Option<&str>| {
        words.map(|words| text::escaped_within(&text::one_line(words), DETAIL_CHARS))
    };
    say("Flow", words(report.flow));
    say("Step", words(report.step));
    say("Place", words(report.place));
    say("Acting", report.person.map(text::mention));
    say("Requester", report.requester.map(text::mention));
    say(
        "Request",
        report.run.map(|run| match report.link {
            Some(link) => text::link(link, &run.to_string()),
            None => run.to_string(),
        }),
    );
    say("Hint", words(report.hint));
    if let Some(exception) = report.exception {
        // Three back-ticks inside would end the block.
        let exception = exception.replace("```", "'''");
        lines.push(format!(
            "```\n{}\n```",
            text::escaped_within(exception.trim(), DETAIL_CHARS)
        ));
    }
    lines.join("\n")
}

/// The post to the error logger when changed flows are not taken over.
#[must_use]
pub fn flows_refused(problems: &[Diagnostic], version: &str) -> String {
    /// Problems in one post; the log has all of them.
    const MAX_SHOWN: usize = 5;
    let count = match problems.len() {
        1 => "a problem".to_owned(),
        several => format!("{several} problems"),
    };
    let mut lines = vec![format!(
        "🛑 The flows were changed, but there is {count}, so nothing of the change counts. New requests use the flows \
         as they were (version {}).",
        text::escaped_within(version, TYPED_CHARS)
    )];
    for problem in problems.iter().take(MAX_SHOWN) {
        let line = text::one_line(&problem.to_string());
        lines.push(format!("• {}", text::escaped_within(&line, PROBLEM_CHARS)));
    }
    if problems.len() > MAX_SHOWN {
        lines.push(format!(
            "… and {} more in the log",
            problems.len() - MAX_SHOWN
        ));
    }
    lines.push(
        "*Hint:* repair them; `symbot check` with the same directories shows each with its line"
            .to_owned(),
    );
    lines.join("\n")
}

/// The post to the error logger when flows are taken over that were refused before.
#[must_use]
pub fn flows_taken_over(version: &str) -> String {
    format!(
        "✅ The flows are fine again; new requests use them from now on (version {}).",
        text::escaped_within(version, TYPED_CHARS)
    )
}

fn verdict_done(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    }
}

fn flow_label(run: &Run) -> String {
    text::escaped_within(
        &text::one_line(text::or_else(&run.flow.label, &run.flow.name)),
        LABEL_CHARS,
    )
}

/// Inside back-ticks, where a back-tick would end the code.
fn in_code(words: &str) -> String {
    text::escaped_within(&text::one_line(words).replace('`', "'"), TYPED_CHARS)
}
