resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    text = <<-EOT
      two
        lines
    EOT
  }
}
