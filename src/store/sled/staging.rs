//! A batch in the making: what the next write to sled will change, with what was there before.
//!
//! Reading through it shows the changes made so far, so that later commits of a group see earlier ones. Keeps the sums of
//! the head right, and cuts large payloads into pieces. Nothing reaches sled before the writer applies the batch.

use std::collections::HashMap;

use ::sled::{Batch, IVec, Tree};

use super::failures::sled_error;
use super::head::Head;
use crate::store::contract::StoreError;
use crate::store::keys::{self, Kind};
use crate::store::record::{self, PIECE_BYTES, Shape};
use crate::store::to_json;

/// Where the pieces of a payload are: generation, number of pieces, bytes in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) generation: u64,
    pub(super) count: u32,
    pub(super) bytes: u64,
}

impl Pieces {
    fn encode(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.generation.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_be_bytes());
        bytes[12..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; 20] = payload.try_into().ok()?;
        Some(Self {
            generation: u64::from_be_bytes(payload[..8].try_into().ok()?),
            count: u32::from_be_bytes(payload[8..12].try_into().ok()?),
            bytes: u64::from_be_bytes(payload[12..].try_into().ok()?),
        })
    }

    pub(super) fn keys(self) -> impl Iterator<Item = Vec<u8>> {
        (0..self.count).map(move |number| keys::piece(self.generation, number))
    }
}

/// A record whose payload is in pieces that are not all there.
pub(super) fn pieces_missing(key: &[u8]) -> StoreError {
    StoreError::Damaged(format!("{} lacks some of its pieces", keys::describe(key)))
}

struct Entry {
    before: Option<IVec>,
    after: Option<Vec<u8>>,
    changed: bool,
}

impl Entry {
    fn now(&self) -> Option<&[u8]> {
        if self.changed {
            self.after.as_deref()
        } else {
            self.before.as_deref()
        }
    }
}

pub(super) struct Staging<'a> {
    tree: &'a Tree,
    pub(super) head: Head,
    entries: HashMap<Vec<u8>, Entry>,
}

/// What was under each key of a batch before it.
pub(super) type Before = HashMap<Vec<u8>, Option<IVec>>;

impl<'a> Staging<'a> {
    pub(super) fn new(tree: &'a Tree, head: Head) -> Self {
        Self {
            tree,
            head,
            entries: HashMap::new(),
        }
    }

    fn entry(&mut self, key: &[u8]) -> Result<&mut Entry, StoreError> {
        if !self.entries.contains_key(key) {
            let before = self.tree.get(key).map_err(sled_error)?;
            self.entries.insert(
                key.to_vec(),
                Entry {
                    before,
                    after: None,
                    changed: false,
                },
            );
        }
        self.entries
            .get_mut(key)
            .ok_or_else(|| StoreError::Failed("a staged entry vanished".into()))
    }

    /// The payload under a key.
    pub(super) fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(bytes) = self.entry(key)?.now() else {
            return Ok(None);
        };
        let record = record::decode(key, bytes)?;
        if record.shape == Shape::Whole {
            return Ok(Some(record.payload.to_vec()));
        }
        let pieces = Pieces::decode(record.payload).ok_or_else(|| pieces_missing(key))?;
        let mut payload = Vec::new();
        for piece in pieces.keys() {
            let bytes = self
                .entry(&piece)?
                .now()
                .ok_or_else(|| pieces_missing(key))?;
            payload.extend_from_slice(record::decode(&piece, bytes)?.payload);
        }
        if payload.len() as u64 != pieces.bytes {
            return Err(pieces_missing(key));
        }
        Ok(Some(payload))
    }

    pub(super) fn contains(&mut self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.entry(key)?.now().is_some())
    }

    /// Writes a payload of any size.
    pub(super) fn put(&mut self, key: &[u8], payload: &[u8]) -> Result<(), StoreError> {
        if payload.len() <= PIECE_BYTES {
            return self.replace(key, Some((Shape::Whole, payload)));
        }
        self.head.generations += 1;
        let generation = self.head.generations;
        let mut count = 0;
        for (number, piece) in (0..).zip(payload.chunks(PIECE_BYTES)) {
            self.replace(
                &keys::piece(generation, number),
                Some((Shape::Whole, piece)),
            )?;
            count = number + 1;
        }
        let pieces = Pieces {
            generation,
            count,
            bytes: payload.len() as u64,
        };
        self.replace(key, Some((Shape::Pieces, &pieces.encode())))
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.replace(key, None)
    }

    fn replace(&mut self, key: &[u8], new: Option<(Shape, &[u8])>) -> Result<(), StoreError> {
        let kind = Kind::of(key)
            .ok_or_else(|| StoreError::Failed("a key of no known kind was to be written".into()))?;
        let seq = self.head.commits;
        let entry = self.entry(key)?;
        let mut removed = None;
        let mut old_pieces = None;
        if let Some(bytes) = entry.now() {
            let old = record::decode(key, bytes)?;
            removed = Some(old.fingerprint());
            if old.shape == Shape::Pieces {
                old_pieces = Some(Pieces::decode(old.payload).ok_or_else(|| pieces_missing(key))?);
            }
        }
        let mut added = None;
        entry.after = match new {
            Some((shape, payload)) => {
                let (bytes, fingerprint) =
                    record::encode_with_fingerprint(key, shape, seq, payload);
                added = Some(fingerprint);
                Some(bytes)
            }
            None => None,
        };
        entry.changed = true;
        let sum = self.head.sum_mut(kind);
        if let Some(fingerprint) = removed {
            sum.subtract(fingerprint);
        }
        if let Some(fingerprint) = added {
            sum.add(fingerprint);
        }
        for piece in old_pieces.into_iter().flat_map(Pieces::keys) {
            self.replace(&piece, None)?;
        }
        Ok(())
    }

    /// How many bytes of records it writes.
    pub(super) fn bytes(&self) -> u64 {
        let written = self.entries.values().filter(|entry| entry.changed);
        let bytes: usize = written
            .map(|entry| entry.after.as_ref().map_or(16, Vec::len) + 32)
            .sum();
        bytes as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.entries.values().any(|entry| entry.changed)
    }

    /// The batch with its head, what it replaces, and the head for the next one.
    pub(super) fn finish(self) -> Result<(Batch, Before, Head), StoreError> {
        let mut batch = Batch::default();
        let mut replaced = Before::with_capacity(self.entries.len());
        for (key, entry) in self.entries {
            if !entry.changed {
                continue;
            }
            match entry.after {
                Some(bytes) => batch.insert(key.as_slice(), bytes),
                // Made and removed within the group.
                None if entry.before.is_none() => continue,
                None => batch.remove(key.as_slice()),
            }
            replaced.insert(key, entry.before);
        }
        let key = keys::head();
        let payload = to_json("the head of the store", &self.head)?;
        batch.insert(
            key.as_slice(),
            record::encode(&key, Shape::Whole, self.head.commits, &payload),
        );
        Ok((batch, replaced, self.head))
    }
}
