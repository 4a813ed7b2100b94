variable "name" {
  default =
}
