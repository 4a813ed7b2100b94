resource "sym_flow" "this" {
  label = "After"
  vars = {
    channel = local.channel
  }
  params {
    prompt_field {
      name = "after"
      type = "string"
    }
  }
}

locals {
  channel = "#after"
}
