//! One function per address: reads the request, asks the backend, hands values to a page.
//!
//! Everything but sign-in, probes and assets needs a [`Viewer`]: the session's person as the backend knows them at this
//! moment. Called by the router.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use uuid::Uuid;

use super::App;
use super::backend::{
    BackendError, DecisionOutcome, LinkRefusal, ListQuery, Readiness, RequestPage,
};
use super::pages::layout::{SignedIn, respond};
use super::pages::request::Extras;
use super::pages::{assets, errors, list, request, sign_in, words};
use super::secret;
use super::session::{Notice, Ticket};
use crate::domain::event::clean_message;
use crate::domain::permission::Verdict;
use crate::domain::person::Person;
use crate::domain::run::DECISION_MESSAGE_CHARS_MAX;
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;

/// Requests on one page of the list.
const PAGE_LENGTH: usize = 50;
/// Bytes of a form's key.
const FORM_KEY_BYTES: usize = 16;

type Shared = State<Arc<App>>;

/// Somebody who is signed in and active.
pub struct Viewer {
    person: Person,
    ticket: Ticket,
}

impl Viewer {
    fn signed_in(&self) -> SignedIn<'_> {
        SignedIn {
            person: &self.person,
            csrf: &self.ticket.csrf,
        }
    }

    /// The viewer, or nobody. Looks the person up anew, so that a deactivated account is signed out and a changed role
    /// holds from the next request on.
    async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, BackendError> {
        let now = app.backend.now();
        let Some(ticket) = app
            .cookies
            .session_values(headers)
            .find_map(|token| app.sessions.find(token, now))
        else {
            return Ok(None);
        };
        match app.backend.person(ticket.person).await? {
            Some(person) if person.active => Ok(Some(Self { person, ticket })),
            _ => {
                app.sessions.close_all_of(ticket.person);
                Ok(None)
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match Self::find(app, &parts.headers).await {
            Ok(Some(viewer)) => Ok(viewer),
            Ok(None) => {
                let mut response = errors::sign_in_first();
                if app.cookies.session_values(&parts.headers).next().is_some() {
                    add_cookie(&mut response, app.cookies.clear_session());
                }
                if let Some(run) = run_of_page(parts.uri.path()) {
                    add_cookie(&mut response, app.cookies.set_wanted(&page_of(run)));
                }
                Err(response)
            }
            Err(error) => Err(errors::backend(None, &error, "look up who is signed in")),
        }
    }
}

fn page_of(run: RunId) -> String {
    format!("/requests/{run}")
}

/// The only addresses that are returned to after signing in: pages of requests, as messages in Slack link to them.
fn run_of_page(path: &str) -> Option<RunId> {
    path.strip_prefix("/requests/")?.parse().ok()
}

fn add_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

// Probes and assets.

/// The process is alive and its scheduler runs; says nothing about Slack or the store.
pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn readyz(State(app): Shared) -> (StatusCode, String) {
    match app.backend.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Readiness::NotReady(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {reason}\n"),
        ),
    }
}

pub async fn metrics(State(app): Shared) -> Response {
    const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
    match app.backend.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, TYPE)], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// Another method than those of probes and collectors, which have neither a session nor eyes for a page.
pub async fn only_get() -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(header::ALLOW, "GET, HEAD")],
        "only GET and HEAD\n",
    )
        .into_response()
}

pub async fn asset(Path(file): Path<String>) -> Response {
    match assets::find(&file) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.content_type),
                // The name changes with the content.
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.content,
        )
            .into_response(),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

// Signing in and out.

/// Longest token that is handed to the backend; ours are much shorter.
const MAX_LINK_TOKEN_CHARS: usize = 128;

