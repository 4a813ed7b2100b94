data "sym_environment" "main" {
  name = "MAIN"
}

data "sym_integration" "slack" {
  type = "slack"
  name = "slack"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = data.sym_environment.main.id
  vars = {
    workspace = data.sym_integration.slack.external_id
  }
}
