//! `requests` in implementation files, carried out against a server on this machine that the operator has allowed.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use symbot::policy::http::HttpGate;
use symbot::policy::types::{Host, HostError};

use crate::support::{PERMISSIONS, POOL, RUNTIME, call, permissions_after};

struct HttpHost(HttpGate);

impl Host for HttpHost {
    fn call<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        assert_eq!(name, "http.request");
        Box::pin(self.0.request(arguments))
    }
}

async fn echo(
    method: Method,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::Json<Value> {
    let headers: HashMap<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    axum::Json(json!({
        "method": method.as_str(), "query": query, "headers": headers, "body": String::from_utf8_lossy(&body),
    }))
}

fn server() -> u16 {
    let router = Router::new()
        .route("/echo", any(echo))
        .route(
            "/text",
            get(|| async {
                (
                    [(header::CONTENT_TYPE, "text/plain; charset=latin-1")],
                    b"caf\xe9".to_vec(),
                )
            }),
        )
        .route(
            "/status/{code}",
            any(|Path(code): Path<u16>| async move { StatusCode::from_u16(code).unwrap() }),
        )
        .route(
            "/cookie",
            get(|| async { ([(header::SET_COOKIE, "session=abc; Path=/")], "") }),
        )
        .route("/large", get(|| async { vec![b'x'; 2 << 20] }))
        .route(
            "/slow",
            get(|| async { tokio::time::sleep(std::time::Duration::from_secs(20)).await }),
        )
        .route("/loop", get(|| async { Redirect::temporary("/loop") }))
        .route("/see-other", any(|| async { Redirect::to("/echo") }))
        .route("/same", any(|| async { Redirect::temporary("/echo") }))
        .route(
            "/away",
            get(|| async { Redirect::temporary("http://127.0.0.2:9/secret") }),
        )
        .route(
            "/metadata",
            get(|| async { Redirect::temporary("http://169.254.169.254/latest") }),
        )
        .route(
            "/file",
            get(|| async {
                (
                    StatusCode::FOUND,
                    [(header::LOCATION, "file:///etc/passwd")],
                )
                    .into_response() as Response
            }),
        );
    RUNTIME.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    })
}

/// What these lines print; `base` is the address of the server.
fn prints(body: &str) -> String {
    let port = server();
    let gate = HttpGate::new(&["127.0.0.1".to_owned()]).unwrap();
    let body = format!("import requests\nbase = 'http://127.0.0.1:{port}'\n{body}");
    match call(&permissions_after(&body), PERMISSIONS)
        .host(Arc::new(HttpHost(gate)))
        .run_in(&POOL)
    {
        Ok(answer) => answer.printed,
        Err(failure) => panic!(
            "{failure}\n{}",
            failure.traceback.as_deref().unwrap_or_default()
        ),
    }
}

/// The class of `requests.exceptions` that these lines raise.
fn raises(body: &str) -> String {
    let body = body.replace('\n', "\n    ");
    prints(&format!(
        "try:\n    {body}\nexcept requests.exceptions.RequestException as error:\n    print(type(error).__name__, error)"
    ))
}

#[test]
fn a_get_sends_parameters_and_headers_and_reads_json() {
    let printed = prints(
        "r = requests.get(base + '/echo?a=1', params={'b': ['x y', 2], 'c': None}, headers={'X-Team': 'sre'}, timeout=5)\n\
         e = r.json()\n\
         print(r.status_code, r.ok, r.reason, bool(r), r.headers['content-TYPE'], r)\n\
         print(e['method'], e['query'], e['headers']['x-team'], e['headers']['user-agent'], repr(e['body']))\n\
         print(r.url.partition('/echo')[2], r.elapsed.total_seconds() < 5, r.history, r.encoding)",
    );
    assert_eq!(
        printed,
        "200 True OK True application/json <Response [200]>\n\
         GET [['a', '1'], ['b', 'x y'], ['b', '2']] sre symbot ''\n\
         ?a=1&b=x+y&b=2 True [] utf-8\n"
    );
}

#[test]
fn bodies_are_sent_as_json_form_and_text() {
    let printed = prints(
        "def show(r):\n    e = r.json()\n    print(e['method'], e['headers'].get('content-type'), e['body'])\n\
         show(requests.post(base + '/echo', json={'a': [1, None]}))\n\
         show(requests.post(base + '/echo', {'a': 'ä&b', 'c': ['1', '2']}))\n\
         show(requests.put(base + '/echo', data='plain'))\n\
         show(requests.patch(base + '/echo', data=b'octets', headers={'Content-Type': 'x/y'}))\n\
         show(requests.delete(base + '/echo'))\n\
         show(requests.request('options', base + '/echo'))",
    );
    assert_eq!(
        printed,
        "POST application/json {\"a\": [1, null]}\n\
         POST application/x-www-form-urlencoded a=%C3%A4%26b&c=1&c=2\n\
         PUT application/x-www-form-urlencoded plain\n\
         PATCH x/y octets\n\
         DELETE None \n\
         OPTIONS None \n"
    );
}

