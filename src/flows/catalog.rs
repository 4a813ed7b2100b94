//! The catalog: every flow of an installation as plain values, at one version.
//!
//! Made by the loader from Terraform files; read by the engine, the forms and `symbot check`. A [`Flow`] is
//! serializable because a run is pinned to the flow it started with, and the store keeps that flow under its version.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::field::FieldType;
use crate::domain::run::ChosenTarget;

/// All flows at one moment.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Hash over everything that defines a flow.
    pub version: String,
    /// In the order of their addresses.
    pub flows: Vec<Arc<Flow>>,
    /// Chooses which flows a person is offered in Slack: a `sym_flows_filter`, in the shape of a flow that nobody can start.
    pub filter: Option<Arc<Flow>>,
    /// Where audit records go besides the journal.
    pub log_destinations: Vec<LogDestination>,
    /// Number of resources by type, for `symbot check`.
    pub sym_resources: BTreeMap<String, usize>,
    /// True when more than one environment is declared: messages then name it.
    pub several_environments: bool,
}

impl Catalog {
    /// What people are shown of a flow's environment: its title, with its name where another one has that title, too.
    #[must_use]
    pub fn environment_shown(&self, flow: &Flow) -> Option<String> {
        let environment = flow.environment.as_ref()?;
        let title = environment.title();
        let mut all = self
            .flows
            .iter()
            .filter_map(|other| other.environment.as_ref());
        let alike = |other: &Environment| {
            !other.name.eq_ignore_ascii_case(&environment.name)
                && other.title().to_lowercase() == title.to_lowercase()
        };
        Some(if all.any(alike) {
            format!("{title} ({})", environment.name)
        } else {
            title.to_owned()
        })
    }
}

/// One `sym_log_destination` of type `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDestination {
    pub address: String,
    /// May hold a secret in its user name, password, path or query: never to be logged.
    pub url: url::Url,
    /// Slugs of the environments whose records go there.
    pub environments: Vec<String>,
}

/// One `sym_flow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Terraform address, such as `module.flow["blue"].sym_flow.this`.
    pub address: String,
    /// Slug; what is typed after `/sym req`. Compared without regard to case.
    pub name: String,
    pub label: Option<String>,
    pub environment: Option<Environment>,
    /// Exposed as `event.flow.vars`.
    pub vars: BTreeMap<String, String>,
    pub params: Params,
    pub prompt_fields: Vec<PromptField>,
    pub implementation: Implementation,
    pub strategy: Option<Strategy>,
    /// Hash over all of the above.
    pub version: String,
    /// Names of the handlers that the implementation defines, known once it was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<String>,
}

impl Flow {
    /// What people see: the label, else the slug.
    #[must_use]
    pub fn title(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// Title of the environment, when there is one.
    #[must_use]
    pub fn environment_title(&self) -> Option<&str> {
        self.environment.as_ref().map(Environment::title)
    }

    /// Channel of the environment's error logger, when there is one.
    #[must_use]
    pub fn error_logger(&self) -> Option<&str> {
        self.environment.as_ref()?.error_logger.as_deref()
    }

    /// Names of the hooks that the implementation defines.
    #[must_use]
    pub fn hooks(&self) -> Vec<String> {
        let is_hook = |name: &&String| name.starts_with("on_") || name.starts_with("after_");
        self.handlers.iter().filter(is_hook).cloned().collect()
    }

    /// Whether the implementation defines this handler.
    #[must_use]
    pub fn has_handler(&self, name: &str) -> bool {
        self.handlers.iter().any(|handler| handler == name)
    }

    /// Whether requests may be started from this source (`"slack"`, `"api"`): unset allows all, an empty list none.
    #[must_use]
    pub fn allows_source(&self, source: &str) -> bool {
        self.params
            .allowed_sources
            .as_ref()
            .is_none_or(|sources| sources.iter().any(|allowed| allowed == source))
    }
}

/// `sym_environment` as far as flows need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub name: String,
    pub label: Option<String>,
    /// Keys as written, such as `slack_id`; values are the integrations' addresses or ids.
    pub integrations: BTreeMap<String, String>,
    /// Destination of the environment's error logger: channel name or id.
    pub error_logger: Option<String>,
    /// The integrations themselves, by the same keys; those that are not part of the configuration are missing.
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
}

