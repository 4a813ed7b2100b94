//! Random secrets, their digests, and comparison that does not tell by its duration where two values differ.
//!
//! Called by the session table, the handlers (keys of forms) and the error page (codes).

use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret: what the server keeps instead of it.
pub type Digest = [u8; 32];

/// The operating system gave no random bytes; nothing may be signed in then.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// `BYTES` random bytes as lower-case hexadecimal digits.
pub fn random_hex<const BYTES: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(to_hex(&bytes))
}

/// SHA-256 over `purpose`, a separator, and `value`.
pub fn digest(purpose: &str, value: &str) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(purpose.as_bytes());
    hasher.update([0]);
    hasher.update(value.as_bytes());
    hasher.finalize().into()
}

/// Lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// Whether two secrets are equal. Takes the same time wherever they differ; only their lengths may show.
pub fn equal(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left
            .bytes()
            .zip(right.bytes())
            .fold(0_u8, |difference, (a, b)| {
                // Keeps the optimiser from ending the loop at the first difference.
                std::hint::black_box(difference | (a ^ b))
            })
            == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let first = random_hex::<32>().unwrap();
        assert_eq!(first.len(), 64);
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(first, random_hex::<32>().unwrap());
    }

    #[test]
    fn equality_is_that_of_the_texts() {
        assert!(equal("", ""));
        assert!(equal("abc", "abc"));
        for other in ["abd", "xbc", "ab", "abcd", ""] {
            assert!(!equal("abc", other), "{other}");
        }
    }

    #[test]
    fn a_digest_depends_on_its_purpose() {
        assert_ne!(digest("session", "x"), digest("csrf", "x"));
        assert_eq!(to_hex(&[0, 15, 255]), "000fff");
    }
}
