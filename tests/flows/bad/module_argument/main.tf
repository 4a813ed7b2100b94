module "flow" {
  source = "./flow"
  nam    = "x"
}
