variable "enabled" {
  type    = bool
  default = true
}

resource "sym_target" "group" {
  count = 3
  type  = "okta_group"
  name  = format("group_%02d", count.index)
  settings = {
    group_id = count.index
  }
}

resource "sym_integration" "okta" {
  count       = var.enabled ? 1 : 0
  type        = "okta"
  name        = "okta"
  external_id = "example.okta.com"
}

resource "sym_strategy" "this" {
  type           = "okta"
  name           = "okta"
  integration_id = one(sym_integration.okta[*].id)
  targets        = sym_target.group[*].id
}

resource "sym_flow" "this" {
  count          = var.enabled ? 1 : 0
  name           = "groups"
  implementation = file("impl.py")
  params {
    strategy_id = sym_strategy.this.id
  }
}
