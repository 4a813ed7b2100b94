data "aws_regions" "all" {
}

module "flow" {
  source   = "./flow"
  for_each = toset(data.aws_regions.all.names)
}
