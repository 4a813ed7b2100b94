resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}
