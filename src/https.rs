//! What the HTTP clients of the bot are made of: TLS with ring, HTTP/1.1 only.

use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

/// TLS up to the choice of root certificates.
///
/// # Errors
/// When ring does not have the protocol versions, which it has.
pub fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = rustls::crypto::ring::default_provider();
    ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()
}

/// Connects by http or https, whichever an address asks for, in at most `within`.
pub fn connector<R>(
    mut http: HttpConnector<R>,
    within: Duration,
    tls: ClientConfig,
) -> HttpsConnector<HttpConnector<R>> {
    http.enforce_http(false);
    // A request is one small write; Nagle's algorithm would hold its end back for up to 40 ms.
    http.set_nodelay(true);
    http.set_connect_timeout(Some(within));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}
