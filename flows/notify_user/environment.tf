# The environment of this flow: each example is a Terraform root of its own, and they all call it "main".
resource "sym_environment" "this" {
  name  = "main"
  label = "Main"

  error_logger_id = sym_error_logger.this.id

  integrations = {
    slack_id = sym_integration.slack.id
  }
}

# Errors of impl.py are posted here. Invite the bot if you make the channel private.
resource "sym_error_logger" "this" {
  integration_id = sym_integration.slack.id
  destination    = "#sym-errors"
}

resource "sym_integration" "slack" {
  type = "slack"
  name = "workspace"

  # The id of the workspace; the bot talks to the one that its tokens belong to.
  external_id = "T0000000000"
}
