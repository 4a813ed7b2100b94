//! What the web app's socket answers while the bot is still starting: probes get the truth, people are asked to wait.
//!
//! Slack may be out of reach for long after the process has started; whoever watches the process must be able to tell that
//! from a process that hangs. Called by the bot, which replaces these answers by the pages.

use axum::Router;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::watch;

use super::handlers;

/// Seconds after which a browser or proxy may ask again.
const RETRY_AFTER_SECONDS: &str = "2";

/// Ends the connection with the answer: the next one may get the pages.
const CLOSE: (HeaderName, &str) = (header::CONNECTION, "close");

/// Answers of a bot that is not there yet; `waits_for` says what it waits for.
pub fn starting(waits_for: watch::Receiver<String>) -> Router {
    let not_ready = move || {
        let words = format!("not ready: {}\n", *waits_for.borrow());
        async move { (StatusCode::SERVICE_UNAVAILABLE, [CLOSE], words) }
    };
    Router::new()
        .route(
            "/healthz",
            get(|| async { ([CLOSE], handlers::healthz().await) }),
        )
        .route("/readyz", get(not_ready))
        .fallback(|| async {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [CLOSE, (header::RETRY_AFTER, RETRY_AFTER_SECONDS)],
                "Symbot is starting. Please try again in a moment.\n",
            )
                .into_response()
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONNECTION], "close");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_starting_bot_is_alive_and_says_what_it_waits_for() {
        let (reason, waits_for) = watch::channel("the first thing".to_owned());
        let router = starting(waits_for);
        assert_eq!(
            ask(&router, "/healthz").await,
            (StatusCode::OK, "ok\n".to_owned())
        );
        let (status, words) = ask(&router, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(words, "not ready: the first thing\n");
        reason.send_replace("another".to_owned());
        assert_eq!(ask(&router, "/readyz").await.1, "not ready: another\n");
        let (status, words) = ask(&router, "/requests").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(words.contains("starting"), "{words}");
    }
}
