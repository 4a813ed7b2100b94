resource "sym_flow" "this" {
  name = "a"
  name = "b"
}
