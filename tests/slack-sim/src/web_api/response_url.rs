//! Posts to a response URL: an answer to a command or a click, also where the app is not a member.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::chat::content;
use super::{Args, Request};
use crate::faults::Fault;
use crate::log::{Call, ViolationKind};
use crate::net::Reset;
use crate::workspace::Workspace;
use crate::world::ResponseUrl;
use crate::world::messages::Draft;

/// The name under which posts to response URLs are logged and can be made to fail.
pub(crate) const METHOD: &str = "response_url";

impl Workspace {
    /// `http://…/response/<id>` for a new interaction.
    pub(crate) fn response_url(&self, id: &str) -> String {
        format!("{}/response/{id}", self.base_url())
    }

    pub(crate) async fn post_to_response_url(
        &self,
        id: &str,
        headers: axum::http::HeaderMap,
        body: Bytes,
        reset: Reset,
    ) -> Response {
        let at = self.0.clock.instant();
        let request = Request {
            http_method: Method::POST,
            method: METHOD.to_owned(),
            query: String::new(),
            headers,
            body,
            reset: reset.clone(),
        };
        let mut args = Args::read(&request);
        // Old clients send the whole JSON as one form field.
        if let Ok(Some(Value::Object(payload))) = args.structure("payload") {
            args = Args::from_json(payload);
        }
        let logged = |error: Option<String>, injected: bool| {
            self.record(Call {
                method: METHOD.to_owned(),
                args: args.for_log(),
                error,
                injected,
                at,
            });
        };
        let mut reset_after = false;
        for fault in self.0.faults.for_call(METHOD) {
            match fault {
                Fault::Latency(delay) | Fault::SlowAnswer(delay) => tokio::time::sleep(delay).await,
                Fault::ResetAfter => reset_after = true,
                Fault::ResetBefore => {
                    logged(Some("reset".to_owned()), true);
                    reset.arm();
                    return StatusCode::OK.into_response();
                }
                Fault::RateLimited {
                    retry_after_seconds,
                } => {
                    logged(Some("ratelimited".to_owned()), true);
                    let headers = [(
                        axum::http::header::RETRY_AFTER,
                        retry_after_seconds.to_string(),
                    )];
                    return (StatusCode::TOO_MANY_REQUESTS, headers, "ratelimited").into_response();
                }
                Fault::ServerError(_) | Fault::Error(_) | Fault::Garbage => {
                    logged(Some("http 500".to_owned()), true);
                    return (StatusCode::INTERNAL_SERVER_ERROR, "upstream trouble").into_response();
                }
            }
        }
        let result = self.respond(id, &args);
        logged(result.as_ref().err().cloned(), false);
        if reset_after {
            reset.arm();
        }
        match result {
            // A structured post is answered with JSON.
            Ok(()) => {
                let headers = [(
                    axum::http::header::CONTENT_TYPE,
                    "application/json; charset=utf-8",
                )];
                (StatusCode::OK, headers, json!({"ok": true}).to_string()).into_response()
            }
            Err(code) => {
                let status = match code.as_str() {
                    "expired_url" | "used_url" => StatusCode::NOT_FOUND,
                    _ => StatusCode::BAD_REQUEST,
                };
                let headers = [(
                    axum::http::header::CONTENT_TYPE,
                    "application/json; charset=utf-8",
                )];
                (
                    status,
                    headers,
                    json!({"ok": false, "error": code}).to_string(),
                )
                    .into_response()
            }
        }
    }

    fn respond(&self, id: &str, args: &Args) -> Result<(), String> {
        if let Some(problem) = args.problem {
            self.violation(ViolationKind::InvalidPayload, METHOD, problem);
            return Err(problem.to_owned());
        }
        for name in args.names() {
            if !ARGUMENTS.contains(&name) {
                self.violation(
                    ViolationKind::UnknownArgument,
                    METHOD,
                    format!("argument `{name}`"),
                );
            }
        }
        let delete = args.flag("delete_original").unwrap_or(false);
        let replace = args.flag("replace_original").unwrap_or(false);
        let in_channel = match args.text("response_type").as_deref() {
            None | Some("ephemeral") => false,
            Some("in_channel") => true,
            Some(other) => {
                let detail = format!("response_type `{other}`");
                self.violation(ViolationKind::InvalidPayload, METHOD, detail);
                return Err("invalid_response_type".to_owned());
            }
        };
        let content = if delete {
            None
        } else {
            match content(args) {
                Ok(content) => Some(content),
                Err(error) => {
                    let kind = error.violation.unwrap_or(ViolationKind::InvalidPayload);
                    let detail = format!("{} {}", error.code, error.messages.join("; "));
                    self.violation(kind, METHOD, detail);
                    return Err(error.code);
                }
            }
        };
        let url = self
            .change(|w, clock| w.use_response_url(id, clock))
            .map_err(|code| {
                self.violation(
                    ViolationKind::SpentResponseUrl,
                    METHOD,
                    format!("{code}: {}", args.excerpt()),
                );
                code.to_owned()
            })?;
        self.carry_out(
            &url,
            content,
            delete,
            replace,
            in_channel,
            args.text("thread_ts"),
        );
        self.ring(&url.channel);
        self.ring(&url.user);
        Ok(())
    }

    fn carry_out(
        &self,
        url: &ResponseUrl,
        content: Option<super::chat::Content>,
        delete: bool,
        replace: bool,
        in_channel: bool,
        thread_ts: Option<String>,
    ) {
        self.change(|w, clock| {
            let original = url.message_ts.as_deref();
            if delete {
                if let Some(ts) = original {
                    let _ = w.delete(&url.channel, ts) || w.delete_ephemeral(&url.user, ts);
                }
                return;
            }
            let Some(content) = content else { return };
            if replace && let Some(ts) = original {
                let (text, blocks) = (content.text.clone(), content.blocks.clone());
                let _ = w
                    .edit(&url.channel, ts, text.clone(), blocks.clone(), clock)
                    .is_some()
                    || w.edit_ephemeral(&url.user, ts, text, blocks, clock);
                return;
            }
            let draft = Draft {
                user: w.app.bot_user.clone(),
                by_app: true,
                text: content.text,
                blocks: content.blocks,
                attachments: content.attachments,
                metadata: None,
                thread_ts,
            };
            if in_channel {
                w.post(&url.channel, draft, clock);
            } else {
                w.post_ephemeral(&url.channel, &url.user, draft, clock);
            }
        });
    }

    /// The immediate answer to a slash command, in the ack.
    pub(crate) fn answer_command(
        &self,
        channel: &str,
        user: &str,
        payload: &Value,
    ) -> Result<(), String> {
        let Some(object) = payload.as_object() else {
            return Err("the ack payload of a slash command is not an object".to_owned());
        };
        let args = Args::from_json(object.clone());
        let content =
            content(&args).map_err(|e| format!("{} {}", e.code, e.messages.join("; ")))?;
        let in_channel = args.text("response_type").as_deref() == Some("in_channel");
        let url = ResponseUrl {
            channel: channel.to_owned(),
            user: user.to_owned(),
            message_ts: None,
            made: self.0.clock.instant(),
            uses: 0,
        };
        self.carry_out(&url, Some(content), false, false, in_channel, None);
        self.ring(channel);
        self.ring(user);
        Ok(())
    }
}

const ARGUMENTS: [&str; 13] = [
    "response_type",
    "replace_original",
    "delete_original",
    "text",
    "blocks",
    "attachments",
    "thread_ts",
    "mrkdwn",
    "metadata",
    "unfurl_links",
    "unfurl_media",
    "link_names",
    "parse",
];
