data "aws_regions" "all" {
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name           = "region"
      type           = "string"
      allowed_values = data.aws_regions.all.names
    }
  }
}