#[test]
fn credentials_become_a_header() {
    let printed = prints(
        "from requests.auth import HTTPBasicAuth\n\
         for r in (requests.get(base + '/echo', auth=('u', 'p')), requests.get(base + '/echo', auth=HTTPBasicAuth('u', 'p')), requests.get(base.replace('//', '//u:p@') + '/echo')):\n    print(r.json()['headers']['authorization'])",
    );
    assert_eq!(printed, "Basic dTpw\n".repeat(3));
}

#[test]
fn text_is_decoded_with_the_charset_of_the_answer() {
    assert_eq!(
        prints("r = requests.get(base + '/text')\nprint(r.text, r.content, r.encoding)"),
        "café b'caf\\xe9' latin-1\n"
    );
}

#[test]
fn errors_of_the_server_are_raised_on_demand() {
    let printed = prints(
        "r = requests.get(base + '/status/404')\nprint(r.ok, r.status_code == requests.codes.not_found)\n\
         try:\n    r.raise_for_status()\nexcept requests.HTTPError as error:\n    print(str(error).partition(' for url')[0], error.response is r)\n\
         requests.get(base + '/status/204').raise_for_status()\n\
         try:\n    r.json()\nexcept requests.exceptions.JSONDecodeError as error:\n    print(isinstance(error, ValueError))",
    );
    assert_eq!(
        printed,
        "False True\n404 Client Error: Not Found True\nTrue\n"
    );
}

#[test]
fn a_session_keeps_headers_credentials_parameters_and_cookies() {
    let printed = prints(
        "with requests.Session() as s:\n    s.headers.update({'Authorization': 'Bearer t'})\n    s.params = {'k': 'v'}\n    s.get(base + '/cookie')\n    e = s.get(base + '/echo', headers={'X-A': '1', 'Accept': None}).json()\n    print(e['headers']['authorization'], e['headers']['cookie'], e['query'], 'accept' in e['headers'])\nprint('cookie' in requests.get(base + '/echo').json()['headers'])",
    );
    assert_eq!(printed, "Bearer t session=abc [['k', 'v']] False\nFalse\n");
}

#[test]
fn redirects_are_followed_as_browsers_do_and_only_on_wish() {
    let printed = prints(
        "r = requests.post(base + '/see-other', data='x')\nprint(r.json()['method'], repr(r.json()['body']), [h.status_code for h in r.history])\n\
         r = requests.post(base + '/same', data='x')\nprint(r.json()['method'], r.json()['body'])\n\
         r = requests.get(base + '/same', allow_redirects=False)\nprint(r.status_code, r.is_redirect, r.headers['Location'])\n\
         print(requests.head(base + '/same').status_code)",
    );
    assert_eq!(printed, "GET '' [303]\nPOST x\n307 True /echo\n307\n");
}

#[test]
fn hosts_that_are_not_listed_are_refused_with_what_to_do() {
    for address in [
        "https://example.com/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://localhost/",
    ] {
        let said = raises(&format!("requests.get('{address}')"));
        assert!(said.starts_with("ConnectionError "), "{said}");
        assert!(said.contains("SYMBOT_HTTP_ALLOW"), "{said}");
    }
}

#[test]
fn redirects_to_hosts_that_are_not_listed_are_refused() {
    for path in ["away", "metadata"] {
        let said = raises(&format!("requests.get(base + '/{path}')"));
        assert!(said.starts_with("ConnectionError "), "{said}");
        assert!(said.contains("not among the hosts"), "{said}");
    }
    let said = raises("requests.get(base + '/file')");
    assert!(said.starts_with("InvalidSchema "), "{said}");
}

#[test]
fn a_loop_of_redirects_ends() {
    let said = raises("requests.get(base + '/loop')");
    assert!(said.starts_with("TooManyRedirects "), "{said}");
}

#[test]
fn an_answer_that_is_too_large_is_refused() {
    let said = raises("requests.get(base + '/large')");
    assert!(said.starts_with("ChunkedEncodingError "), "{said}");
    assert!(said.contains("larger than 1048576 bytes"), "{said}");
}

#[test]
fn a_timeout_is_kept() {
    let said = raises("requests.get(base + '/slow', timeout=(0.1, 0.2))");
    assert!(said.starts_with("ReadTimeout "), "{said}");
    assert!(said.contains("within 0.3"), "{said}");
}

#[test]
fn addresses_that_are_none_raise_as_requests_does() {
    for (address, class) in [
        ("example.com", "MissingSchema"),
        ("ftp://example.com", "InvalidSchema"),
        ("http://", "InvalidURL"),
        ("http://127.0.0.1:1/", "ConnectionError"),
    ] {
        let said = raises(&format!("requests.get('{address}')"));
        assert!(said.starts_with(class), "{address}: {said}");
    }
}

#[test]
fn headers_cannot_be_smuggled() {
    let said = raises("requests.get(base + '/echo', headers={'X': 'a\\r\\nHost: evil'})");
    assert!(said.starts_with("InvalidHeader "), "{said}");
    let printed = prints(
        "print(requests.get(base + '/echo', headers={'Host': 'evil', 'Transfer-Encoding': 'chunked'}).json()['headers']['host'] == base[7:])",
    );
    assert_eq!(printed, "True\n");
}
