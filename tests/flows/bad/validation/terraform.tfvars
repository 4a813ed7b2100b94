channel = "general"
