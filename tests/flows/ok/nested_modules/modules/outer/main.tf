variable "index" {
  type = number
}

module "inner" {
  source = "../inner"
  name   = "flow-${var.index}"
}
