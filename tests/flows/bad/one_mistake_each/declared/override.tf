variable "name" {
  default = "other"
}
