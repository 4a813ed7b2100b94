variable "name" {
  type     = string
  nullable = false
}

resource "sym_flow" "this" {
  name           = var.name
  implementation = file("${path.module}/../../impl.py")
}
