//! Audit records: one JSON object per step, with the keys that log destinations and operators rely on.
//!
//! Built here as values; `seq`, `prev` and `hash` are added by the store when the record is committed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A record before it is chained: the object without `seq`, `prev`, `hash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Stable across duplicates.
    pub id: Uuid,
    /// The run it belongs to; `None` for steps without one (sign-in, start).
    pub run: Option<Uuid>,
    /// Everything else, in the order in which it is written.
    pub body: Map<String, Value>,
}
