flows = {
  first = {
    label = "First"
    extra = "dropped"
    fields = [
      { name = "reason" },
      { name = "count", type = "int" },
    ]
  }
  second = { vars = { n = 5 } }
  third  = { allowed = false }
}