impl Environment {
    /// What people see: the label, else the slug.
    #[must_use]
    pub fn title(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// All secrets that the environment's integrations refer to.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.services.values().flat_map(|service| {
            let listed = service.secret_list.iter().flatten();
            service.secrets.values().chain(listed)
        })
    }
}

/// `sym_integration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub external_id: String,
    /// Settings that are plain text.
    pub settings: BTreeMap<String, String>,
    /// Settings that are the id of a `sym_secret`.
    pub secrets: BTreeMap<String, SecretRef>,
    /// `secret_ids_json`: `settings["secrets"]` in Python.
    pub secret_list: Option<Vec<SecretRef>>,
}

/// `sym_secret`: where its value is, never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// UUID made from the address.
    pub id: String,
    /// The secret's name in its store.
    pub path: String,
    pub label: Option<String>,
    pub settings: BTreeMap<String, String>,
    pub source: SecretSource,
}

impl SecretRef {
    /// The key to take out of the stored JSON object.
    #[must_use]
    pub fn json_key(&self) -> Option<&str> {
        self.settings.get("json_key").map(String::as_str)
    }
}

/// `sym_secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSource {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub settings: BTreeMap<String, String>,
}

/// Seconds of a duration as configurations write it: a positive whole number and one of `s`, `m`, `h`, `d`, `mo` (months
/// of 30 days). `None` for anything else.
#[must_use]
pub fn duration_seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let unit: u64 = match text.get(digits.len()..)? {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "mo" => 30 * 24 * 60 * 60,
        _ => return None,
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (seconds > 0).then_some(seconds)
}

/// `params` of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    pub allow_revoke: bool,
    pub schedule_deescalation: bool,
    pub include_decision_message: bool,
    /// `None`: all sources; empty: none.
    pub allowed_sources: Option<Vec<String>>,
    pub additional_header_text: Option<String>,
    pub allow_guest_interaction: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            allow_revoke: true,
            schedule_deescalation: true,
            include_decision_message: false,
            allowed_sources: None,
            additional_header_text: None,
            allow_guest_interaction: false,
        }
    }
}

/// One `prompt_field`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptField {
    pub name: String,
    #[serde(rename = "type")]
    pub field_type: FieldType,
    pub label: Option<String>,
    pub required: bool,
    pub visible: bool,
    /// As written; typed when it is used.
    pub default: Option<String>,
    pub allowed_values: Option<Vec<String>>,
    pub prefetch: bool,
    /// Source text of the field's `on_change` function.
    pub on_change: Option<Implementation>,
}

impl PromptField {
    /// The label, else a title made from the name (`notify_requester` → "Notify requester").
    #[must_use]
    pub fn title(&self) -> String {
        if let Some(label) = &self.label {
            return label.clone();
        }
        let words = self.name.replace(['_', '-'], " ");
        let mut letters = words.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => words,
        }
    }
}

/// What the function is called that a field has as its `on_change`.
#[must_use]
pub fn on_change_function(field: &str) -> String {
    format!("on_change_{}", field.replace('-', "_"))
}

/// Python source with the file it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implementation {
    pub source: Arc<str>,
    /// Path relative to the directory given on the command line; `None` for text written in place.
    pub file: Option<String>,
}

/// `sym_strategy` with its targets in the order of the selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// Stable UUID made from the address (empty in flows stored before it was kept).
    #[serde(default)]
    pub id: String,
    #[serde(rename = "type")]
    pub strategy_type: String,
    pub name: String,
    pub label: Option<String>,
    /// The integration that it names; `None` where that is not part of the configuration.
    #[serde(default)]
    pub integration: Option<Service>,
    pub targets: Vec<Target>,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// `sym_target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Stable UUID made from the address (`domain` of ids: see `docs/decisions.md`, OQ-20).
    pub id: String,
    #[serde(rename = "type")]
    pub target_type: String,
    pub name: String,
    pub label: Option<String>,
    pub settings: BTreeMap<String, String>,
    /// Names of settings that are filled from the form: the prompt field of the same name gives the value, for this request
    /// only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_bindings: Vec<String>,
}

impl Target {
    /// What the selector shows.
    #[must_use]
    pub fn title(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// As a request keeps it that was made for this target.
    #[must_use]
    pub fn chosen(&self) -> ChosenTarget {
        ChosenTarget {
            id: self.id.clone(),
            target_type: self.target_type.clone(),
            name: self.name.clone(),
            label: self.title().to_owned(),
            settings: self.settings.clone(),
            field_bindings: self.field_bindings.clone(),
        }
    }
}
