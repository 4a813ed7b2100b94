resource "sym_target" "a" {
  count    = 1
  for_each = toset(["x"])
  type     = "custom"
  name     = "a"
}
