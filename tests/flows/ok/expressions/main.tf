locals {
  list    = ["a", "b", "c"]
  mixed   = [1, "two", true]
  nothing = null
  sum     = 0.1 + 0.2
  size    = length(local.list)
  chosen  = local.size > 2 && !false ? "many" : "few"
  squares = { for i in range(1, 4) : "n${i}" => i * i }
  groups  = { for word in ["ant", "bee", "asp"] : substr(word, 0, 1) => word... }
  odd     = [for i, item in local.list : upper(item) if i % 2 == 0]
  text    = <<-EOT
    Dear %{if local.size == 3}three%{else}other%{endif},
    %{for item in local.list~}
    - ${item}
    %{endfor~}
    bye
  EOT
  tried   = try(local.squares.missing, local.squares["n2"], "never")
  can     = can(regex("^[a-z]+$", "ABC"))
  last    = local.list[length(local.list) - 1]
  names   = local.people[*].name
  people  = [{ name = "Ann" }, { name = "Bob" }]
  whole   = "${local.list}"
  escaped = "a\tb\"c\"\u00e9 $${x} %%{y}"
  neg     = -local.size
  nested  = { a = { b = [{ c = "deep" }] } }
  quoted  = { "key with space" = 1, (local.chosen) = 2, plain : 3 }
  cmp     = [1 == 1.0, "1" == 1, null == local.nothing, [1] == [1], 2 >= 3, 5 % 3]
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    mixed   = jsonencode(local.mixed)
    sum     = local.sum
    chosen  = local.chosen
    squares = jsonencode(local.squares)
    groups  = jsonencode(local.groups)
    odd     = join("", local.odd)
    text    = local.text
    tried   = local.tried
    can     = local.can ? "yes" : "no"
    last    = local.last
    names   = join(" ", local.names)
    whole   = local.whole[1]
    escaped = local.escaped
    neg     = "${local.neg}"
    deep    = local.nested.a.b[0].c
    quoted  = jsonencode(local.quoted)
    cmp     = jsonencode(local.cmp)
    path    = "${path.module} ${path.root} ${terraform.workspace}"
  }
}
