resource "sym_target" "a" {
  for_each = toset(["x"])
  type     = "custom"
  name     = each.key
}

locals {
  id    = sym_target.a["y"].id
  plain = sym_target.a.id
}
