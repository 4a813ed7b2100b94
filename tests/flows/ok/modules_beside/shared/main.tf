variable "name" {
  type = string
}

resource "sym_flow" "this" {
  name           = var.name
  implementation = file("${path.module}/impl.py")
}
