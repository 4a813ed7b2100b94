resource "sym_environment" "this" {
  name  = "main"
  label = "Main"
}

module "flow" {
  source      = "./flow"
  environment = sym_environment.this
  role        = aws_iam_role.this
}

resource "aws_iam_role" "this" {
  name = "role"
}
