resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}

resource "sym_flow" "other" {
  name           = "Approval"
  implementation = file("impl.py")
}
