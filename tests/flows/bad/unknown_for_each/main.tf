data "aws_regions" "all" {
}

resource "sym_flow" "this" {
  for_each       = toset(data.aws_regions.all.names)
  name           = each.key
  implementation = file("impl.py")
}
