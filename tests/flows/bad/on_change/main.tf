resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name      = "repo"
      type      = "string"
      on_change = "def on_change_other(username, form):\n    return form\n"
    }
    prompt_field {
      name      = "file"
      type      = "string"
      on_change = "change.py"
    }
  }
}
