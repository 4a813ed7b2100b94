resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_environment.main.id
}
