resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    strategy_id = sym_strategy.this.id
  }
}

resource "sym_integration" "okta" {
  type        = "okta"
  name        = "okta"
  external_id = "example.okta.com"
}

resource "sym_target" "a" {
  type = "okta_group"
  name = "a"
}

resource "sym_strategy" "this" {
  type           = "okta"
  name           = "okta"
  integration_id = sym_integration.okta.id
  targets        = ["made-up", sym_integration.okta.id]
}
