//! The head: one record, written with every batch, that says how much the store holds.
//!
//! **Sums.** For each kind of record the head keeps the number of records and the sum of their fingerprints. A record that
//! was lost, came back, or is an older version of itself changes the sum, although each record that is there may look
//! perfect by itself. This is what makes silent damage visible at the next start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;
use crate::store::journal::NO_HASH;
use crate::store::keys::Kind;

/// How many records of a kind there are, and the sum (modulo 2^64) of their fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) sum: u64,
}

impl Sum {
    pub(super) fn add(&mut self, fingerprint: u64) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(fingerprint);
    }

    pub(super) fn subtract(&mut self, fingerprint: u64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(fingerprint);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Number of the last commit; dense.
    pub(super) commits: u64,
    /// Number and hash of the last audit line.
    pub(super) audit: u64,
    pub(super) audit_hash: String,
    /// Number and hash of the last line of the change log; format 1 had none.
    #[serde(default)]
    pub(super) changes: u64,
    #[serde(default = "no_hash")]
    pub(super) changes_hash: String,
    /// Number of effects made so far; their order.
    pub(super) effects: u64,
    /// Number of records written in pieces so far: each such writing has keys of its own.
    pub(super) generations: u64,
    /// The moment of the last commit.
    pub(super) now: Option<Timestamp>,
    sums: BTreeMap<char, Sum>,
}

fn no_hash() -> String {
    NO_HASH.to_owned()
}

impl Default for Head {
    fn default() -> Self {
        Self {
            commits: 0,
            audit: 0,
            audit_hash: NO_HASH.to_owned(),
            changes: 0,
            changes_hash: NO_HASH.to_owned(),
            effects: 0,
            generations: 0,
            now: None,
            sums: BTreeMap::new(),
        }
    }
}

impl Head {
    pub(super) fn sum(&self, kind: Kind) -> Sum {
        self.sums
            .get(&char::from(kind as u8))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn sum_mut(&mut self, kind: Kind) -> &mut Sum {
        self.sums.entry(char::from(kind as u8)).or_default()
    }
}
