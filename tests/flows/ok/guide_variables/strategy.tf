resource "sym_integration" "context" {
  type        = "permission_context"
  name        = "context"
  external_id = "123456789012"

  settings = {
    cloud    = "aws"
    region   = "us-east-1"
    role_arn = aws_iam_role.sym.arn
  }
}

resource "aws_iam_role" "sym" {
  name = "sym"
}

resource "sym_target" "admin" {
  type  = "aws_sso_permission_set"
  name  = "admin"
  label = "Admin"

  settings = {
    permission_set_arn = aws_ssoadmin_permission_set.admin.arn
    account_id         = 123456789012
  }
}

resource "sym_strategy" "this" {
  type           = "aws_sso"
  name           = "sso"
  integration_id = sym_integration.context.id
  targets        = [sym_target.admin.id]
  settings = {
    instance_arn = tolist(data.aws_ssoadmin_instances.this.arns)[0]
  }
}

data "aws_ssoadmin_instances" "this" {}

resource "aws_ssoadmin_permission_set" "admin" {
  name         = "Admin"
  instance_arn = tolist(data.aws_ssoadmin_instances.this.arns)[0]
}
