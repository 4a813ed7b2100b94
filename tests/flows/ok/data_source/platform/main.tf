resource "sym_integration" "slack" {
  type        = "slack"
  name        = "slack"
  external_id = "T0123456789"
}

resource "sym_environment" "this" {
  name = "main"
  integrations = {
    slack_id = sym_integration.slack.id
  }
}
