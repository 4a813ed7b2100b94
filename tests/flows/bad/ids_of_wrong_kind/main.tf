resource "sym_integration" "slack" {
  type        = "slack"
  name        = "workspace"
  external_id = "T0000000000"
}

resource "sym_secrets" "this" {
  type = "aws_secrets_manager"
  name = "store"

  settings = {
    context_id = sym_error_logger.this.id
  }
}

resource "sym_secret" "token" {
  path      = "token"
  source_id = sym_integration.slack.id
}

resource "sym_integration" "pagerduty" {
  type        = "pagerduty"
  name        = "pagerduty"
  external_id = "example"

  settings = {
    api_token_secret = sym_secrets.this.id
  }
}

resource "sym_error_logger" "this" {
  integration_id = sym_integration.slack.name
  destination    = "#sym-errors"
}

resource "sym_runtime" "this" {
  name       = "runtime"
  context_id = sym_secret.token.id
}

resource "sym_log_destination" "this" {
  type           = "segment"
  integration_id = sym_runtime.this.id
}

resource "sym_environment" "this" {
  name                = "main"
  runtime_id          = sym_integration.slack.id
  error_logger_id     = sym_runtime.this.id
  log_destination_ids = [sym_log_destination.this.id, sym_secret.token.id]

  integrations = {
    slack_id     = sym_integration.slack.id
    pagerduty_id = sym_runtime.this.id
  }
}

resource "sym_strategy" "this" {
  type           = "okta"
  name           = "okta"
  integration_id = sym_environment.this.id
  targets        = [sym_integration.slack.id]
}
