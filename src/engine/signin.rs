//! One-time links into the web app: made by `/sym login`, single use, five minutes.
//!
//! The store keeps only the SHA-256 of a token, so that a copy of the data directory opens nothing. Single use rests on
//! the store's de-duplication: of two redemptions at the same moment exactly one commit succeeds.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Engine;
use crate::domain::Timestamp;
use crate::domain::person::Person;
use crate::store::contract::{Commit, StoreError};
use crate::web::backend::LinkRefusal;

/// How long a link can be used.
pub const LINK_LIFETIME_SECONDS: u64 = 300;

/// Random bytes of a token: 256 bits cannot be guessed.
const TOKEN_BYTES: usize = 32;

fn key(token: &str) -> String {
    format!("login/{}", hex(&Sha256::digest(token.as_bytes())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Engine {
    /// Makes a link token for a person.
    ///
    /// # Errors
    /// The store's; or when the operating system has no randomness.
    pub async fn make_link_token(&self, person: &Person) -> Result<String, StoreError> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Failed(format!("no randomness: {error}")))?;
        let token = hex(&bytes);
        let now = self.clock.now();
        let value = json!({
            "slack_id": person.slack_id,
            "expires": now.plus_seconds(LINK_LIFETIME_SECONDS),
        });
        self.store.commit(Commit { values: vec![(key(&token), Some(value))], now: Some(now), ..Commit::default() }).await?;
        Ok(token)
    }

    /// Redeems a token: the Slack id of its person.
    pub(super) async fn redeem_token(&self, token: &str) -> Result<Result<String, LinkRefusal>, StoreError> {
        let key = key(token);
        let Some(value) = self.store.value(key.clone()).await? else { return Ok(Err(LinkRefusal::UsedOrUnknown)) };
        let expires: Option<Timestamp> = serde_json::from_value(value["expires"].clone()).ok();
        let slack_id = value["slack_id"].as_str().map(str::to_owned);
        let now = self.clock.now();
        let used = Commit {
            dedup: vec![format!("used/{key}")],
            values: vec![(key, None)],
            now: Some(now),
            ..Commit::default()
        };
        match self.store.commit(used).await {
            Ok(()) => {}
            Err(StoreError::Duplicate(_)) => return Ok(Err(LinkRefusal::UsedOrUnknown)),
            Err(error) => return Err(error),
        }
        Ok(match (expires, slack_id) {
            (Some(expires), Some(slack_id)) if now <= expires => Ok(slack_id),
            _ => Err(LinkRefusal::Expired),
        })
    }
}
