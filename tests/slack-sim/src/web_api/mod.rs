//! `POST|GET /api/<method>`: arguments, tokens, scopes, faults, the call itself, the log. The methods are in the files
//! beside this one; each takes [`Args`] and answers a JSON object or an [`ApiError`] with Slack's code.

mod args;
mod chat;
mod conversations;
pub(crate) mod limits;
mod methods;
pub(crate) mod response_url;
mod users;
mod views;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(crate) use args::Args;
use methods::{MethodSpec, Token};

use crate::faults::Fault;
use crate::log::{Call, ViolationKind};
use crate::net::Reset;
use crate::workspace::Workspace;

/// A refusal in Slack's words.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    /// `response_metadata.messages`.
    pub(crate) messages: Vec<String>,
    /// More keys of the answer.
    pub(crate) extra: Option<Box<Value>>,
    /// Recorded as the app's fault.
    pub(crate) violation: Option<ViolationKind>,
}

impl ApiError {
    pub(crate) fn new(code: &str) -> ApiError {
        ApiError {
            code: code.to_owned(),
            messages: Vec::new(),
            extra: None,
            violation: None,
        }
    }

    /// A refusal that no well-behaved app should meet.
    pub(crate) fn violation(code: &str, kind: ViolationKind, messages: Vec<String>) -> ApiError {
        ApiError {
            code: code.to_owned(),
            messages,
            extra: None,
            violation: Some(kind),
        }
    }

    /// A required argument is missing or malformed.
    pub(crate) fn argument(message: &str) -> ApiError {
        ApiError::violation(
            "invalid_arguments",
            ViolationKind::InvalidArgument,
            vec![format!("[ERROR] {message}")],
        )
    }

    fn missing_scope(needed: &str, provided: &[String]) -> ApiError {
        ApiError {
            extra: Some(Box::new(
                json!({"needed": needed, "provided": provided.join(",")}),
            )),
            ..ApiError::violation("missing_scope", ViolationKind::MissingScope, Vec::new())
        }
    }

    fn body(&self) -> Value {
        let mut out = json!({"ok": false, "error": self.code});
        if !self.messages.is_empty() {
            out["response_metadata"] = json!({"messages": self.messages});
        }
        if let Some(extra) = &self.extra {
            crate::shapes::merge(&mut out, (**extra).clone());
        }
        out
    }
}

type ApiResult = Result<Value, ApiError>;

/// One request to `/api/<method>`.
pub(crate) struct Request {
    pub(crate) http_method: Method,
    pub(crate) method: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) reset: Reset,
}

impl Workspace {
    pub(crate) async fn web_api(&self, request: Request) -> Response {
        let at = self.0.clock.instant();
        let method = request.method.clone();
        let args = Args::read(&request);
        let mut late = None;
        let mut fault = None;
        for met in self.0.faults.for_call(&method) {
            match met {
                Fault::Latency(delay) => tokio::time::sleep(delay).await,
                Fault::SlowAnswer(delay) => late = Some(delay),
                other => fault = Some(other),
            }
        }
        let logged = |error: Option<String>, injected: bool| {
            self.record(Call {
                method: method.clone(),
                args: args.for_log(),
                error,
                injected,
                at,
            });
        };
        match fault {
            Some(Fault::Error(code)) => {
                logged(Some(code.clone()), true);
                return answer(&json!({"ok": false, "error": code}));
            }
            Some(Fault::RateLimited {
                retry_after_seconds,
            }) => {
                logged(Some("ratelimited".to_owned()), true);
                return rate_limited(retry_after_seconds);
            }
            Some(Fault::ServerError(status)) => {
                logged(Some(format!("http {status}")), true);
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return (status, "upstream trouble").into_response();
            }
            Some(Fault::ResetBefore) => {
                logged(Some("reset".to_owned()), true);
                request.reset.arm();
                return StatusCode::OK.into_response();
            }
            _ => {}
        }
        if self.0.setup.rate_limits
            && let Some(seconds) =
                self.0
                    .limits
                    .exceeded(&method, &self.place(&args), self.0.clock.instant())
        {
            logged(Some("ratelimited".to_owned()), false);
            return rate_limited(seconds);
        }
        let result = self.call(&method, &args);
        let (body, error) = match result {
            Ok(mut body) => {
                body["ok"] = json!(true);
                if args.missing_charset {
                    body["warning"] = json!("missing_charset");
                    body["response_metadata"]["warnings"] = json!(["missing_charset"]);
                }
                (ok_first(body), None)
            }
            Err(error) => {
                if let Some(kind) = error.violation {
                    let detail = format!(
                        "{} {}; args: {}",
                        error.code,
                        error.messages.join("; "),
                        args.excerpt()
                    );
                    self.violation(kind, &method, detail);
                }
                (error.body(), Some(error.code))
            }
        };
        logged(error, false);
        if let Some(delay) = late {
            tokio::time::sleep(delay).await;
        }
        match fault {
            Some(Fault::ResetAfter) => {
                request.reset.arm();
                StatusCode::OK.into_response()
            }
            Some(Fault::Garbage) => {
                (StatusCode::OK, "<html>Something went wrong</html>").into_response()
            }
            _ => answer(&body),
        }
    }

