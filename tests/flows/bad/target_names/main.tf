resource "sym_target" "a" {
  type = "custom"
  name = "same"
}

resource "sym_target" "b" {
  type = "custom"
  name = "same"
}
