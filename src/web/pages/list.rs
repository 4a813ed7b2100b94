//! The list of requests.

use maud::{Markup, html};

use super::layout::{SignedIn, page};
use super::words;
use crate::domain::permission::{Verdict, may_decide};
use crate::domain::person::{Person, Role};
use crate::domain::run::{Run, Status};
use crate::domain::shown::What;
use crate::domain::time::Timestamp;

/// Length of a summary: about one line on a wide screen.
const SUMMARY_CHARS: usize = 120;

/// What the list shows.
pub struct List<'a> {
    pub runs: &'a [Run],
    pub open_only: bool,
    /// False when newer ones have been left behind.
    pub is_first_page: bool,
    /// Cursor of the next page, when there is one.
    pub next: Option<String>,
    pub now: Timestamp,
}

pub fn render(list: &List<'_>, viewer: SignedIn<'_>) -> Markup {
    let title = if list.open_only {
        "Open requests"
    } else {
        "All requests"
    };
    let content = html! {
        div.heading {
            h1 { (title) }
            nav.tabs aria-label="Which requests" {
                (tab("Open", "/requests", list.open_only))
                (tab("All", "/requests?show=all", !list.open_only))
            }
        }
        @if list.runs.is_empty() {
            (nothing(list, viewer.person.role != Role::Guest))
        } @else {
            (table(list, viewer.person))
        }
        (paging(list))
    };
    page(title, Some(viewer), &content)
}

fn tab(text: &str, href: &str, current: bool) -> Markup {
    html! {
        a href=(href) aria-current=[current.then_some("page")] { (text) }
    }
}

/// Guests are not told to make a request: they may not.
fn nothing(list: &List<'_>, may_request: bool) -> Markup {
    html! {
        section.empty {
            @if list.next.is_some() {
                p { "None of the requests looked through so far is one that you may see." }
                p.hint { "“Older” looks further back." }
            } @else if !list.is_first_page {
                p { "No older requests." }
            } @else if list.open_only {
                p { "No open requests that you may see." }
                p.hint {
                    a href="/requests?show=all" { "Show the closed ones too" }
                    @if may_request {
                        ", or type " code { "/sym" } " in Slack to make a request"
                    }
                    "."
                }
            } @else {
                p { "No requests that you may see." }
                @if may_request {
                    p.hint { "Type " code { "/sym" } " in Slack to make one." }
                }
            }
        }
    }
}

/// The roles are said explicitly, because the style sheet shows rows as cards on narrow screens, and some browsers then
/// no longer tell screen readers that this is a table.
fn table(list: &List<'_>, viewer: &Person) -> Markup {
    html! {
        table.requests role="table" {
            caption.visually-hidden { "Requests, newest first" }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { "Flow" }
                    th role="columnheader" scope="col" { "Requester" }
                    th role="columnheader" scope="col" { "When" }
                    th role="columnheader" scope="col" { "Status" }
                    th role="columnheader" scope="col" { "Summary" }
                }
            }
            tbody role="rowgroup" {
                @for run in list.runs {
                    tr role="row" {
                        td.flow role="cell" {
                            a href={ "/requests/" (run.id) } { bdi { (run.flow.label) } }
                        }
                        td.requester role="cell" { bdi { (run.requester.name) } }
                        td.when role="cell" { (when(run.created_at, list.now)) }
                        td.status-cell role="cell" {
                            (status(run.status))
                            @if may_be_decided_by(run, viewer) {
                                " " span.yours { "You can decide" }
                            }
                        }
                        td.summary role="cell" dir="auto" { (summary(run)) }
                    }
                }
            }
        }
    }
}

/// Only marks the line; whether a decision is accepted is the engine's to say.
fn may_be_decided_by(run: &Run, viewer: &Person) -> bool {
    run.status.is_open()
        && run.permissions.as_ref().is_some_and(|permissions| {
            [Verdict::Approve, Verdict::Deny]
                .into_iter()
                .any(|verdict| {
                    may_decide(
                        permissions,
                        run.flow.allow_guest_interaction,
                        run.requester.id,
                        viewer,
                        verdict,
                    )
                    .is_ok()
                })
        })
}

fn paging(list: &List<'_>) -> Markup {
    let show = if list.open_only { "open" } else { "all" };
    html! {
        @if !list.is_first_page || list.next.is_some() {
            nav.paging aria-label="Pages" {
                @if !list.is_first_page {
                    a href={ "/requests?show=" (show) } { "Newest" }
                }
                @if let Some(next) = &list.next {
                    a href={ "/requests?show=" (show) "&before=" (next) } rel="next" { "Older" }
                }
            }
        }
    }
}

/// A point in time: exact for reading, in words for a quick look.
pub fn when(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(at.to_iso()) { (words::moment(at)) }
        " "
        span.ago { "(" (words::ago(at, now)) ")" }
    }
}

/// The status as a word in a coloured frame; the colour only repeats the word.
pub fn status(status: Status) -> Markup {
    html! { span class={ "status " (status.as_str()) } { (status.as_str()) } }
}

/// What was asked for in one line, without its duration.
fn summary(run: &Run) -> String {
    let lines = run.shown();
    let said = lines
        .iter()
        .filter(|line| line.visible && !matches!(line.what, What::Duration(_)))
        .map(|line| words::labelled(line.label, &words::shown(line.what).join(", ")));
    let line = said.collect::<Vec<_>>().join(" · ");
    words::shortened(&line, SUMMARY_CHARS)
}
