//! Reading records while the writer writes: checksums, pieces, and nothing that is not durable yet.
//!
//! sled shows a batch to readers as soon as it is applied, milliseconds before it is on the disk. Before the writer applies
//! a batch it therefore publishes what the batch replaces (`before`), and takes it back once the batch is durable. A
//! reader asks sled first and `before` second; what it finds in `before` wins. In whichever order the two interleave, the
//! reader returns a state that was durable at some moment during its call.

use std::sync::{PoisonError, RwLock};

use ::sled::{IVec, Tree};

use super::sled_error;
use super::staging::{Before, Pieces, pieces_missing};
use crate::store::contract::StoreError;
use crate::store::record::{self, Record, Shape};

/// A value in pieces can be replaced between two reads; then it is read anew, at most this often.
const TRIES: usize = 100;

pub(super) struct Reading<'a> {
    pub(super) tree: &'a Tree,
    pub(super) before: &'a RwLock<Before>,
}

impl Reading<'_> {
    /// The durable record under a key.
    pub(super) fn bytes(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        let found = self.tree.get(key).map_err(sled_error)?;
        let before = self.before.read().unwrap_or_else(PoisonError::into_inner);
        Ok(match before.get(key) {
            Some(durable) => durable.clone(),
            None => found,
        })
    }

    /// The durable payload under a key.
    pub(super) fn payload(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut result = Err(pieces_missing(key));
        for _ in 0..TRIES {
            let Some(bytes) = self.bytes(key)? else {
                return Ok(None);
            };
            let record = record::decode(key, &bytes)?;
            result = self.assemble(key, record).map(Some);
            if record.shape == Shape::Whole || result.is_ok() {
                break;
            }
            if self.bytes(key)?.as_ref() == Some(&bytes) {
                // Nobody replaced it: the pieces are really missing.
                break;
            }
        }
        result
    }

    /// The payload of a record, put together from its pieces where it has them.
    pub(super) fn assemble(&self, key: &[u8], record: Record<'_>) -> Result<Vec<u8>, StoreError> {
        if record.shape == Shape::Whole {
            return Ok(record.payload.to_vec());
        }
        let pieces = Pieces::decode(record.payload).ok_or_else(|| pieces_missing(key))?;
        let mut payload = Vec::new();
        for piece in pieces.keys() {
            let bytes = self.bytes(&piece)?.ok_or_else(|| pieces_missing(key))?;
            payload.extend_from_slice(record::decode(&piece, &bytes)?.payload);
        }
        if payload.len() as u64 != pieces.bytes {
            return Err(pieces_missing(key));
        }
        Ok(payload)
    }

    /// Whether a key that was found in a scan is durable.
    pub(super) fn is_durable(&self, key: &[u8]) -> bool {
        let before = self.before.read().unwrap_or_else(PoisonError::into_inner);
        !matches!(before.get(key), Some(None))
    }
}
