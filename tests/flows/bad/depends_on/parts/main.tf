resource "sym_environment" "this" {
  name       = "main"
  depends_on = [sym_nope.x]
}
