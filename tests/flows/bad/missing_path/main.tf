resource "sym_flow" "this" {
  name           = "approval"
  implementation = "imp.py"
}
