resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    allowed_sources = ["slack", "email"]
  }
}
