//! A browser as far as the pages need one: cookies, forms, the headers that browsers add to forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode, header};
use tower::ServiceExt as _;
use url::Url;

use super::fake::Fake;
use crate::domain::person::{Person, Role};
use crate::domain::run::Run;
use crate::web::backend::Backend as _;
use crate::web::{LIMITS, Limits, WebConfig, router_within};

/// A fake company: alice and bob are members, carol is an admin, gus is a guest.
pub struct Site {
    pub backend: Arc<Fake>,
    pub router: Router,
    pub alice: Person,
    pub bob: Person,
    pub carol: Person,
    pub gus: Person,
}

impl Site {
    pub fn new() -> Self {
        Self::at("http://localhost:7374")
    }

    pub fn at(public_url: &str) -> Self {
        Self::within(LIMITS, public_url)
    }

    pub fn within(limits: Limits, public_url: &str) -> Self {
        let alice = super::fake::person("alice", Role::Member);
        let bob = super::fake::person("bob", Role::Member);
        let carol = super::fake::person("carol", Role::Admin);
        let gus = super::fake::person("gus", Role::Guest);
        let backend = Arc::new(Fake::new([
            alice.clone(),
            bob.clone(),
            carol.clone(),
            gus.clone(),
        ]));
        let config = WebConfig::new(Url::parse(public_url).unwrap()).unwrap();
        Self {
            router: router_within(limits, backend.clone(), config),
            backend,
            alice,
            bob,
            carol,
            gus,
        }
    }

    /// Stores a request and returns the address of its page.
    pub fn has(&self, run: Run) -> String {
        let page = format!("/requests/{}", run.id);
        self.backend.with(|state| state.runs.push(run));
        page
    }

    /// What `/sym login` does.
    pub fn link_for(&self, person: &Person) -> String {
        let now = self.backend.now();
        self.backend.with(|state| {
            let token = format!("token-{}-{}", person.id, state.links.len());
            state.links.insert(token.clone(), (person.id, now));
            format!("/login/{token}")
        })
    }

    pub fn browser(&self) -> Browser {
        Browser {
            router: self.router.clone(),
            cookies: BTreeMap::new(),
            host: "localhost:7374".into(),
            extra: Vec::new(),
        }
    }

    pub async fn signed_in(&self, person: &Person) -> Browser {
        let mut browser = self.browser();
        let answer = browser.post(&self.link_for(person), &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }
}

pub struct Browser {
    router: Router,
    pub cookies: BTreeMap<String, String>,
    pub host: String,
    /// Headers to add to the next request.
    pub extra: Vec<(&'static str, String)>,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, None).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send("POST", path, Some(body)).await
    }

    /// Opens a request's page and presses the button.
    pub async fn decides(&mut self, page: &str, verdict: &str, message: &str) -> Page {
        let form = self.get(page).await;
        let (csrf, key) = (form.input("csrf"), form.input("key"));
        self.post(
            &format!("{page}/decide"),
            &[
                ("csrf", &csrf),
                ("key", &key),
                ("message", message),
                ("verdict", verdict),
            ],
        )
        .await
    }

    pub async fn send(&mut self, method: &str, path: &str, body: Option<String>) -> Page {
        match body {
            Some(form) => self.sends(method, path, Body::from(form)).await,
            None => self.sends_body(method, path, Body::empty()).await,
        }
    }

    /// Sends a form whose body may come piece by piece.
    pub async fn sends(&mut self, method: &str, path: &str, body: Body) -> Page {
        let kind = "application/x-www-form-urlencoded".to_owned();
        self.extra.push(("content-type", kind));
        self.sends_body(method, path, body).await
    }

    async fn sends_body(&mut self, method: &str, path: &str, body: Body) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in self.extra.drain(..) {
            request = request.header(name, value);
        }
        let request = request.body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let body = to_bytes(body, 1 << 22).await.unwrap();
        Page {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Page {
    pub fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn has_button(&self, verdict: &str) -> bool {
        self.says(&format!("name=\"verdict\" value=\"{verdict}\""))
    }

    /// Value of the first input with this name.
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
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
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
