resource "sym_flow" "this" {
  name           = "access"
  implementation = file("impl.py")
  vars = {
    first = sym_target.a.id
  }
  params {
    strategy_id           = sym_strategy.this.id
    schedule_deescalation = false
  }
}

resource "sym_integration" "custom" {
  type        = "custom"
  name        = "custom"
  external_id = "anything"
  settings = {
    secret_ids_json = jsonencode([])
  }
}

resource "sym_target" "a" {
  type = "custom"
  name = "a"
  settings = {
    identifier = "a"
    level      = 5
  }
}

resource "sym_strategy" "this" {
  type           = "custom"
  name           = "custom"
  integration_id = sym_integration.custom.id
  targets        = [sym_target.a.id]
  implementation = "strategy.py"
}
