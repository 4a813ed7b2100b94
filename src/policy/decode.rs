//! From what handlers returned (tagged by `_symbot/results.py`) to values of the domain.
//!
//! Tolerant of nothing: a worker is not trusted, and a result that is not exactly right must not decide about access.
//! Errors name the handler, what it returned, and what was expected.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::permission::{Audience, Level, Permissions};
use crate::domain::routing::{Destination, Notification};

use super::types::{FailureKind, HandlerAnswer, HandlerFailure, HookOutcome};

mod handlers;

/// How the prefetch reducer of a field is named in a call.
pub const PREFETCH: &str = "prefetch:";
/// How the function of a field's `on_change` begins.
pub const ON_CHANGE: &str = "on_change_";

/// At most this many notifications: more is a mistake in a loop, and each one costs a message and a timer.
const NOTIFICATIONS_MAX: usize = 100;
/// At most this many destinations in one notification, for the same reason.
const DESTINATIONS_MAX: usize = 100;
/// Slack's limit of a group direct message, without the app.
const GROUP_MAX: usize = 7;

/// The answer of a call: `asked` are the handlers that were to be called, `results` what came back.
///
/// # Errors
/// [`FailureKind::WrongResult`], naming the first handler whose result is not right.
pub fn answer(
    asked: &[String],
    results: &[(String, Value)],
    file: &str,
    printed: String,
) -> Result<HandlerAnswer, HandlerFailure> {
    let mut answer = HandlerAnswer::default();
    for (handler, value) in results {
        let wrong = |message: String| HandlerFailure {
            kind: FailureKind::WrongResult,
            handler: Some(handler.clone()),
            exception: None,
            message,
            file: Some(file.to_owned()),
            line: None,
            traceback: None,
            printed: printed.clone(),
        };
        if !asked.contains(handler) {
            return Err(wrong("this handler was not called".to_owned()));
        }
        match handler.as_str() {
            "get_permissions" => answer.permissions = Some(permissions(value).map_err(wrong)?),
            "get_request_notifications" => {
                answer.notifications = Some(notifications(value).map_err(wrong)?);
            }
            "get_approvers" => answer.approvers = Some(handlers::approvers(value).map_err(wrong)?),
            "get_timeout" => answer.timeout_seconds = handlers::timeout(value).map_err(wrong)?,
            "get_flows" => answer.flows = Some(handlers::flows(value).map_err(wrong)?),
            "get_identity" | "get_identity_lookup" => {
                let identity = handlers::identity(value).map_err(wrong)?;
                answer.identities.insert(handler.clone(), identity);
            }
            prefetch if prefetch.starts_with(PREFETCH) => {
                let field = prefetch[PREFETCH.len()..].to_owned();
                let options = handlers::options(value).map_err(wrong)?;
                answer.options.insert(field, options);
            }
            change if change.starts_with(ON_CHANGE) => {
                answer.form = Some(handlers::form(value).map_err(wrong)?);
            }
            hook if hook.starts_with("on_") || hook.starts_with("after_") => {
                answer
                    .hooks
                    .insert(handler.clone(), hook_outcome(value).map_err(wrong)?);
            }
            _ => return Err(wrong("its results are not understood".to_owned())),
        }
    }
    answer.printed = printed;
    Ok(answer)
}

/// What was returned, in words.
fn describe(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match value.get("type").and_then(Value::as_str) {
        Some("none") => "None".to_owned(),
        Some("list") => {
            let items = value.get("items").and_then(Value::as_array);
            match items.and_then(|items| items.first()) {
                None => "an empty list".to_owned(),
                Some(first) => format!("a list starting with {}", describe(first)),
            }
        }
        Some("permissions") => "a RequestPermission".to_owned(),
        Some("notification") => "a Notification".to_owned(),
        Some("destination") => match text("kind") {
            Some("user") => "a User".to_owned(),
            _ => "a destination".to_owned(),
        },
        Some("outcome") => format!("ApprovalTemplate.{}(…)", text("step").unwrap_or("?")),
        Some("option") => "a FieldOption".to_owned(),
        Some("approvers") => "destinations".to_owned(),
        Some("form") => "a SymPromptForm".to_owned(),
        Some("flow") => "a Flow".to_owned(),
        Some("seconds") => format!("{} seconds", value["value"]),
        Some("text") => format!("the text {:?}", text("value").unwrap_or_default()),
        Some("other") => format!(
            "{} of class {}",
            text("repr").unwrap_or("an object"),
            text("class").unwrap_or("?")
        ),
        _ => "something that is not understood".to_owned(),
    }
}

fn is(value: &Value, tag: &str) -> bool {
    value.get("type").and_then(Value::as_str) == Some(tag)
}

fn permissions(value: &Value) -> Result<Permissions, String> {
    if !is(value, "permissions") {
        return Err(format!(
            "returned {}, expected a RequestPermission",
            describe(value)
        ));
    }
    let field = |name: &str| value.get(name).unwrap_or(&Value::Null);
    let allow_self_approval = field("allow_self_approval").as_bool().ok_or_else(|| {
        format!(
            "returned a RequestPermission whose allow_self_approval is {}, expected True or False",
            describe(field("allow_self_approval"))
        )
    })?;
    Ok(Permissions {
        webapp_view: audience("webapp_view", field("webapp_view"))?,
        approve_deny: audience("approve_deny", field("approve_deny"))?,
        allow_self_approval,
    })
}

