variable "a" {
  type = list(string)
}

variable "b" {
  type = strin
}

variable "c" {
  type = object({ name = string })
}
