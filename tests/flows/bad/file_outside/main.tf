resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("../../ok/guide_minimal/impl.py")
}
