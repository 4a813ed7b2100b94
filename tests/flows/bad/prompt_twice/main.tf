resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name = "a"
      type = "string"
    }
    prompt_field {
      name = "a"
      type = "int"
    }
  }
}
