resource "sym_environment" "a" {
  name = "a"
}

resource "sym_environment" "b" {
  name = "b"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}
