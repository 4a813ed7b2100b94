resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name = "target"
      type = "string"
    }
    prompt_field {
      name = "decision_message"
      type = "string"
    }
  }
}
