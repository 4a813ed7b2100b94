# A comment with "quotes and <<EOT
// Another with ${braces
/* And one
   over lines " */
resource "sym_flow" "this" { # after a brace
  name = "approval" // after a value
  /* before */ implementation = file("impl.py")
  vars = {
    # in a map
    a = "# no comment" # a comment
    b = "// neither" /* a comment */
  }
}
