//! What the `requests` module of implementation files does: HTTP, carried out by the bot.
//!
//! A worker has no network. [`HttpGate::request`] is the host call `http.request` (declared in [`super::host`]): it goes
//! only to hosts that the operator has listed, also after redirects, and never to this machine or its link (where clouds
//! keep their credentials) unless such an address is listed itself. Size and time are limited.
//!
//! Arguments: `method`, `url`, `headers` (a list of pairs), `body` (Base64 or null), `timeout` (seconds or null),
//! `redirects`. Answer: `status`, `reason`, `url`, `headers`, `body` (Base64), `elapsed_ms`, `history` (status and URL of
//! each redirect). The class of a failure is a name in `requests.exceptions`.

use std::collections::HashSet;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, LOCATION, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::types::HostError;
use crate::https;

/// Largest body of an answer.
pub const ANSWER_MAX_BYTES: usize = 1 << 20;
/// Time of one call, redirects included; the handler's own deadline is usually shorter.
const TOTAL_MAX: Duration = Duration::from_secs(30);
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// As many as browsers and `requests` follow at most is 20 to 30; ten are a mistake already.
const REDIRECTS_MAX: usize = 10;
const HEADERS_MAX: usize = 100;

/// Headers that belong to the connection and are set by the bot.
const OWN_HEADERS: [HeaderName; 5] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

/// Hosts that may be reached.
#[derive(Debug, Clone, Default)]
struct Allowed {
    /// Exact names, with a port where only that one is meant.
    names: HashSet<(String, Option<u16>)>,
    /// What comes after `*`: `.example.com`.
    suffixes: Vec<(String, Option<u16>)>,
    addresses: HashSet<(IpAddr, Option<u16>)>,
}

impl Allowed {
    fn parse(entries: &[String]) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in entries.iter().map(|entry| entry.trim()) {
            if entry.is_empty() {
                continue;
            }
            let wrong = |why: &str| {
                format!(
                    "'{entry}' is not a host to allow: {why}; examples are api.example.com, *.example.com, \
                     10.0.0.5 and intranet.example.com:8443"
                )
            };
            if let Ok(address) = entry.trim_matches(['[', ']']).parse() {
                allowed.addresses.insert((canonical(address), None));
                continue;
            }
            let (host, port) = match entry.rsplit_once(':') {
                Some((host, port)) => {
                    let port = port
                        .parse()
                        .map_err(|_| wrong("the port is not a number"))?;
                    (host, Some(port))
                }
                None => (entry, None),
            };
            if let Some(rest) = host.strip_prefix("*.") {
                let domain = Host::parse(rest).map_err(|error| wrong(&error.to_string()))?;
                if !rest.contains('.') {
                    return Err(wrong("a whole top-level domain cannot be allowed"));
                }
                allowed.suffixes.push((format!(".{domain}"), port));
                continue;
            }
            match Host::parse(host).map_err(|error| wrong(&error.to_string()))? {
                Host::Domain(name) if name.contains('*') => {
                    return Err(wrong("a star stands only at the beginning, before a dot"));
                }
                Host::Domain(name) => allowed.names.insert((bare(&name), port)),
                Host::Ipv4(address) => allowed.addresses.insert((address.into(), port)),
                Host::Ipv6(address) => allowed.addresses.insert((canonical(address.into()), port)),
            };
        }
        Ok(allowed)
    }

    fn url(&self, url: &Url) -> bool {
        let Some(port) = url.port_or_known_default() else {
            return false;
        };
        let fits = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        let address = match url.host() {
            Some(Host::Domain(name)) => {
                let name = bare(name);
                return self
                    .names
                    .iter()
                    .any(|(known, port)| *known == name && fits(port))
                    || self.suffixes.iter().any(|(end, port)| {
                        name.len() > end.len() && name.ends_with(end) && fits(port)
                    });
            }
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => canonical(address.into()),
            None => return false,
        };
        self.addresses
            .iter()
            .any(|(known, port)| *known == address && fits(port))
    }

    /// Whether an allowed name may lead to this address.
    fn resolved(&self, name: &str, address: IpAddr) -> bool {
        let address = canonical(address);
        if self.addresses.iter().any(|(known, _)| *known == address) {
            return true;
        }
        if address.is_loopback() {
            let name = bare(name);
            return (name == "localhost" || name.ends_with(".localhost"))
                && self.names.iter().any(|(known, _)| *known == name);
        }
        match address {
            IpAddr::V4(address) => {
                !(address.is_unspecified()
                    || address.octets()[0] == 0
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_broadcast())
            }
            IpAddr::V6(address) => {
                !(address.is_unspecified()
                    || address.is_multicast()
                    || is_link_local(address)
                    || address.to_ipv4().is_some())
            }
        }
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// `::ffff:127.0.0.1` is `127.0.0.1`.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Lower case, without the dot of the root.
fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Looks names up and leaves out addresses that an allowed name must not lead to.
#[derive(Clone)]
struct Resolver(Arc<Allowed>);

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let good: Vec<_> = found
                .into_iter()
                .filter(|address| allowed.resolved(name.as_str(), address.ip()))
                .collect();
            if good.is_empty() {
                return Err(std::io::Error::other(format!(
                    "{} leads to an address of this machine or its link, which flows may not reach",
                    name.as_str()
                )));
            }
            Ok(good.into_iter())
        })
    }
}

