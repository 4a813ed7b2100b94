variable "label" {
  default = "Default label"
}

variable "fixed" {
  default  = "default"
  nullable = false
}

variable "list" {
  type    = list(number)
  default = ["1", 2]
}

resource "sym_flow" "this" {
  name           = var.fixed
  label          = var.label
  implementation = "x = 1\n"
  vars = {
    list = jsonencode(var.list)
  }
}
