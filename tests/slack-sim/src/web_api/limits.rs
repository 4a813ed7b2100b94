//! Slack's published rates, enforced only in workspaces that ask for it: tiers per method and minute, one message per second
//! and channel with a short burst.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock;

/// Short bursts above one message per second are tolerated.
const MESSAGE_BURST: f64 = 4.0;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<String, Bucket>>);

impl Limits {
    /// Seconds to wait if this call is one too many. `place` is where a message goes, however the call names it.
    pub(crate) fn exceeded(&self, method: &str, place: &str, now: Instant) -> Option<u32> {
        let (key, burst, per_second) = if method == "chat.postMessage" {
            (format!("{method} {place}"), MESSAGE_BURST, 1.0)
        } else {
            let per_minute = per_minute(method)?;
            (method.to_owned(), per_minute, per_minute / 60.0)
        };
        let mut buckets = lock(&self.0);
        let bucket = buckets.entry(key).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        let passed = now.saturating_duration_since(bucket.at);
        bucket.tokens = (bucket.tokens + passed.as_secs_f64() * per_second).min(burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return None;
        }
        let wait = Duration::from_secs_f64((1.0 - bucket.tokens) / per_second);
        Some(
            u32::try_from(wait.as_secs())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        )
    }
}

/// Slack's tiers 2, 3 and 4.
fn per_minute(method: &str) -> Option<f64> {
    Some(match method {
        "conversations.list" | "users.list" | "usergroups.list" | "usergroups.users.list" => 20.0,
        "chat.update"
        | "chat.delete"
        | "conversations.open"
        | "conversations.info"
        | "users.lookupByEmail"
        | "apps.connections.open"
        | "users.conversations"
        | "bots.info"
        | "team.info" => 50.0,
        "views.open"
        | "views.push"
        | "views.update"
        | "views.publish"
        | "chat.postEphemeral"
        | "users.info"
        | "conversations.members" => 100.0,
        _ => return None,
    })
}
