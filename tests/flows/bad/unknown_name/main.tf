resource "aws_ssm_parameter" "name" {
}

resource "sym_flow" "this" {
  name           = aws_ssm_parameter.name.value
  implementation = file("impl.py")
}
