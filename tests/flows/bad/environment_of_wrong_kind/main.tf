resource "sym_integration" "slack" {
  type        = "slack"
  name        = "slack"
  external_id = "T1"
}

resource "sym_environment" "this" {
  name = "main"
  integrations = {
    slack = sym_integration.slack.id
    a_id  = sym_environment.other.id
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_integration.slack.id
}

resource "sym_environment" "other" {
  name = "other"
}
