//! The sign-in page and its refusals.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::layout::{SignedIn, page, respond};
use crate::domain::person::Person;
use crate::web::backend::LinkRefusal;

/// The page behind a sign-in link. Opening it redeems nothing: Slack's link preview, mail scanners and browsers that
/// load links ahead open it too, and the link works only once. It is redeemed by the button.
pub fn button(token: &str, person: Option<&Person>) -> Response {
    let content = html! {
        section.message {
            h1 { "Sign in" }
            @if let Some(person) = person {
                p { "This link signs you in as " strong { bdi { (person.name) } } "." }
                p.hint { "Not you? Then close this page: somebody else's link was passed on to you." }
            } @else {
                p { "This link signs you in as the person who typed " code { "/sym login" } "." }
            }
            form method="post" action={ "/login/" (token) } {
                button.primary type="submit" autofocus {
                    @match person {
                        Some(person) => { "Sign in as " bdi { (person.name) } },
                        None => "Sign in",
                    }
                }
            }
        }
    };
    respond(StatusCode::OK, page("Sign in", None, &content))
}

/// Why the link does not sign in.
pub fn refused(refusal: LinkRefusal, signed_in: Option<SignedIn<'_>>) -> Response {
    let (status, title, text) = match refusal {
        LinkRefusal::UsedOrUnknown => (
            StatusCode::GONE,
            "This link does not work any more",
            "A sign-in link works only once, and this one was used already or never existed.",
        ),
        LinkRefusal::Expired => (
            StatusCode::GONE,
            "This link is too old",
            "A sign-in link works for five minutes.",
        ),
        LinkRefusal::Inactive => (
            StatusCode::FORBIDDEN,
            "You cannot sign in",
            "Your Slack account is deactivated.",
        ),
    };
    let content = html! {
        section.message {
            h1 { (title) }
            p { (text) }
            (what_next(refusal, signed_in))
        }
    };
    respond(status, page(title, signed_in, &content))
}

fn what_next(refusal: LinkRefusal, signed_in: Option<SignedIn<'_>>) -> Markup {
    html! {
        @match (signed_in, refusal) {
            (Some(signed_in), _) => p {
                "You are signed in as " bdi { (signed_in.person.name) } " already: "
                a href="/requests" { "to the list of requests" } "."
            },
            (None, LinkRefusal::Inactive) => p { "Ask an administrator of your Slack workspace." },
            (None, _) => p { "For a new one, type " code { "/sym login" } " in Slack again." },
        }
    }
}

/// After signing out.
pub fn signed_out() -> Response {
    let content = html! {
        section.message {
            h1 { "You are signed out" }
            p { "To sign in again, type " code { "/sym login" } " in Slack." }
        }
    };
    respond(StatusCode::OK, page("Signed out", None, &content))
}
