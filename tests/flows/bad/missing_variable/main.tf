variable "channel" {
  type = string
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    channel = var.channel
  }
}
