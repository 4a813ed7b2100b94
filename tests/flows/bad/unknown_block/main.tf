resourse "sym_flow" "this" {
}
