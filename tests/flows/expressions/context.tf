locals {
  o = { a = 1, b = { c = [{ d = "deep" }] } }
  l = ["x", "y"]
  multi = <<EOT
line 1
  ${"in"} 2
EOT
  flush = <<-EOT
      four
    two

      ${"four"} again
   	
    EOT
  trimmed = <<-EOT
    %{ for x in ["a", "b"] ~}
      item ${x}
    %{ endfor ~}
    end
  EOT
  directive = <<-EOT
    a
    %{ if true ~}
    b
    %{~ else ~}
    c
    %{ endif ~}
    d  ${~ "e" ~}  f
  EOT
}
