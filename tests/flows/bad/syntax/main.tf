resource "sym_flow" "this" {
  name = 
}
