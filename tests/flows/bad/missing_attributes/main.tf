resource "sym_flow" "this" {
}