/// What a token of ours can look like. Anything else is refused here, so that the form's address is always below `/login/`.
fn could_be_link_token(token: &str) -> bool {
    (1..=MAX_LINK_TOKEN_CHARS).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Shows the button; see [`sign_in::button`] for why opening the link must not redeem it.
pub async fn sign_in_page(
    State(app): Shared,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !could_be_link_token(&token) {
        return refuse_link(&app, &headers, LinkRefusal::UsedOrUnknown).await;
    }
    match app.backend.peek_link(token.clone()).await {
        Ok(Ok(person)) => sign_in::button(&token, person.as_ref()),
        Ok(Err(refusal)) => refuse_link(&app, &headers, refusal).await,
        Err(error) => errors::backend(None, &error, "look at a sign-in link"),
    }
}

pub async fn sign_in(
    State(app): Shared,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !could_be_link_token(&token) {
        return refuse_link(&app, &headers, LinkRefusal::UsedOrUnknown).await;
    }
    let person = match app.backend.redeem_link(token).await {
        Ok(Ok(person)) if person.active => person,
        Ok(Ok(_)) => return sign_in::refused(LinkRefusal::Inactive, None),
        Ok(Err(refusal)) => return refuse_link(&app, &headers, refusal).await,
        Err(error) => return errors::backend(None, &error, "redeem a sign-in link"),
    };
    let now = app.backend.now();
    // A new session with a new token every time: one that somebody else planted in the browser does not become valid.
    for old in app.cookies.session_values(&headers) {
        if let Some(ticket) = app.sessions.find(old, now) {
            app.sessions.close(&ticket);
        }
    }
    let token = match app.sessions.open(person.id, now) {
        Ok(token) => token,
        Err(error) => return errors::internal(&error.to_string(), "/login/…"),
    };
    tracing::info!(person = %person.id, "signed in to the web app");
    let wanted = app.cookies.wanted_values(&headers).find_map(run_of_page);
    let target = wanted.map_or_else(|| "/requests".to_owned(), page_of);
    let mut response = Redirect::to(&target).into_response();
    add_cookie(&mut response, app.cookies.set_session(&token));
    if wanted.is_some() {
        add_cookie(&mut response, app.cookies.clear_wanted());
    }
    response
}

/// Somebody who presses the button twice, or comes back to the link, may be signed in by now: then say so.
async fn refuse_link(app: &App, headers: &HeaderMap, refusal: LinkRefusal) -> Response {
    match Viewer::find(app, headers).await {
        Ok(viewer) => sign_in::refused(refusal, viewer.as_ref().map(Viewer::signed_in)),
        Err(error) => errors::backend(None, &error, "look up who is signed in"),
    }
}

#[derive(Deserialize)]
pub struct SignOutForm {
    /// Missing is the same as wrong.
    #[serde(default)]
    csrf: String,
}

pub async fn sign_out(
    State(app): Shared,
    viewer: Viewer,
    form: Result<Form<SignOutForm>, FormRejection>,
) -> Response {
    let Form(form) = match form {
        Ok(form) => form,
        Err(rejection) => return bad_form(&viewer, &rejection),
    };
    if !secret::equal(&form.csrf, &viewer.ticket.csrf) {
        return errors::form_out_of_date(viewer.signed_in(), "/requests");
    }
    app.sessions.close(&viewer.ticket);
    let mut response = sign_in::signed_out();
    add_cookie(&mut response, app.cookies.clear_session());
    response
}

fn bad_form(viewer: &Viewer, rejection: &FormRejection) -> Response {
    let status = rejection.status();
    let text = if status == StatusCode::PAYLOAD_TOO_LARGE {
        "Nothing was done: the form is too large."
    } else {
        "Nothing was done: the form could not be read."
    };
    tracing::debug!(%rejection, "refused a form");
    errors::not_understood(status, Some(viewer.signed_in()), text)
}

// Requests.

pub async fn home() -> Redirect {
    Redirect::to("/requests")
}

#[derive(Deserialize)]
pub struct ListParameters {
    show: Option<String>,
    before: Option<String>,
}

pub async fn list(
    State(app): Shared,
    viewer: Viewer,
    parameters: Result<Query<ListParameters>, QueryRejection>,
) -> Response {
    let not_understood = || {
        errors::not_understood(
            StatusCode::BAD_REQUEST,
            Some(viewer.signed_in()),
            "There is no such list of requests.",
        )
    };
    let Ok(Query(parameters)) = parameters else {
        return not_understood();
    };
    let open_only = match parameters.show.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(_) => return not_understood(),
    };
    let before = match parameters.before.as_deref().map(parse_cursor) {
        None => None,
        Some(Some(cursor)) => Some(cursor),
        Some(None) => return not_understood(),
    };
    let query = ListQuery {
        open_only,
        before,
        limit: PAGE_LENGTH,
    };
    let found = match app.backend.requests(viewer.person.clone(), query).await {
        Ok(found) => found,
        Err(error) => {
            return errors::backend(Some(viewer.signed_in()), &error, "list requests");
        }
    };
    let page = list::List {
        next: found.next.map(cursor),
        runs: &found.runs,
        open_only,
        is_first_page: before.is_none(),
        now: app.backend.now(),
    };
    respond(StatusCode::OK, list::render(&page, viewer.signed_in()))
}

/// The place of a request in the list: its time and, because times may be equal, its id.
fn cursor((created_at, run): (Timestamp, RunId)) -> String {
    format!("{}.{run}", created_at.0)
}

fn parse_cursor(text: &str) -> Option<(Timestamp, RunId)> {
    let (millis, run) = text.split_once('.')?;
    Some((Timestamp(millis.parse().ok()?), run.parse().ok()?))
}

/// The request, or the page that says that there is none. One that the viewer may not see gets the same page as one
/// that does not exist.
async fn find_request(app: &App, viewer: &Viewer, id: &str) -> Result<RequestPage, Response> {
    let Ok(id) = id.parse::<Uuid>() else {
        return Err(errors::not_found(viewer.signed_in()));
    };
    match app.backend.request(viewer.person.clone(), id).await {
        Ok(Some(page)) => Ok(page),
        Ok(None) => Err(errors::not_found(viewer.signed_in())),
        Err(error) => Err(errors::backend(
            Some(viewer.signed_in()),
            &error,
            "show a request",
        )),
    }
}

