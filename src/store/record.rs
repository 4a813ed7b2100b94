//! The frame around every stored value: version, shape, commit number, length and checksum.
//!
//! sled has its own checksums, but a flipped bit was measured to come back as a silent wrong read in 10 of 96 trials. The
//! checksum here covers the key too: a value that turns up under another key is damage as well. The commit number says
//! which commit wrote the record; none may be larger than the head's.

use crc32fast::Hasher;

use super::contract::StoreError;
use super::keys;

/// Version of the frame; readers refuse others.
pub(super) const RECORD_VERSION: u8 = 1;
/// Version, shape, commit number, length, checksum.
pub(super) const HEADER_BYTES: usize = 1 + 1 + 8 + 4 + 4;
/// Largest piece of a payload in one record. sled moves nodes beyond a quarter of a segment to `blobs/`, which it never
/// fsyncs; with segments of 8 MiB and records of at most 48 KiB nodes stay far below.
pub(super) const PIECE_BYTES: usize = 48 << 10;

/// How a payload is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The payload itself.
    Whole,
    /// The payload says how many [`keys::piece`] records hold the value.
    Pieces,
}

/// A record whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) shape: Shape,
    pub(super) seq: u64,
    pub(super) payload: &'a [u8],
    checksum: u32,
}

impl Record<'_> {
    /// A number that stands for this record in the sums of the head: see [`super::sled`].
    pub(super) fn fingerprint(&self) -> u64 {
        fingerprint(self.checksum, self.seq)
    }
}

/// SplitMix64's finalizer: spreads 64 bits so that sums of fingerprints do not cancel by accident.
fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn checksum(key: &[u8], header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(key);
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// Puts the frame around a payload.
pub(super) fn encode(key: &[u8], shape: Shape, seq: u64, payload: &[u8]) -> Vec<u8> {
    encode_with_fingerprint(key, shape, seq, payload).0
}

/// As [`encode`], with the record's [`Record::fingerprint`].
pub(super) fn encode_with_fingerprint(
    key: &[u8],
    shape: Shape,
    seq: u64,
    payload: &[u8],
) -> (Vec<u8>, u64) {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(RECORD_VERSION);
    bytes.push(match shape {
        Shape::Whole => 0,
        Shape::Pieces => 1,
    });
    bytes.extend_from_slice(&seq.to_be_bytes());
    // Payloads are cut to PIECE_BYTES before they come here.
    bytes.extend_from_slice(
        &u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    let checksum = checksum(key, &bytes, payload);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes.extend_from_slice(payload);
    (bytes, fingerprint(checksum, seq))
}

fn fingerprint(checksum: u32, seq: u64) -> u64 {
    mix((u64::from(checksum) << 32) ^ seq)
}

/// Takes the frame off, after checking it.
pub(super) fn decode<'a>(key: &[u8], bytes: &'a [u8]) -> Result<Record<'a>, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("{} {why}", keys::describe(key)));
    let (header, payload) = bytes
        .split_at_checked(HEADER_BYTES)
        .ok_or_else(|| damaged("is cut off"))?;
    let (covered, stored) = header.split_at(HEADER_BYTES - 4);
    let stored = u32::from_be_bytes(stored.try_into().unwrap_or_default());
    if checksum(key, covered, payload) != stored {
        return Err(damaged("does not match its checksum"));
    }
    if covered[0] != RECORD_VERSION {
        return Err(damaged(
            "has a record version that this symbot does not know",
        ));
    }
    let shape = match covered[1] {
        0 => Shape::Whole,
        1 => Shape::Pieces,
        _ => return Err(damaged("has a shape that this symbot does not know")),
    };
    let seq = u64::from_be_bytes(covered[2..10].try_into().unwrap_or_default());
    let length = u32::from_be_bytes(covered[10..14].try_into().unwrap_or_default());
    if length as usize != payload.len() {
        return Err(damaged("has the wrong length"));
    }
    Ok(Record {
        shape,
        seq,
        payload,
        checksum: stored,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_record_is_noticed() {
        let key = keys::value("people/1");
        let bytes = encode(&key, Shape::Whole, 7, b"{\"name\":\"alice\"}");
        assert_eq!(
            decode(&key, &bytes).unwrap().payload,
            b"{\"name\":\"alice\"}"
        );
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&key, &flipped).is_err(), "bit {bit} went unnoticed");
        }
        for length in 0..bytes.len() {
            assert!(decode(&key, &bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_record_under_another_key_is_noticed() {
        let bytes = encode(&keys::value("a"), Shape::Whole, 1, b"x");
        assert!(decode(&keys::value("b"), &bytes).is_err());
    }
}
