resource "sym_environment" "this" {
  name = "main"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}
