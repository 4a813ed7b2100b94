//! How a call to Slack can fail, sorted by what the caller can do about it.
//!
//! No response body, address or token is ever part of an error: bodies of `apps.connections.open` and the addresses
//! of responses are credentials.

use std::error::Error as StdError;
use std::time::Duration;

use serde_json::Value;
use slack_morphism::errors::SlackClientError;

use crate::slack::hint::hint;

/// A 429 without a readable `Retry-After` is taken to mean this.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// Longest `Retry-After` that is believed: Slack's own are at most a minute, a broken proxy's may be a date.
const RETRY_AFTER_LONGEST: Duration = Duration::from_secs(300);

/// The token itself is refused: no other call with it can succeed.
const TOKEN_CODES: [&str; 9] = [
    "account_inactive",
    "invalid_auth",
    "no_active_installation",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
    "user_removed_from_team",
];

/// The token is refused for one workspace: the own one where the call is about nothing else, else that of a channel or a
/// person that the call names.
const WORKSPACE_CODE: &str = "team_access_not_granted";

/// Slack could not do it now. The documentation says of the first two that part of the call may have been done.
const MAYBE_DONE_CODES: [&str; 2] = ["fatal_error", "internal_error"];
const LATER_CODES: [&str; 4] = [
    "org_login_required",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
];
const RATE_CODES: [&str; 2] = ["rate_limited", "ratelimited"];

/// A call needs a scope that the app does not have; Slack names it.
const MISSING_SCOPE: &str = "missing_scope";

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Slack understood the call and refuses it: repeating it unchanged is pointless.
    #[error("Slack refused {method}: {code}{}{}", in_brackets(.detail), hint_after(.code, .detail))]
    Refused {
        method: &'static str,
        /// Slack's word (`channel_not_found`), or `http_404` for an answer without one.
        code: String,
        detail: Option<String>,
    },
    /// The token is not accepted for anything; somebody has to change the set-up.
    #[error("Slack does not accept the token for {method}: {code}; {}", token_hint(.method, .code))]
    Token { method: &'static str, code: String },
    /// Too many calls; nothing was done.
    #[error("Slack asks to repeat {method} after {} s", .retry_after.as_secs())]
    RateLimited {
        method: &'static str,
        retry_after: Duration,
    },
    /// The network or Slack failed; worth repeating.
    #[error("{method} failed for now: {what}")]
    Transient {
        method: &'static str,
        what: String,
        /// True when Slack may have carried the call out all the same.
        maybe_done: bool,
    },
}

