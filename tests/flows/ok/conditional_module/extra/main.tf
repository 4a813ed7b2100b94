variable "name" {
  type     = string
  default  = "extra"
  nullable = false
}

resource "sym_flow" "this" {
  name           = var.name
  implementation = "x = 1\n"
}

output "name" {
  value = resource.sym_flow.this.name
}
