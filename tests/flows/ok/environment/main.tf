terraform {
  required_version = ">= 1.0"
  required_providers {
    sym = {
      source  = "symopsio/sym"
      version = "~> 3.0"
    }
  }
}

provider "sym" {
  org = "S-EXAMPLE"
}

resource "sym_integration" "slack" {
  type        = "slack"
  name        = "slack"
  external_id = "T0123456789"
}

resource "sym_error_logger" "slack" {
  integration_id = sym_integration.slack.id
  destination    = "#sym-errors"
}

resource "sym_environment" "this" {
  name            = "main"
  label           = "Main"
  error_logger_id = sym_error_logger.slack.id
  integrations = {
    slack_id = sym_integration.slack.id
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_environment.this.id
  params {
    allow_revoke             = "false"
    include_decision_message = true
    allowed_sources          = ["slack"]
    additional_header_text   = "Read the *policy* first."
    allow_guest_interaction  = true
  }
}