/// The way of implementation files to the network.
#[derive(Clone)]
pub struct HttpGate {
    allowed: Arc<Allowed>,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Body>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    timeout: Option<f64>,
    redirects: bool,
}

impl HttpGate {
    /// A gate to these hosts: names, `*.domain`, addresses; each with a port or for all ports. None: everything is
    /// refused.
    ///
    /// # Errors
    /// Names the entry that is no host, or says that this machine has no certificates.
    pub fn new(allow: &[String]) -> Result<Self, String> {
        let allowed = Arc::new(Allowed::parse(allow)?);
        let tls = https::tls().map_err(|error| error.to_string())?;
        let tls = if allowed.is_empty() {
            tls.with_root_certificates(rustls::RootCertStore::empty())
        } else {
            tls.with_native_roots()
                .map_err(|error| format!("this machine has no certificates: {error}"))?
        }
        .with_no_client_auth();
        let http = HttpConnector::new_with_resolver(Resolver(Arc::clone(&allowed)));
        Ok(Self {
            allowed,
            client: Client::builder(TokioExecutor::new()).build(https::connector(
                http,
                CONNECT_MAX,
                tls,
            )),
        })
    }

    /// Carries out `http.request`.
    ///
    /// # Errors
    /// The exception of `requests` to raise.
    pub async fn request(&self, arguments: &Value) -> Result<Value, HostError> {
        let asked = Asked::deserialize(arguments)
            .map_err(|error| failed("RequestException", format!("http.request: {error}")))?;
        let limit = match asked.timeout {
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|_| failed("RequestException", "the timeout is not a time".to_owned()))?
                .min(TOTAL_MAX),
            None => TOTAL_MAX,
        };
        let url = asked.url.clone();
        match tokio::time::timeout(limit, self.follow(asked)).await {
            Ok(answer) => answer,
            Err(_) => Err(failed(
                "ReadTimeout",
                format!("{url}: no complete answer within {} s", limit.as_secs_f64()),
            )),
        }
    }

    async fn follow(&self, asked: Asked) -> Result<Value, HostError> {
        let start = tokio::time::Instant::now();
        let mut method =
            Method::from_bytes(asked.method.to_ascii_uppercase().as_bytes()).map_err(|_| {
                failed(
                    "RequestException",
                    format!("'{}' is no method", asked.method),
                )
            })?;
        let mut url = Url::parse(&asked.url)
            .map_err(|error| failed("InvalidURL", format!("'{}': {error}", asked.url)))?;
        let mut headers = headers(&asked.headers)?;
        let mut body = match &asked.body {
            Some(text) => Bytes::from(BASE64_STANDARD.decode(text).map_err(|error| {
                failed(
                    "RequestException",
                    format!("the body is not Base64: {error}"),
                )
            })?),
            None => Bytes::new(),
        };
        let mut history = Vec::new();
        loop {
            self.judge(&url)?;
            let response = self.send(&method, &url, &headers, body.clone()).await?;
            let status = response.status();
            let next = if asked.redirects {
                target(&response, &url)
            } else {
                None
            };
            let Some(next) = next else {
                return complete(response, &method, &url, &history, start).await;
            };
            if history.len() >= REDIRECTS_MAX {
                return Err(failed(
                    "TooManyRedirects",
                    format!("{url}: more than {REDIRECTS_MAX} redirects"),
                ));
            }
            history.push(json!({"status": status.as_u16(), "url": url.as_str()}));
            if next.scheme() == "http" && url.scheme() == "https" {
                return Err(failed(
                    "ConnectionError",
                    format!("{url} redirects to {next}, which is not encrypted"),
                ));
            }
            let to_get = status == StatusCode::SEE_OTHER && method != Method::HEAD
                || matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND)
                    && method == Method::POST;
            if to_get {
                method = Method::GET;
                body = Bytes::new();
                headers.remove(CONTENT_TYPE);
            }
            if next.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
                headers.remove(COOKIE);
            }
            url = next;
        }
    }

    fn judge(&self, url: &Url) -> Result<(), HostError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(failed(
                "InvalidSchema",
                format!("{url}: only http and https are possible"),
            ));
        }
        if !self.allowed.url(url) {
            return Err(failed(
                "ConnectionError",
                format!(
                    "{} is not among the hosts that flows may reach; whoever runs symbot can add it to SYMBOT_HTTP_ALLOW",
                    url.host_str().unwrap_or("this host")
                ),
            ));
        }
        Ok(())
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<http::Response<Body>, HostError> {
        let mut plain = url.clone();
        plain.set_fragment(None);
        // Credentials in the address have become a header in the worker.
        let _ = plain.set_username("");
        let _ = plain.set_password(None);
        let mut request = Request::builder()
            .method(method)
            .uri(plain.as_str())
            .body(Body::from(body))
            .map_err(|error| failed("InvalidURL", format!("{url}: {error}")))?;
        *request.headers_mut() = headers.clone();
        match self.client.request(request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(error) => {
                let text = chain(&error);
                let class = if text.contains("certificate") {
                    "SSLError"
                } else if error.is_connect() && text.contains("timed out") {
                    "ConnectTimeout"
                } else {
                    "ConnectionError"
                };
                Err(failed(class, format!("{url}: {text}")))
            }
        }
    }
}

