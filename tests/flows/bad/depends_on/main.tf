variable "v" {
  default = 1
}

resource "aws_iam_role" "role" {
  name       = "role"
  depends_on = [module.parts, data.aws_region.here, var.v, aws_iam_role.rule]
}

data "aws_region" "here" {
  depends_on = ["aws_iam_role.role", "aws_iam_role.roll"]
}

module "parts" {
  source     = "./parts"
  depends_on = [aws_iam_role.role.arn, module.part]
}

output "o" {
  value      = 1
  depends_on = data.aws_region.there
}

output "p" {
  value      = 1
  depends_on = [data.aws_region.there, "a b", 1, aws_iam_role]
}
