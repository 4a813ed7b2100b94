resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name = "urgency"
      type = "list"
    }
  }
}
