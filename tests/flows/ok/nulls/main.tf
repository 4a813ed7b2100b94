variable "sources" {
  type    = list(string)
  default = null
}

resource "sym_flow" "this" {
  name           = "approval"
  label          = null
  implementation = file("impl.py")
  vars           = null
  params {
    strategy_id     = null
    allowed_sources = var.sources
    prompt_field {
      name           = "reason"
      type           = "string"
      label          = null
      allowed_values = []
      default        = ""
    }
  }
}
