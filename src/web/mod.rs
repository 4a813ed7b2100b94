//! The web app: server-rendered pages over [`Backend`], without scripts and without anything loaded from elsewhere.
//!
//! [`router`] makes the pages, [`serve`] puts them on a socket. What a page shows comes from the backend at the
//! moment of the request, the viewer's role included; what lives here is only the table of sessions. Rules about who may see
//! or decide what must not live here: they are in `domain::permission` and are applied by the engine. Called by the
//! command line, which hands in the engine as a backend.
//!
//! | File | What |
//! |---|---|
//! | `backend` | what the pages ask of the engine |
//! | `guard` | what happens around every request: host check, same-origin check, time limit, headers, log |
//! | `session`, `cookie` | who is signed in |
//! | `handlers` | one function per address |
//! | `pages` | pure: values in, markup out |
//! | `server` | sockets, limits, shutdown |
//! | `starting` | what is answered before there is a backend |

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use url::Url;

pub mod backend;
mod cookie;
mod guard;
mod handlers;
mod pages;
mod secret;
mod server;
mod session;
mod starting;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use server::{ServeError, bind, serve, serve_newest, serve_on};
pub use starting::starting;

/// Largest accepted body. A decision message of 2000 characters takes at most 24 KB percent-encoded.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Settings of the web app.
#[derive(Debug, Clone)]
pub struct WebConfig {
    public_url: Url,
}

/// A setting that the web app cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the web address {url:?} cannot be used: {problem}; give it as in https://symbot.example.com"
)]
pub struct WebConfigError {
    url: String,
    problem: &'static str,
}

impl WebConfig {
    /// `public_url` is what people have in the address bar: it decides whether cookies are `Secure` and which host
    /// names and origins are accepted.
    ///
    /// # Errors
    /// When the address is not an http(s) origin: the pages' links start at the root of the host, and a user name or
    /// password in it would end up in messages.
    pub fn new(public_url: Url) -> Result<Self, WebConfigError> {
        let problem = if !matches!(public_url.scheme(), "http" | "https") {
            Some("it is neither http nor https")
        } else if public_url.host_str().is_none() {
            Some("it names no host")
        } else if !public_url.username().is_empty() || public_url.password().is_some() {
            Some("it contains a user name or password")
        } else if public_url.path() != "/" {
            Some("it has a path, and the web app needs a host of its own")
        } else if public_url.query().is_some() || public_url.fragment().is_some() {
            Some("it has a query or a fragment")
        } else {
            None
        };
        match problem {
            None => Ok(Self { public_url }),
            Some(problem) => {
                let mut shown = public_url;
                // Neither fails for http(s); where it does, there is nothing secret to hide.
                let _ = shown.set_password(None);
                let _ = shown.set_username("");
                Err(WebConfigError {
                    url: shown.to_string(),
                    problem,
                })
            }
        }
    }

    /// The link that `/sym login` answers with.
    #[must_use]
    pub fn login_link(&self, token: &str) -> String {
        self.link(&["login", token])
    }

    /// The page of one request, for messages.
    #[must_use]
    pub fn request_link(&self, run: crate::domain::run::RunId) -> String {
        self.link(&["requests", &run.to_string()])
    }

    /// The first page.
    #[must_use]
    pub fn home_link(&self) -> String {
        self.public_url.to_string()
    }

    fn link(&self, segments: &[&str]) -> String {
        let mut url = self.public_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url.into()
    }
}

/// What every handler has at hand.
struct App {
    backend: Arc<dyn Backend>,
    config: WebConfig,
    sessions: session::Sessions,
    cookies: cookie::Cookies,
    limits: Limits,
}

/// How long pages may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Any page. Shorter than what proxies wait by default (60 s).
    request: Duration,
    /// A decision, which may have to wait for the flow's hooks (10 s each by default) and the disk. Shorter than
    /// `request`, because its page then says that it may still be made.
    decision: Duration,
}

const LIMITS: Limits = Limits {
    request: Duration::from_secs(30),
    decision: Duration::from_secs(25),
};

/// All pages.
pub fn router(backend: Arc<dyn Backend>, config: WebConfig) -> Router {
    router_within(LIMITS, backend, config)
}

fn router_within(limits: Limits, backend: Arc<dyn Backend>, config: WebConfig) -> Router {
    let app = Arc::new(App {
        cookies: cookie::Cookies::new(&config.public_url),
        backend,
        config,
        sessions: session::Sessions::default(),
        limits,
    });
    Router::new()
        .route("/", get(handlers::home))
        .route(
            "/healthz",
            get(handlers::healthz).fallback(handlers::only_get),
        )
        .route(
            "/readyz",
            get(handlers::readyz).fallback(handlers::only_get),
        )
        .route(
            "/metrics",
            get(handlers::metrics).fallback(handlers::only_get),
        )
        .route("/assets/{file}", get(handlers::asset))
        .route(
            "/login/{token}",
            get(handlers::sign_in_page).post(handlers::sign_in),
        )
        .route("/logout", post(handlers::sign_out))
        .route("/requests", get(handlers::list))
        .route("/requests/{id}", get(handlers::request))
        .route(
            "/requests/{id}/decide",
            get(handlers::back_to_request).post(handlers::decide),
        )
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}
