resource "sym_flow" "other" {
  name           = "approval"
  implementation = file("impl.py")
}
