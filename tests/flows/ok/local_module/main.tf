module "flow" {
  source   = "./flow"
  for_each = toset(["blue", "green"])

  name           = each.key
  environment_id = module.environment.id
  vars = {
    channel = "#${each.value}"
  }
}

module "environment" {
  source = "./environment"
}

output "addresses" {
  value = { for key, flow in module.flow : key => flow.address }
}
