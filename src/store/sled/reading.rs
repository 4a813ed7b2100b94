//! Reading records while the writer writes: checksums, pieces, and nothing that is not durable yet.
//!
//! sled shows a batch to readers as soon as it is applied, milliseconds before it is on the disk. Before the writer applies
//! a batch it therefore publishes what the batch replaces (`before`), and takes it back once the batch is durable. A
//! reader asks sled first and `before` second; what it finds in `before` wins. In whichever order the two interleave, the
//! reader returns a state that was durable at some moment during its call.

use std::sync::{PoisonError, RwLock};

use ::sled::{IVec, Tree};

use super::failures::sled_error;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::store::keys;

    #[test]
    fn a_batch_that_is_applied_but_not_durable_is_not_seen() {
        let db = ::sled::Config::new().temporary(true).open().unwrap();
        let before = RwLock::new(Before::new());
        let reading = Reading {
            tree: &db,
            before: &before,
        };
        let (old, new) = (keys::value("old"), keys::value("new"));
        let write = |key: &[u8], seq, text: &[u8]| {
            let bytes = record::encode(key, Shape::Whole, seq, text);
            db.insert(key, bytes).unwrap()
        };
        write(&old, 1, b"one");

        // As the writer does it: first what is replaced, then the batch.
        before
            .write()
            .unwrap()
            .extend([(old.clone(), db.get(&old).unwrap()), (new.clone(), None)]);
        write(&old, 2, b"two");
        write(&new, 2, b"two");
        assert_eq!(reading.payload(&old).unwrap().unwrap(), b"one");
        assert_eq!(reading.payload(&new).unwrap(), None);
        assert!(reading.is_durable(&old) && !reading.is_durable(&new));

        before.write().unwrap().clear();
        assert_eq!(reading.payload(&old).unwrap().unwrap(), b"two");
        assert_eq!(reading.payload(&new).unwrap().unwrap(), b"two");
    }

    #[test]
    fn a_flipped_bit_on_the_way_is_an_error() {
        let db = ::sled::Config::new().temporary(true).open().unwrap();
        let before = RwLock::new(Before::new());
        let reading = Reading {
            tree: &db,
            before: &before,
        };
        let key = keys::value("name");
        let mut bytes = record::encode(&key, Shape::Whole, 1, b"alice");
        *bytes.last_mut().unwrap() ^= 1;
        db.insert(&key, bytes).unwrap();
        assert!(matches!(reading.payload(&key), Err(StoreError::Damaged(_))));
    }
}