impl Allowed {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.suffixes.is_empty() && self.addresses.is_empty()
    }
}

/// Where a response redirects to.
fn target(response: &http::Response<Body>, url: &Url) -> Option<Url> {
    let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut next = redirect.then(|| url.join(location).ok())??;
    if next.fragment().is_none() {
        next.set_fragment(url.fragment());
    }
    Some(next)
}

async fn complete(
    response: http::Response<Body>,
    method: &Method,
    url: &Url,
    history: &[Value],
    start: tokio::time::Instant,
) -> Result<Value, HostError> {
    let (parts, body) = response.into_parts();
    let body = if method == Method::HEAD {
        Bytes::new()
    } else {
        axum::body::to_bytes(body, ANSWER_MAX_BYTES)
            .await
            .map_err(|error| {
                let text = chain(&error);
                if text.contains("length limit exceeded") {
                    failed(
                        "ChunkedEncodingError",
                        format!("{url}: the answer is larger than {ANSWER_MAX_BYTES} bytes"),
                    )
                } else {
                    failed("ConnectionError", format!("{url}: {text}"))
                }
            })?
    };
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Ok(json!({
        "status": parts.status.as_u16(),
        "reason": parts.status.canonical_reason().unwrap_or_default(),
        "url": url.as_str(),
        "headers": headers,
        "body": BASE64_STANDARD.encode(&body),
        "elapsed_ms": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        "history": history,
    }))
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, HostError> {
    if given.len() > HEADERS_MAX {
        return Err(failed(
            "InvalidHeader",
            format!("a request may have {HEADERS_MAX} headers"),
        ));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let wrong = || failed("InvalidHeader", format!("the header '{name}' is not valid"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        if !OWN_HEADERS.contains(&key) {
            headers.append(key, value);
        }
    }
    Ok(headers)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn failed(class: &str, message: String) -> HostError {
    HostError {
        class: class.to_owned(),
        name: "HTTP".to_owned(),
        message,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Allowed {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Allowed::parse(&entries).unwrap()
    }

    fn reaches(entries: &[&str], url: &str) -> bool {
        allowed(entries).url(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_listed_hosts_are_reached() {
        let list = ["api.example.com", "*.example.org", "intra.example.net:8443"];
        for url in [
            "https://api.example.com/x",
            "http://API.example.com.:8080/",
            "https://a.example.org",
            "https://a.b.example.org",
            "https://intra.example.net:8443/",
        ] {
            assert!(reaches(&list, url), "{url}");
        }
        for url in [
            "https://example.com",
            "https://evil-api.example.com",
            "https://api.example.com.evil.net",
            "https://example.org",
            "https://evilexample.org",
            "https://intra.example.net/",
            "https://user:api.example.com@evil.net/",
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://[::1]/",
        ] {
            assert!(!reaches(&list, url), "{url}");
        }
    }

    #[test]
    fn addresses_count_only_when_listed_themselves() {
        assert!(reaches(&["127.0.0.1"], "http://127.0.0.1:8000/"));
        assert!(reaches(&["127.0.0.1:8000"], "http://127.0.0.1:8000/"));
        assert!(!reaches(&["127.0.0.1:8000"], "http://127.0.0.1:8001/"));
        assert!(
            reaches(&["127.0.0.1"], "http://0x7f.1/"),
            "the same address"
        );
        assert!(reaches(&["127.0.0.1"], "http://[::ffff:127.0.0.1]/"));
        assert!(reaches(&["[::1]"], "http://[::1]/"));
        assert!(!reaches(&["127.0.0.1"], "http://127.0.0.2/"));
    }

    #[test]
    fn names_do_not_lead_to_this_machine_or_its_link() {
        let list = allowed(&["*.example.com", "localhost"]);
        let leads = |name: &str, address: &str| list.resolved(name, address.parse().unwrap());
        assert!(leads("a.example.com", "93.184.216.34"));
        assert!(leads("a.example.com", "10.1.2.3"));
        assert!(leads("localhost", "127.0.0.1"));
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "224.0.0.1",
        ] {
            assert!(!leads("a.example.com", address), "{address}");
        }
    }

    #[test]
    fn entries_that_are_no_hosts_are_named() {
        for entry in [
            "*",
            "*.com",
            "a.*.com",
            "https://example.com",
            "a b",
            "host:port",
        ] {
            let error = Allowed::parse(&[entry.to_owned()]).expect_err(entry);
            assert!(error.contains(entry), "{error}");
        }
    }
}
