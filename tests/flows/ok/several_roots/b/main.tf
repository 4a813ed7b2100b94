resource "sym_environment" "this" {
  name = "prod"
}

resource "sym_flow" "this" {
  name           = "Approval"
  implementation = file("../shared/impl.py")
  environment_id = sym_environment.this.id
}
