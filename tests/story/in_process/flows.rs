//! Flows for stories: those of the repository, and small ones written in place.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Root modules for one bot. Directories that were written in place live as long as this.
pub struct Flows {
    dirs: Vec<PathBuf>,
    /// Removed when the story is over.
    _written: Option<TempDir>,
}

/// What every module of a story needs: one environment with an error logger.
pub const ENVIRONMENT: &str = r##"
resource "sym_environment" "this" {
  name            = "main"
  label           = "Main"
  error_logger_id = sym_error_logger.this.id
}

resource "sym_error_logger" "this" {
  integration_id = sym_integration.slack.id
  destination    = "#sym-errors"
}

resource "sym_integration" "slack" {
  type        = "slack"
  name        = "workspace"
  external_id = "T0000000000"
}
"##;

/// A prompt field that most flows have.
pub const REASON: &str = r#"
    prompt_field {
      name  = "reason"
      label = "Why do you need access?"
      type  = "string"
    }
"#;

const STRATEGY: &str = r#"
resource "sym_integration" "okta" {
  type        = "okta"
  name        = "okta-main"
  external_id = "acme.okta.com"
}

resource "sym_target" "admins" {
  type     = "okta_group"
  name     = "admins"
  label    = "Administrators"
  settings = { group_id = "00g1" }
}

resource "sym_target" "readers" {
  type     = "okta_group"
  name     = "readers"
  label    = "Readers"
  settings = { group_id = "00g2" }
}

resource "sym_strategy" "this" {
  type           = "okta"
  name           = "okta-admins"
  integration_id = sym_integration.okta.id
  targets        = [sym_target.admins.id, sym_target.readers.id]
  settings       = { mode = "fast" }
}
"#;

/// Imports that a complete `impl.py` has.
pub const IMPORTS: &str = "\
from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import PermissionLevel, RequestPermission
";

impl Flows {
    /// The examples in `flows/`, all of them together.
    pub fn examples() -> Self {
        Self {
            dirs: vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("flows")],
            _written: None,
        }
    }

    /// One root module of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self {
            dirs: vec![dir.path().to_owned()],
            _written: Some(dir),
        }
    }

    /// What was written into a directory.
    pub fn in_dir(dir: TempDir) -> Self {
        Self {
            dirs: vec![dir.path().to_owned()],
            _written: Some(dir),
        }
    }

    /// One flow `access` with the field "Why do you need access?", whose code is `implementation`.
    pub fn with_code(implementation: &str) -> Self {
        Self::with_params(REASON, implementation)
    }

    /// One flow `access` with this inside of `params`.
    pub fn with_params(params: &str, implementation: &str) -> Self {
        let main = format!("{ENVIRONMENT}{}", flow("access", params, "impl.py"));
        Self::of(&[("main.tf", &main), ("impl.py", implementation)])
    }

    /// One flow `access` that gives access to the Okta groups "Administrators" and "Readers", with this inside of `params`.
    pub fn for_access(params: &str, implementation: &str) -> Self {
        let environment = ENVIRONMENT.replace(
            "  label           = \"Main\"\n",
            "  label           = \"Main\"\n  integrations    = { slack_id = sym_integration.slack.id, okta_id = sym_integration.okta.id }\n",
        );
        let params = format!("\n    strategy_id = sym_strategy.this.id\n{params}");
        let flow = flow("access", &params, "impl.py");
        Self::of(&[
            ("main.tf", &format!("{environment}{STRATEGY}{flow}")),
            ("impl.py", implementation),
        ])
    }

    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }
}

/// A flow whose label is its name with a capital.
pub fn flow(name: &str, params: &str, file: &str) -> String {
    let mut label = name.to_owned();
    label[..1].make_ascii_uppercase();
    format!(
        r#"
resource "sym_flow" "{name}" {{
  name           = "{name}"
  label          = "{label}"
  implementation = file("${{path.module}}/{file}")
  environment_id = sym_environment.this.id

  params {{{params}  }}
}}
"#
    )
}

/// An `impl.py` in which members decide and `notifications` is what `get_request_notifications` returns.
pub fn sends(notifications: &str) -> String {
    format!(
        "{}\n\n@reducer\ndef get_request_notifications(event):\n    return {notifications}\n",
        permits("PermissionLevel.ADMIN", "PermissionLevel.MEMBER", false)
    )
}

/// An `impl.py` with these permissions, as Python expressions, and no notifications.
pub fn permits(webapp_view: &str, approve_deny: &str, allow_self_approval: bool) -> String {
    let allow = if allow_self_approval { "True" } else { "False" };
    format!(
        "{IMPORTS}\n\n@reducer\ndef get_permissions(event):\n    return RequestPermission(\n        \
         webapp_view={webapp_view},\n        approve_deny={approve_deny},\n        \
         allow_self_approval={allow},\n    )\n"
    )
}

/// [`permits`], with one notification to #sym-requests.
pub fn asks_in_requests(
    webapp_view: &str,
    approve_deny: &str,
    allow_self_approval: bool,
) -> String {
    format!(
        "{}\n\n@reducer\ndef get_request_notifications(event):\n    \
         return [Notification(destinations=[slack.channel(\"#sym-requests\")])]\n",
        permits(webapp_view, approve_deny, allow_self_approval)
    )
}
