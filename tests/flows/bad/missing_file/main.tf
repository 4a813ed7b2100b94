resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("${path.module}/impl.py")
}
