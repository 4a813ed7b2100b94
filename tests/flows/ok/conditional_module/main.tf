variable "with_extra" {
  default = false
}

module "extra" {
  source = "./extra"
  count  = var.with_extra ? 1 : 0
}

module "always" {
  source = "./extra"
  name   = "always"
}

resource "sym_flow" "this" {
  name           = "main"
  implementation = file("impl.py")
  vars = {
    extra  = try(module.extra[0].name, "none")
    all    = join(",", module.extra[*].name)
    always = module.always.name
  }
}
