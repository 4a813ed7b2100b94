variable "never_null" {
  nullable = false
  default  = null
}

variable "1st" {
  default = 1
}

resource "sym_environment" "this" {
  name  = "main"
  label = sym_environment.this.name
}

resource "sym_flow" "1this" {
  name           = "approval"
  label          = local.label
  implementation = "x = 1\n"
  environment_id = sym_environment.this.id

  params {
    prompt_field {
      name           = "a"
      type           = "string"
      allowed_values = [null]
    }
  }
}

locals {
  label = "x"
}
