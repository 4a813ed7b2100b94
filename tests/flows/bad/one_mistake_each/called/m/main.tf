output "one" {
  value = var.name
