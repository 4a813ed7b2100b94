resource "sym_environment" "this" {
  name = "itself"
}

module "m" {
  source = "./"
}
