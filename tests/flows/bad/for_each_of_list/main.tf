resource "sym_target" "a" {
  for_each = ["x", "y"]
  type     = "custom"
  name     = each.key
}
