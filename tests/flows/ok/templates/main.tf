resource "sym_flow" "this" {
  name = "approval"
  implementation = templatefile("${path.module}/impl.py.tftpl", {
    channel = "#sre"
    people  = ["ann", "bob"]
  })
}
