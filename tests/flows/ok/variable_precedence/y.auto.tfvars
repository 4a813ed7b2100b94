d = "y.auto"
