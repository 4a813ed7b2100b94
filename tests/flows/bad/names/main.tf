resource "sym_flow" "this" {
  name           = "my flow"
  implementation = file("impl.py")
}

resource "sym_target" "a" {
  type = "custom"
  name = ""
}
