resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}

resource "sym_log_destination" "this" {
  type = "segment"
}
