//! The key layout: one prefix byte per kind of record, then big-endian fields, so that a range of keys is a range in
//! time. Keys are part of the stored format: changing one needs a new format version ([`super::datadir`]).

use sha2::{Digest, Sha256};

use crate::domain::effect::EffectId;
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;

/// The kinds of record. The byte is the first of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// `b` + hash: a large text.
    Blob = b'b',
    /// `c` + generation + number: a piece of a record that is too large for one.
    Piece = b'c',
    /// `d` + first half of the SHA-256 of the key: when a de-duplication key was seen.
    Dedup = b'd',
    /// `e` + run + number: an effect that has not been reported done.
    Effect = b'e',
    /// `h`: the head.
    Head = b'h',
    /// `n` + creation time + run: every run.
    Created = b'n',
    /// `o` + creation time + run: every open run.
    Open = b'o',
    /// `r` + run: a run.
    Run = b'r',
    /// `t`: the lines of the last group, which may not be on the disk in the journals yet. In format 1 `t` + number: an audit
    /// line.
    Tail = b't',
    /// `v` + name: a small value.
    Value = b'v',
    /// `w` + run + notification: a timer.
    Timer = b'w',
}

impl Kind {
    /// All kinds whose records are counted and summed in the head, which is all but the head.
    pub(super) const COUNTED: [Self; 10] = [
        Self::Blob,
        Self::Piece,
        Self::Dedup,
        Self::Effect,
        Self::Created,
        Self::Open,
        Self::Run,
        Self::Tail,
        Self::Value,
        Self::Timer,
    ];

    /// The kind of a key.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        Self::COUNTED
            .into_iter()
            .chain([Self::Head])
            .find(|kind| key.first() == Some(&(*kind as u8)))
    }

    /// What a person calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Piece => "piece",
            Self::Dedup => "de-duplication key",
            Self::Effect => "effect",
            Self::Head => "head",
            Self::Created => "index of runs",
            Self::Open => "index of open runs",
            Self::Run => "run",
            Self::Tail => "lines of the last group",
            Self::Value => "value",
            Self::Timer => "timer",
        }
    }
}

fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind as u8);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// Big-endian with the sign bit flipped: earlier times sort first, also before 1970.
fn time_bytes(at: Timestamp) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(super) fn head() -> Vec<u8> {
    key(Kind::Head, &[])
}

pub(super) fn run(id: RunId) -> Vec<u8> {
    key(Kind::Run, &[id.as_bytes()])
}

pub(super) fn created(at: Timestamp, id: RunId) -> Vec<u8> {
    key(Kind::Created, &[&time_bytes(at), id.as_bytes()])
}

pub(super) fn open(at: Timestamp, id: RunId) -> Vec<u8> {
    key(Kind::Open, &[&time_bytes(at), id.as_bytes()])
}

pub(super) fn dedup(name: &str) -> Vec<u8> {
    let digest = Sha256::digest(name.as_bytes());
    let (half, _) = digest.split_at(16);
    key(Kind::Dedup, &[half])
}

pub(super) fn effect(id: EffectId) -> Vec<u8> {
    key(Kind::Effect, &[id.run.as_bytes(), &id.number.to_be_bytes()])
}

pub(super) fn timer(run: RunId, notification: usize) -> Vec<u8> {
    key(
        Kind::Timer,
        &[run.as_bytes(), &(notification as u64).to_be_bytes()],
    )
}

pub(super) fn tail() -> Vec<u8> {
    key(Kind::Tail, &[])
}

pub(super) fn value(name: &str) -> Vec<u8> {
    key(Kind::Value, &[name.as_bytes()])
}

pub(super) fn blob(hash: &str) -> Vec<u8> {
    key(Kind::Blob, &[hash.as_bytes()])
}

pub(super) fn piece(generation: u64, number: u32) -> Vec<u8> {
    key(
        Kind::Piece,
        &[&generation.to_be_bytes(), &number.to_be_bytes()],
    )
}

/// Takes a key of [`created`] or [`open`] apart.
pub(super) fn time_and_run(key: &[u8]) -> Option<(Timestamp, RunId)> {
    let rest = key.get(1..)?;
    let (time, run) = rest.split_at_checked(8)?;
    let time = u64::from_be_bytes(time.try_into().ok()?) ^ (1 << 63);
    Some((Timestamp(time.cast_signed()), RunId::from_slice(run).ok()?))
}

/// The key of a de-duplication key whose digest is known.
pub(super) fn dedup_of_digest(half: &[u8]) -> Vec<u8> {
    key(Kind::Dedup, &[half])
}

/// The name in a key of [`value`] (or [`blob`]).
pub(super) fn value_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

/// The number in a key of format 1 of an audit line.
pub(super) fn tail_seq(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// A key for people: the kind and what identifies it.
pub(super) fn describe(key: &[u8]) -> String {
    let Some(kind) = Kind::of(key) else {
        return format!("unknown key {}", hex(key));
    };
    let rest = key.get(1..).unwrap_or_default();
    let detail = match kind {
        Kind::Run => RunId::from_slice(rest).map(|id| id.to_string()).ok(),
        Kind::Created | Kind::Open => time_and_run(key).map(|(_, id)| id.to_string()),
        Kind::Value | Kind::Blob => Some(String::from_utf8_lossy(rest).into_owned()),
        Kind::Tail => tail_seq(key).map(|seq| seq.to_string()),
        _ => None,
    };
    match detail {
        Some(detail) => format!("{} {detail}", kind.name()),
        None => format!("{} {}", kind.name(), hex(rest)),
    }
}

/// The bytes of [`hex`].
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}
