token = "marker-secret"
