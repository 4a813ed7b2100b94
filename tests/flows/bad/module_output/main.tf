module "flow" {
  source = "./flow"
}

output "id" {
  value = module.flow.idd
}
