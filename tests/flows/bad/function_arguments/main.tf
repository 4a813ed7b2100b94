locals {
  a = title()
  b = join(1)
  c = regex("(", "a")
  d = upper(["x"])
  e = 1 / 0
  f = [1][3]
  g = { a = 1 }.b
  h = "x${["y"]}"
  i = null.x
}
