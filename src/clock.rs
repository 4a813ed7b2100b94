//! The one place that reads the wall clock.

use crate::domain::Timestamp;

/// Now, in milliseconds since the epoch.
#[must_use]
#[allow(clippy::disallowed_methods)]
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}
