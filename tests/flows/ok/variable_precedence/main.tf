variable "a" {
  type    = string
  default = "default"
}
variable "b" {
  type    = string
  default = "default"
}
variable "c" {
  type    = string
  default = "default"
}
variable "d" {
  type    = string
  default = "default"
}
variable "e" {
  type    = string
  default = "default"
}
variable "f" {
  type    = string
  default = "default"
}
variable "g" {
  type    = list(string)
  default = []
}
variable "h" {
  default = "default"
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    a = var.a
    b = var.b
    c = var.c
    d = var.d
    e = var.e
    f = var.f
    g = join(",", var.g)
    h = var.h
  }
}
