module "runtime" {
  source  = "symopsio/runtime-connector/aws"
  version = ">= 1.0.0"

  environment = "main"
}

resource "sym_integration" "context" {
  type        = "permission_context"
  name        = "runtime"
  external_id = module.runtime.settings.account_id
  settings    = module.runtime.settings
}

resource "sym_runtime" "this" {
  name       = "main"
  context_id = sym_integration.context.id
}

resource "sym_environment" "this" {
  name       = "main"
  runtime_id = sym_runtime.this.id
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_environment.this.id
  vars = {
    account = module.runtime.settings.account_id
  }
}
