resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    five  = 5
    minus = "-3"
    flag  = true
    one   = "1"
    text  = "5 apples"
    arn   = aws_iam_role.this.arn
    none  = null
  }
}

resource "aws_iam_role" "this" {}
