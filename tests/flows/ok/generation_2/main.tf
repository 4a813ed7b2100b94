terraform {
  required_providers {
    sym = {
      source  = "symopsio/sym"
      version = "~> 2.0"
    }
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = "${path.module}/impl.py"
  params {
    strategy_id = ""
    prompt_field {
      name = "reason"
      type = "string"
    }
  }
}
