variable "channel" {
  type = string

  validation {
    condition     = startswith(var.channel, "#")
    error_message = "Channels start with #, not ${var.channel}."
  }
}
