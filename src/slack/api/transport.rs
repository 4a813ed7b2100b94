//! How a call travels: slack-morphism's connector, the tokens, TLS, deadlines, and one log line per call.
//!
//! The library's own log lines are kept free of addresses (`is_sensitive_url`): they hold e-mail addresses and
//! `response_url`s. Only [`super`] calls this.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::{SlackClientHyperConnector, SlackClientHyperHttpsConnector};
use slack_morphism::{
    ClientResult, SlackApiToken, SlackApiTokenValue, SlackClientApiCallContext,
    SlackClientHttpConnector,
};
use tokio::time::Instant;
use tracing::{Span, debug};
use url::Url;

use super::{ApiError, SetupError};
use crate::https;
use crate::secret::Secret;

const SLACK_API: &str = "https://slack.com/api";

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Kills a connection whose peer vanished: unacknowledged data for this long means it is gone.
const PEER_SILENT_FOR: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Transport {
    connector: SlackClientHyperHttpsConnector,
    base: Url,
    bot: SlackApiToken,
    app: SlackApiToken,
    tls: Arc<ClientConfig>,
}

impl Transport {
    pub(super) fn new(
        base: Option<&str>,
        bot_token: &Secret,
        app_token: &Secret,
    ) -> Result<Self, SetupError> {
        let base_text = base.unwrap_or(SLACK_API).trim_end_matches('/');
        let base = Url::parse(base_text)
            .ok()
            .filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.query().is_none()
                    && url.fragment().is_none()
            })
            .ok_or_else(|| SetupError::Base(base_text.to_owned()))?;
        let tls = tls_config(base.scheme() == "https")?;

        let mut http = HttpConnector::new();
        // So that an idle connection that died with the network is gone before somebody's trigger is spent on it.
        http.set_keepalive(Some(PEER_SILENT_FOR));
        http.set_keepalive_interval(Some(PROBE_EVERY));
        #[cfg(target_os = "linux")]
        http.set_tcp_user_timeout(Some(PEER_SILENT_FOR));
        // HTTP/1.1 only: a call that times out closes its connection, while a dead HTTP/2 connection would go on to
        // swallow all calls (the library offers no HTTP/2 keep-alive), and h2 logs headers.
        let https = https::connector(http, CONNECT_WITHIN, tls.clone());
        Ok(Self {
            connector: SlackClientHyperConnector::with_connector(https)
                .with_slack_api_url(base_text),
            base,
            bot: token(bot_token),
            app: token(app_token),
            tls: Arc::new(tls),
        })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn tls(&self) -> Arc<ClientConfig> {
        self.tls.clone()
    }

    pub(super) async fn get(
        &self,
        method: &'static str,
        query: &[(&'static str, &str)],
        within: Duration,
    ) -> Result<Value, ApiError> {
        let span = Span::none();
        let query: Vec<(&str, Option<&str>)> = query
            .iter()
            .map(|(key, value)| (*key, Some(*value)))
            .collect();
        let call = self
            .connector
            .http_get(method, &query, context(Some(&self.bot), &span));
        finish(method, within, call)
            .await
            .and_then(|answer| accepted(method, answer))
    }

    pub(super) async fn post(
        &self,
        method: &'static str,
        body: &Value,
        within: Duration,
    ) -> Result<Value, ApiError> {
        self.post_with(method, &self.bot, body, within).await
    }

    pub(super) async fn post_as_app(
        &self,
        method: &'static str,
        body: &Value,
        within: Duration,
    ) -> Result<Value, ApiError> {
        self.post_with(method, &self.app, body, within).await
    }

    async fn post_with(
        &self,
        method: &'static str,
        token: &SlackApiToken,
        body: &Value,
        within: Duration,
    ) -> Result<Value, ApiError> {
        let span = Span::none();
        let call = self
            .connector
            .http_post(method, body, context(Some(token), &span));
        finish(method, within, call)
            .await
            .and_then(|answer| accepted(method, answer))
    }

    /// Posts without a token; anything with status 200 that is not an error object counts as done.
    pub(super) async fn post_to_address(
        &self,
        method: &'static str,
        address: Url,
        body: &Value,
        within: Duration,
    ) -> Result<(), ApiError> {
        let span = Span::none();
        let call = async {
            let answer: ClientResult<Value> = self
                .connector
                .http_post_uri(address, body, context(None, &span))
                .await;
            match answer {
                // The bare word `ok` under a JSON content type.
                Err(SlackClientError::ProtocolError(error))
                    if error.json_body.as_deref().map(str::trim) == Some("ok") =>
                {
                    Ok(Value::Null)
                }
                other => other,
            }
        };
        finish(method, within, call).await.map(drop)
    }
}

fn token(secret: &Secret) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(secret.expose().to_owned()))
}

fn context<'a>(token: Option<&'a SlackApiToken>, span: &'a Span) -> SlackClientApiCallContext<'a> {
    SlackClientApiCallContext {
        rate_control_params: None,
        token,
        tracing_span: span,
        is_sensitive_url: true,
    }
}

async fn finish(
    method: &'static str,
    within: Duration,
    call: impl Future<Output = ClientResult<Value>>,
) -> Result<Value, ApiError> {
    let started = Instant::now();
    let result = match tokio::time::timeout(within, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(ApiError::from_client(method, &error)),
        Err(_) => Err(ApiError::timeout(method, within)),
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => debug!(method, micros, "Slack answered"),
        Err(error) => debug!(method, micros, %error, "a call to Slack failed"),
    }
    result
}

/// The library turns an answer that is not JSON (a proxy's page, say) into `{}`: only `ok: true` is success.
fn accepted(method: &'static str, answer: Value) -> Result<Value, ApiError> {
    if answer["ok"] == Value::Bool(true) {
        Ok(answer)
    } else {
        Err(ApiError::Transient {
            method,
            what: "the answer is not Slack's".to_owned(),
            maybe_done: true,
        })
    }
}

/// TLS with the ring provider and the system's root certificates. Without any, a plain-http base still works.
fn tls_config(needed: bool) -> Result<ClientConfig, SetupError> {
    // For libraries that ask for the process's default; the second caller in a process gets an error that means "done".
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || https::tls().map_err(|error| SetupError::Tls(error.to_string()));
    match builder()?.with_native_roots() {
        Ok(with_roots) => Ok(with_roots.with_no_client_auth()),
        Err(error) if needed => Err(SetupError::Certificates(error.to_string())),
        Err(_) => Ok(builder()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth()),
    }
}
