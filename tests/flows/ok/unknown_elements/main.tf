data "aws_regions" "all" {}

locals {
  regions = concat(["known"], [data.aws_regions.all.id])
  map     = { known = "x", unknown = data.aws_regions.all.id }
}

resource "sym_target" "this" {
  for_each = local.map
  type     = "custom"
  name     = each.key
  settings = {
    identifier = each.value
    all        = join(",", local.regions)
    first      = local.regions[0]
    count      = length(local.regions)
    keys       = join(",", keys(local.map))
  }
}

resource "sym_integration" "this" {
  type        = "custom"
  name        = "custom"
  external_id = data.aws_regions.all.id
}

resource "sym_strategy" "this" {
  type           = "custom"
  name           = "custom"
  integration_id = sym_integration.this.id
  targets        = values(sym_target.this)[*].id
}

resource "sym_flow" "this" {
  name           = "access"
  implementation = file("impl.py")
  params {
    strategy_id = sym_strategy.this.id
  }
}
