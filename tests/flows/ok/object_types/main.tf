variable "flows" {
  type = map(object({
    label   = optional(string, "No label")
    fields  = optional(list(object({ name = string, type = optional(string, "string") })), [])
    allowed = optional(bool, true)
    vars    = optional(map(string))
  }))
}

resource "sym_flow" "this" {
  for_each       = { for name, flow in var.flows : name => flow if flow.allowed }
  name           = each.key
  label          = each.value.label
  implementation = file("impl.py")
  vars           = each.value.vars

  params {
    dynamic "prompt_field" {
      for_each = each.value.fields
      content {
        name  = prompt_field.value.name
        type  = prompt_field.value.type
        label = "${prompt_field.key + 1}. ${title(prompt_field.value.name)}"
      }
    }
    prompt_field {
      name = "last"
      type = "string"
    }
  }
}
