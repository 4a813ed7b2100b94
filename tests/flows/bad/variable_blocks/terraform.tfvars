a = 5
d = "d"
