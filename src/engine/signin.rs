//! One-time links into the web app: made by `/sym login`, single use, five minutes.
//!
//! The store keeps only the SHA-256 of a token, so that a copy of the data directory opens nothing. Single use rests on
//! the store's de-duplication: of two redemptions at the same moment exactly one commit succeeds.

use serde::Deserialize as _;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Engine;
use crate::domain::person::Person;
use crate::domain::{PersonRef, Timestamp, audit};
use crate::kept::Change;
use crate::store::contract::{Commit, StoreError};
use crate::web::backend::LinkRefusal;

/// How long a link can be used.
pub const LINK_LIFETIME_SECONDS: u64 = 300;

/// Random bytes of a token: 256 bits cannot be guessed.
const TOKEN_BYTES: usize = 32;

/// Where the store keeps links, under the hash of their token.
const LINKS: &str = "login/";

/// Links that are looked at when another one is made.
const SWEPT_MAX: usize = 200;

fn key(token: &str) -> String {
    format!("{LINKS}{}", hex(&Sha256::digest(token.as_bytes())))
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
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::Failed(format!("no randomness: {error}")))?;
        let token = hex(&bytes);
        let now = self.clock.now();
        let value = json!({
            "person": person.to_ref(),
            "expires": now.plus_seconds(LINK_LIFETIME_SECONDS),
        });
        let mut values = self.expired_links(now).await?;
        values.push((key(&token), Some(value)));
        self.store
            .commit(Commit {
                values,
                now: Some(now),
                ..Commit::default()
            })
            .await?;
        Ok(token)
    }

    /// Removes links that can no longer be used, some of them where there are very many.
    async fn expired_links(&self, now: Timestamp) -> Result<Vec<Change>, StoreError> {
        let links = self.store.values(LINKS.to_owned(), SWEPT_MAX).await?;
        let expired = links
            .into_iter()
            .filter(|(_, value)| Link::deserialize(value).map_or(true, |link| link.expires < now));
        Ok(expired.map(|(name, _)| (name, None)).collect())
    }

    /// Whose token this is, without redeeming it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn peek_token(
        &self,
        token: &str,
    ) -> Result<Result<PersonRef, LinkRefusal>, StoreError> {
        let Some(value) = self.store.value(key(token)).await? else {
            return Ok(Err(LinkRefusal::UsedOrUnknown));
        };
        let Ok(link) = serde_json::from_value::<Link>(value) else {
            return Ok(Err(LinkRefusal::UsedOrUnknown));
        };
        Ok(if self.clock.now() <= link.expires {
            Ok(link.person)
        } else {
            Err(LinkRefusal::Expired)
        })
    }

    /// Removes a link that was seen to be too old; a failure is logged, since it does not matter to anybody.
    pub(super) async fn drop_link(&self, token: &str) {
        let gone = Commit {
            values: vec![(key(token), None)],
            ..Commit::default()
        };
        if let Err(error) = self.store.commit(gone).await {
            tracing::warn!(%error, "a sign-in link that has expired could not be removed");
        }
    }

    /// Redeems a token: who made it. It is gone afterwards, also when it was too old.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn redeem_token(
        &self,
        token: &str,
    ) -> Result<Result<PersonRef, LinkRefusal>, StoreError> {
        let found = self.peek_token(token).await?;
        if found == Err(LinkRefusal::UsedOrUnknown) {
            return Ok(found);
        }
        let now = self.clock.now();
        let key = key(token);
        let used = Commit {
            dedup: vec![format!("used/{key}")],
            values: vec![(key, None)],
            audit: found
                .iter()
                .map(|person| {
                    audit::sign_in(
                        Uuid::new_v4(),
                        person,
                        &self.outside.directory.home().team_id,
                        now,
                    )
                })
                .collect(),
            now: Some(now),
            ..Commit::default()
        };
        match self.store.commit(used).await {
            Ok(()) => Ok(found),
            Err(StoreError::Duplicate(_)) => Ok(Err(LinkRefusal::UsedOrUnknown)),
            Err(error) => Err(error),
        }
    }
}

/// What the store keeps under the hash of a token.
#[derive(Debug, serde::Deserialize)]
struct Link {
    person: PersonRef,
    expires: Timestamp,
}
