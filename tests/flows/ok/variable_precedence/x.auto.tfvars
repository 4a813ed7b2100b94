d = "x.auto"
e = "x.auto"
f = "x.auto"
