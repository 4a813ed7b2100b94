//! A string that must never be shown: tokens, passwords, one-time addresses.
//!
//! Whoever holds a secret hands on the [`Secret`], and calls [`Secret::expose`] only where the bytes leave the process.

use std::fmt;

/// A secret whose `Debug` and `Display` say nothing about it, not even its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself. Never format the result.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_when_formatted() {
        let secret = Secret::new("xoxb-MARKER");
        let shown = format!("{secret} {secret:?} {:#?}", Some(&secret));
        assert!(!shown.contains("MARKER"), "shown: {shown}");
        assert_eq!(secret.expose(), "xoxb-MARKER");
    }
}
