//! Identifiers that look like Slack's. Readable where a person chooses the name (`U0ALICE00`), random elsewhere.

use serde_json::Value;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// `prefix` and `len` random capitals and digits.
pub fn random(prefix: &str, len: usize) -> String {
    let mut bytes = vec![0u8; len];
    // Without randomness ids would repeat and every later lookup would lie; zeros are made unique by the caller's map.
    let _ = getrandom::fill(&mut bytes);
    let mut out = String::with_capacity(prefix.len() + len);
    out.push_str(prefix);
    for byte in bytes {
        out.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    }
    out
}

/// An id made of a name: `U0` + `ALICE` + zeros, 9 characters or more, as Slack's have.
pub fn from_name(prefix: &str, name: &str) -> String {
    const BODY: usize = 7;
    let mut body: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    while body.len() < BODY {
        body.push('0');
    }
    format!("{prefix}0{body}")
}

/// The short ids that Slack gives to blocks and actions that have none.
pub fn short() -> String {
    random("", 5)
}

/// Slack's trigger ids: `<number>.<number>.<hex>`.
pub fn trigger() -> String {
    format!(
        "{}.{}.{}",
        digits(12),
        digits(12),
        uuid::Uuid::new_v4().simple()
    )
}

/// A view hash: `<seconds>.<8 characters>`.
pub fn view_hash(seconds: u64) -> String {
    format!("{seconds}.{}", random("", 8))
}

fn digits(len: usize) -> String {
    let mut bytes = vec![0u8; len];
    let _ = getrandom::fill(&mut bytes);
    bytes
        .into_iter()
        .map(|b| char::from(b'0' + b % 10))
        .collect()
}

/// Text of a JSON string or number, empty for anything else: arguments arrive as either.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        _ => String::new(),
    }
}
