variable "environment" {
  type = object({ id = string, name = string })
}

variable "role" {
  type = object({ name = string, arn = string })
}

resource "sym_flow" "this" {
  name           = "approval-${var.environment.name}"
  implementation = file("${path.module}/impl.py")
  environment_id = var.environment.id
  vars = {
    role = var.role.name
    arn  = var.role.arn
  }
}
