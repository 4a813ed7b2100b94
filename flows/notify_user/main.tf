resource "sym_flow" "this" {
  name  = "notify-user"
  label = "Notify user"

  implementation = file("${path.module}/impl.py")

  environment_id = sym_environment.this.id

  params {
    prompt_field {
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }

    # A field with Slack's own people picker. Left empty, nobody is picked.
    prompt_field {
      name     = "approver"
      label    = "Who should decide?"
      type     = "slack_user"
      required = false
    }

    prompt_field {
      name  = "notify_requester"
      label = "Send it to me as well?"
      type  = "bool"
    }
  }
}
