//! The integrations of an environment with the secrets that they refer to, as code in flows sees them.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::catalog::{SecretRef, SecretSource, Service};
use super::eval::World;
use super::objects::{Object, Objects};
use super::value::Value;

/// Name space of secret ids: UUIDs of version 5 over the secret's address.
const SECRET_IDS: Uuid = Uuid::from_u128(0x1f0d_9c52_7a34_5e1b_8c06_44d2_90ab_63e7);

/// The setting that lists secrets.
const SECRET_LIST: &str = "secret_ids_json";

/// Reads the integrations that an environment names. What is not part of the configuration is left out; whether it
/// should be there is for others to say.
pub(super) fn read(
    world: &World,
    objects: &Objects,
    environment: &Object,
) -> BTreeMap<String, Service> {
    let reader = Reader { world, objects };
    let mut services = BTreeMap::new();
    if let Some(Value::Map(map)) = environment
        .get("integrations")
        .map(|written| &written.value)
    {
        for (key, value) in &map.entries {
            let integration = value
                .as_str()
                .and_then(|id| objects.find(id, environment))
                .filter(|object| object.schema.kind == "sym_integration");
            if let Some(service) = integration.and_then(|object| reader.service(object)) {
                services.insert(key.clone(), service);
            }
        }
    }
    services
}

/// Reads the integration of a strategy; `None` where that is not part of the configuration.
pub(super) fn of_strategy(world: &World, objects: &Objects, strategy: &Object) -> Option<Service> {
    let id = strategy.text("integration_id")?;
    let object = objects.find(id, strategy)?;
    if object.schema.kind != "sym_integration" {
        return None;
    }
    Reader { world, objects }.service(object)
}

struct Reader<'a> {
    world: &'a World,
    objects: &'a Objects,
}

impl Reader<'_> {
    fn service(&self, object: &Object) -> Option<Service> {
        let mut service = Service {
            kind: object.text("type")?.to_owned(),
            name: object.text("name")?.to_owned(),
            external_id: object.text("external_id").unwrap_or_default().to_owned(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            secret_list: None,
        };
        for (name, text) in object.text_map("settings") {
            if name == SECRET_LIST {
                service.secret_list = Some(self.list(object, &text));
            } else if let Some(secret) = self.secret(&text, object) {
                service.secrets.insert(name, secret);
            } else {
                service.settings.insert(name, text);
            }
        }
        Some(service)
    }

    /// `jsonencode([…])` of ids, in the written order.
    fn list(&self, object: &Object, text: &str) -> Vec<SecretRef> {
        let Ok(ids) = serde_json::from_str::<Vec<String>>(text) else {
            self.world.sources.warn(
                object.place_of("settings"),
                format!(
                    "{}: `{SECRET_LIST}` is not a JSON list of ids; code in flows sees no secrets",
                    object.address
                ),
                Some("write secret_ids_json = jsonencode([sym_secret.NAME.id])"),
            );
            return Vec::new();
        };
        let mut secrets = Vec::with_capacity(ids.len());
        for id in ids {
            match self.secret(&id, object) {
                Some(secret) => secrets.push(secret),
                None => self.world.sources.warn(
                    object.place_of("settings"),
                    format!(
                        "{}: `{SECRET_LIST}`: {id:?} is not the id of a sym_secret in this configuration",
                        object.address
                    ),
                    Some("write the ids of sym_secret resources"),
                ),
            }
        }
        secrets
    }

    fn secret(&self, id: &str, from: &Object) -> Option<SecretRef> {
        let object = self.objects.find(id, from)?;
        if object.schema.kind != "sym_secret" {
            return None;
        }
        let path = match object
            .get("path")
            .map(|written| (&written.value, written.place))
        {
            Some((Value::String(path), _)) => path.to_string(),
            Some((Value::Unknown(unknown), place)) => {
                self.world.sources.warn(
                    place,
                    format!(
                        "{}: `path` depends on {}, which only an apply would know; code that asks for this secret gets an error",
                        object.address, unknown.reference
                    ),
                    Some(super::source::UNKNOWN_HINT),
                );
                unknown.to_string()
            }
            _ => return None,
        };
        let source = object
            .text("source_id")
            .and_then(|id| self.objects.find(id, object))
            .filter(|source| source.schema.kind == "sym_secrets");
        let address = format!("{}:{}", object.module.root_shown, object.address);
        Some(SecretRef {
            id: Uuid::new_v5(&SECRET_IDS, address.as_bytes()).to_string(),
            path,
            label: object
                .text("label")
                .filter(|label| !label.is_empty())
                .map(str::to_owned),
            settings: object.text_map("settings"),
            source: SecretSource {
                kind: source
                    .and_then(|source| source.text("type"))
                    .unwrap_or_default()
                    .to_owned(),
                name: source
                    .and_then(|source| source.text("name"))
                    .unwrap_or_default()
                    .to_owned(),
                settings: source
                    .map(|source| source.text_map("settings"))
                    .unwrap_or_default(),
            },
        })
    }
}
