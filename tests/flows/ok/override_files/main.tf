resource "sym_flow" "this" {
  name           = "approval"
  label          = "Before"
  implementation = file("impl.py")
  params {
    prompt_field {
      name = "before"
      type = "string"
    }
  }
}

locals {
  channel = "#before"
}
