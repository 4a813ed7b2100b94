locals {
  role    = aws_iam_role.this
  arn     = local.role.arn
  name    = local.role.name
  listed  = [local.arn, "known"]
  merged  = merge({ a = "1" }, { b = local.arn })
  text    = "arn: ${local.arn}"
  decided = local.arn == "x" ? "a" : "b"
}

resource "aws_iam_role" "this" {
  name = "role"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    name    = local.name
    first   = local.listed[0]
    second  = local.listed[1]
    a       = local.merged.a
    b       = local.merged["b"]
    text    = local.text
    decided = local.decided
    now     = timestamp()
    spread  = jsonencode(aws_subnet.all[*].id)
    count   = length(local.listed)
  }
}

resource "aws_subnet" "all" {
  count = 2
}
