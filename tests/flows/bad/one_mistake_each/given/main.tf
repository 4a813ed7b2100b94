variable "a" {}
variable "b" {}

locals {
  c = "${var.a} ${var.b}"
}
