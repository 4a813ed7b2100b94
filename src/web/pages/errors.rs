//! Pages that say that something cannot be shown or done, each with what the person can do next. Unexpected failures get
//! a code that stands in the log together with the details.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use url::Url;

use super::layout::{SignedIn, page, respond};
use crate::web::backend::BackendError;
use crate::web::secret;

fn simple(
    status: StatusCode,
    title: &str,
    signed_in: Option<SignedIn<'_>>,
    content: &Markup,
) -> Response {
    let content = html! {
        section.message {
            h1 { (title) }
            (content)
        }
    };
    respond(status, page(title, signed_in, &content))
}

fn to_the_list() -> Markup {
    html! { p { a href="/requests" { "To the list of requests" } } }
}

/// Nobody is signed in. Also the answer for addresses that do not exist: it does not tell which ones do.
pub fn sign_in_first() -> Response {
    simple(
        StatusCode::UNAUTHORIZED,
        "Sign in",
        None,
        &html! {
            p { "Sign in: type " code { "/sym login" } " in Slack." }
            p.hint {
                "You get a link that only you can see. It works once, within five minutes."
            }
        },
    )
}

/// There is no such page, or nothing that this person may see.
pub fn not_found(signed_in: SignedIn<'_>) -> Response {
    simple(
        StatusCode::NOT_FOUND,
        "Not found",
        Some(signed_in),
        &html! {
            p { "There is no such page, or it is not for you to see." }
            (to_the_list())
        },
    )
}

pub fn wrong_method(signed_in: SignedIn<'_>) -> Response {
    simple(
        StatusCode::METHOD_NOT_ALLOWED,
        "Not possible",
        Some(signed_in),
        &html! {
            p { "This address cannot be used like that." }
            (to_the_list())
        },
    )
}

/// An address or a form that no page of ours makes.
pub fn not_understood(status: StatusCode, signed_in: Option<SignedIn<'_>>, what: &str) -> Response {
    simple(
        status,
        "Not understood",
        signed_in,
        &html! {
            p { (what) }
            (to_the_list())
        },
    )
}

/// The form's token is not that of the session: made before the last sign-in, or by somebody else.
pub fn form_out_of_date(signed_in: SignedIn<'_>, back_to: &str) -> Response {
    simple(
        StatusCode::FORBIDDEN,
        "This form is out of date",
        Some(signed_in),
        &html! {
            p { "Nothing was done. The form was made before you signed in, or did not come from this page." }
            p { a href=(back_to) { "Open the page again" } " and repeat what you wanted to do." }
        },
    )
}

/// A form that another site sent.
pub fn other_site() -> Response {
    simple(
        StatusCode::FORBIDDEN,
        "Refused",
        None,
        &html! {
            p { "Nothing was done: your browser says that this form was sent by another site." }
            (to_the_list())
        },
    )
}

/// A host name that is not ours. Names the right address, which is no secret: every message links to it.
pub fn wrong_host(public_url: &Url) -> Response {
    simple(
        StatusCode::MISDIRECTED_REQUEST,
        "Wrong address",
        None,
        &html! {
            p { "Symbot does not answer under this name. Its address is " a href=(public_url) { (public_url) } "." }
            p.hint {
                "For administrators: if this name is right, start Symbot with it as "
                code { "--web-url" }
                ". A proxy in front must pass the host name on."
            }
        },
    )
}

/// The engine said that it failed.
pub fn backend(signed_in: Option<SignedIn<'_>>, error: &BackendError, doing: &str) -> Response {
    tracing::error!(
        code = error.code,
        error = error.message,
        doing,
        "web page failed"
    );
    simple(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong",
        signed_in,
        &html! {
            p { (error.message) }
            (code_and_advice(&error.code))
        },
    )
}

/// The web app itself failed.
pub fn internal(what: &str, path: &str) -> Response {
    let code = new_code();
    tracing::error!(code, path, what, "web page failed");
    simple(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong",
        None,
        &html! {
            p { "This page could not be made." }
            (code_and_advice(&code))
        },
    )
}

/// A page took too long; nothing is known about what it was doing.
pub fn too_slow(path: &str) -> Response {
    let code = new_code();
    tracing::error!(code, path, "web page took too long");
    simple(
        StatusCode::GATEWAY_TIMEOUT,
        "This takes too long",
        None,
        &html! {
            p { "The answer did not come in time. Try again in a moment." }
            (code_and_advice(&code))
        },
    )
}

/// The rest of a form did not come in time: a matter of the client or the network, not ours.
pub fn body_too_slow() -> Response {
    simple(
        StatusCode::REQUEST_TIMEOUT,
        "This takes too long",
        None,
        &html! {
            p { "The form did not arrive in time. Try again in a moment." }
        },
    )
}

/// A decision took too long: it may still be made.
pub fn decision_pending(signed_in: SignedIn<'_>, back_to: &str) -> Response {
    let code = new_code();
    tracing::error!(code, page = back_to, "a decision took too long");
    simple(
        StatusCode::GATEWAY_TIMEOUT,
        "This takes longer than usual",
        Some(signed_in),
        &html! {
            p { "Your decision was handed on, and it may still be carried out." }
            p { a href=(back_to) { "Look at the request" } " before you decide again." }
            (code_and_advice(&code))
        },
    )
}

fn code_and_advice(code: &str) -> Markup {
    html! {
        p.hint {
            "If it happens again, tell your administrator this code: " code { (code) } "."
        }
    }
}

/// Six digits are enough to find one line in a day's log.
fn new_code() -> String {
    let digits = secret::random_hex::<3>().unwrap_or_else(|_| "000000".to_owned());
    format!("WEB-{}", digits.to_ascii_uppercase())
}
