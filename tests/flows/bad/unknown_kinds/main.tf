resource "sym_integration" "a" {
  type        = "slak"
  name        = "a"
  external_id = "T0"
}

resource "sym_log_destination" "b" {
  type = "https"
}

resource "sym_secrets" "c" {
  type = "vault"
  name = "c"
}

resource "sym_target" "d" {
  type = "okta_groups"
  name = "d"
}

resource "sym_target" "e" {
  type     = "aws_sso_permission_set"
  name     = "e"
  settings = { permission_set_arns = "arn", account_id = "1" }
}
