variable "token" {
  type      = number
  sensitive = true
}

variable "count" {
  type      = number
  sensitive = true
}
