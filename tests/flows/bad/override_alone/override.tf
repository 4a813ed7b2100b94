resource "sym_flow" "this" {
  label = "x"
}
