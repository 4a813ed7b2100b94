resource "sym_flow" "this" {
  name           = "form"
  implementation = file("impl.py")
  params {
    prompt_field {
      name      = "repo-name"
      type      = "string"
      on_change = file("${path.module}/changes/repo.py")
    }
    prompt_field {
      name      = "inline"
      type      = "string"
      on_change = <<-PY
        def on_change_inline(username, form):
            if form.values["inline"]:
                return form
            return form
      PY
    }
  }
}
