locals {
  config = yamldecode(file("${path.module}/flows.yaml"))
}

resource "sym_flow" "this" {
  for_each       = { for flow in local.config.flows : flow.name => flow }
  name           = each.key
  label          = try(each.value.label, null)
  implementation = file("impl.py")
  vars           = try(each.value.vars, {})

  params {
    allow_revoke = lookup(each.value, "revoke", true)

    dynamic "prompt_field" {
      for_each = lookup(each.value, "fields", [])
      iterator = field
      content {
        name           = field.value.name
        type           = lookup(field.value, "type", "string")
        allowed_values = try(field.value.choices, null)
      }
    }
  }
}
