resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
}

resource "sym_flows_filter" "a" {
  implementation = "x = 1"
}

resource "sym_flows_filter" "b" {
  implementation = "x = 1"
}
