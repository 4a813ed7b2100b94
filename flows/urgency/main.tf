resource "sym_flow" "urgency" {
  name  = "urgency"
  label = "Urgency"

  implementation = file("${path.module}/impl.py")

  environment_id = sym_environment.this.id

  # This ensures your vars are available to this Flow's impl.py
  vars = var.flow_variables

  params {
    prompt_field {
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }

    prompt_field {
      name           = "urgency"
      label          = "Urgency"
      type           = "string"
      required       = true
      allowed_values = ["Normal", "Emergency"]
    }
  }
}
