//! The frame around every page.

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use crate::domain::person::Person;

/// Who looks at the page, with the token that forms need.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    pub person: &'a Person,
    pub csrf: &'a str,
}

/// A whole document.
pub fn page(title: &str, signed_in: Option<SignedIn<'_>>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Symbot" }
                link rel="stylesheet" href={ "/assets/" (assets::STYLE.name) };
                link rel="icon" type="image/svg+xml" href={ "/assets/" (assets::ICON.name) };
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.top {
                    div.wide {
                        a.brand href="/requests" {
                            img src={ "/assets/" (assets::ICON.name) } alt="" width="28" height="28";
                            "Symbot"
                        }
                        @if let Some(signed_in) = signed_in {
                            (account(signed_in))
                        }
                    }
                }
                main #content.wide tabindex="-1" { (content) }
            }
        }
    }
}

fn account(signed_in: SignedIn<'_>) -> Markup {
    html! {
        form.account method="post" action="/logout" {
            input type="hidden" name="csrf" value=(signed_in.csrf);
            span.who {
                span.visually-hidden { "Signed in as " }
                bdi.name { (signed_in.person.name) }
                " "
                span.role { (signed_in.person.role.as_str()) }
            }
            button.quiet type="submit" { "Sign out" }
        }
    }
}

/// A document as an answer.
pub fn respond(status: StatusCode, document: Markup) -> Response {
    (status, Html(document.into_string())).into_response()
}
