resource "sym_environment" "this" {
  name = "back"
}

module "m" {
  source = "./x/.."
}
