resource "sym_flow" "this" {
  name           = "approval"
  implementation = base64encode(file("impl.py"))
}