    fn call(&self, method: &str, args: &Args) -> ApiResult {
        let Some(spec) = methods::find(method) else {
            let mut error =
                ApiError::violation("unknown_method", ViolationKind::UnknownMethod, Vec::new());
            error.extra = Some(Box::new(json!({"req_method": method})));
            return Err(error);
        };
        if let Some(problem) = &args.problem {
            return Err(ApiError::violation(
                problem,
                ViolationKind::InvalidArgument,
                Vec::new(),
            ));
        }
        self.authorise(spec, args)?;
        for name in args.names() {
            if !spec.knows(name) {
                self.violation(
                    ViolationKind::UnknownArgument,
                    method,
                    format!("argument `{name}`"),
                );
            }
        }
        match method {
            "api.test" => Ok(json!({"args": args.for_log()})),
            "auth.test" => Ok(self.auth_test()),
            "apps.connections.open" => {
                let debug = args.flag("debug_reconnects").unwrap_or(false);
                Ok(json!({"url": self.new_socket_url(debug)}))
            }
            "team.info" => Ok(self.team_info()),
            "bots.info" => self.bots_info(args),
            "users.info" => self.users_info(args),
            "users.list" => self.users_list(args),
            "users.lookupByEmail" => self.users_lookup_by_email(args),
            "users.conversations" => self.users_conversations(args),
            "usergroups.list" => Ok(self.usergroups_list(args)),
            "usergroups.users.list" => self.usergroups_users_list(args),
            "conversations.list" => self.conversations_list(args),
            "conversations.info" => self.conversations_info(args),
            "conversations.members" => self.conversations_members(args),
            "conversations.open" => self.conversations_open(args),
            "conversations.join" => self.conversations_join(args),
            "chat.postMessage" => self.chat_post_message(args),
            "chat.postEphemeral" => self.chat_post_ephemeral(args),
            "chat.update" => self.chat_update(args),
            "chat.delete" => self.chat_delete(args),
            "chat.getPermalink" => self.chat_get_permalink(args),
            "views.open" => self.views_open(args),
            "views.push" => self.views_push(args),
            "views.update" => self.views_update(args),
            "views.publish" => self.views_publish(args),
            _ => Err(ApiError::new("unknown_method")),
        }
    }

    fn authorise(&self, spec: &MethodSpec, args: &Args) -> Result<(), ApiError> {
        if spec.token == Token::None {
            return Ok(());
        }
        let wrong = |code| ApiError::violation(code, ViolationKind::WrongToken, Vec::new());
        let Some(token) = args.token.as_deref().filter(|t| !t.is_empty()) else {
            return Err(wrong("not_authed"));
        };
        let (is_bot, is_app, scopes) = self.with(|w| {
            (
                token == w.app.bot_token,
                token == w.app.app_token,
                w.app.scopes.clone(),
            )
        });
        if !is_bot && !is_app {
            return Err(wrong("invalid_auth"));
        }
        match spec.token {
            Token::Bot if !is_bot => return Err(wrong("not_allowed_token_type")),
            Token::App if !is_app => return Err(wrong("not_allowed_token_type")),
            _ => {}
        }
        match spec.scope {
            Some(scope) if !scopes.iter().any(|s| s == scope) => {
                Err(ApiError::missing_scope(scope, &scopes))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.with(|w| w.app.scopes.iter().any(|s| s == scope))
    }

    pub(crate) fn need_scope(&self, scope: &str) -> Result<(), ApiError> {
        if self.has_scope(scope) {
            return Ok(());
        }
        Err(ApiError::missing_scope(
            scope,
            &self.with(|w| w.app.scopes.clone()),
        ))
    }

    fn auth_test(&self) -> Value {
        self.with(|w| {
            let handle = w.person(&w.app.bot_user).map(|p| p.name.clone());
            json!({
                "url": format!("https://{}.slack.com/", w.team.domain), "team": w.team.name, "user": handle,
                "team_id": w.team.id, "user_id": w.app.bot_user, "bot_id": w.app.bot_id,
                "is_enterprise_install": false,
            })
        })
    }

    fn team_info(&self) -> Value {
        self.with(|w| {
            json!({"team": {"id": w.team.id, "name": w.team.name, "url": format!("https://{}.slack.com/", w.team.domain),
                "domain": w.team.domain, "email_domain": "", "icon": {"image_default": true}}})
        })
    }

    fn bots_info(&self, args: &Args) -> ApiResult {
        self.with(|w| match args.text("bot") {
            Some(bot) if bot == w.app.bot_id => Ok(json!({"bot": {
                "id": w.app.bot_id, "deleted": false, "name": w.app.name, "updated": 1_700_000_000,
                "app_id": w.app.id, "user_id": w.app.bot_user, "icons": {}}})),
            _ => Err(ApiError::new("bot_not_found")),
        })
    }
}

/// `ok` first, as Slack writes it.
fn ok_first(body: Value) -> Value {
    let mut out = json!({"ok": true});
    crate::shapes::merge(&mut out, body);
    out
}

fn answer(body: &Value) -> Response {
    let mut response = (StatusCode::OK, body.to_string()).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

fn rate_limited(retry_after_seconds: u32) -> Response {
    let mut response = answer(&json!({"ok": false, "error": "ratelimited"}));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    response
}
