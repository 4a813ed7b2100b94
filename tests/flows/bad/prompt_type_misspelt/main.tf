resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name = "who"
      type = "slack_users"
    }
  }
}
