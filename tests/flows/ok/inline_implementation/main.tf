resource "sym_flow" "this" {
  name           = "approval"
  implementation = <<PY
from sym.sdk.annotations import reducer

@reducer
def get_permissions(event):
    return "$${not a template}"
PY
}
