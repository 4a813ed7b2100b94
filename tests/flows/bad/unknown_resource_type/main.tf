resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}

resource "sym_flw" "other" {
}
