resource "sym_integration" "slack" {
  type        = "slack"
  name        = "workspace"
  external_id = "T0000000000"
}

resource "sym_environment" "this" {
  name  = "main"
  label = "Main of b"
}

resource "sym_flow" "this" {
  name           = "b"
  environment_id = sym_environment.this.id
  implementation = <<PY
x = "b"
PY
}
