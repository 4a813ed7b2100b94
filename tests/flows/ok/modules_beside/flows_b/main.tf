module "flow" {
  source = "../shared"
  name   = "flow-b"
}
