resource "sym_flow" "this" {
  name           = "x"
  implementation = "y"
}
