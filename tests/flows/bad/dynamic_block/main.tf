resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    dynamic "prompt_field" {
      for_each = ["a"]
      content {
        name = each.value
        type = "string"
      }
    }
    dynamic "prompt_field" {
      content {
        name = "x"
      }
    }
  }
}
