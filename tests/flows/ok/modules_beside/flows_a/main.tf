module "flow" {
  source = "../shared"
  name   = "flow-a"
}
