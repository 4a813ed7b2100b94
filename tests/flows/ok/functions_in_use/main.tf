locals {
  teams   = ["sre", "data", "sre"]
  members = { sre = ["ann", "bob"], data = ["cyd"] }
}

resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  vars = {
    distinct = join("/", distinct(local.teams))
    sorted   = join("/", sort(local.teams))
    people   = join(" ", flatten([for team in toset(local.teams) : local.members[team]]))
    by_name  = jsonencode(transpose(local.members))
    pairs    = jsonencode(zipmap(["a", "b"], range(2)))
    first    = element(local.teams, 0)
    coalesce = coalesce("", null, "third")
    lookup   = lookup({ a = "x" }, "b", "default")
    contains = contains(local.teams, "sre")
    regex    = regex("^(?P<team>[a-z]+)", "sre-oncall").team
    template = templatestring("Hello $${name}", { name = "Ann" })
    sum      = sum([1, 2.5])
    slice    = join("", slice(["a", "b", "c"], 1, 3))
    b64      = base64decode(base64encode("text"))
    sha      = substr(sha256("x"), 0, 8)
    compact  = join(",", compact(["a", "", "b"]))
    chunks   = jsonencode(chunklist([1, 2, 3], 2))
    product  = length(setproduct(["a", "b"], ["c", "d"]))
    one      = one([for team in local.teams : team if team == "data"])
    url      = urlencode("a b")
    cidr     = cidrsubnet("10.0.0.0/16", 8, 2)
    date     = formatdate("YYYY-MM", "2026-01-31T00:00:00Z")
    path     = basename("/a/b.py")
  }
}
