resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars {
    a = 1
  }
}
