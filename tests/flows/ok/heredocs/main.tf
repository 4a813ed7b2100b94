locals {
  empty = <<EOT
EOT
  flush = <<-EOT
      four
    two

      four again
    EOT
  plain = <<EOT
  kept
EOT
  quotes = <<EOT
She said "hi" \n ${"x"}
EOT
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    empty  = local.empty
    flush  = local.flush
    plain  = local.plain
    quotes = local.quotes
  }
}
