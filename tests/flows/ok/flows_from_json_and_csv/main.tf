locals {
  json = jsondecode(file("flows.json"))
  csv  = csvdecode(file("targets.csv"))
}

resource "sym_flow" "this" {
  for_each       = local.json
  name           = each.key
  implementation = file("impl.py")
  vars = merge(each.value, {
    targets = join(" ", [for row in local.csv : "${row.name}=${row.id}"])
  })
}
