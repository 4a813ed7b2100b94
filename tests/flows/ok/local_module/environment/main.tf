resource "sym_environment" "this" {
  name = "main"
}

output "id" {
  value = sym_environment.this.id
}
