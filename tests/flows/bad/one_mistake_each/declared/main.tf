locals {
  text = templatefile("${path.module}/t.tftpl", { name = var.name })
  try  = try(local.other, module.other.one, "x")
  data = data.sym_target.other.id
}

data "sym_integration" "slack" {
  type = "slack"
  name = "slack"
}

resource "sym_flow" "this" {
  name           = "declared"
  label          = var.name
  implementation = local.code
  environment_id = sym_environment.this.id

  params {
    strategy_id = sym_strategy.this.id

    prompt_field {
      name = "target_id"
      type = local.type
    }
    prompt_field {
      name           = "duration"
      type           = "duration"
      allowed_values = ["1h"]
    }
  }
}
