//! Host calls about what the bot keeps itself: identities, the history of requests, the key-value store of flows, secrets.

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

use super::{EngineHost, failed, text};
use crate::domain::time::Timestamp;
use crate::engine::history::{Counted, FilterOn};
use crate::engine::identities::stranger_id;
use crate::policy::types::{HostError, IdentityInput};

const CLASS: &str = "SymIntegrationError";

impl EngineHost {
    /// Keeps who a person is in a service. The person of an address that nobody in Slack has is made from the address.
    pub(super) async fn persist_identity(&self, arguments: &Value) -> Result<Value, HostError> {
        let could_not = |why: String| failed("CouldNotSaveError", "COULD_NOT_SAVE", why);
        let email = text(arguments, "email").trim();
        if !email.contains('@') {
            return Err(could_not(format!("'{email}' is not an e-mail address")));
        }
        let identity = IdentityInput {
            service: text(arguments, "service").to_owned(),
            service_id: text(arguments, "service_id").to_owned(),
            user_id: text(arguments, "user_id").to_owned(),
        };
        if identity.service.is_empty() || identity.user_id.is_empty() {
            return Err(could_not(
                "service and user_id must not be empty".to_owned(),
            ));
        }
        let engine = &self.engine;
        let known = engine.outside.directory.person_by_email(email).await;
        let person = known.map_err(|error| {
            self.reach.failed(&engine.outside, &error);
            could_not(error.to_string())
        })?;
        let id = person.map_or_else(|| stranger_id(email), |person| person.id);
        let kept = engine.identities.keep(engine.store.as_ref(), id, identity);
        kept.await.map_err(could_not)?;
        Ok(Value::Null)
    }

    pub(super) async fn count_events(&self, arguments: &Value) -> Result<Value, HostError> {
        let invalid =
            |what: &str| failed(CLASS, "INVALID_ARGUMENT", format!("events.count: {what}"));
        let Ok(user) = Uuid::parse_str(text(arguments, "user_id")) else {
            // A user made from an id that nobody has: no requests.
            return Ok(0.into());
        };
        let moment = |key: &str| match arguments[key].as_str() {
            None => Ok(None),
            Some(text) => DateTime::parse_from_rfc3339(text)
                .map(|at| Some(Timestamp(at.timestamp_millis())))
                .map_err(|_| invalid(&format!("{key} is no moment"))),
        };
        let counted = Counted {
            user,
            event: text(arguments, "event").to_owned(),
            since: moment("since")?,
            until: moment("until")?,
            filter: match text(arguments, "filter_on") {
                "flow" => FilterOn::Flow,
                "target" => FilterOn::Target,
                _ => return Err(invalid("filter_on is flow or target")),
            },
            include_errored: arguments["include_errored"] == true,
        };
        let count = self.engine.count_events(&counted, &self.scope).await;
        count
            .map(Value::from)
            .map_err(|error| failed(CLASS, "UNAVAILABLE", error.to_string()))
    }

    pub(super) async fn fetch(&self, path: &str) -> Result<Value, HostError> {
        let engine = &self.engine;
        let store = engine.store.as_ref();
        engine.flow_store.fetch(store, &self.scope, path).await
    }

    pub(super) async fn put(&self, path: &str, value: &Value) -> Result<Value, HostError> {
        let engine = &self.engine;
        let store = engine.store.as_ref();
        engine
            .flow_store
            .put(store, &self.scope, path, value)
            .await?;
        Ok(Value::Null)
    }

    /// Only secrets that the environment of this flow refers to.
    pub(super) async fn retrieve_secret(&self, id: &str) -> Result<Value, HostError> {
        let secret = self.scope.secrets.iter().find(|secret| secret.id == id);
        let Some(secret) = secret else {
            return Err(failed(
                CLASS,
                "SECRET_NOT_FOUND",
                "The environment of this flow refers to no such secret.",
            ));
        };
        let value = self
            .engine
            .outside
            .secrets
            .value(&secret.path, secret.json_key())
            .await;
        match value {
            Ok(value) => Ok(value.expose().into()),
            Err(error) => Err(failed(CLASS, "SECRET_NOT_FOUND", error.to_string())),
        }
    }
}
