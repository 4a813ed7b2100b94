//! Who people are in other services, as `persist_user_identity` has kept it: `identity/PERSON` → a list.
//!
//! All of it is in memory, read at the start: there are as many as people, and every user that a handler sees carries them.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use super::Engine;
use super::calls::user_input;
use crate::domain::person::Person;
use crate::policy::types::{IdentityInput, UserInput};
use crate::store::contract::{Commit, Store, StoreError};

/// People whose identities are read at the start.
const PEOPLE_MAX: usize = 200_000;
/// Identities of one person; a flow that makes new ones for each request must not grow the store without end.
const IDENTITIES_MAX: usize = 100;
/// Characters of each part.
const PART_MAX: usize = 500;

const PREFIX: &str = "identity/";

/// The id of somebody whom Slack does not know, made from the address.
pub(super) fn stranger_id(email: &str) -> Uuid {
    let address = format!("mailto:{}", email.trim().to_lowercase());
    Uuid::new_v5(&Uuid::NAMESPACE_URL, address.as_bytes())
}

#[derive(Default)]
pub(super) struct Identities {
    known: RwLock<HashMap<Uuid, Vec<IdentityInput>>>,
    /// Held while one is written, so that no two changes of a person overwrite each other.
    writing: tokio::sync::Mutex<()>,
}

impl Identities {
    /// Reads all of them.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn load(&self, store: &dyn Store) -> Result<(), StoreError> {
        let values = store.values(PREFIX.to_owned(), PEOPLE_MAX).await?;
        let mut known = HashMap::with_capacity(values.len());
        for (name, value) in values {
            let person = Uuid::parse_str(&name[PREFIX.len()..]);
            let (Ok(person), Ok(identities)) = (person, serde_json::from_value(value)) else {
                return Err(StoreError::Damaged(format!("{name} cannot be read")));
            };
            known.insert(person, identities);
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    pub(super) fn of(&self, person: Uuid) -> Vec<IdentityInput> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&person).cloned().unwrap_or_default()
    }

    /// Adds an identity, or changes the one for the same service and account. Durable on return.
    ///
    /// # Errors
    /// Why it cannot be kept.
    pub(super) async fn keep(
        &self,
        store: &dyn Store,
        person: Uuid,
        identity: IdentityInput,
    ) -> Result<(), String> {
        let parts = [&identity.service, &identity.service_id, &identity.user_id];
        if parts.iter().any(|part| part.chars().count() > PART_MAX) {
            return Err(format!(
                "each part of an identity has at most {PART_MAX} characters"
            ));
        }
        let _turn = self.writing.lock().await;
        let mut all = self.of(person);
        let same = all.iter().position(|known| {
            known.service == identity.service && known.service_id == identity.service_id
        });
        match same {
            Some(place) if all[place] == identity => return Ok(()),
            Some(place) => all[place] = identity,
            None if all.len() >= IDENTITIES_MAX => {
                return Err(format!("a user has at most {IDENTITIES_MAX} identities"));
            }
            None => all.push(identity),
        }
        let value = serde_json::to_value(&all).map_err(|error| error.to_string())?;
        let commit = Commit {
            values: vec![(format!("{PREFIX}{person}"), Some(value))],
            ..Commit::default()
        };
        store
            .commit(commit)
            .await
            .map_err(|error| error.to_string())?;
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(person, all);
        Ok(())
    }
}

impl Engine {
    /// A person as handlers and host calls see them.
    pub(super) fn user_input(&self, person: &Person) -> UserInput {
        let mut identities = self.identities.of(person.id);
        let in_slack = identities.iter().any(|known| known.service == "slack");
        if let (Some(slack_id), false) = (&person.slack_id, in_slack) {
            identities.push(IdentityInput {
                service: "slack".to_owned(),
                service_id: self.outside.directory.home().team_id.clone(),
                user_id: slack_id.clone(),
            });
        }
        UserInput {
            identities,
            ..user_input(person)
        }
    }
}
