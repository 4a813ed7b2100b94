data "sym_environment" "main" {
  name = "main"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = data.sym_environment.main.id
}
