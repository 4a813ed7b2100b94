resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    allow_revoke = false
  }
  params {
  }
}
