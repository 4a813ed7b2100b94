a = "x"
b = 1
c = { nam = 1 }
d = 2
