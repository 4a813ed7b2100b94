module "flow" {
  source = "./flow"
  label  = null
  fixed  = null
}
