variable "name" {
  type = string
}

variable "environment_id" {}

variable "vars" {
  type = map(string)
}

resource "sym_flow" "this" {
  name           = var.name
  label          = title(var.name)
  implementation = file("${path.module}/impl.py")
  environment_id = var.environment_id
  vars           = merge(var.vars, { module = path.module })
}

output "address" {
  value = sym_flow.this.id
}
