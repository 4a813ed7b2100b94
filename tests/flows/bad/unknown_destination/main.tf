resource "aws_ssm_parameter" "channel" {
}

resource "sym_integration" "slack" {
  type        = "slack"
  name        = "slack"
  external_id = "T1"
}

resource "sym_error_logger" "this" {
  integration_id = sym_integration.slack.id
  destination    = aws_ssm_parameter.channel.value
}

resource "sym_environment" "this" {
  name            = "main"
  error_logger_id = sym_error_logger.this.id
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_environment.this.id
}
