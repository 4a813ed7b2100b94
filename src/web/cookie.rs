//! The two cookies of the web app as header values. Nothing here knows what they mean.
//!
//! Called by the handlers.

use http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::session::ABSOLUTE_LIFETIME_SECONDS;

/// How long the page that somebody wanted to see is remembered while they fetch a sign-in link.
const WANTED_LIFETIME_SECONDS: u64 = 15 * 60;

/// Names and attributes, fixed by the public address.
#[derive(Debug, Clone)]
pub struct Cookies {
    session: String,
    wanted: String,
    secure: bool,
}

impl Cookies {
    /// With https, the prefix `__Host-` makes browsers refuse a cookie of that name set by another host of the same
    /// domain. Without it (tests, demo), the port is part of the name, since cookies do not tell ports apart.
    pub fn new(public_url: &Url) -> Self {
        let secure = public_url.scheme() == "https";
        let name = |what: &str| match (secure, public_url.port()) {
            (true, _) => format!("__Host-symbot_{what}"),
            (false, Some(port)) => format!("symbot_{what}_{port}"),
            (false, None) => format!("symbot_{what}"),
        };
        Self {
            session: name("session"),
            wanted: name("wanted"),
            secure,
        }
    }

    /// All values that the browser sent for the session cookie. More than one when another host of the domain set
    /// one of the same name.
    pub fn session_values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.session)
    }

    /// Path of the page to go to after signing in, as the browser sent it.
    pub fn wanted_values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.wanted)
    }

    pub fn set_session(&self, token: &str) -> Option<HeaderValue> {
        self.set(&self.session, token, ABSOLUTE_LIFETIME_SECONDS)
    }

    pub fn clear_session(&self) -> Option<HeaderValue> {
        self.set(&self.session, "", 0)
    }

    pub fn set_wanted(&self, path: &str) -> Option<HeaderValue> {
        self.set(&self.wanted, path, WANTED_LIFETIME_SECONDS)
    }

    pub fn clear_wanted(&self) -> Option<HeaderValue> {
        self.set(&self.wanted, "", 0)
    }

    /// `SameSite=Lax`, not `Strict`: with `Strict`, following a link from Slack would look signed out.
    fn set(&self, name: &str, value: &str, max_age_seconds: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}"
        ))
        .ok()
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(move |pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}