fn audience(name: &str, value: &Value) -> Result<Audience, String> {
    let wrong = || {
        format!(
            "returned a RequestPermission whose {name} is {}, expected a PermissionLevel or a list of user ids",
            describe(value)
        )
    };
    if let Some(level) = value.get("level") {
        return serde_json::from_value::<Level>(level.clone())
            .map(Audience::Level)
            .map_err(|_| wrong());
    }
    let people = value
        .get("people")
        .and_then(Value::as_array)
        .ok_or_else(wrong)?;
    if people.is_empty() {
        return Err(wrong());
    }
    people
        .iter()
        .map(|id| id.as_str().and_then(|id| Uuid::parse_str(id).ok()))
        .collect::<Option<Vec<_>>>()
        .map(Audience::People)
        .ok_or_else(wrong)
}

fn notifications(value: &Value) -> Result<Vec<Notification>, String> {
    if is(value, "none") {
        return Ok(Vec::new());
    }
    if is(value, "notification") {
        return notification(value, 0).map(|one| vec![one]);
    }
    let items = value
        .get("items")
        .and_then(Value::as_array)
        .filter(|_| is(value, "list"))
        .ok_or_else(|| {
            format!(
                "returned {}, expected a list of Notification",
                describe(value)
            )
        })?;
    if items.len() > NOTIFICATIONS_MAX {
        return Err(format!(
            "returned {} notifications; at most {NOTIFICATIONS_MAX} are possible",
            items.len()
        ));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| notification(item, index))
        .collect()
}

fn notification(value: &Value, index: usize) -> Result<Notification, String> {
    if !is(value, "notification") {
        return Err(format!(
            "returned a list whose item {index} is {}, expected a Notification",
            describe(value)
        ));
    }
    let timeout_seconds = match value.get("timeout") {
        None | Some(Value::Null) => None,
        Some(timeout) => Some(timeout.as_i64().ok_or_else(|| {
            format!(
                "notification {index}: timeout is {}, expected whole seconds or None",
                describe(timeout)
            )
        })?),
    };
    let destinations = value
        .get("destinations")
        .and_then(Value::as_array)
        .ok_or_else(|| format!("notification {index}: destinations is not a list"))?;
    if destinations.is_empty() || destinations.len() > DESTINATIONS_MAX {
        return Err(format!(
            "notification {index} has {} destinations; 1 to {DESTINATIONS_MAX} are possible",
            destinations.len()
        ));
    }
    let destinations = destinations
        .iter()
        .map(|item| destination(item).map_err(|error| format!("notification {index}: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    let in_slack = destinations
        .iter()
        .filter(|one| !matches!(one, Destination::User { .. }))
        .count();
    if in_slack > 1 {
        return Err(format!(
            "notification {index} has {in_slack} Slack destinations; only one is possible, beside any number of User objects"
        ));
    }
    Ok(Notification::new(destinations, timeout_seconds))
}

fn destination(value: &Value) -> Result<Destination, String> {
    let wrong = || format!("a destination is {}", describe(value));
    if !is(value, "destination") {
        return Err(format!("{}, expected a destination or a User", wrong()));
    }
    let mut plain = value.clone();
    if let Some(entries) = plain.as_object_mut() {
        entries.remove("type");
    }
    let destination: Destination =
        serde_json::from_value(plain).map_err(|error| format!("{}: {error}", wrong()))?;
    let filled = match &destination {
        Destination::ChannelId { id } => starts_with(id, "CDG"),
        Destination::ChannelName { name } => !name.trim_start_matches('#').trim().is_empty(),
        Destination::SlackUser { slack_id } => starts_with(slack_id, "UW"),
        Destination::SlackGroup { slack_ids } => {
            (1..=GROUP_MAX).contains(&slack_ids.len())
                && slack_ids.iter().all(|id| starts_with(id, "UW"))
        }
        Destination::User { id, .. } => !id.is_empty(),
        Destination::Nowhere { .. } => true,
    };
    if filled {
        Ok(destination)
    } else {
        Err(format!("{} is not valid", destination.describe()))
    }
}

fn starts_with(id: &str, letters: &str) -> bool {
    id.chars()
        .next()
        .is_some_and(|first| letters.contains(first))
}

fn hook_outcome(value: &Value) -> Result<HookOutcome, String> {
    if is(value, "none") {
        return Ok(HookOutcome::Proceed);
    }
    let wrong = || {
        format!(
            "returned {}, expected None or one of ApprovalTemplate.ignore(…), .approve(…), …",
            describe(value)
        )
    };
    if !is(value, "outcome") {
        return Err(wrong());
    }
    let fields = value
        .get("fields")
        .and_then(Value::as_object)
        .ok_or_else(wrong)?
        .clone();
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let step = text("step").ok_or_else(wrong)?;
    if step == "ignore" {
        let message = match fields.get("message") {
            None | Some(Value::Null) => None,
            Some(Value::String(message)) => Some(message.clone()),
            Some(other) => Some(other.to_string()),
        };
        return Ok(HookOutcome::Ignore { message });
    }
    let target = match value.get("target_srn") {
        None | Some(Value::Null) => None,
        Some(Value::String(srn)) => Some(srn.clone()),
        Some(_) => return Err(format!("ApprovalTemplate.{step}: target_srn must be text")),
    };
    let duration_seconds =
        match value.get("duration") {
            None | Some(Value::Null) => None,
            Some(duration) => Some(duration.as_u64().ok_or_else(|| {
                format!("ApprovalTemplate.{step}: duration must be whole seconds")
            })?),
        };
    Ok(HookOutcome::Fire {
        event: step,
        target,
        duration_seconds,
        fields,
    })
}
