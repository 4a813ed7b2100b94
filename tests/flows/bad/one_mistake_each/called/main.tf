module "m" {
  source = "./m"
  name   = "x"
}

locals {
  all = [module.m.one, module.m.two]
}
