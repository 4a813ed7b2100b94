variable "a" {
  type    = number
  default = "none"
}

variable "b" {
  default = local.x
}

variable "c" {
  default = upper("c")
}

variable "d" {
  typ = string
}

variable "e" {
  type    = string
  default = "e"

  validation {
    condition     = length(var.e)
    error_message = "never shown"
  }

  validation {
    condition     = "false"
    error_message = "e is refused"
  }
}

locals {
  x = 1
  y = terraform.version
  z = self.id
}

output "o" {
  vale = 1
}
