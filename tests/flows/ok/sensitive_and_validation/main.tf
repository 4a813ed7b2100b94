variable "token" {
  type      = string
  sensitive = true
  default   = "value"

  validation {
    condition     = length(var.token) > 3 && can(regex("^[a-z]+$", var.token))
    error_message = "The token must be lower case."
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    token = nonsensitive(sensitive(var.token))
  }
}
