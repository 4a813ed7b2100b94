resource "sym_flow" "this" {
  name  = "source-channel"
  label = "Source channel"

  implementation = file("${path.module}/impl.py")

  environment_id = sym_environment.this.id

  params {
    prompt_field {
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }
  }
}
