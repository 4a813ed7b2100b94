variable "channel" {
  default = "#a"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    channel = var.chanel
  }
}
