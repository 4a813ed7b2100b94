module "outer" {
  source = "./modules/outer"
  count  = 2
  index  = count.index
}
