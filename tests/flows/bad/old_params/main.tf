resource "sym_flow" "this" {
  name           = "approval"
  implementation = "impl.py"
  params = {
    prompt_fields_json = "[{]"
    alow_revoke        = true
  }
}
