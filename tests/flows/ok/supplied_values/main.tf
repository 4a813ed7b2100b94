module "slack" {
  source = "example/channels/slack"
}

resource "aws_ssm_parameter" "name" {
  for_each = toset(["a"])
}

resource "sym_flow" "this" {
  name           = aws_ssm_parameter.name["a"].value
  label          = "Approval in ${module.slack.channels.main}"
  implementation = file("impl.py")
}