impl ApiError {
    /// Slack's word for the refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } | Self::Token { code, .. } => Some(code),
            Self::RateLimited { .. } | Self::Transient { .. } => None,
        }
    }

    /// What administrators can do about the refusal.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            // The scope by its name says more than the table.
            Self::Refused { code, detail, .. } if code == MISSING_SCOPE && detail.is_some() => {
                detail.clone()
            }
            Self::Refused { code, .. } => hint(code).map(str::to_owned),
            Self::Token { .. } | Self::RateLimited { .. } | Self::Transient { .. } => None,
        }
    }

    /// The same call will not succeed later: use another destination, or tell somebody.
    #[must_use]
    pub fn permanent(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Token { .. })
    }

    /// No call with this token can succeed.
    #[must_use]
    pub fn fatal(&self) -> bool {
        matches!(self, Self::Token { .. })
    }

    /// Whether Slack may have done what was asked.
    #[must_use]
    pub fn maybe_done(&self) -> bool {
        matches!(
            self,
            Self::Transient {
                maybe_done: true,
                ..
            }
        )
    }

    pub(super) fn timeout(method: &'static str, after: Duration) -> Self {
        Self::Transient {
            method,
            what: format!("no answer within {} ms", after.as_millis()),
            maybe_done: true,
        }
    }

    /// What an answer with `ok: false` means.
    pub(super) fn from_code(method: &'static str, code: &str, body: Option<&Value>) -> Self {
        let about_nothing_else = matches!(method, super::AUTH_TEST | super::CONNECTIONS_OPEN);
        if TOKEN_CODES.contains(&code) || (code == WORKSPACE_CODE && about_nothing_else) {
            return Self::Token {
                method,
                code: code.to_owned(),
            };
        }
        if RATE_CODES.contains(&code) {
            return Self::RateLimited {
                method,
                retry_after: RETRY_AFTER_DEFAULT,
            };
        }
        let maybe_done = MAYBE_DONE_CODES.contains(&code);
        if maybe_done || LATER_CODES.contains(&code) {
            return Self::Transient {
                method,
                what: format!("Slack says {code}"),
                maybe_done,
            };
        }
        Self::Refused {
            method,
            code: code.to_owned(),
            detail: body.and_then(detail_of),
        }
    }

    /// Sorts the library's errors. Their own texts quote response bodies and are not used.
    pub(super) fn from_client(method: &'static str, error: &SlackClientError) -> Self {
        let transient = |what: String, maybe_done| Self::Transient {
            method,
            what,
            maybe_done,
        };
        match error {
            SlackClientError::ApiError(api) => {
                let body = api.http_response_body.as_deref().and_then(parse);
                Self::from_code(method, &api.code, body.as_ref())
            }
            SlackClientError::RateLimitError(limit) => Self::RateLimited {
                method,
                retry_after: limit
                    .retry_after
                    .unwrap_or(RETRY_AFTER_DEFAULT)
                    .min(RETRY_AFTER_LONGEST),
            },
            SlackClientError::HttpError(http) => {
                let status = http.status_code;
                if status.is_server_error() || status.as_u16() == 408 {
                    return transient(format!("HTTP status {}", status.as_u16()), true);
                }
                let text = http.http_response_body.as_deref().unwrap_or_default();
                let body = parse(text);
                match body.as_ref().and_then(|body| body["error"].as_str()) {
                    Some(code) => Self::from_code(method, code, body.as_ref()),
                    // `response_url` answers with a bare word.
                    None if is_word(text.trim()) => Self::from_code(method, text.trim(), None),
                    None => Self::Refused {
                        method,
                        code: format!("http_{}", status.as_u16()),
                        detail: None,
                    },
                }
            }
            SlackClientError::HttpProtocolError(protocol) => match &protocol.cause {
                Some(cause) => {
                    let connecting = cause
                        .downcast_ref::<hyper_util::client::legacy::Error>()
                        .is_some_and(hyper_util::client::legacy::Error::is_connect);
                    transient(chain(cause.as_ref()), !connecting)
                }
                None => transient("the connection failed".to_owned(), true),
            },
            SlackClientError::SystemError(system) => transient(
                system.cause.as_ref().map_or_else(
                    || "the answer could not be read".to_owned(),
                    |cause| chain(cause.as_ref()),
                ),
                true,
            ),
            SlackClientError::ProtocolError(_)
            | SlackClientError::EndOfStream(_)
            | SlackClientError::SocketModeProtocolError(_) => {
                transient("the answer is not JSON".to_owned(), true)
            }
        }
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 60
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The part of a refusal that tells a developer which scope or which block it was.
fn detail_of(body: &Value) -> Option<String> {
    if let Some(needed) = body["needed"].as_str() {
        let how = match needed {
            // The one of the app's own token.
            "connections:write" => "add it to the app-level token",
            _ => "update the app's manifest, as manifest.yaml has it, and install the app again",
        };
        return Some(format!("the app needs the scope {needed}; {how}"));
    }
    let texts = |list: &Value| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let mut details = texts(&body["response_metadata"]["messages"]);
    details.extend(texts(&body["errors"]));
    (!details.is_empty()).then(|| details.join("; "))
}

fn in_brackets(detail: &Option<String>) -> String {
    detail
        .as_ref()
        .map(|detail| format!(" ({detail})"))
        .unwrap_or_default()
}

fn hint_after(code: &str, detail: &Option<String>) -> String {
    match hint(code) {
        Some(hint) if code != MISSING_SCOPE || detail.is_none() => format!("; {hint}"),
        _ => String::new(),
    }
}

fn token_hint(method: &str, code: &str) -> String {
    let (variable, kind) = if method == super::CONNECTIONS_OPEN {
        ("SLACK_APP_TOKEN", "xapp-")
    } else {
        ("SLACK_BOT_TOKEN", "xoxb-")
    };
    match code {
        "not_allowed_token_type" => format!("{variable} must be a token that starts with {kind}"),
        "account_inactive" | "token_revoked" | "token_expired" | "no_active_installation" => {
            format!("install the app again and put the new token into {variable}")
        }
        _ => format!("check {variable}"),
    }
}

/// An error with its causes: hyper's own text alone says only "client error (Connect)".
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
