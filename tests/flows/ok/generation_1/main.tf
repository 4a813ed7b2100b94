terraform {
  required_providers {
    sym = {
      source  = "symopsio/sym"
      version = "~> 1.0"
    }
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  label          = "Approval"
  template       = "sym:template:approval:1.0.0"
  implementation = "impl.py"
  params = {
    allow_revoke         = "false"
    allowed_sources_json = jsonencode(["slack", "api"])
    prompt_fields_json = jsonencode([
      {
        name     = "reason"
        label    = "Why?"
        type     = "string"
        required = true
      },
      {
        name           = "urgency"
        type           = "list"
        required       = "false"
        allowed_values = ["Normal", "Emergency"]
      },
    ])
  }
}
