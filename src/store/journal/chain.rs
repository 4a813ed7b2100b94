//! One line of the journal: making and checking it. Pure.

use sha2::{Digest, Sha256};

use crate::store::keys::hex;

/// `prev` of the first line.
pub(in crate::store) const NO_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";
const HASH_DIGITS: usize = 64;
const HASH_MEMBER: &str = ",\"hash\":\"";
const PREV_MEMBER: &str = ",\"prev\":\"";
const END: &str = "\"}";

fn digest(text: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in text {
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

/// A line (without its end) and its hash. `members` is the inside of a JSON object and not empty.
pub(in crate::store) fn chained(seq: u64, members: &str, prev: &str) -> (String, String) {
    let mut line = format!("{{\"seq\":{seq},{members}{PREV_MEMBER}{prev}");
    let hash = digest(&[&line, END]);
    line.push('"');
    line.push_str(HASH_MEMBER);
    line.push_str(&hash);
    line.push_str(END);
    (line, hash)
}

/// The number of a line, without looking at the rest.
pub(super) fn seq_of(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("{\"seq\":")?;
    rest.get(..rest.find(',')?)?.parse().ok()
}

/// What a line that is whole says about its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub(super) seq: u64,
    pub(super) prev: &'a str,
    pub(super) hash: &'a str,
}

/// Checks a line by itself: its form and its hash.
pub(super) fn check_line(line: &str) -> Result<Link<'_>, &'static str> {
    let seq = seq_of(line).ok_or("it does not begin with a number (`seq`)")?;
    let (covered, hash) =
        split_member(line.strip_suffix(END), HASH_MEMBER).ok_or("it does not end with `hash`")?;
    let body = covered
        .strip_suffix('"')
        .ok_or("there is no `prev` before `hash`")?;
    let (_, prev) =
        split_member(Some(body), PREV_MEMBER).ok_or("there is no `prev` before `hash`")?;
    if digest(&[body, END]) != hash {
        return Err("its content does not match its `hash`");
    }
    Ok(Link { seq, prev, hash })
}

/// Splits `…,"name":"<64 digits>` into what is before the member and the digits.
fn split_member<'a>(text: Option<&'a str>, member: &str) -> Option<(&'a str, &'a str)> {
    let text = text?;
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(HASH_DIGITS)?)?;
    let is_hash = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_hash.then_some((rest.strip_suffix(member)?, digits))
}
