module "flow" {
  source = "./nope"
}
