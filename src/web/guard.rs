//! What happens around every request, in the order in which it happens: host check, same-origin check of posts, time
//! limit, containment of panics, security headers, one line in the log.
//!
//! Nothing here knows any page but the error page. Called by the router as its outermost layer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::{Host, Url};

use super::App;
use super::pages::errors;

/// Nothing but our own style sheet and icon is ever loaded, nothing is ever run, and no other site may frame a page in
/// order to have its buttons pressed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                                       frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms, which could then not be told from
    // those of other sites. Other sites get no referrer with this value either.
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex, nofollow"),
    ),
];

/// The layer.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let method = request.method().clone();
    let path = loggable_path(request.uri().path());
    let mut response = match refuse(&app, &request) {
        Some(refusal) => refusal,
        None => {
            let waits = Arc::new(AtomicBool::new(false));
            let request = with_body_watched(request, Arc::clone(&waits));
            let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
            match tokio::time::timeout(app.limits.request, answer).await {
                Ok(Ok(response)) => response,
                // The panic hook has written what and where; this ties it to the code that the person saw.
                Ok(Err(_)) => errors::internal("a page panicked", &path),
                Err(_) if waits.load(Ordering::Relaxed) => errors::body_too_slow(),
                Err(_) => errors::too_slow(&path),
            }
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    tracing::debug!(
        %method,
        path,
        status = response.status().as_u16(),
        milliseconds = started.elapsed().as_millis(),
        "web request"
    );
    response
}

/// Sets `waits` as long as the page waits for more of the request's body: then it is the client that is slow.
fn with_body_watched(request: Request, waits: Arc<AtomicBool>) -> Request {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Request::from_parts(parts, body);
    }
    let mut data = body.into_data_stream();
    let watched = futures_util::stream::poll_fn(move |context| {
        let polled = data.poll_next_unpin(context);
        waits.store(polled.is_pending(), Ordering::Relaxed);
        polled
    });
    Request::from_parts(parts, Body::from_stream(watched))
}

/// The path without the one part that is a secret.
fn loggable_path(path: &str) -> String {
    if path.starts_with("/login") {
        "/login/…".to_owned()
    } else {
        path.chars().take(200).collect()
    }
}

fn refuse(app: &App, request: &Request) -> Option<Response> {
    // Probes of orchestrators come with the address of a container as host, and learn nothing that is secret.
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return None;
    }
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
        .unwrap_or_default();
    let public_url = &app.config.public_url;
    if !host_is_ours(host, public_url) {
        tracing::warn!(
            host = host.chars().take(100).collect::<String>(),
            "refused a web request for another host name; if people use this name, give it as --web-url"
        );
        return Some(errors::wrong_host(public_url));
    }
    let reads_only = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads_only && !comes_from_our_pages(request.headers(), host, public_url) {
        return Some(errors::other_site());
    }
    None
}

/// A page of another site whose name its owner points at our address (DNS rebinding) has that name in `Host`. Address
/// literals cannot be rebound, so that the web app also works under the bare address it listens on.
fn host_is_ours(host: &str, public_url: &Url) -> bool {
    let Ok(asked) = Url::parse(&format!("http://{host}/")) else {
        return false;
    };
    if asked.path() != "/" || !asked.username().is_empty() || asked.password().is_some() {
        return false;
    }
    match asked.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => {
            // A name with a final dot is the same name.
            let name = name.trim_end_matches('.');
            name == "localhost" || Some(name) == public_url.host_str()
        }
        None => false,
    }
}

/// Whether a form was sent by one of our own pages, as far as the browser says. Browsers say so in `Origin`, newer ones
/// also in `Sec-Fetch-Site`; a client that sends neither is no browser that could be tricked.
fn comes_from_our_pages(headers: &HeaderMap, host: &str, public_url: &Url) -> bool {
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        // `null`, as frames without origin and some redirects send it.
        return false;
    };
    let under_this_host = Url::parse(&format!("{}://{host}/", origin.scheme()));
    origin.origin() == public_url.origin()
        || under_this_host.is_ok_and(|ours| ours.origin() == origin.origin())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_our_name_localhost_and_addresses_are_accepted_as_host() {
        let public = url("https://symbot.example.com/");
        for host in [
            "symbot.example.com",
            "symbot.example.com:443",
            "SYMBOT.example.com.",
            "localhost:7374",
            "127.0.0.1:7374",
            "[::1]:7374",
            "10.1.2.3:7374",
        ] {
            assert!(host_is_ours(host, &public), "{host}");
        }
        for host in [
            "",
            "evil.example.com",
            "symbot.example.com.evil.test",
            "localhost.evil.test",
            "x@symbot.example.com",
            "symbot.example.com/x",
            "a b",
        ] {
            assert!(!host_is_ours(host, &public), "{host}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_recognised() {
        let public = url("https://symbot.example.com/");
        let ask = |pairs: &[(&'static str, &str)], host: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            comes_from_our_pages(&headers, host, &public)
        };
        let host = "symbot.example.com";
        assert!(ask(&[], host));
        assert!(ask(&[("origin", "https://symbot.example.com")], host));
        assert!(ask(
            &[("origin", "http://localhost:7374")],
            "localhost:7374"
        ));
        assert!(ask(
            &[
                ("origin", "https://symbot.example.com"),
                ("sec-fetch-site", "same-origin")
            ],
            "127.0.0.1:7374"
        ));
        assert!(!ask(&[("origin", "https://evil.test")], host));
        assert!(!ask(&[("origin", "null")], host));
        assert!(!ask(
            &[("origin", "http://localhost:7375")],
            "localhost:7374"
        ));
        assert!(!ask(&[("sec-fetch-site", "cross-site")], host));
        assert!(!ask(
            &[
                ("origin", "https://symbot.example.com"),
                ("sec-fetch-site", "same-site")
            ],
            host
        ));
    }

    #[test]
    fn sign_in_tokens_are_kept_out_of_the_log() {
        assert_eq!(loggable_path("/login/SECRET"), "/login/…");
        assert_eq!(loggable_path("/login/SECRET/x"), "/login/…");
        assert_eq!(loggable_path("/requests/1"), "/requests/1");
    }
}
