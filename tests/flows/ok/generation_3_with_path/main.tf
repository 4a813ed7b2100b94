terraform {
  required_providers {
    sym = {
      source  = "symopsio/sym"
      version = ">= 3.4"
    }
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = "impl.py"
}
