resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  label = each.key
}
