resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name           = "who"
      type           = "slack_user"
      allowed_values = ["U1"]
      default        = "U1"
    }
    prompt_field {
      name     = "all"
      type     = "slack_user_list"
      prefetch = true
    }
  }
}
