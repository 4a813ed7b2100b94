resource "aws_secretsmanager_secret" "token" {
  name = "sym/${local.stage}/token"
}

resource "sym_secrets" "this" {
  type = "aws_secrets_manager"
  name = "store"
}

resource "sym_secret" "token" {
  path      = aws_secretsmanager_secret.token.name
  source_id = sym_secrets.this.id
}

locals {
  stage = "prod"
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {
  name = "eu-west-1"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    secret  = aws_secretsmanager_secret.token.name
    arn     = aws_secretsmanager_secret.token.arn
    account = "a-${data.aws_caller_identity.current.account_id}"
    region  = data.aws_region.current.name
  }
}
