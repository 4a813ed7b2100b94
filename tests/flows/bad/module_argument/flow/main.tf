variable "name" {
}

resource "sym_flow" "this" {
  name           = var.name
  implementation = "x = 1"
}
