//! A browser as far as the pages need one: HTTP/1.1 on a socket, cookies, forms, redirects.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// An answer.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// One request on a connection of its own.
pub async fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Page {
    let url = Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut request = format!(
        "{method} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n",
        {
            let query = url.query().map(|query| format!("?{query}"));
            format!("{}{}", url.path(), query.unwrap_or_default())
        }
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut stream = TcpStream::connect(&host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Page {
        status: status.parse().unwrap(),
        headers,
        body: if chunked {
            unchunked(body)
        } else {
            body.to_owned()
        },
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}

/// Somebody's browser at the web app.
pub struct Browser {
    site: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn at(site: &str) -> Self {
        Self {
            site: site.trim_end_matches('/').to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, "").await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send("POST", path, &body).await
    }

    /// Opens a request's page, fills in its form and presses the button; the page that follows.
    pub async fn decides(&mut self, page: &str, verdict: &str, message: &str) -> Page {
        let form = self.get(page).await;
        let (csrf, key) = (form.input("csrf"), form.input("key"));
        self.sends_decision(page, &csrf, &key, verdict, message)
            .await
    }

    /// Sends the form of a page that was opened before; the page that follows.
    pub async fn sends_decision(
        &mut self,
        page: &str,
        csrf: &str,
        key: &str,
        verdict: &str,
        message: &str,
    ) -> Page {
        let fields = [
            ("csrf", csrf),
            ("key", key),
            ("message", message),
            ("verdict", verdict),
        ];
        let answer = self.post(&format!("{page}/decide"), &fields).await;
        match answer.header("location") {
            Some(to) if answer.status == 303 => self.get(&to).await,
            _ => answer,
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Page {
        let url = format!("{}{path}", self.site);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("cookie", cookies.as_str())];
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            headers.push(("origin", self.site.as_str()));
        }
        let page = exchange(method, &url, &headers, body).await;
        for (_, cookie) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }
}

impl Page {
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.clone())
    }

    pub fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    pub fn has_button(&self, verdict: &str) -> bool {
        self.says(&format!("name=\"verdict\" value=\"{verdict}\""))
    }

    /// Value of the first input with this name.
    #[track_caller]
    pub fn input(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let from = self
            .body
            .find(&start)
            .unwrap_or_else(|| panic!("no input {name} in {}", self.body))
            + start.len();
        self.body[from..].split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn shows(&self, text: &str) -> &Self {
        assert!(self.says(text), "{text:?} is missing in {}", self.body);
        self
    }

    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.says(text), "{text:?} stands in {}", self.body);
        self
    }
}
