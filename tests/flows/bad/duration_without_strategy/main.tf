resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name           = "duration"
      type           = "duration"
      allowed_values = ["1h"]
    }
  }
}
