resource "sym_integration" "slack" {
  name =
}
