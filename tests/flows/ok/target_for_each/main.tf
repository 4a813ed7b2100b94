locals {
  groups = {
    dev = { label = "Developers", id = "g-1" }
    ops = { label = "Operators", id = "g-2" }
  }
}

resource "sym_target" "group" {
  for_each = local.groups
  type     = "okta_group"
  name     = "group-${each.key}"
  label    = each.value.label
  settings = {
    group_id = each.value["id"]
  }
}

resource "sym_integration" "okta" {
  type        = "okta"
  name        = "okta"
  external_id = "example.okta.com"
}

resource "sym_strategy" "this" {
  type           = "okta"
  name           = "okta"
  integration_id = sym_integration.okta.id
  targets        = [for target in sym_target.group : target.id]
}

resource "sym_flow" "this" {
  name           = "groups"
  implementation = file("impl.py")
  params {
    strategy_id = sym_strategy.this.id
  }
}
