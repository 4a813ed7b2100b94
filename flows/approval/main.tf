resource "sym_flow" "this" {
  name  = "approval"
  label = "Approval"

  # This is the contents of this Flow's Python Implementation file
  implementation = file("${path.module}/impl.py")

  environment_id = sym_environment.this.id

  params {
    prompt_field {
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }

    # Approve and Deny get a text input above them.
    include_decision_message = true
  }
}