pub async fn request(State(app): Shared, viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = match find_request(&app, &viewer, &id).await {
        Ok(page) => page,
        Err(response) => return response,
    };
    let form_key = match secret::random_hex::<FORM_KEY_BYTES>() {
        Ok(key) => key,
        Err(error) => return errors::internal(&error.to_string(), "/requests/…"),
    };
    let notice = app.sessions.take_notice(&viewer.ticket, page.run.id);
    let extras = Extras {
        form_key: &form_key,
        notice: notice.as_ref(),
        now: app.backend.now(),
    };
    respond(
        StatusCode::OK,
        request::render(&page, &extras, viewer.signed_in()),
    )
}

/// Somebody reloaded the address that the form is sent to.
pub async fn back_to_request(_viewer: Viewer, Path(id): Path<String>) -> Redirect {
    match id.parse::<Uuid>() {
        Ok(run) => Redirect::to(&page_of(run)),
        Err(_) => Redirect::to("/requests"),
    }
}

#[derive(Deserialize)]
pub struct DecisionForm {
    /// Missing is the same as wrong.
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    key: String,
    verdict: Verdict,
    #[serde(default)]
    message: String,
}

pub async fn decide(
    State(app): Shared,
    viewer: Viewer,
    Path(id): Path<String>,
    form: Result<Form<DecisionForm>, FormRejection>,
) -> Response {
    let Form(form) = match form {
        Ok(form) => form,
        Err(rejection) => return bad_form(&viewer, &rejection),
    };
    // Before the token: somebody without the right to see must not learn from the answer that there is something.
    let run = match find_request(&app, &viewer, &id).await {
        Ok(page) => page.run.id,
        Err(response) => return response,
    };
    let page = page_of(run);
    if !secret::equal(&form.csrf, &viewer.ticket.csrf) {
        return errors::form_out_of_date(viewer.signed_in(), &page);
    }
    let key_is_ours = form.key.len() == 2 * FORM_KEY_BYTES
        && form.key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !key_is_ours {
        return errors::form_out_of_date(viewer.signed_in(), &page);
    }
    let message = clean_message(&form.message).unwrap_or_default();
    let length = message.chars().count();
    if length > DECISION_MESSAGE_CHARS_MAX {
        let text = format!(
            "The Decision Message has {length} characters; it may have at most {DECISION_MESSAGE_CHARS_MAX}."
        );
        let draft = message.chars().take(DECISION_MESSAGE_CHARS_MAX).collect();
        app.sessions
            .put_notice(&viewer.ticket, run, Notice::Refused { text, draft });
        return Redirect::to(&page).into_response();
    }
    // Nobody can make a key that is taken for that of another person or request.
    let key = format!("web/{}/{run}/{}", viewer.person.id, form.key);
    let backend = Arc::clone(&app.backend);
    let person = viewer.person.clone();
    let verdict = form.verdict;
    let given_message = (!message.is_empty()).then(|| message.clone());
    // In a task of its own: a browser that goes away must not stop a decision half-way.
    let deciding = tokio::spawn(async move {
        backend
            .decide(person, run, verdict, given_message, key)
            .await
    });
    let notice = match tokio::time::timeout(app.limits.decision, deciding).await {
        Ok(Ok(Ok(DecisionOutcome::Done))) => {
            Notice::Done(format!("You have {} this request.", words::past(verdict)))
        }
        Ok(Ok(Ok(DecisionOutcome::Refused(text)))) => Notice::Refused {
            text,
            draft: message,
        },
        Ok(Ok(Err(error))) => {
            return errors::backend(Some(viewer.signed_in()), &error, "decide a request");
        }
        Ok(Err(panic)) => return errors::internal(&panic.to_string(), &page),
        Err(_) => return errors::decision_pending(viewer.signed_in(), &page),
    };
    app.sessions.put_notice(&viewer.ticket, run, notice);
    Redirect::to(&page).into_response()
}

// Everything else.

pub async fn not_found(viewer: Viewer) -> Response {
    errors::not_found(viewer.signed_in())
}

pub async fn wrong_method(viewer: Viewer) -> Response {
    errors::wrong_method(viewer.signed_in())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let run = Uuid::from_u128(7);
        assert_eq!(
            parse_cursor(&format!("-5.{run}")),
            Some((Timestamp(-5), run))
        );
        for text in [
            "",
            ".",
            "1",
            "1.",
            "x.00000000-0000-0000-0000-000000000007",
            "1.2.3",
        ] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn only_pages_of_requests_are_returned_to_after_signing_in() {
        let run = Uuid::from_u128(7);
        assert_eq!(run_of_page(&page_of(run)), Some(run));
        for path in [
            "/requests",
            "/requests/",
            "//evil.test",
            "/requests/../x",
            "/logout",
        ] {
            assert_eq!(run_of_page(path), None, "{path}");
        }
    }
}
