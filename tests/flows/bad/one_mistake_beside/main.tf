data "sym_integration" "slack" {
  type = "slack"
  name = "slack"
}

locals {
  text = templatestring("$${local.elsewhere}", {})
}
