resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  prompt_field {
    name = "a"
    type = "string"
  }
}
