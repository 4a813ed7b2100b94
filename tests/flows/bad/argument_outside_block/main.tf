name = "approval"
