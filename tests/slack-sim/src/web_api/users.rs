//! `users.*` and `usergroups.*`.

use serde_json::{Value, json};

use super::{ApiError, ApiResult, Args};
use crate::log::ViolationKind;
use crate::shapes;
use crate::workspace::Workspace;

/// Slack: at most 1,000 per page; without a limit everything comes at once.
const MAX_PAGE: usize = 1_000;

/// One page of a list and the cursor of the next, in the way Slack's cursors work: opaque, empty at the end.
pub(super) fn page<T>(
    all: &[T],
    args: &Args,
    default: usize,
) -> Result<(usize, usize, String), ApiError> {
    let limit = match args.text("limit").map(|limit| limit.parse::<usize>()) {
        None | Some(Ok(0)) => default,
        Some(Ok(limit)) => limit.min(MAX_PAGE),
        Some(Err(_)) => {
            let kind = ViolationKind::InvalidArgument;
            return Err(ApiError::violation("invalid_limit", kind, Vec::new()));
        }
    };
    let start = match args.text("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("dXNlcjp")
            .and_then(|n| n.trim_end_matches('=').parse::<usize>().ok())
            .filter(|&n| n <= all.len())
            .ok_or_else(|| ApiError::new("invalid_cursor"))?,
    };
    let end = (start + limit).min(all.len());
    let next = if end < all.len() {
        format!("dXNlcjp{end}=")
    } else {
        String::new()
    };
    Ok((start, end, next))
}

impl Workspace {
    pub(super) fn users_info(&self, args: &Args) -> ApiResult {
        let id = args.required("user")?;
        let with_email = self.has_scope("users:read.email");
        self.with(|w| {
            let person = w
                .person(&id)
                .ok_or_else(|| ApiError::new("user_not_found"))?;
            Ok(json!({"user": shapes::user(w, person, with_email)}))
        })
    }

    pub(super) fn users_list(&self, args: &Args) -> ApiResult {
        let with_email = self.has_scope("users:read.email");
        self.with(|w| {
            let (start, end, next) = page(w.people(), args, usize::MAX / 2)?;
            let members: Vec<Value> = w.people()[start..end]
                .iter()
                .map(|p| shapes::user(w, p, with_email))
                .collect();
            Ok(json!({
                "members": members, "cache_ts": self.clock().unix_seconds(),
                "response_metadata": {"next_cursor": next},
            }))
        })
    }

    pub(super) fn users_lookup_by_email(&self, args: &Args) -> ApiResult {
        let email = args.required("email")?;
        self.with(|w| {
            let found = w.people().iter().find(|p| {
                !p.deleted
                    && p.email
                        .as_deref()
                        .is_some_and(|e| e.eq_ignore_ascii_case(&email))
            });
            match found {
                Some(person) => Ok(json!({"user": shapes::user(w, person, true)})),
                None => Err(ApiError::new("users_not_found")),
            }
        })
    }

    pub(super) fn usergroups_list(&self, args: &Args) -> Value {
        let with_users = args.flag("include_users").unwrap_or(false);
        let with_count = args.flag("include_count").unwrap_or(false);
        let groups: Vec<Value> = self.with(|w| {
            w.user_groups
                .iter()
                .map(|g| {
                    let mut out = json!({
                        "id": g.id, "team_id": w.team.id, "is_usergroup": true, "is_subteam": true, "name": g.name,
                        "description": "", "handle": g.handle, "is_external": false, "date_create": 1_700_000_000,
                        "date_update": 1_700_000_000, "date_delete": 0, "auto_type": null,
                        "auto_provision": false, "enterprise_subteam_id": "",
                        "created_by": "USLACKBOT", "updated_by": "USLACKBOT", "deleted_by": null,
                        "prefs": {"channels": [], "groups": []}, "user_count": g.members.len(),
                    });
                    if with_users {
                        out["users"] = json!(g.members);
                    }
                    if with_count {
                        out["channel_count"] = json!(0);
                    }
                    out
                })
                .collect()
        });
        json!({"usergroups": groups})
    }

    pub(super) fn usergroups_users_list(&self, args: &Args) -> ApiResult {
        let id = args.required("usergroup")?;
        self.with(|w| {
            let group = w
                .user_groups
                .iter()
                .find(|g| g.id == id)
                .ok_or_else(|| ApiError::new("no_such_subteam"))?;
            Ok(json!({"users": group.members}))
        })
    }
}
