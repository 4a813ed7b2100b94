//! What each `sym_*` resource accepts, as a table. The evaluator converts attributes by it, `objects` checks against it,
//! and the rules that go beyond single attributes are in `rules`.

use super::source::{Failure, Place, similar};
use super::types::Type;

/// Arguments that Terraform gives every resource.
pub const META_ARGUMENTS: [&str; 4] = ["count", "for_each", "depends_on", "provider"];

/// Blocks that Terraform gives every resource.
pub const META_BLOCKS: [&str; 3] = ["lifecycle", "provisioner", "connection"];

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Flag,
    Texts,
    TextMap,
    /// Checked by its reader.
    Any,
}

impl ValueType {
    /// The type that a value is converted to.
    #[must_use]
    pub fn constraint(self) -> Type {
        match self {
            Self::Text => Type::String,
            Self::Flag => Type::Bool,
            Self::Texts => Type::list_of(Type::String),
            Self::TextMap => Type::map_of(Type::String),
            Self::Any => Type::Any,
        }
    }
}

/// An attribute of a resource or block.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    pub name: &'static str,
    pub value_type: ValueType,
    pub required: bool,
}

const fn required(name: &'static str, value_type: ValueType) -> Attribute {
    Attribute {
        name,
        value_type,
        required: true,
    }
}

const fn optional(name: &'static str, value_type: ValueType) -> Attribute {
    Attribute {
        name,
        value_type,
        required: false,
    }
}

/// A kind of resource.
#[derive(Debug)]
pub struct ResourceSchema {
    pub kind: &'static str,
    pub attributes: &'static [Attribute],
    pub blocks: &'static [&'static str],
    /// Two of the same name (and type) in one configuration are a conflict.
    pub has_slug: bool,
}

impl ResourceSchema {
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
    }
}

use ValueType::{Any, Flag, Text, TextMap, Texts};

const RESOURCES: [ResourceSchema; 11] = [
    ResourceSchema {
        kind: "sym_flow",
        attributes: &[
            required("name", Text),
            optional("label", Text),
            required("implementation", Text),
            optional("environment_id", Text),
            optional("vars", TextMap),
            // The forms of the first generation.
            optional("params", Any),
            optional("template", Text),
        ],
        blocks: &["params"],
        // Flows of one name are told apart by their environments; see `rules`.
        has_slug: false,
    },
    ResourceSchema {
        kind: "sym_environment",
        attributes: &[
            required("name", Text),
            optional("label", Text),
            optional("runtime_id", Text),
            optional("integrations", TextMap),
            optional("error_logger_id", Text),
            optional("log_destination_ids", Texts),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_integration",
        attributes: &[
            required("type", Text),
            required("name", Text),
            required("external_id", Text),
            optional("settings", TextMap),
            optional("label", Text),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_strategy",
        attributes: &[
            required("type", Text),
            required("name", Text),
            required("targets", Texts),
            optional("integration_id", Text),
            optional("settings", TextMap),
            optional("label", Text),
            optional("implementation", Text),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_target",
        attributes: &[
            required("type", Text),
            required("name", Text),
            optional("label", Text),
            optional("settings", TextMap),
            optional("field_bindings", Texts),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_secrets",
        attributes: &[
            required("type", Text),
            required("name", Text),
            optional("settings", TextMap),
            optional("label", Text),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_secret",
        attributes: &[
            required("path", Text),
            required("source_id", Text),
            optional("settings", TextMap),
            optional("label", Text),
        ],
        blocks: &[],
        has_slug: false,
    },
    ResourceSchema {
        kind: "sym_runtime",
        attributes: &[
            required("name", Text),
            optional("label", Text),
            optional("context_id", Text),
        ],
        blocks: &[],
        has_slug: true,
    },
    ResourceSchema {
        kind: "sym_error_logger",
        attributes: &[
            required("integration_id", Text),
            required("destination", Text),
        ],
        blocks: &[],
        has_slug: false,
    },
    ResourceSchema {
        kind: "sym_log_destination",
        attributes: &[
            required("type", Text),
            optional("integration_id", Text),
            optional("settings", TextMap),
        ],
        blocks: &[],
        has_slug: false,
    },
    ResourceSchema {
        kind: "sym_flows_filter",
        attributes: &[
            required("implementation", Text),
            optional("vars", TextMap),
            optional("integrations", TextMap),
        ],
        blocks: &[],
        has_slug: false,
    },
];

/// The `params` block of a flow.
pub const PARAMS: &[Attribute] = &[
    optional("strategy_id", Text),
    optional("allow_revoke", Flag),
    optional("schedule_deescalation", Flag),
    optional("include_decision_message", Flag),
    optional("allowed_sources", Texts),
    optional("additional_header_text", Text),
    optional("allow_guest_interaction", Flag),
];

/// The `prompt_field` block.
pub const PROMPT_FIELD: &[Attribute] = &[
    required("name", Text),
    required("type", Text),
    optional("label", Text),
    optional("required", Flag),
    optional("visible", Flag),
    optional("default", Text),
    optional("allowed_values", Texts),
    optional("prefetch", Flag),
    optional("on_change", Text),
];

/// Strategy types with the types of their targets.
pub const STRATEGIES: [(&str, &[&str]); 12] = [
    ("aws_sso", &["aws_sso_permission_set", "aws_sso_group"]),
    ("aws_iam", &["aws_iam_group"]),
    ("aws_lambda", &["aws_lambda_function"]),
    ("okta", &["okta_group"]),
    ("github", &["github_repo"]),
    ("onelogin", &["onelogin_role"]),
    ("aptible", &["aptible_role"]),
    ("google_group", &["google_group"]),
    ("tailscale", &["tailscale_group"]),
    ("custom", &["custom"]),
    // Their targets are not public.
    ("boundary", &[]),
    ("http", &[]),
];

/// The schema of a kind of resource.
#[must_use]
pub fn resource(kind: &str) -> Option<&'static ResourceSchema> {
    static TABLE: &[ResourceSchema] = &RESOURCES;
    TABLE.iter().find(|resource| resource.kind == kind)
}

/// All kinds, for "did you mean".
pub fn kinds() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(|resource| resource.kind)
}

/// The failure for an attribute that does not exist.
#[must_use]
pub fn unknown_attribute(
    schema: &ResourceSchema,
    name: &str,
    place: Place,
    address: &str,
) -> Failure {
    let failure = Failure::new(place, format!("{address} has no attribute `{name}`")).fatal();
    let names = schema.attributes.iter().map(|attribute| attribute.name);
    match similar(name, names.chain(["id"])) {
        Some(other) => failure.hint(format!("did you mean `{other}`?")),
        None => failure,
    }
}
