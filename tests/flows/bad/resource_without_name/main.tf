resource "sym_flow" {
}
