variable "list" {
  type    = "list"
  default = ["a", "b"]
}

variable "map" {
  type    = "map"
  default = { a = "x" }
}

variable "string" {
  type    = "string"
  default = "text"
}

resource "sym_flow" "this" {
  name           = "${var.string}"
  implementation = "${file("${path.module}/impl.py")}"
  vars = {
    first  = "${var.list.0}"
    second = var.list[1]
    x      = "${var.map["a"]}"
    all    = "${join(",", sym_target.this.*.name)}"
    colon : "works",
  }
}

resource "sym_target" "this" {
  count = 2
  type  = "custom"
  name  = "t${count.index}"
}
